//! Queries of WITH that are used more than once: their plans stand beside the statement's, each worked on once however often it is used.
//!
//! A shared query's number is greater than those of the shared queries in it: in ascending order each finds its parts done.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::node::{Action, Node, Slot};
use super::scalar::Scalar;

/// Lets `f` change each shared query's plan once, and then each root of the statement; and the scalars beside them by `of_scalar`.
pub(crate) fn transform(action: &mut Action, f: &mut dyn FnMut(&mut Node), of_scalar: &mut dyn FnMut(&mut Scalar)) {
    let mut found = BTreeMap::new();
    action.roots_mut(&mut |node| collect(node, &mut found));
    action.scalars_mut(&mut |scalar| collect_in(scalar, &mut found));
    let mut done: BTreeMap<usize, Arc<Node>> = BTreeMap::new();
    for (number, node) in found {
        let mut node = (*node).clone();
        relink(&mut node, &done);
        f(&mut node);
        done.insert(number, Arc::new(node));
    }
    action.roots_mut(&mut |node| {
        relink(node, &done);
        f(node);
    });
    action.scalars_mut(&mut |scalar| {
        relink_in(scalar, &done);
        of_scalar(scalar);
    });
}

/// Writes into each subquery which slots of rows around it it reads, and into each use of a shared query what all its uses read together.
pub(crate) fn seal(action: &mut Action) {
    let kept = reads(action).into_iter().map(|(number, slots)| (number, slots.into_iter().collect())).collect();
    transform(action, &mut |node| seal_node(node, &kept), &mut |scalar| seal_in(scalar, &kept));
}

fn seal_node(node: &mut Node, all: &HashMap<usize, Arc<[Slot]>>) {
    if let Node::Shared { number, kept, .. } = node
        && let Some(slots) = all.get(number)
    {
        *kept = Arc::clone(slots);
    }
    node.inputs_mut(&mut |input| seal_node(input, all));
    node.scalars_mut(&mut |scalar| seal_in(scalar, all));
}

fn seal_in(scalar: &mut Scalar, all: &HashMap<usize, Arc<[Slot]>>) {
    scalar.operands_mut(&mut |operand| seal_in(operand, all));
    if let Some(query) = scalar.subquery_mut() {
        seal_node(&mut query.node, all);
        query.seal();
    }
}

/// The slots of each shared query that its uses read.
pub(crate) fn reads(action: &mut Action) -> BTreeMap<usize, BTreeSet<Slot>> {
    let mut reads = BTreeMap::new();
    action.roots_mut(&mut |node| add_reads(node, &mut reads));
    action.scalars_mut(&mut |scalar| add_reads_in(scalar, &mut reads));
    reads
}

fn add_reads(node: &Node, reads: &mut BTreeMap<usize, BTreeSet<Slot>>) {
    if let Node::Shared { number, node, from, .. } = node {
        let is_new = !reads.contains_key(number);
        reads.entry(*number).or_default().extend(from);
        if is_new {
            add_reads(node, reads);
        }
    }
    node.inputs(&mut |input| add_reads(input, reads));
    node.scalars(&mut |scalar| add_reads_in(scalar, reads));
}

fn add_reads_in(scalar: &Scalar, reads: &mut BTreeMap<usize, BTreeSet<Slot>>) {
    scalar.operands(&mut |operand| add_reads_in(operand, reads));
    if let Some(query) = scalar.subquery() {
        add_reads(&query.node, reads);
    }
}

/// Puts each shared query that stands only once into its place.
pub(crate) fn inline_single_uses(action: &mut Action) {
    let mut uses: HashMap<usize, usize> = HashMap::new();
    transform(action, &mut |node| count(node, &mut uses), &mut |_| {});
    action.scalars_mut(&mut |scalar| count_in(scalar, &mut uses));
    if uses.values().any(|count| *count == 1) {
        transform(action, &mut |node| inline(node, &uses), &mut |scalar| inline_in(scalar, &uses));
    }
}

fn collect(node: &Node, found: &mut BTreeMap<usize, Arc<Node>>) {
    if let Node::Shared { number, node, .. } = node
        && !found.contains_key(number)
    {
        found.insert(*number, Arc::clone(node));
        collect(node, found);
    }
    node.inputs(&mut |input| collect(input, found));
    node.scalars(&mut |scalar| collect_in(scalar, found));
}

fn collect_in(scalar: &Scalar, found: &mut BTreeMap<usize, Arc<Node>>) {
    scalar.operands(&mut |operand| collect_in(operand, found));
    if let Some(query) = scalar.subquery() {
        collect(&query.node, found);
    }
}

fn relink(node: &mut Node, done: &BTreeMap<usize, Arc<Node>>) {
    if let Node::Shared { number, node, .. } = node
        && let Some(by) = done.get(number)
    {
        *node = Arc::clone(by);
    }
    node.inputs_mut(&mut |input| relink(input, done));
    node.scalars_mut(&mut |scalar| relink_in(scalar, done));
}

fn relink_in(scalar: &mut Scalar, done: &BTreeMap<usize, Arc<Node>>) {
    scalar.operands_mut(&mut |operand| relink_in(operand, done));
    if let Some(query) = scalar.subquery_mut() {
        relink(&mut query.node, done);
    }
}

fn count(node: &mut Node, uses: &mut HashMap<usize, usize>) {
    if let Node::Shared { number, .. } = node {
        *uses.entry(*number).or_insert(0) += 1;
    }
    node.inputs_mut(&mut |input| count(input, uses));
    node.scalars_mut(&mut |scalar| count_in(scalar, uses));
}

fn count_in(scalar: &mut Scalar, uses: &mut HashMap<usize, usize>) {
    scalar.operands_mut(&mut |operand| count_in(operand, uses));
    if let Some(query) = scalar.subquery_mut() {
        count(&mut query.node, uses);
    }
}

fn inline(node: &mut Node, uses: &HashMap<usize, usize>) {
    if let Node::Shared { number, node: shared, from, out, .. } = node {
        if uses.get(number) == Some(&1) {
            let exprs = out.iter().zip(&*from).map(|(out, from)| (*out, Scalar::Slot(*from))).collect();
            // What is in it was put into its places before.
            *node = Node::Project { input: Box::new((**shared).clone()), exprs };
        }
        return;
    }
    node.inputs_mut(&mut |input| inline(input, uses));
    node.scalars_mut(&mut |scalar| inline_in(scalar, uses));
}

fn inline_in(scalar: &mut Scalar, uses: &HashMap<usize, usize>) {
    scalar.operands_mut(&mut |operand| inline_in(operand, uses));
    if let Some(query) = scalar.subquery_mut() {
        inline(&mut query.node, uses);
    }
}
