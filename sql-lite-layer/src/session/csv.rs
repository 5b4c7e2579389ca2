//! Rows as CSV (RFC 4180): what spreadsheets and other databases read.

use std::fmt::Write as _;
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

/// Writes rows as CSV, one after the other. For the rows of a statement: [`Statement::write_csv`].
#[derive(Debug)]
pub struct CsvWriter<W: Write> {
    to: io::BufWriter<W>,
    options: CsvOptions,
    /// The line that is being made.
    line: String,
    value: String,
}

impl<W: Write> CsvWriter<W> {
    /// Begins: nothing is written yet.
    ///
    /// # Errors
    /// `Data` if the delimiter is a quote or an end of a line, or stands in [`CsvOptions::null`], as may no quote and no end of a line.
    pub fn new(to: W, options: &CsvOptions) -> Result<CsvWriter<W>> {
        let ends = ['"', '\r', '\n'];
        let wrong = match options.delimiter {
            delimiter if ends.contains(&delimiter) => Some(format!("{delimiter:?} cannot stand between values")),
            delimiter if options.null.contains(ends) || options.null.contains(delimiter) => {
                Some(format!("NULL cannot be written as {:?}", options.null))
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(Error::new(ErrorKind::Data, format!("no CSV: {wrong}")).with_state("22023"));
        }
        let to = io::BufWriter::with_capacity(64 << 10, to);
        Ok(CsvWriter { to, options: options.clone(), line: String::new(), value: String::new() })
    }

    /// Writes the columns' names, if the options ask for them.
    ///
    /// # Errors
    /// `Io`.
    pub fn header(&mut self, columns: &[Column]) -> Result<()> {
        if !self.options.header {
            return Ok(());
        }
        for (at, column) in columns.iter().enumerate() {
            self.text(at, column.name());
        }
        self.end_line()
    }

    /// Writes a row. Values stand as a query shows them: `TRUE`, `1.5`, `2024-02-29 12:30:00`, bytes as `X'0A'`.
    ///
    /// # Errors
    /// `Io`.
    pub fn row(&mut self, row: Row<'_>) -> Result<()> {
        for (at, value) in row.values().enumerate() {
            match value {
                Value::Null => {
                    self.delimit(at);
                    self.line.push_str(&self.options.null);
                }
                Value::Text(text) => self.text(at, text),
                other => {
                    let mut shown = std::mem::take(&mut self.value);
                    shown.clear();
                    // Text takes whatever is written to it.
                    let _ = write!(shown, "{other}");
                    self.text(at, &shown);
                    self.value = shown;
                }
            }
        }
        self.end_line()
    }

    /// Writes what is still held; gives the stream back.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(self) -> Result<W> {
        self.to.into_inner().map_err(|error| failed(error.error()))
    }

    fn delimit(&mut self, at: usize) {
        if at > 0 {
            self.line.push(self.options.delimiter);
        }
    }

    /// In quotes where it could be taken for something else without.
    fn text(&mut self, at: usize, text: &str) {
        self.delimit(at);
        if !text.contains(['"', '\r', '\n', self.options.delimiter]) && text != self.options.null {
            self.line.push_str(text);
            return;
        }
        self.line.push('"');
        for (nth, part) in text.split('"').enumerate() {
            if nth > 0 {
                self.line.push_str("\"\"");
            }
            self.line.push_str(part);
        }
        self.line.push('"');
    }

    fn end_line(&mut self) -> Result<()> {
        self.line.push_str(self.options.line_end);
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
