//! What is read, what is refused, and where.

mod chains;
mod define;
mod errors;
mod expressions;
mod scheduler;
mod show;
mod statements;

use super::*;
use crate::error::Place;

/// The statements of a text that must be read.
fn accepted(text: &str) -> Vec<Parsed> {
    parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
}

/// Each text is one statement, and says what stands beside it.
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let parsed = accepted(text);
        assert_eq!(parsed.len(), 1, "{text}");
        assert_eq!(show::statement(&parsed[0].statement), *expected, "{text}");
    }
}

/// Each text is one expression, and says what stands beside it.
fn check_exprs(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let parsed = accepted(&format!("SELECT {text}"));
        let shown = show::statement(&parsed[0].statement);
        assert_eq!(shown.strip_prefix("select ").unwrap(), *expected, "{text}");
    }
}

/// The error of a text that must be refused.
fn refused(text: &str) -> Error {
    match parse(text, &Limits::default()) {
        Err(error) => error,
        Ok(parsed) => panic!("{text} was read: {parsed:?}"),
    }
}
