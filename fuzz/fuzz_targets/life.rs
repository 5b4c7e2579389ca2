//! Operations with faults and crashes, against the model.
#![no_main]

use treering_tests::{allocation::Metered, hostile};

#[global_allocator]
static METERED: Metered = Metered;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hostile::LIFE.run(bytes);
});
