//! The engine as the model sees it: changes applied to a transaction, a snapshot read as a [`State`].

use treering::{Error, ErrorKind, Options, Reader, Reads, Result, Savepoint, Snapshot, Store, TableMut, WriteTxn};

use crate::change::{Change, Outcome, Shown};
use crate::model::{Draft, Entries, Model, State};
use crate::workload::Durability;

/// The smallest of everything, so that rare paths are common. No thread: background work is done by `step`. With `TREERING_READS=copied` in the environment pages are
/// copied instead of mapped, and few of them kept.
#[must_use]
pub fn small_options() -> Options {
    let small = Options::new().background(false).page_len(4096).segment_bytes(16 << 10).log_bytes(64 << 10).dirty_bytes(1 << 20);
    match std::env::var_os("TREERING_READS") {
        Some(reads) if reads == "copied" => small.reads(Reads::Copied).cache_bytes(64 << 10),
        _ => small,
    }
}

/// The engine's word for a durability.
#[must_use]
pub fn durability(asked: Durability) -> treering::Durability {
    match asked {
        Durability::Synced => treering::Durability::Synced,
        Durability::Deferred => treering::Durability::Deferred,
        Durability::Memory => treering::Durability::Memory,
    }
}

/// A write transaction with the savepoints that are still valid.
pub struct Writer {
    /// The transaction.
    pub txn: WriteTxn,
    savepoints: Vec<Savepoint>,
}

impl Writer {
    /// Takes the turn.
    ///
    /// # Errors
    /// As [`Store::begin_write`].
    pub fn begin(store: &Store) -> Result<Writer> {
        Ok(Writer { txn: store.begin_write()?, savepoints: Vec::new() })
    }

    /// Makes one change and says what the engine answered.
    ///
    /// # Errors
    /// Whatever is neither [`Outcome::NotFound`] nor [`Outcome::Exists`].
    pub fn apply(&mut self, change: &Change) -> Result<Outcome> {
        match self.try_apply(change) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Outcome::NotFound),
            Err(e) if e.kind() == ErrorKind::Exists => Ok(Outcome::Exists),
            other => other,
        }
    }

    fn try_apply(&mut self, change: &Change) -> Result<Outcome> {
        let txn = &mut self.txn;
        match change {
            Change::CreateTable { table } => txn.create_table(table).map(|_| Outcome::Done),
            Change::DropTable { table } => txn.drop_table(table).map(|()| Outcome::Done),
            // To the name that it has: the model calls that taken, the engine calls it done. Only an unknown table matters here.
            Change::RenameTable { old, new } if old == new => txn.open_table(old).map(|_| Outcome::Exists),
            Change::RenameTable { old, new } => txn.rename_table(old, new).map(|()| Outcome::Done),
            Change::Savepoint => {
                self.savepoints.push(txn.savepoint());
                Ok(Outcome::Done)
            }
            Change::RollBack { .. } if self.savepoints.is_empty() => Ok(Outcome::Done),
            Change::RollBack { to } => {
                let to = to % self.savepoints.len();
                txn.rollback_to(&self.savepoints[to])?;
                self.savepoints.truncate(to + 1);
                Ok(Outcome::Done)
            }
            other => {
                let table = other.table().expect("every other change names a table");
                entry_change(&mut txn.open_table(table)?, other)
            }
        }
    }

    /// Makes every change and compares each answer with the draft's.
    ///
    /// # Errors
    /// The first difference, for a person.
    pub fn apply_all(&mut self, draft: &mut Draft, changes: &[Change]) -> Result<(), String> {
        for change in changes {
            let expected = draft.apply(change);
            let found = self.apply(change).map_err(|e| format!("{change:?}: {e:?}"))?;
            if found != expected {
                return Err(format!("{change:?} answered {found:?} instead of {expected:?}"));
            }
        }
        Ok(())
    }

    /// Everything that the transaction sees.
    ///
    /// # Errors
    /// Whatever reading says.
    pub fn state(&self) -> Result<State> {
        let mut state = State::default();
        for name in self.txn.tables() {
            let table = self.txn.open_table(&name)?;
            let entries = entries(table.range((std::ops::Bound::Unbounded, std::ops::Bound::Unbounded))?)?;
            if entries.len() as u64 != table.len() {
                return Err(Error::simulated(
                    ErrorKind::Corrupt,
                    format!("table {name} says it has {} entries, and shows {}", table.len(), entries.len()),
                ));
            }
            state.set_table(name, entries);
        }
        Ok(state)
    }
}

fn entry_change(table: &mut TableMut<'_>, change: &Change) -> Result<Outcome> {
    match change {
        Change::Insert { key, value, .. } => table.insert(key, value).map(|()| Outcome::Done),
        Change::Replace { key, value, .. } => table.replace(key, value).map(Outcome::Value),
        Change::Update { key, suffix, limit, .. } => {
            table.update(key, |old| Change::updated(old, suffix, *limit)).map(|()| Outcome::Done)
        }
        Change::Remove { key, .. } => table.remove(key).map(Outcome::Was),
        Change::Take { key, .. } => table.take(key).map(Outcome::Value),
        Change::RemoveRange { start, end, .. } => table.remove_range(Change::bounds(start, end)).map(Outcome::Count),
        // The engine is not asked: a transaction whose load was refused can only be dropped.
        Change::Load { .. } if !table.is_empty() => Ok(Outcome::Exists),
        Change::Load { entries, sorted, .. } => {
            let entries = entries.iter().map(|(key, value)| (&key[..], &value[..]));
            if *sorted { table.load_sorted(entries) } else { table.load_unsorted(entries) }.map(Outcome::Count)
        }
        Change::PopFirst { .. } => table.pop_first().map(Outcome::Entry),
        Change::PopLast { .. } => table.pop_last().map(Outcome::Entry),
        other => unreachable!("{other:?} is no change of an entry"),
    }
}

