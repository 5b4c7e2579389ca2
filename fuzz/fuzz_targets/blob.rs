//! Any bytes as a blob, or as the LZ4 stream of one.
#![no_main]

use treering_tests::{allocation::Metered, hostile};

#[global_allocator]
static METERED: Metered = Metered;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hostile::BLOB.run(bytes);
});
