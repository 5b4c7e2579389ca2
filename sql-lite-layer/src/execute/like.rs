//! LIKE: `%` stands for any text, `_` for one character, and what follows the escape for itself. Upper and lower case differ, but for ILIKE.

use crate::error::{Error, ErrorKind, Result};
use crate::types::Value;

/// Whether the text is like the pattern; none if one of them is NULL. Without `escape` a backslash escapes.
///
/// # Errors
/// `Data` if the escape is not one character, or the pattern ends with it; `Type` if one is not text.
pub(super) fn like(of: &Value<'_>, pattern: &Value<'_>, escape: Option<&Value<'_>>, ignore_case: bool) -> Result<Option<bool>> {
    let escape = match escape {
        None => Some('\\'),
        Some(Value::Null) => return Ok(None),
        Some(Value::Text(text)) => single(text)?,
        Some(other) => return Err(not_text(other)),
    };
    let (of, pattern) = match (of, pattern) {
        (Value::Null, _) | (_, Value::Null) => return Ok(None),
        (Value::Text(of), Value::Text(pattern)) => (of, pattern),
        (Value::Text(_), other) | (other, _) => return Err(not_text(other)),
    };
    if ignore_case {
        return matches(&of.to_lowercase(), &pattern.to_lowercase(), escape).map(Some);
    }
    matches(of, pattern, escape).map(Some)
}

fn single(text: &str) -> Result<Option<char>> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (first, None) => Ok(first),
        _ => Err(Error::new(ErrorKind::Data, format!("the escape of LIKE must be one character, not '{text}'")).with_state("22019")),
    }
}

fn not_text(value: &Value<'_>) -> Error {
    Error::new(ErrorKind::Type, format!("LIKE compares texts, not {value}"))
}

/// One piece of a pattern, and the pattern behind it.
enum Piece {
    End,
    Any,
    One,
    Exactly(char),
}

fn piece<'p>(pattern: &'p str, escape: Option<char>) -> Result<(Piece, &'p str)> {
    let mut chars = pattern.chars();
    let piece = match chars.next() {
        None => Piece::End,
        first if first.is_some() && first == escape => match chars.next() {
            Some(exactly) => Piece::Exactly(exactly),
            None => return Err(Error::new(ErrorKind::Data, "a LIKE pattern must not end with its escape").with_state("22025")),
        },
        Some('%') => Piece::Any,
        Some('_') => Piece::One,
        Some(exactly) => Piece::Exactly(exactly),
    };
    Ok((piece, chars.as_str()))
}

/// Goes through both once, and back to behind the last `%` where they part: no more than their lengths' product, no recursion, no allocation.
fn matches(text: &str, pattern: &str, escape: Option<char>) -> Result<bool> {
    let (mut text, mut pattern) = (text, pattern);
    // Behind the last `%`: the pattern, and the text from which it was tried last.
    let mut again: Option<(&str, &str)> = None;
    loop {
        let (next, rest) = piece(pattern, escape)?;
        let first = text.chars().next();
        let fits = match next {
            Piece::Any => {
                if rest.is_empty() {
                    return Ok(true);
                }
                again = Some((rest, text));
                pattern = rest;
                continue;
            }
            Piece::End => {
                if first.is_none() {
                    return Ok(true);
                }
                false
            }
            Piece::One => first.is_some(),
            Piece::Exactly(wanted) => first == Some(wanted),
        };
        match (fits, first) {
            (true, Some(first)) => {
                text = &text[first.len_utf8()..];
                pattern = rest;
            }
            _ => {
                let Some((behind, from)) = again else { return Ok(false) };
                let Some(skipped) = from.chars().next() else { return Ok(false) };
                let from = &from[skipped.len_utf8()..];
                again = Some((behind, from));
                (pattern, text) = (behind, from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::like;
    use crate::types::Value;

    fn check(text: &str, pattern: &str, escape: Option<&str>) -> Option<bool> {
        let escape = escape.map(|escape| Value::Text(escape.into()));
        like(&Value::Text(text.into()), &Value::Text(pattern.into()), escape.as_ref(), false).unwrap()
    }

    /// `%` is any text, `_` one character of any length in bytes, an escaped character itself.
    #[test]
    fn patterns_match_what_they_say() {
        let cases = [
            ("", "", true),
            ("", "%", true),
            ("", "_", false),
            ("a", "", false),
            ("abc", "abc", true),
            ("abc", "ABC", false),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "%b%", true),
            ("abc", "a_c", true),
            ("abc", "a_", false),
            ("abc", "____", false),
            ("aXbXc", "a%b%c", true),
            ("mississippi", "m%iss%ip%i", true),
            ("mississippi", "m%iss%ipx%i", false),
            ("äöü", "_ö_", true),
            ("äöü", "%ü", true),
            ("50%", "50\\%", true),
            ("50x", "50\\%", false),
            ("aaaaaaaaaaaaaaaaaaaaaaaab", "%a%a%a%a%a%a%a%a%c", false),
        ];
        for (text, pattern, expected) in cases {
            assert_eq!(check(text, pattern, None), Some(expected), "'{text}' LIKE '{pattern}'");
        }
    }

    /// Another escape takes the backslash's place; the empty one takes it away.
    #[test]
    fn escape_is_one_character_or_none() {
        assert_eq!(check("a%b", "a!%b", Some("!")), Some(true));
        assert_eq!(check("axb", "a!%b", Some("!")), Some(false));
        assert_eq!(check("a\\b", "a\\_", Some("!")), Some(true));
        assert_eq!(check("a\\b", "a\\b", Some("")), Some(true));
        let text = Value::Text("a".into());
        assert!(like(&text, &text, Some(&Value::Text("ab".into())), false).is_err());
        assert!(like(&text, &Value::Text("a!".into()), Some(&Value::Text("!".into())), false).is_err());
        assert_eq!(like(&Value::Null, &text, None, false).unwrap(), None);
        assert_eq!(like(&text, &Value::Null, None, false).unwrap(), None);
        assert_eq!(like(&Value::Text("ABC".into()), &Value::Text("a%".into()), None, true).unwrap(), Some(true));
    }
}
