//! Any bytes as a store's file.

use super::exercise;

/// Opens, reads, checks, changes and closes what the bytes are.
pub fn run(bytes: &[u8]) {
    exercise::file(bytes);
}
