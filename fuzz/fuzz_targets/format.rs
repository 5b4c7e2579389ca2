//! Any bytes as headers, segments, records, seals, directories and changes.
#![no_main]

use treering_tests::{allocation::Metered, hostile};

#[global_allocator]
static METERED: Metered = Metered;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hostile::FORMAT.run(bytes);
});
