//! What runs statements and commands, and shows what they give: one connection, and the settings of the moment.

use std::fs::File;
use std::io::{self, BufRead, BufWriter, Read, Write};
use std::path::PathBuf;
use std::time::Instant;

use treering_sql::{CancelHandle, Connection, Files, Limits, StatementKind};

use super::failure::{Failure, Stopped};
use super::names::Names;
use super::open::{Opened, ReadOnly};
use super::script::{Item, Script, Source};
use super::show::{Form, Mode};
use crate::error::{Error, Exit, Result};
use crate::output::{Output, tell};
use crate::{interrupt, units};

/// See the file's head.
pub(crate) struct Console<'o> {
    pub(super) connection: Connection,
    /// The file that the database stands in.
    pub(super) store: PathBuf,
    read_only: Option<ReadOnly>,
    pub(super) settings: Settings,
    pub(super) sink: Sink<'o>,
    /// Texts that are being read, each by the one before it.
    pub(super) depth: usize,
    /// What the first statement ended with that failed and was passed over.
    failed: Option<Exit>,
    /// A result was shown before.
    has_shown: bool,
}

/// What the user chose; commands change it.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) form: Form,
    /// Say how long each statement took.
    pub(crate) timer: bool,
    /// Show the plan of each statement before it runs.
    pub(crate) explain: bool,
    /// Go on behind a statement that failed.
    pub(crate) keep_going: bool,
    /// A person types: what statements did is said, beside what they give.
    pub(crate) interactive: bool,
}

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    On,
    Quit,
}

/// Whose a statement is, and how its rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// The user's, in the form that was chosen.
    Typed,
    /// A command's, in the same form; its plan interests nobody.
    Ours,
    /// A command's whose rows are lines already.
    Lines,
}

/// Where results go.
pub(crate) struct Sink<'o> {
    standard: &'o mut Output,
    pub(super) file: Option<(PathBuf, BufWriter<File>)>,
}

/// Columns of the terminal that standard output is; none if it is none.
pub(crate) fn terminal_width() -> Option<usize> {
    let width = if Output::is_terminal() { terminal_size::terminal_size() } else { None };
    width.map(|(width, _)| usize::from(width.0))
}

/// The longest line of a script: longer than any statement may be.
const MAX_LINE_BYTES: u64 = 256 << 20;

