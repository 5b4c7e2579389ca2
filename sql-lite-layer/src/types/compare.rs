//! How values compare.
//!
//! 1. [`order`] is total over all values: NULL, truth values, numbers, text, bytes, times, identifiers. Within a class values compare by what they mean: numbers of all
//!    kinds exactly, text by its UTF-8 bytes (which is the order of its characters' numbers), a date as its midnight.
//! 2. [`compare`] is the same order with SQL's NULL: nothing is known about a NULL.
//! 3. Values that are equal here have equal bytes under `encode::key::push_hashable`; within one column's type the order is that of `encode::key::push`.
//!
//! It does not convert: the planner has put casts where a comparison of two classes is allowed, and makes a DECIMAL beside a DOUBLE the nearest double. Only here,
//! among values of no column, are the two compared exactly: an order of nearest doubles beside exact whole numbers would not be transitive.

use std::cmp::Ordering;

use super::number::{compare_decimal_double, compare_double, compare_int_double};
use super::{Decimal, Timestamp, Value};

/// A comparison that is true of some orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Comparison {
    /// Whether it is true of a left and a right side that stand in this order.
    #[inline]
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Eq => order.is_eq(),
            Comparison::Ne => order.is_ne(),
            Comparison::Lt => order.is_lt(),
            Comparison::Le => order.is_le(),
            Comparison::Gt => order.is_gt(),
            Comparison::Ge => order.is_ge(),
        }
    }
}

/// The order of two values; none if one of them is NULL.
#[inline]
pub(crate) fn compare(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => None,
        _ => Some(order(left, right)),
    }
}

/// The order of two values, NULL before all others: for sorting, grouping and DISTINCT.
#[inline]
pub(crate) fn order(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        // Slices of u8 compare by memcmp; `str` compares as its bytes.
        (Value::Text(left), Value::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Value::Timestamp(left), Value::Timestamp(right)) => left.cmp(right),
        _ => order_others(left, right),
    }
}

fn order_others(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Blob(left), Value::Blob(right)) => left.as_ref().cmp(right.as_ref()),
        (Value::Uuid(left), Value::Uuid(right)) => left.cmp(right),
        (Value::Date(left), Value::Date(right)) => left.cmp(right),
        (Value::Date(left), Value::Timestamp(right)) => Timestamp::midnight(*left).cmp(right),
        (Value::Timestamp(left), Value::Date(right)) => left.cmp(&Timestamp::midnight(*right)),
        (Value::Double(left), Value::Double(right)) => compare_double(*left, *right),
        (Value::Int(left), Value::Double(right)) => compare_int_double(*left, *right),
        (Value::Double(left), Value::Int(right)) => compare_int_double(*right, *left).reverse(),
        (Value::Decimal(left), Value::Decimal(right)) => left.cmp(right),
        (Value::Int(left), Value::Decimal(right)) => Decimal::from(*left).cmp(right),
        (Value::Decimal(left), Value::Int(right)) => left.cmp(&Decimal::from(*right)),
        (Value::Decimal(left), Value::Double(right)) => compare_decimal_double(*left, *right),
        (Value::Double(left), Value::Decimal(right)) => compare_decimal_double(*right, *left).reverse(),
        _ => class(left).cmp(&class(right)),
    }
}

/// Where a value's class stands in the order of all values. The tags of `encode::key` keep to it.
fn class(value: &Value<'_>) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Double(_) | Value::Decimal(_) => 2,
        Value::Text(_) => 3,
        Value::Blob(_) => 4,
        Value::Timestamp(_) | Value::Date(_) => 5,
        Value::Uuid(_) => 6,
    }
}
