//! Everything around a SELECT: WITH, set operations, VALUES, ORDER BY and LIMIT of a whole query, subqueries, and queries that are used more than once.

use std::collections::HashMap;
use std::sync::Arc;

use super::call::sort_key_of;
use super::depth;
use super::expr::{cast, place_of, same_class, widest};
use super::node::{Node, OutColumn, SetOperation, Slot};
use super::scalar::{Scalar, Subquery};
use super::scope::{Level, Named, ScopeColumn};
use super::select::{ordinal, sort};
use super::{COPIED_MAX, OPERATORS_MAX, Planned, Planner, QUERY_DEPTH_MAX, SLOTS_MAX, Typed, name_error, type_error};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::parse::ast::{Expr, OrderKey, Query, QueryBody, SetOp};
use crate::types::{self, DataType};

/// Set operations of one query, each over the result of those before it; a chain of UNION counts as one.
const SET_DEPTH_MAX: usize = 100;

/// What stands behind a query: ORDER BY, LIMIT, OFFSET.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) order: &'a [OrderKey],
    pub(super) limit: Option<&'a Expr>,
    pub(super) offset: Option<&'a Expr>,
}

impl Window<'_> {
    const NONE: Window<'static> = Window { order: &[], limit: None, offset: None };
}

impl<'a> Planner<'a> {
    /// A whole query.
    pub(super) fn query(&mut self, query: &'a Query) -> Result<Planned> {
        self.state.query_depth += 1;
        if self.state.query_depth > QUERY_DEPTH_MAX {
            return Err(Error::new(ErrorKind::Limit, format!("queries are nested deeper than {QUERY_DEPTH_MAX}")));
        }
        self.check_slots()?;
        let named = self.named.len();
        let planned = self.with_named(query);
        self.named.truncate(named);
        self.state.query_depth -= 1;
        let planned = planned?;
        // Here, and not only in the end: what is built upon it must not be too deep to be dropped.
        depth::check(self.depth(&planned.node))?;
        Ok(planned)
    }

