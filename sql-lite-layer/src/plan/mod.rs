//! What a statement does, with every name resolved and every type checked: operators and expressions over the slots of one frame.
//!
//! ```text
//!   frame   │ t.id │ t.name │ u.id │ count(*) │ ...     one slot a column, for the whole statement: subqueries too
//!             └─ Scan t ─┘    Scan u   Aggregate       each operator writes its own slots, and reads those of the operators below and outside
//! ```
//!
//! 1. A slot is written by one operator only, and holds values of one type (or NULL).
//! 2. A subquery reads the slots of the row around it as they stand in the frame: correlation needs no other device.
//! 3. A plan is made for one version of the schema, and holds the tables that it reads.
//!
//! How the statement is read: `from` makes the rows and the columns that names can mean (`scope`), `select` and `group` what is made of them, `query` everything around
//! a SELECT; `information` is INFORMATION_SCHEMA; `expr`, `compare` and `call` are about expressions, `change` about INSERT, UPDATE and DELETE, `define` about definitions. Nothing is made fast here:
//! that is what `optimize` is for.

mod call;
mod change;
mod compare;
pub(crate) mod define;
mod depth;
mod expr;
mod from;
pub(crate) mod function;
mod group;
mod information;
pub(crate) mod node;
pub(crate) mod print;
mod query;
pub(crate) mod scalar;
mod scope;
mod select;
pub(crate) mod share;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod walk;

pub(crate) use call::{is_same_each_time, is_volatile, is_volatile_node};
pub(crate) use expr::{as_literal, same_class, type_of};

use std::collections::{BTreeMap, BTreeSet};

use node::{Action, Node, OutColumn, Plan, Slot};
use scalar::Scalar;
use scope::{Level, Named};

use crate::error::{Error, ErrorKind, Place, Result};
use crate::parse::ast::{Ident, Parsed, Statement};
use crate::table::schema::Schema;
use crate::types::DataType;

/// Queries in queries: each takes some kilobytes of the stack, and more than a few is no sensible statement.
const QUERY_DEPTH_MAX: usize = 64;
/// Expressions that are written for operands used more than once (`CASE x WHEN ..`, `x BETWEEN ..`, `(a, b) < (c, d)`), over the whole statement.
const COPIED_MAX: usize = 1 << 20;
/// Columns of all tables and views that a statement names, computed ones too. A view over views over views may stand for any number of tables.
const SLOTS_MAX: usize = 1 << 18;
/// Tables, SELECTs, VALUES and set operations that a statement and its views make, what is copied too. Views that read the one below twice double with each level: without
/// an end to them a statement of a few words would be planned for hours, where no deadline is looked at.
const OPERATORS_MAX: usize = 10_000;

/// The plan of a statement that reads or changes rows.
///
/// # Errors
///
/// `Name`, `Type` and `Unsupported`, each with its place where the text gives one; `State` for a statement of another kind.
pub(crate) fn plan(parsed: &Parsed, schema: &Schema) -> Result<Plan> {
    plan_statement(&parsed.statement, vec![DataType::Unknown; parsed.parameters.len()], schema)
}

/// As [`plan`], with the types of all parameters that have one already. A statement that stands in another one (EXPLAIN) has the parameters of the whole.
pub(crate) fn plan_statement(statement: &Statement, parameters: Vec<DataType>, schema: &Schema) -> Result<Plan> {
    let mut state = State { compared: vec![false; parameters.len()], parameters, ..State::default() };
    let mut planner = Planner { schema, state: &mut state, levels: Vec::new(), named: Vec::new() };
    let (mut action, columns) = match statement {
        Statement::Query(query) => {
            let planned = planner.query(query)?;
            (Action::Query(planned.node), planned.columns)
        }
        Statement::Insert(insert) => planner.insert(insert)?,
        Statement::Update(update) => planner.update(update)?,
        Statement::Delete(delete) => planner.delete(delete)?,
        _ => return Err(Error::new(ErrorKind::State, "this statement has no plan: it neither reads nor changes rows")),
    };
    let mut deepest = 0;
    action.roots_mut(&mut |node| deepest = deepest.max(planner.depth(node)));
    depth::check(deepest)?;
    share::inline_single_uses(&mut action);
    share::seal(&mut action);
    Ok(Plan {
        action,
        columns,
        slot_count: state.slots.len(),
        slot_types: state.slots.iter().map(|slot| slot.data_type).collect(),
        subquery_count: state.subquery_count,
        shared_count: state.shared_depths.len(),
        once_count: 0,
        parameters: state.parameters,
        compared: state.compared,
    })
}

