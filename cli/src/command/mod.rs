//! The commands, one file each: what it is asked (clap derives arguments and help from it), what it does, what it says.

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod chunks;
pub(crate) mod compact;
pub(crate) mod drill;
pub(crate) mod dump;
pub(crate) mod get;
pub(crate) mod info;
pub(crate) mod log;
pub(crate) mod put;
pub(crate) mod remove;
pub(crate) mod restore;
pub(crate) mod salvage;
pub(crate) mod scan;
pub(crate) mod scrub;
pub(crate) mod shell;
pub(crate) mod sql;
pub(crate) mod stats;
pub(crate) mod verify;

use clap::Subcommand;

use crate::error::Result;
use crate::output::Output;

/// Every command, in the order in which the help shows them.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Info(info::Info),
    Stats(stats::Stats),
    Check(check::Check),
    Scrub(scrub::Scrub),
    Chunks(chunks::Chunks),
    Log(log::Log),
    Get(get::Get),
    Scan(scan::Scan),
    Dump(dump::Dump),
    Put(put::Put),
    Remove(remove::Remove),
    Sql(sql::Sql),
    Shell(shell::Shell),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Verify(verify::Verify),
    Salvage(salvage::Salvage),
    Compact(compact::Compact),
    Drill(drill::Drill),
    #[command(hide = true)]
    DrillChild(drill::child::DrillChild),
}

impl Command {
    /// Does it.
    pub(crate) fn run(self, out: &mut Output) -> Result {
        match self {
            Command::Info(command) => command.run(out),
            Command::Stats(command) => command.run(out),
            Command::Check(command) => command.run(out),
            Command::Scrub(command) => command.run(out),
            Command::Chunks(command) => command.run(out),
            Command::Log(command) => command.run(out),
            Command::Get(command) => command.run(out),
            Command::Scan(command) => command.run(out),
            Command::Dump(command) => command.run(out),
            Command::Put(command) => command.run(out),
            Command::Remove(command) => command.run(out),
            Command::Sql(command) => command.run(out),
            Command::Shell(command) => command.run(out),
            Command::Backup(command) => command.run(out),
            Command::Restore(command) => command.run(out),
            Command::Verify(command) => command.run(out),
            Command::Salvage(command) => command.run(out),
            Command::Compact(command) => command.run(out),
            Command::Drill(command) => command.run(out),
            Command::DrillChild(command) => command.run(out),
        }
    }
}
