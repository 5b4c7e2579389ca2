//! Rule `joins`: in which order tables are joined, whether by lookups or by a hash, and by which key each table is read.
//!
//! The search is greedy and bounded: from each table as the first (from the cheapest alone where there are many), always the table that costs least next. A table that
//! conditions connect with those before it comes before one that must be crossed.
//!
//! Why the answer is kept: an inner join's conditions are true of the same combinations of rows in whatever order they are made. Outer, semi and anti joins keep
//! their sides; what stands left of one is ordered by itself. A lookup reads the row of the left from the frame; a hash join is taken only where the right does not.
//! Conditions that may fail are tested when all tables of their join stand, but for equalities between two tables (see the room's head).

use super::access::type_of_scalar;
use super::estimate::{self, Estimate};
use super::pushdown::{filter, is_free_to_move, push};
use super::safety::equality;
use super::{Context, access::choose, sieve};
use crate::plan::node::{Join, JoinKind, JoinMethod, Node, Slot};
use crate::plan::same_class;
use crate::plan::scalar::Scalar;
use crate::plan::walk::Slots;

/// Up to so many tables each is tried as the first.
const STARTS_MAX: usize = 8;

pub(super) fn rule(node: &mut Node, cx: &mut Context<'_>) {
    super::replace(node, |node| arrange(node, cx).0);
}

/// A plan with its joins in order and its keys chosen; what it costs.
fn arrange(node: Node, cx: &mut Context<'_>) -> (Node, Estimate) {
    cx.trials = cx.trials.saturating_sub(1);
    match node {
        Node::Scan(mut scan) => {
            let estimate = choose(&mut scan, cx);
            (Node::Scan(scan), estimate)
        }
        Node::Join(join) if join.kind == JoinKind::Inner && matches!(join.method, JoinMethod::Nested) => {
            let mut group = Group::default();
            flatten(Node::Join(join), &mut group);
            inner(group, cx)
        }
        Node::Filter { input, all } if is_inner(&input) => {
            let mut group = Group::default();
            flatten(*input, &mut group);
            group.conditions.extend(all);
            inner(group, cx)
        }
        Node::Filter { mut input, all } if is_outer(&input) => {
            sieve_left(&mut input, &all, cx);
            let (input, estimate) = arrange(*input, cx);
            let estimate = estimate.filtered(&all);
            (filter(input, all, cx), estimate)
        }
        Node::Join(join) if matches!(join.method, JoinMethod::Nested) => outer(*join, cx),
        mut other => {
            let mut estimates = Vec::new();
            other.inputs_mut(&mut |input| {
                super::replace(input, |input| {
                    let (input, estimate) = arrange(input, cx);
                    estimates.push(estimate);
                    input
                });
            });
            let estimate = estimate::above(&other, &estimates);
            (other, estimate)
        }
    }
}

fn is_inner(node: &Node) -> bool {
    matches!(node, Node::Join(join) if join.kind == JoinKind::Inner && matches!(join.method, JoinMethod::Nested))
}

fn is_outer(node: &Node) -> bool {
    matches!(node, Node::Join(join) if join.kind != JoinKind::Inner && matches!(join.method, JoinMethod::Nested))
}

/// Lets the left side of a join, whose rows are those that the conditions above it see, drop what these would drop.
fn sieve_left(node: &mut Node, above: &[Scalar], cx: &mut Context<'_>) {
    if !sieve::is_quiet(node, cx) {
        return;
    }
    let sieves = sieve::of_failing(above, cx);
    let Node::Join(join) = node else { return };
    let right = join.right.outputs();
    if join.kind != JoinKind::Full {
        push_onto(&mut join.left, sieves.into_iter().filter(|sieve| sieve.reads().is_disjoint(&right)).collect(), cx);
    }
}

/// As those conditions of a join that read its right alone and may fail: they drop rows that then have no partner.
fn sieve_right(kind: JoinKind, left: &Node, right: &mut Node, on: &[Scalar], cx: &mut Context<'_>) {
    let is_quiet = sieve::is_quiet(right, cx) && (kind != JoinKind::Semi || sieve::is_quiet(left, cx));
    if kind == JoinKind::Full || !is_quiet {
        return;
    }
    let own = right.outputs();
    let sieves = sieve::of_failing(on, cx).into_iter().filter(|sieve| {
        let reads = sieve.reads();
        !reads.is_empty() && reads.is_subset(&own)
    });
    push_onto(right, sieves.collect(), cx);
}

