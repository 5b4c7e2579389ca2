//! `treering shell`: SQL typed at a terminal.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use treering_sql::CancelHandle;

use super::sql::{Results, stop_by};
use crate::error::Result;
use crate::output::{Output, tell};
use crate::sql::console::{Console, Flow};
use crate::sql::editor::{self, Editor, Typed};
use crate::sql::failure::Failure;
use crate::sql::open::{DatabasePath, Opened, ReadOnly};
use crate::sql::script::Script;
use crate::{interrupt, units};

const KEYS: &str = "\
A statement ends with ';' and may take several lines. A line that begins with a dot is a command;
.help lists them. Tab completes, the arrows go through the history, Ctrl-R searches it. Ctrl-C
cancels the statement that runs, or clears what was typed; Ctrl-D leaves. A transaction that is
open then is rolled back.

The history stands in $XDG_STATE_HOME/treering/history (~/.local/state by default), readable by
you alone. A line that begins with a space is not kept; --no-history keeps none.

Without a terminal it is `treering sql` on standard input.";

/// Type statements of SQL and look at what they give
#[derive(Args, Debug)]
#[command(after_help = KEYS)]
pub(crate) struct Shell {
    #[command(flatten)]
    database: DatabasePath,
    /// Keep no history, and show none of earlier times
    #[arg(long)]
    no_history: bool,
    /// Keep the history in this file instead
    #[arg(long, value_name = "FILE", conflicts_with = "no_history")]
    history: Option<PathBuf>,
    #[command(flatten)]
    results: Results,
}

/// Counts up when what was typed begins to run, and when it has ended: odd, it runs.
static RUNS: AtomicU64 = AtomicU64::new(0);

impl Shell {
    pub(crate) fn run(self, out: &mut Output) -> Result {
        let opened = self.database.open()?;
        if !io::stdin().is_terminal() {
            let mut console = Console::new(&opened, self.results.settings(false)?, out);
            stop_by(console.cancel_handle())?;
            console.batch("standard input", &mut io::stdin().lock())?;
            return console.finish();
        }
        let history = if self.no_history { None } else { self.history.or_else(editor::default_history) };
        let mut editor = Editor::new(history)?;
        welcome(&self.database, &opened, out)?;
        let mut console = Console::new(&opened, self.results.settings(true)?, out);
        cancel_by(console.cancel_handle())?;
        type_on(&mut editor, &mut console)?;
        if console.is_in_transaction() {
            tell("the open transaction is rolled back");
        }
        Ok(())
    }
}

/// From now on Ctrl-C cancels what runs.
///
/// While a line is edited Ctrl-C is a key and no signal: then somebody else sent it, as who closes the terminal does, and the program ends.
fn cancel_by(handle: CancelHandle) -> Result {
    #[cfg(unix)]
    let before = rustix::termios::tcgetattr(io::stdin()).ok();
    interrupt::calls(move || {
        #[cfg(unix)]
        if let Some(before) = &before {
            use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
            if tcgetattr(io::stdin()).is_ok_and(|now| !now.local_modes.contains(LocalModes::ICANON)) {
                // Whoever uses the terminal next expects it to give lines; nobody is left to tell of a failure.
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
                interrupt::end();
            }
        }
        // Relaxed: the number carries nothing but itself. A statement that begins just now would not hear of it, so it is said again.
        let (handle, run) = (handle.clone(), RUNS.load(Ordering::Relaxed));
        std::thread::spawn(move || {
            while run % 2 == 1 && RUNS.load(Ordering::Relaxed) == run {
                handle.cancel();
                std::thread::park_timeout(Duration::from_millis(10));
            }
        });
    })
}

fn welcome(path: &DatabasePath, opened: &Opened, out: &mut Output) -> Result {
    let version = units::count(opened.database.store().snapshot().version());
    let reading = match opened.read_only {
        Some(ReadOnly::Blob) => ", a blob, opened for reading",
        Some(ReadOnly::Asked) => ", opened for reading",
        None => "",
    };
    out.line(format_args!("Treering {}: {}, version {version}{reading}", env!("CARGO_PKG_VERSION"), path.name()))?;
    out.line(".help lists the commands, Ctrl-D leaves")?;
    out.flush()
}

/// Reads and runs until the person leaves.
fn type_on(editor: &mut Editor, console: &mut Console<'_>) -> Result {
    loop {
        // Where the names cannot be read, the next statement will say why.
        editor.set_names(console.names().unwrap_or_default());
        let prompt = if console.is_in_transaction() { "treering*> " } else { "treering> " };
        let text = match editor.read(prompt)? {
            Typed::Text(text) => text,
            Typed::Cleared => continue,
            Typed::Left => return Ok(()),
        };
        console.fit_terminal();
        RUNS.fetch_add(1, Ordering::Relaxed);
        let flow = run(console, editor::plain_word(&text).unwrap_or(&text));
        RUNS.fetch_add(1, Ordering::Relaxed);
        if flow? == Flow::Quit {
            return Ok(());
        }
    }
}

/// Runs what was typed, up to what fails.
fn run(console: &mut Console<'_>, text: &str) -> Result<Flow> {
    let mut script = Script::new();
    let mut items: Vec<_> = text.lines().flat_map(|line| script.line(line)).collect();
    items.extend(script.end());
    for item in &items {
        match console.run(item, None) {
            Ok(Flow::On) => {}
            Ok(Flow::Quit) => return Ok(Flow::Quit),
            Err(Failure::Program(error)) => return Err(error),
            Err(Failure::Statement(_, message)) => {
                console.complain(&message)?;
                break;
            }
        }
    }
    Ok(Flow::On)
}
