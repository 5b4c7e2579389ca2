//! By which key a table is read: the primary key or an index whose first columns are compared with values that are known when the scan opens.
//!
//! Why the answer is kept: a condition is taken as a key only if the entries with that key are just the rows for which it is true.
//! - The value is of the column's own class, or is made so by a cast that loses nothing; else the condition stays and tests each row.
//! - NULL among the values finds nothing, as the condition would; `IS NULL` finds the entries with NULL.
//! - A LIKE stays and tests each row: that the text begins as its pattern does is only a part of it.
//! - The value reads no column of the table itself, and does not change from row to row.
//!
//! A value is computed once when the scan opens, also if the table has no row to compare it with: one that may fail (`id = 1 / 0`) then gives its error.

use std::collections::HashMap;

use super::estimate::{Estimate, ROWS_UNKNOWN, SEEK};
use super::safety::is_volatile;
use super::{Context, ROWS_LEAST};
use crate::parse::ast::CompareOp;
use crate::plan::node::{Access, KeyPart, Keys, Scan, Slot};
use crate::plan::scalar::Scalar;
use crate::plan::{same_class, type_of};
use crate::types::{self, DataType, Value};

/// What conditions say about one column: numbers of conditions, and the values.
#[derive(Default)]
struct Facts {
    equal: Option<(usize, KeyPart)>,
    any: Option<(usize, Vec<Scalar>)>,
    lower: Option<(usize, Scalar, bool)>,
    upper: Option<(usize, Scalar, bool)>,
}

/// A way to read a table.
struct Way {
    access: Access,
    used: Vec<usize>,
    estimate: Estimate,
}

/// Lets a scan read by the best key for its conditions, which are then no longer tested; what it costs.
pub(super) fn choose(scan: &mut Scan, cx: &Context<'_>) -> Estimate {
    let rows = (cx.rows)(&scan.table).map_or(ROWS_UNKNOWN, |rows| rows.max(ROWS_LEAST) as f64);
    let full = Estimate { rows, cost: rows + 1.0 };
    if !matches!(scan.access, Access::Full) {
        return full.filtered(&scan.filter);
    }
    let facts = facts(scan, cx);
    let mut best = Way { access: Access::Full, used: Vec::new(), estimate: full };
    if !facts.is_empty() {
        let primary = [(None, &scan.table.primary, true)];
        let indexes = scan.table.indexes.iter().enumerate().map(|(at, index)| (Some(at), &index.columns, index.unique));
        for (index, columns, unique) in primary.into_iter().chain(indexes) {
            let Some(way) = way(scan, index, columns, unique, rows, &facts) else { continue };
            if (way.estimate.cost, best.used.len()) < (best.estimate.cost, way.used.len()) {
                best = way;
            }
        }
    }
    scan.access = best.access;
    let mut at = 0;
    scan.filter.retain(|_| {
        at += 1;
        !best.used.contains(&(at - 1))
    });
    best.estimate.filtered(&scan.filter)
}

/// How a key can be used, if it can.
fn way(
    scan: &Scan,
    index: Option<usize>,
    columns: &[usize],
    unique: bool,
    rows: f64,
    facts: &HashMap<usize, Facts>,
) -> Option<Way> {
    let mut keys = Keys::default();
    let mut used = Vec::new();
    let mut found = rows;
    let mut seeks = 1.0;
    for (nth, column) in columns.iter().enumerate() {
        let Some(fact) = facts.get(column) else { break };
        if let Some((at, part)) = &fact.equal {
            keys.equal.push(part.clone());
            used.push(*at);
            found = if nth == 0 { rows.powf(0.25) } else { (found / 4.0).max(1.0) };
            continue;
        }
        if let Some((at, list)) = &fact.any {
            used.push(*at);
            found = (if nth == 0 { rows.powf(0.25) } else { (found / 4.0).max(1.0) } * list.len() as f64).min(found);
            seeks = list.len() as f64;
            keys.any = Some(list.clone());
        } else {
            for (fact, bound) in [(&fact.lower, &mut keys.lower), (&fact.upper, &mut keys.upper)] {
                if let Some((at, value, included)) = fact {
                    *bound = Some((value.clone(), *included));
                    used.push(*at);
                    found /= 3.0;
                }
            }
        }
        break;
    }
    if used.is_empty() {
        return None;
    }
    let has_null = keys.equal.iter().any(|part| matches!(part, KeyPart::IsNull));
    if unique && !has_null && keys.equal.len() + usize::from(keys.any.is_some()) == columns.len() {
        found = seeks;
    }
    let is_only = |index: usize| {
        let columns = &scan.table.indexes[index].columns;
        scan.columns.iter().all(|(at, _)| columns.contains(at) || scan.table.primary.contains(at))
    };
    // A row that is found in an index is sought in the table.
    let row = match index {
        Some(index) if !is_only(index) => 1.0 + SEEK,
        _ => 1.0,
    };
    let estimate = Estimate { rows: found, cost: seeks * SEEK + found * row };
    let access = match index {
        None => Access::Primary(keys),
        Some(index) => Access::Index { index, keys, only: false },
    };
    Some(Way { access, used, estimate })
}

