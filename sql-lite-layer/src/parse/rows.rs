//! INSERTs of nothing but literals, read at a walk: what a script of rows consists of. No tokens, no tree.
//!
//! Only a part of the language is read here, and that exactly as the parser reads it; of everything else, and of everything wrong, this says nothing: it is the parser's to read.

use std::borrow::Cow;

use super::literal;
use crate::error::Place;
use crate::types::Value;

/// Values of one statement: 2^20 x 32 bytes = 32 MiB.
const VALUES_MAX: usize = 1 << 20;

/// `INSERT INTO t [(a, b)] [OVERRIDING SYSTEM VALUE] VALUES (1, 'a'), (2, NULL)`
pub(crate) struct LiteralInsert<'t> {
    pub(crate) table: Cow<'t, str>,
    /// Empty: all of them.
    pub(crate) columns: Vec<Cow<'t, str>>,
    pub(crate) overriding: bool,
    rows: Scanner<'t>,
}

/// Reads the beginning of such an INSERT, up to VALUES; none: it is another statement, or one for the parser.
pub(crate) fn literal_insert(text: &str) -> Option<LiteralInsert<'_>> {
    let mut scanner = Scanner { text, at: 0 };
    (scanner.word("insert") && scanner.word("into")).then_some(())?;
    let mut table = scanner.name()?;
    if scanner.sign(b'.') {
        if !table.eq_ignore_ascii_case("public") {
            return None;
        }
        table = scanner.name()?;
    }
    let mut columns = Vec::new();
    if scanner.sign(b'(') {
        columns.push(scanner.name()?);
        while scanner.sign(b',') {
            columns.push(scanner.name()?);
        }
        scanner.sign(b')').then_some(())?;
    }
    let overriding = scanner.word("overriding");
    if overriding && !(scanner.word("system") && scanner.word("value")) {
        return None;
    }
    scanner.word("values").then_some(())?;
    Some(LiteralInsert { table, columns, overriding, rows: scanner })
}

impl<'t> LiteralInsert<'t> {
    /// Puts the values of all rows into `out`, one row behind the other, `width` of each; none if something else than literals stands among them, or a row has another width.
    pub(crate) fn values(&self, width: usize, out: &mut Vec<Value<'t>>) -> Option<()> {
        let mut scanner = Scanner { ..self.rows };
        loop {
            scanner.sign(b'(').then_some(())?;
            for nth in 0..width {
                if nth > 0 {
                    scanner.sign(b',').then_some(())?;
                }
                out.push(scanner.literal()?);
            }
            (scanner.sign(b')') && out.len() <= VALUES_MAX).then_some(())?;
            if !scanner.sign(b',') {
                break;
            }
        }
        scanner.space();
        (scanner.at == scanner.text.len()).then_some(())
    }
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes this sign if it comes next.
    fn sign(&mut self, sign: u8) -> bool {
        self.space();
        let found = self.byte() == Some(sign);
        self.at += usize::from(found);
        found
    }

    /// Takes this word if it comes next.
    fn word(&mut self, word: &str) -> bool {
        self.space();
        let found = self.plain_word().is_some_and(|found| found.eq_ignore_ascii_case(word));
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// The word that comes next, in ASCII; none if it holds another character.
    fn plain_word(&self) -> Option<&'t str> {
        let rest = &self.text[self.at..];
        let len = rest.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_')).unwrap_or(rest.len());
        let follows = rest.as_bytes().get(len).copied().unwrap_or(b' ');
        (len > 0 && follows.is_ascii() && follows != b'$').then(|| &rest[..len])
    }

    fn name(&mut self) -> Option<Cow<'t, str>> {
        self.space();
        if self.byte()? == b'"' {
            return self.quoted(b'"');
        }
        let word = self.plain_word()?;
        // Which other words are no names, the parser knows.
        let is_one = !word.as_bytes()[0].is_ascii_digit() && !word.eq_ignore_ascii_case("values");
        self.at += if is_one { word.len() } else { 0 };
        is_one.then_some(Cow::Borrowed(word))
    }

    /// What stands in quotes; a doubled one stands for itself.
    fn quoted(&mut self, quote: u8) -> Option<Cow<'t, str>> {
        let text = self.text;
        let from = self.at + 1;
        let mut end = from;
        let mut doubled = false;
        loop {
            end += text.as_bytes()[end..].iter().position(|byte| *byte == quote)?;
            if text.as_bytes().get(end + 1) != Some(&quote) {
                break;
            }
            doubled = true;
            end += 2;
        }
        self.at = end + 1;
        let inside = &text[from..end];
        let quote = char::from(quote);
        Some(if doubled { Cow::Owned(inside.replace(&format!("{quote}{quote}"), &quote.to_string())) } else { inside.into() })
    }

    fn literal(&mut self) -> Option<Value<'t>> {
        self.space();
        match self.byte()? {
            b'\'' => Some(Value::Text(self.quoted(b'\'')?)),
            b'-' => {
                self.at += 1;
                self.number(true)
            }
            b'0'..=b'9' => self.number(false),
            b'x' | b'X' if self.text.as_bytes().get(self.at + 1) == Some(&b'\'') => {
                self.at += 1;
                let digits = self.quoted(b'\'')?;
                literal::blob(&digits, Place::default()).ok()
            }
            _ if self.word("null") => Some(Value::Null),
            _ if self.word("true") => Some(Value::Bool(true)),
            _ if self.word("false") => Some(Value::Bool(false)),
            _ => None,
        }
    }

    /// `12`, `1.5`, `1e-7`
    fn number(&mut self, negative: bool) -> Option<Value<'t>> {
        let from = self.at;
        let bytes = self.text.as_bytes();
        let digits = |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut end = from + digits(from);
        if bytes.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            end += 1 + fraction;
            (fraction > 0).then_some(())?;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            end += 1 + sign + exponent;
            (exponent > 0).then_some(())?;
        }
        if let Some(whole) = small(&bytes[from..end], negative)
            && matches!(bytes.get(end), Some(b',' | b')'))
        {
            self.at = end;
            return Some(Value::Int(whole));
        }
        let ends = matches!(bytes.get(end), None | Some(b',' | b')' | b' ' | b'\t' | b'\n' | b'\r'));
        (ends && bytes.get(from)?.is_ascii_digit()).then_some(())?;
        self.at = end;
        literal::number(&self.text[from..end], negative, Place::default()).ok()
    }
}

