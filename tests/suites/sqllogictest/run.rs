//! Runs the records of one file on a database of its own.

use std::collections::{BTreeMap, HashMap};

use sqllogictest::{
    Condition, Connection as Name, DefaultColumnType as Letter, ExpectedError, QueryExpect, Record, SortMode, StatementExpect,
};
use treering_sql::{Connection, Database, Error, ErrorKind};

use crate::render;

/// How a file is run.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// The name that `onlyif` and `skipif` are held against.
    pub(crate) engine: &'static str,
    /// What the dialect refuses is counted, not failed.
    pub(crate) refusals: bool,
}

/// What came of one file, or of several.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) passed: u64,
    pub(crate) failures: Vec<String>,
    /// By reason.
    pub(crate) skipped: BTreeMap<String, u64>,
}

impl Outcome {
    pub(crate) fn add(&mut self, other: Outcome) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
        for (reason, count) in other.skipped {
            *self.skipped.entry(reason).or_default() += count;
        }
    }
}

/// Runs a file's text.
pub(crate) fn run_text(name: &str, text: &str, rules: Rules) -> Outcome {
    let mut outcome = Outcome::default();
    let text = plain(text, rules.engine);
    let records = match sqllogictest::parser::parse_with_name::<Letter>(&text, name) {
        Ok(records) => records,
        Err(e) => {
            outcome.failures.push(format!("{name}: {e}"));
            return outcome;
        }
    };
    let database = Database::in_memory().expect("a database in memory");
    let mut file = File { rules, database, connections: HashMap::new(), labels: HashMap::new(), refused: false, outcome };
    for record in records {
        file.record(name, record);
    }
    drop(std::mem::take(&mut file.connections));
    let mut problems = file.database.check().expect("a database in memory");
    problems.extend(file.database.store().check().expect("a store in memory").problems().iter().map(ToString::to_string));
    if !problems.is_empty() {
        file.outcome.failures.push(format!("{name}: the database is not sound at the end: {}", problems.join("; ")));
    }
    file.outcome
}

