//! Scripts: the whole database as SQL, written and run.
//!
//! ```text
//!   snapshot ─► write: sequences, tables, rows, indexes and constraints, foreign keys, views, comments ─► text ─► read: a statement at a time ─► run: one transaction
//!                 definitions, literal                                                                      rows into new tables ─► bulk load
//! ```
//!
//! 1. What is written shows one moment: that of a snapshot, or of the transaction that writes it. Nobody waits for it.
//! 2. It reads back as the same database: the script of what it makes is equal to it byte for byte. What differs is what no script shows: dropped columns are gone for good,
//!    and an index that was made for a foreign key is made again only if the key needs one.
//! 3. Neither direction holds more than a piece of it in memory.
//! 4. A script is run whole or not at all.

mod definitions;
mod file;
mod literal;
mod packed;
mod read;
mod run;
mod write;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::connection::{Connection, State};
use super::database::Files;
use super::given::Given;
use super::row::{Column, Row};
use super::snapshot::Snapshot;
use super::statement::EachWith;
use crate::error::{Error, ErrorKind, Result};
use crate::parse::ast;
use crate::table::schema::Schema;
use crate::table::{Open, Tables};
use crate::types::{DataType, Value};

/// What of a database becomes a script, and how: everything, as plain text, unless it is said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptOptions {
    /// Whether rows are written, and what identity columns and sequences gave last. Default: yes.
    pub data: bool,
    /// Names of the tables, views and sequences that alone are written; empty: all. What they refer to is not written for them. Default: empty.
    pub only: Vec<String>,
    /// How the text is compressed. Default: not at all.
    pub compression: Compression,
}

impl Default for ScriptOptions {
    fn default() -> ScriptOptions {
        ScriptOptions { data: true, only: Vec::new(), compression: Compression::None }
    }
}

/// How a script's text is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Plain UTF-8.
    #[default]
    None,
    /// The LZ4 frame format, as the tool `lz4` reads and writes it, with a checksum of the whole.
    Lz4,
}

impl Compression {
    fn of(compressed: bool) -> Compression {
        if compressed { Compression::Lz4 } else { Compression::None }
    }
}

impl Snapshot {
    /// Writes the database as a script: statements that make it again in an empty database, each ending with `;` and a line's end. What SCRIPT does.
    ///
    /// Every value reads back exactly. The memory needed is that of one row and some 64 KiB. `to` is written in pieces of that size, and flushed at the end.
    ///
    /// # Errors
    /// `Io` for what `to` says; `Name` if [`ScriptOptions::only`] names what is not there; `Store`.
    pub fn write_script(&self, to: impl io::Write, options: &ScriptOptions) -> Result<()> {
        let reader = self.engine.reader();
        let watch = Watch { cancelled: None, deadline: self.limits().time.and_then(|time| Instant::now().checked_add(time)) };
        write::to_stream(to, Tables::of_reader(&reader), &self.known.schema, options, &watch)
    }
}

impl Connection {
    /// Writes the database as a script, as the transaction that is open sees it, or as it is now: [`Snapshot::write_script`].
    ///
    /// # Errors
    /// As [`Snapshot::write_script`]; `Cancelled`, `TimedOut`.
    pub fn write_script(&self, to: impl io::Write, options: &ScriptOptions) -> Result<()> {
        let deadline = self.limits().time.and_then(|time| Instant::now().checked_add(time));
        let watch = Watch { cancelled: Some(self.begin_statement()), deadline };
        self.with_tables(|tables, schema| write::to_stream(to, tables, schema, options, &watch))
    }

    /// Runs the statements of a script one after the other, in the transaction that is open or in one of its own; gives how many there were. All of them or none: after an error the
    /// transaction, or what the script did in the one that was open, is undone.
    ///
    /// The script is read in pieces: a statement is in memory at a time, and may be as long as [`Limits::memory_bytes`](super::Limits::memory_bytes). INSERTs of literals into an empty
    /// table without checks and foreign keys are loaded in bulk, so that what [`Connection::write_script`] wrote is restored fast. BEGIN, COMMIT and the like, SCRIPT and RUNSCRIPT
    /// are refused in it.
    ///
    /// # Errors
    /// `Io` for what `from` says; whatever a statement gives, with its place in the script and its beginning. Rows that are loaded in bulk are checked at their end: an error about them
    /// names the first of their statements.
    pub fn run_script(&self, from: impl io::Read, compression: Compression) -> Result<u64> {
        let limits = self.limits();
        let deadline = limits.time.and_then(|time| Instant::now().checked_add(time));
        let watch = Watch { cancelled: Some(self.begin_statement()), deadline };
        self.run_stream(from, compression, &watch)
    }