/// A whole number of up to 18 digits, most often what comes: 10^18 is less than 2^63.
fn small(digits: &[u8], negative: bool) -> Option<i64> {
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut number = 0_i64;
    for digit in digits {
        number = number * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::ast::{Expr, InsertSource, Statement};
    use crate::parse::{Limits, parse};

    fn read(text: &str, width: usize) -> Option<Vec<Value<'_>>> {
        let mut values = Vec::new();
        literal_insert(text)?.values(width, &mut values)?;
        Some(values)
    }

    /// What is read at a walk is what the parser reads.
    #[test]
    fn literals_are_read_as_the_parser_reads_them() {
        let literals = [
            "NULL",
            "null",
            "TRUE",
            "false",
            "0",
            "-0",
            "007",
            "12",
            "-9223372036854775808",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775809",
            "1.50",
            "-0.00",
            "1.5e3",
            "-1E-7",
            "5e-324",
            "1.7976931348623157e308",
            "79228162514264337593543950335",
            "0.1234567890123456789012345678901",
            "1234567890123456789012345678.55",
            "''",
            "'a'",
            "'it''s'",
            "''''",
            "'\n--\0;/*'",
            "'é\u{10ffff}'",
            "X''",
            "x'00fF'",
        ];
        for literal in literals {
            let text = format!("INSERT INTO t VALUES ({literal} , {literal}) ,\n({literal},{literal})");
            let found = read(&text, 2).unwrap_or_else(|| panic!("{text}"));
            let parsed = parse(&text, &Limits::default()).unwrap();
            let Statement::Insert(insert) = &parsed[0].statement else { panic!("{text}") };
            let InsertSource::Values(rows) = &insert.source else { panic!("{text}") };
            let exprs: Vec<_> = rows.iter().flatten().collect();
            assert_eq!(exprs.len(), found.len());
            for (expr, value) in exprs.into_iter().zip(found) {
                let Expr::Literal(expected) = expr else { panic!("{expr:?}") };
                assert_eq!(format!("{expected:?}"), format!("{value:?}"), "{literal}");
            }
        }
    }

    /// Names and the words between them.
    #[test]
    fn beginnings() {
        let insert =
            literal_insert("insert  INTO PUBLIC . \"a\"\"b\" (x, \"Y y\") overriding system value values (1, 2)").unwrap();
        assert_eq!((&*insert.table, insert.overriding), ("a\"b", true));
        assert_eq!(insert.columns, ["x", "Y y"]);
        assert!(literal_insert("INSERT INTO t VALUES (1)").is_some_and(|insert| insert.columns.is_empty() && !insert.overriding));
    }

    /// All else, and all that is wrong, is left to the parser.
    #[test]
    fn everything_else_is_left() {
        for text in [
            "SELECT 1",
            "INSERT INTO t SELECT 1",
            "INSERT INTO t DEFAULT VALUES",
            "INSERT INTO other.t VALUES (1)",
            "INSERT INTO é VALUES (1)",
            "INSERT INTO t VALUES (1, 2)",
            "INSERT INTO t VALUES ()",
            "INSERT INTO t VALUES (?)",
            "INSERT INTO t VALUES (DEFAULT)",
            "INSERT INTO t VALUES (1 + 1)",
            "INSERT INTO t VALUES (- 1)",
            "INSERT INTO t VALUES (0x1f)",
            "INSERT INTO t VALUES (.5)",
            "INSERT INTO t VALUES (5.)",
            "INSERT INTO t VALUES (1e)",
            "INSERT INTO t VALUES (1a)",
            "INSERT INTO t VALUES (nullx)",
            "INSERT INTO t VALUES ('a)",
            "INSERT INTO t VALUES (X'0')",
            "INSERT INTO t VALUES (1),",
            "INSERT INTO t VALUES (1) (2)",
            "INSERT INTO t VALUES (1) RETURNING a",
            "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
            "INSERT INTO t VALUES (1) -- one",
            "INSERT INTO t VALUES (DATE '2024-01-01')",
        ] {
            assert!(read(text, 1).is_none(), "{text}");
        }
    }
}