/// An expression and its type.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) scalar: Scalar,
    pub(crate) data_type: DataType,
}

/// What is counted over a whole statement, views too.
#[derive(Default)]
struct State {
    slots: Vec<SlotInfo>,
    /// Columns in the order in which they were named, with the place: an error about a slot finds its place here.
    uses: Vec<(Slot, Place)>,
    subquery_count: usize,
    /// How deep each shared query is, by its number.
    shared_depths: Vec<usize>,
    parameters: Vec<DataType>,
    /// Those that stand in a comparison, or count rows: their values must not be rounded.
    compared: Vec<bool>,
    query_depth: usize,
    /// Only types are asked for: tables of INFORMATION_SCHEMA need no rows.
    types_alone: bool,
    view_depth: usize,
    /// The views that are read, also within others, by their folded names.
    views: BTreeSet<String>,
    /// What each `*` of the text stands for, by the place where it begins: where the star itself stands, and the columns as text. None: nobody asks.
    stars: Option<BTreeMap<Place, (Place, String)>>,
    copied: usize,
    operators: usize,
    /// The texts of all views, each as often as it is read.
    view_bytes: usize,
}

struct SlotInfo {
    /// As an error names it: `t.a`.
    name: String,
    data_type: DataType,
}

/// Plans one statement. `'a` is the life of its tree; a view's tree has a planner of its own over the same state.
struct Planner<'a> {
    schema: &'a Schema,
    state: &'a mut State,
    /// What names mean, the innermost query last.
    levels: Vec<Level<'a>>,
    /// Queries of WITH, the innermost last.
    named: Vec<Named>,
}

/// A query that is planned.
struct Planned {
    node: Node,
    columns: Vec<OutColumn>,
}

impl Planner<'_> {
    fn slot(&mut self, name: impl Into<String>, data_type: DataType) -> Slot {
        let slot = Slot(u32::try_from(self.state.slots.len()).expect("a statement's text is shorter than 4 GiB"));
        self.state.slots.push(SlotInfo { name: name.into(), data_type });
        slot
    }

    fn slot_type(&self, slot: Slot) -> DataType {
        self.state.slots[slot.0 as usize].data_type
    }

    fn slot_name(&self, slot: Slot) -> &str {
        &self.state.slots[slot.0 as usize].name
    }

    fn of_slot(&self, slot: Slot) -> Typed {
        Typed { scalar: Scalar::Slot(slot), data_type: self.slot_type(slot) }
    }
}

/// An error about types, at this place.
fn type_error(place: Place, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Type, message).at(place)
}

/// An error about a name, at its place.
fn name_error(name: &Ident, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Name, message).at(name.place)
}

/// SQL that there is not.
fn unsupported(place: Place, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unsupported, message).at(place)
}

impl Action {
    /// Calls `f` for each operator at the top of a tree: the query, the source of an INSERT, the rows of an UPDATE or DELETE.
    pub(crate) fn roots_mut(&mut self, f: &mut dyn FnMut(&mut Node)) {
        match self {
            Action::Query(node) => f(node),
            Action::Insert(insert) => {
                f(&mut insert.input);
                if let node::OnConflict::Update { update, .. } = &mut insert.on_conflict {
                    f(&mut update.input);
                }
            }
            Action::Update(update) => f(&mut update.input),
            Action::Delete(delete) => f(&mut delete.input),
        }
    }

    /// Calls `f` for each expression that stands beside the operators: new values, checks, RETURNING.
    pub(crate) fn scalars_mut(&mut self, f: &mut dyn FnMut(&mut Scalar)) {
        let update_scalars = |update: &mut node::Update, f: &mut dyn FnMut(&mut Scalar)| {
            update.set.iter_mut().for_each(|(_, expr)| f(expr));
            update.checks.iter_mut().for_each(|(_, expr)| f(expr));
            update.returning.iter_mut().for_each(|(_, expr)| f(expr));
        };
        match self {
            Action::Query(_) => {}
            Action::Insert(insert) => {
                insert.row.iter_mut().for_each(&mut *f);
                insert.checks.iter_mut().for_each(|(_, expr)| f(expr));
                insert.returning.iter_mut().for_each(|(_, expr)| f(expr));
                if let node::OnConflict::Update { update, filter } = &mut insert.on_conflict {
                    filter.iter_mut().for_each(&mut *f);
                    update_scalars(update, f);
                }
            }
            Action::Update(update) => update_scalars(update, f),
            Action::Delete(delete) => delete.returning.iter_mut().for_each(|(_, expr)| f(expr)),
        }
    }
}
