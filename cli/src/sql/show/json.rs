//! A JSON object a line, its members in the order of the columns.

use std::io::{self, Write};

use treering_sql::{Column, Row, Value};

use super::Show;

/// See the file's head.
#[derive(Default)]
pub(super) struct Json {
    /// The members' names as JSON writes them; no two are the same.
    names: Vec<String>,
}

impl Show for Json {
    fn begin(&mut self, columns: &[Column], _out: &mut dyn Write) -> io::Result<()> {
        let mut names: Vec<String> = Vec::with_capacity(columns.len());
        for column in columns {
            let mut name = column.name().to_owned();
            // An object with two members of one name loses one of them in most readers.
            for number in 2.. {
                if !names.contains(&name) {
                    break;
                }
                name = format!("{}_{number}", column.name());
            }
            names.push(name);
        }
        self.names = names.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn row(&mut self, row: Row<'_>, out: &mut dyn Write) -> io::Result<()> {
        for ((i, name), value) in self.names.iter().enumerate().zip(row.values()) {
            write!(out, "{}{name}:", if i == 0 { '{' } else { ',' })?;
            match value {
                Value::Null => out.write_all(b"null")?,
                Value::Bool(v) => write!(out, "{v}")?,
                Value::Int(v) => write!(out, "{v}")?,
                Value::Double(v) => serde_json::to_writer(&mut *out, v)?,
                Value::Text(text) => serde_json::to_writer(&mut *out, text)?,
                Value::Blob(bytes) => write!(out, "\"{}\"", crate::text::to_hex(bytes))?,
                // Decimals, times and identifiers: as a number a decimal would be rounded by most readers.
                value => write!(out, "\"{value}\"")?,
            }
        }
        writeln!(out, "}}")
    }

    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}