/// The file without what the format's parser does not know: remarks behind conditions, and conditions of a `halt`, which are decided here.
fn plain(text: &str, engine: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut conditions: Vec<&str> = Vec::new();
    for line in text.lines() {
        if line.starts_with("onlyif ") || line.starts_with("skipif ") {
            conditions.push(line.split('#').next().unwrap_or(line).trim_end());
            continue;
        }
        if line.trim_end() == "halt" {
            let is_meant = conditions.drain(..).all(|condition| match condition.split_once(' ') {
                Some(("onlyif", label)) => label == engine,
                Some((_, label)) => label != engine,
                None => true,
            });
            if is_meant {
                break;
            }
            out.push('\n');
            continue;
        }
        for condition in conditions.drain(..) {
            out.push_str(condition);
            out.push('\n');
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

struct File {
    rules: Rules,
    database: Database,
    connections: HashMap<String, Connection>,
    /// Queries of one label give one result.
    labels: HashMap<String, String>,
    /// A statement was refused: what it would have made is missing.
    refused: bool,
    outcome: Outcome,
}

impl File {
    fn record(&mut self, name: &str, record: Record<Letter>) {
        match record {
            Record::Statement { loc, conditions, connection, sql, expected, .. } if self.is_meant(&conditions) => {
                let connection = self.connection(&connection);
                let found = match several(&sql) {
                    false => connection.execute(&sql, ()),
                    true => connection.execute_batch(&sql).map(|()| 0),
                };
                let result = statement(found, &expected);
                self.judge(name, loc.line(), &sql, true, result);
            }
            Record::Query { loc, conditions, connection, sql, expected, .. } if self.is_meant(&conditions) => {
                let result = self.query(&connection, &sql, &expected);
                self.judge(name, loc.line(), &sql, false, result);
            }
            _ => {}
        }
    }

    fn is_meant(&self, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| match condition {
            Condition::OnlyIf { label } => label == self.rules.engine,
            Condition::SkipIf { label } => label != self.rules.engine,
        })
    }

    fn connection(&mut self, name: &Name) -> &mut Connection {
        let name = match name {
            Name::Default => String::new(),
            Name::Named(name) => name.clone(),
        };
        self.connections.entry(name).or_insert_with(|| self.database.connect())
    }

    fn query(&mut self, connection: &Name, sql: &str, expected: &QueryExpect<Letter>) -> Result<(), Misfit> {
        let found = self.connection(connection).query(sql, ());
        let (types, sort, label, results) = match expected {
            QueryExpect::Results { types, sort_mode, label, results, .. } => (types, sort_mode, label, results),
            QueryExpect::Error(expected) => return error(found.map(drop), expected),
        };
        let rows = found.map_err(Misfit::Error)?;
        let mut table: Vec<Vec<String>> = Vec::new();
        for row in &rows {
            if row.values().len() != types.len() {
                return Err(Misfit::Wrong(format!("{} columns, {} expected", row.values().len(), types.len())));
            }
            table.push(row.values().zip(types).map(|(value, letter)| render::value(value, letter)).collect());
        }
        if *sort == Some(SortMode::RowSort) {
            table.sort_unstable();
        }
        let mut values: Vec<String> = table.iter().flatten().cloned().collect();
        if *sort == Some(SortMode::ValueSort) {
            values.sort_unstable();
        }
        let digest = format!("{} values hashing to {}", values.len(), render::hash(&values));
        if let Some(label) = label {
            let first = self.labels.entry(label.clone()).or_insert_with(|| digest.clone());
            if *first != digest {
                return Err(Misfit::Wrong(format!("another result than the query before it with the label {label}")));
            }
        }
        let is_hash = matches!(&results[..], [only] if only.contains(" values hashing to "));
        let as_rows = || table.iter().map(|row| row.join(" ")).collect::<Vec<String>>();
        let words = |line: &String| line.split_whitespace().map(str::to_owned).collect::<Vec<String>>();
        let fits = match is_hash {
            true => results[0] == digest,
            // One value a line, or one row a line.
            false => *results == values || results.iter().map(words).eq(as_rows().iter().map(words)),
        };
        if fits {
            Ok(())
        } else {
            Err(Misfit::Wrong(format!("found\n{}\nexpected\n{}", as_rows().join("\n"), results.join("\n"))))
        }
    }

    fn judge(&mut self, name: &str, line: u32, sql: &str, is_statement: bool, result: Result<(), Misfit>) {
        let failure = match result {
            Ok(()) => {
                self.outcome.passed += 1;
                return;
            }
            Err(Misfit::Error(e)) if self.rules.refusals && self.is_refusal(&e) => {
                self.refused |= is_statement;
                let reason: String = e.message().chars().filter(|c| !c.is_ascii_digit()).take(100).collect();
                return self.skip(format!("{:?}: {reason}", e.kind()));
            }
            Err(Misfit::Error(e)) => format!("{e:?}"),
            // Nobody knows what the answer should be.
            Err(Misfit::Wrong(_)) if self.refused => {
                return self.skip("what the file has changed before was refused in part".into());
            }
            Err(Misfit::Accepted) if self.rules.refusals => {
                return self.skip("it is refused there and has a meaning here".into());
            }
            Err(Misfit::Accepted) => "it succeeded, and an error is expected".into(),
            Err(Misfit::Wrong(what)) => what,
        };
        let sql: String = sql.chars().take(400).collect();
        self.outcome.failures.push(format!("{name}:{line}: {failure}\n    {sql}"));
    }

    fn skip(&mut self, reason: String) {
        *self.outcome.skipped.entry(reason).or_default() += 1;
    }

    /// Errors that say: this is not in the dialect, or not in its strict types.
    fn is_refusal(&self, e: &Error) -> bool {
        match e.kind() {
            ErrorKind::Syntax | ErrorKind::Unsupported | ErrorKind::Type | ErrorKind::Data | ErrorKind::Limit => true,
            ErrorKind::Name => self.refused || e.sqlstate() == "42883",
            _ => self.refused,
        }
    }
}

/// Whether a text is several statements: a `;` stands before its end, and no text literal or quoted name holds it.
fn several(sql: &str) -> bool {
    let mut quote = None;
    let mut rest = sql.trim_end().trim_end_matches(';').chars();
    rest.any(|c| match quote {
        Some(open) if c == open => {
            quote = None;
            false
        }
        None if c == '\'' || c == '"' => {
            quote = Some(c);
            false
        }
        None => c == ';',
        Some(_) => false,
    })
}

enum Misfit {
    Error(Error),
    /// It succeeded, and an error is expected.
    Accepted,
    Wrong(String),
}

fn statement(found: treering_sql::Result<u64>, expected: &StatementExpect) -> Result<(), Misfit> {
    match expected {
        StatementExpect::Ok => found.map(drop).map_err(Misfit::Error),
        StatementExpect::Count(count) => match found.map_err(Misfit::Error)? {
            found if found == *count => Ok(()),
            found => Err(Misfit::Wrong(format!("{found} rows changed, {count} expected"))),
        },
        StatementExpect::Error(expected) => error(found.map(drop), expected),
    }
}

fn error(found: treering_sql::Result<()>, expected: &ExpectedError) -> Result<(), Misfit> {
    let Err(e) = found else { return Err(Misfit::Accepted) };
    let text = format!("{e:?}");
    match expected {
        ExpectedError::Empty => Ok(()),
        ExpectedError::Inline(pattern) if pattern.is_match(&text) => Ok(()),
        ExpectedError::Multiline(wanted) if text.contains(wanted.trim()) => Ok(()),
        _ => Err(Misfit::Wrong(format!("another error than expected: {text}"))),
    }
}
