//! The commands that begin with a dot.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use treering_sql::Place;

use super::console::{Console, Flow, Run};
use super::failure::Failure;
use super::names::{self, Names};
use super::script::Source;
use super::show::{Form, Mode, quoted};
use crate::error::Error;

/// Each command with its arguments and what it does, as `.help` shows them.
pub(crate) const COMMANDS: &[(&str, &str, &str)] = &[
    ("dump", "[TABLE]..", "Print the statements that make the database again, or these tables"),
    ("explain", "on|off|STATEMENT", "Show how a statement runs; on: before each that runs"),
    ("headers", "on|off", "Print the columns' names, or leave them out"),
    ("help", "", "Print this"),
    ("indexes", "[TABLE]", "List the indexes"),
    ("mode", "[MODE] [TABLE]", "How results are shown: table, csv, json, line, list, insert (into TABLE), markdown"),
    ("null", "[TEXT]", "The text of NULL; without one the mode's own"),
    ("output", "[FILE]", "Send results to a file; without one to the terminal again"),
    ("quit", "", "Leave; an open transaction is rolled back"),
    ("read", "FILE", "Run the statements and commands of a file"),
    ("schema", "[TABLE]..", "Print the definitions"),
    ("tables", "[PATTERN]", "List tables and views, all or those LIKE the pattern"),
    ("timer", "on|off", "Say how long each statement took"),
];

/// Files that read each other.
const MAX_DEPTH: usize = 16;

/// Why a command failed: it is wrong, or what it did is.
enum Wrong {
    Told(String),
    Failed(Failure),
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Wrong {
        Wrong::Failed(failure)
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Wrong {
        match error {
            Error::Told(_, what) => Wrong::Told(what),
            error => Wrong::Failed(Failure::Program(error)),
        }
    }
}

impl Console<'_> {
    /// Runs a command, given without its dot.
    pub(super) fn command(&mut self, source: &Source, name: Option<&str>) -> Result<Flow, Failure> {
        self.commanded(source, name).map_err(|wrong| match wrong {
            Wrong::Told(what) => Failure::of_command(name, source, &what),
            Wrong::Failed(failure) => failure,
        })
    }

    fn commanded(&mut self, source: &Source, name: Option<&str>) -> Result<Flow, Wrong> {
        let (word, rest) = source.text.split_once(char::is_whitespace).unwrap_or((&source.text, ""));
        let rest = rest.trim();
        let (word, run) = (full(word)?, |text: String| Source { text, place: source.place });
        if word == "explain" && !["", "on", "off"].contains(&rest) {
            return self.explained(source, rest, name);
        }
        let args = arguments(rest).map_err(Wrong::Told)?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        match (word, args.as_slice()) {
            ("quit", []) => return Ok(Flow::Quit),
            ("help", []) => self.help()?,
            ("tables", []) => self.statement(&run(names::tables(None)), name, Run::Ours)?,
            ("tables", [like]) => self.statement(&run(names::tables(Some(like))), name, Run::Ours)?,
            ("indexes", []) => self.statement(&run(names::indexes(None)), name, Run::Ours)?,
            ("indexes", [table]) => {
                let table = self.known(table)?;
                self.statement(&run(names::indexes(Some(&table))), name, Run::Ours)?;
            }
            ("dump", tables) => self.statement(&run(self.script_of("SCRIPT", tables)?), name, Run::Lines)?,
            ("schema", tables) => self.statement(&run(self.script_of("SCRIPT NODATA", tables)?), name, Run::Lines)?,
            ("explain", ["on"]) => self.settings.explain = true,
            ("explain", ["off"]) => self.settings.explain = false,
            ("timer", [on]) => self.settings.timer = switch(on)?,
            ("headers", [on]) => self.settings.form.header = switch(on)?,
            ("null", []) => self.form(|form| form.null = None)?,
            ("null", [text]) => self.form(|form| form.null = Some((*text).to_owned()))?,
            ("mode", args) => self.mode(args)?,
            ("output", [] | ["-"]) => self.output(None)?,
            ("output", [path]) => self.output(Some(Path::new(path)))?,
            ("read", [path]) => return self.read(path),
            (word, _) => return Err(Wrong::Told(usage(word))),
        }
        Ok(Flow::On)
    }

    /// Shows the plan of the statement `text`, which stands in the command.
    fn explained(&mut self, source: &Source, text: &str, name: Option<&str>) -> Result<Flow, Wrong> {
        const EXPLAIN: &str = "EXPLAIN ";
        // Errors are told where they stand in the line.
        let before = source.text.find(text).map_or(0, |at| source.text[..at].chars().count());
        let column = (source.place.column as usize + before).saturating_sub(EXPLAIN.len()).max(1);
        let place = Place { column: u32::try_from(column).unwrap_or(u32::MAX), ..source.place };
        let text = [EXPLAIN, text.trim_end_matches(';')].concat();
        self.statement(&Source { text, place }, name, Run::Lines)?;
        Ok(Flow::On)
    }

    fn help(&mut self) -> Result<(), Wrong> {
        for (word, args, what) in COMMANDS {
            self.sink.standard().line(format_args!("  {:<27} {what}", format!(".{word} {args}")))?;
        }
        Ok(())
    }

