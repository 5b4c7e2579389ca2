//! Numbers of sequences, while a statement runs: read before it begins, written when it has succeeded.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::execute::Sequences;
use crate::plan::function::Function;
use crate::plan::node::{Action, Node, OnConflict, Plan, Slot, Update};
use crate::plan::scalar::Scalar;
use crate::table::schema::{Schema, Sequence, fold};
use crate::table::{Changes, Tables};

/// All sequences of the schema.
pub(super) struct Numbers {
    by_name: RefCell<BTreeMap<String, Number>>,
}

struct Number {
    sequence: Arc<Sequence>,
    last: Option<i64>,
    is_taken: bool,
}

impl Numbers {
    pub(super) fn read(schema: &Schema, tables: Tables<'_>) -> Result<Numbers> {
        let mut by_name = BTreeMap::new();
        for (name, sequence) in &schema.sequences {
            let last = tables.current_value(sequence)?;
            by_name.insert(name.clone(), Number { sequence: Arc::clone(sequence), last, is_taken: false });
        }
        Ok(Numbers { by_name: RefCell::new(by_name) })
    }

    /// Puts the numbers that were taken into the statement's changes.
    pub(super) fn write(&self, changes: &mut Changes<'_>) -> Result<()> {
        for number in self.by_name.borrow().values().filter(|number| number.is_taken) {
            if let Some(last) = number.last {
                changes.advance(&number.sequence, last)?;
            }
        }
        Ok(())
    }

    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Number) -> Result<T>) -> Result<T> {
        match self.by_name.borrow_mut().get_mut(&fold(name)) {
            Some(number) => work(number),
            None => Err(Error::new(ErrorKind::Name, format!("there is no sequence \"{name}\"")).with_state("42P01")),
        }
    }
}

impl Sequences for Numbers {
    fn next(&self, name: &str) -> Result<i64> {
        self.with(name, |number| {
            let Sequence { start, increment, name, .. } = &*number.sequence;
            let next = number.last.map_or(Some(*start), |last| last.checked_add(*increment));
            let next = next.ok_or_else(|| {
                Error::new(ErrorKind::Data, format!("\"{name}\" has given its last number")).with_state("2200H")
            })?;
            (number.last, number.is_taken) = (Some(next), true);
            Ok(next)
        })
    }

    fn current(&self, name: &str) -> Result<i64> {
        let none = || Error::new(ErrorKind::State, format!("sequence \"{name}\" has given no number yet")).with_state("55000");
        self.with(name, |number| number.last.ok_or_else(none))
    }
}

/// Whether a statement asks for a sequence's number: a query that does runs as a change does.
pub(super) fn asks_for_numbers(plan: &Plan) -> bool {
    let returns = |returning: &[(Slot, Scalar)]| returning.iter().any(|(_, scalar)| is_asking(scalar));
    let updates = |update: &Update| {
        asks(&update.input) || update.set.iter().any(|(_, scalar)| is_asking(scalar)) || returns(&update.returning)
    };
    match &plan.action {
        Action::Query(node) => asks(node),
        Action::Insert(insert) => {
            let on_conflict = match &insert.on_conflict {
                OnConflict::Fail | OnConflict::Nothing { .. } => false,
                OnConflict::Update { update, filter } => updates(update) || filter.iter().any(is_asking),
            };
            on_conflict || asks(&insert.input) || insert.row.iter().any(is_asking) || returns(&insert.returning)
        }
        Action::Update(update) => updates(update),
        Action::Delete(delete) => asks(&delete.input) || returns(&delete.returning),
    }
}

fn asks(node: &Node) -> bool {
    asks_among(node, &mut HashSet::new())
}

fn is_asking(scalar: &Scalar) -> bool {
    is_asking_among(scalar, &mut HashSet::new())
}

/// `seen`: shared queries, each looked at once. One may stand in another twice, and that in a third twice.
fn asks_among(node: &Node, seen: &mut HashSet<usize>) -> bool {
    let mut found = false;
    node.scalars(&mut |scalar| found = found || is_asking_among(scalar, seen));
    node.inputs(&mut |input| found = found || asks_among(input, seen));
    match node {
        Node::Shared { number, node, .. } if !found && seen.insert(*number) => asks_among(node, seen),
        _ => found,
    }
}

fn is_asking_among(scalar: &Scalar, seen: &mut HashSet<usize>) -> bool {
    scalar.any(&mut |scalar| {
        let is_one = matches!(scalar, Scalar::Call { function: Function::NextValue | Function::CurrentValue, .. });
        is_one || scalar.subquery().is_some_and(|query| asks_among(&query.node, seen))
    })
}
