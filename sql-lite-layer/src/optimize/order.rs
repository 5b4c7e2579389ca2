//! Rule `order`: no sort where the entries of a key stand in that order; groups side by side need not be kept; a sort below a limit keeps no more than that.
//!
//! Why the answer is kept: a scan gives its rows in the order of the key that it reads, from either end; columns that are compared with one value are in every order. A
//! join gives its pairs in the order of its left side; groups that are made one after the other come as their rows do. NULL is the smallest value of a key, as it is by default of ORDER BY; a key that says otherwise is sorted.
//! Rows that are equal in ORDER BY may come in another order than before: nothing promises one.

use super::Context;
use crate::plan::function::AggregateFunction;
use crate::plan::node::{Access, Aggregate, JoinKind, JoinMethod, KeyPart, Keys, Node, Scan, Slot, Sort, SortKey};
use crate::plan::scalar::Scalar;

pub(super) fn rule(node: &mut Node, _cx: &mut Context<'_>) {
    whole(node);
}

fn whole(node: &mut Node) {
    if let Node::Limit { input, limit, offset } = node
        && let Node::Sort(sort) = &mut **input
    {
        // The limit stays: it alone knows what to do with a negative or NULL one.
        sort.top = Some((limit.clone(), offset.clone()));
    }
    if let Node::Sort(sort) = node
        && take_order(sort)
    {
        let input = std::mem::replace(&mut sort.input, Node::Nothing);
        *node = input;
        return whole(node);
    }
    if let Node::Aggregate(aggregate) = node
        && !aggregate.keys.is_empty()
    {
        aggregate.in_order = groups_in_order(aggregate);
    }
    node.inputs_mut(&mut whole);
}

/// Whether the input of a sort is in its order, or was made so.
fn take_order(sort: &mut Sort) -> bool {
    let Some(slots) = sort.keys.iter().map(plain).collect::<Option<Vec<(Slot, bool)>>>() else { return false };
    if let Some(aggregate) = leading_aggregate(&mut sort.input) {
        return take_order_of_groups(aggregate, &slots);
    }
    let is_limited = sort.top.is_some();
    let is_alone = matches!(sort.input, Node::Scan(_));
    let Some(scan) = leading_scan(&mut sort.input) else { return false };
    if let Some(backwards) = direction(&order_of(scan), &slots, is_alone) {
        scan.reverse = backwards;
        return true;
    }
    for (index, keys) in others(scan, is_limited) {
        let before = std::mem::replace(&mut scan.access, Access::Index { index, keys, only: false });
        if let Some(backwards) = direction(&order_of(scan), &slots, is_alone) {
            scan.reverse = backwards;
            return true;
        }
        scan.access = before;
    }
    false
}

/// Whether groups that are made one after the other come in this order, or were made to: it is that of the rows that they are made of.
fn take_order_of_groups(aggregate: &mut Aggregate, slots: &[(Slot, bool)]) -> bool {
    let of_rows = |(slot, descending): &(Slot, bool)| match aggregate.keys.iter().find(|(key, _)| key == slot) {
        Some((_, Scalar::Slot(of))) => Some((*of, *descending)),
        _ => None,
    };
    let Some(slots) = slots.iter().map(of_rows).collect::<Option<Vec<_>>>() else { return false };
    if !groups_in_order(aggregate) {
        return false;
    }
    let Some(scan) = leading_scan(&mut aggregate.input) else { return false };
    let Some(backwards) = direction(&order_of(scan), &slots, false) else { return false };
    // Texts are put together in the order of the rows.
    if backwards && aggregate.calls.iter().any(|call| call.function == AggregateFunction::GroupConcat) {
        return false;
    }
    scan.reverse = backwards;
    true
}

/// The groups whose order a node's rows are in.
fn leading_aggregate(node: &mut Node) -> Option<&mut Aggregate> {
    match node {
        Node::Aggregate(aggregate) => Some(aggregate),
        Node::Filter { input, .. } | Node::Project { input, .. } => leading_aggregate(input),
        _ => None,
    }
}

/// Indexes by which the scan could read the same rows in another order.
fn others(scan: &Scan, is_limited: bool) -> Vec<(usize, Keys)> {
    let indexes = scan.table.indexes.iter().enumerate();
    match &scan.access {
        // The first rows by an index, each looked up, instead of all rows sorted.
        Access::Full if is_limited => indexes.map(|(index, _)| (index, Keys::default())).collect(),
        // Another index that begins with the same columns.
        Access::Index { index: chosen, keys, only: false }
            if keys.any.is_none() && keys.lower.is_none() && keys.upper.is_none() =>
        {
            let fixed = &scan.table.indexes[*chosen].columns[..keys.equal.len()];
            let begins = indexes.filter(|(at, index)| at != chosen && index.columns.starts_with(fixed));
            begins.map(|(index, _)| (index, keys.clone())).collect()
        }
        _ => Vec::new(),
    }
}

/// A key that is a column, with NULLs where a key has them.
fn plain(key: &SortKey) -> Option<(Slot, bool)> {
    match key.expr {
        Scalar::Slot(slot) if key.nulls_first != key.descending => Some((slot, key.descending)),
        _ => None,
    }
}

