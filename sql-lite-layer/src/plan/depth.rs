//! How deep a plan is: whoever works on it recurses, on a stack that may be small, in a build that may not be optimized.
//!
//! What is deep in a text is capped by the parser. But a plan grows deeper than its text: queries of WITH that read each other, views in views, set operations and joins one
//! over the other; and rules put expressions into each other. So an operator counts for all that is below it and for what its expressions add.

use super::Planner;
use super::node::Node;
use super::scalar::Scalar;
use crate::error::{Error, ErrorKind, Result};

/// What an operator counts for; an expression in another counts 1.
const OPERATOR: usize = 4;
/// 150 operators in each other. They take up to 12 KiB of the stack each where nothing is optimized, and a thread has 2 MiB.
const DEPTH_MAX: usize = 600;

/// Refuses what is too deep.
///
/// # Errors
///
/// `Limit`.
pub(super) fn check(depth: usize) -> Result<()> {
    match depth <= DEPTH_MAX {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Limit, "too many queries, joins, set operations and expressions stand in each other")),
    }
}

impl Planner<'_> {
    /// How deep a plan is, shared queries with what is below them.
    pub(super) fn depth(&self, node: &Node) -> usize {
        let (mut below, mut beside) = (0, 0);
        if let Node::Shared { number, .. } = node {
            below = self.state.shared_depths[*number];
        }
        node.inputs(&mut |input| below = below.max(self.depth(input)));
        node.scalars(&mut |scalar| beside = beside.max(self.depth_in(scalar)));
        OPERATOR + below + beside
    }

    fn depth_in(&self, scalar: &Scalar) -> usize {
        let mut below = None;
        scalar.operands(&mut |operand| below = below.max(Some(self.depth_in(operand))));
        if let Some(query) = scalar.subquery() {
            below = below.max(Some(self.depth(&query.node)));
        }
        below.map_or(0, |below| below + 1)
    }
}
