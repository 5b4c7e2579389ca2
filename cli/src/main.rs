//! `treering`: look into a store, change it, check it, back it up, and drill it.
//!
//! ```text
//!   command/*      one file a command: arguments, work, words
//!   sql            what the commands for SQL share
//!   store, text, units, table, progress, interrupt      what they share
//!   output         the only way to standard output
//!   error          exit codes, and the one message on standard error
//! ```
//!
//! It stands on the public names of the engine, the SQL layer and the scheduler only; what it cannot know by them, nobody who embeds the engine can.
#![forbid(unsafe_code)]

mod command;
mod error;
mod interrupt;
mod output;
mod progress;
mod sql;
mod store;
mod table;
mod text;
mod units;

use std::process::ExitCode;

use clap::Parser;

use crate::error::Error;
use crate::output::Output;

const EXIT_CODES: &str = "\
Exit codes:
  0    done, and the answer is yes
  1    the answer is no: a check found problems, a promise was broken, a key is not there,
       a statement of SQL failed
  2    the command or an input of it is wrong
  3    the file is damaged
  4    somebody else has the file open
  5    anything else: no space, no permission, a file of another build
  130  interrupted

A store is one file. Commands that only look open it for reading, beside other readers; while a
program writes to it, it is locked, and they say so.";

/// Look into a Treering store, change it, check it, back it up, and drill it
#[derive(Parser, Debug)]
#[command(name = "treering", version, after_help = EXIT_CODES, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: command::Command,
}

fn main() -> ExitCode {
    // clap ends the program by itself for --help (0) and for wrong arguments (2).
    let cli = Cli::parse();
    let mut out = Output::new();
    let done = cli.command.run(&mut out);
    // The command's own error comes first.
    match done.and(out.flush()) {
        Ok(()) | Err(Error::NobodyReads) => ExitCode::SUCCESS,
        Err(Error::Silent(exit)) => ExitCode::from(exit as u8),
        Err(Error::Told(exit, message)) => {
            output::tell(format_args!("treering: {message}"));
            ExitCode::from(exit as u8)
        }
    }
}
