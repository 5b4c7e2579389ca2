//! Any bytes as a store's file.
#![no_main]

use treering_tests::{allocation::Metered, hostile};

#[global_allocator]
static METERED: Metered = Metered;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hostile::STORE.run(bytes);
});
