//! Reads a statement's tokens one after another: words and names by ourselves, expressions and queries by the crate.
//!
//! Every error of the crate becomes one of ours here, with its place and in our words.

use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::ast::{Expr, Ident, Query, SelectItem, TableRef};
use super::dialect::{self, Sql, UNSUPPORTED};
use super::expr::Lowering;
use super::scan::Piece;
use super::{Limits, literal, query, scan, token};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::types::DataType;

/// The next token of one statement.
pub(super) struct Cursor<'t> {
    parser: Parser<'t>,
    lowering: Lowering,
    limits: Limits,
    /// The statement's text, and where it begins and ends.
    text: &'t str,
    start: Place,
    end: Place,
}

impl<'t> Cursor<'t> {
    /// At a statement's first token.
    pub(super) fn open(piece: &Piece<'t>, tokens: Vec<TokenWithSpan>, dialect: &'t Sql, limits: &Limits) -> Cursor<'t> {
        let end = tokens.last().map_or(piece.place, |last| token::place(last.span.end));
        let parser = Parser::new(dialect).with_recursion_limit(limits.nesting).with_tokens_with_locations(tokens);
        let lowering = Lowering::new(limits);
        Cursor { parser, lowering, limits: *limits, text: piece.text(), start: piece.place, end }
    }

    /// Nothing but the end may follow.
    pub(super) fn end(&mut self) -> Result<()> {
        if self.at_end() { Ok(()) } else { Err(self.expected("the end of the statement")) }
    }

    pub(super) fn at_end(&self) -> bool {
        self.parser.peek_token_ref().token == Token::EOF
    }

    /// Where the next token stands.
    pub(super) fn place(&self) -> Place {
        if self.at_end() { self.end } else { token::place(self.parser.peek_token_ref().span.start) }
    }

    // --- Words and signs

    /// The word that comes as the `n`-th from here, from 0, unless it is quoted.
    pub(super) fn word(&self, n: usize) -> Option<&str> {
        match &self.parser.peek_nth_token_ref(n).token {
            Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
            _ => None,
        }
    }

    /// Whether these words come next.
    pub(super) fn sees(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(n, expected)| self.word(n).is_some_and(|word| word.eq_ignore_ascii_case(expected)))
    }

    /// Takes these words if all of them come next.
    pub(super) fn eats(&mut self, words: &[&str]) -> bool {
        let seen = self.sees(words);
        if seen {
            words.iter().for_each(|_| self.parser.advance_token());
        }
        seen
    }

    /// Takes this word if it comes next.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        self.eats(&[word])
    }

    /// Takes these words, which must come.
    pub(super) fn expect(&mut self, words: &[&str]) -> Result<()> {
        for word in words {
            if !self.eat(word) {
                return Err(self.expected(word));
            }
        }
        Ok(())
    }

    pub(super) fn sees_sign(&self, sign: &Token) -> bool {
        self.parser.peek_token_ref().token == *sign
    }

    pub(super) fn eat_sign(&mut self, sign: &Token) -> bool {
        self.parser.consume_token(sign)
    }

    pub(super) fn expect_sign(&mut self, sign: &Token) -> Result<()> {
        if self.eat_sign(sign) { Ok(()) } else { Err(self.expected(&format!("{sign}"))) }
    }

    /// The error for what comes next, where this should come.
    pub(super) fn expected(&self, what: &str) -> Error {
        let found = found(&self.parser.peek_token_ref().token.to_string());
        Error::new(ErrorKind::Syntax, format!("expected {what}, found {found}")).at(self.place())
    }

    /// The error for what comes next and is not there in this layer.
    pub(super) fn unsupported(&self, what: &str) -> Error {
        unsupported(what, self.place())
    }

    // --- Names

    /// A name: any word that is not reserved, or a quoted one.
    pub(super) fn name(&mut self) -> Result<Ident> {
        let token = self.parser.peek_token_ref();
        let Token::Word(word) = &token.token else {
            return Err(self.expected("a name"));
        };
        if dialect::is_reserved(word.keyword) {
            return Err(self.expected("a name"));
        }
        let name = Ident { name: word.value.clone(), place: token::place(token.span.start) };
        self.parser.advance_token();
        Ok(name)
    }

    /// The name of a table or another object; the schema PUBLIC may stand before it.
    pub(super) fn object_name(&mut self) -> Result<Ident> {
        let first = self.name()?;
        if !self.eat_sign(&Token::Period) {
            return Ok(first);
        }
        let second = self.name()?;
        query::in_schema(first, second)
    }

    /// `(a, b)`, where a comma may stand behind the last one.
    pub(super) fn names_in_parentheses(&mut self) -> Result<Vec<Ident>> {
        self.in_parentheses(Cursor::name)
    }

    /// `(item, item)`, where a comma may stand behind the last one.
    pub(super) fn in_parentheses<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.expect_sign(&Token::LParen)?;
        let mut items = vec![item(self)?];
        while self.eat_sign(&Token::Comma) && !self.sees_sign(&Token::RParen) {
            items.push(item(self)?);
        }
        self.expect_sign(&Token::RParen)?;
        Ok(items)
    }

    /// `item, item`
    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat_sign(&Token::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    // --- Literals

    /// A text literal.
    pub(super) fn text_literal(&mut self) -> Result<String> {
        let Token::SingleQuotedString(text) = &self.parser.peek_token_ref().token else {
            return Err(self.expected("a text literal"));
        };
        let text = text.clone();
        self.parser.advance_token();
        Ok(text)
    }

    /// A whole number, with its sign.
    pub(super) fn whole_number(&mut self) -> Result<i64> {
        let place = self.place();
        let negative = self.eat_sign(&Token::Minus);
        let Token::Number(digits, _) = &self.parser.peek_token_ref().token else {
            return Err(self.expected("a whole number"));
        };
        let number = if negative { format!("-{digits}").parse() } else { digits.parse() };
        let number = number.map_err(|_| Error::new(ErrorKind::Syntax, "expected a whole number of 64 bits").at(place))?;
        self.parser.advance_token();
        Ok(number)
    }

    /// A whole number with its sign, also one that is a little beyond 64 bits.
    pub(super) fn wide_number(&mut self) -> Result<i128> {
        let place = self.place();
        let negative = self.eat_sign(&Token::Minus);
        let Token::Number(digits, _) = &self.parser.peek_token_ref().token else {
            return Err(self.expected("a whole number"));
        };
        let number: i128 = digits.parse().map_err(|_| Error::new(ErrorKind::Syntax, "expected a whole number").at(place))?;
        self.parser.advance_token();
        Ok(if negative { -number } else { number })
    }

    // --- What the crate reads

    pub(super) fn expr(&mut self) -> Result<Expr> {
        let expr = self.parser.parse_expr();
        let expr = expr.map_err(|error| self.error(error))?;
        self.lowering.expr(expr)
    }

    /// An expression with its text.
    pub(super) fn expr_with_text(&mut self) -> Result<(Expr, String)> {
        let from = self.place();
        let expr = self.expr()?;
        let text = self.text_from(from);
        Ok((expr, text))
    }

    /// What was read since this place.
    pub(super) fn text_from(&self, from: Place) -> String {
        let to = token::place(self.parser.get_current_token().span.end);
        let (from, to) = (self.offset(from), self.offset(to));
        self.text.get(from..to).unwrap_or_default().to_owned()
    }

    /// Offset of a place in the statement's text.
    fn offset(&self, place: Place) -> usize {
        let mut at = self.start;
        for (offset, character) in self.text.char_indices() {
            if at >= place {
                return offset;
            }
            at = scan::after(at, character);
        }
        self.text.len()
    }

    /// An expression, or `DEFAULT`.
    pub(super) fn expr_or_default(&mut self) -> Result<Expr> {
        let place = self.place();
        let ends = |token: &TokenWithSpan| match &token.token {
            Token::Comma | Token::RParen | Token::EOF => true,
            Token::Word(word) => word.keyword != Keyword::NoKeyword || word.value.eq_ignore_ascii_case("returning"),
            _ => false,
        };
        if self.sees(&["default"]) && ends(self.parser.peek_nth_token_ref(1)) {
            self.parser.advance_token();
            return Ok(Expr::Default(place));
        }
        self.expr()
    }

    /// Whether a query comes next.
    pub(super) fn sees_query(&self) -> bool {
        let mut n = 0;
        while self.parser.peek_nth_token_ref(n).token == Token::LParen {
            n += 1;
        }
        self.word(n).is_some_and(|word| ["select", "with", "values"].iter().any(|first| word.eq_ignore_ascii_case(first)))
    }

    /// Refuses `WITH .. UPDATE` and the like by name: the crate knows other forms of them.
    pub(super) fn refuse_change_behind_with(&self) -> Result<()> {
        let (mut depth, mut closed) = (0_usize, false);
        for at in self.parser.index().. {
            let next = self.parser.token_at(at);
            match &next.token {
                Token::EOF => break,
                Token::Whitespace(_) => continue,
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.saturating_sub(1),
                Token::Word(word) if depth == 0 && closed => {
                    for change in ["INSERT", "UPDATE", "DELETE", "MERGE"] {
                        if word.value.eq_ignore_ascii_case(change) {
                            return Err(unsupported(&format!("{change} behind WITH"), token::place(next.span.start)));
                        }
                    }
                }
                _ => {}
            }
            closed = depth == 0 && next.token == Token::RParen;
        }
        Ok(())
    }

    pub(super) fn query(&mut self) -> Result<Query> {
        let query = self.parser.parse_query();
        let query = query.map_err(|error| self.error(error))?;
        self.lowering.query(*query)
    }

    /// Tables with their joins, separated by commas.
    pub(super) fn tables(&mut self) -> Result<Vec<TableRef>> {
        self.list(|cursor| {
            let table = cursor.parser.parse_table_and_joins();
            let table = table.map_err(|error| cursor.error(error))?;
            cursor.lowering.table_with_joins(table)
        })
    }

    /// `RETURNING ..`, or nothing.
    pub(super) fn returning(&mut self) -> Result<Vec<SelectItem>> {
        if !self.eat("returning") {
            return Ok(Vec::new());
        }
        self.list(|cursor| {
            let item = cursor.parser.parse_select_item();
            let item = item.map_err(|error| cursor.error(error))?;
            cursor.lowering.select_item(item)
        })
    }

    pub(super) fn data_type(&mut self) -> Result<DataType> {
        let data_type = dialect::data_type(&mut self.parser);
        let data_type = data_type.map_err(|error| self.error(error))?;
        literal::data_type(&data_type)
    }

    /// An error of the crate as one of ours.
    fn error(&self, error: ParserError) -> Error {
        let message = match error {
            ParserError::RecursionLimitExceeded => return token::too_deep(&self.limits).at(self.place()),
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
        };
        let (message, place) = match message.rsplit_once(" at Line: ") {
            Some((message, place)) => (message, located(place)),
            None => (message.as_str(), None),
        };
        let place = place.unwrap_or_else(|| self.place());
        if let Some(what) = message.strip_prefix(UNSUPPORTED) {
            return unsupported(what, place);
        }
        let ours = match message.strip_prefix("Expected: ").and_then(|rest| rest.rsplit_once(", found: ")) {
            Some((what, token)) => {
                let at_end = token == "EOF";
                let what = if what == "identifier" { "a name" } else { what };
                let message = format!("expected {what}, found {}", found(token));
                return Error::new(ErrorKind::Syntax, message).at(if at_end { self.end } else { place });
            }
            None if message.starts_with("No infix parser") => "this operator is not known".to_owned(),
            None => {
                let mut characters = message.chars();
                characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
            }
        };
        Error::new(ErrorKind::Syntax, ours).at(place)
    }
}

/// The error for what this layer does not have.
pub(super) fn unsupported(what: &str, place: Place) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{what} is not supported")).at(place)
}

/// How a token is called in a message.
fn found(token: &str) -> String {
    match token {
        "EOF" => "the end".to_owned(),
        _ if token.chars().count() > 40 => token.chars().take(40).chain("..".chars()).collect(),
        _ => token.to_owned(),
    }
}

/// `12, Column: 3`, as the crate writes a place.
fn located(text: &str) -> Option<Place> {
    let (line, column) = text.split_once(", Column: ")?;
    Some(Place { line: line.parse().ok()?, column: column.parse().ok()? })
}
