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
        let mut below = 0;
        if let Node::Shared { number, .. } = node {
            below = self.state.shared_depths[*number];
        }
        match node {
            // Joins side by side, of derived tables and views too, become one chain, which is as deep as it has tables.
            Node::Join(_) => {
                let mut leaves = 0;
                below = self.deepest_joined(node, &mut leaves) + OPERATOR * leaves.saturating_sub(2);
            }
            _ => node.inputs(&mut |input| below = below.max(self.depth(input))),
        }
        OPERATOR + below + self.beside(node)
    }

    /// What an operator's expressions add. EXISTS and IN in a filter become joins one over the other.
    fn beside(&self, node: &Node) -> usize {
        let (mut deepest, mut joins) = (0, 0);
        let is_filter = matches!(node, Node::Filter { .. });
        node.scalars(&mut |scalar| {
            deepest = deepest.max(self.depth_in(scalar));
            joins += usize::from(is_filter && scalar.subquery().is_some());
        });
        deepest + OPERATOR * joins
    }

    /// How deep the deepest of what is joined here is; their number is added to `leaves`.
    fn deepest_joined(&self, node: &Node, leaves: &mut usize) -> usize {
        let mut deepest = 0;
        match node {
            Node::Join(_) | Node::Filter { .. } | Node::Project { .. } => {
                node.inputs(&mut |input| deepest = deepest.max(self.deepest_joined(input, leaves)));
                deepest + self.beside(node)
            }
            leaf => {
                *leaves += 1;
                self.depth(leaf)
            }
        }
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
