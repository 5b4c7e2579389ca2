//! Queries and changes over a scene, such as both engines understand alike.
//!
//! Left out, because the engines differ by intent: division by what may be zero, sums beyond 64 bits, comparison of text with numbers, what LIKE does with upper and
//! lower case by default (the other engine is told to mind it), columns beside aggregates that are not grouped.

use fastrand::Rng;

use crate::query::{Body, Expr, Joined, Key, Named, Part, Query, Select, Source, Type};
use crate::scene::{Scene, literal};

/// A column that an expression may name.
#[derive(Clone)]
struct Visible {
    /// `alias.name`
    name: String,
    data_type: Type,
}

pub(crate) struct Draw<'s> {
    pub(crate) rng: Rng,
    scene: &'s Scene,
    /// The columns of each query around, the innermost last.
    scopes: Vec<Vec<Visible>>,
    aliases: usize,
    /// Queries of WITH that may be read here: names and columns.
    named: Vec<(String, Vec<(String, Type)>)>,
    names: usize,
    /// How many more WITH there may be: queries of queries of queries are soon refused as too deep.
    withs: usize,
    /// How many tables may stand in one FROM.
    tables: usize,
    /// How many more subqueries this query may have: they multiply the work.
    subqueries: usize,
    /// Only columns of the innermost query may be named: an aggregate over columns of a query around it alone belongs to that query, and then its own has many rows.
    own_columns_only: bool,
}

const SCALARS: [Type; 4] = [Type::Int, Type::Double, Type::Decimal, Type::Text];

