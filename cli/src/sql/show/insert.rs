//! INSERT statements that give the same rows again.

use std::io::{self, Write};

use treering_sql::{Column, Row, Value};

use super::Show;

/// See the file's head.
pub(super) struct Insert {
    into: String,
    begin: String,
}

impl Insert {
    pub(super) fn new(into: &str) -> Insert {
        Insert { into: quoted(into), begin: String::new() }
    }
}

impl Show for Insert {
    fn begin(&mut self, columns: &[Column], _out: &mut dyn Write) -> io::Result<()> {
        let names: Vec<String> = columns.iter().map(|column| quoted(column.name())).collect();
        self.begin = format!("INSERT INTO {} ({}) VALUES (", self.into, names.join(", "));
        Ok(())
    }

    fn row(&mut self, row: Row<'_>, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.begin.as_bytes())?;
        for (i, value) in row.values().enumerate() {
            if i > 0 {
                out.write_all(b", ")?;
            }
            match value {
                Value::Text(text) => write!(out, "'{}'", text.replace('\'', "''"))?,
                Value::Timestamp(time) => write!(out, "TIMESTAMP '{time}'")?,
                Value::Date(date) => write!(out, "DATE '{date}'")?,
                Value::Uuid(id) => write!(out, "CAST('{id}' AS UUID)")?,
                value => write!(out, "{value}")?,
            }
        }
        writeln!(out, ");")
    }

    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// A name that cannot be taken for a keyword.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
