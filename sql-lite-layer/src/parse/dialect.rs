//! Our dialect for the parser crate: how names look, which words end an alias, and every form that an expression can begin with.
//!
//! Beginnings of expressions are read here and not by the crate, which tries many forms one after another at each of them, and falls back to a name when a form fails:
//! here the first token decides. That makes odd names columns, keeps errors where they are, and takes half of the time.

use std::cell::Cell;

use sqlparser::ast::{
    CastKind, DataType, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments,
    Ident, Interval, ObjectName, UnaryOperator, Value,
};
use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token};

/// What an error of ours begins with when it goes through the crate: it is of kind `Unsupported`, not `Syntax`.
pub(super) const UNSUPPORTED: &str = "Unsupported: ";

/// The dialect, for one statement.
#[derive(Debug)]
pub(super) struct Sql {
    /// How many more beginnings of expressions are read. The crate reads some forms twice, and nested in each other those would double the work with each level.
    steps: Cell<usize>,
}

impl Sql {
    /// For a statement of so many tokens.
    pub(super) fn new(token_count: usize) -> Sql {
        Sql { steps: Cell::new(token_count.saturating_mul(8).saturating_add(1_000)) }
    }
}

impl Dialect for Sql {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }

    fn supports_dollar_placeholder(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_in_empty_list(&self) -> bool {
        true
    }

    fn supports_limit_comma(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }

    fn is_column_alias(&self, keyword: &Keyword, _: &mut Parser<'_>) -> bool {
        !is_reserved(*keyword)
    }

    fn is_table_alias(&self, keyword: &Keyword, _: &mut Parser<'_>) -> bool {
        !is_reserved(*keyword)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        match &parser.peek_token_ref().token {
            // Looser than sums, as in PostgreSQL and H2; the crate has it as tight as a product.
            Token::StringConcat => Some(Ok(25)),
            // All as tight as each other, as in SQLite and PostgreSQL.
            Token::Ampersand | Token::Pipe | Token::Caret | Token::ShiftLeft | Token::ShiftRight => {
                Some(Ok(self.prec_value(Precedence::Ampersand)))
            }
            // `x NOT NULL` is no test here: behind a DEFAULT it begins the next clause.
            Token::Word(word) if word.keyword == Keyword::NOT => {
                let next = parser.peek_nth_token_ref(1);
                matches!(&next.token, Token::Word(word) if word.keyword == Keyword::NULL).then_some(Ok(self.prec_unknown()))
            }
            _ => None,
        }
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let Some(steps) = self.steps.get().checked_sub(1) else {
            return Some(Err(ParserError::RecursionLimitExceeded));
        };
        self.steps.set(steps);
        Some(prefix(self, parser))
    }
}

/// Words that are names only in quotes, or behind a point.
pub(super) fn is_reserved(keyword: Keyword) -> bool {
    use Keyword as K;
    let of_query = matches!(
        keyword,
        K::WITH
            | K::AS
            | K::SELECT
            | K::DISTINCT
            | K::ALL
            | K::FROM
            | K::WHERE
            | K::GROUP
            | K::BY
            | K::HAVING
            | K::ORDER
            | K::LIMIT
            | K::OFFSET
            | K::FETCH
            | K::FOR
    ) || matches!(
        keyword,
        K::UNION
            | K::INTERSECT
            | K::EXCEPT
            | K::MINUS
            | K::VALUES
            | K::RETURNING
            | K::LATERAL
            | K::WINDOW
            | K::QUALIFY
            | K::INTO
            | K::TABLESAMPLE
    );
    let of_join = matches!(
        keyword,
        K::JOIN | K::INNER | K::LEFT | K::RIGHT | K::FULL | K::OUTER | K::CROSS | K::NATURAL | K::ON | K::USING
    );
    let of_expression =
        matches!(
            keyword,
            K::AND
                | K::OR
                | K::NOT
                | K::NULL
                | K::TRUE
                | K::FALSE
                | K::IS
                | K::IN
                | K::BETWEEN
                | K::LIKE
                | K::ILIKE
                | K::ESCAPE
                | K::EXISTS
                | K::ANY
                | K::SOME
                | K::CASE
        ) || matches!(keyword, K::WHEN | K::THEN | K::ELSE | K::END | K::COLLATE | K::SIMILAR | K::REGEXP | K::RLIKE | K::OVER);
    of_query || of_join || of_expression
}

