//! A statement's tokens, made ready for the parser crate.
//!
//! 1. White space and comments are gone; places are those of the whole text.
//! 2. A parameter is one token `?n` with its number from 0, however it was written.
//! 3. A word is a keyword only if our grammar uses it as one: the crate's other keywords are ordinary names, so that none of the syntax behind them can be reached.
//! 4. How deep the crate's tree can become is known here, before it is built: parentheses are counted, and operators between commas and parentheses.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::Limits;
use super::cursor::unsupported;
use super::dialect::Sql;
use super::scan::Piece;
use crate::error::{Error, ErrorKind, Place, Result};

/// What stands before the text of a `SEPARATOR`, which the crate is given as a parameter, so that no statement can say the same otherwise.
pub(super) const SEPARATOR: char = '\u{1}';

/// A statement's tokens.
pub(super) struct Ready {
    pub(super) tokens: Vec<TokenWithSpan>,
    /// The names of its parameters, by number.
    pub(super) parameters: Vec<Option<String>>,
    /// Whether reading them may take more stack than a caller can be asked for.
    pub(super) deep: bool,
}

/// Levels that are read on the caller's stack: with some 8 KiB for an operator and 25 KiB for a pair of parentheses no more than 400 KiB.
const SHALLOW: usize = 24;
const SHALLOW_PARENTHESES: usize = 8;

/// The place that the crate's location stands for; none for the end of the text.
pub(super) fn place(location: Location) -> Place {
    let [line, column] = [location.line, location.column].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    Place { line, column }
}

/// Tokens of a piece, ready for the parser.
pub(super) fn ready(piece: &Piece<'_>, limits: &Limits) -> Result<Ready> {
    if piece.token_count > limits.tokens {
        let message = format!("the statement has more than {} words, signs and spaces", limits.tokens);
        return Err(Error::new(ErrorKind::Limit, message).at(piece.place));
    }
    let mut tokens = Vec::with_capacity(piece.token_count.min(1 << 16));
    let dialect = Sql::new(0);
    let text = piece.readable();
    let from = piece.place;
    let made = Tokenizer::new(&dialect, &text).tokenize_with_location_into_buf_with_mapper(&mut tokens, |mut token| {
        token.span = Span { start: moved(token.span.start, from), end: moved(token.span.end, from) };
        token
    });
    if let Err(error) = made {
        return Err(Error::new(ErrorKind::Syntax, error.message).at(place(moved(error.location, from))));
    }
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    let mut rewriting = Rewriting { limits, out: Vec::with_capacity(tokens.len()), parameters: Vec::new() };
    rewriting.run(tokens)?;
    let Rewriting { out: tokens, parameters, .. } = rewriting;
    let deep = check_depth(&tokens, limits)?;
    let tokens = mark_lists(tokens);
    Ok(Ready { tokens, parameters, deep })
}

/// A location of the piece as one of the whole text.
fn moved(mut location: Location, from: Place) -> Location {
    if location.line == 1 {
        location.column += u64::from(from.column) - 1;
    }
    location.line += u64::from(from.line) - 1;
    location
}

struct Rewriting<'l> {
    limits: &'l Limits,
    out: Vec<TokenWithSpan>,
    parameters: Vec<Option<String>>,
}

