//! `treering sql`: statements in, results out.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use treering_sql::CancelHandle;

use crate::error::{Error, Result};
use crate::interrupt;
use crate::output::{Output, tell};
use crate::sql::console::{Console, Flow, Settings, terminal_width};
use crate::sql::open::DatabasePath;
use crate::sql::show::{Form, Mode};

const EXAMPLES: &str = "\
Examples:
  treering sql cluster.ring \"SELECT state, COUNT(*) FROM tasks GROUP BY state\"
  treering sql cluster.ring --mode csv \"SELECT * FROM tasks\" > tasks.csv
  treering sql new.ring --create --file schema.sql
  treering sql cluster.ring .tables
  treering sql backup.blob --json \"SELECT * FROM jobs\" | jq .name

Statements end with ';', the last one of a text may go without. A line that begins with a dot is
a command as in the shell; .help lists them. Each statement commits by itself unless BEGIN has
opened a transaction; what is open at the end is rolled back, and that is a failure.

Exit codes: 0 all succeeded; 1 a statement or a command failed, or a transaction was left open;
others as for every command (treering --help).";

/// Run statements of SQL and print what they give
///
/// The statements are arguments, the lines of a file, or standard input. The first that fails ends it, with the place, the statement and exit code 1.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Sql {
    #[command(flatten)]
    database: DatabasePath,
    /// Statements, or commands that begin with a dot; without any they are read from standard input
    #[arg(value_name = "STATEMENT")]
    statements: Vec<String>,
    /// Read the statements from this file; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "statements")]
    file: Option<PathBuf>,
    /// Go on behind a statement that fails; the exit code is that of the first
    #[arg(long)]
    keep_going: bool,
    #[command(flatten)]
    results: Results,
}

/// How results are shown.
#[derive(Args, Debug)]
pub(crate) struct Results {
    /// The form of results
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    mode: Mode,
    /// Print a JSON object a line: --mode json
    #[arg(long, conflicts_with = "mode")]
    json: bool,
    /// The text of NULL [default: the mode's own]
    #[arg(long, value_name = "TEXT")]
    null: Option<String>,
    /// Print the columns' names
    #[arg(long, value_name = "ON|OFF", default_value = "on", value_parser = ["on", "off"])]
    header: String,
    /// The table that --mode insert names
    #[arg(long, value_name = "TABLE", default_value = "result")]
    into: String,
    /// Say how long each statement took
    #[arg(long)]
    timer: bool,
}

impl Results {
    /// What they ask for, for a person who types or for a program.
    pub(super) fn settings(self, interactive: bool) -> Result<Settings> {
        let mode = if self.json { Mode::Json } else { self.mode };
        let form = Form { mode, null: self.null, header: self.header == "on", into: self.into, width: terminal_width() };
        form.check().map_err(Error::usage)?;
        Ok(Settings { form, timer: self.timer, explain: false, keep_going: false, interactive })
    }
}

impl Sql {
    pub(crate) fn run(self, out: &mut Output) -> Result {
        let opened = self.database.open()?;
        let settings = Settings { keep_going: self.keep_going, ..self.results.settings(false)? };
        let mut console = Console::new(&opened, settings, out);
        stop_by(console.cancel_handle())?;
        match (&self.file, self.statements.as_slice()) {
            (None, [one]) => {
                console.batch("the statement", &mut one.as_bytes())?;
            }
            (None, some @ [_, ..]) => {
                for (i, text) in some.iter().enumerate() {
                    if console.batch(&format!("argument {}", i + 1), &mut text.as_bytes())? == Flow::Quit {
                        break;
                    }
                }
            }
            (Some(file), _) if file != Path::new("-") => {
                let text = File::open(file).map_err(|e| Error::io("reading", file, &e))?;
                console.batch(&file.display().to_string(), &mut BufReader::new(text))?;
            }
            _ => {
                if io::stdin().is_terminal() {
                    tell("reading statements up to Ctrl-D; `treering shell` is made for typing them");
                }
                console.batch("standard input", &mut io::stdin().lock())?;
            }
        }
        console.finish()
    }
}

/// From now on Ctrl-C cancels the statement that runs and ends the program; a second one ends it at once.
pub(super) fn stop_by(handle: CancelHandle) -> Result {
    interrupt::calls(move || {
        if interrupt::ask() {
            interrupt::end();
        }
        // A statement that begins just now would not hear of it, so it is said again until the program has ended.
        let handle = handle.clone();
        std::thread::spawn(move || {
            loop {
                handle.cancel();
                std::thread::park_timeout(Duration::from_millis(10));
            }
        });
    })
}