fn push_onto(node: &mut Node, all: Vec<Scalar>, cx: &mut Context<'_>) {
    if !all.is_empty() {
        super::replace(node, |node| push(node, all, cx));
    }
}

/// Inner joins side by side: tables (or what stands for them) and the conditions over them.
#[derive(Default)]
struct Group {
    leaves: Vec<Node>,
    conditions: Vec<Scalar>,
}

fn flatten(node: Node, group: &mut Group) {
    match node {
        Node::Join(join) if join.kind == JoinKind::Inner && matches!(join.method, JoinMethod::Nested) => {
            flatten(join.left, group);
            flatten(join.right, group);
            group.conditions.extend(join.on);
        }
        Node::Filter { input, all } if is_inner(&input) => {
            flatten(*input, group);
            group.conditions.extend(all);
        }
        leaf => group.leaves.push(leaf),
    }
}

/// A leaf, as it is planned by itself.
struct Leaf {
    /// Before a key was chosen: conditions of a lookup are pushed into this.
    node: Node,
    alone: Node,
    estimate: Estimate,
}

/// A condition, and the leaves that it is about.
struct Condition {
    scalar: Scalar,
    leaves: Vec<usize>,
    /// Tested only when all leaves are joined.
    is_last: bool,
}

/// How a leaf joins those before it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    /// Alone, or looked up for each row.
    Nested,
    Hash,
}

fn inner(group: Group, cx: &mut Context<'_>) -> (Node, Estimate) {
    let outputs: Vec<Slots> = group.leaves.iter().map(Node::outputs).collect();
    let mut conditions: Vec<Condition> = group.conditions.into_iter().map(|scalar| condition(scalar, &outputs, cx)).collect();
    let mut own: Vec<Vec<Scalar>> = vec![Vec::new(); outputs.len()];
    for sieve in sieves(&group.leaves, &conditions, &outputs, cx) {
        match sieve.leaves[..] {
            [leaf] => own[leaf].push(sieve.scalar),
            _ => conditions.push(sieve),
        }
    }
    let mut leaves = Vec::with_capacity(group.leaves.len());
    for (mut node, own) in group.leaves.into_iter().zip(own) {
        push_onto(&mut node, own, cx);
        let (alone, estimate) = arrange(node.clone(), cx);
        leaves.push(Leaf { node, alone, estimate });
    }
    let order = search(&leaves, &conditions, &outputs, cx);
    build(leaves, conditions, &outputs, &order, cx)
}

/// Sieves of the conditions that come last, for as long as not all leaves are joined.
fn sieves(leaves: &[Node], conditions: &[Condition], outputs: &[Slots], cx: &Context<'_>) -> Vec<Condition> {
    if !conditions.iter().any(|condition| condition.is_last) || !leaves.iter().all(|leaf| sieve::is_quiet(leaf, cx)) {
        return Vec::new();
    }
    let last = conditions.iter().filter(|condition| condition.is_last).map(|condition| &condition.scalar);
    let mut sieves: Vec<Condition> = sieve::of(last).into_iter().map(|scalar| condition(scalar, outputs, cx)).collect();
    // Of two at one place the longer one does what the shorter does.
    sieves.reverse();
    sieves.dedup_by(|shorter, longer| shorter.leaves == longer.leaves);
    sieves.retain(|sieve| !sieve.leaves.is_empty() && sieve.leaves.len() < leaves.len());
    sieves.reverse();
    sieves
}

fn condition(scalar: Scalar, outputs: &[Slots], cx: &Context<'_>) -> Condition {
    let reads = scalar.reads();
    let leaves: Vec<usize> = (0..outputs.len()).filter(|leaf| !outputs[*leaf].is_disjoint(&reads)).collect();
    let is_key = equality(&scalar).is_some() && leaves.len() == 2;
    let is_last = !is_free_to_move(&scalar, cx) && !is_key;
    Condition { scalar, leaves, is_last }
}

