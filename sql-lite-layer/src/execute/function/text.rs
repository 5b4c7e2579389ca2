//! Functions of text. Characters are Unicode scalar values, counted from 1.

use std::borrow::Cow;
use std::ops::Range;

use super::{check_len, no_such, text_of, whole};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::scalar::Operand;
use crate::plan::function::Function;
use crate::types::{self, Value};

pub(super) fn call<'r>(function: Function, given: &[Operand<'_, 'r>; 3], count: usize) -> Result<Value<'r>> {
    let [first, second, third] = given;
    if let (Value::Blob(bytes), Function::Length | Function::OctetLength | Function::Hex) = (&**first, function) {
        return Ok(if function == Function::Hex { owned(hex(bytes)) } else { Value::Int(bytes.len() as i64) });
    }
    let text = text_of(first);
    Ok(match function {
        Function::Lower => owned(text.to_lowercase()),
        Function::Upper => owned(text.to_uppercase()),
        Function::Length => Value::Int(chars(&text) as i64),
        Function::OctetLength => Value::Int(text.len() as i64),
        Function::Substring => {
            let most = if count > 2 { Some(whole(third)?) } else { None };
            let range = substring(&text, whole(second)?, most)?;
            piece(first, &text, range)
        }
        Function::Left => {
            let end = byte_at(&text, whole(second)?);
            piece(first, &text, 0..end)
        }
        Function::Right => {
            let from = (chars(&text) as i64).saturating_sub(whole(second)?.max(0));
            piece(first, &text, byte_at(&text, from)..text.len())
        }
        Function::Trim | Function::TrimLeading | Function::TrimTrailing => {
            let range = trimmed(&text, if count > 1 { text_of(second) } else { Cow::Borrowed(" ") }.as_ref(), function);
            piece(first, &text, range)
        }
        Function::Replace => replace(&text, &text_of(second), &text_of(third))?,
        Function::Position => {
            let place = text_of(second).find(&*text).map(|at| chars(&text_of(second)[..at]) + 1);
            Value::Int(place.unwrap_or(0) as i64)
        }
        Function::PadLeft | Function::PadRight => {
            let with = if count > 2 { text_of(third) } else { Cow::Borrowed(" ") };
            pad(&text, whole(second)?, &with, function == Function::PadLeft)?
        }
        Function::Repeat => {
            let times = usize::try_from(whole(second)?.max(0)).unwrap_or(usize::MAX);
            check_len(text.len().saturating_mul(times))?;
            owned(text.repeat(times))
        }
        Function::Reverse => owned(text.chars().rev().collect()),
        Function::Ascii => text.chars().next().map_or(Value::Null, |first| Value::Int(i64::from(u32::from(first)))),
        Function::Char => {
            let code = whole(first)?;
            let char = u32::try_from(code).ok().and_then(char::from_u32);
            owned(
                char.ok_or_else(|| Error::new(ErrorKind::Data, format!("there is no character {code}")).with_state("22021"))?
                    .to_string(),
            )
        }
        Function::StartsWith => Value::Bool(text.starts_with(&*text_of(second))),
        Function::Hex => owned(hex(text.as_bytes())),
        Function::Unhex => Value::Blob(types::parse_bytes(&text)?.into()),
        other => return Err(no_such(&format!("{other:?} is no function of text"), first)),
    })
}

fn owned(text: String) -> Value<'static> {
    Value::Text(Cow::Owned(text))
}

/// A piece of the first argument: borrowed if that is.
fn piece<'r>(of: &Value<'r>, text: &str, range: Range<usize>) -> Value<'r> {
    match of {
        Value::Text(Cow::Borrowed(text)) => Value::Text(Cow::Borrowed(&text[range])),
        _ => owned(text[range].to_owned()),
    }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

/// Where the character behind so many others begins, or the end.
fn byte_at(text: &str, chars: i64) -> usize {
    let Ok(chars) = usize::try_from(chars) else { return 0 };
    if chars >= text.len() {
        return text.len();
    }
    text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at)
}

/// Positions before 1 are counted, but hold nothing.
fn substring(text: &str, from: i64, most: Option<i64>) -> Result<Range<usize>> {
    let start = byte_at(text, from.saturating_sub(1));
    let Some(most) = most else { return Ok(start..text.len()) };
    if most < 0 {
        return Err(Error::new(ErrorKind::Data, format!("SUBSTRING of a negative length, {most}")).with_state("22011"));
    }
    let end = byte_at(text, from.saturating_sub(1).saturating_add(most));
    Ok(start..end.max(start))
}

/// Without these characters at its ends.
fn trimmed(text: &str, characters: &str, function: Function) -> Range<usize> {
    let belongs = |char: char| characters.contains(char);
    let mut end = text.len();
    if function != Function::TrimLeading {
        end = text.trim_end_matches(belongs).len();
    }
    let mut start = 0;
    if function != Function::TrimTrailing {
        start = end - text[..end].trim_start_matches(belongs).len();
    }
    start..end
}

fn replace(text: &str, what: &str, by: &str) -> Result<Value<'static>> {
    if what.is_empty() {
        return Ok(owned(text.to_owned()));
    }
    if by.len() > what.len() {
        let count = text.matches(what).count();
        check_len(text.len().saturating_add(count.saturating_mul(by.len() - what.len())))?;
    }
    Ok(owned(text.replace(what, by)))
}

/// Of exactly this length: cut off or filled up.
fn pad(text: &str, length: i64, with: &str, left: bool) -> Result<Value<'static>> {
    let length = usize::try_from(length.max(0)).unwrap_or(usize::MAX);
    let has = chars(text);
    if has >= length || with.is_empty() {
        return Ok(owned(text[..byte_at(text, length as i64)].to_owned()));
    }
    check_len(length.saturating_mul(4))?;
    let filling = with.chars().cycle().take(length - has);
    Ok(owned(if left { filling.chain(text.chars()).collect() } else { text.chars().chain(filling).collect() }))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).map(char::from).collect()
}
