//! One row: checked, then written to its table and its indexes.

use super::image::{Entry, push_hidden};
use super::*;
use crate::encode::{key, row as stored};
use crate::table::rows;
use crate::table::schema::{Action, ForeignKey};
use crate::types::DataType;

impl Changes<'_> {
    pub(super) fn insert_row(&mut self, target: &Arc<Linked>, row: &[Value<'_>]) -> Result<()> {
        let table = &*target.table;
        check_row(target, row)?;
        self.before.clear();
        self.after.clear();
        if table.primary.is_empty() {
            let number = self.next_hidden(target)?;
            push_hidden(&mut self.after.key, number);
        } else {
            rows::push_columns(&mut self.after.key, &table.primary, row);
        }
        for (at, index) in table.indexes.iter().enumerate() {
            self.after.add_entry(at, index, row);
        }
        self.after.check_lens(table)?;
        // A primary key alone is found to be taken when the row is written, which comes before all else that is.
        if table.indexes.iter().any(|index| index.unique)
            && let Some(key) = self.key_in_the_way(target, !table.primary.is_empty())?
        {
            return Err(key.violation(table, row));
        }
        self.check_parents(target, row, false)?;
        for (at, counter) in &target.counters {
            if let Value::Int(number) = row[*at] {
                self.counters.note(&self.open, *counter, number)?;
            }
        }
        stored::encode(&mut self.after.row, row.iter());
        if self.write_after(target)? { Ok(()) } else { Err(Taken::Primary.violation(table, row)) }
    }

    /// False: there is no such row. `may_park`: a row in the way may still move on.
    pub(super) fn update_row(&mut self, target: &Arc<Linked>, key: &[u8], row: &[Value<'_>], may_park: bool) -> Result<bool> {
        let table = &*target.table;
        if !self.take_before(target, key)? {
            return Ok(false);
        }
        check_row(target, row)?;
        self.after.clear();
        stored::encode(&mut self.after.row, row.iter());
        if self.after.row == self.before.row {
            return Ok(true);
        }
        self.find_changed(table, row)?;
        let moves = table.primary.iter().any(|at| self.changed[*at]);
        match moves {
            true => _ = rows::push_columns(&mut self.after.key, &table.primary, row),
            false => self.after.key.extend_from_slice(key),
        }
        for (at, index) in table.indexes.iter().enumerate() {
            if moves || index.columns.iter().any(|column| self.changed[*column]) {
                self.before.add_stored_entry(at, table)?;
                self.after.add_entry(at, index, row);
            }
        }
        self.after.check_lens(table)?;
        let in_the_way = self.key_in_the_way(target, moves)?;
        if let Some(key) = &in_the_way
            && !(may_park && self.can_park(target))
        {
            return Err(key.violation(table, row));
        }
        self.check_parents(target, row, true)?;
        for (at, counter) in &target.counters {
            if let Value::Int(number) = row[*at]
                && self.changed[*at]
            {
                self.counters.note(&self.open, *counter, number)?;
            }
        }
        match in_the_way {
            Some(_) => self.park(target)?,
            None => self.write_moved(target, moves)?,
        }
        self.leave_children(target, Some(row))?;
        Ok(true)
    }

    /// Removes a row and notes what is left to do for its children; false: there is none.
    pub(super) fn delete_row(&mut self, target: &Arc<Linked>, key: &[u8]) -> Result<bool> {
        if !self.take_before(target, key)? {
            return Ok(false);
        }
        self.remove_before(target)?;
        self.leave_children(target, None)?;
        Ok(true)
    }

    /// Writes the rows that had to wait.
    pub(super) fn settle_parked(&mut self) -> Result<()> {
        for Parked { target, key, row } in std::mem::take(&mut self.parked) {
            self.tick()?;
            let table = &*target.table;
            self.before.clear();
            self.after.clear();
            self.after.key.extend_from_slice(&key);
            self.after.row.extend_from_slice(&row);
            for at in 0..table.indexes.len() {
                self.after.add_stored_entry(at, table)?;
            }
            if let Some(key) = self.key_in_the_way(&target, true)? {
                return Err(key.violation(table, &rows::values(table, &row)?));
            }
            if !self.write_after(&target)? {
                return Err(Taken::Primary.violation(table, &rows::values(table, &row)?));
            }
        }
        Ok(())
    }

    pub(super) fn find_conflict(&self, target: &Linked, row: &[Value<'_>], columns: Option<&[usize]>) -> Result<Option<Vec<u8>>> {
        let table = &*target.table;
        let asked =
            |key: &[usize]| columns.is_none_or(|asked| asked.len() == key.len() && key.iter().all(|at| asked.contains(at)));
        let (mut known, mut key) = (false, Vec::new());
        if !table.primary.is_empty() && asked(&table.primary) {
            known = true;
            rows::push_columns(&mut key, &table.primary, row);
            if self.open.table(target.rows())?.contains(&key)? {
                return Ok(Some(key));
            }
        }
        for (at, index) in table.indexes.iter().enumerate().filter(|(_, index)| index.unique && asked(&index.columns)) {
            known = true;
            key.clear();
            if !rows::push_columns(&mut key, &index.columns, row)
                && let Some(row_key) = self.open.table(target.index(at))?.get(&key)?
            {
                return Ok(Some(row_key.to_vec()));
            }
        }
        if !known && columns.is_some() {
            let message = format!("table \"{}\" has no unique key of exactly these columns", table.name);
            return Err(Error::new(ErrorKind::Name, message).with_state("42P10"));
        }
        Ok(None)
    }

    /// Reads the row into `before`; false: there is none.
    fn take_before(&mut self, target: &Linked, key: &[u8]) -> Result<bool> {
        self.before.clear();
        let Some(stored) = self.open.table(target.rows())?.get(key)? else { return Ok(false) };
        self.before.row.extend_from_slice(stored);
        self.before.key.extend_from_slice(key);
        Ok(true)
    }

    /// Which columns of `row` differ from those of `before`.
    fn find_changed(&mut self, table: &Table, row: &[Value<'_>]) -> Result<()> {
        let Changes { changed, before, .. } = self;
        changed.clear();
        changed.resize(row.len(), true);
        let mut failed = None;
        stored::read(&before.row, 0..row.len(), |at, old| match old {
            Some(old) => changed[at] = old != row[at],
            None => match rows::missing(&table.columns[at]) {
                Ok(old) => changed[at] = old != row[at],
                Err(e) => failed = Some(e),
            },
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// The first unique key of `after` that a row other than `before` has.
    fn key_in_the_way(&self, target: &Linked, primary: bool) -> Result<Option<Taken>> {
        if primary && self.open.table(target.rows())?.contains(&self.after.key)? {
            return Ok(Some(Taken::Primary));
        }
        for entry in self.after.entries().filter(Entry::is_unique) {
            if let Some(other) = self.open.table(target.index(entry.index))?.get(entry.key)?
                && other != self.before.key
            {
                return Ok(Some(Taken::Index(entry.index)));
            }
        }
        Ok(None)
    }

    /// Whether rows of this table may swap the unique keys that `changed` is about within a statement: if nobody follows a change of them. A child could not tell the old
    /// owner of a key from the new one.
    fn can_park(&self, target: &Linked) -> bool {
        let follows = |child: &ForeignKey| {
            !matches!(child.on_update, Action::Restrict | Action::NoAction) && child.referenced.iter().any(|at| self.changed[*at])
        };
        !self.inserted && !target.children.iter().any(|child| follows(child.foreign()))
    }

    /// Takes the row out until the end: `after` is what it will be.
    fn park(&mut self, target: &Arc<Linked>) -> Result<()> {
        let (key, row) = (self.after.key.clone(), self.after.row.clone());
        self.parked.push(Parked { target: Arc::clone(target), key, row });
        self.remove_before(target)
    }

    /// Removes `before` from its table and all indexes.
    fn remove_before(&mut self, target: &Linked) -> Result<()> {
        self.before.forget_entries();
        for at in 0..target.table.indexes.len() {
            self.before.add_stored_entry(at, &target.table)?;
        }
        remove(&mut self.open, &mut self.journal, target.rows(), &self.before.key, &self.before.row)?;
        for entry in self.before.entries() {
            remove(&mut self.open, &mut self.journal, target.index(entry.index), entry.key, entry.value)?;
        }
        Ok(())
    }

    /// Adds `after` to its table and all its indexes. False, and nothing is written, if the table has a row with its key.
    fn write_after(&mut self, target: &Linked) -> Result<bool> {
        let Changes { open, journal, after, .. } = self;
        if !open.table_mut(target.rows())?.insert_new(&after.key, &after.row)? {
            return Ok(false);
        }
        if let Some(journal) = journal {
            journal.note(target.rows(), &after.key, None);
        }
        for entry in after.entries() {
            put(open, journal, target.index(entry.index), entry.key, entry.value, None)?;
        }
        Ok(true)
    }

    /// Exchanges `before` for `after`, in those indexes whose entry differs.
    fn write_moved(&mut self, target: &Linked, moves: bool) -> Result<()> {
        let Changes { open, journal, before, after, .. } = self;
        if moves {
            remove(open, journal, target.rows(), &before.key, &before.row)?;
        }
        let old = (!moves).then_some(&*before.row);
        put(open, journal, target.rows(), &after.key, &after.row, old)?;
        for (old, new) in before.entries().zip(after.entries()) {
            if old.key != new.key {
                remove(open, journal, target.index(old.index), old.key, old.value)?;
                put(open, journal, target.index(new.index), new.key, new.value, None)?;
            } else if old.value != new.value {
                put(open, journal, target.index(new.index), new.key, new.value, Some(old.value))?;
            }
        }
        Ok(())
    }

    fn next_hidden(&mut self, target: &Linked) -> Result<i64> {
        let id = target.table.id;
        let at = match self.hidden.iter().position(|(table, _)| *table == id) {
            Some(at) => at,
            None => {
                let last = self.open.tables().stored(target.rows())?.last()?;
                self.hidden.push((id, last.map_or(Ok(0), |(key, _)| hidden_number(&key))?));
                self.hidden.len() - 1
            }
        };
        let Some(next) = self.hidden[at].1.checked_add(1) else {
            return Err(Error::new(ErrorKind::Limit, format!("table \"{}\" has no more keys for its rows", target.table.name)));
        };
        self.hidden[at].1 = next;
        Ok(next)
    }
}

/// A unique key that another row has.
enum Taken {
    Primary,
    Index(usize),
}

impl Taken {
    fn violation(&self, table: &Table, row: &[Value<'_>]) -> Error {
        match self {
            Taken::Primary => violation::unique(table, table.primary_name.as_deref(), &table.primary, row),
            Taken::Index(at) => violation::unique(table, Some(&table.indexes[*at].name), &table.indexes[*at].columns, row),
        }
    }
}

pub(super) fn check_row(target: &Linked, row: &[Value<'_>]) -> Result<()> {
    let table = &*target.table;
    assert_eq!(row.len(), table.columns.len(), "a row has a value for each column");
    match target.required.iter().find(|at| row[**at].is_null()) {
        Some(at) => Err(violation::not_null(table, &table.columns[*at])),
        None => Ok(()),
    }
}

fn hidden_number(mut key: &[u8]) -> Result<i64> {
    match key::take(&mut key, &DataType::BIGINT)? {
        Value::Int(number) => Ok(number),
        _ => Err(Error::new(ErrorKind::Store, "the key of a row is no number").with_state("XX001")),
    }
}

/// Puts an entry where `old` stood.
fn put(
    open: &mut Open<'_>,
    journal: &mut Option<Journal>,
    what: Stored,
    key: &[u8],
    value: &[u8],
    old: Option<&[u8]>,
) -> Result<()> {
    open.table_mut(what)?.insert(key, value)?;
    if let Some(journal) = journal {
        journal.note(what, key, old);
    }
    Ok(())
}

/// Removes an entry, which was `old`.
fn remove(open: &mut Open<'_>, journal: &mut Option<Journal>, what: Stored, key: &[u8], old: &[u8]) -> Result<()> {
    let was = open.table_mut(what)?.remove(key)?;
    if !was {
        return Err(
            Error::new(ErrorKind::Store, format!("an entry of \"{}\" is missing", what.name().as_str())).with_state("XX001")
        );
    }
    if let Some(journal) = journal {
        journal.note(what, key, Some(old));
    }
    Ok(())
}
