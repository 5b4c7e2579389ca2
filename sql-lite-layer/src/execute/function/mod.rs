//! The functions of one row.
//!
//! Classes of arguments are checked by the planner; what is checked here is what values alone can show. Text that is a piece of a borrowed text is borrowed too.

mod number;
mod text;
mod time;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;

use super::context::Context;
use super::scalar::{Operand, compare, operand, value};
use crate::error::{Error, ErrorKind, Result};
use crate::parse::ast::CompareOp;
use crate::plan::function::Function;
use crate::plan::scalar::Scalar;
use crate::types::{self, DataType, Value};

/// Longest text that an expression may make.
const MAX_TEXT_BYTES: usize = 256 << 20;

/// The function's value for these arguments. NULL in, NULL out, but for those that are named first.
pub(super) fn call<'r>(function: Function, args: &'r [Scalar], frame: &[Value<'r>], cx: &Context<'r>) -> Result<Value<'r>> {
    match function {
        Function::Coalesce => coalesce(args, frame, cx),
        Function::NullIf => null_if(args, frame, cx),
        Function::Greatest => best(args, Ordering::Greater, frame, cx),
        Function::Least => best(args, Ordering::Less, frame, cx),
        Function::Concat => join(None, args, frame, cx),
        Function::ConcatWs => {
            let Some((separator, parts)) = args.split_first() else { return Ok(Value::Null) };
            let separator = operand(separator, frame, cx)?;
            if separator.is_null() { Ok(Value::Null) } else { join(Some(&*separator), parts, frame, cx) }
        }
        Function::TypeOf => type_of(args, frame, cx),
        Function::CurrentTimestamp => Ok(Value::Timestamp(cx.inputs.now())),
        Function::CurrentDate => Ok(Value::Date(cx.inputs.now().date())),
        Function::RandomUuid => random_uuid(),
        Function::LastIdentity => Ok(cx.inputs.last_identity.map_or(Value::Null, Value::Int)),
        _ => {
            // The others take three at most.
            let mut given = [Operand::Computed(Value::Null), Operand::Computed(Value::Null), Operand::Computed(Value::Null)];
            for (place, arg) in given.iter_mut().zip(args) {
                *place = operand(arg, frame, cx)?;
                if place.is_null() {
                    return Ok(Value::Null);
                }
            }
            of_given(function, &given, args.len(), cx)
        }
    }
}

/// A function of values none of which is NULL but those that are not given.
fn of_given<'r>(function: Function, given: &[Operand<'_, 'r>; 3], count: usize, cx: &Context<'r>) -> Result<Value<'r>> {
    match function {
        Function::Abs | Function::Sign | Function::Floor | Function::Ceiling | Function::Round | Function::Truncate => {
            let digits = if count > 1 { Some(whole(&given[1])?) } else { None };
            number::rounded(function, &given[0], digits)
        }
        Function::Power | Function::Sqrt | Function::Exp | Function::Ln | Function::Log10 => {
            number::real(function, &given[0], &given[1])
        }
        Function::Extract => time::extract(&text_of(&given[0]), &given[1]),
        Function::DateAdd => time::add(&text_of(&given[0]), whole(&given[1])?, &given[2]),
        Function::DateDiff => time::diff(&text_of(&given[0]), &given[1], &given[2]),
        Function::DateTrunc => time::trunc(&text_of(&given[0]), &given[1]),
        Function::NextValue => Ok(Value::Int(sequences(cx)?.next(&text_of(&given[0]))?)),
        Function::CurrentValue => Ok(Value::Int(sequences(cx)?.current(&text_of(&given[0]))?)),
        _ => text::call(function, given, count),
    }
}

fn coalesce<'r>(args: &'r [Scalar], frame: &[Value<'r>], cx: &Context<'r>) -> Result<Value<'r>> {
    for arg in args {
        let given = operand(arg, frame, cx)?;
        if !given.is_null() {
            return Ok(given.into_value());
        }
    }
    Ok(Value::Null)
}