    /// Refuses a statement that names too many columns.
    ///
    /// # Errors
    ///
    /// `Limit`.
    pub(super) fn check_slots(&self) -> Result<()> {
        match self.state.slots.len() + self.state.copied <= SLOTS_MAX.min(COPIED_MAX) {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Limit, format!("the statement and its views have more than {SLOTS_MAX} columns"))),
        }
    }

    /// Counts so many operators more.
    ///
    /// # Errors
    ///
    /// `Limit` where the statement and its views have too many.
    pub(super) fn count_operators(&mut self, count: usize) -> Result<()> {
        self.state.operators += count;
        match self.state.operators <= OPERATORS_MAX {
            true => Ok(()),
            false => {
                let message =
                    format!("the statement and its views have more than {OPERATORS_MAX} tables, queries and set operations");
                Err(Error::new(ErrorKind::Limit, message))
            }
        }
    }

    fn with_named(&mut self, query: &'a Query) -> Result<Planned> {
        for (at, cte) in query.with.iter().enumerate() {
            if query.with[..at].iter().any(|other| other.name.name.eq_ignore_ascii_case(&cte.name.name)) {
                let message = format!("two queries of one WITH are called {}", cte.name.name);
                return Err(Error::new(ErrorKind::Name, message).with_state("42712").at(cte.name.place));
            }
            let mut planned = self.query(&cte.query)?;
            if cte.columns.len() > planned.columns.len() {
                let message = format!("{} names {} columns of {}", cte.name.name, cte.columns.len(), planned.columns.len());
                return Err(name_error(&cte.name, message));
            }
            for (column, name) in planned.columns.iter_mut().zip(&cte.columns) {
                column.name.clone_from(&name.name);
            }
            let number = self.state.shared_depths.len();
            self.state.shared_depths.push(self.depth(&planned.node));
            let correlated = !is_closed(&planned);
            let (name, columns) = (cte.name.name.clone(), planned.columns);
            self.named.push(Named { name, columns, node: Arc::new(planned.node), number, correlated });
        }
        let window = Window { order: &query.order, limit: query.limit.as_ref(), offset: query.offset.as_ref() };
        match &query.body {
            QueryBody::Select(select) => self.select(select, &window),
            body => {
                let planned = self.body(body)?;
                self.in_window(planned, &window)
            }
        }
    }

    fn body(&mut self, body: &'a QueryBody) -> Result<Planned> {
        match body {
            QueryBody::Select(select) => self.select(select, &Window::NONE),
            QueryBody::Values(rows) => self.values(rows),
            QueryBody::Nested(query) => self.query(query),
            QueryBody::SetOp { .. } => self.set_operations(body),
        }
    }

    /// ORDER BY over the columns of a result that is no single SELECT, and LIMIT.
    fn in_window(&mut self, planned: Planned, window: &Window<'a>) -> Result<Planned> {
        let Planned { mut node, columns } = planned;
        if !window.order.is_empty() {
            let named = columns.iter().map(|column| ScopeColumn {
                table: None,
                name: column.name.clone(),
                slot: column.slot,
                hidden: false,
            });
            let level = Level::new(named.collect(), "in ORDER BY of a set operation");
            let keys = self.within(level, |planner| {
                let of_key = |key: &'a OrderKey| match ordinal(&key.expr) {
                    Some(number) => {
                        let at = usize::try_from(number).ok().and_then(|number| columns.get(number.checked_sub(1)?));
                        let column = at.ok_or_else(|| {
                            let message = format!("ORDER BY {number}: the result has {} columns", columns.len());
                            Error::new(ErrorKind::Name, message).with_state("42P10")
                        })?;
                        Ok(sort_key_of(key, Scalar::Slot(column.slot)))
                    }
                    None => planner.sort_key(key),
                };
                window.order.iter().map(of_key).collect::<Result<Vec<_>>>()
            })?;
            node = sort(node, keys, columns.iter().map(|column| column.slot).collect());
        }
        Ok(Planned { node: self.limit(node, window)?, columns })
    }

    /// LIMIT and OFFSET, which read no column.
    pub(super) fn limit(&mut self, node: Node, window: &Window<'a>) -> Result<Node> {
        if window.limit.is_none() && window.offset.is_none() {
            return Ok(node);
        }
        let levels = std::mem::take(&mut self.levels);
        let limit = window.limit.map(|expr| self.count(expr, "LIMIT")).transpose();
        let offset = window.offset.map(|expr| self.count(expr, "OFFSET")).transpose();
        self.levels = levels;
        Ok(Node::Limit { input: Box::new(node), limit: limit?, offset: offset? })
    }

    fn count(&mut self, expr: &'a Expr, what: &str) -> Result<Scalar> {
        let mut typed = self.expr(expr)?;
        self.keep_exact(&typed);
        match typed.data_type {
            DataType::Integer(_) => {}
            DataType::Unknown => self.infer(&mut typed, &DataType::BIGINT),
            other => return Err(type_error(place_of(expr), format!("{what} wants a whole number, not {other}"))),
        }
        Ok(typed.scalar)
    }

    // --- Set operations and VALUES

    /// A left-deep chain of set operations, from its left end, without recursion along it.
    fn set_operations(&mut self, body: &'a QueryBody) -> Result<Planned> {
        let mut chain = Vec::new();
        let mut leftmost = body;
        while let QueryBody::SetOp { op, all, left, right } = leftmost {
            chain.push((*op, *all, &**right));
            leftmost = left;
        }
        let mut inputs = vec![self.body(leftmost)?];
        let mut chain = chain.into_iter().rev().peekable();
        let mut nested = 0;
        while let Some((op, all, right)) = chain.next() {
            inputs.push(self.body(right)?);
            let goes_on = op == SetOp::Union && chain.peek().is_some_and(|(next, all_next, _)| (*next, *all_next) == (op, all));
            if !goes_on {
                nested += 1;
                if nested > SET_DEPTH_MAX {
                    let message = format!("more than {SET_DEPTH_MAX} set operations of different kinds in one query");
                    return Err(Error::new(ErrorKind::Limit, message));
                }
                let done = self.set_operation(op, all, inputs)?;
                inputs = vec![done];
            }
        }
        Ok(inputs.swap_remove(0))
    }

    fn set_operation(&mut self, op: SetOp, all: bool, mut inputs: Vec<Planned>) -> Result<Planned> {
        self.count_operators(1)?;
        let width = inputs[0].columns.len();
        if let Some(other) = inputs.iter().find(|input| input.columns.len() != width) {
            let message = format!("the queries of a set operation have {width} and {} columns", other.columns.len());
            return Err(type_error(Place::default(), message));
        }
        let mut out = Vec::with_capacity(width);
        for at in 0..width {
            let mut common = DataType::Unknown;
            for input in &inputs {
                let of = input.columns[at].data_type;
                common = types::common_type(&common, &of).ok_or_else(|| {
                    let message = format!("column {} of a set operation is {common} and {of}", at + 1);
                    type_error(Place::default(), message)
                })?;
            }
            // What is unknown may be a parameter, of which only the class will be known.
            if inputs.iter().any(|input| input.columns[at].data_type == DataType::Unknown) {
                common = widest(&common);
            }
            for input in &mut inputs {
                self.cast_column(input, at, &common);
            }
            let name = inputs[0].columns[at].name.clone();
            out.push(OutColumn { slot: self.slot(name.as_str(), common), name, data_type: common });
        }
        let inputs = inputs.into_iter().map(|input| {
            let slots = input.columns.iter().map(|column| column.slot).collect();
            (input.node, slots)
        });
        let slots = out.iter().map(|column| column.slot).collect();
        let node = Node::SetOp(Box::new(SetOperation { op, all, inputs: inputs.collect(), out: slots }));
        Ok(Planned { node, columns: out })
    }

    fn cast_column(&mut self, planned: &mut Planned, at: usize, to: &DataType) {
        let column = &planned.columns[at];
        if column.data_type == DataType::Unknown || *to == DataType::Unknown || same_class(&column.data_type, to) {
            return;
        }
        let cast = cast(Typed { scalar: Scalar::Slot(column.slot), data_type: column.data_type }, widest(to));
        let slot = self.slot(planned.columns[at].name.clone(), *to);
        planned.columns[at].slot = slot;
        project(&mut planned.node, vec![(slot, cast.scalar)]);
    }

    /// VALUES: columns are called `column1`, `column2` and so on.
    fn values(&mut self, rows: &'a [Vec<Expr>]) -> Result<Planned> {
        self.count_operators(1)?;
        let width = rows.first().map_or(0, Vec::len);
        let mut columns: Vec<Vec<Typed>> = (0..width).map(|_| Vec::with_capacity(rows.len())).collect();
        for row in rows {
            if row.len() != width {
                return Err(type_error(
                    row.first().map_or_else(Place::default, place_of),
                    format!("rows of VALUES have {width} and {} values", row.len()),
                ));
            }
            for (column, expr) in columns.iter_mut().zip(row) {
                let typed = self.expr(expr)?;
                column.push(typed);
            }
        }
        let mut cells: Vec<Vec<Scalar>> = rows.iter().map(|_| Vec::with_capacity(width)).collect();
        let mut out = Vec::with_capacity(width);
        for (at, column) in columns.into_iter().enumerate() {
            let places: Vec<Place> = rows.iter().map(|row| place_of(&row[at])).collect();
            let (scalars, data_type) = self.unify(column, &places, "VALUES")?;
            cells.iter_mut().zip(scalars).for_each(|(row, scalar)| row.push(scalar));
            let name = format!("column{}", at + 1);
            out.push(OutColumn { slot: self.slot(name.as_str(), data_type), name, data_type });
        }
        let slots = out.iter().map(|column| column.slot).collect();
        Ok(Planned { node: Node::Values { rows: cells, out: slots }, columns: out })
    }

    // --- Subqueries

    /// A query inside an expression, with its columns' types.
    pub(super) fn subquery(&mut self, query: &'a Query) -> Result<(Subquery, Vec<DataType>)> {
        let planned = self.query(query)?;
        let number = self.state.subquery_count;
        self.state.subquery_count += 1;
        let columns = planned.columns.iter().map(|column| column.slot).collect();
        let types = planned.columns.iter().map(|column| column.data_type).collect();
        Ok((Subquery { number, node: planned.node, columns, outer: Vec::new() }, types))
    }

    /// Gives all that a plan writes slots of its own, and its subqueries numbers of their own; what was renamed.
    pub(super) fn renew(&mut self, node: &mut Node) -> HashMap<Slot, Slot> {
        let mut written = Vec::new();
        collect_written(node, &mut written);
        self.state.copied += written.len();
        let mut renamed = HashMap::with_capacity(written.len());
        for slot in written {
            let (name, data_type) = (self.slot_name(slot).to_owned(), self.slot_type(slot));
            renamed.insert(slot, self.slot(name, data_type));
        }
        node.each_slot_mut(&mut |slot| *slot = renamed.get(slot).copied().unwrap_or(*slot));
        node.each_scalar_mut(&mut |scalar| {
            if let Some(query) = scalar.subquery_mut() {
                query.number = self.state.subquery_count;
                self.state.subquery_count += 1;
            }
        });
        renamed
    }

    /// A use of a query of WITH.
    pub(super) fn use_named(&mut self, named: &Named) -> Result<Planned> {
        let mut columns = named.columns.clone();
        if named.correlated {
            self.count_operators(operators_of(&named.node))?;
            let mut node = (*named.node).clone();
            let renamed = self.renew(&mut node);
            for column in &mut columns {
                column.slot = renamed.get(&column.slot).copied().unwrap_or(column.slot);
            }
            return Ok(Planned { node, columns });
        }
        let from = columns.iter().map(|column| column.slot).collect();
        for column in &mut columns {
            column.slot = self.slot(column.name.as_str(), column.data_type);
        }
        let out = columns.iter().map(|column| column.slot).collect();
        let node = Node::Shared { number: named.number, node: Arc::clone(&named.node), kept: Arc::default(), from, out };
        Ok(Planned { node, columns })
    }
}