impl Rewriting<'_> {
    fn run(&mut self, tokens: Vec<TokenWithSpan>) -> Result<()> {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(mut token) = tokens.next() {
            let at = place(token.span.start);
            match &mut token.token {
                Token::Placeholder(text) => {
                    let number = self.placeholder(text, at)?;
                    *text = format!("?{number}");
                }
                Token::Colon => {
                    let name = tokens.next_if(|next| {
                        next.span.start == token.span.end && matches!(next.token, Token::Word(_) | Token::Number(_, false))
                    });
                    let number = match name.map(|name| name.token) {
                        Some(Token::Word(word)) => self.named(&word.value, at)?,
                        Some(Token::Number(digits, _)) => self.numbered(&digits, at)?,
                        _ => return Err(syntax("expected the name of a parameter after the colon", at)),
                    };
                    token.token = Token::Placeholder(format!("?{number}"));
                }
                Token::Number(digits, long) => {
                    let glued = tokens
                        .peek()
                        .is_some_and(|next| next.span.start == token.span.end && matches!(next.token, Token::Word(_)));
                    if glued || *long {
                        return Err(syntax(format!("the number {digits} runs into a word"), at));
                    }
                }
                // The crate reads `0x1f` as it reads `x'1f'`: the quotes' columns tell them apart.
                Token::HexStringLiteral(digits) if token.span.end.column - token.span.start.column == digits.len() as u64 + 2 => {
                    let number = i64::from_str_radix(digits, 16)
                        .map_err(|_| syntax(format!("0x{digits} is no whole number of 64 bits"), at))?;
                    token.token = Token::Number(number.to_string(), false);
                }
                Token::Word(word)
                    if word.keyword == Keyword::OVER && matches!(self.out.last(), Some(last) if last.token == Token::RParen) =>
                {
                    return Err(unsupported("OVER (a window function)", at));
                }
                Token::Word(word)
                    if word.keyword == Keyword::SIMILAR && matches!(tokens.peek(), Some(next) if is_word(next, "to")) =>
                {
                    return Err(unsupported("SIMILAR TO", at));
                }
                Token::Word(word) if !is_keyword(word.keyword) => {
                    let separator = word.quote_style.is_none() && word.value.eq_ignore_ascii_case("separator");
                    if separator && let Some(mut text) = tokens.next_if(|next| matches!(next.token, Token::SingleQuotedString(_)))
                    {
                        // The crate knows SEPARATOR in MySQL's dialect alone; at the same place it reads a LIMIT in all of them.
                        word.keyword = Keyword::LIMIT;
                        if let Token::SingleQuotedString(literal) = &text.token {
                            text.token = Token::Placeholder(format!("{SEPARATOR}{literal}"));
                        }
                        self.out.extend([token, text]);
                        continue;
                    }
                    word.keyword = Keyword::NoKeyword;
                }
                // SQLite's hint behind a table's name is read and does nothing: which index is used is not said by a statement here.
                Token::Word(word)
                    if word.keyword == Keyword::NOT
                        && self.behind_name()
                        && tokens.next_if(|next| is_word(next, "indexed")).is_some() =>
                {
                    continue;
                }
                _ => {}
            }
            self.out.push(token);
        }
        Ok(())
    }

    fn behind_name(&self) -> bool {
        matches!(self.out.last(), Some(TokenWithSpan { token: Token::Word(word), .. }) if word.keyword == Keyword::NoKeyword)
    }

    /// The number of `?`, `?3`, `$3` or `$name`.
    fn placeholder(&mut self, text: &str, at: Place) -> Result<usize> {
        let name = &text[1..];
        match name.as_bytes() {
            [] if text == "?" => {
                self.parameters.push(None);
                self.checked(self.parameters.len() - 1, at)
            }
            [b'0'..=b'9', ..] => self.numbered(name, at),
            [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] if !name.contains('$') => self.named(name, at),
            _ => Err(syntax(format!("{text} is no parameter"), at)),
        }
    }

    fn numbered(&mut self, digits: &str, at: Place) -> Result<usize> {
        let Some(index) = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1)) else {
            return Err(syntax("parameters are numbered from 1", at));
        };
        self.checked(index, at)?;
        if index >= self.parameters.len() {
            self.parameters.resize(index + 1, None);
        }
        Ok(index)
    }

    fn named(&mut self, name: &str, at: Place) -> Result<usize> {
        if let Some(index) = self.parameters.iter().position(|known| known.as_deref() == Some(name)) {
            return Ok(index);
        }
        self.parameters.push(Some(name.to_owned()));
        self.checked(self.parameters.len() - 1, at)
    }

    fn checked(&self, index: usize, at: Place) -> Result<usize> {
        if index < self.limits.parameters {
            return Ok(index);
        }
        Err(Error::new(ErrorKind::Limit, format!("a statement has at most {} parameters", self.limits.parameters)).at(at))
    }
}

/// The crate takes what begins with `IN ((SELECT` for `IN (query)`, also where it is a list of queries: there a sign is put before the first, so that no query can begin with
/// it. A positive sign does nothing.
fn mark_lists(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is = |at: usize, expected: &Token| tokens.get(at).is_some_and(|token| token.token == *expected);
    let is_in = |token: &TokenWithSpan| matches!(&token.token, Token::Word(word) if word.keyword == Keyword::IN);
    let mut firsts = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if is_in(token) && is(at + 1, &Token::LParen) && is(at + 2, &Token::LParen) {
            let behind = behind_parentheses(&tokens[at + 2..]);
            if behind.is_some_and(|token| !matches!(token, Token::RParen | Token::Word(_))) {
                firsts.push(at + 2);
            }
        }
    }
    if firsts.is_empty() {
        return tokens;
    }
    let mut firsts = firsts.into_iter().peekable();
    let mut marked = Vec::with_capacity(tokens.len() + firsts.len());
    for (at, token) in tokens.into_iter().enumerate() {
        if firsts.next_if_eq(&at).is_some() {
            marked.push(TokenWithSpan { token: Token::Plus, span: token.span });
        }
        marked.push(token);
    }
    marked
}

/// The token behind the parentheses that the first token opens.
fn behind_parentheses(tokens: &[TokenWithSpan]) -> Option<&Token> {
    let mut open = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.token {
            Token::LParen => open += 1,
            Token::RParen if open == 1 => return tokens.get(at + 1).map(|token| &token.token),
            Token::RParen => open -= 1,
            _ => {}
        }
    }
    None
}

/// Whether it is this word, unquoted.
fn is_word(token: &TokenWithSpan, expected: &str) -> bool {
    matches!(&token.token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected))
}

fn syntax(message: impl Into<String>, at: Place) -> Error {
    Error::new(ErrorKind::Syntax, message).at(at)
}

