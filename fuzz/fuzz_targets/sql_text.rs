//! Any text as SQL.
#![no_main]

use treering_tests::{allocation::Metered, hostile};

#[global_allocator]
static METERED: Metered = Metered;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hostile::SQL_TEXT.run(bytes);
});