/// Whether a query reads no row around it.
fn is_closed(planned: &Planned) -> bool {
    let own = planned.node.outputs();
    planned.node.free().is_empty() && planned.columns.iter().all(|column| own.contains(&column.slot))
}

/// The operators of a plan, those of its subqueries too; a shared query is worked on once and counts as one.
fn operators_of(node: &Node) -> usize {
    let mut count = 1;
    node.inputs(&mut |input| count += operators_of(input));
    node.scalars(&mut |scalar| count += operators_in(scalar));
    count
}

/// The operators of an expression's subqueries.
pub(super) fn operators_in(scalar: &Scalar) -> usize {
    let mut count = scalar.subquery().map_or(0, |query| operators_of(&query.node));
    scalar.operands(&mut |operand| count += operators_in(operand));
    count
}

/// Every slot that is written in this plan and in the subqueries of its expressions.
fn collect_written(node: &mut Node, written: &mut Vec<Slot>) {
    node.inputs_mut(&mut |input| collect_written(input, written));
    match node {
        Node::Values { out, .. } | Node::Shared { out, .. } => written.extend(out.iter()),
        Node::Scan(scan) => written.extend(scan.columns.iter().map(|(_, slot)| *slot).chain(scan.key)),
        Node::Project { exprs, .. } => written.extend(exprs.iter().map(|(slot, _)| *slot)),
        Node::Aggregate(aggregate) => {
            written.extend(aggregate.keys.iter().map(|(slot, _)| *slot));
            written.extend(aggregate.calls.iter().map(|call| call.out));
        }
        Node::SetOp(set) => written.extend(set.out.iter()),
        _ => {}
    }
    node.scalars_mut(&mut |scalar| collect_written_in(scalar, written));
}

fn collect_written_in(scalar: &mut Scalar, written: &mut Vec<Slot>) {
    scalar.operands_mut(&mut |operand| collect_written_in(operand, written));
    if let Some(query) = scalar.subquery_mut() {
        collect_written(&mut query.node, written);
    }
}

/// Rows of `input` for which all of these are true.
pub(super) fn filter(input: Node, all: Vec<Scalar>) -> Node {
    match all.is_empty() {
        true => input,
        false => Node::Filter { input: Box::new(input), all },
    }
}

/// Computes these over the rows of a node.
pub(super) fn project(node: &mut Node, exprs: Vec<(Slot, Scalar)>) {
    if exprs.is_empty() {
        return;
    }
    let input = Box::new(std::mem::replace(node, Node::Nothing));
    *node = Node::Project { input, exprs };
}
