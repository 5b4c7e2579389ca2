//! Recovery's last step (FORMAT 9, step 5): the changes of the records behind the seal, applied in order as one big transaction.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::format::TableId;
use crate::format::change::Change;
use crate::store::Machine;
use crate::store::edit::{Draft, Editor};
use crate::tree;

/// Applies changes to a draft.
pub(crate) struct Replay<'m> {
    machine: &'m Machine,
    draft: Draft,
    lent: BTreeMap<TableId, Editor<'m>>,
}

impl<'m> Replay<'m> {
    pub(crate) fn new(machine: &'m Machine, draft: Draft) -> Replay<'m> {
        Replay { machine, draft, lent: BTreeMap::new() }
    }

    /// Applies one change.
    ///
    /// # Errors
    /// `Corrupt` if it does not fit the state it meets.
    pub(crate) fn apply(&mut self, change: &Change<'_>) -> Result<()> {
        match *change {
            Change::Put { table, key, value } => {
                self.edit(table, |editor, tree| tree::insert(editor, tree, key, value).map(drop))
            }
            Change::Remove { table, key } => self.edit(table, |editor, tree| tree::remove(editor, tree, key).map(drop)),
            Change::RemoveRange { table, start, end } => {
                self.edit(table, |editor, tree| tree::remove_range(editor, tree, start, end).map(drop))
            }
            Change::CreateTable { table, name, lz4 } => {
                let id = self.draft.create(name, lz4).map_err(|e| misfit(&e))?;
                if id != table {
                    return Err(misfit(&format_args!("table \"{name}\" should have become {table}, it became {id}")));
                }
                Ok(())
            }
            Change::DropTable { table } => {
                self.give_back(table);
                let name = self.name(table)?;
                self.draft.drop_table(self.machine, &name)
            }
            Change::RenameTable { table, name } => {
                self.give_back(table);
                let from = self.name(table)?;
                self.draft.rename(&from, name).map_err(|e| misfit(&e))
            }
        }
    }

    /// The draft with everything applied.
    pub(crate) fn finish(mut self) -> Draft {
        for (table, editor) in std::mem::take(&mut self.lent) {
            self.draft.put_back(table, editor.into_work());
        }
        // A record would only repeat what is in the log already.
        self.draft.changes = Vec::new();
        self.draft
    }

    fn edit(&mut self, table: TableId, op: impl FnOnce(&mut Editor<'m>, &mut tree::Root) -> Result<()>) -> Result<()> {
        if !self.lent.contains_key(&table) {
            let name = self.name(table)?;
            let (id, work) = self.draft.lend(&name)?;
            self.lent.insert(id, self.draft.editor(self.machine, id, work));
        }
        let Some(editor) = self.lent.get_mut(&table) else { return Err(misfit(&"a table vanished")) };
        editor.tree_op(op)
    }

    fn give_back(&mut self, table: TableId) {
        if let Some(editor) = self.lent.remove(&table) {
            self.draft.put_back(table, editor.into_work());
        }
    }

    fn name(&self, table: TableId) -> Result<std::sync::Arc<str>> {
        self.draft.name_of(table).ok_or_else(|| misfit(&format_args!("there is no table {table}")))
    }
}

fn misfit(what: &dyn std::fmt::Display) -> Error {
    Error::corrupt("log", format_args!("a change does not fit the state before it: {what}"))
}
