//! Rows as CSV (RFC 4180): what spreadsheets and other databases read.

use std::io::{self, Write};

use super::params::Params;
use super::row::{Column, Row};
use super::statement::Statement;
use crate::error::{Error, ErrorKind, Result};
use crate::types::Value;

/// The form of CSV: as RFC 4180 has it, unless it is said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    /// Whether the first line has the columns' names. Default: yes.
    pub header: bool,
    /// What stands between two values. Default: a comma.
    pub delimiter: char,
    /// What NULL is written as, without quotes. A text that would look the same is quoted, so that the two can always be told apart: by default NULL is nothing, and an empty text is `""`.
    pub null: String,
    /// What ends a line. Default: a carriage return and a line feed.
    pub line_end: &'static str,
}

impl Default for CsvOptions {
    fn default() -> CsvOptions {
        CsvOptions { header: true, delimiter: ',', null: String::new(), line_end: "\r\n" }
    }
}

impl CsvOptions {
    /// Whether what they write can be read again.
    ///
    /// # Errors
    /// `Data` if the delimiter is a quote or an end of a line, or stands in [`CsvOptions::null`], as may no quote and no end of a line.
    pub fn check(&self) -> Result<()> {
        let ends = ['"', '\r', '\n'];
        let wrong = match self.delimiter {
            delimiter if ends.contains(&delimiter) => format!("{delimiter:?} cannot stand between values"),
            delimiter if self.null.contains(ends) || self.null.contains(delimiter) => {
                format!("NULL cannot be written as {:?}", self.null)
            }
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::Data, format!("no CSV: {wrong}")).with_state("22023"))
    }

    /// Appends the line of the columns' names with its end, or nothing if no header is asked for: for who writes to a stream of their own, without a [`CsvWriter`].
    pub fn append_header(&self, columns: &[Column], to: &mut String) {
        if !self.header {
            return;
        }
        for (at, column) in columns.iter().enumerate() {
            self.delimit(at, to);
            self.append_text(column.name(), to);
        }
        to.push_str(self.line_end);
    }

    /// Appends the line of a row with its end. Values stand as a query shows them: `TRUE`, `1.5`, `2024-02-29 12:30:00`, bytes as `X'0A'`.
    pub fn append_row(&self, row: Row<'_>, to: &mut String) {
        for (at, value) in row.values().enumerate() {
            self.delimit(at, to);
            match value {
                Value::Null => to.push_str(&self.null),
                Value::Text(text) => self.append_text(text, to),
                other => self.append_text(&other.to_string(), to),
            }
        }
        to.push_str(self.line_end);
    }

    fn delimit(&self, at: usize, to: &mut String) {
        if at > 0 {
            to.push(self.delimiter);
        }
    }

    /// In quotes where it could be taken for something else without.
    fn append_text(&self, text: &str, to: &mut String) {
        if !text.contains(['"', '\r', '\n', self.delimiter]) && text != self.null {
            to.push_str(text);
            return;
        }
        to.push('"');
        for (nth, part) in text.split('"').enumerate() {
            if nth > 0 {
                to.push_str("\"\"");
            }
            to.push_str(part);
        }
        to.push('"');
    }
}

/// Writes rows as CSV, one after the other. For the rows of a statement: [`Statement::write_csv`].
#[derive(Debug)]
pub struct CsvWriter<W: Write> {
    to: io::BufWriter<W>,
    options: CsvOptions,
    /// The line that is being made.
    line: String,
}

impl<W: Write> CsvWriter<W> {
    /// Begins: nothing is written yet.
    ///
    /// # Errors
    /// As [`CsvOptions::check`].
    pub fn new(to: W, options: &CsvOptions) -> Result<CsvWriter<W>> {
        options.check()?;
        let to = io::BufWriter::with_capacity(64 << 10, to);
        Ok(CsvWriter { to, options: options.clone(), line: String::new() })
    }

    /// Writes the columns' names, if the options ask for them.
    ///
    /// # Errors
    /// `Io`.
    pub fn header(&mut self, columns: &[Column]) -> Result<()> {
        self.options.append_header(columns, &mut self.line);
        self.write_line()
    }

    /// Writes a row.
    ///
    /// # Errors
    /// `Io`.
    pub fn row(&mut self, row: Row<'_>) -> Result<()> {
        self.options.append_row(row, &mut self.line);
        self.write_line()
    }

    /// Writes what is still held; gives the stream back.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(self) -> Result<W> {
        self.to.into_inner().map_err(|error| failed(error.error()))
    }

    fn write_line(&mut self) -> Result<()> {
        self.to.write_all(self.line.as_bytes()).map_err(|error| failed(&error))?;
        self.line.clear();
        Ok(())
    }
}

impl Statement<'_> {
    /// Runs it, and writes its rows as CSV as they are found; gives how many there were. `to` is flushed at the end.
    ///
    /// # Errors
    /// As [`Statement::query_each`] and [`CsvWriter::new`]; `Io` for what `to` says.
    pub fn write_csv(&self, params: impl Params, to: impl Write, options: &CsvOptions) -> Result<u64> {
        let mut csv = CsvWriter::new(to, options)?;
        csv.header(&self.columns()?)?;
        let mut count = 0;
        self.query_each(params, |row| {
            count += 1;
            csv.row(row)
        })?;
        csv.finish()?.flush().map_err(|error| failed(&error))?;
        Ok(count)
    }
}

fn failed(error: &io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write CSV: {error}"))
}
