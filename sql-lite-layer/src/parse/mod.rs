//! Text to our own small tree of a statement. The only room that names the parser crate.
//!
//! ```text
//!   text ─► scan: pieces between `;` ─► token: places, parameters, caps ─► cursor ─► statement, change, define   (read by ourselves, word by word)
//!                                                                            └──► the crate's expressions and queries ─► query, expr ─► ast
//! ```
//!
//! 1. Nothing of the crate's tree leaves this room: its interface changes with every release.
//! 2. Length, tokens and nesting are capped before they are parsed: a tree too deep is never built, so that it need never be dropped. What is deep but allowed is read on a
//!    stack of its own.
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
mod rows;
mod scan;
mod statement;
#[cfg(test)]
mod tests;
mod text;
mod token;
pub(crate) mod walk;

use crate::error::{Error, ErrorKind, Place, Result};
use ast::{Expr, Parsed};
use cursor::Cursor;
use dialect::Sql;
pub(crate) use rows::literal_insert;
use scan::Piece;
pub(crate) use scan::place_behind;
pub use text::{Ending, StatementText, Statements, is_complete, statements};
pub(crate) use text::{First, first_statement};
use token::Ready;

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
    /// Operators of one expression that no comma divides: the crate's tree of them is that deep, and is dropped by recursion.
    pub(crate) chain: usize,
    /// UNION, INTERSECT and EXCEPT of one query: our own tree of them is that deep.
    pub(crate) set_operators: usize,
    /// Parameters of one statement.
    pub(crate) parameters: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { text_bytes: 64 << 20, tokens: 2_000_000, nesting: 250, chain: 10_000, set_operators: 1_000, parameters: 32_766 }
    }
}

/// The statements of a text, in order. Empty ones are left out.
///
/// # Errors
/// `Syntax` and `Unsupported` with the place, `Limit` for what is too long or too deep. No statement is given if one of them is at fault.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Vec<Parsed>> {
    parse_at(text, Place { line: 1, column: 1 }, limits)
}

/// The same of a text that begins at this place of a longer one.
pub(crate) fn parse_at(text: &str, place: Place, limits: &Limits) -> Result<Vec<Parsed>> {
    if text.len() > limits.text_bytes {
        return Err(Error::new(
            ErrorKind::Limit,
            format!("the text has {} bytes, and {} are allowed", text.len(), limits.text_bytes),
        ));
    }
    let mut statements = Vec::new();
    for piece in scan::pieces_at(text, place) {
        let piece = piece?;
        let (statement, parameters) = read(&piece, limits, |cursor| cursor.statement())?;
        statements.push(Parsed { statement, parameters, span: piece.span() });
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
    let (expr, parameters) = read(&piece?, &limits, |cursor| cursor.expr())?;
    if pieces.next().is_some() || !parameters.is_empty() {
        return Err(Error::new(ErrorKind::Syntax, "expected one expression without parameters"));
    }
    Ok(expr)
}

/// The stack on which deep statements are read. The crate takes up to 25 KiB for each level, and five times as much when it is not optimized: 250 x 25 KiB x 5 = 31 MiB.
const STACK_BYTES: usize = 64 << 20;

/// The whole of a piece as one thing, with the names of its parameters.
fn read<T: Send>(
    piece: &Piece<'_>,
    limits: &Limits,
    what: impl Fn(&mut Cursor<'_>) -> Result<T> + Send,
) -> Result<(T, Vec<Option<String>>)> {
    let Ready { tokens, parameters, deep } = token::ready(piece, limits)?;
    let read = move || {
        let dialect = Sql::new(tokens.len());
        let mut cursor = Cursor::open(piece, tokens, &dialect, limits);
        let read = what(&mut cursor)?;
        cursor.end()?;
        Ok(read)
    };
    let read = if deep { on_large_stack(read) } else { read() };
    Ok((read?, parameters))
}

/// Does this on a thread of its own, for the sake of its stack: callers may stand on small ones.
fn on_large_stack<T: Send>(read: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("treering-parse".to_owned()).stack_size(STACK_BYTES);
        match thread.spawn_scoped(scope, read) {
            Ok(reading) => reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => Err(Error::new(ErrorKind::Limit, format!("no thread for a deeply nested statement: {error}"))),
        }
    })
}
