//! A line for each row, its values separated by tabs and escaped, so that neither contains a tab or a line's end.

use std::io::{self, Write};

use treering_sql::{Column, Row, Value};

use super::Show;
use crate::text::escape;

/// See the file's head.
pub(super) struct List {
    pub(super) null: String,
    pub(super) header: bool,
}

impl Show for List {
    fn begin(&mut self, columns: &[Column], out: &mut dyn Write) -> io::Result<()> {
        if !self.header {
            return Ok(());
        }
        let names: Vec<String> = columns.iter().map(|column| escape(column.name().as_bytes())).collect();
        writeln!(out, "{}", names.join("\t"))
    }

    fn row(&mut self, row: Row<'_>, out: &mut dyn Write) -> io::Result<()> {
        for (i, value) in row.values().enumerate() {
            if i > 0 {
                out.write_all(b"\t")?;
            }
            match value {
                Value::Null => out.write_all(self.null.as_bytes())?,
                Value::Text(text) => out.write_all(escape(text.as_bytes()).as_bytes())?,
                value => write!(out, "{value}")?,
            }
        }
        writeln!(out)
    }

    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}
