//! Lines typed at a terminal: a statement is edited as a whole, over several lines, with history and completion.
//!
//! The history stands in the user's state directory, readable by its owner alone. A line that begins with a space is not kept.

use std::borrow::Cow;
use std::fs::{DirBuilder, File};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Helper};

use super::dot::COMMANDS;
use super::names::Names;
use super::script::Script;
use super::show::Mode;
use super::words::{INFORMATION, KEYWORDS, is_plain};
use crate::error::{Error, Exit, Result};
use crate::output::tell;

/// Statements that the history keeps.
const MAX_HISTORY: usize = 10_000;

/// See the file's head.
pub(crate) struct Editor {
    editor: rustyline::Editor<Typing, FileHistory>,
    history: Option<PathBuf>,
}

/// What was typed.
pub(crate) enum Typed {
    /// Statements and commands, complete, over one or several lines.
    Text(String),
    /// Ctrl-C: what was typed is thrown away.
    Cleared,
    /// Ctrl-D on an empty line.
    Left,
}

impl Editor {
    /// An editor whose history stands in `history`; without one it is forgotten at the end.
    pub(crate) fn new(history: Option<PathBuf>) -> Result<Editor> {
        let failed = |e: ReadlineError| Error::Told(Exit::Other, format!("the terminal: {e}"));
        let config = Config::builder().max_history_size(MAX_HISTORY).map_err(failed)?;
        let config = config.history_ignore_space(true).completion_type(CompletionType::List).build();
        let mut editor = rustyline::Editor::with_config(config).map_err(failed)?;
        editor.set_helper(Some(Typing::default()));
        let mut editor = Editor { editor, history };
        if let Some(path) = &editor.history
            && let Err(e) = prepare(path).and_then(|()| editor.editor.load_history(path).map_err(into_io))
        {
            // A person who cannot keep a history can still work.
            tell(format_args!("treering: no history is kept in {}: {e}", path.display()));
            editor.history = None;
        }
        Ok(editor)
    }

    /// Completes by these names from now on.
    pub(crate) fn set_names(&mut self, names: Names) {
        if let Some(typing) = self.editor.helper_mut() {
            typing.names = names;
        }
    }

    /// Reads the next text.
    pub(crate) fn read(&mut self, prompt: &str) -> Result<Typed> {
        match self.editor.readline(prompt) {
            Ok(text) => {
                self.keep(&text);
                Ok(Typed::Text(text))
            }
            Err(ReadlineError::Interrupted) => Ok(Typed::Cleared),
            Err(ReadlineError::Eof) => Ok(Typed::Left),
            Err(e) => Err(Error::Told(Exit::Other, format!("the terminal: {e}"))),
        }
    }

    /// Adds a text to the history, at once: what follows may be a kill.
    fn keep(&mut self, text: &str) {
        let added = self.editor.add_history_entry(text);
        let (Ok(true), Some(path)) = (added, &self.history) else { return };
        if let Err(e) = self.editor.append_history(path) {
            tell(format_args!("treering: no history is kept in {}: {e}", path.display()));
            self.history = None;
        }
    }
}

/// Where the history stands unless the user says otherwise: the state directory of XDG, or what Windows has for it.
pub(crate) fn default_history() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = if cfg!(windows) {
        var("LOCALAPPDATA")
    } else {
        // XDG: a path that is not absolute is to be ignored.
        let state = var("XDG_STATE_HOME").filter(|path| path.is_absolute());
        state.or_else(|| var("HOME").map(|home| home.join(".local").join("state")))
    };
    state.map(|state| state.join("treering").join("history"))
}

/// Makes the file with its folders if it is not there, for its owner alone.
fn prepare(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // One that is there already may have been made by others.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    drop(file);
    Ok(())
}

fn into_io(error: ReadlineError) -> std::io::Error {
    match error {
        ReadlineError::Io(error) => error,
        error => std::io::Error::other(error.to_string()),
    }
}

/// The command that is meant by a word alone, as other shells have them: no statement is as short.
pub(crate) fn plain_word(text: &str) -> Option<&'static str> {
    match text.trim().trim_end_matches(';') {
        "exit" | "quit" | "\\q" => Some(".quit"),
        "help" | "\\?" => Some(".help"),
        _ => None,
    }
}

/// What happens while a person types.
#[derive(Default)]
struct Typing {
    names: Names,
    files: FilenameCompleter,
}

impl Helper for Typing {}
impl Hinter for Typing {
    type Hint = String;
}
impl Highlighter for Typing {
    fn highlight_candidate<'c>(&self, candidate: &'c str, _completion: CompletionType) -> Cow<'c, str> {
        Cow::Borrowed(candidate)
    }
}

