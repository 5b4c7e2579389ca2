//! Comma-separated values as RFC 4180 has them, with line feeds.

use std::io::{self, Write};

use treering_sql::{Column, Row, Value};

use super::Show;

/// See the file's head. A text that reads like NULL's, an empty one above all, stands in quotes.
pub(super) struct Csv {
    pub(super) null: String,
    pub(super) header: bool,
}

impl Show for Csv {
    fn begin(&mut self, columns: &[Column], out: &mut dyn Write) -> io::Result<()> {
        if !self.header {
            return Ok(());
        }
        for (i, column) in columns.iter().enumerate() {
            comma(i, out)?;
            field(column.name(), false, out)?;
        }
        writeln!(out)
    }

    fn row(&mut self, row: Row<'_>, out: &mut dyn Write) -> io::Result<()> {
        for (i, value) in row.values().enumerate() {
            comma(i, out)?;
            match value {
                Value::Null => out.write_all(self.null.as_bytes())?,
                Value::Text(text) => field(text, **text == self.null, out)?,
                value => write!(out, "{value}")?,
            }
        }
        writeln!(out)
    }

    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

fn comma(i: usize, out: &mut dyn Write) -> io::Result<()> {
    if i > 0 { out.write_all(b",") } else { Ok(()) }
}

fn field(text: &str, quoted: bool, out: &mut dyn Write) -> io::Result<()> {
    let spaced = text.starts_with(' ') || text.ends_with(' ');
    if quoted || spaced || text.contains([',', '"', '\n', '\r']) {
        write!(out, "\"{}\"", text.replace('"', "\"\""))
    } else {
        out.write_all(text.as_bytes())
    }
}