    /// SCRIPT.
    pub(super) fn script(&self, script: &ast::Script, given: &Given<'_>, each: &mut EachWith<'_>) -> Result<()> {
        let watch = Watch::of(given);
        let files = given.limits.files;
        self.with_tables(|tables, schema| script_over(tables, schema, script, files, &watch, each))
    }

    /// RUNSCRIPT.
    pub(super) fn script_from(&self, from: &str, compressed: bool, given: &Given<'_>) -> Result<()> {
        given.limits.files.allow("RUNSCRIPT FROM")?;
        let opened = std::fs::File::open(from).map_err(|error| io_error("open", &format!("'{from}'"), &error))?;
        let run = self.run_stream(opened, Compression::of(compressed), &Watch::of(given));
        // The place is one of the file, not of the statement that is running.
        run.map(drop).map_err(|error| error.in_file(from))
    }

    /// The tables as a query would see them now.
    fn with_tables<T>(&self, work: impl FnOnce(Tables<'_>, &Schema) -> Result<T>) -> Result<T> {
        let engine = match &*self.state()? {
            State::Writing(writing) => {
                writing.check()?;
                let open = Open::new(&writing.txn);
                return work(open.tables(), &writing.schema);
            }
            State::Reading { engine, .. } => engine.clone(),
            State::Idle => self.database.shared.store.snapshot(),
        };
        let known = self.database.shared.schemas.of(&engine)?;
        let reader = engine.reader();
        work(Tables::of_reader(&reader), &known.schema)
    }
}

impl Snapshot {
    /// SCRIPT.
    pub(super) fn script(&self, script: &ast::Script, given: &Given<'_>, each: &mut EachWith<'_>) -> Result<()> {
        let reader = self.engine.reader();
        script_over(Tables::of_reader(&reader), &self.known.schema, script, given.limits.files, &Watch::of(given), each)
    }
}

/// SCRIPT's only column.
pub(super) fn columns() -> Arc<[Column]> {
    Arc::new([Column { name: "SCRIPT".into(), data_type: DataType::TEXT }])
}

fn script_over(
    tables: Tables<'_>,
    schema: &Schema,
    script: &ast::Script,
    files: Files,
    watch: &Watch<'_>,
    each: &mut EachWith<'_>,
) -> Result<()> {
    let only = script.only.iter().map(|name| name.name.clone()).collect();
    let options = ScriptOptions { data: script.data, only, compression: Compression::of(script.compressed) };
    if let Some(to) = &script.to {
        files.allow("SCRIPT TO")?;
        let mut file = file::NewFile::begin(to)?;
        write::to_stream(file.writer(), tables, schema, &options, watch)?;
        return file.place();
    }
    let columns = columns();
    write::statements(tables, schema, &options, watch, &mut |text| {
        let row = vec![Value::from(text)];
        each(&columns, Row::new(&columns, &row))
    })
}

/// Who may end a script before its end.
struct Watch<'w> {
    cancelled: Option<&'w AtomicBool>,
    deadline: Option<Instant>,
}

impl<'w> Watch<'w> {
    fn of(given: &Given<'w>) -> Watch<'w> {
        let deadline = given.limits.time.and_then(|time| Instant::now().checked_add(time));
        Watch { cancelled: given.cancelled, deadline }
    }

    /// # Errors
    /// `Cancelled`, `TimedOut`.
    fn look(&self) -> Result<()> {
        // Relaxed: the flag guards nothing but itself.
        if self.cancelled.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(Error::new(ErrorKind::Cancelled, "the statement was cancelled"));
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Error::new(ErrorKind::TimedOut, "the statement's time ran out")),
            _ => Ok(()),
        }
    }
}

/// An error of a stream or a file that is the caller's.
fn io_error(what: &str, of: &str, error: &io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot {what} {of}: {error}"))
}