fn null_if<'r>(args: &'r [Scalar], frame: &[Value<'r>], cx: &Context<'r>) -> Result<Value<'r>> {
    let [first, second] = args else { return Ok(Value::Null) };
    let first = operand(first, frame, cx)?;
    let same = compare(CompareOp::Eq, &first, &*operand(second, frame, cx)?) == Some(true);
    Ok(if same { Value::Null } else { first.into_value() })
}

/// The greatest or the least; NULLs are left out.
fn best<'r>(args: &'r [Scalar], wanted: Ordering, frame: &[Value<'r>], cx: &Context<'r>) -> Result<Value<'r>> {
    let mut best = Value::Null;
    for arg in args {
        let given = value(arg, frame, cx)?;
        if !given.is_null() && (best.is_null() || types::order(&given, &best) == wanted) {
            best = given;
        }
    }
    Ok(best)
}

/// The texts one behind the other; NULLs are left out.
fn join<'r>(separator: Option<&Value<'r>>, parts: &'r [Scalar], frame: &[Value<'r>], cx: &Context<'r>) -> Result<Value<'r>> {
    let (mut text, mut first) = (String::new(), true);
    for part in parts {
        let part = operand(part, frame, cx)?;
        if part.is_null() {
            continue;
        }
        if let (Some(separator), false) = (separator, first) {
            with_text(separator, |separator| text.push_str(separator));
        }
        with_text(&part, |part| text.push_str(part));
        check_len(text.len())?;
        first = false;
    }
    Ok(Value::Text(text.into()))
}

fn type_of<'r>(args: &'r [Scalar], frame: &[Value<'r>], cx: &Context<'r>) -> Result<Value<'r>> {
    let Some(arg) = args.first() else { return Ok(Value::Null) };
    Ok(Value::Text(Cow::Borrowed(match &*operand(arg, frame, cx)? {
        Value::Null => "NULL",
        Value::Bool(_) => "BOOLEAN",
        Value::Int(_) => "BIGINT",
        Value::Double(_) => "DOUBLE",
        Value::Decimal(_) => "DECIMAL",
        Value::Text(_) => "VARCHAR",
        Value::Blob(_) => "BLOB",
        Value::Timestamp(_) => "TIMESTAMP",
        Value::Date(_) => "DATE",
        Value::Uuid(_) => "UUID",
    })))
}

fn random_uuid() -> Result<Value<'static>> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(ErrorKind::Store, format!("the system has no randomness: {error}")))?;
    Ok(Value::Uuid(uuid::Builder::from_random_bytes(bytes).into_uuid()))
}

fn sequences<'a>(cx: &Context<'a>) -> Result<&'a dyn super::Sequences> {
    cx.inputs.sequences.ok_or_else(|| Error::new(ErrorKind::State, "sequences cannot be used here").with_state("55000"))
}

/// Shows a value as text, without a copy if it is text.
pub(super) fn with_text<T>(value: &Value<'_>, show: impl FnOnce(&str) -> T) -> T {
    show(&text_of(value))
}

fn text_of<'a>(value: &'a Value<'_>) -> Cow<'a, str> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        other => {
            let mut text = String::new();
            // Writing into a String does not fail.
            let _ = write!(text, "{other}");
            Cow::Owned(text)
        }
    }
}

fn whole(value: &Value<'_>) -> Result<i64> {
    match value {
        Value::Int(number) => Ok(*number),
        other => super::scalar::whole_number(other, "an argument"),
    }
}

/// Refuses texts that would be too long; to be asked before they are made where that can be known.
pub(super) fn check_len(len_bytes: usize) -> Result<()> {
    if len_bytes <= MAX_TEXT_BYTES {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Limit,
        format!("a text of {len_bytes} bytes is longer than the {MAX_TEXT_BYTES} that an expression may make"),
    ))
}

fn no_such(what: &str, value: &Value<'_>) -> Error {
    Error::new(ErrorKind::Type, format!("{what}, not {value}"))
}

fn as_type(value: &Value<'_>, to: DataType) -> Result<Value<'static>> {
    Ok(types::cast(value.lend(), &to)?.into_owned())
}

#[cfg(test)]
mod tests;
