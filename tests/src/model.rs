//! What a store must hold: plain maps, one state for each version.
//!
//! ```text
//! Model   0: State   1: State   2: State ...      versions that may still be looked at
//! State   "tasks" -> { key -> value, .. }         tables shared between versions until one changes
//! Draft   a state under change, with its savepoints: a write transaction
//! ```
//!
//! A table is copied whole when a version changes it. That limits the model to some ten thousand entries a table, and keeps it so
//! simple that it is right.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::change::{Change, Outcome, Shown};

/// Entries of a table.
pub type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Everything that one version holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    tables: BTreeMap<String, Arc<Entries>>,
}

impl State {
    /// Names of the tables, in order.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// A table's entries.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Entries> {
        self.tables.get(name).map(Arc::as_ref)
    }

    /// Adds a table as it was read from a store: for comparing a whole snapshot.
    pub fn set_table(&mut self, name: impl Into<String>, entries: Entries) {
        self.tables.insert(name.into(), Arc::new(entries));
    }

    /// Entries in all tables.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.values().map(|table| table.len()).sum()
    }

    /// Whether there is no entry in any table.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first place where `found` differs from this state, for a person; `None` if nowhere.
    #[must_use]
    pub fn difference(&self, found: &State) -> Option<String> {
        let missing = self.tables().find(|name| found.table(name).is_none()).map(|name| format!("table {name} is missing"));
        let extra =
            || found.tables().find(|name| self.table(name).is_none()).map(|name| format!("table {name} should not be there"));
        let inside = || {
            self.tables.iter().find_map(|(name, expected)| {
                let found = found.tables.get(name)?;
                (!Arc::ptr_eq(expected, found))
                    .then(|| differ(expected, found))
                    .flatten()
                    .map(|what| format!("table {name}: {what}"))
            })
        };
        missing.or_else(extra).or_else(inside)
    }

    fn apply(&mut self, change: &Change) -> Outcome {
        match change {
            Change::CreateTable { table } => {
                if self.tables.contains_key(table) {
                    return Outcome::Exists;
                }
                self.tables.insert(table.clone(), Arc::default());
                Outcome::Done
            }
            Change::DropTable { table } => self.tables.remove(table).map_or(Outcome::NotFound, |_| Outcome::Done),
            Change::RenameTable { old, new } => {
                if !self.tables.contains_key(old) {
                    return Outcome::NotFound;
                }
                if self.tables.contains_key(new) {
                    return Outcome::Exists;
                }
                let entries = self.tables.remove(old).expect("looked up just above");
                self.tables.insert(new.clone(), entries);
                Outcome::Done
            }
            Change::Savepoint | Change::RollBack { .. } => Outcome::Done,
            other => {
                let table = other.table().expect("every other change names a table");
                let Some(entries) = self.tables.get_mut(table) else { return Outcome::NotFound };
                apply_to(Arc::make_mut(entries), other)
            }
        }
    }
}

fn apply_to(entries: &mut Entries, change: &Change) -> Outcome {
    match change {
        Change::Insert { key, value, .. } => {
            entries.insert(key.clone(), value.clone());
            Outcome::Done
        }
        Change::Replace { key, value, .. } => Outcome::Value(entries.insert(key.clone(), value.clone())),
        Change::Update { key, suffix, limit, .. } => {
            match Change::updated(entries.get(key).map(Vec::as_slice), suffix, *limit) {
                Some(value) => entries.insert(key.clone(), value),
                None => entries.remove(key),
            };
            Outcome::Done
        }
        Change::Remove { key, .. } => Outcome::Was(entries.remove(key).is_some()),
        Change::Take { key, .. } => Outcome::Value(entries.remove(key)),
        Change::RemoveRange { start, end, .. } => {
            let before = entries.len();
            entries.retain(|key, _| !between(key, Change::bounds(start, end)));
            Outcome::Count((before - entries.len()) as u64)
        }
        Change::Load { .. } if !entries.is_empty() => Outcome::Exists,
        Change::Load { entries: loaded, .. } => {
            entries.extend(loaded.iter().cloned());
            Outcome::Count(entries.len() as u64)
        }
        Change::PopFirst { .. } => Outcome::Entry(entries.pop_first()),
        Change::PopLast { .. } => Outcome::Entry(entries.pop_last()),
        Change::CreateTable { .. }
        | Change::DropTable { .. }
        | Change::RenameTable { .. }
        | Change::Savepoint
        | Change::RollBack { .. } => unreachable!("changes of tables and savepoints are applied before"),
    }
}

/// Whether a key lies between two ends. Ends the wrong way round hold nothing: unlike `BTreeMap::range`, this does not panic then.
#[must_use]
pub fn between(key: &[u8], (start, end): (Bound<&[u8]>, Bound<&[u8]>)) -> bool {
    let after = match start {
        Bound::Included(start) => key >= start,
        Bound::Excluded(start) => key > start,
        Bound::Unbounded => true,
    };
    let before = match end {
        Bound::Included(end) => key <= end,
        Bound::Excluded(end) => key < end,
        Bound::Unbounded => true,
    };
    after && before
}

