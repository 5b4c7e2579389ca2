//! A query as a tree that can be written as text and made smaller.
//!
//! Expressions know their type and their parts, and nothing of what they mean: that is enough to replace one by a part of the same type.

use std::fmt::{self, Display, Formatter};

/// The types that both engines understand alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Int,
    Double,
    /// Quarters, which are exact in the other engine's doubles too.
    Decimal,
    Text,
    Bool,
}

/// An expression: text with expressions and queries in it.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) data_type: Type,
    pub(crate) parts: Vec<Part>,
}

#[derive(Clone, Debug)]
pub(crate) enum Part {
    Word(String),
    Expr(Expr),
    Query(Box<Query>),
}

/// `WITH .. body ORDER BY .. LIMIT ..`
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) with: Vec<Named>,
    pub(crate) body: Body,
    pub(crate) order: Vec<Key>,
    pub(crate) limit: Option<String>,
}

/// `name (columns) AS (query)`: of a WITH, or a view.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) columns: Vec<(String, Type)>,
    pub(crate) query: Query,
}

/// A column of the result to sort by: its number from 0, and what stands behind it.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) column: usize,
    pub(crate) how: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Select(Select),
    /// From left to right; each query but the first with its operator before it.
    Set(Vec<(&'static str, Select)>),
    /// Rows of literals.
    Values(Vec<Vec<Expr>>),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Select {
    pub(crate) distinct: bool,
    pub(crate) items: Vec<Expr>,
    pub(crate) from: Vec<Joined>,
    /// Conjuncts.
    pub(crate) filter: Vec<Expr>,
    pub(crate) group: Vec<Expr>,
    pub(crate) having: Vec<Expr>,
}

/// A table or a query in FROM, with what joins it to those before it.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    /// `JOIN`, `LEFT JOIN`, `,` and so on; nothing at the first.
    pub(crate) word: &'static str,
    pub(crate) source: Source,
    pub(crate) alias: String,
    /// Conjuncts of ON.
    pub(crate) on: Vec<Expr>,
    /// `USING (k)` in the place of ON.
    pub(crate) using: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Source {
    Table(String),
    Query(Box<Query>),
}

impl Expr {
    pub(crate) fn word(data_type: Type, word: impl Into<String>) -> Expr {
        Expr { data_type, parts: vec![Part::Word(word.into())] }
    }

    /// Words and expressions by turns: `of(Bool, ["(", " = ", ")"], [a, b])`.
    pub(crate) fn of<const N: usize>(data_type: Type, words: [&str; N], exprs: impl IntoIterator<Item = Expr>) -> Expr {
        let mut exprs = exprs.into_iter();
        let mut parts = Vec::new();
        for word in words {
            parts.push(Part::Word(word.to_owned()));
            parts.extend(exprs.next().map(Part::Expr));
        }
        Expr { data_type, parts }
    }

    /// What an expression of this type may shrink to.
    fn plainest(data_type: Type) -> &'static str {
        match data_type {
            Type::Int => "1",
            Type::Double => "1.0e0",
            Type::Decimal => "1.00",
            Type::Text => "'a'",
            Type::Bool => "TRUE",
        }
    }

    /// Expressions of the same type that are one step smaller.
    fn smaller(&self) -> Vec<Expr> {
        let mut all = Vec::new();
        let plainest = Expr::plainest(self.data_type);
        if self.to_string() != plainest {
            all.push(Expr::word(self.data_type, plainest));
        }
        for (at, part) in self.parts.iter().enumerate() {
            let with = |part: Part| {
                let mut whole = self.clone();
                whole.parts[at] = part;
                whole
            };
            match part {
                Part::Word(_) => {}
                Part::Expr(expr) => {
                    all.extend((expr.data_type == self.data_type).then(|| expr.clone()));
                    all.extend(expr.smaller().into_iter().map(|smaller| with(Part::Expr(smaller))));
                }
                Part::Query(query) => all.extend(query.smaller().into_iter().map(|smaller| with(Part::Query(Box::new(smaller))))),
            }
        }
        all
    }
}

impl Query {
    pub(crate) fn of(select: Select) -> Query {
        Query { with: Vec::new(), body: Body::Select(select), order: Vec::new(), limit: None }
    }

    /// Queries that are one step smaller. Many of them are no queries any more: a name is missing, a count of columns is wrong.
    pub(crate) fn smaller(&self) -> Vec<Query> {
        let mut all = Vec::new();
        if self.limit.is_some() {
            all.push(Query { limit: None, ..self.clone() });
        }
        if !self.order.is_empty() && self.limit.is_none() {
            all.push(Query { order: Vec::new(), ..self.clone() });
        }
        for at in 0..self.with.len() {
            let mut smaller = self.clone();
            smaller.with.remove(at);
            all.push(smaller);
            for query in self.with[at].query.smaller() {
                let mut smaller = self.clone();
                smaller.with[at].query = query;
                all.push(smaller);
            }
        }
        match &self.body {
            Body::Values(rows) => {
                for at in 0..rows.len() {
                    if rows.len() > 1 {
                        let mut rows = rows.clone();
                        rows.remove(at);
                        all.push(Query { body: Body::Values(rows), ..self.clone() });
                    }
                }
            }
            Body::Select(select) => {
                all.extend(select.smaller().into_iter().map(|smaller| Query { body: Body::Select(smaller), ..self.clone() }));
            }
            Body::Set(parts) => {
                for (at, (word, select)) in parts.iter().enumerate() {
                    all.push(Query { body: Body::Select(select.clone()), ..self.clone() });
                    for smaller in select.smaller() {
                        let mut parts = parts.clone();
                        parts[at] = (word, smaller);
                        all.push(Query { body: Body::Set(parts), ..self.clone() });
                    }
                }
            }
        }
        all
    }
}

impl Select {
    fn smaller(&self) -> Vec<Select> {
        let mut all = Vec::new();
        if self.distinct {
            all.push(Select { distinct: false, ..self.clone() });
        }
        // The last table is easiest to do without.
        for at in (0..self.from.len()).rev().filter(|_| self.from.len() > 1) {
            let mut smaller = self.clone();
            smaller.from.remove(at);
            if let Some(first) = smaller.from.first_mut() {
                (first.word, first.on, first.using) = ("", Vec::new(), false);
            }
            all.push(smaller);
        }
        let lists: [fn(&mut Select) -> &mut Vec<Expr>; 4] =
            [|s| &mut s.filter, |s| &mut s.having, |s| &mut s.group, |s| &mut s.items];
        for (which, list) in lists.iter().enumerate() {
            let count = list(&mut self.clone()).len();
            for at in 0..count {
                // One item stays.
                if which < 3 || count > 1 {
                    let mut smaller = self.clone();
                    list(&mut smaller).remove(at);
                    all.push(smaller);
                }
                let expr = list(&mut self.clone())[at].clone();
                for expr in expr.smaller() {
                    let mut smaller = self.clone();
                    list(&mut smaller)[at] = expr;
                    all.push(smaller);
                }
            }
        }
        for (at, joined) in self.from.iter().enumerate() {
            all.extend(joined.smaller().into_iter().map(|joined| {
                let mut smaller = self.clone();
                smaller.from[at] = joined;
                smaller
            }));
        }
        all
    }
}

impl Joined {
    fn smaller(&self) -> Vec<Joined> {
        let mut all = Vec::new();
        for at in 0..self.on.len() {
            if self.on.len() > 1 {
                let mut smaller = self.clone();
                smaller.on.remove(at);
                all.push(smaller);
            }
            for expr in self.on[at].smaller() {
                let mut smaller = self.clone();
                smaller.on[at] = expr;
                all.push(smaller);
            }
        }
        if let Source::Query(query) = &self.source {
            all.extend(
                query.smaller().into_iter().map(|query| Joined { source: Source::Query(Box::new(query)), ..self.clone() }),
            );
        }
        all
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, before: &str, items: &[T], between: &str) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if at == 0 { before } else { between })?;
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Word(word) => f.write_str(word),
            Part::Expr(expr) => expr.fmt(f),
            Part::Query(query) => query.fmt(f),
        })
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        list(f, "WITH ", &self.with, ", ")?;
        f.write_str(if self.with.is_empty() { "" } else { " " })?;
        match &self.body {
            Body::Values(rows) => {
                for (at, row) in rows.iter().enumerate() {
                    list(f, if at == 0 { "VALUES (" } else { ", (" }, row, ", ")?;
                    f.write_str(")")?;
                }
            }
            Body::Select(select) => select.fmt(f)?,
            Body::Set(parts) => parts.iter().try_for_each(|(word, select)| write!(f, "{word}{select}"))?,
        }
        list(f, " ORDER BY ", &self.order, ", ")?;
        self.limit.iter().try_for_each(|limit| write!(f, " {limit}"))
    }
}

impl Display for Named {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        list(f, " (", &names, ", ")?;
        write!(f, ") AS ({})", self.query)
    }
}

impl Display for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.column + 1, self.how)
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.distinct { "SELECT DISTINCT " } else { "SELECT " })?;
        for (at, item) in self.items.iter().enumerate() {
            write!(f, "{}{item} AS c{at}", if at > 0 { ", " } else { "" })?;
        }
        list(f, " FROM ", &self.from, " ")?;
        list(f, " WHERE ", &self.filter, " AND ")?;
        list(f, " GROUP BY ", &self.group, ", ")?;
        list(f, " HAVING ", &self.having, " AND ")
    }
}

impl Display for Joined {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.word)?;
        match &self.source {
            Source::Table(name) => write!(f, " {name} AS {}", self.alias)?,
            Source::Query(query) => write!(f, " ({query}) AS {}", self.alias)?,
        }
        if self.using {
            return f.write_str(" USING (k)");
        }
        list(f, " ON ", &self.on, " AND ")
    }
}