    fn mode(&mut self, args: &[&str]) -> Result<(), Wrong> {
        let names: Vec<_> = Mode::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
        let name = |mode: Mode| mode.to_possible_value().map_or(String::new(), |name| name.get_name().to_owned());
        let Some((mode, args)) = args.split_first() else {
            let now = name(self.settings.form.mode);
            return Ok(self.sink.standard().line(now)?);
        };
        let all: Vec<&str> = names.iter().map(clap::builder::PossibleValue::get_name).collect();
        let wrong = |_| Wrong::Told(format!("there is no mode '{mode}'; there are: {}", all.join(", ")));
        let mode = Mode::from_str(mode, true).map_err(wrong)?;
        match args {
            [] => {}
            [table] if mode == Mode::Insert => self.settings.form.into = (*table).to_owned(),
            _ => return Err(Wrong::Told(usage("mode"))),
        }
        self.form(|form| form.mode = mode)
    }

    /// Changes the form of results, unless the choices would not fit each other.
    fn form(&mut self, change: impl FnOnce(&mut Form)) -> Result<(), Wrong> {
        let mut form = self.settings.form.clone();
        change(&mut form);
        form.check().map_err(Wrong::Told)?;
        self.settings.form = form;
        Ok(())
    }

    fn output(&mut self, path: Option<&Path>) -> Result<(), Wrong> {
        // What was written last must be in the file, or said not to be.
        self.sink.flush()?;
        self.sink.file = match path {
            None => None,
            // It is open, and cutting it to nothing would be the end of it.
            Some(path) if is_one_file(path, &self.store) => {
                return Err(Wrong::Told(format!("{} is the database itself", path.display())));
            }
            Some(path) => {
                let file = File::create(path).map_err(|e| Error::io("writing", path, &e))?;
                Some((PathBuf::from(path), BufWriter::new(file)))
            }
        };
        Ok(())
    }

    fn read(&mut self, path: &str) -> Result<Flow, Wrong> {
        if self.depth >= MAX_DEPTH {
            return Err(Wrong::Told(format!("more than {MAX_DEPTH} files read each other")));
        }
        let file = File::open(path).map_err(|e| Error::io("reading", Path::new(path), &e))?;
        self.depth += 1;
        let done = self.script(path, &mut BufReader::new(file));
        self.depth -= 1;
        Ok(done?)
    }

    /// The statement that prints these tables, or everything.
    fn script_of(&self, script: &str, tables: &[&str]) -> Result<String, Wrong> {
        let names: Vec<String> = tables.iter().map(|table| Ok(quoted(&self.known(table)?))).collect::<Result<_, Wrong>>()?;
        Ok(if names.is_empty() { script.to_owned() } else { format!("{script} TABLE {}", names.join(", ")) })
    }

    /// The table's name as it was written.
    fn known(&self, table: &str) -> Result<String, Wrong> {
        let names = Names::read(&self.connection).map_err(|e| Wrong::Told(e.to_string()))?;
        match names.table(table) {
            Some((table, _)) => Ok(table.clone()),
            None => Err(Wrong::Told(format!("there is no table or view '{table}'; .tables lists them"))),
        }
    }
}

/// Whether both paths lead to one file that is there.
fn is_one_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The command that a word means: it, or the only one that begins so.
fn full(word: &str) -> Result<&'static str, Wrong> {
    if word == "exit" {
        return Ok("quit");
    }
    let matching: Vec<&str> = COMMANDS.iter().map(|(command, ..)| *command).filter(|command| command.starts_with(word)).collect();
    match matching.as_slice() {
        _ if word.is_empty() => Err(Wrong::Told("a command's name is missing; .help lists them".into())),
        [command] => Ok(command),
        [] => Err(Wrong::Told(format!("there is no command '.{word}'; .help lists them"))),
        some => match some.iter().find(|command| **command == word) {
            Some(command) => Ok(command),
            None => Err(Wrong::Told(format!("'.{word}' can be .{}", some.join(" or .")))),
        },
    }
}

fn usage(word: &str) -> String {
    let found = COMMANDS.iter().find(|(command, ..)| *command == word);
    found.map_or(String::new(), |(word, args, _)| format!("usage: .{word} {args}").trim_end().to_owned())
}

fn switch(word: &str) -> Result<bool, Wrong> {
    match word {
        "on" => Ok(true),
        "off" => Ok(false),
        word => Err(Wrong::Told(format!("on or off is wanted, and not '{word}'"))),
    }
}

/// Words between spaces; quotes of either kind hold one together.
fn arguments(text: &str) -> Result<Vec<String>, String> {
    let mut all: Vec<String> = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            quote @ ('\'' | '"') => {
                let mut word = String::new();
                loop {
                    match chars.next() {
                        Some(c) if c == quote => break,
                        Some(c) => word.push(c),
                        None => return Err(format!("the closing {quote} is missing")),
                    }
                }
                all.push(word);
            }
            c => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
                    word.push(c);
                }
                all.push(word);
            }
        }
    }
    Ok(all)
}