impl<'s> Draw<'s> {
    pub(crate) fn new(rng: Rng, scene: &'s Scene) -> Draw<'s> {
        let (scopes, named) = (Vec::new(), Vec::new());
        Draw { rng, scene, scopes, aliases: 0, named, names: 0, withs: 2, tables: 3, subqueries: 2, own_columns_only: false }
    }

    fn one_in(&mut self, n: u8) -> bool {
        self.rng.u8(..n) == 0
    }

    fn pick<T>(&mut self, list: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>) -> T {
        self.rng.choice(list).expect("a list that is not empty")
    }

    fn types(&mut self, most: usize) -> Vec<Type> {
        (0..self.rng.usize(1..=most)).map(|_| self.pick(SCALARS)).collect()
    }

    /// A whole query.
    pub(crate) fn query(&mut self) -> Query {
        let types = self.types(4);
        match self.rng.bool() {
            true => self.with(2, |draw| draw.query_of(&types, 2)),
            false => self.query_of(&types, 2),
        }
    }

    /// A view that may be read as tables are: of few tables, since queries join it.
    pub(crate) fn view(&mut self, name: String) -> Named {
        self.one_named(name, 1)
    }

    /// A query with queries before it that it reads, as a rule several times.
    fn with(&mut self, most: usize, draw: impl FnOnce(&mut Self) -> Query) -> Query {
        if self.withs == 0 {
            return draw(self);
        }
        self.withs -= 1;
        let known = self.named.len();
        let mut with = Vec::new();
        for _ in 0..self.rng.usize(1..=most) {
            let name = format!("w{}", self.names);
            self.names += 1;
            with.push(self.one_named(name.clone(), 1));
            self.named.extend(with.last().map(|named| (name, named.columns.clone())));
        }
        let query = draw(self);
        self.named.truncate(known);
        Query { with, ..query }
    }

    /// A query with a name and two to four columns.
    fn one_named(&mut self, name: String, depth: usize) -> Named {
        let types: Vec<Type> = (0..self.rng.usize(2..=4)).map(|_| self.pick(SCALARS)).collect();
        let tables = std::mem::replace(&mut self.tables, 2);
        let subqueries = std::mem::replace(&mut self.subqueries, 1);
        let query = match self.one_in(5) {
            // Not VALUES and not UNION ALL, which SQLite 3.54 joins wrongly to itself: `v LEFT JOIN v` over a view of it (3.40 does not).
            true => {
                let rows = self.rows(&types).into_iter();
                let parts = rows.map(|items| Select { items, ..Select::default() }).enumerate();
                let parts = parts.map(|(at, part)| (if at == 0 { "" } else { " UNION " }, part)).collect();
                Query { body: Body::Set(parts), ..Query::of(Select::default()) }
            }
            false if self.one_in(4) => self.with(1, |draw| draw.query_of(&types, depth)),
            false => self.query_of(&types, depth),
        };
        (self.tables, self.subqueries) = (tables, subqueries);
        let columns = types.into_iter().enumerate().map(|(at, of)| (format!("d{at}"), of)).collect();
        Named { name, columns, query }
    }

    fn rows(&mut self, types: &[Type]) -> Vec<Vec<Expr>> {
        let mut rows: Vec<Vec<Expr>> = Vec::new();
        for at in 0..self.rng.usize(1..5) {
            // The first row says what the types are.
            let row = types.iter().map(|of| match at > 0 && self.one_in(6) {
                true => Expr::word(*of, "NULL"),
                false => self.literal(*of),
            });
            rows.push(row.collect());
        }
        rows
    }

    fn query_of(&mut self, types: &[Type], depth: usize) -> Query {
        let body = match depth > 0 && self.one_in(5) {
            false => Body::Select(self.select(types, depth)),
            true => {
                let words: &[&str] =
                    self.pick([&[" UNION ", " UNION ALL "][..], &[" EXCEPT "], &[" INTERSECT "], &[" UNION ALL "]]);
                let mut parts = vec![("", self.select(types, depth - 1))];
                for _ in 0..self.rng.usize(1..3) {
                    let word = self.pick(words);
                    parts.push((*word, self.select(types, depth - 1)));
                }
                Body::Set(parts)
            }
        };
        let mut query = Query { with: Vec::new(), body, order: Vec::new(), limit: None };
        if self.one_in(3) {
            let mut columns: Vec<usize> = (0..types.len()).collect();
            self.rng.shuffle(&mut columns);
            // With a limit the order must be of all columns: then the rows are the same whoever picks them.
            if self.one_in(2) {
                let (limit, offset) = (self.rng.u8(..7), self.rng.u8(..4));
                query.limit = Some(if offset < 2 { format!("LIMIT {limit} OFFSET {offset}") } else { format!("LIMIT {limit}") });
            } else {
                columns.truncate(self.rng.usize(1..=types.len()));
            }
            let ways = ["", " DESC", " ASC", " NULLS LAST", " DESC NULLS FIRST", " DESC NULLS LAST"];
            query.order = columns.into_iter().map(|column| Key { column, how: self.pick(ways) }).collect();
        }
        query
    }

    fn select(&mut self, types: &[Type], depth: usize) -> Select {
        let (from, scope) = self.from(depth);
        self.scopes.push(scope);
        let mut select = Select { from, ..Select::default() };
        select.filter = self.conditions(2, depth);
        match self.rng.u8(..6) {
            0 => self.group(&mut select, types, depth),
            1 => select.items = types.iter().map(|of| self.aggregate(*of, depth)).collect(),
            _ => {
                select.items = types.iter().map(|of| self.expr(*of, 2, depth)).collect();
                select.distinct = self.one_in(4);
            }
        }
        self.scopes.pop();
        select
    }

    /// Items that are keys or aggregates.
    fn group(&mut self, select: &mut Select, types: &[Type], depth: usize) {
        for of in types {
            let item = match self.rng.bool() {
                true => {
                    // A literal in GROUP BY would be an ordinal; in SQLite one with signs and parentheses too.
                    let size = u8::from(self.one_in(3)).into();
                    let key = self.of_own_columns(|draw| draw.expr(*of, size, 0));
                    let is_literal = key.parts.len() == 1 && !key.to_string().starts_with('q');
                    let is_signed = !key.to_string().contains(|c: char| !matches!(c, '0'..='9' | '(' | ')' | '-' | ' '));
                    let key = if is_literal || is_signed { self.aggregate(*of, depth) } else { key };
                    if !is_aggregate(&key) {
                        select.group.push(key.clone());
                    }
                    key
                }
                false => self.aggregate(*of, depth),
            };
            select.items.push(item);
        }
        if self.one_in(3) {
            let (left, right) = (self.aggregate(Type::Int, depth), self.literal(Type::Int));
            let op = self.pick([" > ", " <= ", " <> ", " = "]);
            select.having.push(Expr::of(Type::Bool, ["(", op, ")"], [left, right]));
        }
    }

    fn from(&mut self, depth: usize) -> (Vec<Joined>, Vec<Visible>) {
        let (mut from, mut scope) = (Vec::new(), Vec::new());
        let commas = self.one_in(6);
        for at in 0..self.pick([1, 1, 2, 2, 3]).min(self.tables) {
            let (source, columns) = self.source(depth);
            let alias = format!("q{}", self.aliases);
            self.aliases += 1;
            let own = columns.into_iter().map(|(name, data_type)| Visible { name: format!("{alias}.{name}"), data_type });
            let before = scope.clone();
            scope.extend(own);
            let word = match () {
                () if at == 0 => "",
                () if commas => ",",
                () => self.pick(["JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"]),
            };
            let mut joined = Joined { word, source, alias, on: Vec::new(), using: false };
            if word.ends_with("JOIN") && word != "CROSS JOIN" {
                let has_k = |of: &[Visible]| of.iter().any(|column| column.name.ends_with(".k"));
                joined.using = at == 1 && self.one_in(4) && has_k(&before) && has_k(&scope[before.len()..]);
                if !joined.using {
                    joined.on = self.on(&before, &scope, depth);
                }
            }
            from.push(joined);
        }
        (from, scope)
    }

    /// Conjuncts over the columns so far, at least one: mostly an equality.
    fn on(&mut self, before: &[Visible], all: &[Visible], depth: usize) -> Vec<Expr> {
        let mut on = Vec::new();
        let new = &all[before.len()..];
        let left = self.pick(before).clone();
        let partners: Vec<&Visible> = new.iter().filter(|column| column.data_type == left.data_type).collect();
        if !partners.is_empty() && !self.one_in(6) {
            let right = self.pick(partners);
            let exprs = [&left, right].map(|column| Expr::word(column.data_type, &column.name));
            let op = if self.one_in(8) { " < " } else { " = " };
            on.push(Expr::of(Type::Bool, ["", op, ""], exprs));
        }
        self.scopes.push(all.to_vec());
        if on.is_empty() || self.one_in(3) {
            on.push(self.condition(1, depth.saturating_sub(1)));
        }
        self.scopes.pop();
        on
    }

    fn source(&mut self, depth: usize) -> (Source, Vec<(String, Type)>) {
        if depth > 0 && self.one_in(4) {
            let types = self.types(3);
            // It does not see what is around it.
            let around = std::mem::take(&mut self.scopes);
            let query = self.query_of(&types, depth - 1);
            self.scopes = around;
            let columns = types.into_iter().enumerate().map(|(at, of)| (format!("c{at}"), of)).collect();
            return (Source::Query(Box::new(query)), columns);
        }
        if !self.named.is_empty() && !self.one_in(3) {
            let (name, columns) = self.rng.choice(&self.named).expect("a list that is not empty").clone();
            return (Source::Table(name), columns);
        }
        if !self.scene.views.is_empty() && self.one_in(3) {
            let view = self.pick(&self.scene.views);
            return (Source::Table(view.name.clone()), view.columns.clone());
        }
        let table = self.pick(&self.scene.tables);
        let columns = table.columns.iter().map(|column| (column.name.clone(), column.data_type)).collect();
        (Source::Table(table.name.clone()), columns)
    }

    fn conditions(&mut self, most: usize, depth: usize) -> Vec<Expr> {
        (0..self.rng.usize(..=most)).map(|_| self.condition(2, depth)).collect()
    }

    // --- Expressions. `size` bounds how deep they are, `depth` how deep queries stand in them.

    fn literal(&mut self, data_type: Type) -> Expr {
        Expr::word(data_type, literal(&mut self.rng, data_type))
    }

    /// A column of this type; mostly of the innermost query.
    fn column(&mut self, data_type: Type) -> Option<Expr> {
        let outer = self.one_in(4) && !self.own_columns_only;
        let scope = match (outer, self.scopes.len()) {
            (_, 0) => return None,
            (true, count) => self.rng.usize(..count),
            (false, count) => count - 1,
        };
        let fitting: Vec<String> =
            self.scopes[scope].iter().filter(|column| column.data_type == data_type).map(|column| column.name.clone()).collect();
        let name = self.rng.choice(fitting)?;
        Some(Expr::word(data_type, name))
    }

    fn leaf(&mut self, data_type: Type) -> Expr {
        if self.one_in(5) {
            return self.literal(data_type);
        }
        self.column(data_type).unwrap_or_else(|| self.literal(data_type))
    }

    fn expr(&mut self, data_type: Type, size: usize, depth: usize) -> Expr {
        if data_type == Type::Bool {
            return self.condition(size, depth);
        }
        if size == 0 || self.rng.bool() {
            return self.leaf(data_type);
        }
        let one = |draw: &mut Self| draw.expr(data_type, size - 1, depth);
        match self.rng.u8(..5) {
            0 => {
                let (when, then, other) = (self.condition(size - 1, depth), one(self), one(self));
                Expr::of(data_type, ["CASE WHEN ", " THEN ", " ELSE ", " END"], [when, then, other])
            }
            1 => Expr::of(data_type, ["coalesce(", ", ", ")"], [one(self), one(self)]),
            2 if depth > 0 && self.subqueries > 0 => self.scalar_subquery(data_type, depth),
            3 => Expr::of(data_type, ["nullif(", ", ", ")"], [one(self), one(self)]),
            _ => self.computed(data_type, size, depth),
        }
    }

    fn computed(&mut self, data_type: Type, size: usize, depth: usize) -> Expr {
        let one = |draw: &mut Self, of: Type| draw.expr(of, size - 1, depth);
        match (data_type, self.rng.u8(..5)) {
            (Type::Int, 0) => Expr::of(data_type, ["length(", ")"], [one(self, Type::Text)]),
            (Type::Int, 1) => {
                let words = [["(", " / 3)"], ["(", " % 3)"], ["(", " / -2)"], ["(", " * 2)"]];
                let words = self.pick(words);
                Expr::of(data_type, words, [one(self, data_type)])
            }
            (Type::Double, 0) => Expr::of(data_type, ["(", " * 0.5e0)"], [one(self, data_type)]),
            (Type::Decimal, 0) => Expr::of(data_type, ["(", " * 2)"], [one(self, data_type)]),
            (Type::Decimal, 1) => Expr::of(data_type, ["(", " - ", ")"], [one(self, Type::Int), one(self, data_type)]),
            (Type::Double, 1) => Expr::of(data_type, ["(", " + ", ")"], [one(self, Type::Int), one(self, data_type)]),
            (Type::Int | Type::Double | Type::Decimal, 2) => Expr::of(data_type, ["abs(", ")"], [one(self, data_type)]),
            (Type::Int | Type::Double | Type::Decimal, 3) => Expr::of(data_type, ["(- ", ")"], [one(self, data_type)]),
            (Type::Int | Type::Double | Type::Decimal, _) => {
                let op = self.pick([" + ", " - "]);
                Expr::of(data_type, ["(", op, ")"], [one(self, data_type), one(self, data_type)])
            }
            (_, 0) => Expr::of(data_type, ["lower(", ")"], [one(self, data_type)]),
            (_, 1) => Expr::of(data_type, ["substr(", ", 1, 2)"], [one(self, data_type)]),
            (_, 2) => Expr::of(data_type, ["replace(", ", 'a', 'x')"], [one(self, data_type)]),
            _ => Expr::of(data_type, ["(", " || ", ")"], [one(self, data_type), one(self, data_type)]),
        }
    }

    /// A query of one row: an aggregate, or the first by an order of the value itself.
    fn scalar_subquery(&mut self, data_type: Type, depth: usize) -> Expr {
        self.subqueries -= 1;
        let (from, scope) = self.from(depth - 1);
        self.scopes.push(scope);
        let mut select = Select { from, ..Select::default() };
        select.filter = self.conditions(2, depth - 1);
        let query = match self.rng.bool() {
            true => {
                select.items = vec![self.aggregate(data_type, depth - 1)];
                Query::of(select)
            }
            false => {
                select.items = vec![self.expr(data_type, 1, depth - 1)];
                let order = vec![Key { column: 0, how: self.pick(["", " DESC", " NULLS LAST"]) }];
                Query { order, limit: Some("LIMIT 1".into()), ..Query::of(select) }
            }
        };
        self.scopes.pop();
        with_query(data_type, "(", None, query)
    }

    pub(crate) fn condition(&mut self, size: usize, depth: usize) -> Expr {
        if size > 0 && self.rng.bool() {
            let [a, b] = [0, 1].map(|_| self.condition(size - 1, depth));
            return match self.rng.u8(..5) {
                0 => Expr::of(Type::Bool, ["(NOT ", ")"], [a]),
                1 => Expr::of(Type::Bool, ["((", ") IS NOT TRUE)"], [a]),
                2 | 3 => Expr::of(Type::Bool, ["(", " AND ", ")"], [a, b]),
                _ => Expr::of(Type::Bool, ["(", " OR ", ")"], [a, b]),
            };
        }
        if depth > 0 && self.subqueries > 0 && self.one_in(5) {
            return self.membership(depth);
        }
        self.test(depth)
    }

    /// EXISTS and IN over a query.
    fn membership(&mut self, depth: usize) -> Expr {
        self.subqueries -= 1;
        let types = self.types(2);
        let select = |draw: &mut Self| Query::of(draw.select(&types, depth - 1));
        let query = if self.withs > 0 && self.one_in(6) { self.with(1, select) } else { select(self) };
        if self.rng.bool() {
            return with_query(Type::Bool, self.pick(["EXISTS (", "NOT EXISTS ("]), None, query);
        }
        let left = match types[..] {
            [of, second] => Expr::of(Type::Bool, ["(", ", ", ")"], [self.leaf(of), self.leaf(second)]),
            _ => self.leaf(types[0]),
        };
        with_query(Type::Bool, self.pick([" IN (", " NOT IN ("]), Some(left), query)
    }

    /// A comparison of row values, or one among such rows.
    fn row_test(&mut self, depth: usize) -> Expr {
        let types = [self.pick(SCALARS), self.pick(SCALARS)];
        let row = |draw: &mut Self| Expr::of(Type::Bool, ["(", ", ", ")"], types.map(|of| draw.leaf(of)));
        if depth > 0 && self.one_in(3) {
            let word = self.pick([" IN (", " NOT IN ("]);
            let rows = Query { body: Body::Values(self.rows(&types)), ..Query::of(Select::default()) };
            return with_query(Type::Bool, word, Some(row(self)), rows);
        }
        let op = self.pick([" = ", " <> ", " < ", " <= ", " > ", " >= "]);
        Expr::of(Type::Bool, ["(", op, ")"], [row(self), row(self)])
    }

    fn test(&mut self, depth: usize) -> Expr {
        let of = self.pick(SCALARS);
        let a = self.expr(of, 1, depth.saturating_sub(1));
        match self.rng.u8(..11) {
            10 => self.row_test(depth),
            0 => Expr::of(Type::Bool, ["(", " IS NULL)"], [a]),
            1 => Expr::of(Type::Bool, ["(", " IS NOT NULL)"], [a]),
            2 => {
                let word = self.pick([" BETWEEN ", " NOT BETWEEN "]);
                Expr::of(Type::Bool, ["(", word, " AND ", ")"], [a, self.leaf(of), self.leaf(of)])
            }
            3 | 4 => self.in_list(a),
            5 if of == Type::Text => {
                let word = self.pick([
                    " LIKE 'a%'",
                    " LIKE '%b'",
                    " LIKE '_b'",
                    " NOT LIKE '%a%'",
                    " LIKE 'a!%' ESCAPE '!'",
                    " LIKE 'ab'",
                ]);
                Expr::of(Type::Bool, ["(", word], [a]).closed()
            }
            6 => {
                let word = self.pick([" IS DISTINCT FROM ", " IS NOT DISTINCT FROM "]);
                Expr::of(Type::Bool, ["(", word, ")"], [a, self.leaf(of)])
            }
            _ => {
                // Numbers of both kinds compare.
                let other = match of {
                    of if of == Type::Text || !self.one_in(5) => of,
                    _ => self.pick([Type::Int, Type::Double, Type::Decimal]),
                };
                let op = self.pick([" = ", " = ", " <> ", " < ", " <= ", " > ", " >= "]);
                Expr::of(Type::Bool, ["(", op, ")"], [a, self.leaf(other)])
            }
        }
    }

    fn in_list(&mut self, of: Expr) -> Expr {
        let word = self.pick([" IN (", " NOT IN ("]);
        let mut expr = Expr::of(Type::Bool, ["(", word], [of.clone()]);
        for at in 0..self.rng.usize(1..5) {
            if at > 0 {
                expr.parts.push(Part::Word(", ".into()));
            }
            expr.parts.push(match self.one_in(8) {
                true => Part::Word("NULL".into()),
                false => Part::Expr(self.leaf(of.data_type)),
            });
        }
        expr.closed().closed()
    }

    fn aggregate(&mut self, data_type: Type, depth: usize) -> Expr {
        self.of_own_columns(|draw| draw.aggregate_call(data_type, depth))
    }

    /// An expression that names no column of the queries around.
    fn of_own_columns(&mut self, draw: impl FnOnce(&mut Self) -> Expr) -> Expr {
        let around = std::mem::replace(&mut self.own_columns_only, true);
        let expr = draw(self);
        self.own_columns_only = around;
        expr
    }

    fn aggregate_call(&mut self, data_type: Type, depth: usize) -> Expr {
        let (number, distinct) = (self.pick([Type::Int, Type::Double]), self.pick(["", "", "DISTINCT "]));
        let inside = depth.saturating_sub(1);
        let mut expr = match (data_type, self.rng.u8(..4)) {
            (Type::Int, 0) => Expr::word(data_type, "count(*)"),
            (Type::Int, 1) => {
                let of = self.pick(SCALARS);
                Expr::of(data_type, [&format!("count({distinct}"), ")"], [self.expr(of, 1, inside)])
            }
            (Type::Int, 2) | (Type::Decimal, 1) => {
                Expr::of(data_type, [&format!("sum({distinct}"), ")"], [self.expr(data_type, 1, inside)])
            }
            (Type::Text, 0 | 1) => self.texts_together(distinct, inside),
            (Type::Double, 0) => Expr::of(data_type, [&format!("avg({distinct}"), ")"], [self.expr(number, 1, inside)]),
            (Type::Double, 1) => Expr::of(data_type, [&format!("sum({distinct}"), ")"], [self.expr(data_type, 1, inside)]),
            (_, n) => {
                let name = if n % 2 == 0 { "min(" } else { "max(" };
                Expr::of(data_type, [name, ")"], [self.expr(data_type, 1, inside)])
            }
        };
        if self.one_in(5) {
            expr.parts.push(Part::Word(" FILTER (WHERE ".into()));
            expr.parts.push(Part::Expr(self.condition(1, inside)));
            expr = expr.closed();
        }
        expr
    }

    /// Texts behind each other, in an order that leaves nothing open.
    fn texts_together(&mut self, distinct: &str, depth: usize) -> Expr {
        let text = self.expr(Type::Text, 1, depth);
        let how = self.pick(["", " DESC", " NULLS LAST"]);
        let of = self.pick(SCALARS);
        if !distinct.is_empty() {
            let words = ["group_concat(DISTINCT ", " ORDER BY ", &format!("{how})")];
            return Expr::of(Type::Text, words, [text.clone(), text]);
        }
        let name = self.pick([["group_concat(", ""], ["string_agg(", ", '; '"], ["group_concat(", ", ''"]]);
        let first = self.column(of).map(|column| [column, text.clone()]);
        match first {
            Some(keys) => {
                let words = [name[0], &format!("{} ORDER BY ", name[1]), &format!("{how}, "), ")"];
                Expr::of(Type::Text, words, [text].into_iter().chain(keys))
            }
            None => Expr::of(Type::Text, [name[0], &format!("{} ORDER BY ", name[1]), &format!("{how})")], [text.clone(), text]),
        }
    }

    // --- For the self-checks

    /// A SELECT without grouping and without a filter, and a condition over its rows.
    pub(crate) fn plain(&mut self) -> (Select, Expr) {
        let types = self.types(3);
        let (from, scope) = self.from(1);
        self.scopes.push(scope);
        let items = types.iter().map(|of| self.expr(*of, 1, 0)).collect();
        let condition = self.condition(2, 1);
        self.scopes.pop();
        (Select { items, from, ..Select::default() }, condition)
    }

    // --- Changes

    /// A statement that changes a table.
    pub(crate) fn change(&mut self) -> String {
        let table = self.pick(&self.scene.tables);
        self.subqueries = 1;
        let own = |name: &str| {
            table
                .columns
                .iter()
                .map(|column| Visible { name: format!("{name}.{}", column.name), data_type: column.data_type })
                .collect()
        };
        self.scopes = vec![own(&table.name)];
        let name = &table.name;
        match self.rng.u8(..6) {
            0 | 1 => {
                let cell =
                    |draw: &mut Self, of: Type| if draw.one_in(6) { "NULL".to_owned() } else { literal(&mut draw.rng, of) };
                let row = |draw: &mut Self| {
                    table.columns.iter().map(|column| cell(draw, column.data_type)).collect::<Vec<_>>().join(", ")
                };
                let rows: Vec<String> = (0..self.rng.usize(1..4)).map(|_| format!("({})", row(self))).collect();
                let conflict = self.pick(["", " ON CONFLICT DO NOTHING"]);
                format!("INSERT INTO {name} VALUES {}{conflict}", rows.join(", "))
            }
            2 => {
                self.scopes.clear();
                let types: Vec<Type> = table.columns.iter().map(|column| column.data_type).collect();
                let select = |draw: &mut Self| Query::of(draw.select(&types, 1));
                let query = if self.rng.bool() { self.with(1, select) } else { select(self) };
                format!("INSERT INTO {name} {query}")
            }
            3 => format!("DELETE FROM {name} WHERE {} AND {}", self.condition(1, 1), self.test(0)),
            _ => {
                // Where a key must be unique, the other engine looks at each row at once, and we when all are changed.
                let free: Vec<_> = table.columns.iter().filter(|column| !column.unique).cloned().collect();
                let Some(column) = self.rng.choice(&free) else {
                    return format!("DELETE FROM {name} WHERE {}", self.test(0));
                };
                // No query in the new value: the other engine computes it row by row, and it would see the rows changed before.
                format!(
                    "UPDATE {name} SET {} = {} WHERE {}",
                    column.name,
                    self.expr(column.data_type, 1, 0),
                    self.condition(1, 1)
                )
            }
        }
    }
}

impl Expr {
    fn closed(mut self) -> Expr {
        self.parts.push(Part::Word(")".into()));
        self
    }
}

fn is_aggregate(expr: &Expr) -> bool {
    let text = expr.to_string();
    ["count(", "sum(", "avg(", "min(", "max(", "group_concat(", "string_agg("].iter().any(|name| text.starts_with(name))
}

/// `before word query)`
fn with_query(data_type: Type, word: &str, before: Option<Expr>, query: Query) -> Expr {
    let mut parts = Vec::new();
    parts.extend(before.map(Part::Expr));
    parts.push(Part::Word(word.to_owned()));
    parts.push(Part::Query(Box::new(query)));
    Expr { data_type, parts }.closed()
}
