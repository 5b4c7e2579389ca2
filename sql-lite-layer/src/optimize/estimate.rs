//! How many rows a plan gives and what it costs, in reads of one row that stands next to the last one. Guesses: they decide about speed, never about the answer.

use crate::plan::node::{JoinKind, JoinMethod, Node};
use crate::plan::scalar::Scalar;
use crate::types::Value;

/// Rows of a table of which nothing is known.
pub(super) const ROWS_UNKNOWN: f64 = 10_000.0;
/// Finding one entry by its key.
pub(super) const SEEK: f64 = 1.0;
/// Putting a row into a hash table, or a row into a sort.
pub(super) const KEEP: f64 = 1.0;
/// Looking a row up in a hash table.
pub(super) const PROBE: f64 = 0.5;

#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    pub(super) rows: f64,
    pub(super) cost: f64,
}

impl Estimate {
    pub(super) const ONE: Estimate = Estimate { rows: 1.0, cost: 0.1 };

    /// Of these rows those for which a condition is true.
    pub(super) fn filtered(self, all: &[Scalar]) -> Estimate {
        Estimate { rows: (self.rows * selectivity(all)).max(0.1), cost: self.cost }
    }
}

/// The part of rows for which all of these are true.
pub(super) fn selectivity(all: &[Scalar]) -> f64 {
    all.iter().map(|scalar| if super::safety::equality(scalar).is_some() { 0.1 } else { 0.4 }).product()
}

/// What a join of these costs; `right` is what the right costs each time that it is opened.
pub(super) fn join(kind: JoinKind, method: &JoinMethod, left: Estimate, right: Estimate, on: &[Scalar]) -> Estimate {
    let pairs = match method {
        JoinMethod::Nested => left.rows * right.rows,
        JoinMethod::Hash { left: keys, .. } if keys.is_empty() => left.rows * right.rows,
        JoinMethod::Hash { .. } => left.rows.max(right.rows),
    };
    let cost = match method {
        JoinMethod::Nested => left.cost + left.rows * right.cost,
        JoinMethod::Hash { left: keys, .. } if keys.is_empty() => left.cost + right.cost + right.rows * KEEP + pairs * 0.2,
        JoinMethod::Hash { .. } => left.cost + right.cost + right.rows * KEEP + left.rows * PROBE,
    };
    let pairs = pairs * selectivity(on);
    let rows = match kind {
        JoinKind::Inner => pairs,
        JoinKind::Left => pairs.max(left.rows),
        JoinKind::Full => pairs.max(left.rows).max(right.rows),
        JoinKind::Semi | JoinKind::Anti => left.rows * 0.5,
    };
    Estimate { rows: rows.max(0.1), cost }
}

/// What an operator other than a scan or a join makes of its inputs.
pub(super) fn above(node: &Node, inputs: &[Estimate]) -> Estimate {
    let first = inputs.first().copied().unwrap_or(Estimate::ONE);
    match node {
        Node::Nothing => Estimate { rows: 0.1, cost: 0.0 },
        Node::Values { rows, .. } => {
            let rows = rows.len() as f64;
            Estimate { rows, cost: rows * 0.1 }
        }
        Node::Filter { all, .. } => first.filtered(all),
        Node::Aggregate(aggregate) if aggregate.keys.is_empty() => Estimate { rows: 1.0, cost: first.cost + first.rows * 0.2 },
        Node::Aggregate(_) | Node::Distinct { .. } => {
            Estimate { rows: first.rows.powf(0.75), cost: first.cost + first.rows * KEEP }
        }
        Node::Sort(_) => Estimate { rows: first.rows, cost: first.cost + first.rows * KEEP },
        Node::Limit { limit: Some(Scalar::Constant(Value::Int(limit))), .. } => {
            Estimate { rows: first.rows.min(*limit as f64).max(0.1), cost: first.cost }
        }
        Node::SetOp(_) => {
            let sum = |of: fn(&Estimate) -> f64| inputs.iter().map(of).sum::<f64>();
            Estimate { rows: sum(|input| input.rows), cost: sum(|input| input.cost) }
        }
        Node::Shared { .. } => Estimate { rows: 1_000.0, cost: 1_000.0 },
        _ => first,
    }
}
