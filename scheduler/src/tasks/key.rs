//! Keys: big-endian numbers one after the other; and the ranges of keys that begin with one.
//!
//! Widths are fixed, so no key is the beginning of another of its table, and no separator is needed.

use crate::error::{Error, Result};
use std::ops::Bound;

/// The engine's form of a range of keys.
pub(super) type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// Every key.
pub(super) const ALL: Bounds<'static> = (Bound::Unbounded, Bound::Unbounded);

/// A key of one number.
pub(super) fn one(id: u64) -> [u8; 8] {
    id.to_be_bytes()
}

/// A key of two numbers.
pub(super) fn two(first: u64, second: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&first.to_be_bytes());
    key[8..].copy_from_slice(&second.to_be_bytes());
    key
}

/// The number of a key of one number.
pub(super) fn parse_one(key: &[u8], table: &str) -> Result<u64> {
    let bytes: [u8; 8] = key.try_into().map_err(|_| wrong(key, 8, table))?;
    Ok(u64::from_be_bytes(bytes))
}

/// The numbers of a key of two numbers.
pub(super) fn parse_two(key: &[u8], table: &str) -> Result<(u64, u64)> {
    let bytes: [u8; 16] = key.try_into().map_err(|_| wrong(key, 16, table))?;
    let both = u128::from_be_bytes(bytes);
    Ok(((both >> 64) as u64, both as u64))
}

#[cold]
fn wrong(key: &[u8], len: usize, table: &str) -> Error {
    Error::broken(format_args!("a key of table {table} has {} bytes, not {len}", key.len()))
}

/// The keys of two numbers whose first is one number and whose second is at least another.
pub(super) struct Under {
    start: [u8; 16],
    end: [u8; 16],
}

impl Under {
    /// All keys that begin with `first`.
    pub(super) fn new(first: u64) -> Under {
        Under { start: two(first, 0), end: two(first, u64::MAX) }
    }

    /// Those of them behind `second`; none when that is the last.
    pub(super) fn after(first: u64, second: u64) -> Option<Under> {
        Some(Under { start: two(first, second.checked_add(1)?), end: two(first, u64::MAX) })
    }

    /// Both ends belong to it.
    pub(super) fn bounds(&self) -> Bounds<'_> {
        (Bound::Included(&self.start), Bound::Included(&self.end))
    }

    /// The first key that belongs to it.
    pub(super) fn start(&self) -> &[u8] {
        &self.start
    }

    /// The last key that may belong to it.
    pub(super) fn end(&self) -> &[u8] {
        &self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of keys is the order of their numbers, and a range under a number has exactly its keys.
    #[test]
    fn keys_keep_the_order_of_numbers() {
        let numbers = [0, 1, 255, 256, u64::MAX - 1, u64::MAX];
        let mut keys = Vec::new();
        for a in numbers {
            for b in numbers {
                keys.push(two(a, b));
                assert_eq!(parse_two(&two(a, b), "t").unwrap(), (a, b));
            }
        }
        assert!(keys.is_sorted());
        for a in numbers {
            let under = Under::new(a);
            let inside = keys.iter().filter(|k| k.as_slice() >= under.start() && k.as_slice() <= under.end()).count();
            assert_eq!(inside, numbers.len());
        }
        assert!(Under::after(1, u64::MAX).is_none());
        assert!(parse_one(&[1], "t").is_err() && parse_two(&[1], "t").is_err());
    }
}
