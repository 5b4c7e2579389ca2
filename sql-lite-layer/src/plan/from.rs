//! FROM: tables, views, derived tables, queries of WITH, and joins of them.

use std::sync::Arc;

use super::expr::compare;
use super::node::{Access, Join, JoinKind, JoinMethod, Node, OutColumn, Scan, Slot};
use super::query::project;
use super::scalar::Scalar;
use super::scope::{KeyedTable, Level, ScopeColumn, find, unknown_table};
use super::{Planned, Planner, name_error};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::parse::ast::{self, CompareOp, Ident, JoinOn, Statement, TableAlias, TableRef};
use crate::parse::{self, Limits};
use crate::plan::function::Function;
use crate::table::schema::{Table, View, fold};

/// Views in views.
const VIEW_DEPTH_MAX: usize = 32;

/// Tables in one FROM. They make a plan as deep, and their order is sought.
const TABLES_MAX: usize = 100;

/// Rows, and what names mean over them.
pub(super) struct From {
    pub(super) node: Node,
    pub(super) columns: Vec<ScopeColumn>,
    pub(super) keyed: Vec<KeyedTable>,
}

/// Refuses two tables of one name in a FROM: nothing could say which is meant.
fn check_names(list: &[TableRef]) -> Result<()> {
    let mut names: Vec<&Ident> = Vec::new();
    let mut left: Vec<&TableRef> = list.iter().rev().collect();
    while let Some(item) = left.pop() {
        match item {
            TableRef::Join { left: first, right, .. } => left.extend([&**right, &**first]),
            TableRef::Table { alias: Some(alias), .. } | TableRef::Derived { alias: Some(alias), .. } => names.push(&alias.name),
            TableRef::Table { name, alias: None } => names.push(name),
            TableRef::Derived { alias: None, .. } => {}
        }
    }
    let mut seen = std::collections::HashSet::with_capacity(names.len());
    match names.into_iter().find(|name| !seen.insert(fold(&name.name))) {
        None => Ok(()),
        Some(name) => {
            let message = format!("two tables of one FROM are called {}: give one of them an alias", name.name);
            Err(Error::new(ErrorKind::Name, message).with_state("42712").at(name.place))
        }
    }
}

impl<'a> Planner<'a> {
    /// The whole FROM; without one there is a single row without columns.
    pub(super) fn from(&mut self, list: &'a [TableRef]) -> Result<From> {
        let mut from: Option<From> = None;
        if list.len() > TABLES_MAX {
            return Err(too_many_tables());
        }
        check_names(list)?;
        for item in list {
            let item = self.table_ref(item)?;
            from = Some(match from {
                None => item,
                Some(left) => self.cross(left, item),
            });
        }
        Ok(from.unwrap_or(From { node: Node::OneRow, columns: Vec::new(), keyed: Vec::new() }))
    }

    /// An item of FROM. A chain of joins is walked from its left end, not entered.
    fn table_ref(&mut self, item: &'a TableRef) -> Result<From> {
        let mut chain = Vec::new();
        let mut leftmost = item;
        while let TableRef::Join { kind, left, right, on } = leftmost {
            chain.push((*kind, &**right, on));
            leftmost = left;
        }
        if chain.len() > TABLES_MAX {
            return Err(too_many_tables());
        }
        let mut from = self.leaf(leftmost)?;
        for (kind, right, on) in chain.into_iter().rev() {
            let right = self.table_ref(right)?;
            from = self.join_on(kind, from, right, on)?;
        }
        Ok(from)
    }

    fn leaf(&mut self, item: &'a TableRef) -> Result<From> {
        self.count_operators(1)?;
        match item {
            TableRef::Table { name, alias } => self.table(name, alias.as_ref()),
            TableRef::Derived { query, alias } => {
                let planned = self.query(query)?;
                named(planned, alias.as_ref(), None)
            }
            TableRef::Join { .. } => self.table_ref(item),
        }
    }

    fn table(&mut self, name: &'a Ident, alias: Option<&'a TableAlias>) -> Result<From> {
        if let Some(at) = self.named.iter().rposition(|named| named.name.eq_ignore_ascii_case(&name.name)) {
            let query = self.named[at].clone();
            let planned = self.use_named(&query)?;
            return named(planned, alias, Some(name));
        }
        if let Some(view) = self.schema.views.get(&fold(&name.name)) {
            let planned = self.view(view, name)?;
            return named(planned, alias, Some(name));
        }
        if let Some(listing) = self.information(name, alias) {
            return listing;
        }
        let table = self.schema.table(&name.name).ok_or_else(|| unknown_table(name))?;
        let called = alias.map_or(name, |alias| &alias.name);
        let mut from = self.scan(table, &called.name, None);
        self.check_slots()?;
        if let Some(alias) = alias {
            rename(&mut from.columns, alias)?;
        }
        Ok(from)
    }