/// The first entry that differs.
fn differ(expected: &Entries, found: &Entries) -> Option<String> {
    let wrong = expected.iter().find_map(|(key, value)| match found.get(key) {
        None => Some(format!("key {} is missing", Shown(key))),
        Some(got) if got != value => Some(format!("key {} holds {} instead of {}", Shown(key), Shown(got), Shown(value))),
        Some(_) => None,
    });
    wrong.or_else(|| {
        found.keys().find(|key| !expected.contains_key(*key)).map(|key| format!("key {} should not be there", Shown(key)))
    })
}

/// A write transaction on the model.
#[derive(Clone, Debug)]
pub struct Draft {
    state: State,
    savepoints: Vec<State>,
}

impl Draft {
    /// What the transaction itself sees.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// How many savepoints are valid.
    #[must_use]
    pub fn savepoint_count(&self) -> usize {
        self.savepoints.len()
    }

    /// Makes a change and says what the engine must answer.
    pub fn apply(&mut self, change: &Change) -> Outcome {
        match change {
            Change::Savepoint => self.savepoints.push(self.state.clone()),
            Change::RollBack { to } if !self.savepoints.is_empty() => {
                let to = to % self.savepoints.len();
                self.savepoints.truncate(to + 1);
                self.state = self.savepoints[to].clone();
            }
            _ => {}
        }
        self.state.apply(change)
    }
}

/// Every version that may still be looked at, and how far the newest ones are durable.
///
/// Invariant: floor <= newest, and the floor's state is kept.
#[derive(Clone, Debug)]
pub struct Model {
    versions: BTreeMap<u64, State>,
    /// The newest version that no crash may lose.
    floor: u64,
}

impl Model {
    /// An empty store: version 0.
    #[must_use]
    pub fn new() -> Model {
        Model { versions: BTreeMap::from([(0, State::default())]), floor: 0 }
    }

    /// The newest version and its state.
    ///
    /// # Panics
    /// Never: the model always keeps one.
    #[must_use]
    pub fn newest(&self) -> (u64, &State) {
        let (version, state) = self.versions.last_key_value().expect("the model keeps its newest version");
        (*version, state)
    }

    /// A version's state.
    ///
    /// # Panics
    /// If it was never committed, lost in a crash, or forgotten: the store shows a version that it should not have.
    #[must_use]
    #[track_caller]
    pub fn at(&self, version: u64) -> &State {
        let known = || self.versions.keys().collect::<Vec<_>>();
        self.versions.get(&version).unwrap_or_else(|| panic!("version {version} is none of the model's: {:?}", known()))
    }

    /// The newest version that no crash may lose.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// Begins a transaction on the newest version.
    #[must_use]
    pub fn begin(&self) -> Draft {
        Draft { state: self.newest().1.clone(), savepoints: Vec::new() }
    }

    /// The transaction returned this version.
    ///
    /// # Panics
    /// If versions do not go up.
    #[track_caller]
    pub fn commit(&mut self, version: u64, draft: Draft) {
        let newest = self.newest().0;
        assert!(version > newest, "commit returned version {version}, but {newest} was there already");
        self.versions.insert(version, draft.state);
    }

    /// Everything up to this version was said to be durable.
    ///
    /// # Panics
    /// If it was never committed.
    #[track_caller]
    pub fn synced(&mut self, version: u64) {
        let newest = self.newest().0;
        assert!(version <= newest, "version {version} is said to be durable, but the newest is {newest}");
        self.floor = self.floor.max(version);
    }

    /// The store was opened after a crash at this version: later ones are gone for good, this one is durable from now on.
    ///
    /// # Errors
    /// If the version breaks L3: older than what was durable, or newer than what was ever written.
    pub fn recovered(&mut self, version: u64) -> Result<&State, String> {
        let newest = self.newest().0;
        if version < self.floor || version > newest {
            return Err(format!(
                "opened at version {version}, which is not between {} (durable) and {newest} (written)",
                self.floor
            ));
        }
        if !self.versions.contains_key(&version) {
            return Err(format!("opened at version {version}, which is none of the model's"));
        }
        self.versions.retain(|known, _| *known <= version);
        self.floor = version;
        Ok(self.newest().1)
    }

    /// Forgets versions that nobody looks at any more: all below the floor and the newest but those named.
    pub fn keep_only(&mut self, held: &[u64]) {
        let floor = self.floor;
        self.versions.retain(|version, _| *version >= floor || held.contains(version));
    }
}

impl Default for Model {
    fn default() -> Self {
        Model::new()
    }
}

#[cfg(test)]
mod tests;