fn entries(range: treering::Range<'_>) -> Result<Entries> {
    range.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
}

/// Everything that a reader sees, read by ranges.
///
/// # Errors
/// Whatever reading says.
pub fn read(reader: &Reader<'_>) -> Result<State> {
    let mut state = State::default();
    for info in reader.tables() {
        let table = reader.table(&info.name)?;
        let entries = entries(table.iter()?)?;
        if entries.len() as u64 != table.len() || info.len != table.len() {
            return Err(Error::simulated(
                ErrorKind::Corrupt,
                format!("table {} says it has {} entries, and shows {}", info.name, table.len(), entries.len()),
            ));
        }
        state.set_table(info.name, entries);
    }
    Ok(state)
}

/// Compares a snapshot with the state that it must show: whole, and some entries by every other way to them.
///
/// # Errors
/// The first difference or error, for a person.
pub fn compare(snapshot: &Snapshot, expected: &State) -> Result<(), String> {
    let within = |what: String| format!("version {}: {what}", snapshot.version());
    let reader = snapshot.reader();
    let found = read(&reader).map_err(|e| within(format!("{e:?}")))?;
    if let Some(difference) = expected.difference(&found) {
        return Err(within(difference));
    }
    for name in expected.tables() {
        let entries = expected.table(name).expect("a name of this state");
        look_up(&reader, name, entries).map_err(|what| within(format!("table {name}: {what}")))?;
    }
    Ok(())
}

/// Some entries by key, by number, by rank, from both ends; and keys beside them that are not there.
fn look_up(reader: &Reader<'_>, name: &str, expected: &Entries) -> Result<(), String> {
    let say = |e: Error| format!("{e:?}");
    let table = reader.table(name).map_err(say)?;
    let step = (expected.len() / 16).max(1);
    let (keys, values): (Vec<_>, Vec<_>) =
        expected.iter().step_by(step).map(|(key, value)| (key, Some(value.as_slice()))).unzip();
    if table.get_many(&keys).map_err(say)? != values {
        return Err(format!("get_many of {} keys gives other values than get", keys.len()));
    }
    for (n, (key, value)) in expected.iter().enumerate().step_by(step) {
        let wrong = |what: &str, found: String| Err(format!("{what} of key {} (number {n}) is {found}", Shown(key)));
        match table.get(key).map_err(say)? {
            Some(found) if found == value => {}
            found => return wrong("get", format!("{:?}", found.map(<[u8]>::len))),
        }
        match table.get_bytes(key).map_err(say)? {
            Some(found) if found == value => {}
            found => return wrong("get_bytes", format!("{:?}", found.map(|f| f.len()))),
        }
        match table.nth(n as u64).map_err(say)? {
            Some((found, _)) if *found == key[..] => {}
            found => return wrong("nth", format!("{found:?}")),
        }
        let rank = table.rank(key).map_err(say)?;
        if rank != n as u64 {
            return wrong("rank", rank.to_string());
        }
        let beside = [&key[..], &[0]].concat();
        if table.contains(&beside).map_err(say)? != expected.contains_key(&beside) {
            return wrong("contains of the key behind", String::from("wrong"));
        }
    }
    let mut back = table.iter().map_err(say)?;
    for (key, _) in expected.iter().rev().take(8) {
        match back.next_back() {
            Some(Ok((found, _))) if *found == key[..] => {}
            found => return Err(format!("from the back: {found:?} instead of key {}", Shown(key))),
        }
    }
    Ok(())
}

/// Commits `changes` on the store and on the model; gives the version. Answers, and what the transaction sees at its end, are compared.
///
/// # Errors
/// The first difference or error, for a person.
pub fn commit(store: &Store, model: &mut Model, asked: Durability, changes: &[Change]) -> Result<u64, String> {
    let mut draft = model.begin();
    let mut writer = Writer::begin(store).map_err(|e| format!("begin_write: {e:?}"))?;
    writer.apply_all(&mut draft, changes)?;
    finish(writer, model, draft, asked)
}

/// Ends [`commit`]: the transaction's own view, then the commit.
///
/// # Errors
/// As [`commit`].
pub fn finish(mut writer: Writer, model: &mut Model, draft: Draft, asked: Durability) -> Result<u64, String> {
    let found = writer.state().map_err(|e| format!("the transaction's own view: {e:?}"))?;
    if let Some(difference) = draft.state().difference(&found) {
        return Err(format!("the transaction's own view: {difference}"));
    }
    writer.txn.set_durability(durability(asked));
    let version = writer.txn.commit().map_err(|e| format!("commit: {e:?}"))?;
    let newest = model.newest().0;
    if version == newest {
        // Nothing was changed: no new version.
        return match model.at(newest).difference(draft.state()) {
            None => Ok(version),
            Some(difference) => Err(format!("commit made no version, but {difference}")),
        };
    }
    if version != newest + 1 {
        return Err(format!("commit returned version {version} after {newest}"));
    }
    model.commit(version, draft);
    if asked == Durability::Synced {
        model.synced(version);
    }
    Ok(version)
}
