//! Rule `inline`: a column that only has another name is the same slot. Derived tables, views and queries of WITH that are used once leave nothing behind.
//!
//! Why the answer is kept: `s := x` above a node that has `x` gives both slots the same value in every row from there on, also where an outer join pads: both come
//! from the same side. Slots are written once, so that `x` can stand for `s` in the whole statement.

use std::collections::HashMap;

use crate::plan::node::{Action, Node, OnConflict, Plan, Slot};
use crate::plan::scalar::Scalar;
use crate::plan::share;

pub(super) fn plan(plan: &mut Plan) {
    let mut renamed = HashMap::new();
    share::transform(&mut plan.action, &mut |node| collect(node, &mut renamed), &mut |_| {});
    plan.action.scalars_mut(&mut |scalar| collect_in(scalar, &mut renamed));
    if renamed.is_empty() {
        return;
    }
    let rename = |slot: &mut Slot| {
        while let Some(by) = renamed.get(slot) {
            *slot = *by;
        }
    };
    share::transform(&mut plan.action, &mut |node| node.each_slot_mut(&mut |slot| rename(slot)), &mut |_| {});
    plan.action.scalars_mut(&mut |scalar| scalar.each_slot_mut(&mut |slot| rename(slot)));
    plan.columns.iter_mut().for_each(|column| rename(&mut column.slot));
    own_slots(&mut plan.action, &mut |slot| rename(slot));
}

/// Takes the renamings out of all projections.
fn collect(node: &mut Node, renamed: &mut HashMap<Slot, Slot>) {
    node.inputs_mut(&mut |input| collect(input, renamed));
    node.scalars_mut(&mut |scalar| collect_in(scalar, renamed));
    if let Node::Project { input, exprs } = node {
        let outputs = input.outputs();
        exprs.retain(|(slot, expr)| {
            let Scalar::Slot(mut from) = *expr else { return true };
            // What it names may have been another name itself.
            while let Some(by) = renamed.get(&from) {
                from = *by;
            }
            let is_name = outputs.contains(&from) && from != *slot;
            if is_name {
                renamed.insert(*slot, from);
            }
            !is_name
        });
        if exprs.is_empty() {
            let input = std::mem::replace(&mut **input, Node::Nothing);
            *node = input;
        }
    }
}

fn collect_in(scalar: &mut Scalar, renamed: &mut HashMap<Slot, Slot>) {
    scalar.operands_mut(&mut |operand| collect_in(operand, renamed));
    if let Some(query) = scalar.subquery_mut() {
        collect(&mut query.node, renamed);
    }
}

/// The slots that a change names itself.
fn own_slots(action: &mut Action, f: &mut dyn FnMut(&mut Slot)) {
    let of_update = |update: &mut crate::plan::node::Update, f: &mut dyn FnMut(&mut Slot)| {
        f(&mut update.key);
        update.old.iter_mut().chain(&mut update.new).for_each(&mut *f);
        update.returning.iter_mut().for_each(|(slot, _)| f(slot));
    };
    match action {
        Action::Query(_) => {}
        Action::Insert(insert) => {
            insert.new.iter_mut().for_each(&mut *f);
            insert.returning.iter_mut().for_each(|(slot, _)| f(slot));
            if let OnConflict::Update { update, .. } = &mut insert.on_conflict {
                of_update(update, f);
            }
        }
        Action::Update(update) => of_update(update, f),
        Action::Delete(delete) => {
            f(&mut delete.key);
            delete.old.iter_mut().for_each(&mut *f);
            delete.returning.iter_mut().for_each(|(slot, _)| f(slot));
        }
    }
}
