//! What went wrong with a statement or a command: the place, the message, and the line of the text with a mark below it.

use std::fmt;

use treering_sql::{ErrorKind, Place};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::script::{Source, within};
use super::show::visible;
use crate::error::{Error, Exit};

/// Why a statement or a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It failed: the program can go on with the next one.
    Statement(Exit, String),
    /// The program cannot go on: its output is gone, or it was asked to stop.
    Program(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Program(error)
    }
}

/// What ended the run of a statement: SQL, or the output of its rows.
#[derive(Debug)]
pub(crate) enum Stopped {
    Sql(treering_sql::Error),
    Output(Failure),
}

impl From<treering_sql::Error> for Stopped {
    fn from(error: treering_sql::Error) -> Stopped {
        Stopped::Sql(error)
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Stopped {
        Stopped::Output(failure)
    }
}

/// Where there is nothing to go on with.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Statement(exit, message) => Error::Told(exit, message),
            Failure::Program(error) => error,
        }
    }
}

impl Failure {
    /// SQL refused a statement of the text that is called `name`; a terminal's has no name. `hint` follows the message.
    pub(crate) fn of_sql(name: Option<&str>, source: &Source, error: &treering_sql::Error, hint: &str) -> Failure {
        let exit = error.engine().map_or(Exit::No, |engine| crate::error::exit_of(engine.kind()));
        let exit = if error.kind() == ErrorKind::Cancelled { Exit::Interrupted } else { exit };
        Failure::Statement(exit, told(name, source, error.place(), &format!("{}{hint}", error.message())))
    }

    /// A dot command is wrong, or did not succeed.
    pub(crate) fn of_command(name: Option<&str>, source: &Source, message: &str) -> Failure {
        let mut whole = source.clone();
        whole.text.insert(0, '.');
        whole.place.column = whole.place.column.saturating_sub(1);
        Failure::Statement(Exit::No, told(name, &whole, None, message))
    }
}

/// Columns of the text that are shown around a mark.
const SHOWN: usize = 90;

fn told(name: Option<&str>, source: &Source, at: Option<Place>, message: &str) -> String {
    let place = within(source.place, at.unwrap_or(Place { line: 1, column: 1 }));
    let column = if at.is_some() { format!(", column {}", place.column) } else { String::new() };
    let place = match name {
        Some(name) => format!("{name}, line {}{column}: ", place.line),
        None if at.is_some() => format!("line {}{column}: ", place.line),
        None => String::new(),
    };
    // Messages name values, and a value can be anything.
    format!("{place}{}{}", visible(message), Excerpt { text: &source.text, at })
}

/// The line at a place of a statement's text, with a mark below it; without a place the first line. Shown behind a message.
struct Excerpt<'t> {
    text: &'t str,
    at: Option<Place>,
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.at.unwrap_or(Place { line: 1, column: 1 });
        let Some(line) = self.text.lines().nth(place.line as usize - 1) else { return Ok(()) };
        let line: Vec<char> = line.chars().collect();
        let mark = (place.column as usize - 1).min(line.len());
        let indent = line.iter().take_while(|c| c.is_whitespace()).count().min(mark);
        let from = indent.max(mark.saturating_sub(SHOWN * 2 / 3));
        let to = line.len().min(from + SHOWN);
        let show = |part: &[char]| part.iter().map(|c| if c.width().is_some() { *c } else { ' ' }).collect::<String>();
        let (cut_before, cut_behind) = (if from > indent { "... " } else { "" }, if to < line.len() { " ..." } else { "" });
        write!(f, "\n  {cut_before}{}{cut_behind}", show(&line[from..to]))?;
        if self.at.is_none() {
            return Ok(());
        }
        write!(f, "\n  {}^", " ".repeat(cut_before.len() + show(&line[from..mark]).width()))
    }
}