/// What an expression begins with.
fn prefix(dialect: &Sql, parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    match &parser.peek_token_ref().token {
        Token::Word(_) => word(dialect, parser),
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::Placeholder(_) => parser.parse_value().map(Expr::Value),
        Token::LParen => parentheses(parser),
        Token::Minus => unary(parser, UnaryOperator::Minus, dialect.prec_value(Precedence::MulDivModOp)),
        Token::Plus => unary(parser, UnaryOperator::Plus, dialect.prec_value(Precedence::MulDivModOp)),
        Token::Tilde => unary(parser, UnaryOperator::BitwiseNot, dialect.prec_value(Precedence::MulDivModOp)),
        _ => parser.expected_ref("an expression", parser.peek_token_ref()),
    }
}

fn unary(parser: &mut Parser<'_>, op: UnaryOperator, precedence: u8) -> Result<Expr, ParserError> {
    parser.advance_token();
    Ok(Expr::UnaryOp { op, expr: Box::new(parser.parse_subexpr(precedence)?) })
}

/// `(query)`, `(a)` or `(a, b)`.
fn parentheses(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.advance_token();
    let is_query = parser.peek_one_of_keywords(&[Keyword::SELECT, Keyword::WITH, Keyword::VALUES]).is_some();
    let expr = if is_query {
        Expr::Subquery(parser.parse_query()?)
    } else {
        let first = parser.parse_expr()?;
        if parser.peek_token_ref().token == Token::Comma {
            let mut exprs = vec![first];
            while parser.consume_token(&Token::Comma) {
                exprs.push(parser.parse_expr()?);
            }
            Expr::Tuple(exprs)
        } else {
            Expr::Nested(Box::new(first))
        }
    };
    parser.expect_token(&Token::RParen)?;
    Ok(expr)
}

/// What begins with a word: a special form, a function, or a column.
fn word(dialect: &Sql, parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let [first, second] = parser.peek_tokens_ref();
    let Token::Word(word) = &first.token else {
        return parser.expected_ref("an expression", first);
    };
    let called = second.token == Token::LParen;
    let span = first.span;
    match word.keyword {
        Keyword::NoKeyword if word.quote_style.is_none() => {}
        Keyword::NULL | Keyword::TRUE | Keyword::FALSE => return parser.parse_value().map(Expr::Value),
        Keyword::CASE => {
            parser.advance_token();
            return parser.parse_case_expr();
        }
        Keyword::NOT => {
            parser.advance_token();
            return parser.parse_not();
        }
        Keyword::EXISTS => {
            parser.advance_token();
            return parser.parse_exists_expr(false);
        }
        Keyword::SUBSTRING | Keyword::SUBSTR if called => return parser.parse_substring(),
        Keyword::TRIM if called => return trim(parser),
        Keyword::NEXT => return Ok(sequence(parser, "nextval")?.unwrap_or_else(|| column(parser))),
        Keyword::LEFT | Keyword::RIGHT if called => {}
        keyword if is_reserved(keyword) => return parser.expected_ref("an expression", first),
        _ => {}
    }
    if word.quote_style.is_some() {
        return if called { function(parser) } else { Ok(column(parser)) };
    }
    let is = |name: &str| word.value.eq_ignore_ascii_case(name);
    if called {
        return match () {
            () if is("cast") => cast(parser),
            () if is("extract") => extract(parser),
            () if is("position") => position(dialect, parser),
            () if is("array") => unsupported("ARRAY", span.start),
            () => function(parser),
        };
    }
    match &second.token {
        Token::SingleQuotedString(_) | Token::Number(..) | Token::Placeholder(_) if is("interval") => interval(parser),
        Token::SingleQuotedString(_) => typed(parser),
        Token::Word(_) if is("timestamp") => typed_timestamp(parser),
        Token::Word(_) if is("current") => Ok(sequence(parser, "currval")?.unwrap_or_else(|| column(parser))),
        _ if ["current_timestamp", "current_date", "localtimestamp", "current_time", "localtime"].into_iter().any(is) => {
            Ok(call(parser, Vec::new()))
        }
        _ => Ok(column(parser)),
    }
}

/// The error for what we know and do not have.
fn unsupported<T>(what: &str, at: Location) -> Result<T, ParserError> {
    Err(ParserError::ParserError(format!("{UNSUPPORTED}{what}{at}")))
}