    /// All columns of a table, and its rows' keys where they are wanted.
    pub(super) fn scan(&mut self, table: &Arc<Table>, called: &str, key: Option<Slot>) -> From {
        let label: Arc<str> = called.into();
        let mut columns = Vec::with_capacity(table.columns.len());
        let mut read = Vec::with_capacity(table.columns.len());
        for at in table.visible() {
            let column = &table.columns[at];
            let slot = self.slot(format!("{called}.{}", column.name), column.data_type);
            read.push((at, slot));
            columns.push(ScopeColumn { table: Some(Arc::clone(&label)), name: column.name.clone(), slot, hidden: false });
        }
        let slot_of = |at: &usize| read.iter().find(|(read, _)| read == at).map(|(_, slot)| *slot);
        let primary: Option<Vec<Slot>> = table.primary.iter().map(slot_of).collect();
        let keyed = match primary {
            Some(primary) if !primary.is_empty() => {
                vec![KeyedTable { primary, columns: read.iter().map(|(_, slot)| *slot).collect() }]
            }
            _ => Vec::new(),
        };
        let node = Node::Scan(Box::new(Scan {
            table: Arc::clone(table),
            alias: called.to_owned(),
            access: Access::Full,
            reverse: false,
            columns: read,
            key,
            filter: Vec::new(),
            tested: usize::MAX,
        }));
        From { node, columns, keyed }
    }

    /// A view's text, planned where it stands: it sees neither the queries around it nor those of WITH.
    fn view(&mut self, view: &Arc<View>, name: &Ident) -> Result<Planned> {
        let depth = self.state.view_depth;
        if depth >= VIEW_DEPTH_MAX {
            let message = format!("views stand in views deeper than {VIEW_DEPTH_MAX}: {}", name.name);
            return Err(Error::new(ErrorKind::Limit, message).at(name.place));
        }
        self.state.view_bytes += view.text.len();
        let bytes_max = Limits::default().text_bytes;
        if self.state.view_bytes > bytes_max {
            let message = format!("the views of the statement have more than {bytes_max} bytes of text");
            return Err(Error::new(ErrorKind::Limit, message).at(name.place));
        }
        let broken = |why: &str| Error::new(ErrorKind::State, format!("view {} cannot be read: {why}", view.name)).at(name.place);
        let parsed = parse::parse(&view.text, &Limits::default()).map_err(|error| broken(error.message()))?;
        let [ast::Parsed { statement: Statement::Query(query), .. }] = &parsed[..] else {
            return Err(broken("its text is no query"));
        };
        self.state.views.insert(fold(&view.name));
        self.state.view_depth += 1;
        let mut inner = Planner { schema: self.schema, state: &mut *self.state, levels: Vec::new(), named: Vec::new() };
        let planned = inner.query(query);
        self.state.view_depth = depth;
        // A place in the view's text would point to nowhere in this one.
        let mut planned = planned.map_err(|error| {
            let kind = if error.kind() == ErrorKind::Limit { ErrorKind::Limit } else { ErrorKind::State };
            Error::new(kind, format!("view {}: {}", view.name, error.message())).at(name.place)
        })?;
        // It has the columns that it was made with, also if its text is of a time when `*` was kept as it stood.
        planned.columns.truncate(view.columns.len());
        for (column, name) in planned.columns.iter_mut().zip(&view.columns) {
            column.name.clone_from(name);
        }
        Ok(planned)
    }

    // --- Joins

    /// Every pair of rows.
    pub(super) fn cross(&mut self, left: From, right: From) -> From {
        self.join(JoinKind::Inner, left, right, Vec::new())
    }

    fn join(&mut self, kind: JoinKind, left: From, right: From, on: Vec<Scalar>) -> From {
        let slots = |from: &From| from.columns.iter().map(|column| column.slot).collect();
        let (left_slots, right_slots) = (slots(&left), slots(&right));
        let method = JoinMethod::Nested;
        let node = Node::Join(Box::new(Join { kind, left: left.node, right: right.node, method, on, left_slots, right_slots }));
        let (mut columns, mut keyed) = (left.columns, left.keyed);
        columns.extend(right.columns);
        keyed.extend(right.keyed);
        From { node, columns, keyed }
    }

