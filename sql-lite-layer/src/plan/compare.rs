//! Comparisons: what compares with what, BETWEEN, IN, and row values.

use super::call::is_volatile;
use super::expr::{boolean, cast, compare, is_text_literal, literal_as, place_of, same_class};
use super::scalar::{Scalar, Subquery};
use super::{Planner, Typed, type_error, unsupported};
use crate::error::{Place, Result};
use crate::parse::ast::{CompareOp, Expr, Query};
use crate::types::{DataType, Value};

impl<'a> Planner<'a> {
    /// `left op right`, also of row values.
    pub(super) fn compare(&mut self, op: CompareOp, left: &'a Expr, right: &'a Expr) -> Result<Typed> {
        match (left, right) {
            (Expr::Row(left), Expr::Row(right)) => self.compare_rows(op, left, right),
            (Expr::Row(list), Expr::Subquery(_)) | (Expr::Subquery(_), Expr::Row(list)) => Err(unsupported(
                list.first().map_or_else(Place::default, place_of),
                "a row value compared with a subquery: use IN or EXISTS",
            )),
            _ => {
                let place = place_of_two(left, right);
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                let (left, right) = self.comparable(left, right, place)?;
                Ok(boolean(compare(op, left.scalar, right.scalar)))
            }
        }
    }

    /// Both as values that compare.
    pub(super) fn comparable(&mut self, mut left: Typed, mut right: Typed, place: Place) -> Result<(Typed, Typed)> {
        self.keep_exact(&left);
        self.keep_exact(&right);
        if is_text_literal(&left) && !is_text_or_unknown(&right) {
            left = literal_as(&left, &right.data_type, place)?;
        } else if is_text_literal(&right) && !is_text_or_unknown(&left) {
            right = literal_as(&right, &left.data_type, place)?;
        }
        match (left.data_type, right.data_type) {
            (DataType::Unknown, DataType::Unknown) => {}
            (DataType::Unknown, other) => self.infer(&mut left, &other),
            (other, DataType::Unknown) => self.infer(&mut right, &other),
            // Compared as the nearest double, as arithmetic has it: `price = 0.1` is true of what `0.1` was stored as.
            (DataType::Double, DataType::Decimal { .. }) => right = cast(right, DataType::Double),
            (DataType::Decimal { .. }, DataType::Double) => left = cast(left, DataType::Double),
            (a, b) if same_class(&a, &b) || (a.is_numeric() && b.is_numeric()) => {}
            (DataType::Date, DataType::Timestamp) | (DataType::Timestamp, DataType::Date) => {}
            (DataType::Boolean, DataType::Integer(_)) => right = truth(right),
            (DataType::Integer(_), DataType::Boolean) => left = truth(left),
            (a, b) => return Err(type_error(place, format!("{a} and {b} do not compare: CAST one of them"))),
        }
        Ok((left, right))
    }

    /// `(a, b) op (c, d)`: by the first of the pairs that differ.
    fn compare_rows(&mut self, op: CompareOp, left: &'a [Expr], right: &'a [Expr]) -> Result<Typed> {
        let place = left.first().map_or_else(Place::default, place_of);
        if left.len() != right.len() || left.is_empty() {
            return Err(type_error(place, format!("row values of {} and {} values do not compare", left.len(), right.len())));
        }
        let mut pairs = Vec::with_capacity(left.len());
        for (left, right) in left.iter().zip(right) {
            let place = place_of_two(left, right);
            let (left, right) = (self.expr(left)?, self.expr(right)?);
            pairs.push(self.comparable(left, right, place)?);
        }
        let each = |op: CompareOp, pairs: Vec<(Typed, Typed)>| {
            pairs.into_iter().map(|(left, right)| compare(op, left.scalar, right.scalar)).collect()
        };
        match op {
            CompareOp::Eq => Ok(boolean(Scalar::And(each(op, pairs)))),
            CompareOp::Ne => Ok(boolean(Scalar::Or(each(op, pairs)))),
            _ => self.compare_in_order(op, &pairs, place),
        }
    }

    /// `a < c OR (a = c AND (b < d OR ..))`, flat: one branch a pair.
    fn compare_in_order(&mut self, op: CompareOp, pairs: &[(Typed, Typed)], place: Place) -> Result<Typed> {
        let strict = match op {
            CompareOp::Lt | CompareOp::Le => CompareOp::Lt,
            _ => CompareOp::Gt,
        };
        let mut branches = Vec::with_capacity(pairs.len());
        for last in 0..pairs.len() {
            let mut all = Vec::with_capacity(last + 1);
            for (at, (left, right)) in pairs[..=last].iter().enumerate() {
                if is_volatile(&left.scalar) || is_volatile(&right.scalar) {
                    return Err(unsupported(place, "a row value of expressions that give another value each time"));
                }
                let here = match at == last {
                    false => CompareOp::Eq,
                    true if last + 1 == pairs.len() => op,
                    true => strict,
                };
                let (left, right) = (self.copy(left)?, self.copy(right)?);
                all.push(compare(here, left.scalar, right.scalar));
            }
            branches.push(one_or(all, Scalar::And));
        }
        Ok(boolean(one_or(branches, Scalar::Or)))
    }

