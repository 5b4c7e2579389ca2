//! Statements and their plans as files that a person can read: `> statement`, then the plan or the error. `TREERING_BLESS=1` writes them anew.

use std::path::Path;
use std::sync::Arc;

use super::{define, plan, print};
use crate::parse::ast::Statement;
use crate::parse::{Limits, parse};
use crate::table::schema::{Index, ObjectId, Schema, fold};

/// The schema that these definitions make. Ids count up from 1; foreign keys to the table itself are resolved as the catalogue does it.
pub(crate) fn schema_of(text: &str) -> Schema {
    let mut schema = Schema { version: 1, ..Schema::default() };
    for (next, parsed) in (1..).zip(parse(text, &Limits::default()).expect("the schema parses")) {
        match &parsed.statement {
            Statement::CreateTable(create) => {
                let mut table = define::table(create, &schema).expect("the table is sound");
                table.id = ObjectId(next);
                for key in table.foreign.clone() {
                    let covered = table.indexes.iter().any(|index| index.columns.starts_with(&key.columns));
                    if !covered && !table.primary.starts_with(&key.columns) {
                        let name = format!("{}_index", key.name);
                        let index = Index { id: ObjectId(0), name, columns: key.columns, unique: false, of_constraint: true };
                        table.indexes.push(index);
                    }
                }
                schema.tables.insert(fold(&table.name), Arc::new(table));
            }
            Statement::CreateIndex(create) => {
                let mut table = (**schema.table(&create.table.name).expect("the table is there")).clone();
                table.indexes.push(define::index(create, &table, &schema).expect("the index is sound"));
                schema.tables.insert(fold(&table.name), Arc::new(table));
            }
            Statement::CreateView { name, columns, query, text, at, .. } => {
                let view = define::view(name, columns, query, (text, *at), &schema).expect("the view is sound");
                schema.views.insert(fold(&view.name), Arc::new(view));
            }
            Statement::CreateSequence { name, start, increment, .. } => {
                schema.sequences.insert(fold(&name.name), Arc::new(define::sequence(name, *start, *increment)));
            }
            other => panic!("no definition: {other:?}"),
        }
    }
    schema
}

/// Tables that the golden files are about.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE job (id BIGINT PRIMARY KEY, role VARCHAR NOT NULL, name VARCHAR(100) NOT NULL, priority INT, UNIQUE (role, name));
    CREATE TABLE task (id IDENTITY, job_id BIGINT NOT NULL REFERENCES job (id) ON DELETE CASCADE, host VARCHAR, status INT DEFAULT 0 NOT NULL,
        cost DECIMAL(10, 2), active BOOLEAN DEFAULT TRUE, started TIMESTAMP, CHECK (cost >= 0));
    CREATE INDEX task_host ON task (host);
    CREATE INDEX task_status ON task (status, started);
    CREATE TABLE event (task_id BIGINT REFERENCES task (id), at TIMESTAMP, status INT, note VARCHAR, PRIMARY KEY (task_id, at));
    CREATE TABLE plain (a INT, b INT, c VARCHAR, d DOUBLE, u UUID);
    CREATE TABLE other (a INT, b INT, c VARCHAR, d DATE);
    CREATE VIEW busy (job, tasks) AS SELECT job_id, count(*) FROM task WHERE active GROUP BY job_id;
    CREATE SEQUENCE ids;
";

/// Runs each statement of a golden file through `render`, and compares.
pub(crate) fn golden(path: &str, render: &dyn Fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(path);
    let text = std::fs::read_to_string(&path).expect("the golden file can be read");
    let mut actual = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        actual.push_str(line);
        actual.push('\n');
        let Some(first) = line.strip_prefix("> ") else { continue };
        let mut statement = first.to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with("+ ")) {
            actual.push_str(more);
            actual.push('\n');
            statement.push('\n');
            statement.push_str(&more[2..]);
        }
        while lines.next_if(|line| !line.is_empty() && !line.starts_with('#')).is_some() {}
        let rendered = render(&statement);
        if !rendered.trim_end().is_empty() {
            actual.push_str(rendered.trim_end());
            actual.push('\n');
        }
    }
    if std::env::var_os("TREERING_BLESS").is_some() {
        std::fs::write(&path, &actual).expect("the golden file can be written");
        return;
    }
    for (at, (actual, expected)) in actual.lines().zip(text.lines()).enumerate() {
        assert_eq!(actual, expected, "{}, line {}", path.display(), at + 1);
    }
    assert_eq!(actual.lines().count(), text.lines().count(), "{}", path.display());
}

/// The plan of a statement as text, with what its parameters and columns are; or its error.
fn planned(schema: &Schema, text: &str) -> String {
    let result = parse(text, &Limits::default()).and_then(|parsed| plan(&parsed[0], schema));
    match result {
        Ok(plan) => {
            let mut out = print::explain(&plan);
            if !plan.columns.is_empty() {
                let columns = plan.columns.iter().map(|column| format!("{} {}", column.name, column.data_type));
                out.push_str(&format!("columns: {}\n", columns.collect::<Vec<_>>().join(", ")));
            }
            if !plan.parameters.is_empty() {
                let types = plan.parameters.iter().map(ToString::to_string);
                out.push_str(&format!("parameters: {}\n", types.collect::<Vec<_>>().join(", ")));
            }
            out
        }
        Err(error) => format!("error {error:?}\n"),
    }
}

/// What statements mean, before anything is made fast; and what is wrong with those that mean nothing.
#[test]
fn statements_have_these_plans() {
    let schema = schema_of(SCHEMA);
    for file in ["queries", "groups", "joins", "subqueries", "changes", "errors"] {
        golden(&format!("plan/golden/{file}.txt"), &|text| planned(&schema, text));
    }
}

/// A statement that nests deep is planned, or refused, on a small stack. (How deep subqueries may stand in each other is decided in the room `parse`.)
#[test]
fn deep_statements_do_not_overflow_the_stack() {
    let deep = |open: &str, inner: &str, close: &str, count: usize| {
        format!("SELECT {}{inner}{}", open.repeat(count), close.repeat(count))
    };
    let texts = [
        deep("(SELECT ", "1", ")", 30),
        deep("CASE WHEN a = 1 THEN ", "1", " END", 100) + " FROM plain",
        deep("(NOT ", "TRUE", ")", 100),
        deep("(1 + ", "1", ")", 200),
        format!("SELECT 1{}", " UNION ALL SELECT 2".repeat(3_000)),
        format!("SELECT 1{}", " EXCEPT SELECT 2".repeat(3_000)),
        format!("SELECT * FROM plain{}", " JOIN other ON TRUE".repeat(200)),
        format!("SELECT * FROM {}plain{}", "(SELECT * FROM ".repeat(30), ")".repeat(30)),
    ];
    let run = move || {
        let schema = schema_of(SCHEMA);
        for text in texts {
            let _ = planned(&schema, &text);
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).expect("a thread").join().expect("it does not overflow");
}
