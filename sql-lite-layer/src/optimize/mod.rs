//! From plan to plan: an ordered list of named rules, each of which keeps the answer and makes the work less. One file a rule.
//!
//! | rule | what it does |
//! |---|---|
//! | `fold` | computes what is constant, brings conditions into the forms that the others know |
//! | `inline` | columns that only have another name are the same slot |
//! | `semi` | EXISTS and IN as joins that stop at the first partner |
//! | `pushdown` | conditions go to where their rows are read; outer joins whose padding they refuse become inner ones |
//! | `prune` | nothing is read or computed that nobody needs |
//! | `joins` | the order of joins, their methods, and by which key each table is read (`access`); what may fail drops rows early too (`sieve`) |
//! | `extremes` | MIN and MAX read one end of an index |
//! | `order` | no sort where an index gives the order; a sort with a limit keeps no more |
//! | `by_hash` | what would be read whole for each row around it is put into a hash once |
//! | `prune` | again: what the other rules left over, and reads of an index alone |
//! | `once` | what is the same for all rows is computed once; scans read first what their filter needs |
//!
//! What may fail (an overflow, a division, a cast, a subquery of two rows) is not computed for rows that the statement would not have computed it for, with one
//! exception: an equality between tables may be used in whatever order the tables are joined, and for the keys of an index. `may_fail` tells. Nor is an error lost because another condition that may fail was tried early: see `sieve`.

mod access;
mod by_hash;
mod estimate;
mod extremes;
mod fold;
mod inline;
mod joins;
mod once;
mod order;
mod prune;
mod pushdown;
mod safety;
mod semi;
mod sieve;
#[cfg(test)]
mod tests;

use crate::plan::node::{Node, Plan, Slot};
use crate::plan::scalar::Scalar;
use crate::plan::share;
use crate::table::schema::Table;
use crate::types::DataType;

/// What rules know beside the tree that they work on.
struct Context<'c> {
    slot_types: Vec<DataType>,
    parameters: Vec<DataType>,
    /// How many rows a table has, where that is known.
    rows: &'c dyn Fn(&Table) -> Option<u64>,
    /// Whether conditions that may fail are made sieves of, too. Off only where a test compares the two.
    has_sieves: bool,
    /// How often a part of a plan may still be planned anew to see what it costs: what bounds the search.
    trials: u32,
}

/// A rule: changes a tree whose subqueries are done.
type Rule = fn(&mut Node, &mut Context<'_>);

/// A tree's own rules, in order. `inline` and `prune` look at whole plans, and `fold` also at the expressions beside the trees.
const BEFORE: &[(&str, Rule)] = &[("fold", fold::rule), ("semi", semi::rule), ("pushdown", pushdown::rule)];
const AFTER: &[(&str, Rule)] =
    &[("joins", joins::rule), ("extremes", extremes::rule), ("order", order::rule), ("by_hash", by_hash::rule)];

/// The same statement with less work. Its answer is the same; rows without an order may come in another.
pub(crate) fn optimize(plan: Plan) -> Plan {
    optimize_with(plan, &|_| None)
}

/// Tables are taken for no shorter than this: a short one may grow while a plan is kept, and a plan for no rows at all is a bad one for a few.
pub(crate) const ROWS_LEAST: u64 = 1_000;

/// As [`optimize`], where it is known how many rows tables have: any number does, it decides only about speed.
pub(crate) fn optimize_with(plan: Plan, rows: &dyn Fn(&Table) -> Option<u64>) -> Plan {
    optimize_up_to(plan, rows, "", true)
}

/// As [`optimize`], with every condition that may fail tested in its own place alone.
#[cfg(test)]
pub(crate) fn optimize_without_sieves(plan: Plan) -> Plan {
    optimize_up_to(plan, &|_| None, "", false)
}

/// As [`optimize_with`], without the rules behind the one of this name.
fn optimize_up_to(mut plan: Plan, rows: &dyn Fn(&Table) -> Option<u64>, last: &str, has_sieves: bool) -> Plan {
    let (slot_types, parameters) = (std::mem::take(&mut plan.slot_types), plan.parameters.clone());
    let mut cx = Context { slot_types, parameters, rows, has_sieves, trials: 2_000 };
    run(&mut plan, &mut cx, last);
    share::seal(&mut plan.action);
    plan.slot_count = cx.slot_types.len();
    plan.slot_types = cx.slot_types;
    plan
}

fn run(plan: &mut Plan, cx: &mut Context<'_>, last: &str) {
    inline::plan(plan);
    if last == "inline" {
        return;
    }
    plan.action.scalars_mut(&mut fold::fold);
    for (name, rule) in BEFORE {
        apply(plan, cx, *rule);
        if *name == last {
            return;
        }
    }
    inline::plan(plan);
    prune::plan(plan);
    if last == "prune" {
        return;
    }
    for (name, rule) in AFTER {
        apply(plan, cx, *rule);
        if *name == last {
            return;
        }
    }
    prune::plan(plan);
    once::plan(plan);
}

/// Applies a rule to every tree of a plan, subqueries and shared queries first.
fn apply(plan: &mut Plan, cx: &mut Context<'_>, rule: Rule) {
    share::transform(&mut plan.action, &mut |node| apply_to(node, cx, rule), &mut |_| {});
    plan.action.scalars_mut(&mut |scalar| apply_in(scalar, cx, rule));
}

fn apply_to(node: &mut Node, cx: &mut Context<'_>, rule: Rule) {
    in_subqueries(node, cx, rule);
    rule(node, cx);
}

fn in_subqueries(node: &mut Node, cx: &mut Context<'_>, rule: Rule) {
    node.inputs_mut(&mut |input| in_subqueries(input, cx, rule));
    node.scalars_mut(&mut |scalar| apply_in(scalar, cx, rule));
}

fn apply_in(scalar: &mut Scalar, cx: &mut Context<'_>, rule: Rule) {
    scalar.operands_mut(&mut |operand| apply_in(operand, cx, rule));
    if let Some(query) = scalar.subquery_mut() {
        apply_to(&mut query.node, cx, rule);
    }
}

impl Context<'_> {
    /// A new slot.
    fn slot(&mut self, data_type: DataType) -> Slot {
        self.slot_types.push(data_type);
        Slot(u32::try_from(self.slot_types.len() - 1).expect("plans have fewer slots than 2^32"))
    }

    fn slot_type(&self, slot: Slot) -> DataType {
        self.slot_types.get(slot.0 as usize).copied().unwrap_or(DataType::Unknown)
    }
}

/// Puts another node in the place of one, made of it.
fn replace(node: &mut Node, by: impl FnOnce(Node) -> Node) {
    *node = by(std::mem::replace(node, Node::Nothing));
}