    /// `expr BETWEEN low AND high`: both bounds are included.
    pub(super) fn between(&mut self, expr: &'a Expr, low: &'a Expr, high: &'a Expr, negated: bool) -> Result<Typed> {
        let of = self.expr(expr)?;
        if is_volatile(&of.scalar) {
            return Err(unsupported(place_of(expr), "BETWEEN of an expression that gives another value each time"));
        }
        let again = self.copy(&of)?;
        let (low_place, high_place) = (place_of_two(low, expr), place_of_two(high, expr));
        let low = self.expr(low)?;
        let (of, low) = self.comparable(of, low, low_place)?;
        let high = self.expr(high)?;
        let (again, high) = self.comparable(again, high, high_place)?;
        // `NOT (a AND b)` is `NOT a OR NOT b`, with NULL too.
        Ok(boolean(match negated {
            false => Scalar::And(vec![
                compare(CompareOp::Ge, of.scalar, low.scalar),
                compare(CompareOp::Le, again.scalar, high.scalar),
            ]),
            true => {
                Scalar::Or(vec![compare(CompareOp::Lt, of.scalar, low.scalar), compare(CompareOp::Gt, again.scalar, high.scalar)])
            }
        }))
    }

    /// `expr IN (a, b, ..)`; of an empty list it is false, whatever the expression.
    pub(super) fn in_list(&mut self, expr: &'a Expr, list: &'a [Expr], negated: bool) -> Result<Typed> {
        if list.is_empty() {
            return Ok(boolean(Scalar::Constant(Value::Bool(negated))));
        }
        if let Expr::Row(row) = expr {
            return self.in_rows(row, list, negated);
        }
        let mut of = self.expr(expr)?;
        let mut planned = Vec::with_capacity(list.len());
        for item in list {
            planned.push(self.expr(item)?);
        }
        if is_text_literal(&of) || of.data_type == DataType::Unknown {
            // The list says what it is.
            let firm = planned.iter().find(|item| !is_text_literal(item) && item.data_type != DataType::Unknown).cloned();
            let firm = firm.or_else(|| planned.iter().find(|item| item.data_type != DataType::Unknown).cloned());
            if let Some(firm) = firm {
                of = self.comparable(of, firm, place_of_two(expr, &list[0]))?.0;
            }
        }
        if matches!(of.data_type, DataType::Decimal { .. }) && planned.iter().any(|item| item.data_type == DataType::Double) {
            of = cast(of, DataType::Double);
        }
        let mut scalars = Vec::with_capacity(list.len());
        for (item, written) in planned.into_iter().zip(list) {
            let place = place_of_two(written, expr);
            let left = Typed { scalar: Scalar::Constant(Value::Null), data_type: of.data_type };
            let (left, item) = self.comparable(left, item, place)?;
            if !same_class(&left.data_type, &of.data_type) {
                return Err(type_error(place, format!("{} is not among values of {}", of.data_type, item.data_type)));
            }
            scalars.push(item.scalar);
        }
        Ok(boolean(Scalar::InList { of: Box::new(of.scalar), list: scalars, negated }))
    }

    /// `(a, b) IN ((c, d), ..)`: one of the comparisons is true.
    fn in_rows(&mut self, row: &'a [Expr], list: &'a [Expr], negated: bool) -> Result<Typed> {
        let mut any = Vec::with_capacity(list.len());
        for item in list {
            let Expr::Row(other) = item else {
                return Err(type_error(place_of(item), format!("a row value of {} values stands beside IN", row.len())));
            };
            any.push(self.compare_rows(CompareOp::Eq, row, other)?.scalar);
        }
        let found = one_or(any, Scalar::Or);
        Ok(boolean(if negated { Scalar::Not(Box::new(found)) } else { found }))
    }

    /// `expr IN (SELECT ..)`, also of row values.
    pub(super) fn in_query(&mut self, expr: &'a Expr, query: &'a Query, negated: bool) -> Result<Typed> {
        let place = place_of(expr);
        let exprs: &[Expr] = match expr {
            Expr::Row(list) => list,
            one => std::slice::from_ref(one),
        };
        let mut left = Vec::with_capacity(exprs.len());
        for expr in exprs {
            left.push(self.expr(expr)?);
        }
        let (mut query, types) = self.subquery(query)?;
        if types.len() != left.len() {
            return Err(type_error(place, format!("IN compares {} values with {} columns", left.len(), types.len())));
        }
        let mut scalars = Vec::with_capacity(left.len());
        for (at, left) in left.into_iter().enumerate() {
            let right = Typed { scalar: Scalar::Slot(query.columns[at]), data_type: types[at] };
            let (left, right) = self.comparable(left, right, place)?;
            self.give(&mut query, at, right);
            scalars.push(left.scalar);
        }
        Ok(boolean(Scalar::InQuery { left: scalars, query: Box::new(query), negated }))
    }

    /// Lets a subquery's column be this expression over its columns.
    fn give(&mut self, query: &mut Subquery, at: usize, typed: Typed) {
        if let Scalar::Slot(_) = typed.scalar {
            return;
        }
        let slot = self.slot("IN", typed.data_type);
        query.columns[at] = slot;
        super::query::project(&mut query.node, vec![(slot, typed.scalar)]);
    }
}

fn is_text_or_unknown(typed: &Typed) -> bool {
    matches!(typed.data_type, DataType::Text { .. } | DataType::Unknown)
}

/// A whole number as a truth value: H2's `active = 1`.
fn truth(typed: Typed) -> Typed {
    match typed.scalar {
        Scalar::Constant(Value::Int(number @ (0 | 1))) => boolean(Scalar::Constant(Value::Bool(number == 1))),
        _ => cast(typed, DataType::Boolean),
    }
}

/// The only one, or all of them together.
pub(super) fn one_or(mut list: Vec<Scalar>, many: impl FnOnce(Vec<Scalar>) -> Scalar) -> Scalar {
    match list.len() {
        1 => list.swap_remove(0),
        _ => many(list),
    }
}

fn place_of_two(first: &Expr, second: &Expr) -> Place {
    let place = place_of(first);
    if place.line > 0 { place } else { place_of(second) }
}
