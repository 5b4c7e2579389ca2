//! A line for each value: for rows that are wider than any terminal.

use std::io::{self, Write};

use treering_sql::{Column, Row};
use unicode_width::UnicodeWidthStr;

use super::{Show, cell};

/// See the file's head.
pub(super) struct Line {
    null: String,
    /// Filled to one width.
    names: Vec<String>,
    any: bool,
}

impl Line {
    pub(super) fn new(null: String) -> Line {
        Line { null, names: Vec::new(), any: false }
    }

    /// Writes a row that is text already.
    pub(super) fn texts(&mut self, row: impl IntoIterator<Item = String>, out: &mut dyn Write) -> io::Result<()> {
        if std::mem::replace(&mut self.any, true) {
            writeln!(out)?;
        }
        for (name, text) in self.names.iter().zip(row) {
            let mut lines = text.split('\n');
            writeln!(out, "{name} = {}", lines.next().unwrap_or_default())?;
            for line in lines {
                writeln!(out, "{:width$}   {line}", "", width = name.width())?;
            }
        }
        Ok(())
    }
}

impl Show for Line {
    fn begin(&mut self, columns: &[Column], _out: &mut dyn Write) -> io::Result<()> {
        let names: Vec<_> = columns.iter().map(|column| cell::visible(column.name()).replace('\n', " ")).collect();
        let width = names.iter().map(|name| name.width()).max().unwrap_or(0);
        self.names = names.iter().map(|name| format!("{:fill$}{name}", "", fill = width - name.width())).collect();
        Ok(())
    }

    fn row(&mut self, row: Row<'_>, out: &mut dyn Write) -> io::Result<()> {
        let texts: Vec<String> = row.values().map(|value| cell::text(value, &self.null)).collect();
        self.texts(texts, out)
    }

    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}
