//! Forged fields under right checksums.
#![no_main]

use treering_tests::{allocation::Metered, hostile};

#[global_allocator]
static METERED: Metered = Metered;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hostile::SEALED.run(bytes);
});
