//! Walks over plans and expressions: operands, inputs, the slots that are read and written, renaming, copying.
//!
//! Each walk enters the plan of a subquery and that of a shared query only where it says so. Recursion is as deep as the statement's nesting, which the parser caps.

use std::collections::HashSet;

use super::node::{Access, JoinKind, JoinMethod, KeyPart, Keys, Node, Slot};
use super::scalar::{Scalar, Subquery};

/// A set of slots.
pub(crate) type Slots = HashSet<Slot>;

impl Scalar {
    /// Calls `f` for each operand, but not for what stands inside a subquery.
    pub(crate) fn operands<'n>(&'n self, f: &mut dyn FnMut(&'n Scalar)) {
        match self {
            Scalar::Constant(_) | Scalar::Parameter(_) | Scalar::Slot(_) | Scalar::Subquery(_) | Scalar::Exists { .. } => {}
            Scalar::Not(of)
            | Scalar::Negate(of)
            | Scalar::IsNull { of, .. }
            | Scalar::IsTruth { of, .. }
            | Scalar::Cast { of, .. }
            | Scalar::Once { of, .. } => f(of),
            Scalar::And(list)
            | Scalar::Or(list)
            | Scalar::Concat(list)
            | Scalar::Sieve(list)
            | Scalar::Call { args: list, .. } => list.iter().for_each(f),
            Scalar::Compare { left, right, .. }
            | Scalar::Arithmetic { left, right, .. }
            | Scalar::IsDistinct { left, right, .. } => {
                f(left);
                f(right);
            }
            Scalar::Like { of, pattern, escape, .. } => {
                f(of);
                f(pattern);
                escape.iter().for_each(|escape| f(escape));
            }
            Scalar::InList { of, list, .. } => {
                f(of);
                list.iter().for_each(f);
            }
            Scalar::Case { branches, otherwise } => {
                for (when, then) in branches {
                    f(when);
                    f(then);
                }
                otherwise.iter().for_each(|otherwise| f(otherwise));
            }
            Scalar::InQuery { left, .. } => left.iter().for_each(f),
        }
    }

    /// As [`Scalar::operands`], to change them.
    pub(crate) fn operands_mut(&mut self, f: &mut dyn FnMut(&mut Scalar)) {
        match self {
            Scalar::Constant(_) | Scalar::Parameter(_) | Scalar::Slot(_) | Scalar::Subquery(_) | Scalar::Exists { .. } => {}
            Scalar::Not(of)
            | Scalar::Negate(of)
            | Scalar::IsNull { of, .. }
            | Scalar::IsTruth { of, .. }
            | Scalar::Cast { of, .. }
            | Scalar::Once { of, .. } => f(of),
            Scalar::And(list)
            | Scalar::Or(list)
            | Scalar::Concat(list)
            | Scalar::Sieve(list)
            | Scalar::Call { args: list, .. } => list.iter_mut().for_each(f),
            Scalar::Compare { left, right, .. }
            | Scalar::Arithmetic { left, right, .. }
            | Scalar::IsDistinct { left, right, .. } => {
                f(left);
                f(right);
            }
            Scalar::Like { of, pattern, escape, .. } => {
                f(of);
                f(pattern);
                escape.iter_mut().for_each(|escape| f(escape));
            }
            Scalar::InList { of, list, .. } => {
                f(of);
                list.iter_mut().for_each(f);
            }
            Scalar::Case { branches, otherwise } => {
                for (when, then) in branches {
                    f(when);
                    f(then);
                }
                otherwise.iter_mut().for_each(|otherwise| f(otherwise));
            }
            Scalar::InQuery { left, .. } => left.iter_mut().for_each(f),
        }
    }

    /// The subquery that this expression itself is.
    pub(crate) fn subquery(&self) -> Option<&Subquery> {
        match self {
            Scalar::Subquery(query) | Scalar::Exists { query, .. } | Scalar::InQuery { query, .. } => Some(query),
            _ => None,
        }
    }

    /// As [`Scalar::subquery`], to change it.
    pub(crate) fn subquery_mut(&mut self) -> Option<&mut Subquery> {
        match self {
            Scalar::Subquery(query) | Scalar::Exists { query, .. } | Scalar::InQuery { query, .. } => Some(query),
            _ => None,
        }
    }