impl Validator for Typing {
    /// Enter begins another line as long as a statement is open.
    fn validate(&self, ctx: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let mut script = Script::new();
        if plain_word(ctx.input()).is_some() {
            return Ok(ValidationResult::Valid(None));
        }
        ctx.input().lines().for_each(|line| drop(script.line(line)));
        Ok(if script.is_between() { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Completer for Typing {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, ctx: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = &line[..pos];
        if let Some((command, _)) = typed.split_once(char::is_whitespace)
            && (".read".starts_with(command) || ".output".starts_with(command))
            && command.len() > 2
        {
            return self.files.complete(line, pos, ctx);
        }
        let (at, candidates) = candidates(typed, &self.names);
        Ok((at, candidates.into_iter().map(|text| Pair { display: text.clone(), replacement: text }).collect()))
    }
}

/// What can stand for the word that `typed` ends with, and where that word begins.
fn candidates(typed: &str, names: &Names) -> (usize, Vec<String>) {
    if typed.starts_with('.') && !typed.contains(char::is_whitespace) {
        let commands = COMMANDS.iter().map(|(command, ..)| format!(".{command}"));
        return (0, commands.filter(|command| command.starts_with(typed)).collect());
    }
    let at = typed
        .rfind(|c: char| !(c.is_alphanumeric() || c == '_'))
        .map_or(0, |at| at + typed[at..].chars().next().map_or(1, char::len_utf8));
    let (before, word) = typed.split_at(at);
    let fits = |name: &str| name.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    let quote = |name: &str| if is_plain(name) { name.to_owned() } else { super::show::quoted(name) };
    let all_columns = || names.tables.iter().flat_map(|(_, columns)| columns.as_slice());
    let mut found: Vec<String> = if typed.starts_with(".mode") {
        let modes = Mode::value_variants().iter().filter_map(|mode| Some(mode.to_possible_value()?.get_name().to_owned()));
        modes.filter(|mode| fits(mode)).collect()
    } else if let Some(owner) = before.strip_suffix('.') {
        // Behind a table's name and a dot stand its columns; behind an alias any may.
        let owner = owner.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        match names.table(owner) {
            None if owner.eq_ignore_ascii_case("INFORMATION_SCHEMA") => {
                INFORMATION.iter().filter(|name| fits(name)).map(|name| (*name).to_owned()).collect()
            }
            Some((_, columns)) => columns.iter().filter(|name| fits(name)).map(|name| quote(name)).collect(),
            None => all_columns().filter(|name| fits(name)).map(|name| quote(name)).collect(),
        }
    } else if word.is_empty() && !typed.starts_with('.') {
        // Everything could stand here: that helps nobody.
        Vec::new()
    } else {
        let tables = names.tables.iter().map(|(table, _)| table);
        let own: Vec<&String> = match typed.starts_with('.') {
            true => tables.collect(),
            false => tables.chain(all_columns()).chain(&names.indexes).chain(&names.sequences).collect(),
        };
        let is_small = !word.contains(char::is_uppercase);
        let keywords = KEYWORDS.iter().filter(|keyword| fits(keyword) && !typed.starts_with('.'));
        let keywords = keywords.map(|keyword| if is_small { keyword.to_lowercase() } else { (*keyword).to_owned() });
        own.into_iter().filter(|name| fits(name)).map(|name| quote(name)).chain(keywords).collect()
    };
    found.sort_unstable();
    found.dedup();
    (at, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is offered behind a text: names of the schema, keywords in the case of what was typed, commands.
    #[test]
    fn words_are_completed() {
        let names = Names {
            tables: vec![
                ("tasks".into(), vec!["id".into(), "task_name".into(), "größe".into()]),
                ("jobs".into(), vec!["id".into(), "two words".into()]),
            ],
            indexes: vec!["tasks_by_state".into()],
            sequences: Vec::new(),
        };
        let check = |typed: &str, at: usize, expected: &[&str]| {
            assert_eq!(candidates(typed, &names), (at, expected.iter().map(|s| (*s).to_owned()).collect()), "{typed}");
        };
        check("SELECT * FROM tas", 14, &["task_name", "tasks", "tasks_by_state"]);
        check("SELECT tasks.", 13, &["größe", "id", "task_name"]);
        check("SELECT jobs.T", 12, &["\"two words\""]);
        check("SELECT t.ta", 9, &["task_name"]);
        check("sele", 0, &["select"]);
        check("SELE", 0, &["SELECT"]);
        check("SELECT grö", 7, &["größe"]);
        check(
            "SELECT größe, i",
            16,
            &[
                "id",
                "identity",
                "if",
                "in",
                "index",
                "information_schema",
                "inner",
                "insert",
                "integer",
                "intersect",
                "into",
                "is",
            ],
        );
        check("FROM information_schema.tab", 24, &["TABLES", "TABLE_CONSTRAINTS"]);
        check(".mode j", 6, &["json"]);
        check(".ti", 0, &[".timer"]);
        check(".schema ta", 8, &["tasks"]);
        check(".schema ", 8, &["jobs", "tasks"]);
        check("SELECT ", 7, &[]);
        check("", 0, &[]);
    }
}
