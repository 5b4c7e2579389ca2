//! Random changes, and random steps in a store's life, drawn from a seed.
//!
//! What breaks trees is rare in even draws, so the draws are not even: few keys, so that they meet again; keys that share
//! prefixes, and keys that are prefixes of each other; empty ones; bytes 0x00 and 0xFF; values around the sizes where the layout
//! changes; bursts of ascending and descending keys, which split and empty pages at one end.

use std::ops::Bound;

use fastrand::Rng;

use crate::change::{Change, End};
use crate::seed::Seed;

/// What is drawn, and how large.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Table names in play.
    pub table_count: usize,
    /// Keys of each kind in play; smaller means that keys meet more often.
    pub key_count: u64,
    /// Longest long key, in bytes.
    pub key_len_max: usize,
    /// Nominal page length of the store, in bytes: values are drawn around the fractions of it where the layout changes.
    pub page_len: usize,
    /// Largest value, in bytes.
    pub value_len_max: usize,
    /// Most changes in a transaction.
    pub change_count_max: usize,
    /// Of 100 changes, how many are about tables and savepoints.
    pub table_percent: u32,
    /// Of 100 changes of entries, how many remove.
    pub remove_percent: u32,
    /// Of 100 steps, how many are no transactions.
    pub step_percent: u32,
}

impl Shape {
    /// Small pages' worth of everything: many splits and merges with few entries.
    #[must_use]
    pub fn small() -> Shape {
        Shape {
            table_count: 3,
            key_count: 400,
            key_len_max: 600,
            page_len: 4096,
            value_len_max: 10_000,
            change_count_max: 60,
            table_percent: 4,
            remove_percent: 40,
            step_percent: 40,
        }
    }

    /// Many entries in one table, few of them removed: deep trees.
    #[must_use]
    pub fn deep() -> Shape {
        Shape {
            table_count: 1,
            key_count: 20_000,
            key_len_max: 300,
            value_len_max: 1_000,
            change_count_max: 1_000,
            table_percent: 0,
            remove_percent: 20,
            ..Shape::small()
        }
    }

    /// Transactions of one to three small changes: for every length and every byte.
    #[must_use]
    pub fn tiny() -> Shape {
        Shape {
            table_count: 2,
            key_count: 12,
            key_len_max: 12,
            value_len_max: 40,
            change_count_max: 3,
            table_percent: 10,
            remove_percent: 30,
            ..Shape::small()
        }
    }
}

/// When a commit must survive what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On the medium when it returns.
    Synced,
    /// Written when it returns, on the medium a little later.
    Deferred,
    /// In memory until a later one is written.
    Memory,
}

/// One step in a store's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A write transaction that commits.
    Commit {
        /// What it asks for.
        durability: Durability,
        /// What it does.
        changes: Vec<Change>,
    },
    /// A write transaction that is dropped: nothing may have happened.
    Abandon {
        /// What it would have done.
        changes: Vec<Change>,
    },
    /// Takes a snapshot and holds it.
    Hold,
    /// Drops one of the held snapshots, counted modulo how many there are.
    Release {
        /// Which one.
        index: usize,
    },
    /// Compares every held snapshot with its version's model, whole.
    Compare,
    /// Makes everything published durable.
    Sync,
    /// Writes a page chunk and its seal.
    Checkpoint,
    /// Gives chunks dense twins.
    Compact,
    /// Does some pieces of background work.
    Background {
        /// How many at most.
        pieces: usize,
    },
    /// Full check of the live store.
    Check,
    /// Closes cleanly and opens again; held snapshots are dropped before.
    Reopen,
    /// Continues on a copy of the file as it is now: a kill.
    Kill,
    /// Writes a blob of a held or of the newest snapshot, and compares what opens from it.
    Blob {
        /// As an LZ4 stream, which is restored before it is opened.
        packed: bool,
    },
}

/// An endless sequence of steps.
#[derive(Clone, Debug)]
pub struct Workload {
    rng: Rng,
    shape: Shape,
}

impl Workload {
    /// Steps of this shape from this seed.
    #[must_use]
    pub fn new(seed: Seed, shape: Shape) -> Workload {
        Workload { rng: seed.rng(), shape }
    }

    /// The next step. The first ones of a run are commits: there is little to look at in an empty store.
    pub fn step(&mut self) -> Step {
        if self.rng.u32(..100) >= self.shape.step_percent {
            return self.transaction();
        }
        match self.rng.u32(..100) {
            0..=21 => Step::Hold,
            22..=37 => Step::Release { index: self.rng.usize(..) },
            38..=49 => Step::Compare,
            50..=57 => Step::Sync,
            58..=69 => Step::Checkpoint,
            70..=74 => Step::Compact,
            75..=82 => Step::Background { pieces: self.rng.usize(1..20) },
            83..=87 => Step::Check,
            88..=93 => Step::Reopen,
            94..=97 => Step::Kill,
            _ => Step::Blob { packed: self.rng.bool() },
        }
    }

