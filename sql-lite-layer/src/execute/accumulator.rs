//! What an aggregate function remembers of the rows of one group.
//!
//! Whole numbers are added with 128 bits, so that a sum overflows by its result and not by the order of its rows; decimals exactly; doubles with what rounding lost
//! (Neumaier's sum).

use std::cmp::Ordering;

use super::context::{Context, Frame, KeptRows, owned_len_bytes};
use super::function::{check_len, with_text};
use super::scalar::{operand, truth, value};
use super::sort::{compare, merge_sort, write_keys};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::function::AggregateFunction;
use crate::plan::scalar::AggregateCall;
use crate::types::{self, DataType, Decimal, Value};

pub(super) enum Accumulator<'r> {
    Count(i64),
    Sum(Sum),
    /// Of `min` and `max`: the best yet.
    Best(Value<'r>),
    Text(Option<String>),
    /// Texts that are put together in an order: keys, text, separator.
    Ordered(KeptRows<'r>),
    Truth(Option<bool>),
}

/// Numbers of each kind on their own.
#[derive(Default)]
pub(super) struct Sum {
    count: u64,
    whole: i128,
    exact: Option<Decimal>,
    double: Option<(f64, f64)>,
}

impl<'r> Accumulator<'r> {
    pub(super) fn new(call: &AggregateCall) -> Accumulator<'r> {
        match call.function {
            AggregateFunction::Count => Accumulator::Count(0),
            AggregateFunction::Sum | AggregateFunction::Total | AggregateFunction::Avg => Accumulator::Sum(Sum::default()),
            AggregateFunction::Min | AggregateFunction::Max => Accumulator::Best(Value::Null),
            AggregateFunction::GroupConcat if call.order.is_empty() => Accumulator::Text(None),
            AggregateFunction::GroupConcat => Accumulator::Ordered(KeptRows::new(call.order.len() + 2)),
            AggregateFunction::BoolAnd | AggregateFunction::BoolOr => Accumulator::Truth(None),
        }
    }

    /// Takes the row that stands in the frame; how much more memory it takes beside its own size.
    pub(super) fn add(&mut self, call: &'r AggregateCall, frame: &Frame<'r>, cx: &Context<'r>) -> Result<usize> {
        let Some(arg) = call.args.first() else {
            if let Accumulator::Count(count) = self {
                *count += 1;
            }
            return Ok(0);
        };
        if let Accumulator::Truth(so_far) = self {
            if let Some(truth) = truth(arg, frame, cx)? {
                let and = call.function == AggregateFunction::BoolAnd;
                *so_far = Some(so_far.map_or(truth, |so_far| if and { so_far && truth } else { so_far || truth }));
            }
            return Ok(0);
        }
        let given = operand(arg, frame, cx)?;
        if given.is_null() {
            return Ok(0);
        }
        match self {
            Accumulator::Count(count) => *count += 1,
            Accumulator::Sum(sum) => sum.add(&given, call)?,
            Accumulator::Best(best) => {
                if let (Value::Int(given), Value::Int(best)) = (&*given, &mut *best) {
                    // The most frequent case, without a value that is made and moved.
                    *best = if call.function == AggregateFunction::Min { (*best).min(*given) } else { (*best).max(*given) };
                    return Ok(0);
                }
                let wanted = if call.function == AggregateFunction::Min { Ordering::Less } else { Ordering::Greater };
                if best.is_null() || types::order(&given, best) == wanted {
                    let before = owned_len_bytes(best);
                    *best = given.into_value();
                    return Ok(owned_len_bytes(best).saturating_sub(before));
                }
            }
            Accumulator::Text(text) => {
                let separator = call.args.get(1).map(|separator| operand(separator, frame, cx)).transpose()?;
                return append(text, &given, separator.as_deref());
            }
            Accumulator::Ordered(rows) => {
                let before = rows.size_bytes();
                let separator = call.args.get(1).map_or(Ok(Value::Text(",".into())), |separator| value(separator, frame, cx))?;
                let mut row = Vec::with_capacity(call.order.len() + 2);
                write_keys(&mut row, &call.order, frame, cx)?;
                row.extend([given.into_value(), separator]);
                rows.push_values(row.into_iter());
                return Ok(rows.size_bytes() - before);
            }
            Accumulator::Truth(_) => {}
        }
        Ok(0)
    }

    /// Takes so many rows more, which are not looked at: of `count(*)` alone.
    pub(super) fn add_unseen(&mut self, more: u64) {
        if let Accumulator::Count(count) = self {
            *count = count.saturating_add_unsigned(more);
        }
    }

    /// The result.
    pub(super) fn finish(&mut self, call: &AggregateCall, cx: &Context<'r>) -> Result<Value<'r>> {
        Ok(match self {
            Accumulator::Count(count) => Value::Int(*count),
            Accumulator::Sum(sum) => sum.finish(call)?,
            Accumulator::Best(best) => std::mem::take(best),
            Accumulator::Text(text) => text.take().map_or(Value::Null, |text| Value::Text(text.into())),
            Accumulator::Ordered(rows) => {
                let mut order: Vec<u32> = (0..rows.len() as u32).collect();
                merge_sort(&mut order, |a, b| compare(&call.order, rows.row(a as usize), rows.row(b as usize)), cx)?;
                let mut text = None;
                for number in order {
                    let row = rows.row(number as usize);
                    append(&mut text, &row[call.order.len()], Some(&row[call.order.len() + 1]))?;
                }
                text.map_or(Value::Null, |text| Value::Text(text.into()))
            }
            Accumulator::Truth(truth) => truth.map_or(Value::Null, Value::Bool),
        })
    }
}

/// Adds a text behind the separator; how much memory that took.
fn append(text: &mut Option<String>, given: &Value<'_>, separator: Option<&Value<'_>>) -> Result<usize> {
    let before = text.as_ref().map_or(0, String::capacity);
    let text = match text {
        Some(text) => {
            match separator {
                None => text.push(','),
                Some(Value::Null) => {}
                Some(separator) => with_text(separator, |separator| text.push_str(separator)),
            }
            text
        }
        None => text.insert(String::new()),
    };
    with_text(given, |given| text.push_str(given));
    check_len(text.len())?;
    Ok(text.capacity() - before)
}

impl Sum {
    #[inline]
    fn add(&mut self, given: &Value<'_>, call: &AggregateCall) -> Result<()> {
        self.count += 1;
        match given {
            // 2^64 numbers below 2^63 stay below 2^127.
            Value::Int(number) => self.whole += i128::from(*number),
            Value::Decimal(number) => {
                let sum = types::add_decimals(self.exact.unwrap_or_default(), *number);
                self.exact = Some(sum.ok_or_else(|| overflow(call))?);
            }
            Value::Double(number) => {
                let (sum, lost) = self.double.get_or_insert((0.0, 0.0));
                let next = *sum + number;
                *lost += if sum.abs() >= number.abs() { (*sum - next) + number } else { (number - next) + *sum };
                *sum = next;
            }
            other => return Err(Error::new(ErrorKind::Type, format!("{} is of numbers, not of {other}", name(call)))),
        }
        Ok(())
    }

    fn as_double(&self) -> f64 {
        use rust_decimal::prelude::ToPrimitive;
        let exact = self.exact.map_or(0.0, |exact| exact.to_f64().unwrap_or(f64::NAN));
        let (sum, lost) = self.double.unwrap_or_default();
        // The loss is no number once the sum is infinite; the error then says that it is.
        if sum.is_finite() { sum + lost + (exact + self.whole as f64) } else { sum }
    }

    fn as_decimal(&self, call: &AggregateCall) -> Result<Decimal> {
        let whole = Decimal::try_from_i128_with_scale(self.whole, 0).map_err(|_| overflow(call))?;
        types::add_decimals(self.exact.unwrap_or_default(), whole).ok_or_else(|| overflow(call))
    }

    fn finish(&self, call: &AggregateCall) -> Result<Value<'static>> {
        let average = call.function == AggregateFunction::Avg;
        if self.count == 0 {
            return Ok(if call.function == AggregateFunction::Total { Value::Double(0.0) } else { Value::Null });
        }
        let double = self.double.is_some() || call.data_type == DataType::Double || call.function == AggregateFunction::Total;
        if double {
            let sum = self.as_double();
            return types::double(if average { sum / self.count as f64 } else { sum });
        }
        if average || self.exact.is_some() || matches!(call.data_type, DataType::Decimal { .. }) {
            let sum = self.as_decimal(call)?;
            let result = if average { types::divide_decimals(sum, Decimal::from(self.count)) } else { Some(sum) };
            return Ok(Value::Decimal(result.ok_or_else(|| overflow(call))?));
        }
        i64::try_from(self.whole).map(Value::Int).map_err(|_| overflow(call))
    }
}

fn overflow(call: &AggregateCall) -> Error {
    Error::new(ErrorKind::Data, format!("{} is out of the range of its type {}", name(call), call.data_type)).with_state("22003")
}

fn name(call: &AggregateCall) -> &'static str {
    match call.function {
        AggregateFunction::Avg => "an average",
        _ => "a sum",
    }
}