/// What stands between one pair of parentheses.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Operators since the last comma.
    operators: usize,
    /// Deepest tree that may stand in the parentheses since the last comma.
    inner: usize,
    /// Deepest before that comma.
    before: usize,
    /// UNIONs and the like.
    set_operators: usize,
}

impl Level {
    fn comma(&mut self) {
        self.before = self.depth_of_item();
        self.operators = 0;
        self.inner = 0;
    }

    fn depth_of_item(&self) -> usize {
        self.before.max(self.operators + self.inner)
    }

    fn depth(&self) -> usize {
        self.depth_of_item() + self.set_operators
    }
}

/// Refuses what would make the crate's tree deeper than the limits: it is dropped by recursion, also when an error is found after most of it is built. Says whether it may
/// be deep.
///
/// Each level of the tree takes at least one token that is neither a name nor a literal, so counting those bounds the depth from above, and is cheap.
fn check_depth(tokens: &[TokenWithSpan], limits: &Limits) -> Result<bool> {
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    let mut deep = false;
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                level.operators += 1;
                outer.push(std::mem::take(&mut level));
                if outer.len() > limits.nesting {
                    return Err(too_deep(limits).at(place(token.span.start)));
                }
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                let depth = level.depth();
                level = outer.pop().unwrap_or_default();
                level.inner = level.inner.max(depth);
            }
            Token::Comma => level.comma(),
            Token::Word(word)
                if matches!(word.keyword, Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::MINUS) =>
            {
                level.comma();
                level.set_operators += 1;
                if level.set_operators > limits.set_operators {
                    let message = format!("a query has more than {} set operators", limits.set_operators);
                    return Err(Error::new(ErrorKind::Limit, message).at(place(token.span.start)));
                }
            }
            Token::Word(word) if word.keyword == Keyword::NoKeyword => {}
            Token::Number(..) | Token::SingleQuotedString(_) | Token::Placeholder(_) | Token::Period => {}
            _ => level.operators += 1,
        }
        let depth = level.depth();
        deep |= depth > SHALLOW || outer.len() > SHALLOW_PARENTHESES;
        if depth > limits.chain {
            let message = format!("more than {} operators stand in one expression", limits.chain);
            return Err(Error::new(ErrorKind::Limit, message).at(place(token.span.start)));
        }
    }
    Ok(deep)
}

/// The error for what stands too deep.
pub(super) fn too_deep(limits: &Limits) -> Error {
    Error::new(ErrorKind::Limit, format!("the statement is nested more than {} deep", limits.nesting))
}

/// The crate's keywords that are keywords here too. Statements other than queries are read by their words, not by keywords.
fn is_keyword(keyword: Keyword) -> bool {
    use Keyword as K;
    let of_query = matches!(
        keyword,
        K::WITH
            | K::RECURSIVE
            | K::AS
            | K::SELECT
            | K::DISTINCT
            | K::ALL
            | K::FROM
            | K::WHERE
            | K::GROUP
            | K::BY
            | K::RETURNING
            | K::HAVING
            | K::ORDER
            | K::ASC
            | K::DESC
    ) || matches!(
        keyword,
        K::NULLS
            | K::FIRST
            | K::LAST
            | K::LIMIT
            | K::OFFSET
            | K::FETCH
            | K::NEXT
            | K::ROW
            | K::ROWS
            | K::ONLY
            | K::PERCENT
            | K::TIES
            | K::FOR
            | K::UPDATE
            | K::SHARE
    ) || matches!(
        keyword,
        K::UNION
            | K::INTERSECT
            | K::EXCEPT
            | K::MINUS
            | K::VALUES
            | K::LATERAL
            | K::WINDOW
            | K::QUALIFY
            | K::INTO
            | K::TABLESAMPLE
            | K::PARTITION
    );
    let of_join = matches!(
        keyword,
        K::JOIN | K::INNER | K::LEFT | K::RIGHT | K::FULL | K::OUTER | K::CROSS | K::NATURAL | K::ON | K::USING
    );
    let of_expression = matches!(
        keyword,
        K::AND
            | K::OR
            | K::NOT
            | K::NULL
            | K::TRUE
            | K::FALSE
            | K::UNKNOWN
            | K::IS
            | K::IN
            | K::BETWEEN
            | K::LIKE
            | K::ILIKE
            | K::ESCAPE
            | K::EXISTS
            | K::ANY
            | K::SOME
    ) || matches!(
        keyword,
        K::CASE
            | K::WHEN
            | K::THEN
            | K::ELSE
            | K::END
            | K::COLLATE
            | K::AT
            | K::TIME
            | K::ZONE
            | K::SIMILAR
            | K::REGEXP
            | K::RLIKE
            | K::FILTER
            | K::WITHIN
            | K::OVER
    ) || matches!(keyword, K::SUBSTRING | K::SUBSTR | K::TRIM | K::BOTH | K::LEADING | K::TRAILING);
    of_query || of_join || of_expression
}
