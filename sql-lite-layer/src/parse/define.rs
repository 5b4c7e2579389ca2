//! Statements that define tables, indexes, views and sequences.

use sqlparser::tokenizer::Token;

use super::ast::{
    AlterTable, ColumnDef, CommentOn, CreateIndex, CreateTable, ForeignAction, Ident, Identity, Restart, Rule, Statement,
    TableConstraint,
};
use super::cursor::{Cursor, unsupported};
use super::statement::twice;
use crate::error::{Error, ErrorKind, Result};
use crate::types::DataType;

/// Words that begin a clause of a column, not a type.
const CLAUSES: [&str; 12] = [
    "primary",
    "unique",
    "not",
    "null",
    "default",
    "check",
    "references",
    "constraint",
    "generated",
    "auto_increment",
    "autoincrement",
    "as",
];

impl Cursor<'_> {
    pub(super) fn create(&mut self) -> Result<Statement> {
        self.expect(&["create"])?;
        let or_replace = self.eats(&["or", "replace"]);
        if self.eats(&["view"]) || self.eats(&["force", "view"]) {
            return self.create_view(or_replace);
        }
        if or_replace {
            return Err(self.expected("VIEW"));
        }
        // H2's kinds of tables: there is one kind here.
        let kinds: [&[&str]; 3] = [&["table"], &["cached", "table"], &["memory", "table"]];
        if kinds.iter().any(|kind| self.eats(kind)) {
            return self.create_table();
        }
        if self.eats(&["unique", "index"]) {
            return self.create_index(true);
        }
        if self.eat("index") {
            return self.create_index(false);
        }
        if self.eat("sequence") {
            return self.create_sequence();
        }
        match self.word(0).map(str::to_ascii_uppercase) {
            Some(word) => Err(self.unsupported(&format!("CREATE {word}"))),
            None => Err(self.expected("TABLE, INDEX, VIEW or SEQUENCE")),
        }
    }

    fn if_not_exists(&mut self) -> bool {
        self.eats(&["if", "not", "exists"])
    }

    // --- Tables

    fn create_table(&mut self) -> Result<Statement> {
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        let mut table = CreateTable { name, if_not_exists, columns: Vec::new(), constraints: Vec::new(), query: None };
        if self.sees_sign(&Token::LParen) && !self.sees_query() {
            self.elements(&mut table)?;
        }
        if self.eat("as") || self.sees_query() {
            let names_alone = table.columns.iter().all(|column| column.data_type == DataType::Unknown);
            if !names_alone || !table.constraints.is_empty() {
                return Err(self.unsupported("CREATE TABLE with both types and AS"));
            }
            table.query = Some(Box::new(self.query()?));
        } else if table.columns.is_empty() {
            return Err(self.expected("columns in parentheses, or AS and a query"));
        } else if let Some(column) = table.columns.iter().find(|column| column.data_type == DataType::Unknown) {
            return Err(
                Error::new(ErrorKind::Syntax, format!("the column {} has no type", column.name.name)).at(column.name.place)
            );
        }
        if self.sees(&["engine"]) || self.sees(&["without"]) || self.sees(&["strict"]) {
            return Err(self.unsupported("this option of a table"));
        }
        Ok(Statement::CreateTable(Box::new(table)))
    }

    /// Columns and constraints in parentheses; a comma may stand behind the last one.
    fn elements(&mut self, table: &mut CreateTable) -> Result<()> {
        self.expect_sign(&Token::LParen)?;
        loop {
            if self.sees_constraint() {
                let constraint = self.constraint()?;
                table.constraints.push(constraint);
            } else {
                table.columns.push(self.column()?);
            }
            if !self.eat_sign(&Token::Comma) || self.sees_sign(&Token::RParen) {
                break;
            }
        }
        self.expect_sign(&Token::RParen)
    }

    /// Whether a constraint of the table comes next, and no column: columns may have these names too.
    fn sees_constraint(&self) -> bool {
        let follows =
            |second: &[&str]| self.word(1).is_some_and(|word| second.iter().any(|second| word.eq_ignore_ascii_case(second)));
        match self.word(0).map(str::to_ascii_lowercase).as_deref() {
            Some("constraint") => true,
            Some("primary" | "foreign") => follows(&["key"]),
            Some("unique" | "check") => self.word(1).is_none() || follows(&["key", "index"]),
            _ => false,
        }
    }

    fn constraint(&mut self) -> Result<TableConstraint> {
        let place = self.place();
        let mut name = None;
        if self.eat("constraint") {
            self.if_not_exists();
            name = Some(self.name()?);
        }
        let rule = if self.eats(&["primary", "key"]) {
            Rule::PrimaryKey(self.key_columns()?)
        } else if self.eat("unique") {
            if self.eat("key") || self.eat("index") {
                name = name.or(if self.sees_sign(&Token::LParen) { None } else { Some(self.name()?) });
            }
            Rule::Unique(self.key_columns()?)
        } else if self.eat("check") {
            self.check()?
        } else if self.eats(&["foreign", "key"]) {
            let columns = self.names_in_parentheses()?;
            if !self.sees(&["references"]) {
                return Err(self.expected("REFERENCES"));
            }
            self.references(columns)?
        } else {
            return Err(self.expected("PRIMARY KEY, UNIQUE, CHECK or FOREIGN KEY"));
        };
        self.refuse_deferrable()?;
        Ok(TableConstraint { name, rule, place })
    }

    /// `(a, b)` of a key or an index, which are ascending.
    fn key_columns(&mut self) -> Result<Vec<Ident>> {
        self.in_parentheses(|cursor| {
            let name = cursor.name()?;
            if cursor.sees_sign(&Token::LParen) {
                return Err(unsupported("an index over an expression", name.place));
            }
            if cursor.sees(&["desc"]) {
                return Err(cursor.unsupported("a descending key (keys are read in both directions)"));
            }
            cursor.eat("asc");
            Ok(name)
        })
    }

    fn check(&mut self) -> Result<Rule> {
        self.expect_sign(&Token::LParen)?;
        let (expr, text) = self.expr_with_text()?;
        self.expect_sign(&Token::RParen)?;
        Ok(Rule::Check(expr, text))
    }

    /// `REFERENCES t [(a)] [ON DELETE ..] [ON UPDATE ..]`
    fn references(&mut self, columns: Vec<Ident>) -> Result<Rule> {
        self.expect(&["references"])?;
        let table = self.object_name()?;
        let referenced = if self.sees_sign(&Token::LParen) { self.names_in_parentheses()? } else { Vec::new() };
        let (mut on_delete, mut on_update) = (None, None);
        while self.eat("on") {
            let which = if self.eat("delete") {
                &mut on_delete
            } else {
                self.expect(&["update"])?;
                &mut on_update
            };
            if which.is_some() {
                return Err(twice("what happens to the rows that refer", self));
            }
            *which = Some(self.foreign_action()?);
        }
        if self.sees(&["match"]) {
            return Err(self.unsupported("MATCH"));
        }
        let action = |action: Option<ForeignAction>| action.unwrap_or(ForeignAction::NoAction);
        Ok(Rule::ForeignKey { columns, table, referenced, on_delete: action(on_delete), on_update: action(on_update) })
    }

    fn foreign_action(&mut self) -> Result<ForeignAction> {
        let actions: [(&[&str], ForeignAction); 5] = [
            (&["cascade"], ForeignAction::Cascade),
            (&["restrict"], ForeignAction::Restrict),
            (&["no", "action"], ForeignAction::NoAction),
            (&["set", "null"], ForeignAction::SetNull),
            (&["set", "default"], ForeignAction::SetDefault),
        ];
        let action = actions.into_iter().find(|(words, _)| self.eats(words));
        action.map(|(_, action)| action).ok_or_else(|| self.expected("CASCADE, RESTRICT, NO ACTION, SET NULL or SET DEFAULT"))
    }

    fn refuse_deferrable(&mut self) -> Result<()> {
        if self.eats(&["not", "deferrable"]) || self.eats(&["initially", "immediate"]) {
            return Ok(());
        }
        if self.sees(&["deferrable"]) || self.sees(&["initially"]) {
            return Err(self.unsupported("a constraint that is checked at the transaction's end"));
        }
        if self.sees(&["nocheck"]) || self.sees(&["not", "valid"]) {
            return Err(self.unsupported("a constraint that is not checked"));
        }
        Ok(())
    }

    // --- Columns

    fn column(&mut self) -> Result<ColumnDef> {
        let name = self.name()?;
        let mut column = ColumnDef {
            name,
            data_type: DataType::Unknown,
            nullable: None,
            default: None,
            identity: None,
            constraints: Vec::new(),
        };
        if self.sees_sign(&Token::Comma) || self.sees_sign(&Token::RParen) {
            // A name alone, in front of AS and a query.
            return Ok(column);
        }
        let place = self.place();
        if self.eat("identity") {
            // H2's type: a counter that is the key.
            column.data_type = DataType::BIGINT;
            column.identity = Some(self.identity_options(false)?);
            column.constraints.push(TableConstraint { name: None, rule: Rule::PrimaryKey(vec![column.name.clone()]), place });
        } else if self.word(0).is_none_or(|word| CLAUSES.iter().any(|clause| word.eq_ignore_ascii_case(clause))) {
            return Err(self.expected("a type"));
        } else if let Some(width) = self.serial() {
            column.data_type = width;
            column.identity = Some(Identity { always: false, start: 1, increment: 1 });
        } else {
            column.data_type = self.data_type()?;
        }
        while self.column_clause(&mut column)? {}
        // `id IDENTITY PRIMARY KEY` says it twice.
        let mut primary = false;
        column
            .constraints
            .retain(|constraint| !matches!(constraint.rule, Rule::PrimaryKey(_)) || !std::mem::replace(&mut primary, true));
        Ok(column)
    }

    /// PostgreSQL's counters.
    fn serial(&mut self) -> Option<DataType> {
        if self.eat("bigserial") {
            return Some(DataType::BIGINT);
        }
        self.eat("serial").then_some(DataType::Integer(crate::types::IntWidth::Int))
    }

    /// One clause behind a column's type; false if none comes.
    fn column_clause(&mut self, column: &mut ColumnDef) -> Result<bool> {
        let place = self.place();
        let own = || vec![column.name.clone()];
        let rule = if self.eats(&["not", "null"]) || self.sees(&["null"]) {
            let nullable = self.eat("null");
            if column.nullable.replace(nullable).is_some_and(|before| before != nullable) {
                return Err(twice("whether NULL is allowed", self));
            }
            return Ok(true);
        } else if self.eat("default") {
            if column.default.replace(self.expr_with_text()?).is_some() {
                return Err(twice("DEFAULT", self));
            }
            return Ok(true);
        } else if self.sees_identity() {
            column.identity = Some(self.identity()?);
            return Ok(true);
        } else if self.sees(&["constraint"]) {
            let name = self.constraint_name()?;
            let Some(rule) = self.column_rule(own())? else {
                return Err(self.expected("PRIMARY KEY, UNIQUE, CHECK, REFERENCES or NOT NULL"));
            };
            column.constraints.push(TableConstraint { name: Some(name), rule, place });
            return Ok(true);
        } else {
            self.column_rule(own())?
        };
        let Some(rule) = rule else {
            self.refuse_column_clause()?;
            return Ok(false);
        };
        column.constraints.push(TableConstraint { name: None, rule, place });
        Ok(true)
    }

    fn constraint_name(&mut self) -> Result<Ident> {
        self.expect(&["constraint"])?;
        self.name()
    }

    fn column_rule(&mut self, own: Vec<Ident>) -> Result<Option<Rule>> {
        let rule = if self.eats(&["primary", "key"]) {
            self.eat("asc");
            Rule::PrimaryKey(own)
        } else if self.eat("unique") {
            Rule::Unique(own)
        } else if self.eat("check") {
            self.check()?
        } else if self.sees(&["references"]) {
            self.references(own)?
        } else {
            return Ok(None);
        };
        self.refuse_deferrable()?;
        Ok(Some(rule))
    }

    fn refuse_column_clause(&mut self) -> Result<()> {
        let known = ["collate", "on", "comment", "character", "unsigned", "as", "selectivity", "invisible"];
        match self.word(0).map(str::to_ascii_lowercase) {
            Some(word) if known.contains(&word.as_str()) => {
                Err(self.unsupported(&format!("{} behind a column", word.to_ascii_uppercase())))
            }
            _ => Ok(()),
        }
    }

    fn sees_identity(&self) -> bool {
        ["identity", "auto_increment", "autoincrement", "generated"].iter().any(|word| self.sees(&[word]))
    }

    /// `IDENTITY`, `AUTO_INCREMENT`, `GENERATED {ALWAYS | BY DEFAULT} AS IDENTITY`
    fn identity(&mut self) -> Result<Identity> {
        if !self.eat("generated") {
            let _ = self.eat("identity") || self.eat("auto_increment") || self.eat("autoincrement");
            return self.identity_options(false);
        }
        let always = self.eat("always");
        if !always {
            self.expect(&["by", "default"])?;
        }
        self.expect(&["as"])?;
        if self.sees_sign(&Token::LParen) {
            return Err(self.unsupported("a column that is computed"));
        }
        self.expect(&["identity"])?;
        self.identity_options(always)
    }

    /// `(1, 2)` or `(START WITH 1 INCREMENT BY 2)`, or nothing.
    fn identity_options(&mut self, always: bool) -> Result<Identity> {
        let mut identity = Identity { always, start: 1, increment: 1 };
        if !self.eat_sign(&Token::LParen) {
            return Ok(identity);
        }
        if self.word(0).is_none() {
            identity.start = self.whole_number()?;
            if self.eat_sign(&Token::Comma) {
                identity.increment = self.whole_number()?;
            }
        } else {
            let (start, increment) = self.counter_options()?;
            identity.start = start.unwrap_or(1);
            identity.increment = increment.unwrap_or(1);
        }
        self.expect_sign(&Token::RParen)?;
        Ok(identity)
    }

    /// `START WITH 1 INCREMENT BY 2`, in any order, and what is so anyway.
    fn counter_options(&mut self) -> Result<(Option<i64>, Option<i64>)> {
        let (mut start, mut increment) = (None, None);
        loop {
            let place = self.place();
            if self.eat("start") {
                self.eat("with");
                start = Some(self.whole_number()?);
            } else if self.eat("increment") {
                self.eat("by");
                increment = Some(self.whole_number()?);
                if increment == Some(0) {
                    return Err(Error::new(ErrorKind::Syntax, "a counter that goes by 0 never moves").at(place));
                }
            } else if self.eats(&["no", "cycle"])
                || self.eats(&["no", "maxvalue"])
                || self.eats(&["no", "minvalue"])
                || self.eats(&["no", "cache"])
            {
                // So it is.
            } else if self.sees(&["cycle"]) || self.sees(&["cache"]) || self.sees(&["minvalue"]) || self.sees(&["maxvalue"]) {
                return Err(self.unsupported("this option of a counter"));
            } else {
                return Ok((start, increment));
            }
        }
    }

    // --- Indexes, views, sequences

    fn create_index(&mut self, unique: bool) -> Result<Statement> {
        let if_not_exists = self.if_not_exists();
        let name = if self.sees(&["on"]) { None } else { Some(self.object_name()?) };
        self.expect(&["on"])?;
        let table = self.object_name()?;
        if self.sees(&["using"]) {
            return Err(self.unsupported("USING behind an index's table"));
        }
        let columns = self.key_columns()?;
        if self.sees(&["where"]) || self.sees(&["include"]) {
            return Err(self.unsupported("an index of some rows, or with more columns than its key"));
        }
        Ok(Statement::CreateIndex(Box::new(CreateIndex { name, table, columns, unique, if_not_exists })))
    }

    fn create_view(&mut self, or_replace: bool) -> Result<Statement> {
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        let columns = if self.sees_sign(&Token::LParen) { self.names_in_parentheses()? } else { Vec::new() };
        self.expect(&["as"])?;
        let at = self.place();
        let query = Box::new(self.query()?);
        let text = self.text_from(at);
        Ok(Statement::CreateView { name, columns, query, text, at, or_replace, if_not_exists })
    }

    fn create_sequence(&mut self) -> Result<Statement> {
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        let (start, increment) = self.counter_options()?;
        Ok(Statement::CreateSequence { name, start, increment, if_not_exists })
    }

    // --- Changes of what is there

    /// `ALTER TABLE [IF EXISTS] t change`
    pub(super) fn alter(&mut self) -> Result<Statement> {
        self.expect(&["alter"])?;
        if self.eat("sequence") {
            let if_exists = self.eats(&["if", "exists"]);
            let name = self.object_name()?;
            if !self.eat("restart") {
                return Err(self.expected("RESTART"));
            }
            return Ok(Statement::AlterSequence { name, if_exists, restart: self.restart()? });
        }
        if !self.eat("table") {
            return match self.word(0).map(str::to_ascii_uppercase) {
                Some(word) => Err(self.unsupported(&format!("ALTER {word}"))),
                None => Err(self.expected("TABLE or SEQUENCE")),
            };
        }
        let if_exists = self.eats(&["if", "exists"]);
        let table = self.object_name()?;
        let change = Box::new(self.table_change()?);
        if self.sees_sign(&Token::Comma) {
            return Err(self.unsupported("several changes in one ALTER TABLE"));
        }
        Ok(Statement::AlterTable { table, if_exists, change })
    }

    fn table_change(&mut self) -> Result<AlterTable> {
        if self.eat("add") {
            if self.sees_constraint() {
                return Ok(AlterTable::AddConstraint(self.constraint()?));
            }
            self.eat("column");
            let if_not_exists = self.if_not_exists();
            let column = self.column()?;
            if column.data_type == DataType::Unknown {
                return Err(self.expected("a type"));
            }
            return Ok(AlterTable::AddColumn { column, if_not_exists });
        }
        if self.eat("drop") {
            if self.eats(&["primary", "key"]) {
                return Err(unsupported("DROP PRIMARY KEY (a primary key is dropped by its constraint's name)", self.place()));
            }
            let constraint = self.eat("constraint");
            if !constraint {
                self.eat("column");
            }
            let if_exists = self.eats(&["if", "exists"]);
            let name = self.name()?;
            self.eat("cascade");
            return Ok(if constraint {
                AlterTable::DropConstraint { name, if_exists }
            } else {
                AlterTable::DropColumn { column: name, if_exists }
            });
        }
        if self.eat("rename") {
            if self.eat("to") {
                return Ok(AlterTable::RenameTable { to: self.name()? });
            }
            if self.sees(&["constraint"]) {
                return Err(self.unsupported("RENAME CONSTRAINT"));
            }
            self.eat("column");
            let from = self.name()?;
            self.expect(&["to"])?;
            return Ok(AlterTable::RenameColumn { from, to: self.name()? });
        }
        if self.eat("alter") {
            return self.column_change();
        }
        Err(self.expected("ADD, DROP, ALTER or RENAME"))
    }

    /// `ALTER [COLUMN] a ..`
    fn column_change(&mut self) -> Result<AlterTable> {
        self.eat("column");
        let column = self.name()?;
        if self.eats(&["rename", "to"]) {
            return Ok(AlterTable::RenameColumn { from: column, to: self.name()? });
        }
        if self.eats(&["set", "default"]) {
            return Ok(AlterTable::SetDefault { column, default: Some(self.expr_with_text()?) });
        }
        if self.eats(&["drop", "default"]) {
            return Ok(AlterTable::SetDefault { column, default: None });
        }
        if self.eats(&["set", "not", "null"]) {
            return Ok(AlterTable::SetNullable { column, nullable: false });
        }
        if self.eats(&["drop", "not", "null"]) || self.eats(&["set", "null"]) {
            return Ok(AlterTable::SetNullable { column, nullable: true });
        }
        if self.eat("restart") {
            return Ok(AlterTable::Restart { column, restart: self.restart()? });
        }
        if self.eats(&["set", "data", "type"]) || self.eat("type") || !self.sees(&["set"]) {
            let data_type = self.data_type()?;
            if self.sees(&["using"]) {
                return Err(self.unsupported("USING behind a column's new type"));
            }
            return Ok(AlterTable::SetType { column, data_type });
        }
        Err(self.unsupported("this change of a column"))
    }

    /// `WITH n` behind RESTART, or nothing: as it began.
    fn restart(&mut self) -> Result<Restart> {
        if self.eat("with") { Ok(Restart::With(self.wide_number()?)) } else { Ok(Restart::Start) }
    }

    /// `COMMENT ON TABLE t IS '..'`, `COMMENT ON COLUMN t.a IS NULL`
    pub(super) fn comment(&mut self) -> Result<Statement> {
        self.expect(&["comment", "on"])?;
        let on = if self.eat("table") {
            CommentOn::Table(self.object_name()?)
        } else if self.eat("column") {
            let mut first = self.name()?;
            self.expect_sign(&Token::Period)?;
            let mut second = self.name()?;
            if self.eat_sign(&Token::Period) {
                first = super::query::in_schema(first, second)?;
                second = self.name()?;
            }
            CommentOn::Column(first, second)
        } else {
            return Err(self.expected("TABLE or COLUMN"));
        };
        self.expect(&["is"])?;
        let text = if self.eat("null") { None } else { Some(self.text_literal()?) };
        Ok(Statement::Comment { on, text })
    }
}