    /// So many steps.
    pub fn steps(&mut self, count: usize) -> Vec<Step> {
        (0..count).map(|_| self.step()).collect()
    }

    /// A write transaction.
    pub fn transaction(&mut self) -> Step {
        let changes = self.changes();
        match self.rng.u32(..10) {
            0 => Step::Abandon { changes },
            1..=4 => Step::Commit { durability: Durability::Synced, changes },
            5..=7 => Step::Commit { durability: Durability::Deferred, changes },
            _ => Step::Commit { durability: Durability::Memory, changes },
        }
    }

    /// The changes of one transaction: mostly few, sometimes none, sometimes many, some in bursts.
    pub fn changes(&mut self) -> Vec<Change> {
        let most = self.shape.change_count_max;
        let count = match self.rng.u32(..10) {
            0 => 0,
            1..=6 => self.rng.usize(1..=(most / 8).max(1)),
            _ => self.rng.usize(1..=most),
        };
        let mut changes = Vec::with_capacity(count);
        while changes.len() < count {
            if self.rng.u32(..100) < self.shape.table_percent {
                changes.push(self.table_change());
            } else if self.rng.u32(..40) == 0 {
                let burst = self.rng.usize(1..=count - changes.len());
                self.burst(burst, &mut changes);
            } else {
                // Refused while there is no table: so each transaction on an empty store makes one first.
                let change = self.entry_change();
                if changes.is_empty() && self.rng.bool() {
                    changes.push(Change::CreateTable { table: change.table().unwrap_or("a").to_owned() });
                }
                changes.push(change);
            }
        }
        changes
    }

    fn table_change(&mut self) -> Change {
        match self.rng.u32(..10) {
            0..=2 => Change::CreateTable { table: self.table() },
            3 => Change::DropTable { table: self.table() },
            4 => Change::RenameTable { old: self.table(), new: self.table() },
            5..=7 => Change::Savepoint,
            _ => Change::RollBack { to: self.rng.usize(..8) },
        }
    }

    fn entry_change(&mut self) -> Change {
        let (table, key) = (self.table(), self.key());
        if self.rng.u32(..100) < self.shape.remove_percent {
            return match self.rng.u32(..20) {
                0..=11 => Change::Remove { table, key },
                12..=14 => Change::Take { table, key },
                15 => Change::PopFirst { table },
                16 => Change::PopLast { table },
                _ => self.range(table, key),
            };
        }
        match self.rng.u32(..10) {
            0..=6 => Change::Insert { table, key, value: self.value() },
            7..=8 => Change::Replace { table, key, value: self.value() },
            _ => Change::Update { table, key, suffix: self.value(), limit: self.shape.value_len_max },
        }
    }

    /// Ascending or descending neighbours: inserted, or removed one by one.
    fn burst(&mut self, count: usize, changes: &mut Vec<Change>) {
        let (table, start, len) = (self.table(), self.rng.u64(..self.shape.key_count), self.value_len());
        let (removes, descends) = (self.rng.u32(..4) == 0, self.rng.bool());
        for n in 0..count as u64 {
            let number = if descends { start.wrapping_sub(n) } else { start.wrapping_add(n) };
            let (table, key) = (table.clone(), number.to_be_bytes().to_vec());
            let value = vec![number as u8; len];
            changes.push(if removes { Change::Remove { table, key } } else { Change::Insert { table, key, value } });
        }
    }

    fn table(&mut self) -> String {
        const NAMES: [&str; 6] = ["a", "tasks", "hosts", "täsk/ 2", "b", "jobs"];
        NAMES[self.rng.usize(..self.shape.table_count.clamp(1, NAMES.len()))].to_owned()
    }

    /// A key from one of five families, so that any two draws may meet.
    pub fn key(&mut self) -> Vec<u8> {
        let number = self.rng.u64(..self.shape.key_count);
        let key = match self.rng.u32(..20) {
            0..=6 => number.to_be_bytes().to_vec(),
            7..=11 => format!("/cluster/role-{}/task-{number:05}", number % 3).into_bytes(),
            // Keys that are prefixes of each other, and the empty one.
            12..=15 => vec![b'p'; (number % 40) as usize],
            16..=18 => (0..number % 7).map(|n| if (number >> n) & 1 == 0 { 0x00 } else { 0xFF }).collect(),
            _ => vec![number as u8; self.rng.usize(..=self.shape.key_len_max)],
        };
        key[..key.len().min(self.shape.key_len_max)].to_vec()
    }