impl<'o> Console<'o> {
    /// A new connection to a database, with these settings.
    pub(crate) fn new(opened: &Opened, settings: Settings, out: &'o mut Output) -> Console<'o> {
        let (connection, sink) = (opened.database.connect(), Sink { standard: out, file: None });
        // Whoever runs this program may do with files what it may.
        connection.set_limits(Limits { files: Files::Allowed, ..Limits::default() });
        let (store, read_only) = (opened.path.clone(), opened.read_only);
        Console { connection, store, read_only, settings, sink, depth: 0, failed: None, has_shown: false }
    }

    /// What cancels the statement that runs.
    pub(crate) fn cancel_handle(&self) -> CancelHandle {
        self.connection.cancel_handle()
    }

    /// Runs a text that is called `name`, line by line as it comes, up to its end or to what fails.
    pub(crate) fn script(&mut self, name: &str, text: &mut dyn BufRead) -> Result<Flow, Failure> {
        let mut script = Script::new();
        let mut line = Vec::new();
        let mut number = 0_u64;
        loop {
            line.clear();
            number += 1;
            let wrong = |what: String| Failure::Statement(Exit::Usage, format!("{name}, line {number}: {what}"));
            text.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(|e| wrong(e.to_string()))?;
            if line.len() as u64 == MAX_LINE_BYTES {
                return Err(wrong(format!("longer than {}", units::bytes(MAX_LINE_BYTES))));
            }
            let is_end = line.is_empty();
            let mut line = std::str::from_utf8(&line).map_err(|_| wrong("this is no text in UTF-8".into()))?;
            if number == 1 {
                line = line.trim_start_matches('\u{feff}');
            }
            let items = if is_end { script.end() } else { script.line(line) };
            for item in &items {
                if self.pass(item, Some(name))? == Flow::Quit {
                    return Ok(Flow::Quit);
                }
            }
            if is_end {
                return Ok(Flow::On);
            }
        }
    }

    /// Runs an item; a failure is told and passed over if that was asked for.
    fn pass(&mut self, item: &Item, name: Option<&str>) -> Result<Flow, Failure> {
        match self.run(item, name) {
            Err(Failure::Statement(exit, message)) if self.settings.keep_going => {
                self.failed.get_or_insert(exit);
                tell(format_args!("treering: {message}"));
                Ok(Flow::On)
            }
            done => done,
        }
    }

    /// Runs a statement or a command of the text that is called `name`; a terminal's has no name.
    pub(crate) fn run(&mut self, item: &Item, name: Option<&str>) -> Result<Flow, Failure> {
        if let Some(error) = self.interrupted() {
            return Err(Failure::Program(error));
        }
        let flow = match item {
            Item::Statement(source) => self.statement(source, name, Run::Typed).map(|()| Flow::On),
            Item::Command(source) => self.command(source, name),
        };
        let flushed = self.sink.flush();
        // What was cancelled is no failure of its own; and the statement's failure comes before that of what it had written.
        self.interrupted().map_or(flow.and_then(|flow| flushed.map(|()| flow)), |error| Err(Failure::Program(error)))
    }

    /// What to end with if somebody asked to.
    fn interrupted(&self) -> Option<Error> {
        let lost = if self.is_in_transaction() { "; the open transaction is rolled back" } else { "" };
        interrupt::asked().then(|| Error::Told(Exit::Interrupted, format!("interrupted{lost}")))
    }

    /// Runs a statement and shows its rows.
    pub(super) fn statement(&mut self, source: &Source, name: Option<&str>, run: Run) -> Result<(), Failure> {
        let start = Instant::now();
        let ran = self.shown(source, run, start);
        ran.map_err(|stopped| match stopped {
            Stopped::Output(failure) => failure,
            Stopped::Sql(error) => {
                let refused = error.engine().is_some_and(|engine| engine.kind() == treering::ErrorKind::ReadOnly);
                let is_blob = self.read_only == Some(ReadOnly::Blob);
                let hint = if refused && is_blob { "; with --write the blob becomes a store" } else { "" };
                Failure::of_sql(name, source, &error, hint)
            }
        })
    }

    fn shown(&mut self, source: &Source, run: Run, start: Instant) -> Result<(), Stopped> {
        let statement = self.connection.prepare(&source.text)?;
        let kind = statement.kind();
        let is_table = matches!(kind, StatementKind::Query | StatementKind::Change);
        if self.settings.explain && is_table && run == Run::Typed {
            let plan = self.connection.prepare(&format!("EXPLAIN {}", source.text))?;
            plan.execute_each((), |row| -> Result<(), Stopped> { Ok(self.sink.line(row.value(0)?)?) })?;
            self.sink.line("")?;
            // Who looks at a plan may be asking why the statement takes so long.
            self.sink.flush()?;
        }
        // Plans and scripts are lines already.
        let as_lines = run == Run::Lines || (!is_table && self.settings.form.mode == Mode::Table);
        let mut show = self.settings.form.show();
        let (sink, mut rows) = (&mut self.sink, 0_u64);
        let columns = statement.columns()?;
        let mut is_begun = !as_lines && !columns.is_empty();
        if is_begun {
            // Between two results for a person stands an empty line.
            if std::mem::replace(&mut self.has_shown, true)
                && !self.settings.interactive
                && self.settings.form.mode.is_for_people()
            {
                sink.line("")?;
            }
            sink.write(|out| show.begin(&columns, out))?;
        }
        let changed = statement.execute_each((), |row| -> Result<(), Stopped> {
            rows += 1;
            if as_lines {
                return Ok(sink.line(row.value(0)?)?);
            }
            if !std::mem::replace(&mut is_begun, true) {
                sink.write(|out| show.begin(row.columns(), out))?;
            }
            Ok(sink.write(|out| show.row(row, out))?)
        })?;
        if is_begun {
            sink.write(|out| show.end(out))?;
        }
        let gives_rows = is_begun || rows > 0;
        self.said(kind, gives_rows.then_some(rows), changed, start)?;
        Ok(())
    }

    /// Says what a statement did, and how long it took.
    fn said(&mut self, kind: StatementKind, rows: Option<u64>, changed: u64, start: Instant) -> Result<(), Failure> {
        let Settings { timer, interactive, .. } = self.settings;
        let what = match kind {
            StatementKind::Query => units::counted(rows.unwrap_or(0), "row"),
            StatementKind::Change => format!("{} changed", units::counted(changed, "row")),
            // The prompt says whether a transaction is open.
            StatementKind::Transaction => String::new(),
            _ if rows.is_some() => String::new(),
            _ => "done".to_owned(),
        };
        let time = if timer { units::duration(start.elapsed()) } else { String::new() };
        let said = match (interactive, what.as_str(), time.as_str()) {
            (false, _, time) => time.to_owned(),
            (true, what, "") | (true, "", what) => what.to_owned(),
            (true, what, time) => format!("{what}, {time}"),
        };
        match said.as_str() {
            "" => Ok(()),
            said if interactive => Ok(self.sink.standard.line(said)?),
            // The output is the results' alone.
            said => {
                self.sink.flush()?;
                tell(said);
                Ok(())
            }
        }
    }

    /// Whether a transaction is open.
    pub(crate) fn is_in_transaction(&self) -> bool {
        self.connection.is_in_transaction()
    }

    /// Says on the terminal what went wrong, behind the results that came before it.
    pub(crate) fn complain(&mut self, message: &str) -> Result {
        self.sink.flush()?;
        self.sink.standard.line(format_args!("error: {message}"))?;
        self.sink.standard.flush()
    }

    /// The names that the next statement could use.
    pub(crate) fn names(&self) -> treering_sql::Result<Names> {
        Names::read(&self.connection)
    }

    /// The terminal may have another width than before.
    pub(crate) fn fit_terminal(&mut self) {
        self.settings.form.width = terminal_width();
    }

    /// Runs a text without a person: a failure ends the program, with all that has to be said about it.
    pub(crate) fn batch(&mut self, name: &str, text: &mut dyn BufRead) -> Result<Flow> {
        self.script(name, text).map_err(|failure| match failure {
            // That nobody reads on is no failure, but what is lost by it is.
            Failure::Program(Error::NobodyReads) if self.is_in_transaction() => {
                Error::no("whoever read the output went away; the open transaction is rolled back")
            }
            Failure::Program(error) => error,
            Failure::Statement(exit, message) => {
                let lost = if self.is_in_transaction() { "\nthe open transaction is rolled back" } else { "" };
                Error::Told(exit, format!("{message}{lost}"))
            }
        })
    }

    /// All texts are over: whether everything succeeded, and stays.
    pub(crate) fn finish(mut self) -> Result {
        self.sink.flush()?;
        if self.is_in_transaction() {
            return Err(Error::no("the text ends within a transaction, which is rolled back: COMMIT is missing"));
        }
        self.failed.map_or(Ok(()), |exit| Err(Error::Silent(exit)))
    }
}

impl Sink<'_> {
    /// One line, or several.
    fn line(&mut self, line: impl std::fmt::Display) -> Result<(), Failure> {
        self.write(|out| writeln!(out, "{line}"))
    }

    /// Lets `write` write to where results go now. A full disk behind `.output` is no reason to lose the transaction of who types: only the statement fails.
    fn write(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
        let Some((path, file)) = &mut self.file else {
            return write(self.standard.stream()).map_err(|e| Failure::Program(Error::output(&e)));
        };
        let Err(error) = write(file) else { return Ok(()) };
        let message = format!("writing {}: {error}; results go to standard output again", path.display());
        self.file = None;
        Err(Failure::Statement(Exit::Other, message))
    }

    /// Shows what was written so far.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.write(|out| out.flush())
    }

    /// A line for the person who types, wherever results go.
    pub(super) fn standard(&mut self) -> &mut Output {
        self.standard
    }
}
