//! The rows of a result as text, one file a form. Rows are written as they come; only a table keeps some, to measure its columns.

mod cell;
mod csv;
mod insert;
mod json;
mod line;
mod list;
mod markdown;
mod table;

pub(super) use cell::visible;
pub(super) use insert::quoted;

use std::io::{self, Write};

use clap::ValueEnum;
use treering_sql::{Column, Row};

/// How results are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Drawn with columns, for a person
    #[default]
    Table,
    /// Comma-separated values; NULL is empty, and an empty text is ""
    Csv,
    /// A JSON object a line; exact decimals, times and bytes are strings
    Json,
    /// A line for each value, with its column's name
    Line,
    /// A line for each row, values separated by tabs, escaped as scan does; NULL is \N
    List,
    /// INSERT statements, see --into
    Insert,
    /// A table in Markdown
    Markdown,
}

impl Mode {
    /// Whether a person reads it, and no program.
    pub(crate) fn is_for_people(self) -> bool {
        matches!(self, Mode::Table | Mode::Line | Mode::Markdown)
    }
}

/// What the user chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) mode: Mode,
    /// The text of NULL; none: the mode's own.
    pub(crate) null: Option<String>,
    pub(crate) header: bool,
    /// The table that INSERT statements name.
    pub(crate) into: String,
    /// Columns of the terminal; none: there is none, and lines are as long as they are.
    pub(crate) width: Option<usize>,
}

/// A result on its way to the output.
pub(crate) trait Show {
    /// The result has these columns.
    fn begin(&mut self, columns: &[Column], out: &mut dyn Write) -> io::Result<()>;
    /// Its next row.
    fn row(&mut self, row: Row<'_>, out: &mut dyn Write) -> io::Result<()>;
    /// There are no more.
    fn end(&mut self, out: &mut dyn Write) -> io::Result<()>;
}

impl Form {
    /// What is wrong with the choices together, for a person.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.mode {
            Mode::Csv => csv::Csv::new(self.null(""), self.header).check(),
            _ => Ok(()),
        }
    }

    fn null(&self, default: &str) -> String {
        self.null.clone().unwrap_or_else(|| default.to_owned())
    }

    /// What shows one result.
    pub(crate) fn show(&self) -> Box<dyn Show> {
        let null = |default| self.null(default);
        match self.mode {
            Mode::Table => Box::new(table::Table::new(null("NULL"), self.header, self.width)),
            Mode::Csv => Box::new(csv::Csv::new(null(""), self.header)),
            Mode::Json => Box::new(json::Json::default()),
            Mode::Line => Box::new(line::Line::new(null("NULL"))),
            Mode::List => Box::new(list::List { null: null("\\N"), header: self.header }),
            Mode::Insert => Box::new(insert::Insert::new(&self.into)),
            Mode::Markdown => Box::new(markdown::Markdown { null: null("NULL"), header: self.header }),
        }
    }
}
