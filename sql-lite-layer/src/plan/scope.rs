//! What names mean: the columns of the query that is being planned, then those of the queries around it.

use std::sync::Arc;

use super::node::{Node, OutColumn, Slot};
use super::scalar::{AggregateCall, Scalar};
use super::walk::Slots;
use super::{Planner, Typed, name_error};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::parse::ast::{Ident, SelectItem};

/// One query's columns, and what may stand in the expression that is being planned.
pub(super) struct Level<'a> {
    pub(super) columns: Vec<ScopeColumn>,
    /// The items of the SELECT whose aliases may be used: in GROUP BY, HAVING and ORDER BY.
    pub(super) aliases: &'a [SelectItem],
    pub(super) aggregates: Aggregates,
}

/// A column that a name can mean.
#[derive(Clone, Debug)]
pub(super) struct ScopeColumn {
    /// The table's name or alias; none for the columns that USING made of two.
    pub(super) table: Option<Arc<str>>,
    pub(super) name: String,
    pub(super) slot: Slot,
    /// Left out of `*` and of names without a table: one side of USING.
    pub(super) hidden: bool,
}

/// A table with a primary key: its other columns depend on that.
#[derive(Clone, Debug)]
pub(super) struct KeyedTable {
    pub(super) primary: Vec<Slot>,
    pub(super) columns: Vec<Slot>,
}

/// Whether aggregates may stand here.
pub(super) enum Aggregates {
    /// No, because this is such a place.
    Refused(&'static str),
    /// Yes, and these have been met.
    Collected(Vec<AggregateCall>),
}

/// A query of WITH.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) columns: Vec<OutColumn>,
    pub(super) node: Arc<Node>,
    pub(super) number: usize,
    /// It reads the row around it, so that its rows cannot be kept for the statement: each use is a copy.
    pub(super) correlated: bool,
}

impl<'a> Level<'a> {
    /// A level of these columns where aggregates are refused.
    pub(super) fn new(columns: Vec<ScopeColumn>, refused: &'static str) -> Level<'a> {
        Level { columns, aliases: &[], aggregates: Aggregates::Refused(refused) }
    }

    /// The slots of its columns.
    pub(super) fn slots(&self) -> Slots {
        self.columns.iter().map(|column| column.slot).collect()
    }
}

/// The column of this name among these; none: there is no such; an error: there are several.
pub(super) fn find(columns: &[ScopeColumn], table: Option<&Ident>, name: &Ident) -> Result<Option<Slot>> {
    let mut found: Option<Slot> = None;
    for column in columns {
        let fits = match table {
            Some(table) => column.table.as_deref().is_some_and(|of| of.eq_ignore_ascii_case(&table.name)),
            None => !column.hidden,
        };
        if !fits || !column.name.eq_ignore_ascii_case(&name.name) {
            continue;
        }
        match found {
            Some(other) if other != column.slot => {
                return Err(name_error(name, format!("column {} is ambiguous", qualified(table, name))).with_state("42702"));
            }
            _ => found = Some(column.slot),
        }
    }
    Ok(found)
}

fn qualified(table: Option<&Ident>, name: &Ident) -> String {
    match table {
        Some(table) => format!("{}.{}", table.name, name.name),
        None => name.name.clone(),
    }
}

impl<'a> Planner<'a> {
    /// What a column's name means here.
    pub(super) fn column(&mut self, table: Option<&'a Ident>, name: &'a Ident) -> Result<Typed> {
        for at in (0..self.levels.len()).rev() {
            if let Some(slot) = find(&self.levels[at].columns, table, name)? {
                self.state.uses.push((slot, name.place));
                return Ok(self.of_slot(slot));
            }
            if table.is_none()
                && at + 1 == self.levels.len()
                && let Some(typed) = self.alias(name)?
            {
                return Ok(typed);
            }
        }
        Err(self.unknown_column(table, name))
    }

    /// The item of the SELECT that has this alias. Aliases do not see each other.
    fn alias(&mut self, name: &Ident) -> Result<Option<Typed>> {
        let level = self.levels.last_mut().expect("an alias stands in a query");
        let items = level.aliases;
        let mut found = items.iter().filter_map(|item| match item {
            SelectItem::Expr { expr, alias: Some(alias) } if alias.name.eq_ignore_ascii_case(&name.name) => Some(expr),
            _ => None,
        });
        let Some(expr) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(name_error(name, format!("alias {} is ambiguous", name.name)).with_state("42702"));
        }
        level.aliases = &[];
        let typed = self.expr(expr);
        self.levels.last_mut().expect("levels are popped by whoever pushed them").aliases = items;
        typed.map(Some)
    }

    fn unknown_column(&self, table: Option<&Ident>, name: &Ident) -> Error {
        let Some(table) = table else {
            return name_error(name, format!("there is no column {}", name.name));
        };
        let known = self
            .levels
            .iter()
            .flat_map(|level| &level.columns)
            .any(|column| column.table.as_deref().is_some_and(|of| of.eq_ignore_ascii_case(&table.name)));
        if known {
            name_error(name, format!("{} has no column {}", table.name, name.name))
        } else {
            name_error(table, format!("there is no table {} in FROM", table.name)).with_state("42P01")
        }
    }

    /// Plans with this level as the innermost.
    pub(super) fn within<T>(&mut self, level: Level<'a>, plan: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.levels.push(level);
        let planned = plan(self);
        self.levels.pop();
        planned
    }

    /// Where a slot was named last; nowhere if it was not.
    pub(super) fn place_of_use(&self, slot: Slot) -> Place {
        self.state.uses.iter().rev().find(|(used, _)| *used == slot).map_or_else(Place::default, |(_, place)| *place)
    }

    /// An error unless an aggregate over these slots belongs to the query in which it is written.
    pub(super) fn check_aggregate_level(&self, reads: &Slots, place: Place) -> Result<()> {
        let Some(level) = self.levels.last() else { return Ok(()) };
        if reads.is_empty() || level.columns.iter().any(|column| reads.contains(&column.slot)) {
            return Ok(());
        }
        let of_outer = self.levels.iter().flat_map(|level| &level.columns).any(|column| reads.contains(&column.slot));
        if of_outer {
            return Err(super::unsupported(place, "an aggregate over columns of a query around this one"));
        }
        Ok(())
    }
}

/// An error of a name that is unknown in its kind.
pub(super) fn unknown_table(name: &Ident) -> Error {
    Error::new(ErrorKind::Name, format!("there is no table {}", name.name)).with_state("42P01").at(name.place)
}

/// Whether this expression is a plain slot of one of these.
pub(super) fn is_slot_of(scalar: &Scalar, slots: &[Slot]) -> bool {
    matches!(scalar, Scalar::Slot(slot) if slots.contains(slot))
}