/// Takes the word that is next.
fn take_name(parser: &mut Parser<'_>) -> Ident {
    parser.advance_token();
    let token = parser.get_current_token();
    match &token.token {
        Token::Word(word) => word.clone().into_ident(token.span),
        other => Ident::with_span(token.span, other.to_string()),
    }
}

fn column(parser: &mut Parser<'_>) -> Expr {
    Expr::Identifier(take_name(parser))
}

fn function(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let name = take_name(parser);
    parser.parse_function(ObjectName::from(vec![name]))
}

/// A call of the function with the name that is next.
fn call(parser: &mut Parser<'_>, args: Vec<Expr>) -> Expr {
    let name = take_name(parser);
    called(name, args)
}

fn called(name: Ident, args: Vec<Expr>) -> Expr {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        within_group: Vec::new(),
        filter: None,
        null_treatment: None,
        over: None,
    })
}

fn text(name: &Ident) -> Expr {
    Expr::Value(Value::SingleQuotedString(name.value.clone()).with_span(name.span))
}

/// `NEXT VALUE FOR s`, `CURRENT VALUE FOR s`: a call with the sequence's name. None if the word is a column.
fn sequence(parser: &mut Parser<'_>, function: &str) -> Result<Option<Expr>, ParserError> {
    let [_, value, for_] = parser.peek_tokens_ref();
    let is_value = matches!(&value.token, Token::Word(word) if word.value.eq_ignore_ascii_case("value"));
    if !is_value || !matches!(&for_.token, Token::Word(word) if word.keyword == Keyword::FOR) {
        return Ok(None);
    }
    let mut name = take_name(parser);
    name.value = function.to_owned();
    parser.advance_token();
    parser.advance_token();
    let sequence = parser.parse_identifier()?;
    Ok(Some(called(name, vec![text(&sequence)])))
}

/// `CAST(a AS type)`
fn cast(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.advance_token();
    let expr = parser.parse_expr()?;
    parser.expect_keyword(Keyword::AS)?;
    let data_type = data_type(parser)?;
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, format: None })
}

/// `EXTRACT(unit FROM a)`: a call with the unit as text.
fn extract(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let name = take_name(parser);
    parser.advance_token();
    let unit = parser.parse_identifier()?;
    parser.expect_keyword(Keyword::FROM)?;
    let expr = parser.parse_expr()?;
    parser.expect_token(&Token::RParen)?;
    Ok(called(name, vec![text(&unit), expr]))
}

/// `TRIM(a [, characters])` or `TRIM([LEADING | TRAILING | BOTH] [characters] FROM a)`: a call of `trim`, `ltrim` or `rtrim`.
fn trim(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let mut name = take_name(parser);
    parser.advance_token();
    let side = parser.parse_one_of_keywords(&[Keyword::LEADING, Keyword::TRAILING, Keyword::BOTH]);
    name.value = match side {
        Some(Keyword::LEADING) => "ltrim".to_owned(),
        Some(Keyword::TRAILING) => "rtrim".to_owned(),
        _ => "trim".to_owned(),
    };
    let mut args = Vec::new();
    if !parser.parse_keyword(Keyword::FROM) {
        args.push(parser.parse_expr()?);
        if parser.parse_keyword(Keyword::FROM) {
            args.insert(0, parser.parse_expr()?);
        } else if side.is_some() {
            parser.expect_keyword(Keyword::FROM)?;
        } else if parser.consume_token(&Token::Comma) {
            args.push(parser.parse_expr()?);
        }
    } else {
        args.push(parser.parse_expr()?);
    }
    parser.expect_token(&Token::RParen)?;
    Ok(called(name, args))
}

/// `POSITION(a IN b)` or `POSITION(a, b)`
fn position(dialect: &Sql, parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let name = take_name(parser);
    parser.advance_token();
    let what = parser.parse_subexpr(dialect.prec_value(Precedence::Between))?;
    if !parser.parse_keyword(Keyword::IN) {
        parser.expect_token(&Token::Comma)?;
    }
    let within = parser.parse_expr()?;
    parser.expect_token(&Token::RParen)?;
    Ok(called(name, vec![what, within]))
}