/// The order in which a scan gives its rows.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Columns that have one value in all rows.
    pub(super) constant: Vec<Slot>,
    /// Ascending; the next decides where the former are equal. None: a column that is not read.
    pub(super) then: Vec<Option<Slot>>,
    /// No two rows are equal in all of these.
    pub(super) is_unique: bool,
}

pub(super) fn order_of(scan: &Scan) -> Order {
    let empty = Keys::default();
    let primary = &scan.table.primary;
    let (columns, keys, unique) = match &scan.access {
        Access::Full => (primary.clone(), &empty, true),
        Access::Primary(keys) => (primary.clone(), keys, true),
        Access::Index { index, keys, .. } => {
            let index = &scan.table.indexes[*index];
            let is_whole = index.unique && index.columns.iter().all(|at| !scan.table.columns[*at].nullable);
            // Entries that are equal in the index's columns are in the order of their rows' keys.
            let behind = primary.iter().filter(|at| !index.columns.contains(at));
            (index.columns.iter().chain(behind).copied().collect(), keys, is_whole || !primary.is_empty())
        }
    };
    let slot_of = |at: &usize| scan.columns.iter().find(|(column, _)| column == at).map(|(_, slot)| *slot);
    let fixed = keys.equal.len();
    let mut constant: Vec<Slot> = columns.iter().take(fixed).filter_map(slot_of).collect();
    // A condition that was not taken as a key says the same.
    for condition in &scan.filter {
        if let Some((Scalar::Slot(slot), Scalar::Constant(_) | Scalar::Parameter(_))) = super::safety::equality(condition) {
            constant.push(*slot);
        }
    }
    let has_null = keys.equal.iter().any(|part| matches!(part, KeyPart::IsNull));
    let is_unique = unique && !columns.is_empty() && (!has_null || !primary.is_empty());
    Order { constant, then: columns.iter().skip(fixed).map(slot_of).collect(), is_unique }
}

/// Whether rows in this order are in that of these keys: forwards (false) or backwards (true).
fn direction(order: &Order, keys: &[(Slot, bool)], is_alone: bool) -> Option<bool> {
    let mut then = order.then.iter();
    let mut backwards = None;
    let mut seen: Vec<Slot> = Vec::new();
    for (slot, descending) in keys {
        if order.constant.contains(slot) || seen.contains(slot) {
            continue;
        }
        // Columns of the key that have one value do not part anything.
        let next = loop {
            match then.next() {
                Some(Some(next)) if order.constant.contains(next) => {}
                other => break other,
            }
        };
        match next {
            // A whole unique key: nothing is left to be decided.
            None if order.is_unique && is_alone => break,
            Some(Some(next)) if next == slot && backwards.is_none_or(|known| known == *descending) => {
                backwards = Some(*descending);
                seen.push(*slot);
            }
            _ => return None,
        }
    }
    Some(backwards.unwrap_or(false))
}

/// The scan whose order a node's rows are in.
fn leading_scan(node: &mut Node) -> Option<&mut Scan> {
    match node {
        Node::Scan(scan) => Some(scan),
        Node::Filter { input, .. } | Node::Project { input, .. } => leading_scan(input),
        Node::Join(join) if join.kind != JoinKind::Full && keeps_order(&join.method) => leading_scan(&mut join.left),
        _ => None,
    }
}

/// A nested join walks its left; so does a hash join, which keeps its right.
fn keeps_order(method: &JoinMethod) -> bool {
    matches!(method, JoinMethod::Nested | JoinMethod::Hash { .. })
}

/// Whether equal keys of a group stand side by side, or were made so by reading an index that holds all that is read.
fn groups_in_order(aggregate: &mut Aggregate) -> bool {
    let slots: Option<Vec<Slot>> = aggregate
        .keys
        .iter()
        .map(|(_, expr)| match expr {
            Scalar::Slot(slot) => Some(*slot),
            _ => None,
        })
        .collect();
    let Some(slots) = slots else { return false };
    let Some(scan) = leading_scan(&mut aggregate.input) else { return false };
    if groups(&order_of(scan), &slots) {
        return true;
    }
    if !matches!(scan.access, Access::Full) {
        return false;
    }
    for index in 0..scan.table.indexes.len() {
        let (columns, primary) = (&scan.table.indexes[index].columns, &scan.table.primary);
        if !scan.columns.iter().all(|(at, _)| columns.contains(at) || primary.contains(at)) {
            continue;
        }
        let access = Access::Index { index, keys: Keys::default(), only: true };
        let before = std::mem::replace(&mut scan.access, access);
        if groups(&order_of(scan), &slots) {
            return true;
        }
        scan.access = before;
    }
    false
}

/// Whether these are the first columns of an order, whichever way round.
fn groups(order: &Order, slots: &[Slot]) -> bool {
    let mut open: Vec<Slot> = slots.iter().filter(|slot| !order.constant.contains(slot)).copied().collect();
    open.sort_unstable();
    open.dedup();
    for next in &order.then {
        if open.is_empty() {
            return true;
        }
        match next {
            Some(next) if order.constant.contains(next) => {}
            Some(next) if open.contains(next) => open.retain(|slot| slot != next),
            _ => return false,
        }
    }
    open.is_empty()
}