/// The order of the leaves, and how each joins those before it.
fn search(leaves: &[Leaf], conditions: &[Condition], outputs: &[Slots], cx: &mut Context<'_>) -> Vec<(usize, Method)> {
    let mut starts: Vec<usize> = (0..leaves.len()).collect();
    let cheapness = |leaf: &usize| leaves[*leaf].estimate.rows + leaves[*leaf].estimate.cost * 0.01;
    starts.sort_by(|a, b| cheapness(a).total_cmp(&cheapness(b)));
    if leaves.len() > STARTS_MAX {
        starts.truncate(1);
    }
    let mut best: Option<(f64, Vec<(usize, Method)>)> = None;
    for start in starts {
        let (cost, order) = greedy(start, leaves, conditions, outputs, cx);
        if best.as_ref().is_none_or(|(known, _)| cost < *known * 0.999) {
            best = Some((cost, order));
        }
    }
    best.map(|(_, order)| order).unwrap_or_default()
}

fn greedy(
    start: usize,
    leaves: &[Leaf],
    conditions: &[Condition],
    outputs: &[Slots],
    cx: &mut Context<'_>,
) -> (f64, Vec<(usize, Method)>) {
    let mut order = vec![(start, Method::Nested)];
    let mut placed = vec![false; leaves.len()];
    placed[start] = true;
    let mut so_far = leaves[start].estimate;
    while order.len() < leaves.len() {
        let open = (0..leaves.len()).filter(|leaf| !placed[*leaf]);
        let (connected, others): (Vec<usize>, Vec<usize>) = open.partition(|leaf| {
            conditions.iter().any(|condition| {
                let others = condition.leaves.iter().filter(|of| *of != leaf);
                condition.leaves.contains(leaf) && condition.leaves.len() > 1 && others.clone().all(|of| placed[*of])
            })
        });
        // A single row costs nothing to cross.
        let candidates = if connected.is_empty() { others } else { connected };
        let mut best: Option<(f64, usize, Method, Estimate)> = None;
        for leaf in candidates {
            let (method, estimate) = step(leaf, &leaves[leaf], so_far, &placed, conditions, outputs, cx);
            let score = estimate.cost + estimate.rows;
            if best.as_ref().is_none_or(|(known, ..)| score < *known) {
                best = Some((score, leaf, method, estimate));
            }
        }
        let Some((_, leaf, method, estimate)) = best else { break };
        placed[leaf] = true;
        order.push((leaf, method));
        so_far = estimate;
    }
    (so_far.cost + so_far.rows, order)
}

/// The conditions that can be tested when this leaf joins those that are placed.
fn available<'c>(leaf: usize, placed: &[bool], conditions: &'c [Condition]) -> Vec<&'c Condition> {
    let is_now = |condition: &&Condition| {
        !condition.is_last && condition.leaves.contains(&leaf) && condition.leaves.iter().all(|of| *of == leaf || placed[*of])
    };
    conditions.iter().filter(is_now).collect()
}

/// How a leaf joins those that are placed at the least cost.
fn step(
    at: usize,
    leaf: &Leaf,
    so_far: Estimate,
    placed: &[bool],
    conditions: &[Condition],
    outputs: &[Slots],
    cx: &mut Context<'_>,
) -> (Method, Estimate) {
    let on: Vec<Scalar> = available(at, placed, conditions).into_iter().map(|condition| condition.scalar.clone()).collect();
    let (keys, rest) = hash_keys(&on, &outputs[at], cx);
    let nested = lookup(&leaf.node, &on, cx).map_or(leaf.estimate.filtered(&on), |(_, estimate)| estimate);
    let nested = estimate::join(JoinKind::Inner, &JoinMethod::Nested, so_far, nested, &[]);
    let hashed = estimate::join(JoinKind::Inner, &keys, so_far, leaf.estimate, &rest);
    match hashed.cost < nested.cost && so_far.rows > 1.0 {
        true => (Method::Hash, Estimate { rows: hashed.rows.min(nested.rows.max(0.1)), ..hashed }),
        false => (Method::Nested, nested),
    }
}

/// A leaf that is looked up by these conditions; none: it is not worth planning it anew.
fn lookup(node: &Node, on: &[Scalar], cx: &mut Context<'_>) -> Option<(Node, Estimate)> {
    if let Node::Scan(scan) = node {
        let mut scan = scan.clone();
        scan.filter.retain(|own| !sieve::is_needless(own, on));
        scan.filter.extend(on.iter().cloned());
        let estimate = choose(&mut scan, cx);
        return Some((Node::Scan(scan), estimate));
    }
    if on.is_empty() || cx.trials == 0 {
        return None;
    }
    let pushed = push(node.clone(), on.to_vec(), cx);
    Some(arrange(pushed, cx))
}

