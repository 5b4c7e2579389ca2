//! Sieves: a condition that may fail is tested only when all tables of its join stand, so that errors are those of the statement as it is written. Before that, a sieve made
//! of it drops the rows that it would drop in the end: where its columns are there, and where it is FALSE or NULL. Where it fails the row goes on, to the condition itself.
//!
//! Why the answer and its errors are kept:
//! - A condition is reached only by rows for which those before it are true, so that a sieve tests those too, in their order, and drops no row for which one of them fails.
//! - Sieves are made only where all else that a join computes for the rows that are dropped cannot fail and gives the same value each time: its tables, and what is derived. An equality
//!   between tables is no part of this, as it may be used in whatever order (see the room's head).
//! - Subqueries are in no sieve: they would run twice.

use super::Context;
use super::pushdown::is_free_to_move;
use super::safety::{is_volatile, node_may_fail};
use crate::plan::is_volatile_node;
use crate::plan::node::Node;
use crate::plan::scalar::Scalar;
use crate::plan::walk::same;

/// So many conditions are made sieves of at most: each tests those before it again.
const CONDITIONS_MAX: usize = 16;
/// And no condition that is made of more expressions.
const SIZE_MAX: usize = 64;

/// Sieves of conditions that are tested in this order, the first so many of them: the second sieve is of the first two, and so on. None where one gives another value each time.
pub(super) fn of<'s>(conditions: impl Iterator<Item = &'s Scalar>) -> Vec<Scalar> {
    let mut so_far: Vec<Scalar> = Vec::new();
    let mut sieves = Vec::new();
    let mut is_open = true;
    for condition in conditions {
        if is_volatile(condition) {
            return Vec::new();
        }
        let is_fit = condition.size(SIZE_MAX) < SIZE_MAX && !condition.any(&mut |scalar| scalar.subquery().is_some());
        is_open = is_open && is_fit && so_far.len() < CONDITIONS_MAX;
        if is_open {
            so_far.push(condition.clone());
            sieves.push(Scalar::Sieve(so_far.clone()));
        }
    }
    sieves
}

/// As [`of`], of those among these that may fail.
pub(super) fn of_failing(conditions: &[Scalar], cx: &Context<'_>) -> Vec<Scalar> {
    of(conditions.iter().filter(|condition| !is_free_to_move(condition, cx)))
}

/// Whether rows may be taken from what stands below without anybody seeing it but by the rows that are missing.
pub(super) fn is_quiet(node: &Node, cx: &Context<'_>) -> bool {
    cx.has_sieves && !node_may_fail(node, cx) && !is_volatile_node(node)
}

/// Whether one of these conditions, which stand at the same place, does all that a sieve does.
pub(super) fn is_needless(sieve: &Scalar, beside: &[Scalar]) -> bool {
    let Scalar::Sieve(all) = sieve else { return false };
    all.last().is_some_and(|last| beside.iter().any(|condition| same(condition, last)))
}