    /// Calls `f` for this expression and all below it, operands first, also for those of the plans of subqueries.
    pub(crate) fn each_mut(&mut self, f: &mut dyn FnMut(&mut Scalar)) {
        self.operands_mut(&mut |operand| operand.each_mut(f));
        if let Some(query) = self.subquery_mut() {
            query.node.each_scalar_mut(f);
        }
        f(self);
    }

    /// Whether one of this expression and those below it is such; subqueries are not entered.
    pub(crate) fn any(&self, f: &mut dyn FnMut(&Scalar) -> bool) -> bool {
        if f(self) {
            return true;
        }
        let mut found = false;
        self.operands(&mut |operand| found = found || operand.any(f));
        found
    }

    /// Adds the slots that it reads: those of rows around the subqueries in it too, not those that the subqueries write themselves.
    pub(crate) fn add_reads(&self, reads: &mut Slots) {
        if let Scalar::Slot(slot) = self {
            reads.insert(*slot);
        }
        self.operands(&mut |operand| operand.add_reads(reads));
        if let Some(query) = self.subquery() {
            reads.extend(query.free());
        }
    }

    /// The slots that it reads.
    pub(crate) fn reads(&self) -> Slots {
        let mut reads = Slots::new();
        self.add_reads(&mut reads);
        reads
    }

    /// How many expressions it is made of, up to `limit`; subqueries count as one.
    pub(crate) fn size(&self, limit: usize) -> usize {
        let mut size = 1;
        self.operands(&mut |operand| {
            if size < limit {
                size += operand.size(limit - size);
            }
        });
        size
    }
}

