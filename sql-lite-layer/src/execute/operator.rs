//! An operator of a plan while it runs.

use std::time::Instant;

use super::aggregate::Aggregate;
use super::by_hash::ByHash;
use super::context::{Context, Counters, Frame};
use super::distinct::Distinct;
use super::filter::Filter;
use super::full_join::FullJoin;
use super::hash_join::HashJoin;
use super::limit::Limit;
use super::lookups::Lookups;
use super::nested_join::NestedJoin;
use super::project::Project;
use super::scan::Scan;
use super::set_operation::SetOperation;
use super::shared::Shared;
use super::sort::Sort;
use super::values::{OneRow, Values};
use crate::error::Result;
use crate::plan::node::{JoinKind, JoinMethod, Node};

/// Gives rows: each `next` that is true has written one into the frame.
pub(crate) enum Operator<'r> {
    OneRow(OneRow),
    Nothing,
    Values(Values<'r>),
    Scan(Box<Scan<'r>>),
    Filter(Box<Filter<'r>>),
    Project(Box<Project<'r>>),
    NestedJoin(Box<NestedJoin<'r>>),
    Lookups(Box<Lookups<'r>>),
    FullJoin(Box<FullJoin<'r>>),
    HashJoin(Box<HashJoin<'r>>),
    ByHash(Box<ByHash<'r>>),
    Aggregate(Box<Aggregate<'r>>),
    Sort(Box<Sort<'r>>),
    Distinct(Box<Distinct<'r>>),
    Limit(Box<Limit<'r>>),
    SetOperation(Box<SetOperation<'r>>),
    Shared(Box<Shared<'r>>),
    Counted(Box<Counted<'r>>),
}

impl<'r> Operator<'r> {
    /// The operator of a node, not open yet. Reads nothing, but finds the tables.
    pub(super) fn new(node: &'r Node, cx: &Context<'r>) -> Result<Operator<'r>> {
        let operator = match node {
            Node::OneRow => Operator::OneRow(OneRow::default()),
            Node::Nothing => Operator::Nothing,
            Node::Values { rows, out } => Operator::Values(Values::new(rows, out)),
            Node::Scan(scan) => Operator::Scan(Box::new(Scan::new(scan, cx)?)),
            Node::Filter { input, all } => Operator::Filter(Box::new(Filter::new(input, all, cx)?)),
            Node::Project { input, exprs } => Operator::Project(Box::new(Project::new(input, exprs, cx)?)),
            // What EXPLAIN ANALYZE counts it counts by operator.
            Node::Join(join)
                if cx.inputs.counters.is_none()
                    && let Some(lookups) = Lookups::of(join, cx)? =>
            {
                Operator::Lookups(Box::new(lookups))
            }
            Node::Join(join) => match (&join.method, join.kind) {
                (JoinMethod::Nested, JoinKind::Full) => Operator::FullJoin(Box::new(FullJoin::new(join, cx)?)),
                (JoinMethod::Nested, _) => Operator::NestedJoin(Box::new(NestedJoin::new(join, cx)?)),
                (JoinMethod::Hash { left, right }, _) if join.is_by_hash() => {
                    Operator::ByHash(Box::new(ByHash::new(join, left, right, cx)?))
                }
                (JoinMethod::Hash { left, right }, _) => Operator::HashJoin(Box::new(HashJoin::new(join, left, right, cx)?)),
            },
            Node::Aggregate(aggregate) => Operator::Aggregate(Box::new(Aggregate::new(aggregate, cx)?)),
            Node::Sort(sort) => Operator::Sort(Box::new(Sort::new(sort, cx)?)),
            Node::Distinct { input, on } => Operator::Distinct(Box::new(Distinct::new(input, on, cx)?)),
            Node::Limit { input, limit, offset } => {
                Operator::Limit(Box::new(Limit::new(input, limit.as_ref(), offset.as_ref(), cx)?))
            }
            Node::SetOp(operation) => Operator::SetOperation(Box::new(SetOperation::new(operation, cx)?)),
            Node::Shared { number, node, kept, from, out } => {
                Operator::Shared(Box::new(Shared::new(*number, node, kept, from, out)?))
            }
        };
        Ok(match cx.inputs.counters {
            Some(counters) => Operator::Counted(Box::new(Counted { node, counters, operator })),
            None => operator,
        })
    }

    /// Begins, or begins anew.
    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        match self {
            Operator::OneRow(operator) => operator.open(),
            Operator::Nothing => {}
            Operator::Values(operator) => operator.open(),
            Operator::Scan(operator) => return operator.open(frame, cx),
            Operator::Filter(operator) => return operator.open(frame, cx),
            Operator::Project(operator) => return operator.open(frame, cx),
            Operator::NestedJoin(operator) => return operator.open(frame, cx),
            Operator::Lookups(operator) => return operator.open(frame, cx),
            Operator::FullJoin(operator) => return operator.open(frame, cx),
            Operator::HashJoin(operator) => return operator.open(frame, cx),
            Operator::ByHash(operator) => return operator.open(frame, cx),
            Operator::Aggregate(operator) => return operator.open(frame, cx),
            Operator::Sort(operator) => return operator.open(frame, cx),
            Operator::Distinct(operator) => return operator.open(frame, cx),
            Operator::Limit(operator) => return operator.open(frame, cx),
            Operator::SetOperation(operator) => return operator.open(frame, cx),
            Operator::Shared(operator) => return operator.open(cx),
            Operator::Counted(operator) => return operator.open(frame, cx),
        }
        Ok(())
    }

    /// The next row, into the frame; false at the end. Not called again after that until it is opened anew.
    #[inline]
    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        match self {
            Operator::OneRow(operator) => Ok(operator.next()),
            Operator::Nothing => Ok(false),
            Operator::Values(operator) => operator.next(frame, cx),
            Operator::Scan(operator) => operator.next(frame, cx),
            Operator::Filter(operator) => operator.next(frame, cx),
            Operator::Project(operator) => operator.next(frame, cx),
            Operator::NestedJoin(operator) => operator.next(frame, cx),
            Operator::Lookups(operator) => operator.next(frame, cx),
            Operator::FullJoin(operator) => operator.next(frame, cx),
            Operator::HashJoin(operator) => operator.next(frame, cx),
            Operator::ByHash(operator) => operator.next(frame, cx),
            Operator::Aggregate(operator) => operator.next(frame, cx),
            Operator::Sort(operator) => operator.next(frame, cx),
            Operator::Distinct(operator) => operator.next(frame, cx),
            Operator::Limit(operator) => operator.next(frame, cx),
            Operator::SetOperation(operator) => operator.next(frame, cx),
            Operator::Shared(operator) => operator.next(frame, cx),
            Operator::Counted(operator) => operator.next(frame, cx),
        }
    }
}

/// An operator whose rows and time are counted, for EXPLAIN ANALYZE.
pub(crate) struct Counted<'r> {
    node: &'r Node,
    counters: &'r Counters,
    operator: Operator<'r>,
}

impl<'r> Counted<'r> {
    fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        let start = Instant::now();
        self.operator.open(frame, cx)?;
        self.counters.count(self.node, true, false, start.elapsed());
        Ok(())
    }

    fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        let start = Instant::now();
        let row = self.operator.next(frame, cx)?;
        self.counters.count(self.node, false, row, start.elapsed());
        Ok(row)
    }
}
