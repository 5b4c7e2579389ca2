//! Walks over expressions, and changes of the text that they were read from.

use super::ast::{Expr, Ident};
use super::scan;
use crate::error::Place;

impl Expr {
    /// Shows each expression in this one to `f`, outer ones first, and this one. Queries inside are not entered. As deep as the parser lets expressions nest.
    pub(crate) fn each_mut(&mut self, f: &mut dyn FnMut(&mut Expr)) {
        f(self);
        let mut all = |exprs: &mut [Expr]| exprs.iter_mut().for_each(|expr| expr.each_mut(f));
        match self {
            Expr::Literal(_)
            | Expr::Default(_)
            | Expr::Parameter(_)
            | Expr::Column { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_) => {}
            Expr::And(exprs) | Expr::Or(exprs) | Expr::Concat(exprs) | Expr::Row(exprs) => all(exprs),
            Expr::Not(expr)
            | Expr::Negate(expr)
            | Expr::IsNull { expr, .. }
            | Expr::IsTruth { expr, .. }
            | Expr::InQuery { expr, .. }
            | Expr::Cast { expr, .. }
            | Expr::Interval { count: expr, .. } => expr.each_mut(f),
            Expr::Compare { left, right, .. } | Expr::Arithmetic { left, right, .. } | Expr::IsDistinct { left, right, .. } => {
                left.each_mut(f);
                right.each_mut(f);
            }
            Expr::Between { expr, low, high, .. } => {
                expr.each_mut(f);
                low.each_mut(f);
                high.each_mut(f);
            }
            Expr::Like { expr, pattern, escape, .. } => {
                expr.each_mut(f);
                pattern.each_mut(f);
                if let Some(escape) = escape {
                    escape.each_mut(f);
                }
            }
            Expr::InList { expr, list, .. } => {
                expr.each_mut(f);
                list.iter_mut().for_each(|expr| expr.each_mut(f));
            }
            Expr::Case { operand, branches, otherwise } => {
                if let Some(operand) = operand {
                    operand.each_mut(f);
                }
                for (condition, value) in branches {
                    condition.each_mut(f);
                    value.each_mut(f);
                }
                if let Some(otherwise) = otherwise {
                    otherwise.each_mut(f);
                }
            }
            Expr::Call(call) => {
                all(&mut call.args);
                call.order.iter_mut().for_each(|key| key.expr.each_mut(f));
                if let Some(filter) = &mut call.filter {
                    filter.each_mut(f);
                }
            }
        }
    }
}

/// The text of an expression in which every column `from` is called `to`. `expr` is what the text was parsed to.
pub(crate) fn renamed(text: &str, expr: &mut Expr, from: &str, to: &str) -> String {
    let mut places = Vec::new();
    expr.each_mut(&mut |expr| {
        if let Expr::Column { name, .. } = expr
            && name.name.eq_ignore_ascii_case(from)
        {
            places.push(name.clone());
        }
    });
    // From the back, so that the places before stay right.
    places.sort_unstable_by_key(|name: &Ident| name.place);
    let mut text = text.to_owned();
    for name in places.iter().rev() {
        let Some(at) = offset(&text, name) else { continue };
        let rest = &text[at..];
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '`' | '['));
        let len = match quote {
            None => rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$' | '#'))).unwrap_or(rest.len()),
            Some(quote) => {
                let close = if quote == '[' { ']' } else { quote };
                rest[1..].find(close).map_or(rest.len(), |end| end + 2)
            }
        };
        text.replace_range(at..at + len, &quoted(to));
    }
    text
}

/// Where a text of its own begins.
pub(crate) const BEGIN: Place = Place { line: 1, column: 1 };

/// Another text for what stands from one place up to another.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) from: Place,
    pub(crate) to: Place,
    pub(crate) by: String,
}

/// A text that begins at this place, with these edits: in the order of their places, none within another. A space keeps words apart that the text did not divide from a sign.
pub(crate) fn edited(text: &str, begin: Place, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut at, mut edits) = (begin, edits.iter().peekable());
    let mut skip_to = Place::default();
    for c in text.chars() {
        if let Some(edit) = edits.next_if(|edit| at >= edit.from) {
            if out.ends_with(|c: char| !c.is_whitespace() && c != '(') {
                out.push(' ');
            }
            out.push_str(&edit.by);
            skip_to = edit.to;
        }
        if at >= skip_to {
            if at == skip_to && !c.is_whitespace() && !matches!(c, ',' | ')') && out.ends_with('"') {
                out.push(' ');
            }
            out.push(c);
        }
        at = scan::after(at, c);
    }
    out
}

/// A name in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Where in the text a name begins, in bytes.
fn offset(text: &str, name: &Ident) -> Option<usize> {
    let line_at = match name.place.line {
        0 => return None,
        1 => 0,
        line => text.match_indices('\n').nth(line as usize - 2)?.0 + 1,
    };
    let column = (name.place.column as usize).checked_sub(1)?;
    text.get(line_at..)?.char_indices().map(|(at, _)| line_at + at).nth(column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse_expr;

    /// A check's text follows its column to the new name, wherever that stands and however it is written.
    #[test]
    fn a_renamed_column_is_renamed_in_the_text() {
        let cases = [
            ("a > 0", "\"b c\" > 0"),
            ("A > 0 AND lower(a) <> 'a'", "\"b c\" > 0 AND lower(\"b c\") <> 'a'"),
            ("\"a\" IN (1, aa, t.a)", "\"b c\" IN (1, aa, t.\"b c\")"),
            ("x\n  + a\n + 'ä' || a", "x\n  + \"b c\"\n + 'ä' || \"b c\""),
        ];
        for (text, expected) in cases {
            let mut expr = parse_expr(text).expect("an expression");
            assert_eq!(renamed(text, &mut expr, "a", "b c"), expected);
        }
    }

    /// Edits stand where their places say, from wherever the text begins, and what is written there stays a word of its own.
    #[test]
    fn a_text_is_edited_at_its_places() {
        let place = |line, column| Place { line, column };
        let edit = |from, to, by: &str| Edit { from, to, by: by.to_owned() };
        let edits = [edit(place(3, 9), place(3, 10), "\"a\", \"b\""), edit(place(4, 5), place(4, 9), "")];
        assert_eq!(edited("é*FROM\nx OR\"t\".a", place(3, 8), &edits), "é \"a\", \"b\" FROM\nx OR a");
        assert_eq!(edited("f(*)", place(1, 1), &[edit(place(1, 3), place(1, 4), "\"a\"")]), "f(\"a\")");
        assert_eq!(edited("*", place(1, 1), &[edit(place(1, 1), place(1, 2), "\"a\"")]), "\"a\"");
    }
}
