//! Statements that change rows.

use sqlparser::tokenizer::Token;

use super::ast::{Assignment, Delete, Expr, Ident, Insert, InsertSource, OnConflict, Statement, Update};
use super::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};

impl Cursor<'_> {
    /// `INSERT INTO t [(a, b)] [OVERRIDING SYSTEM VALUE] source [ON CONFLICT ..] [RETURNING ..]`
    pub(super) fn insert(&mut self) -> Result<Statement> {
        if self.sees(&["replace"]) {
            return Err(self.unsupported("REPLACE (say INSERT .. ON CONFLICT or MERGE)"));
        }
        self.expect(&["insert"])?;
        if self.sees(&["or"]) {
            return Err(self.unsupported("INSERT OR .. (say ON CONFLICT)"));
        }
        self.expect(&["into"])?;
        let table = self.object_name()?;
        let columns = self.insert_columns()?;
        let overriding = self.eats(&["overriding", "system", "value"]);
        let source = self.insert_source()?;
        let on_conflict = self.on_conflict()?;
        let returning = self.returning()?;
        Ok(Statement::Insert(Box::new(Insert { table, columns, overriding, source, on_conflict, returning })))
    }

    /// `MERGE INTO t [(a, b)] [KEY (a)] source`: H2's way to replace or insert.
    pub(super) fn merge(&mut self) -> Result<Statement> {
        self.expect(&["merge", "into"])?;
        let table = self.object_name()?;
        if self.sees(&["using"]) || self.sees(&["as"]) || self.word(1).is_some_and(|word| word.eq_ignore_ascii_case("using")) {
            return Err(self.unsupported("MERGE .. USING"));
        }
        let columns = self.insert_columns()?;
        let key = if self.eat("key") { self.names_in_parentheses()? } else { Vec::new() };
        let source = self.insert_source()?;
        let on_conflict = OnConflict::Merge { key };
        Ok(Statement::Insert(Box::new(Insert { table, columns, overriding: false, source, on_conflict, returning: Vec::new() })))
    }

    fn insert_columns(&mut self) -> Result<Vec<Ident>> {
        if self.sees_sign(&Token::LParen) && !self.sees_query() { self.names_in_parentheses() } else { Ok(Vec::new()) }
    }

    fn insert_source(&mut self) -> Result<InsertSource> {
        if self.eats(&["default", "values"]) {
            return Ok(InsertSource::Defaults);
        }
        if self.eat("values") {
            let rows = self.list(|cursor| cursor.in_parentheses(Cursor::expr_or_default))?;
            return Ok(InsertSource::Values(rows));
        }
        if self.sees_query() {
            return Ok(InsertSource::Query(Box::new(self.query()?)));
        }
        if self.sees(&["set"]) {
            return Err(self.unsupported("INSERT .. SET"));
        }
        Err(self.expected("VALUES, a query or DEFAULT VALUES"))
    }

    fn on_conflict(&mut self) -> Result<OnConflict> {
        if self.sees(&["on", "duplicate", "key"]) {
            return Err(self.unsupported("ON DUPLICATE KEY (say ON CONFLICT)"));
        }
        if !self.eats(&["on", "conflict"]) {
            return Ok(OnConflict::Fail);
        }
        if self.sees(&["on", "constraint"]) {
            return Err(self.unsupported("ON CONFLICT ON CONSTRAINT (name the columns)"));
        }
        let columns = if self.sees_sign(&Token::LParen) { self.names_in_parentheses()? } else { Vec::new() };
        if self.sees(&["where"]) {
            return Err(self.unsupported("WHERE behind the columns of ON CONFLICT"));
        }
        self.expect(&["do"])?;
        if self.eat("nothing") {
            return Ok(OnConflict::Nothing { columns });
        }
        if columns.is_empty() {
            let message = "ON CONFLICT DO UPDATE names the columns whose key it means";
            return Err(Error::new(ErrorKind::Syntax, message).at(self.place()));
        }
        self.expect(&["update", "set"])?;
        let set = self.assignments()?;
        let filter = self.filter()?;
        Ok(OnConflict::Update { columns, set, filter })
    }

    /// `UPDATE t [[AS] x] SET a = 1, (b, c) = (2, 3) [FROM ..] [WHERE ..] [RETURNING ..]`
    pub(super) fn update(&mut self) -> Result<Statement> {
        self.expect(&["update"])?;
        if self.sees(&["or"]) {
            return Err(self.unsupported("UPDATE OR .."));
        }
        let table = self.object_name()?;
        let alias = self.alias_before(&["set"])?;
        self.expect(&["set"])?;
        let set = self.assignments()?;
        let from = if self.eat("from") { self.tables()? } else { Vec::new() };
        let filter = self.filter()?;
        self.refuse_order_and_limit("UPDATE")?;
        let returning = self.returning()?;
        Ok(Statement::Update(Box::new(Update { table, alias, set, from, filter, returning })))
    }

    /// `DELETE FROM t [[AS] x] [WHERE ..] [RETURNING ..]`
    pub(super) fn delete(&mut self) -> Result<Statement> {
        self.expect(&["delete", "from"])?;
        let table = self.object_name()?;
        let alias = self.alias_before(&["where", "returning", "using", "order", "limit"])?;
        if self.sees(&["using"]) {
            return Err(self.unsupported("DELETE .. USING (say WHERE .. IN (SELECT ..))"));
        }
        let filter = self.filter()?;
        self.refuse_order_and_limit("DELETE")?;
        let returning = self.returning()?;
        Ok(Statement::Delete(Box::new(Delete { table, alias, filter, returning })))
    }

    pub(super) fn truncate(&mut self) -> Result<Statement> {
        self.expect(&["truncate", "table"])?;
        let table = self.object_name()?;
        Ok(Statement::Truncate { table })
    }

    /// `[AS] x`, where none of these words is an alias without AS.
    fn alias_before(&mut self, ends: &[&str]) -> Result<Option<Ident>> {
        let ends = self.at_end() || ends.iter().any(|end| self.sees(&[end]));
        if self.eat("as") || (!ends && self.word(0).is_some()) { self.name().map(Some) } else { Ok(None) }
    }

    fn filter(&mut self) -> Result<Option<Expr>> {
        if self.eat("where") { self.expr().map(Some) } else { Ok(None) }
    }

    fn refuse_order_and_limit(&mut self, of: &str) -> Result<()> {
        match ["order", "limit"].iter().find(|word| self.sees(&[word])) {
            Some(word) => Err(self.unsupported(&format!("{of} with {}", word.to_ascii_uppercase()))),
            None => Ok(()),
        }
    }

    fn assignments(&mut self) -> Result<Vec<Assignment>> {
        let mut set = Vec::new();
        loop {
            self.assignment(&mut set)?;
            if !self.eat_sign(&Token::Comma) {
                return Ok(set);
            }
        }
    }

    fn assignment(&mut self, set: &mut Vec<Assignment>) -> Result<()> {
        if !self.sees_sign(&Token::LParen) {
            let column = self.assigned_column()?;
            self.expect_sign(&Token::Eq)?;
            let value = self.expr_or_default()?;
            set.push(Assignment { column, value });
            return Ok(());
        }
        let place = self.place();
        let columns = self.in_parentheses(Cursor::assigned_column)?;
        self.expect_sign(&Token::Eq)?;
        if self.sees_query() {
            return Err(self.unsupported("SET (..) = (SELECT ..)"));
        }
        self.eat("row");
        let values = self.in_parentheses(Cursor::expr_or_default)?;
        if columns.len() != values.len() {
            let message = format!("{} columns are set to {} values", columns.len(), values.len());
            return Err(Error::new(ErrorKind::Syntax, message).at(place));
        }
        set.extend(columns.into_iter().zip(values).map(|(column, value)| Assignment { column, value }));
        Ok(())
    }

    /// `a` or `t.a`: there is only one table that it can be of.
    fn assigned_column(&mut self) -> Result<Ident> {
        let first = self.name()?;
        if self.eat_sign(&Token::Period) { self.name() } else { Ok(first) }
    }
}
