//! Rule `extremes`: MIN and MAX of a column read one end of a key instead of all rows.
//!
//! Why the answer is kept: in the order of a key the first row whose column is not NULL holds the smallest value, the last one the largest; conditions are tested
//! before the row counts. MIN and MAX of one scan are split into two, whose single rows make a pair. Nothing else may be computed over the same rows.

use super::order::order_of;
use super::{Context, replace};
use crate::plan::function::AggregateFunction;
use crate::plan::node::{Access, Aggregate, Join, JoinKind, JoinMethod, Keys, Node, Scan, Slot};
use crate::plan::scalar::{AggregateCall, Scalar};
use crate::types::{DataType, Date, Decimal, Timestamp, Uuid, Value};

/// Pairs of single rows: more would be no gain over one pass.
const CALLS_MAX: usize = 4;

pub(super) fn rule(node: &mut Node, cx: &mut Context<'_>) {
    node.inputs_mut(&mut |input| rule(input, cx));
    let Node::Aggregate(aggregate) = node else { return };
    let Node::Scan(scan) = &aggregate.input else { return };
    if !aggregate.keys.is_empty() || aggregate.calls.is_empty() || aggregate.calls.len() > CALLS_MAX {
        return;
    }
    let ends: Option<Vec<Scan>> = aggregate.calls.iter().map(|call| end(scan, call)).collect();
    let Some(ends) = ends else { return };
    replace(node, |node| match node {
        Node::Aggregate(aggregate) => split(*aggregate, ends, cx),
        other => other,
    });
}

/// The scan that gives a call's value first; none: there is no key for it.
fn end(scan: &Scan, call: &AggregateCall) -> Option<Scan> {
    let is_max = match call.function {
        AggregateFunction::Min => false,
        AggregateFunction::Max => true,
        _ => return None,
    };
    let [Scalar::Slot(slot)] = call.args[..] else { return None };
    if call.filter.is_some() {
        return None;
    }
    let at = scan.columns.iter().find(|(_, own)| *own == slot).map(|(at, _)| *at)?;
    let mut scan = scan.clone();
    if order_of(&scan).then.first() != Some(&Some(slot)) {
        // Another key only where nothing is tested: else it might be read to its end.
        if !matches!(scan.access, Access::Full) || !scan.filter.is_empty() {
            return None;
        }
        let index = scan.table.indexes.iter().position(|index| index.columns.first() == Some(&at))?;
        scan.access = Access::Index { index, keys: Keys::default(), only: false };
    }
    scan.reverse = is_max;
    if scan.table.columns[at].nullable {
        skip_nulls(&mut scan, slot, at, is_max);
    }
    Some(scan)
}

/// NULLs stand at the small end: MIN begins behind them, MAX may only meet them when there is nothing else.
fn skip_nulls(scan: &mut Scan, slot: Slot, at: usize, is_max: bool) {
    let least = smallest(&scan.table.columns[at].data_type);
    let keys = match &mut scan.access {
        Access::Primary(keys) | Access::Index { keys, .. } => Some(keys),
        Access::Full => None,
    };
    if let (false, Some(keys), Some(least)) = (is_max, keys, least)
        && keys.any.is_none()
        && keys.lower.is_none()
    {
        keys.lower = Some((Scalar::Constant(least), true));
        return;
    }
    scan.filter.push(Scalar::IsNull { of: Box::new(Scalar::Slot(slot)), negated: true });
}

/// The smallest value of a class.
fn smallest(data_type: &DataType) -> Option<Value<'static>> {
    Some(match data_type {
        DataType::Boolean => Value::Bool(false),
        DataType::Integer(_) => Value::Int(i64::MIN),
        DataType::Double => Value::Double(f64::MIN),
        DataType::Decimal { .. } => Value::Decimal(Decimal::MIN),
        DataType::Text { .. } => Value::Text("".into()),
        DataType::Blob { .. } => Value::Blob((&[][..]).into()),
        DataType::Timestamp => Value::Timestamp(Timestamp(i64::MIN)),
        DataType::Date => Value::Date(Date(i32::MIN)),
        DataType::Uuid => Value::Uuid(Uuid::nil()),
        _ => return None,
    })
}

/// One aggregate for each call, over a single row; their rows side by side.
fn split(aggregate: Aggregate, ends: Vec<Scan>, cx: &mut Context<'_>) -> Node {
    let mut joined: Option<Node> = None;
    for (nth, (mut call, mut scan)) in aggregate.calls.into_iter().zip(ends).enumerate() {
        if nth > 0 {
            rename(&mut scan, &mut call, cx);
        }
        let limit = Some(Scalar::Constant(Value::Int(1)));
        let input = Node::Limit { input: Box::new(Node::Scan(Box::new(scan))), limit, offset: None };
        let single = Node::Aggregate(Box::new(Aggregate { input, keys: Vec::new(), calls: vec![call], in_order: false }));
        joined = Some(match joined {
            None => single,
            Some(left) => {
                let slots = |node: &Node| node.outputs().into_iter().collect();
                let (left_slots, right_slots) = (slots(&left), slots(&single));
                let (method, on) = (JoinMethod::Nested, Vec::new());
                Node::Join(Box::new(Join { kind: JoinKind::Inner, left, right: single, method, on, left_slots, right_slots }))
            }
        });
    }
    joined.unwrap_or(Node::OneRow)
}

/// Slots are written once: a second scan of the table has its own.
fn rename(scan: &mut Scan, call: &mut AggregateCall, cx: &mut Context<'_>) {
    let mut renamed = Vec::with_capacity(scan.columns.len());
    for (_, slot) in &mut scan.columns {
        let new = cx.slot(cx.slot_type(*slot));
        renamed.push((*slot, new));
        *slot = new;
    }
    let by = |slot: Slot| renamed.iter().find(|(old, _)| *old == slot).map(|(_, new)| Scalar::Slot(*new));
    scan.filter.iter_mut().chain(&mut call.args).for_each(|scalar| scalar.substitute(&by));
}
