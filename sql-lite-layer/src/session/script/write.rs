//! Writes a database as statements, in an order in which each finds what it needs: sequences, tables, rows, what counts, indexes and constraints, foreign keys, views,
//! comments. Equal databases give equal scripts: objects come by name, parts of them as they were added.

use std::io::{self, Write};
use std::sync::Arc;

use lz4_flex::frame::{FrameEncoder, FrameInfo};

use super::literal::{push, push_name};
use super::{Compression, ScriptOptions, Watch, definitions, io_error};
use crate::encode::row;
use crate::error::{Error, ErrorKind, Result};
use crate::parse::{Limits, parse};
use crate::plan::plan;
use crate::table::schema::{Schema, Table, View, fold};
use crate::table::{Tables, rows};

/// Rows go on in one INSERT until its text is this long.
const INSERT_BYTES: usize = 64 << 10;

/// Rows between two looks at the clock.
const LOOK_EVERY: u32 = 256;

/// Hears the statements, each with its `;`; false: no more of them.
type Put<'p> = dyn FnMut(&str) -> Result<bool> + 'p;

/// Writes the script to a stream, and flushes it.
pub(super) fn to_stream(
    to: impl Write,
    tables: Tables<'_>,
    schema: &Schema,
    options: &ScriptOptions,
    watch: &Watch<'_>,
) -> Result<()> {
    let failed = |error: io::Error| io_error("write", "the script", &error);
    let lines = |to: &mut dyn Write| {
        statements(tables, schema, options, watch, &mut |text| {
            to.write_all(text.as_bytes()).and_then(|()| to.write_all(b"\n")).map_err(failed)?;
            Ok(true)
        })
    };
    let mut to = io::BufWriter::with_capacity(INSERT_BYTES, to);
    match options.compression {
        Compression::None => lines(&mut to)?,
        Compression::Lz4 => {
            let mut frames = FrameEncoder::with_frame_info(FrameInfo::new().content_checksum(true), &mut to);
            lines(&mut frames)?;
            frames.finish().map_err(|error| failed(error.into()))?;
        }
    }
    to.flush().map_err(failed)
}

/// Gives the script's statements one after the other.
pub(super) fn statements(
    tables: Tables<'_>,
    schema: &Schema,
    options: &ScriptOptions,
    watch: &Watch<'_>,
    put: &mut Put<'_>,
) -> Result<()> {
    let unknown = |name: &&String| {
        let name = fold(name);
        !(schema.tables.contains_key(&name) || schema.views.contains_key(&name) || schema.sequences.contains_key(&name))
    };
    if let Some(name) = options.only.iter().find(unknown) {
        let message = format!("there is no table, view or sequence \"{name}\"");
        return Err(Error::new(ErrorKind::Name, message).with_state("42P01"));
    }
    Writer { tables, schema, options, watch, put, done: false }.run()
}

struct Writer<'w, 'r> {
    tables: Tables<'r>,
    schema: &'w Schema,
    options: &'w ScriptOptions,
    watch: &'w Watch<'w>,
    put: &'w mut Put<'w>,
    /// Nobody hears any more.
    done: bool,
}

impl Writer<'_, '_> {
    fn run(mut self) -> Result<()> {
        let chosen = |name: &str| self.options.only.is_empty() || self.options.only.iter().any(|only| fold(only) == name);
        let tables: Vec<Arc<Table>> =
            self.schema.tables.iter().filter(|(name, _)| chosen(name)).map(|(_, table)| Arc::clone(table)).collect();
        let sequences: Vec<_> =
            self.schema.sequences.iter().filter(|(name, _)| chosen(name)).map(|(_, s)| Arc::clone(s)).collect();
        let views: Vec<Arc<View>> =
            self.schema.views.iter().filter(|(name, _)| chosen(name)).map(|(_, view)| Arc::clone(view)).collect();
        for sequence in &sequences {
            self.put(&definitions::sequence(sequence))?;
            if self.options.data
                && let Some(last) = self.tables.current_value(sequence)?
            {
                let next = i128::from(last) + i128::from(sequence.increment);
                self.put(&definitions::restart_sequence(sequence, Some(next)))?;
            }
        }
        for table in &tables {
            self.put(&definitions::table(table))?;
        }
        if self.options.data {
            for table in &tables {
                self.rows(table)?;
                self.counters(table)?;
            }
        }
        self.constraints(&tables)?;
        self.views(views)?;
        self.comments(&tables)
    }

    fn put(&mut self, text: &str) -> Result<()> {
        self.watch.look()?;
        if !self.done {
            self.done = !(self.put)(text)?;
        }
        Ok(())
    }

