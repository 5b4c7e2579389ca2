//! What a transaction does, as data: where it looks, and a rule that makes its changes from everything that it saw.
//!
//! The rule asks a [`View`], whoever that is: the engine when it happens, the model when it is judged. A view that differs in a single byte
//! leads to other changes, and no two plans make the same value: so whatever is seen tells who wrote it, and what that one saw.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;

use fastrand::Rng;
use treering::{Entry, ErrorKind, Proposal, Result};
use treering_tests::drive::Writer;
use treering_tests::{Change, State};

/// Comes and goes.
const FLEETING: &str = "fleeting";
const TABLES: [&str; 3] = ["even", "odd", FLEETING];
const KEY_COUNT: u64 = 40;

/// Somewhere to look.
#[derive(Clone, Debug)]
pub(crate) enum Look {
    Key {
        table: &'static str,
        key: Vec<u8>,
    },
    /// The end is open.
    Range {
        table: &'static str,
        from: Vec<u8>,
        to: Vec<u8>,
    },
}

/// The entries that were there; none if there is no such table.
pub(crate) type Seen = Option<Vec<Entry>>;

/// Where a plan looks.
pub(crate) trait View {
    fn see(&self, look: &Look) -> Result<Seen>;
}

/// A transaction's work.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Nobody else's.
    id: u64,
    looks: Vec<Look>,
    targets: Vec<(&'static str, Vec<u8>)>,
    /// Makes or drops a table too: for transactions with the turn.
    toggles: bool,
}

/// What a plan saw, in order, and what it made of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transcript {
    pub(crate) seen: Vec<Seen>,
    pub(crate) changes: Vec<Change>,
}

/// The first version of a store for plans.
pub(crate) fn setup() -> Vec<Change> {
    let tables = TABLES.iter().map(|table| Change::CreateTable { table: (*table).into() });
    let entries = (0..KEY_COUNT).step_by(2).flat_map(|n| TABLES.map(|table| insert(table, key(n), value(0, n, n))));
    tables.chain(entries).collect()
}

impl Plan {
    pub(crate) fn draw(rng: &mut Rng, id: u64, may_toggle: bool) -> Plan {
        let looks = (0..rng.usize(0..4)).map(|_| draw_look(rng)).collect();
        let mut targets: Vec<_> = (0..rng.usize(1..4)).map(|_| (draw_table(rng), key(rng.u64(0..KEY_COUNT)))).collect();
        // Two changes of one key could cancel each other.
        targets.sort();
        targets.dedup();
        Plan { id, looks, targets, toggles: may_toggle && rng.u8(0..12) == 0 }
    }

    /// Looks, and says what to change; nothing, one time in four.
    pub(crate) fn decide(&self, view: &impl View) -> Result<Transcript> {
        let mut seen = self.looks.iter().map(|look| view.see(look)).collect::<Result<Vec<_>>>()?;
        let digest = digest(&seen);
        let mut changes = Vec::new();
        if digest.is_multiple_of(4) {
            return Ok(Transcript { seen, changes });
        }
        if self.toggles {
            let found = view.see(&Look::Key { table: FLEETING, key: key(0) })?;
            let table = FLEETING.to_owned();
            changes.push(if found.is_some() { Change::DropTable { table } } else { Change::CreateTable { table } });
            seen.push(found);
        }
        for (n, (table, key)) in self.targets.iter().enumerate().filter(|(_, (table, _))| !(self.toggles && *table == FLEETING)) {
            let found = view.see(&Look::Key { table, key: key.clone() })?;
            match &found {
                None => {}
                Some(there) if !there.is_empty() && (digest >> n).is_multiple_of(3) => {
                    changes.push(Change::Remove { table: (*table).into(), key: key.clone() });
                }
                Some(_) => changes.push(insert(table, key.clone(), value(self.id, n as u64, digest))),
            }
            seen.push(found);
        }
        Ok(Transcript { seen, changes })
    }
}

fn draw_look(rng: &mut Rng) -> Look {
    let (table, from) = (draw_table(rng), rng.u64(0..KEY_COUNT));
    match rng.bool() {
        true => Look::Key { table, key: key(from) },
        false => Look::Range { table, from: key(from), to: key(from + rng.u64(1..10)) },
    }
}

fn draw_table(rng: &mut Rng) -> &'static str {
    TABLES[rng.usize(0..TABLES.len())]
}

fn key(n: u64) -> Vec<u8> {
    n.to_be_bytes().to_vec()
}

fn insert(table: &str, key: Vec<u8>, value: Vec<u8>) -> Change {
    Change::Insert { table: table.into(), key, value }
}

/// Nobody else's value, of a length that fills pages now and then, and sometimes stands out of line.
fn value(id: u64, n: u64, digest: u64) -> Vec<u8> {
    let len = if digest.is_multiple_of(31) { 3000 } else { 60 + digest as usize % 150 };
    format!("plan {id} target {n} saw {digest:016x} ").into_bytes().into_iter().cycle().take(len).collect()
}

fn digest(seen: &[Seen]) -> u64 {
    let mut hasher = DefaultHasher::new();
    seen.hash(&mut hasher);
    hasher.finish()
}

/// No table is something to see, not an error.
fn or_missing(found: Result<Vec<Entry>>) -> Result<Seen> {
    match found {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn bounds<'l>(from: &'l [u8], to: &'l [u8]) -> (Bound<&'l [u8]>, Bound<&'l [u8]>) {
    (Bound::Included(from), Bound::Excluded(to))
}

fn one(key: &[u8], value: Option<&[u8]>) -> Vec<Entry> {
    value.map(|value| (key.to_vec(), value.to_vec())).into_iter().collect()
}

impl View for Proposal<'_> {
    fn see(&self, look: &Look) -> Result<Seen> {
        or_missing(match look {
            Look::Key { table, key } => self.get(table, key).map(|found| one(key, found)),
            Look::Range { table, from, to } => {
                let mut entries = Vec::new();
                let scanned = self.scan(table, bounds(from, to), |key, value| {
                    entries.push((key.to_vec(), value.to_vec()));
                    Ok(())
                });
                scanned.map(|()| entries)
            }
        })
    }
}

impl View for Writer {
    fn see(&self, look: &Look) -> Result<Seen> {
        let see = || match look {
            Look::Key { table, key } => Ok(one(key, self.txn.open_table(table)?.get(key)?)),
            Look::Range { table, from, to } => {
                let table = self.txn.open_table(table)?;
                let range = table.range(bounds(from, to))?;
                range.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
            }
        };
        or_missing(see())
    }
}

impl View for State {
    fn see(&self, look: &Look) -> Result<Seen> {
        let found = |table: &str, wanted: &dyn Fn(&[u8]) -> bool| {
            let entries = self.table(table)?.iter().filter(|(key, _)| wanted(key));
            Some(entries.map(|(key, value)| (key.clone(), value.clone())).collect())
        };
        Ok(match look {
            Look::Key { table, key } => found(table, &|found| found == key),
            Look::Range { table, from, to } => found(table, &|found| found >= from.as_slice() && found < to.as_slice()),
        })
    }
}
