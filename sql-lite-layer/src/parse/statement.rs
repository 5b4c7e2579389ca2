//! Which statement a text is, and the small ones.

use sqlparser::tokenizer::Token;

use super::ast::{ObjectKind, Script, Statement};
use super::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};

impl Cursor<'_> {
    /// The statement that comes next.
    pub(super) fn statement(&mut self) -> Result<Statement> {
        if self.sees_query() {
            if self.word(0).is_some_and(|word| word.eq_ignore_ascii_case("with")) {
                self.refuse_change_behind_with()?;
            }
            return Ok(Statement::Query(Box::new(self.query()?)));
        }
        let Some(word) = self.word(0).map(str::to_ascii_lowercase) else {
            return Err(self.expected("a statement"));
        };
        match word.as_str() {
            "insert" | "replace" => self.insert(),
            "update" => self.update(),
            "delete" => self.delete(),
            "merge" => self.merge(),
            "truncate" => self.truncate(),
            "create" => self.create(),
            "alter" => self.alter(),
            "drop" => self.drop_objects(),
            "comment" => self.comment(),
            "explain" => self.explain(),
            "script" | "runscript" => self.script(),
            "set" => self.set(),
            "begin" | "start" | "commit" | "end" | "rollback" | "savepoint" | "release" => self.transaction(),
            _ => Err(self.other(&word)),
        }
    }

    /// The error for a statement that we do not have.
    fn other(&self, word: &str) -> Error {
        let known = [
            "analyze",
            "attach",
            "call",
            "checkpoint",
            "copy",
            "declare",
            "describe",
            "detach",
            "do",
            "execute",
            "fetch",
            "grant",
            "lock",
            "pragma",
            "prepare",
            "reindex",
        ];
        let known = known.contains(&word) || ["revoke", "show", "table", "use", "vacuum"].contains(&word);
        if known { self.unsupported(&word.to_ascii_uppercase()) } else { self.expected("a statement") }
    }

    fn explain(&mut self) -> Result<Statement> {
        self.expect(&["explain"])?;
        let analyze = self.eat("analyze");
        // SQLite's form prints the same.
        self.eats(&["query", "plan"]);
        if self.sees(&["explain"]) {
            return Err(self.unsupported("EXPLAIN of EXPLAIN"));
        }
        Ok(Statement::Explain { analyze, statement: Box::new(self.statement()?) })
    }

    fn transaction(&mut self) -> Result<Statement> {
        if self.eat("savepoint") {
            return Ok(Statement::Savepoint { name: self.name()? });
        }
        if self.eat("release") {
            self.eat("savepoint");
            return Ok(Statement::Release { name: self.name()? });
        }
        if self.eat("commit") || self.eat("end") {
            self.transaction_word();
            return Ok(Statement::Commit);
        }
        if self.eat("rollback") {
            self.transaction_word();
            if !self.eat("to") {
                return Ok(Statement::Rollback { to: None });
            }
            self.eat("savepoint");
            return Ok(Statement::Rollback { to: Some(self.name()?) });
        }
        if self.eat("start") {
            self.expect(&["transaction"])?;
        } else {
            self.expect(&["begin"])?;
            // SQLite's ways to begin: there is one writer here, who waits for the turn at once.
            let _ = self.eat("deferred") || self.eat("immediate") || self.eat("exclusive");
            self.transaction_word();
        }
        self.begin_modes()
    }

    fn transaction_word(&mut self) {
        let _ = self.eat("transaction") || self.eat("work");
    }

    /// `READ ONLY`, `READ WRITE` and an isolation level that snapshots fulfil.
    fn begin_modes(&mut self) -> Result<Statement> {
        let mut read_only = false;
        while !self.at_end() {
            if self.eats(&["read", "only"]) {
                read_only = true;
            } else if self.eats(&["read", "write"]) {
                read_only = false;
            } else if self.sees(&["isolation", "level"]) {
                let levels: [&[&str]; 4] =
                    [&["read", "uncommitted"], &["read", "committed"], &["repeatable", "read"], &["snapshot"]];
                let place = self.place();
                self.expect(&["isolation", "level"])?;
                if !levels.iter().any(|level| self.eats(level)) {
                    return Err(super::cursor::unsupported("this isolation level", place));
                }
            } else {
                return Err(self.expected("READ ONLY, READ WRITE or the end of the statement"));
            }
            self.eat_sign(&Token::Comma);
        }
        Ok(Statement::Begin { read_only })
    }

    /// `SCRIPT [NODATA] [TO 'file' [COMPRESSION LZ4]] [TABLE a, b]`, `RUNSCRIPT FROM 'file' [COMPRESSION LZ4]`
    fn script(&mut self) -> Result<Statement> {
        if self.eat("runscript") {
            self.expect(&["from"])?;
            let from = self.text_literal()?;
            return Ok(Statement::RunScript { from, compressed: self.compression()? });
        }
        self.expect(&["script"])?;
        let data = !self.eat("nodata");
        let to = if self.eat("to") { Some(self.text_literal()?) } else { None };
        let compressed = to.is_some() && self.compression()?;
        let only = if self.eat("table") { self.list(Cursor::object_name)? } else { Vec::new() };
        Ok(Statement::Script(Box::new(Script { data, to, compressed, only })))
    }

    /// `COMPRESSION LZ4`, or nothing.
    fn compression(&mut self) -> Result<bool> {
        if !self.eat("compression") {
            return Ok(false);
        }
        if !self.eat("lz4") {
            return Err(self.expected("LZ4, the compression that there is"));
        }
        Ok(true)
    }

    /// Settings of H2 and of others that say nothing here. Others are refused: who sets something expects an effect.
    fn set(&mut self) -> Result<Statement> {
        let place = self.place();
        self.expect(&["set"])?;
        let without_effect = [
            "db_close_delay",
            "lock_mode",
            "lock_timeout",
            "default_lock_timeout",
            "write_delay",
            "max_log_size",
            "cache_size",
            "mode",
            "trace_level_file",
        ];
        let Some(name) = self.word(0).map(str::to_ascii_lowercase) else {
            return Err(self.expected("a setting's name"));
        };
        if !without_effect.contains(&name.as_str()) {
            return Err(super::cursor::unsupported(&format!("SET {}", name.to_ascii_uppercase()), place));
        }
        self.name()?;
        if !self.eat_sign(&Token::Eq) {
            self.eat("to");
        }
        if self.word(0).is_some() {
            self.name()?;
        } else {
            self.expr()?;
        }
        Ok(Statement::Nothing)
    }

    /// `DROP TABLE a, b`, `DROP ALL OBJECTS` and the like.
    fn drop_objects(&mut self) -> Result<Statement> {
        self.expect(&["drop"])?;
        if self.eats(&["all", "objects"]) {
            if self.sees(&["delete"]) {
                return Err(self.unsupported("DROP ALL OBJECTS DELETE FILES"));
            }
            return Ok(Statement::DropAllObjects);
        }
        let what = self.object_kind()?;
        let before = self.eats(&["if", "exists"]);
        let names = self.list(Cursor::object_name)?;
        // H2 has it behind the names too.
        let if_exists = self.eats(&["if", "exists"]) || before;
        let cascade = self.eat("cascade");
        if !cascade {
            self.eat("restrict");
        }
        Ok(Statement::Drop { what, names, if_exists, cascade })
    }

    fn object_kind(&mut self) -> Result<ObjectKind> {
        let kinds = [
            ("table", ObjectKind::Table),
            ("index", ObjectKind::Index),
            ("view", ObjectKind::View),
            ("sequence", ObjectKind::Sequence),
        ];
        if let Some((_, kind)) = kinds.into_iter().find(|(word, _)| self.eat(word)) {
            return Ok(kind);
        }
        let known = [
            "schema",
            "database",
            "trigger",
            "function",
            "procedure",
            "type",
            "domain",
            "user",
            "role",
            "materialized",
            "temporary",
            "temp",
        ];
        match self.word(0).map(str::to_ascii_lowercase) {
            Some(word) if known.contains(&word.as_str()) => Err(self.unsupported(&word.to_ascii_uppercase())),
            _ => Err(self.expected("TABLE, INDEX, VIEW or SEQUENCE")),
        }
    }
}

/// The error for two clauses that say the same.
pub(super) fn twice(what: &str, cursor: &Cursor<'_>) -> Error {
    Error::new(ErrorKind::Syntax, format!("{what} is said twice")).at(cursor.place())
}