/// What the conditions of a scan say about its columns, where keys can be made of it.
fn facts(scan: &Scan, cx: &Context<'_>) -> HashMap<usize, Facts> {
    let mut facts: HashMap<usize, Facts> = HashMap::new();
    let column_of = |scalar: &Scalar| match scalar {
        Scalar::Slot(slot) => scan.columns.iter().find(|(_, own)| own == slot).map(|(at, _)| *at),
        _ => None,
    };
    let own: Vec<Slot> = scan.columns.iter().map(|(_, slot)| *slot).chain(scan.key).collect();
    let value = |scalar: &Scalar, at: usize| {
        let is_known = !is_volatile(scalar) && scalar.reads().iter().all(|slot| !own.contains(slot));
        if is_known { fit(scalar, &scan.table.columns[at].data_type, cx) } else { None }
    };
    for (nth, condition) in scan.filter.iter().enumerate() {
        match condition {
            Scalar::Compare { op, left, right } => {
                let sides = [(left, right, *op), (right, left, op.flipped())];
                let found = sides.into_iter().find_map(|(column, other, op)| {
                    let at = column_of(column)?;
                    Some((at, value(other, at)?, op))
                });
                let Some((at, value, op)) = found else { continue };
                let fact = facts.entry(at).or_default();
                match op {
                    CompareOp::Eq if fact.equal.is_none() => fact.equal = Some((nth, KeyPart::Equal(value))),
                    CompareOp::Gt | CompareOp::Ge if fact.lower.is_none() => fact.lower = Some((nth, value, op == CompareOp::Ge)),
                    CompareOp::Lt | CompareOp::Le if fact.upper.is_none() => fact.upper = Some((nth, value, op == CompareOp::Le)),
                    _ => {}
                }
            }
            Scalar::InList { of, list, negated: false } => {
                let Some(at) = column_of(of) else { continue };
                let values: Option<Vec<Scalar>> = list.iter().map(|item| value(item, at)).collect();
                let fact = facts.entry(at).or_default();
                if let (Some(values), None) = (values, &fact.any) {
                    fact.any = Some((nth, values));
                }
            }
            Scalar::IsNull { of, negated: false } => {
                let Some(at) = column_of(of) else { continue };
                let fact = facts.entry(at).or_default();
                if fact.equal.is_none() {
                    fact.equal = Some((nth, KeyPart::IsNull));
                }
            }
            Scalar::Like { of, pattern, escape: None, ignore_case: false, negated: false } => {
                let (Some(at), Scalar::Constant(Value::Text(pattern))) = (column_of(of), &**pattern) else { continue };
                if !matches!(scan.table.columns[at].data_type, DataType::Text { .. }) {
                    continue;
                }
                let fact = facts.entry(at).or_default();
                if let (Some((lower, upper)), None, None) = (beginning(pattern), &fact.lower, &fact.upper) {
                    let text = |text: String| Scalar::Constant(Value::Text(text.into()));
                    fact.lower = Some((KEPT, text(lower), true));
                    fact.upper = Some((KEPT, text(upper), false));
                }
            }
            // A truth value by itself: `WHERE active`, `WHERE NOT active`.
            Scalar::Slot(_) => {
                if let Some(at) = column_of(condition) {
                    add_truth(&mut facts, scan, nth, at, true);
                }
            }
            Scalar::Not(of) => {
                if let Some(at) = column_of(of) {
                    add_truth(&mut facts, scan, nth, at, false);
                }
            }
            _ => {}
        }
    }
    facts.retain(|_, fact| fact.equal.is_some() || fact.any.is_some() || fact.lower.is_some() || fact.upper.is_some());
    facts
}