    fn join_on(&mut self, kind: ast::JoinKind, left: From, right: From, on: &'a JoinOn) -> Result<From> {
        let (on, merged) = match on {
            JoinOn::Nothing => (Vec::new(), Vec::new()),
            JoinOn::On(condition) => {
                let both = left.columns.iter().chain(&right.columns).cloned().collect();
                let level = Level::new(both, "in ON");
                (self.within(level, |planner| planner.conjuncts(condition, "ON"))?, Vec::new())
            }
            JoinOn::Using(names) => {
                let mut pairs = Vec::with_capacity(names.len());
                for name in names {
                    pairs.push((name.name.clone(), side(&left.columns, name, "left")?, side(&right.columns, name, "right")?));
                }
                self.equal_pairs(pairs, names.first().map_or_else(Place::default, |name| name.place))?
            }
            JoinOn::Natural => {
                let pairs = common_columns(&left.columns, &right.columns)?;
                self.equal_pairs(pairs, Place::default())?
            }
        };
        let mut from = match kind {
            ast::JoinKind::Inner => self.join(JoinKind::Inner, left, right, on),
            ast::JoinKind::Left => self.join(JoinKind::Left, left, right, on),
            ast::JoinKind::Full => self.join(JoinKind::Full, left, right, on),
            ast::JoinKind::Right => {
                let left_count = left.columns.len();
                let mut from = self.join(JoinKind::Left, right, left, on);
                // The columns of the left come first all the same.
                let right_count = from.columns.len() - left_count;
                from.columns.rotate_left(right_count);
                from
            }
        };
        self.merge(kind, &mut from, merged)?;
        Ok(from)
    }

    /// The conditions of USING: these pairs are equal.
    fn equal_pairs(&mut self, pairs: Vec<Pair>, place: Place) -> Result<(Vec<Scalar>, Vec<Pair>)> {
        let mut on = Vec::with_capacity(pairs.len());
        for (_, left, right) in &pairs {
            let (left, right) = (self.of_slot(*left), self.of_slot(*right));
            let (left, right) = self.comparable(left, right, place)?;
            on.push(compare(CompareOp::Eq, left.scalar, right.scalar));
        }
        Ok((on, pairs))
    }

    /// The columns of USING stand first and once: the left's, of a right join the right's, of a full join whichever is not NULL.
    fn merge(&mut self, kind: ast::JoinKind, from: &mut From, merged: Vec<Pair>) -> Result<()> {
        let mut first = Vec::with_capacity(merged.len());
        let mut computed = Vec::new();
        for (name, left, right) in merged {
            let slot = match kind {
                ast::JoinKind::Inner | ast::JoinKind::Left => left,
                ast::JoinKind::Right => right,
                ast::JoinKind::Full => {
                    // One column holds values of one kind, whichever side they come from.
                    let sides = vec![self.of_slot(left), self.of_slot(right)];
                    let (args, data_type) = self.unify(sides, &[Place::default(); 2], "USING")?;
                    let slot = self.slot(name.as_str(), data_type);
                    computed.push((slot, Scalar::Call { function: Function::Coalesce, args }));
                    slot
                }
            };
            for column in &mut from.columns {
                column.hidden |= column.slot == left || column.slot == right;
            }
            first.push(ScopeColumn { table: None, name, slot, hidden: false });
        }
        project(&mut from.node, computed);
        first.append(&mut from.columns);
        from.columns = first;
        Ok(())
    }
}

fn too_many_tables() -> Error {
    Error::new(ErrorKind::Limit, format!("more than {TABLES_MAX} tables in one FROM"))
}

/// A column that USING makes of two.
type Pair = (String, Slot, Slot);

/// The columns of a query under the name that it has here.
pub(super) fn named(planned: Planned, alias: Option<&TableAlias>, name: Option<&Ident>) -> Result<From> {
    let label: Option<Arc<str>> = alias.map(|alias| &alias.name).or(name).map(|name| name.name.as_str().into());
    let column = |column: OutColumn| ScopeColumn { table: label.clone(), name: column.name, slot: column.slot, hidden: false };
    let mut columns: Vec<ScopeColumn> = planned.columns.into_iter().map(column).collect();
    if let Some(alias) = alias {
        rename(&mut columns, alias)?;
    }
    Ok(From { node: planned.node, columns, keyed: Vec::new() })
}

/// `t (a, b)`: the first columns under these names.
fn rename(columns: &mut [ScopeColumn], alias: &TableAlias) -> Result<()> {
    if alias.columns.len() > columns.len() {
        let message = format!("{} names {} columns of {}", alias.name.name, alias.columns.len(), columns.len());
        return Err(name_error(&alias.name, message));
    }
    for (column, name) in columns.iter_mut().zip(&alias.columns) {
        column.name.clone_from(&name.name);
    }
    Ok(())
}

fn side(columns: &[ScopeColumn], name: &Ident, which: &str) -> Result<Slot> {
    find(columns, None, name)?
        .ok_or_else(|| name_error(name, format!("the {which} side of the join has no column {}", name.name)))
}

/// The columns that both sides have, in the order of the left.
fn common_columns(left: &[ScopeColumn], right: &[ScopeColumn]) -> Result<Vec<Pair>> {
    let mut pairs: Vec<Pair> = Vec::new();
    for column in left.iter().filter(|column| !column.hidden) {
        let name = Ident { name: column.name.clone(), place: Place::default() };
        if let Some(other) = find(right, None, &name)? {
            let slot = side(left, &name, "left")?;
            pairs.push((column.name.clone(), slot, other));
        }
    }
    Ok(pairs)
}
