//! Leaves that no tree reaches any more: what can still be said about ranges of keys whose parents or pages are lost.
//!
//! ```text
//!   lost      [c ................. m)
//!   born 9          [e a f]                 the newest says what stood between its first and its last key, also what did not
//!   born 4      [d      e x f   g h]        of this one d, g and h are left: e and x are spoken for
//! ```
//! A leaf tells what stood between its first key and its last when it was born, and nothing about later. The newest that speaks about a key
//! is heard, the others are not. Still a key that lies between two newer leaves may have been removed, and a value may be older than the last: what
//! is found here is without proof, and is kept apart from what is proven.
//!
//! Memory: some 100 bytes, a first and a last key for each leaf that lies in a lost range.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::entries::{Gap, is_lost, value};
use super::pages::{Pages, Place, leaf_of};
use crate::error::Result;
use crate::format::{TableId, Version};

/// A leaf with keys in a lost range.
pub(super) struct Stray {
    born: Version,
    place: Place,
}

/// The leaves of each of these tables (or of all) that have keys in its lost ranges, the newest first.
pub(super) fn collect(
    pages: &Pages<'_>,
    lost: &BTreeMap<TableId, Vec<Gap>>,
    all: bool,
    until: Option<Version>,
    progress: &mut dyn FnMut(u64, u64),
) -> BTreeMap<TableId, Vec<Stray>> {
    let mut strays: BTreeMap<TableId, Vec<Stray>> = BTreeMap::new();
    let count = pages.places().len() as u64;
    for (n, place) in (0..).zip(pages.places()) {
        progress(n, count);
        let Some(table) = pages.head(place).and_then(|head| leaf_of(&head)).map(TableId) else { continue };
        let gaps = lost.get(&table);
        if table.0 == 0 || (gaps.is_none() && !all) {
            continue;
        }
        // A damaged leaf has nothing to say.
        let Ok(owned) = pages.read(place) else { continue };
        let Ok(page) = owned.page() else { continue };
        let keys = (0..page.count()).filter_map(|i| page.key(i).ok());
        let is_in_gap = |key: &[u8]| gaps.is_none_or(|gaps| is_lost(gaps, key));
        if page.table() == table && until.is_none_or(|until| page.born() <= until) && keys.into_iter().any(|key| is_in_gap(&key))
        {
            strays.entry(table).or_default().push(Stray { born: page.born(), place: *place });
        }
    }
    strays.values_mut().for_each(|strays| strays.sort_by_key(|stray| std::cmp::Reverse(stray.born)));
    strays
}

/// Lends each entry of the lost ranges that the newest leaf to speak about it has. Gives how many values were lost.
pub(super) fn entries(
    pages: &Pages<'_>,
    table: TableId,
    strays: &[Stray],
    gaps: Option<&[Gap]>,
    each: &mut dyn FnMut(Vec<u8>, Vec<u8>) -> Result<()>,
) -> Result<u64> {
    let (mut spoken_for, mut lost) = (Intervals::default(), 0);
    for stray in strays {
        let Ok(owned) = pages.read(&stray.place) else { continue };
        let Ok(page) = owned.page() else { continue };
        let (mut first, mut last) = (None, None);
        for i in 0..page.count() {
            let Ok(key) = page.key(i) else { continue };
            let key = key.into_vec();
            first.get_or_insert_with(|| key.clone());
            last = Some(key.clone());
            if spoken_for.holds(&key) || gaps.is_some_and(|gaps| !is_lost(gaps, &key)) {
                continue;
            }
            match page.item(i).and_then(|item| value(pages, table, &key, item)) {
                Ok(value) => each(key, value)?,
                Err(_) => lost += 1,
            }
        }
        if let (Some(first), Some(last)) = (first, last) {
            spoken_for.add(first, last);
        }
    }
    Ok(lost)
}

/// Ranges of keys, both ends included, that do not overlap: start to end.
#[derive(Default)]
struct Intervals(BTreeMap<Vec<u8>, Vec<u8>>);

impl Intervals {
    fn holds(&self, key: &[u8]) -> bool {
        let before = self.0.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back();
        before.is_some_and(|(_, end)| key <= &end[..])
    }

    fn add(&mut self, mut first: Vec<u8>, mut last: Vec<u8>) {
        while let Some((start, end)) = self.0.range::<[u8], _>((Bound::Unbounded, Bound::Included(&last[..]))).next_back() {
            if end < &first {
                break;
            }
            let start = start.clone();
            let end = self.0.remove(&start).unwrap_or_default();
            first = first.min(start);
            last = last.max(end);
        }
        self.0.insert(first, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Intervals hold exactly the keys of what was added, whatever overlaps.
    #[test]
    fn intervals_are_the_union() {
        let mut state = 7_u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for _ in 0..300 {
            let (mut intervals, mut plain) = (Intervals::default(), [false; 64]);
            for _ in 0..draw(9) {
                let first = draw(64);
                let last = (first + draw(12)).min(63);
                intervals.add(vec![first as u8], vec![last as u8]);
                plain[first as usize..=last as usize].fill(true);
                assert!(plain.iter().enumerate().all(|(key, held)| intervals.holds(&[key as u8]) == *held));
            }
        }
    }
}