/// Whether two expressions are the same, so that one value does for both. Subqueries never are.
pub(crate) fn same(a: &Scalar, b: &Scalar) -> bool {
    let head = match (a, b) {
        // Decimals are equal whatever their scale, but not the same: `1.0` and `1.00` print differently.
        (Scalar::Constant(a), Scalar::Constant(b)) => a == b && format!("{a:?}") == format!("{b:?}"),
        (Scalar::Parameter(a), Scalar::Parameter(b)) => a == b,
        (Scalar::Slot(a), Scalar::Slot(b)) => a == b,
        (Scalar::Not(_), Scalar::Not(_)) | (Scalar::Negate(_), Scalar::Negate(_)) => true,
        (Scalar::And(_), Scalar::And(_)) | (Scalar::Or(_), Scalar::Or(_)) | (Scalar::Concat(_), Scalar::Concat(_)) => true,
        (Scalar::Sieve(_), Scalar::Sieve(_)) => true,
        (Scalar::Compare { op: a, .. }, Scalar::Compare { op: b, .. }) => a == b,
        (Scalar::Arithmetic { op: a, .. }, Scalar::Arithmetic { op: b, .. }) => a == b,
        (Scalar::IsNull { negated: a, .. }, Scalar::IsNull { negated: b, .. })
        | (Scalar::IsDistinct { negated: a, .. }, Scalar::IsDistinct { negated: b, .. })
        | (Scalar::InList { negated: a, .. }, Scalar::InList { negated: b, .. }) => a == b,
        (Scalar::IsTruth { truth: a, negated: c, .. }, Scalar::IsTruth { truth: b, negated: d, .. }) => (a, c) == (b, d),
        (
            Scalar::Like { escape: a, ignore_case: c, negated: e, .. },
            Scalar::Like { escape: b, ignore_case: d, negated: f, .. },
        ) => (a.is_some(), c, e) == (b.is_some(), d, f),
        (Scalar::Case { branches: a, .. }, Scalar::Case { branches: b, .. }) => a.len() == b.len(),
        (Scalar::Cast { to: a, .. }, Scalar::Cast { to: b, .. }) => a == b,
        (Scalar::Once { .. }, Scalar::Once { .. }) => true,
        (Scalar::Call { function: a, .. }, Scalar::Call { function: b, .. }) => a == b,
        // A query has its number from where it stands in the text: copies of one are the same.
        (Scalar::Subquery(a), Scalar::Subquery(b)) => a.number == b.number,
        (Scalar::Exists { query: a, negated: c }, Scalar::Exists { query: b, negated: d }) => (a.number, c) == (b.number, d),
        (Scalar::InQuery { query: a, negated: c, .. }, Scalar::InQuery { query: b, negated: d, .. }) => {
            (a.number, c) == (b.number, d)
        }
        _ => false,
    };
    if !head {
        return false;
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    a.operands(&mut |operand| left.push(operand));
    b.operands(&mut |operand| right.push(operand));
    left.len() == right.len() && left.iter().zip(right).all(|(a, b)| same(a, b))
}

impl Keys {
    fn scalars<'n>(&'n self, f: &mut dyn FnMut(&'n Scalar)) {
        for part in &self.equal {
            if let KeyPart::Equal(expr) = part {
                f(expr);
            }
        }
        self.any.iter().flatten().for_each(&mut *f);
        self.lower.iter().chain(&self.upper).for_each(|(expr, _)| f(expr));
    }

    fn scalars_mut(&mut self, f: &mut dyn FnMut(&mut Scalar)) {
        for part in &mut self.equal {
            if let KeyPart::Equal(expr) = part {
                f(expr);
            }
        }
        self.any.iter_mut().flatten().for_each(&mut *f);
        self.lower.iter_mut().chain(&mut self.upper).for_each(|(expr, _)| f(expr));
    }
}

impl Access {
    /// Its keys, unless all entries are read.
    pub(crate) fn keys(&self) -> Option<&Keys> {
        match self {
            Access::Full => None,
            Access::Primary(keys) | Access::Index { keys, .. } => Some(keys),
        }
    }

    fn keys_mut(&mut self) -> Option<&mut Keys> {
        match self {
            Access::Full => None,
            Access::Primary(keys) | Access::Index { keys, .. } => Some(keys),
        }
    }
}

impl Node {
    /// Calls `f` for each operator directly below; a shared query is not entered.
    pub(crate) fn inputs<'n>(&'n self, f: &mut dyn FnMut(&'n Node)) {
        match self {
            Node::OneRow | Node::Nothing | Node::Values { .. } | Node::Scan(_) | Node::Shared { .. } => {}
            Node::Filter { input, .. }
            | Node::Project { input, .. }
            | Node::Distinct { input, .. }
            | Node::Limit { input, .. } => f(input),
            Node::Join(join) => {
                f(&join.left);
                f(&join.right);
            }
            Node::Aggregate(aggregate) => f(&aggregate.input),
            Node::Sort(sort) => f(&sort.input),
            Node::SetOp(set) => set.inputs.iter().for_each(|(node, _)| f(node)),
        }
    }

    /// As [`Node::inputs`], to change them.
    pub(crate) fn inputs_mut(&mut self, f: &mut dyn FnMut(&mut Node)) {
        match self {
            Node::OneRow | Node::Nothing | Node::Values { .. } | Node::Scan(_) | Node::Shared { .. } => {}
            Node::Filter { input, .. }
            | Node::Project { input, .. }
            | Node::Distinct { input, .. }
            | Node::Limit { input, .. } => f(input),
            Node::Join(join) => {
                f(&mut join.left);
                f(&mut join.right);
            }
            Node::Aggregate(aggregate) => f(&mut aggregate.input),
            Node::Sort(sort) => f(&mut sort.input),
            Node::SetOp(set) => set.inputs.iter_mut().for_each(|(node, _)| f(node)),
        }
    }

    /// Calls `f` for each expression of this operator itself.
    pub(crate) fn scalars<'n>(&'n self, f: &mut dyn FnMut(&'n Scalar)) {
        match self {
            Node::OneRow | Node::Nothing | Node::Distinct { .. } | Node::SetOp(_) | Node::Shared { .. } => {}
            Node::Values { rows, .. } => rows.iter().flatten().for_each(f),
            Node::Scan(scan) => {
                if let Some(keys) = scan.access.keys() {
                    keys.scalars(f);
                }
                scan.filter.iter().for_each(f);
            }
            Node::Filter { all, .. } => all.iter().for_each(f),
            Node::Project { exprs, .. } => exprs.iter().for_each(|(_, expr)| f(expr)),
            Node::Join(join) => {
                if let JoinMethod::Hash { left, right } = &join.method {
                    left.iter().chain(right).for_each(&mut *f);
                }
                join.on.iter().for_each(f);
            }
            Node::Aggregate(aggregate) => {
                aggregate.keys.iter().for_each(|(_, expr)| f(expr));
                for call in &aggregate.calls {
                    call.args.iter().chain(&call.filter).chain(call.order.iter().map(|key| &key.expr)).for_each(&mut *f);
                }
            }
            Node::Sort(sort) => {
                sort.keys.iter().for_each(|key| f(&key.expr));
                if let Some((limit, offset)) = &sort.top {
                    limit.iter().chain(offset).for_each(f);
                }
            }
            Node::Limit { limit, offset, .. } => limit.iter().chain(offset).for_each(f),
        }
    }

    /// As [`Node::scalars`], to change them.
    pub(crate) fn scalars_mut(&mut self, f: &mut dyn FnMut(&mut Scalar)) {
        match self {
            Node::OneRow | Node::Nothing | Node::Distinct { .. } | Node::SetOp(_) | Node::Shared { .. } => {}
            Node::Values { rows, .. } => rows.iter_mut().flatten().for_each(f),
            Node::Scan(scan) => {
                if let Some(keys) = scan.access.keys_mut() {
                    keys.scalars_mut(f);
                }
                scan.filter.iter_mut().for_each(f);
            }
            Node::Filter { all, .. } => all.iter_mut().for_each(f),
            Node::Project { exprs, .. } => exprs.iter_mut().for_each(|(_, expr)| f(expr)),
            Node::Join(join) => {
                if let JoinMethod::Hash { left, right } = &mut join.method {
                    left.iter_mut().chain(right).for_each(&mut *f);
                }
                join.on.iter_mut().for_each(f);
            }
            Node::Aggregate(aggregate) => {
                aggregate.keys.iter_mut().for_each(|(_, expr)| f(expr));
                for call in &mut aggregate.calls {
                    let order = call.order.iter_mut().map(|key| &mut key.expr);
                    call.args.iter_mut().chain(&mut call.filter).chain(order).for_each(&mut *f);
                }
            }
            Node::Sort(sort) => {
                sort.keys.iter_mut().for_each(|key| f(&mut key.expr));
                if let Some((limit, offset)) = &mut sort.top {
                    limit.iter_mut().chain(offset).for_each(f);
                }
            }
            Node::Limit { limit, offset, .. } => limit.iter_mut().chain(offset).for_each(f),
        }
    }

    /// Calls `f` for every expression of this operator and those below, operands first, also in subqueries; shared queries are not entered.
    pub(crate) fn each_scalar_mut(&mut self, f: &mut dyn FnMut(&mut Scalar)) {
        self.inputs_mut(&mut |input| input.each_scalar_mut(f));
        self.scalars_mut(&mut |scalar| scalar.each_mut(f));
    }

    /// Calls `f` for each slot that this operator itself names outside of expressions.
    pub(crate) fn own_slots_mut(&mut self, f: &mut dyn FnMut(&mut Slot)) {
        match self {
            Node::OneRow | Node::Nothing | Node::Filter { .. } | Node::Limit { .. } => {}
            Node::Values { out, .. } => out.iter_mut().for_each(f),
            Node::Scan(scan) => {
                scan.columns.iter_mut().for_each(|(_, slot)| f(slot));
                scan.key.iter_mut().for_each(f);
            }
            Node::Project { exprs, .. } => exprs.iter_mut().for_each(|(slot, _)| f(slot)),
            Node::Join(join) => join.left_slots.iter_mut().chain(&mut join.right_slots).for_each(f),
            Node::Aggregate(aggregate) => {
                aggregate.keys.iter_mut().for_each(|(slot, _)| f(slot));
                aggregate.calls.iter_mut().for_each(|call| f(&mut call.out));
            }
            Node::Sort(sort) => sort.keep.iter_mut().for_each(f),
            Node::Distinct { on, .. } => on.iter_mut().for_each(f),
            Node::SetOp(set) => {
                set.inputs.iter_mut().flat_map(|(_, slots)| slots).for_each(&mut *f);
                set.out.iter_mut().for_each(f);
            }
            Node::Shared { from, out, .. } => from.iter_mut().chain(out).for_each(f),
        }
    }

    /// Calls `f` for every slot that stands anywhere in the plan, also in subqueries; of shared queries only what stands at the place of use.
    pub(crate) fn each_slot_mut(&mut self, f: &mut dyn FnMut(&mut Slot)) {
        self.inputs_mut(&mut |input| input.each_slot_mut(f));
        self.own_slots_mut(f);
        self.scalars_mut(&mut |scalar| scalar.each_slot_mut(f));
    }

    /// The slots whose values a row of this operator has for those above.
    pub(crate) fn outputs(&self) -> Slots {
        let mut outputs = Slots::new();
        self.add_outputs(&mut outputs);
        outputs
    }

    fn add_outputs(&self, outputs: &mut Slots) {
        match self {
            Node::OneRow | Node::Nothing => {}
            Node::Values { out, .. } | Node::Shared { out, .. } => outputs.extend(out),
            Node::Scan(scan) => outputs.extend(scan.columns.iter().map(|(_, slot)| slot).chain(&scan.key)),
            Node::Filter { input, .. } | Node::Distinct { input, .. } | Node::Limit { input, .. } => input.add_outputs(outputs),
            Node::Project { input, exprs } => {
                input.add_outputs(outputs);
                outputs.extend(exprs.iter().map(|(slot, _)| *slot));
            }
            Node::Join(join) => {
                join.left.add_outputs(outputs);
                if !matches!(join.kind, JoinKind::Semi | JoinKind::Anti) {
                    join.right.add_outputs(outputs);
                }
            }
            Node::Aggregate(aggregate) => {
                outputs.extend(aggregate.keys.iter().map(|(slot, _)| *slot));
                outputs.extend(aggregate.calls.iter().map(|call| call.out));
            }
            Node::Sort(sort) => sort.input.add_outputs(outputs),
            Node::SetOp(set) => outputs.extend(&set.out),
        }
    }

    /// The slots of rows around it that it reads: read somewhere in it, and written nowhere in it.
    pub(crate) fn free(&self) -> Slots {
        let (mut reads, mut writes) = (Slots::new(), Slots::new());
        self.add_reads_and_writes(&mut reads, &mut writes);
        &reads - &writes
    }

    fn add_reads_and_writes(&self, reads: &mut Slots, writes: &mut Slots) {
        self.inputs(&mut |input| input.add_reads_and_writes(reads, writes));
        self.scalars(&mut |scalar| scalar.add_reads(reads));
        match self {
            Node::Values { out, .. } | Node::Shared { out, .. } => writes.extend(out),
            Node::Scan(scan) => writes.extend(scan.columns.iter().map(|(_, slot)| slot).chain(&scan.key)),
            Node::Project { exprs, .. } => writes.extend(exprs.iter().map(|(slot, _)| *slot)),
            Node::Aggregate(aggregate) => {
                writes.extend(aggregate.keys.iter().map(|(slot, _)| *slot));
                writes.extend(aggregate.calls.iter().map(|call| call.out));
            }
            Node::SetOp(set) => {
                // An input may give a slot of a row around it as it is.
                set.inputs.iter().for_each(|(_, slots)| reads.extend(slots));
                writes.extend(&set.out);
            }
            _ => {}
        }
    }
}

impl Scalar {
    /// Calls `f` for every slot in it, also in subqueries.
    pub(crate) fn each_slot_mut(&mut self, f: &mut dyn FnMut(&mut Slot)) {
        if let Scalar::Slot(slot) = self {
            f(slot);
        }
        self.operands_mut(&mut |operand| operand.each_slot_mut(f));
        if let Some(query) = self.subquery_mut() {
            query.node.each_slot_mut(f);
            query.columns.iter_mut().for_each(&mut *f);
            query.outer.iter_mut().for_each(f);
        }
    }

    /// Puts `to(slot)` in the place of each slot that has one, also in subqueries.
    pub(crate) fn substitute(&mut self, to: &dyn Fn(Slot) -> Option<Scalar>) {
        self.each_mut(&mut |scalar| {
            if let Scalar::Slot(slot) = scalar
                && let Some(by) = to(*slot)
            {
                *scalar = by;
            }
        });
    }
}

impl Subquery {
    /// The slots of rows around it that it reads, as they are now: its plan's, and those that it gives as they are.
    pub(crate) fn free(&self) -> Slots {
        let mut free = self.node.free();
        let own = self.node.outputs();
        free.extend(self.columns.iter().filter(|slot| !own.contains(slot)));
        free
    }

    /// Writes down which slots of rows around it it reads.
    pub(crate) fn seal(&mut self) {
        self.outer = self.free().into_iter().collect();
        self.outer.sort_unstable();
    }
}
