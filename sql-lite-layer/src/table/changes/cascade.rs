//! Foreign keys: parents of new rows, children of rows that are gone or have another key.
//!
//! What is left to do stands on a stack: "the rows of this child that still begin with this prefix". The top is asked for its first row, and that row is removed or changed, which
//! takes it out of the prefix and may put more on the stack. A prefix without rows is taken off. So memory grows with the depth of references, not with the number of rows,
//! and cycles end because the rows do.

use super::*;
use crate::encode::key;
use crate::table::reference::{Reference, Support};
use crate::table::rows;
use crate::table::schema::Action;

/// Longest chain of references that a deletion follows: 2^20 entries of some 100 bytes.
const MAX_DEPTH: usize = 1 << 20;

/// What happens to the rows of a child that refer to a parent that is gone.
pub(super) struct Cascade {
    reference: Arc<Reference>,
    /// Children's entries begin so.
    prefix: Vec<u8>,
    effect: Effect,
}

enum Effect {
    Delete,
    /// The columns of the foreign key get these values.
    Set(Vec<Value<'static>>),
}

impl Changes<'_> {
    /// Looks the parents of a new row up; after an update only those that it changed. What is missing is looked up again at the end.
    pub(super) fn check_parents(&mut self, target: &Linked, row: &[Value<'_>], only_changed: bool) -> Result<()> {
        for reference in &target.parents {
            let columns = &reference.foreign().columns;
            if only_changed && !columns.iter().any(|at| self.changed[*at]) {
                continue;
            }
            self.probe.clear();
            if !reference.push_parent(&mut self.probe, row) || self.open.table(reference.parents)?.contains(&self.probe)? {
                continue;
            }
            self.probe.clear();
            rows::push_columns(&mut self.probe, columns, row);
            self.pending.note(reference, &self.probe, false);
        }
        Ok(())
    }

    /// Sees to the rows that refer to `before`, which is gone, or is now `row`; then `changed` says in what they differ.
    pub(super) fn leave_children(&mut self, target: &Linked, row: Option<&[Value<'_>]>) -> Result<()> {
        for reference in &target.children {
            let foreign = reference.foreign();
            if row.is_some() && !foreign.referenced.iter().any(|at| self.changed[*at]) {
                continue;
            }
            self.probe.clear();
            if !reference.push_children(&mut self.probe, &self.before.row)?
                || self.open.tables().stored(reference.children())?.first_with(&self.probe)?.is_none()
            {
                continue;
            }
            let action = if row.is_some() { foreign.on_update } else { foreign.on_delete };
            let effect = match (action, row) {
                (Action::Restrict | Action::NoAction, _) => None,
                (Action::Cascade, None) => Some(Effect::Delete),
                (Action::Cascade, Some(row)) => {
                    Some(Effect::Set(foreign.referenced.iter().map(|at| row[*at].clone().into_owned()).collect()))
                }
                (Action::SetNull, _) => Some(Effect::Set(vec![Value::Null; foreign.columns.len()])),
                (Action::SetDefault, _) => self.defaults(reference)?,
            };
            match effect {
                None => self.pending.note(reference, &self.probe, true),
                Some(effect) => {
                    let cascade = Rc::new(Cascade { reference: Arc::clone(reference), prefix: self.probe.clone(), effect });
                    match row.is_some() && self.cascades.is_empty() {
                        true => self.later.push_back(cascade),
                        false => self.cascades.push(cascade),
                    }
                }
            }
        }
        if self.cascades.len() > MAX_DEPTH {
            return Err(Error::new(
                ErrorKind::Limit,
                format!("references go on for more than {MAX_DEPTH} rows, one from the next"),
            ));
        }
        Ok(())
    }

    /// The defaults of a foreign key's columns; none if they are what the prefix in `probe` says, so that setting them would change nothing.
    fn defaults(&self, reference: &Reference) -> Result<Option<Effect>> {
        let (child, mut key) = (&reference.child, Vec::new());
        let mut values = Vec::new();
        for at in &reference.foreign().columns {
            let value = match (&child.columns[*at].default, self.rules) {
                (None, _) => Value::Null,
                (Some(_), Some(rules)) => rules.default_value(child, *at)?,
                (Some(_), None) => {
                    return Err(Error::new(ErrorKind::Unsupported, "SET DEFAULT is not possible in this way of changing rows"));
                }
            };
            key::push(&mut key, &value);
            values.push(value);
        }
        Ok((key != self.probe).then_some(Effect::Set(values)))
    }

    /// Works the stack off.
    pub(super) fn run_cascades(&mut self) -> Result<()> {
        while let Some(cascade) = self.cascades.last().map(Rc::clone) {
            self.tick()?;
            let Some(key) = self.first_child(&cascade)? else {
                // Its row of the stack: whatever it put on top is worked off by now.
                self.cascades.pop();
                continue;
            };
            let target = self.target(cascade.reference.child.id)?;
            let was = match &cascade.effect {
                Effect::Delete => self.delete_row(&target, &key)?,
                Effect::Set(values) => self.set_child(&target, &cascade.reference, &key, values)?,
            };
            if !was {
                let name = &target.table.name;
                return Err(Error::new(ErrorKind::Store, format!("an index of table \"{name}\" names a row that is not there"))
                    .with_state("XX001"));
            }
        }
        Ok(())
    }

    /// The key of the first row that is still in the way of `cascade`.
    fn first_child(&self, cascade: &Cascade) -> Result<Option<Vec<u8>>> {
        let reference = &cascade.reference;
        let entries = self.open.tables().stored(reference.children())?;
        match (entries.first_with(&cascade.prefix)?, reference.support) {
            (None, _) => Ok(None),
            (Some((key, _)), Support::Primary) => Ok(Some(key.to_vec())),
            (Some((key, value)), Support::Index(at)) => {
                Ok(Some(rows::row_key_of_entry(&reference.child.indexes[at], &key, value)?.to_vec()))
            }
        }
    }

    fn set_child(&mut self, target: &Arc<Linked>, reference: &Reference, key: &[u8], set: &[Value<'static>]) -> Result<bool> {
        let table = &*target.table;
        let Some(stored) = self.row(table, key)? else { return Ok(false) };
        let mut row = rows::values(table, &stored)?;
        for (at, value) in reference.foreign().columns.iter().zip(set) {
            row[*at] = value.lend();
        }
        match self.rules {
            _ if table.checks.is_empty() => (),
            Some(rules) => rules.check(table, &row)?,
            None => return Err(Error::new(ErrorKind::Unsupported, "checks are not possible in this way of changing rows")),
        }
        self.update_row(target, key, &row, false)
    }
}
