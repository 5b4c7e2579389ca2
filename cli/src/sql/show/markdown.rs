//! A table in Markdown, to be pasted into a report. Not aligned: no row is kept.

use std::io::{self, Write};

use treering_sql::{Column, Row};

use super::{Show, cell};

/// See the file's head.
pub(super) struct Markdown {
    pub(super) null: String,
    pub(super) header: bool,
}

impl Show for Markdown {
    fn begin(&mut self, columns: &[Column], out: &mut dyn Write) -> io::Result<()> {
        // There is no table without a header in Markdown: without one its cells are empty.
        let name = |column: &Column| if self.header { escaped(&cell::visible(column.name())) } else { String::new() };
        let names: Vec<String> = columns.iter().map(name).collect();
        writeln!(out, "| {} |", names.join(" | "))?;
        let line = |column: &Column| if column.data_type().is_numeric() { "--:|" } else { "---|" };
        writeln!(out, "|{}", columns.iter().map(line).collect::<String>())
    }

    fn row(&mut self, row: Row<'_>, out: &mut dyn Write) -> io::Result<()> {
        let cells: Vec<String> = row.values().map(|value| escaped(&cell::text(value, &self.null))).collect();
        writeln!(out, "| {} |", cells.join(" | "))
    }

    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("<br>"),
            '<' => escaped.push_str("&lt;"),
            '|' | '\\' | '*' | '_' | '`' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}
