//! Text to our own small tree of a statement. The only room that names the parser crate.
//!
//! ```text
//!   text ─► scan: pieces between `;` ─► token: places, parameters, caps ─► cursor ─► statement, change, define   (read by ourselves, word by word)
//!                                                                            └──► the crate's expressions and queries ─► query, expr ─► ast
//! ```
//!
//! 1. Nothing of the crate's tree leaves this room: its interface changes with every release.
//! 2. Length, tokens and nesting are capped before they are parsed: a deep tree is never built, so that it need never be dropped.
//! 3. What the tree cannot say is refused here, with the place, as `Unsupported`: nothing is silently left out.
//! 4. Every place is one of the text that was given: what is rewritten on the way keeps its place.

pub(crate) mod ast;
mod change;
mod cursor;
mod define;
mod dialect;
mod expr;
mod literal;
mod query;
mod scan;
mod statement;
#[cfg(test)]
mod tests;
mod token;

use crate::error::{Error, ErrorKind, Result};
use ast::{Expr, Parsed};
use cursor::Cursor;
use dialect::Sql;

/// How much text, and how deep, is parsed. What goes beyond is an error of kind `Limit`, never an overflow of the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Length of a text in bytes.
    pub(crate) text_bytes: usize,
    /// Tokens of one statement, where each white space counts too: a token takes some 90 bytes while its statement is parsed.
    pub(crate) tokens: usize,
    /// How deep parentheses, subqueries, functions, CASE and operators stand in each other. A chain of one of AND, OR and `||` counts once however long it is; each
    /// other operator of a chain such as `a + b + c` counts, and so does each join.
    pub(crate) nesting: usize,
    /// Operators in one expression that no comma and no parenthesis divides, or UNIONs in one query: the crate's tree of them is that deep, and is dropped by recursion.
    /// At the default it takes less than half of a stack of 2 MiB (measured: see `tests::chains`).
    pub(crate) chain: usize,
    /// Parameters of one statement.
    pub(crate) parameters: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { text_bytes: 64 << 20, tokens: 2_000_000, nesting: 250, chain: 4_000, parameters: 32_766 }
    }
}

/// The statements of a text, in order. Empty ones are left out.
///
/// # Errors
/// `Syntax` and `Unsupported` with the place, `Limit` for what is too long or too deep. No statement is given if one of them is at fault.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Vec<Parsed>> {
    if text.len() > limits.text_bytes {
        return Err(Error::new(
            ErrorKind::Limit,
            format!("the text has {} bytes, and {} are allowed", text.len(), limits.text_bytes),
        ));
    }
    let mut statements = Vec::new();
    for piece in scan::pieces(text) {
        let piece = piece?;
        let span = piece.span();
        let dialect = Sql::new(piece.token_count);
        let (mut cursor, parameters) = Cursor::open(&piece, &dialect, limits)?;
        let statement = cursor.statement()?;
        cursor.end()?;
        statements.push(Parsed { statement, parameters, span });
    }
    Ok(statements)
}

/// One expression: a default or a check as the catalogue keeps it.
pub(crate) fn parse_expr(text: &str) -> Result<Expr> {
    let limits = Limits::default();
    let mut pieces = scan::pieces(text);
    let Some(piece) = pieces.next() else {
        return Err(Error::new(ErrorKind::Syntax, "expected an expression, found nothing"));
    };
    let piece = piece?;
    let dialect = Sql::new(piece.token_count);
    let (mut cursor, parameters) = Cursor::open(&piece, &dialect, &limits)?;
    let expr = cursor.expr()?;
    cursor.end()?;
    if pieces.next().is_some() || !parameters.is_empty() {
        return Err(Error::new(ErrorKind::Syntax, "expected one expression without parameters"));
    }
    Ok(expr)
}
