//! LIKE: `%` is any text, `_` any one character; all else is itself, and so is whatever stands behind an escape: a backslash, or what ESCAPE names.
//!
//! A pattern may end with a backslash that nobody called an escape: it is itself. So LIKE without ESCAPE never fails, and may be tested wherever that is cheapest.
//!
//! Most patterns are a text with `%` at its ends: those are tried by bytes. Looking whether one is takes less than keeping what was found would.
//!
//! Of others only the last `%` is ever tried anew, because an earlier one that took more text could not help: so matching takes at most (length of the text) x (length of the
//! pattern) steps, and no allocation. That may still be hours, so that whoever waits is asked now and then whether to go on.

use std::str::Chars;

use crate::error::{Error, ErrorKind, Result};

/// What a pattern has at one place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    AnyText,
    AnyChar,
    Char(char),
}

/// What is left of a pattern.
#[derive(Clone)]
struct Tokens<'p> {
    chars: Chars<'p>,
    escape: Option<char>,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let char = self.chars.next()?;
        if Some(char) == self.escape {
            // At the end only the backslash of no ESCAPE: others were refused before.
            return Some(Token::Char(self.chars.next().unwrap_or(char)));
        }
        Some(match char {
            '%' => Token::AnyText,
            '_' => Token::AnyChar,
            other => Token::Char(other),
        })
    }
}

impl<'p> Tokens<'p> {
    /// # Errors
    /// `Data`: 22019 if the escape is not one character, 22025 if the pattern ends with it.
    fn new(pattern: &'p str, escape: Option<&str>) -> Result<Tokens<'p>> {
        let Some(escape) = escape else {
            return Ok(Tokens { chars: pattern.chars(), escape: Some('\\') });
        };
        let mut chars = escape.chars();
        let escape = chars.next();
        if chars.next().is_some() {
            return Err(Error::new(ErrorKind::Data, "ESCAPE takes one character").with_state("22019"));
        }
        let mut rest = pattern.chars();
        while let (Some(escape), Some(char)) = (escape, rest.next()) {
            if char == escape && rest.next().is_none() {
                return Err(Error::new(ErrorKind::Data, "a pattern of LIKE ends with its escape").with_state("22025"));
            }
        }
        Ok(Tokens { chars: pattern.chars(), escape })
    }
}

/// A pattern that is a text with `%` before it, behind it, or both: whether they are there, and the text.
fn plain(pattern: &str, escape: Option<char>) -> Option<(bool, &str, bool)> {
    if escape == Some('%') {
        return None;
    }
    let behind = pattern.trim_start_matches('%');
    let text = behind.trim_end_matches('%');
    let escape = escape.unwrap_or('%');
    let is_plain = !text.contains(['%', '_', escape]);
    is_plain.then_some((behind.len() < pattern.len(), text, text.len() < behind.len()))
}

/// Steps of one match until it is asked whether to go on: some tenth of a millisecond.
const STEPS: usize = 1 << 16;

/// Whether the text is like the pattern. The character behind an escape is itself. No escape is named: it is a backslash, as H2 and PostgreSQL have it; one of no
/// character: there is none. A long match calls `go_on` every so many steps.
///
/// # Errors
/// `Data`: 22019 if the escape that is named is more than one character, 22025 if the pattern ends with it. What `go_on` gives.
pub(crate) fn like(
    text: &str,
    pattern: &str,
    escape: Option<&str>,
    ignore_case: bool,
    go_on: impl Fn() -> Result<()>,
) -> Result<bool> {
    let mut tokens = Tokens::new(pattern, escape)?;
    if !ignore_case && let Some((before, wanted, behind)) = plain(pattern, tokens.escape) {
        return Ok(match (before, behind) {
            (false, false) => text == wanted,
            (false, true) => text.starts_with(wanted),
            (true, false) => text.ends_with(wanted),
            (true, true) => text.contains(wanted),
        });
    }
    let mut text = text.chars();
    // Where the text behind the last `%` is tried, and the pattern behind it.
    let mut last: Option<(Chars<'_>, Tokens<'_>)> = None;
    let mut steps = 0;
    loop {
        let matched = match tokens.next() {
            Some(Token::AnyText) => {
                if tokens.chars.as_str().is_empty() {
                    return Ok(true);
                }
                last = Some((text.clone(), tokens.clone()));
                true
            }
            // The text ends before the pattern: with a shorter rest of it nothing fits either.
            Some(_) if text.as_str().is_empty() => return Ok(false),
            Some(Token::AnyChar) => text.next().is_some(),
            Some(Token::Char(wanted)) => {
                text.next().is_some_and(|char| char == wanted || (ignore_case && same_letter(char, wanted)))
            }
            None if text.as_str().is_empty() => return Ok(true),
            None => false,
        };
        if matched {
            continue;
        }
        let Some((tried, behind)) = &mut last else { return Ok(false) };
        // So much of the pattern was tried at this place, and one is passed.
        steps += 1 + behind.chars.as_str().len() - tokens.chars.as_str().len();
        if steps >= STEPS {
            steps = 0;
            go_on()?;
        }
        tried.next();
        if let (Some(Token::Char(first)), false) = (behind.clone().next(), ignore_case) {
            let Some(at) = tried.as_str().find(first) else { return Ok(false) };
            *tried = tried.as_str()[at..].chars();
        }
        (text, tokens) = (tried.clone(), behind.clone());
    }
}

/// Whether two characters are one letter in upper or lower case.
fn same_letter(one: char, other: char) -> bool {
    if one.is_ascii() && other.is_ascii() {
        one.eq_ignore_ascii_case(&other)
    } else {
        one.to_lowercase().eq(other.to_lowercase())
    }
}