    fn rows(&mut self, table: &Table) -> Result<()> {
        let columns: Vec<usize> = table.visible().collect();
        let mut begin = "INSERT INTO ".to_owned();
        push_name(&mut begin, &table.name);
        if columns.iter().any(|at| table.columns[*at].identity.is_some_and(|identity| identity.always)) {
            begin.push_str(" OVERRIDING SYSTEM VALUE");
        }
        begin.push_str(" VALUES\n");
        let mut text = String::with_capacity(2 * INSERT_BYTES);
        let mut count = 0_u32;
        for entry in self.tables.rows(table)?.all()? {
            let (_, row) = entry?;
            if text.is_empty() {
                text.push_str(&begin);
            } else {
                text.push_str(",\n");
            }
            push_row(&mut text, table, &columns, row)?;
            count = count.wrapping_add(1);
            if text.len() >= INSERT_BYTES {
                text.push(';');
                self.put(&text)?;
                if self.done {
                    return Ok(());
                }
                // One long row shall not be paid for to the end.
                text.clear();
                text.shrink_to(2 * INSERT_BYTES);
            } else if count.is_multiple_of(LOOK_EVERY) {
                self.watch.look()?;
            }
        }
        if !text.is_empty() {
            text.push(';');
            self.put(&text)?;
        }
        Ok(())
    }

    /// What identity columns give next. It is said also where none was given and rows are there: loading them may have moved it.
    fn counters(&mut self, table: &Table) -> Result<()> {
        for at in table.visible() {
            let Some(identity) = table.columns[at].identity else { continue };
            let last = self.tables.last_identity(table, at)?;
            if last.is_none() && self.tables.rows(table)?.len() == 0 {
                continue;
            }
            let next = last.map(|last| i128::from(last) + i128::from(identity.increment));
            self.put(&definitions::restart_column(table, at, next))?;
        }
        Ok(())
    }

    /// Foreign keys come when all tables have their unique keys: so their order never matters.
    fn constraints(&mut self, tables: &[Arc<Table>]) -> Result<()> {
        for table in tables {
            for index in &table.indexes {
                if let Some(text) = definitions::index(table, index) {
                    self.put(&text)?;
                }
            }
            for check in &table.checks {
                self.put(&definitions::check(table, &check.name, &check.text))?;
            }
        }
        for table in tables {
            for foreign in &table.foreign {
                if let Some(text) = definitions::foreign_key(table, foreign, self.schema) {
                    self.put(&text)?;
                }
            }
        }
        Ok(())
    }

    /// Views in rounds: each gives those that need none of the views that are left. No chain of views is longer than what the planner allows.
    fn views(&mut self, mut left: Vec<Arc<View>>) -> Result<()> {
        let mut known = self.schema.clone();
        known.views.retain(|_, view| !left.iter().any(|other| Arc::ptr_eq(view, other)));
        while !left.is_empty() {
            let mut waiting = Vec::new();
            let before = left.len();
            for view in std::mem::take(&mut left) {
                if is_readable(&view, &known) {
                    self.put(&definitions::view(&view.name, &view.columns, &view.text))?;
                    known.views.insert(fold(&view.name), view);
                } else {
                    waiting.push(view);
                }
            }
            if waiting.len() == before {
                // None of them can be read: they are told as they stand.
                for view in waiting {
                    self.put(&definitions::view(&view.name, &view.columns, &view.text))?;
                }
                return Ok(());
            }
            left = waiting;
        }
        Ok(())
    }

    fn comments(&mut self, tables: &[Arc<Table>]) -> Result<()> {
        for table in tables {
            if let Some(text) = &table.comment {
                self.put(&definitions::comment(&table.name, None, text))?;
            }
            for at in table.visible() {
                let column = &table.columns[at];
                if let Some(text) = &column.comment {
                    self.put(&definitions::comment(&table.name, Some(&column.name), text))?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a view's text can be planned.
fn is_readable(view: &View, schema: &Schema) -> bool {
    let parsed = parse(&view.text, &Limits::default());
    parsed.is_ok_and(|parsed| parsed.first().is_some_and(|parsed| plan(parsed, schema).is_ok()))
}

/// Appends a stored row as `(1, 'a')`.
fn push_row(out: &mut String, table: &Table, columns: &[usize], stored: &[u8]) -> Result<()> {
    let mut failed = None;
    out.push('(');
    row::read(stored, columns.iter().copied(), |nth, value| {
        if nth > 0 {
            out.push_str(", ");
        }
        match value {
            Some(value) => push(out, &value),
            None => match rows::missing(&table.columns[columns[nth]]) {
                Ok(value) => push(out, &value),
                Err(e) => failed = Some(e),
            },
        }
    })?;
    out.push(')');
    failed.map_or(Ok(()), Err)
}