    /// A value: mostly short; sometimes about as long as one of the sizes where the layout changes.
    pub fn value(&mut self) -> Vec<u8> {
        let (len, fill) = (self.value_len(), self.rng.u8(..));
        // Half of them compress, half do not.
        if self.rng.bool() { vec![fill; len] } else { (0..len).map(|_| self.rng.u8(..)).collect() }
    }

    fn value_len(&mut self) -> usize {
        let len = match self.rng.u32(..40) {
            0..=2 => 0,
            3..=29 => self.rng.usize(..64),
            30..=35 => self.rng.usize(..self.shape.page_len / 8),
            36..=37 => self.shape.page_len / 4 + self.rng.usize(..9) - 4,
            38 => self.shape.page_len + self.rng.usize(..9) - 4,
            _ => self.rng.usize(..=self.shape.value_len_max),
        };
        len.min(self.shape.value_len_max)
    }

    /// Mostly a short range, or little would ever stay; sometimes between any two keys, also the wrong way round; seldom open.
    fn range(&mut self, table: String, key: Vec<u8>) -> Change {
        let other = if self.rng.u32(..8) == 0 { self.key() } else { self.neighbour(&key) };
        Change::RemoveRange { table, start: self.end(key), end: self.end(other) }
    }

    /// A key a little behind this one.
    fn neighbour(&mut self, key: &[u8]) -> Vec<u8> {
        let mut key = key.to_vec();
        match key.last_mut() {
            Some(last) => *last = last.saturating_add(self.rng.u8(..12)),
            None => key.push(0),
        }
        key
    }

    fn end(&mut self, key: Vec<u8>) -> End {
        match self.rng.u32(..40) {
            0..=20 => Bound::Included(key),
            21..=38 => Bound::Excluded(key),
            _ => Bound::Unbounded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    /// One seed, one run.
    #[test]
    fn workload_repeats_from_its_seed() {
        let run = |seed| Workload::new(Seed::from_number(seed), Shape::small()).steps(50);
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    /// Keys and values stay within what the shape allows, and what is refused elsewhere is not drawn by accident.
    #[test]
    fn workload_keeps_to_its_shape() {
        for shape in [Shape::small(), Shape::tiny(), Shape::deep()] {
            let mut workload = Workload::new(Seed::from_number(3), shape.clone());
            for _ in 0..2_000 {
                assert!(workload.key().len() <= shape.key_len_max);
                assert!(workload.value().len() <= shape.value_len_max);
                assert!(workload.changes().len() <= shape.change_count_max + 1);
            }
        }
    }

    /// The draw reaches what it is for: every kind of step and change, entries that stay, and outcomes of every kind.
    #[test]
    fn workload_reaches_everything() {
        let mut workload = Workload::new(Seed::from_number(4), Shape::small());
        let mut model = Model::new();
        let mut seen = std::collections::BTreeSet::new();
        for version in 1..=1_500 {
            let step = workload.step();
            seen.insert(format!("{step:?}").split([' ', '{']).next().unwrap_or("").to_owned());
            let Step::Commit { changes, .. } = step else { continue };
            let mut draft = model.begin();
            for change in &changes {
                let outcome = draft.apply(change);
                seen.insert(
                    format!("{change:?}")
                        .split(' ')
                        .take(2)
                        .collect::<Vec<_>>()
                        .join(" ")
                        .trim_end_matches(char::is_numeric)
                        .to_owned(),
                );
                seen.insert(format!("= {outcome:?}").split(' ').take(3).collect::<Vec<_>>().join(" "));
            }
            model.commit(version, draft);
            model.synced(version);
            model.keep_only(&[]);
        }
        for kind in [
            "Commit",
            "Abandon",
            "Hold",
            "Release",
            "Compare",
            "Sync",
            "Checkpoint",
            "Compact",
            "Background",
            "Check",
            "Reopen",
            "Kill",
            "Blob",
        ] {
            assert!(seen.contains(kind), "{kind} is never drawn");
        }
        for outcome in ["= no such", "= table exists", "= no entry", "= no value", "= done"] {
            assert!(seen.contains(outcome), "{outcome} never comes: {seen:?}");
        }
        let kinds = [
            "insert",
            "replace",
            "update",
            "remove",
            "take",
            "remove range",
            "pop first",
            "pop last",
            "create",
            "drop",
            "rename",
            "savepoint",
            "roll",
        ];
        for kind in kinds {
            assert!(seen.iter().any(|s| s.starts_with(kind)), "{kind} is never drawn");
        }
        assert!(model.newest().1.len() > 100, "hardly an entry stays: {}", model.newest().1.len());
    }
}