/// The number of a condition that is tested all the same.
const KEPT: usize = usize::MAX;

/// What a text that is like this pattern begins with, and the first text behind all that begin so; none if it may begin with anything.
fn beginning(pattern: &str) -> Option<(String, String)> {
    let literal = pattern.split(['%', '_', '\\']).next()?;
    // Texts are in the order of their characters' numbers.
    let last = literal.char_indices().rev().find(|(_, last)| *last != char::MAX);
    let (at, last) = last?;
    let behind = (u32::from(last) + 1..).find_map(char::from_u32)?;
    Some((literal.to_owned(), format!("{}{behind}", &literal[..at])))
}

fn add_truth(facts: &mut HashMap<usize, Facts>, scan: &Scan, nth: usize, at: usize, truth: bool) {
    let fact = facts.entry(at).or_default();
    if scan.table.columns[at].data_type == DataType::Boolean && fact.equal.is_none() {
        fact.equal = Some((nth, KeyPart::Equal(Scalar::Constant(Value::Bool(truth)))));
    }
}

/// This as a value of the class of a column, without loss; none if that is not sure.
fn fit(scalar: &Scalar, to: &DataType, cx: &Context<'_>) -> Option<Scalar> {
    if let Scalar::Constant(value) = scalar {
        return fit_constant(value, to).map(Scalar::Constant);
    }
    let from = type_of_scalar(scalar, cx)?;
    if same_class(&from, to) {
        return Some(scalar.clone());
    }
    let cast = |to: DataType| Some(Scalar::Cast { of: Box::new(scalar.clone()), to });
    match (&from, to) {
        // 64 bits have at most 19 digits.
        (DataType::Integer(_), DataType::Decimal { .. }) => cast(DataType::Decimal { precision: 28, scale: 0 }),
        (DataType::Date, DataType::Timestamp) => cast(DataType::Timestamp),
        _ => None,
    }
}

fn fit_constant(value: &Value<'static>, to: &DataType) -> Option<Value<'static>> {
    if value.is_null() || same_class(&type_of(value), to) {
        return Some(value.clone());
    }
    let to = match to {
        DataType::Integer(_) => DataType::BIGINT,
        DataType::Decimal { .. } => match value {
            Value::Int(_) => DataType::Decimal { precision: 28, scale: 0 },
            _ => return None,
        },
        other => *other,
    };
    let fits = matches!(
        (value, &to),
        (
            Value::Int(_) | Value::Decimal(_) | Value::Double(_),
            DataType::Integer(_) | DataType::Double | DataType::Decimal { .. }
        ) | (Value::Date(_), DataType::Timestamp)
            | (Value::Timestamp(_), DataType::Date)
    );
    if !fits {
        return None;
    }
    let cast = types::cast(value.clone(), &to).ok()?.into_owned();
    types::compare(&cast, value).is_some_and(std::cmp::Ordering::is_eq).then_some(cast)
}

/// The type of an expression, where it is plain to see.
pub(super) fn type_of_scalar(scalar: &Scalar, cx: &Context<'_>) -> Option<DataType> {
    let known = match scalar {
        Scalar::Slot(slot) => cx.slot_type(*slot),
        Scalar::Parameter(number) => *cx.parameters.get(*number as usize)?,
        Scalar::Constant(value) => type_of(value),
        Scalar::Cast { to, .. } => *to,
        Scalar::Concat(_) => DataType::TEXT,
        Scalar::Negate(of) => type_of_scalar(of, cx)?,
        Scalar::Arithmetic { left, right, .. } => match (type_of_scalar(left, cx)?, type_of_scalar(right, cx)?) {
            (DataType::Integer(_), DataType::Integer(_)) => DataType::BIGINT,
            (DataType::Double, other) | (other, DataType::Double) if other.is_numeric() => DataType::Double,
            _ => return None,
        },
        Scalar::Subquery(query) => cx.slot_type(*query.columns.first()?),
        Scalar::Call { function, .. } => {
            use crate::plan::function::{Gives, SIGNATURES};
            match SIGNATURES.iter().find(|signature| signature.function == *function)?.gives {
                Gives::Type(data_type) => data_type,
                _ => return None,
            }
        }
        _ => return None,
    };
    (known != DataType::Unknown).then_some(known)
}
