//! Statements by their text: each file is one database's life, every statement with what it gave.

use super::*;
use crate::plan::tests::golden;

/// Statements give the rows, counts and errors that the files in `golden` say.
#[test]
fn statements_give_what_the_files_say() {
    for name in ["changes", "functions", "queries"] {
        let bench = Bench::new(&[]);
        golden(&format!("execute/golden/{name}.txt"), &|text| render(&bench.connection, text));
    }
}

/// Rows, one a line; else the number of rows changed.
fn render(connection: &Connection, text: &str) -> String {
    let result = connection.prepare(text).and_then(|statement| {
        if statement.columns()?.is_empty() {
            let count = statement.execute(())?;
            return Ok(if count == 0 { String::new() } else { format!("{count} changed") });
        }
        let rows = statement.query(())?;
        let line = |row: crate::Row<'_>| row.values().map(show).collect::<Vec<_>>().join(" | ");
        Ok(rows.iter().map(line).collect::<Vec<_>>().join("\n"))
    });
    match result {
        Ok(text) => text,
        Err(error) => format!("{} {}", error.sqlstate(), error.message()),
    }
}

/// Text in quotes, so that what it begins and ends with is seen.
fn show(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => format!("'{text}'"),
        other => other.to_string(),
    }
}
