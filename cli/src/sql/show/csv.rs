//! Comma-separated values as the SQL layer writes them, with line feeds.

use std::io::{self, Write};

use treering_sql::{Column, CsvOptions, Row};

use super::Show;

/// See the file's head.
pub(super) struct Csv {
    options: CsvOptions,
    line: String,
}

impl Csv {
    pub(super) fn new(null: String, header: bool) -> Csv {
        Csv { options: CsvOptions { header, null, line_end: "\n", ..CsvOptions::default() }, line: String::new() }
    }

    /// What is wrong with the text of NULL, if something is.
    pub(super) fn check(&self) -> Result<(), String> {
        self.options.check().map_err(|e| e.to_string())
    }

    fn write(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.line.as_bytes())?;
        self.line.clear();
        Ok(())
    }
}

impl Show for Csv {
    fn begin(&mut self, columns: &[Column], out: &mut dyn Write) -> io::Result<()> {
        self.options.append_header(columns, &mut self.line);
        self.write(out)
    }

    fn row(&mut self, row: Row<'_>, out: &mut dyn Write) -> io::Result<()> {
        self.options.append_row(row, &mut self.line);
        self.write(out)
    }

    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}