/// `DATE '2026-01-31'`: a cast of the literal.
fn typed(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let name = take_name(parser);
    let data_type = DataType::Custom(ObjectName::from(vec![name]), Vec::new());
    let literal = parser.parse_value().map(Expr::Value)?;
    Ok(Expr::Cast { kind: CastKind::Cast, expr: Box::new(literal), data_type, format: None })
}

/// `INTERVAL 5 DAY`, `INTERVAL '5' DAY` or `INTERVAL '5 days'`.
fn interval(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.advance_token();
    let mut value = parser.parse_value()?;
    let written = match &value.value {
        Value::SingleQuotedString(text) => {
            text.trim().split_once(' ').map(|(count, unit)| (count.to_owned(), unit.trim().to_owned()))
        }
        _ => None,
    };
    let unit = match written {
        Some((count, unit)) => {
            value.value = Value::SingleQuotedString(count);
            Ident::with_span(value.span, unit)
        }
        None if is_name(&parser.peek_token_ref().token) => take_name(parser),
        None => return parser.expected_ref("a unit of time", parser.peek_token_ref()),
    };
    let next = parser.peek_token_ref();
    if matches!(&next.token, Token::Word(word) if word.value.eq_ignore_ascii_case("to")) {
        return unsupported("INTERVAL .. TO", next.span.start);
    }
    Ok(Expr::Interval(Interval {
        value: Box::new(Expr::Value(value)),
        leading_field: Some(DateTimeField::Custom(unit)),
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    }))
}

fn is_name(token: &Token) -> bool {
    matches!(token, Token::Word(word) if !is_reserved(word.keyword))
}

/// `TIMESTAMP WITHOUT TIME ZONE '..'`, or a column with this name.
fn typed_timestamp(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let [_, with, time, zone] = parser.peek_tokens_ref();
    let is = |token: &Token, name: &str| matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case(name));
    let zoned = is(&with.token, "with") || is(&with.token, "without");
    if !zoned || !is(&time.token, "time") || !is(&zone.token, "zone") {
        return Ok(column(parser));
    }
    let data_type = data_type(parser)?;
    let literal = parser.parse_value().map(Expr::Value)?;
    Ok(Expr::Cast { kind: CastKind::Cast, expr: Box::new(literal), data_type, format: None })
}

/// A type as its words and numbers say it: `Custom` with one name, words joined by spaces. What it means is decided by `literal::data_type`.
pub(super) fn data_type(parser: &mut Parser<'_>) -> Result<DataType, ParserError> {
    let first = parser.peek_token_ref();
    if !matches!(&first.token, Token::Word(word) if word.quote_style.is_none() && !is_reserved(word.keyword)) {
        return parser.expected_ref("a type", first);
    }
    let mut name = take_name(parser);
    let rest: &[&str] = match name.value.to_ascii_lowercase().as_str() {
        "double" => &["precision"],
        "character" | "char" | "national" | "nchar" => &["varying", "large", "object", "character", "char"],
        "binary" => &["varying", "large", "object"],
        "signed" | "unsigned" => &["integer"],
        _ => &[],
    };
    more_words(parser, &mut name, rest);
    let mut numbers = Vec::new();
    if parser.consume_token(&Token::LParen) {
        loop {
            let token = parser.next_token();
            match token.token {
                Token::Number(digits, _) => numbers.push(digits),
                _ => return parser.expected("a number", token),
            }
            // `VARCHAR(20 CHARACTERS)` counts as `VARCHAR(20)` does.
            more_words(parser, &mut Ident::new(""), &["characters", "char"]);
            if !parser.consume_token(&Token::Comma) {
                break;
            }
        }
        parser.expect_token(&Token::RParen)?;
    }
    if name.value.eq_ignore_ascii_case("timestamp") || name.value.eq_ignore_ascii_case("time") {
        more_words(parser, &mut name, &["with", "without", "time", "zone"]);
    }
    Ok(DataType::Custom(ObjectName::from(vec![name]), numbers))
}

/// Takes words while they are among these.
fn more_words(parser: &mut Parser<'_>, name: &mut Ident, among: &[&str]) {
    while let Token::Word(word) = &parser.peek_token_ref().token
        && among.iter().any(|known| word.value.eq_ignore_ascii_case(known))
    {
        name.value.push(' ');
        name.value.push_str(&word.value);
        parser.advance_token();
    }
}
