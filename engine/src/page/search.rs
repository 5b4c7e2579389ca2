//! Finding a key: a lower bound over the heads, then a comparison of rests among equal heads only.

use std::cmp::Ordering;
use std::hint::{black_box, select_unpredictable};

use super::layout::*;
use super::view::Page;
use crate::error::Result;

/// Bytes that come from memory together.
const LINE_LEN: usize = 64;

/// How many of the ascending `heads` are below `head`. No branch depends on the data: each step is a load, a comparison and a
/// conditional move, and the number of steps depends on the length alone.
#[inline]
fn lower_bound(heads: &[[u8; 4]], head: u32) -> usize {
    let (mut left, mut passed) = (heads, 0_usize);
    while left.len() > 1 {
        // The upper part, without the lower half, is as long as what is left below it: only where it begins is selected, and no index can be outside.
        let half = left.len() / 2;
        let below = u32::from_le_bytes(left[half - 1]) < head;
        passed = passed.wrapping_add(select_unpredictable(below, half, 0));
        left = select_unpredictable(below, &left[half..], &left[..left.len() - half]);
    }
    match left.first() {
        Some(last) => passed + usize::from(u32::from_le_bytes(*last) < head),
        None => passed,
    }
}

/// What stands behind `prefix` in `key`, if it begins so. Prefixes are short: a loop over their bytes costs less than a call that compares any length.
#[inline]
fn behind_prefix<'k>(key: &'k [u8], prefix: &[u8]) -> Option<&'k [u8]> {
    let (start, suffix) = key.split_at_checked(prefix.len())?;
    let is_equal = match prefix.len() {
        0 => true,
        1..=8 => start.iter().zip(prefix).all(|(a, b)| a == b),
        _ => start == prefix,
    };
    is_equal.then_some(suffix)
}

impl Page<'_> {
    /// `Ok(i)` if key (or separator) `i` is `key`, else `Err(i)` with the index where it would stand. Cost O(log count).
    #[inline]
    pub fn search(&self, key: &[u8]) -> Result<std::result::Result<usize, usize>> {
        let first = self.kind().first_key().min(self.count());
        if first == 1 && key.is_empty() {
            return Ok(Ok(0));
        }
        let prefix = self.prefix();
        let Some(suffix) = behind_prefix(key, prefix) else {
            return Ok(Err(if key < prefix { first } else { self.count() }));
        };
        let heads = self.heads().get(first..).unwrap_or(&[]);
        let head = head_of(suffix);
        let low = lower_bound(heads, head);
        let equals = |i: usize| heads.get(i).is_some_and(|h| u32::from_le_bytes(*h) == head);
        if !equals(low) {
            return Ok(Err(first + low));
        }
        // Among equal heads: most often one.
        let (mut low, mut high) = match equals(low + 1) {
            false => (low, low + 1),
            true => (low, head.checked_add(1).map_or(heads.len(), |next| low + lower_bound(&heads[low..], next))),
        };
        while low < high {
            let middle = low + (high - low) / 2;
            match self.compare_rest(first + middle, suffix)? {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(Ok(first + middle)),
                Ordering::Greater => high = middle,
            }
        }
        Ok(Err(first + low))
    }

    /// Loads what a search reads first, so that it need not wait for one line of the cache after the other.
    #[inline]
    pub fn touch(&self) {
        let lines = self.heads().iter().step_by(LINE_LEN / 4);
        black_box(lines.fold(0, |all, head| all | head[0]));
    }

    /// Entry `i` against a key with the same head whose suffix is `suffix`.
    #[inline]
    pub(super) fn compare_rest(&self, i: usize, suffix: &[u8]) -> Result<Ordering> {
        let slot = self.slot(i)?;
        if slot.rest_len() == 0 && suffix.len() <= IN_HEAD {
            // All of both stands in the heads, which are equal: the lengths tell `a` from `a\0`.
            return Ok(usize::from(slot.suffix_len).cmp(&suffix.len()));
        }
        let (rest, _) = self.parts(slot)?;
        // Rests that are equal and not empty have equal lengths; the lengths tell suffixes of up to 4 bytes apart (`a`, `a\0`).
        Ok(rest.cmp(rest_of(suffix)).then(usize::from(slot.suffix_len).cmp(&suffix.len())))
    }

    /// Key (or separator) `i` against `key`.
    pub fn compare(&self, i: usize, key: &[u8]) -> Result<Ordering> {
        let head = self.head_at(i)?;
        if i < self.kind().first_key() {
            return Ok([].as_slice().cmp(key));
        }
        let prefix = self.prefix();
        match key.strip_prefix(prefix) {
            Some(suffix) => match head.cmp(&head_of(suffix)) {
                Ordering::Equal => self.compare_rest(i, suffix),
                unequal => Ok(unequal),
            },
            None => Ok(prefix.cmp(key)),
        }
    }

    /// Index of the child of this branch whose range holds `key`. Cost O(log count).
    ///
    /// # Errors
    /// `Corrupt` if the page is no branch, or has no child.
    #[inline]
    pub fn child_for(&self, key: &[u8]) -> Result<usize> {
        if self.kind() != Kind::Branch || self.count() == 0 {
            return Err(self.bad("a child was looked for, and it has none"));
        }
        Ok(match self.search(key)? {
            Ok(i) => i,
            // Separator 0 is the empty key: nothing stands before it, so i >= 1.
            Err(i) => i - 1,
        })
    }
}
