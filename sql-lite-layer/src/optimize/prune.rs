//! Rule `prune`: nothing is read, computed or kept that nobody above needs; a table is read from an index alone where that holds all that is needed.
//!
//! Why the answer is kept: a slot that no expression, no operator above and no column of the result reads cannot be seen. Computed columns that count calls (the
//! next value of a sequence) stay. An expression that may fail and is not needed is not computed: an error less.

use super::safety::is_volatile;
use crate::parse::ast::SetOp;
use crate::plan::node::{Access, Action, Node, OnConflict, Plan, Slot, Update};
use crate::plan::scalar::{Scalar, Subquery};
use crate::plan::share;
use crate::plan::walk::Slots;

pub(super) fn plan(plan: &mut Plan) {
    // Of a shared query what one of its uses reads.
    let of_shared: Slots = share::reads(&mut plan.action).into_values().flatten().collect();
    let prune_shared = &mut |node: &mut Node| {
        if !node.outputs().is_disjoint(&of_shared) {
            prune(node, &of_shared);
        }
    };
    share::transform(&mut plan.action, prune_shared, &mut subqueries);
    match &mut plan.action {
        Action::Query(node) => prune(node, &plan.columns.iter().map(|column| column.slot).collect()),
        Action::Insert(insert) => {
            let mut needed = Slots::new();
            insert.row.iter().for_each(|scalar| scalar.add_reads(&mut needed));
            prune(&mut insert.input, &needed);
            if let OnConflict::Update { update, filter } = &mut insert.on_conflict {
                let mut needed = Slots::new();
                filter.iter().for_each(|scalar| scalar.add_reads(&mut needed));
                of_update(update, needed);
            }
        }
        Action::Update(update) => of_update(update, Slots::new()),
        Action::Delete(delete) => {
            let mut needed: Slots = [delete.key].into();
            delete.returning.iter().for_each(|(_, scalar)| scalar.add_reads(&mut needed));
            prune(&mut delete.input, &needed);
        }
    }
}

/// A new row is made of the whole old one.
fn of_update(update: &mut Update, mut needed: Slots) {
    needed.insert(update.key);
    needed.extend(&update.old);
    update.set.iter().for_each(|(_, scalar)| scalar.add_reads(&mut needed));
    prune(&mut update.input, &needed);
}

/// Leaves out of a tree what is not among these and what nobody in it reads.
pub(super) fn prune(node: &mut Node, needed: &Slots) {
    subqueries_of(node);
    match node {
        Node::Scan(scan) => {
            let mut needed = needed.clone();
            scan.filter.iter().for_each(|scalar| scalar.add_reads(&mut needed));
            scan.columns.retain(|(_, slot)| needed.contains(slot));
            if let Access::Index { index, only, .. } = &mut scan.access {
                let (index, primary) = (&scan.table.indexes[*index], &scan.table.primary);
                *only = scan.columns.iter().all(|(at, _)| index.columns.contains(at) || primary.contains(at));
            }
        }
        Node::Project { input, exprs } => {
            exprs.retain(|(slot, expr)| needed.contains(slot) || is_volatile(expr));
            if exprs.is_empty() {
                let input = std::mem::replace(&mut **input, Node::Nothing);
                *node = input;
                return prune(node, needed);
            }
            let mut below = needed.clone();
            exprs.iter().for_each(|(_, expr)| expr.add_reads(&mut below));
            prune(input, &below);
        }
        Node::Join(join) => {
            let mut all = needed.clone();
            join.on.iter().for_each(|scalar| scalar.add_reads(&mut all));
            if let crate::plan::node::JoinMethod::Hash { left, right } = &join.method {
                left.iter().chain(right).for_each(|scalar| scalar.add_reads(&mut all));
            }
            // A nested right side reads the left's row.
            all.extend(join.right.free());
            prune(&mut join.left, &all);
            prune(&mut join.right, &all);
            let kept = |outputs: Slots| {
                let mut kept: Vec<Slot> = outputs.into_iter().filter(|slot| all.contains(slot)).collect();
                kept.sort_unstable();
                kept
            };
            (join.left_slots, join.right_slots) = (kept(join.left.outputs()), kept(join.right.outputs()));
        }
        Node::Aggregate(aggregate) => {
            aggregate.calls.retain(|call| needed.contains(&call.out));
            let mut below = Slots::new();
            aggregate.keys.iter().for_each(|(_, scalar)| scalar.add_reads(&mut below));
            for call in &aggregate.calls {
                let order = call.order.iter().map(|key| &key.expr);
                call.args.iter().chain(&call.filter).chain(order).for_each(|scalar| scalar.add_reads(&mut below));
            }
            prune(&mut aggregate.input, &below);
        }
        Node::Sort(sort) => {
            let mut below = needed.clone();
            sort.keys.iter().for_each(|key| key.expr.add_reads(&mut below));
            prune(&mut sort.input, &below);
            let mut keep: Vec<Slot> = sort.input.outputs().into_iter().filter(|slot| needed.contains(slot)).collect();
            keep.sort_unstable();
            sort.keep = keep;
        }
        Node::Filter { input, all } => {
            let mut below = needed.clone();
            all.iter().for_each(|scalar| scalar.add_reads(&mut below));
            prune(input, &below);
        }
        Node::Distinct { input, on } => {
            let below = needed.iter().chain(&*on).copied().collect();
            prune(input, &below);
        }
        Node::Limit { input, .. } => prune(input, needed),
        Node::SetOp(set) => {
            if set.op == SetOp::Union && set.all {
                drop_columns(set, needed);
            }
            for (input, slots) in &mut set.inputs {
                prune(input, &slots.iter().copied().collect());
            }
        }
        Node::Shared { from, out, .. } => {
            let is_kept = |at: usize, out: &[Slot]| needed.contains(&out[at]) || at == 0;
            let mut at = 0;
            from.retain(|_| {
                at += 1;
                is_kept(at - 1, out)
            });
            let all = out.clone();
            let mut at = 0;
            out.retain(|_| {
                at += 1;
                is_kept(at - 1, &all)
            });
        }
        Node::OneRow | Node::Nothing | Node::Values { .. } => {}
    }
}

/// UNION ALL passes rows on as they are: columns that nobody reads go. One stays, so that there are rows of something.
fn drop_columns(set: &mut crate::plan::node::SetOperation, needed: &Slots) {
    let mut kept: Vec<bool> = set.out.iter().map(|slot| needed.contains(slot)).collect();
    if !kept.contains(&true)
        && let Some(first) = kept.first_mut()
    {
        *first = true;
    }
    let keep = |slots: &mut Vec<Slot>| {
        let mut at = 0;
        slots.retain(|_| {
            at += 1;
            kept[at - 1]
        });
    };
    keep(&mut set.out);
    set.inputs.iter_mut().for_each(|(_, slots)| keep(slots));
}

fn subqueries_of(node: &mut Node) {
    node.scalars_mut(&mut subqueries);
}

fn subqueries(scalar: &mut Scalar) {
    scalar.operands_mut(&mut subqueries);
    if let Scalar::Exists { query, .. } = scalar {
        // Whether there is a row, whatever is in it.
        query.columns.clear();
    }
    if let Some(Subquery { node, columns, .. }) = scalar.subquery_mut() {
        prune(node, &columns.iter().copied().collect());
    }
}
