//! Dead lists: which replaced pages are still needed, exactly and without a walk (L6; after ZFS's dead lists).
//!
//! A page lives in the versions [born, died). When it is replaced it goes on the list of the newest held version before `died`, or is freed
//! at once if that version is older than `born`. Within a list, pages stand in buckets by the newest held version **before** `born`.
//!
//! ```text
//! held:      3 ......... 7 ......... 9        dying now: 11
//! page born 5, died 11  ->  list 9, bucket 3   (visible to 7 and 9)
//! page born 8, died 11  ->  list 9, bucket 7   (visible to 9)
//! page born 10, died 11 ->  freed              (visible to nobody)
//! ```
//!
//! When a held version s is dropped, with p the held version before it: bucket p of its list is freed (visible to s alone); its other
//! buckets move to p's list as they are; and in the lists behind s, bucket s joins bucket p. No page is looked at twice without being freed.

use std::collections::BTreeMap;

use super::moment::Moment;
use crate::format::Position;

/// The lists of all held versions.
#[derive(Default)]
pub(crate) struct DeadLists {
    lists: BTreeMap<Moment, List>,
}

type List = BTreeMap<Moment, Vec<Position>>;

impl DeadLists {
    /// Takes over the held versions, ascending: pages that only versions no longer held could see go to `free`.
    pub(crate) fn hold(&mut self, held: &[Moment], free: &mut Vec<Position>) {
        let dropped: Vec<Moment> = self.lists.keys().filter(|v| held.binary_search(v).is_err()).copied().collect();
        for version in dropped {
            self.release(version, free);
        }
        for version in held {
            self.lists.entry(*version).or_default();
        }
    }

    /// A page born at `born` was replaced by version `died`: it is kept for the newest held version that sees it, or goes to `free`.
    pub(crate) fn die(&mut self, at: Position, born: Moment, died: Moment, free: &mut Vec<Position>) {
        let before_birth = self.held_before(born);
        match self.lists.range_mut(..died).next_back() {
            Some((holder, list)) if *holder >= born => list.entry(before_birth).or_default().push(at),
            _ => free.push(at),
        }
    }

    /// Pages that are dead and still held, in no order.
    pub(crate) fn kept(&self) -> impl Iterator<Item = Position> + '_ {
        self.lists.values().flat_map(|list| list.values().flatten().copied())
    }

    /// Dead pages that `version`, a held one, sees: on its list or a later one, and born after no held version that is as new.
    pub(crate) fn seen_by(&self, version: Moment) -> impl Iterator<Item = Position> + '_ {
        self.lists.range(version..).flat_map(move |(_, list)| list.range(..version).flat_map(|(_, pages)| pages.iter().copied()))
    }

    /// How many pages are dead and still held. Cost: the buckets.
    pub(crate) fn count(&self) -> usize {
        self.lists.values().flat_map(BTreeMap::values).map(Vec::len).sum()
    }

    fn held_before(&self, version: Moment) -> Moment {
        self.lists.range(..version).next_back().map_or(Moment(0), |(v, _)| *v)
    }

    fn release(&mut self, version: Moment, free: &mut Vec<Position>) {
        let Some(list) = self.lists.remove(&version) else { return };
        let before = self.lists.range(..version).next_back().map(|(v, _)| *v);
        let key = before.unwrap_or(Moment(0));
        for (bucket, mut pages) in list {
            match before {
                Some(before) if bucket < before => join(self.lists.entry(before).or_default(), bucket, pages),
                _ => free.append(&mut pages),
            }
        }
        for (_, list) in self.lists.range_mut(version..) {
            if let Some(pages) = list.remove(&version) {
                join(list, key, pages);
            }
        }
    }
}

/// Adds `pages` to a bucket, the shorter to the longer, so that a page is moved O(log n) times at most.
fn join(list: &mut List, bucket: Moment, mut pages: Vec<Position>) {
    let there = list.entry(bucket).or_default();
    if there.len() < pages.len() {
        std::mem::swap(there, &mut pages);
    }
    there.append(&mut pages);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeSet, HashMap};

    /// L6: after every step the kept pages are exactly those that a held version sees, whatever is opened and dropped in between.
    #[test]
    fn l6_dead_lists_are_exact() {
        for seed in 0..50_u64 {
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut next = move |n: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random % n
            };
            let mut lists = DeadLists::default();
            let mut held: BTreeSet<Moment> = BTreeSet::new();
            let mut live: Vec<(Position, Moment)> = Vec::new();
            let mut dead: HashMap<Position, (Moment, Moment)> = HashMap::new();
            let mut position = 0;
            for version in (1..200).map(Moment) {
                let mut dying = Vec::new();
                for _ in 0..next(4).min(live.len() as u64) {
                    dying.push(live.swap_remove(next(live.len() as u64) as usize));
                }
                for _ in 0..next(4) {
                    position += 1;
                    live.push((Position(position), version));
                }
                let mut freed = Vec::new();
                lists.hold(&held.iter().copied().collect::<Vec<_>>(), &mut freed);
                for (at, born) in dying {
                    dead.insert(at, (born, version));
                    lists.die(at, born, version, &mut freed);
                }
                if next(3) == 0 {
                    held.insert(version);
                }
                if next(3) == 0 && !held.is_empty() {
                    let n = next(held.len() as u64) as usize;
                    let drop = *held.iter().nth(n).expect("below the count");
                    held.remove(&drop);
                }
                lists.hold(&held.iter().copied().collect::<Vec<_>>(), &mut freed);
                for at in freed {
                    assert!(dead.remove(&at).is_some(), "seed {seed}: {at} freed twice or alive");
                }
                dead.retain(|at, (born, died)| {
                    let needed = held.range(*born..*died).next().is_some();
                    assert!(needed, "seed {seed}: {at} [{born:?}, {died:?}) is kept for nobody of {held:?}");
                    needed
                });
                let kept: BTreeSet<_> = lists.kept().collect();
                assert_eq!(kept, dead.keys().copied().collect(), "seed {seed}");
                assert_eq!(lists.count(), kept.len());
                for v in &held {
                    let seen: BTreeSet<_> = lists.seen_by(*v).collect();
                    let lives = dead.iter().filter(|(_, (born, died))| (*born..*died).contains(v)).map(|(at, _)| *at).collect();
                    assert_eq!(seen, lives, "seed {seed}: seen by {v:?}");
                }
            }
        }
    }
}