/// The equalities among these that a hash join can use, with the leaf on the right; and the other conditions.
pub(super) fn hash_keys(on: &[Scalar], right: &Slots, cx: &Context<'_>) -> (JoinMethod, Vec<Scalar>) {
    let (mut left_keys, mut right_keys, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for scalar in on {
        let pair = equality(scalar).and_then(|(a, b)| {
            let (a_reads, b_reads) = (a.reads(), b.reads());
            let is_of_right = |reads: &Slots| !reads.is_empty() && reads.is_subset(right);
            let (one, other) = match () {
                () if is_of_right(&b_reads) && a_reads.is_disjoint(right) => (a, b),
                () if is_of_right(&a_reads) && b_reads.is_disjoint(right) => (b, a),
                () => return None,
            };
            is_of_one_class(one, other, cx).then(|| (one.clone(), other.clone()))
        });
        match pair {
            Some((one, other)) => {
                left_keys.push(one);
                right_keys.push(other);
            }
            None => rest.push(scalar.clone()),
        }
    }
    (JoinMethod::Hash { left: left_keys, right: right_keys }, rest)
}

fn is_of_one_class(a: &Scalar, b: &Scalar, cx: &Context<'_>) -> bool {
    match (type_of_scalar(a, cx), type_of_scalar(b, cx)) {
        (Some(a), Some(b)) => same_class(&a, &b) || (a.is_numeric() && b.is_numeric()),
        _ => false,
    }
}

/// Joins the leaves in this order.
fn build(
    leaves: Vec<Leaf>,
    conditions: Vec<Condition>,
    outputs: &[Slots],
    order: &[(usize, Method)],
    cx: &mut Context<'_>,
) -> (Node, Estimate) {
    let mut leaves: Vec<Option<Leaf>> = leaves.into_iter().map(Some).collect();
    let mut placed = vec![false; leaves.len()];
    let mut built: Option<(Node, Estimate)> = None;
    for (at, method) in order {
        let Some(leaf) = leaves[*at].take() else { continue };
        let Some((left, so_far)) = built.take() else {
            placed[*at] = true;
            let first: Vec<Scalar> = available(*at, &placed, &conditions).into_iter().map(|of| of.scalar.clone()).collect();
            let estimate = leaf.estimate.filtered(&first);
            built = Some((filter(leaf.alone, first, cx), estimate));
            continue;
        };
        let on: Vec<Scalar> = available(*at, &placed, &conditions).into_iter().map(|of| of.scalar.clone()).collect();
        built = Some(pair(JoinKind::Inner, (left, so_far), leaf, on, &outputs[*at], Some(*method), cx));
        placed[*at] = true;
    }
    let (node, estimate) = built.unwrap_or((Node::OneRow, Estimate::ONE));
    // What is about no leaf was pushed to the first; what may fail comes last, in the order in which it was written.
    let last = conditions.into_iter().filter(|condition| condition.is_last || condition.leaves.is_empty());
    let last: Vec<Scalar> = last.map(|condition| condition.scalar).collect();
    let estimate = estimate.filtered(&last);
    (filter(node, last, cx), estimate)
}

/// A join of what stands so far with a leaf.
fn pair(
    kind: JoinKind,
    (left, so_far): (Node, Estimate),
    leaf: Leaf,
    on: Vec<Scalar>,
    right_outputs: &Slots,
    method: Option<Method>,
    cx: &mut Context<'_>,
) -> (Node, Estimate) {
    let left_outputs = left.outputs();
    let reads_left = !leaf.node.free().is_disjoint(&left_outputs);
    let (keys, rest) = hash_keys(&on, right_outputs, cx);
    let looked_up = lookup(&leaf.node, &on, cx);
    let nested = looked_up.as_ref().map_or(leaf.estimate, |(_, estimate)| *estimate);
    let nested_on: &[Scalar] = if looked_up.is_some() { &[] } else { &on };
    let by_nested = estimate::join(kind, &JoinMethod::Nested, so_far, nested, nested_on);
    let by_hash = estimate::join(kind, &keys, so_far, leaf.estimate, &rest);
    let hash = match method {
        _ if reads_left => false,
        Some(method) => method == Method::Hash,
        None => by_hash.cost < by_nested.cost && so_far.rows > 1.0,
    };
    let (method, right, on, estimate) = match (hash, looked_up) {
        (true, _) => (keys, leaf.alone, rest, by_hash),
        (false, Some((right, _))) => (JoinMethod::Nested, right, Vec::new(), by_nested),
        (false, None) => (JoinMethod::Nested, leaf.alone, on, by_nested),
    };
    let sorted = |slots: &Slots| {
        let mut slots: Vec<Slot> = slots.iter().copied().collect();
        slots.sort_unstable();
        slots
    };
    let (left_slots, right_slots) = (sorted(&left_outputs), sorted(right_outputs));
    (Node::Join(Box::new(Join { kind, left, right, method, on, left_slots, right_slots })), estimate)
}

/// A join that keeps its sides.
fn outer(join: Join, cx: &mut Context<'_>) -> (Node, Estimate) {
    let Join { kind, left, mut right, on, left_slots, right_slots, .. } = join;
    sieve_right(kind, &left, &mut right, &on, cx);
    let unarranged = left.clone();
    let (left, so_far) = arrange(left, cx);
    let (alone, estimate) = arrange(right.clone(), cx);
    let outputs = right.outputs();
    if kind == JoinKind::Full {
        // Rows of the right without a partner are known only when the whole left was read.
        let (keys, rest) = hash_keys(&on, &outputs, cx);
        let is_hash = matches!(&keys, JoinMethod::Hash { left, .. } if !left.is_empty());
        let (method, on) = if is_hash { (keys, rest) } else { (JoinMethod::Nested, on) };
        let estimate = estimate::join(kind, &method, so_far, estimate, &on);
        let join = Join { kind, left, right: alone, method, on, left_slots, right_slots };
        return (Node::Join(Box::new(join)), estimate);
    }
    let leaf = Leaf { node: right, alone, estimate };
    if kind == JoinKind::Semi
        && let Some(driven) = driven(&unarranged, so_far, &leaf, &on, &outputs, cx)
    {
        return driven;
    }
    pair(kind, (left, so_far), leaf, on, &outputs, None, cx)
}

/// A semi join the other way round: each distinct row of the right looks its partners up in the left, where that costs less. A row of the left is equal to one of the
/// distinct rows at most, so that it comes once.
fn driven(
    left: &Node,
    so_far: Estimate,
    leaf: &Leaf,
    on: &[Scalar],
    outputs: &Slots,
    cx: &mut Context<'_>,
) -> Option<(Node, Estimate)> {
    let (JoinMethod::Hash { right: keys, .. }, rest) = hash_keys(on, outputs, cx) else { return None };
    let left_outputs = left.outputs();
    let is_fit = matches!(left, Node::Scan(_)) && !keys.is_empty() && rest.is_empty();
    if !is_fit || !leaf.node.free().is_disjoint(&left_outputs) {
        return None;
    }
    let slot_of = |key: &Scalar| match key {
        Scalar::Slot(slot) => Some(*slot),
        _ => None,
    };
    let distinct: Vec<Slot> = keys.iter().map(slot_of).collect::<Option<_>>()?;
    let (right, found) = lookup(left, on, cx)?;
    let rows = estimate::above(&Node::Distinct { input: Box::new(Node::Nothing), on: Vec::new() }, &[leaf.estimate]);
    let estimate = estimate::join(JoinKind::Inner, &JoinMethod::Nested, rows, found, &[]);
    let hash = JoinMethod::Hash { left: keys.clone(), right: keys };
    let by_hash = estimate::join(JoinKind::Semi, &hash, so_far, leaf.estimate, &[]).cost;
    let by_lookup = lookup(&leaf.node, on, cx).map_or(f64::INFINITY, |(_, found)| so_far.cost + so_far.rows * found.cost);
    if estimate.cost >= by_hash.min(by_lookup) {
        return None;
    }
    let input = Node::Distinct { input: Box::new(leaf.alone.clone()), on: distinct };
    let sorted = |slots: &Slots| {
        let mut slots: Vec<Slot> = slots.iter().copied().collect();
        slots.sort_unstable();
        slots
    };
    let (left_slots, right_slots) = (sorted(outputs), sorted(&left_outputs));
    let (kind, method, on) = (JoinKind::Inner, JoinMethod::Nested, Vec::new());
    Some((Node::Join(Box::new(Join { kind, left: input, right, method, on, left_slots, right_slots })), estimate))
}
