//! The commits that a file's log still holds, in order, with what each of them changed.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Access, Disk, FileDisk};
use crate::error::Result;
use crate::format::change::{self, Changes, Commits};
use crate::format::record::RecordKind;
use crate::format::seal::Seal;
use crate::format::{TableId, Version};
use crate::log::history;
use crate::log::recover::{self, Bodies, Walk};

/// A commit in the log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Commit<'a> {
    /// The version that it made.
    pub version: u64,
    /// Offset in the file of the record that it is in.
    pub offset: u64,
    /// Length of its changes in the record; 0 if it has no record.
    pub bytes: u64,
    /// False for a commit that was too large for a record: a checkpoint made it durable, and its changes are not in the log.
    pub recorded: bool,
    /// What it changed, in the order in which it was done.
    pub changes: Vec<Change<'a>>,
}

/// One change of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change<'a> {
    /// The table. Before the oldest seal in the log it may be shown by the name that it got later; one that is nowhere named
    /// is `#` and its number.
    pub table: Arc<str>,
    /// What was done.
    pub action: Action<'a>,
}

/// What a change does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action<'a> {
    /// `key` has `value` from now on.
    Put {
        /// The key.
        key: &'a [u8],
        /// The value.
        value: &'a [u8],
    },
    /// `key` is gone.
    Remove {
        /// The key.
        key: &'a [u8],
    },
    /// Every key within the bounds is gone.
    RemoveRange {
        /// Lower bound.
        start: Bound<&'a [u8]>,
        /// Upper bound.
        end: Bound<&'a [u8]>,
    },
    /// The table is new.
    CreateTable {
        /// Whether its pages are compressed.
        lz4: bool,
    },
    /// The table is gone with all its entries.
    DropTable,
    /// The table has another name from now on.
    RenameTable {
        /// The new name.
        to: &'a str,
    },
}

/// What the log of a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogSummary {
    /// The newest version.
    pub version: u64,
    /// Version of the newest seal: recovery replays what is beyond.
    pub sealed: u64,
    /// The oldest commit that is still in the log; commits before it were absorbed by a seal, and their room was used again. None if
    /// no commit is left.
    pub oldest: Option<u64>,
}

/// Every commit that the log of the file at `path` still holds, ascending by version, `from` on (included), until `each` breaks.
pub(crate) fn commits(path: &Path, from: u64, each: &mut dyn FnMut(&Commit<'_>) -> ControlFlow<()>) -> Result<LogSummary> {
    let disk = FileDisk::open(path, Access::Read)?;
    read(&disk, from, each).map_err(|e| e.of_file(disk.name()))
}

/// The same for what is on `disk`.
pub(crate) fn read(disk: &dyn Disk, from: u64, each: &mut dyn FnMut(&Commit<'_>) -> ControlFlow<()>) -> Result<LogSummary> {
    let headers = recover::choose_header(disk)?;
    let walk = history::extend(disk, &headers, recover::walk(disk, &headers)?)?;
    let mut bodies = Bodies::new(disk, &walk);
    let mut names = Names::of_seals(&walk, &mut bodies)?;
    let sealed = walk.records.get(walk.seal).map_or(0, |seal| seal.head.version.0);
    let mut summary = LogSummary { version: walk.last.0, sealed, oldest: None };
    let (mut last, mut go_on) = (None::<Version>, true);
    for found in &walk.records {
        let head = &found.head;
        if head.kind == RecordKind::Seal {
            let unrecorded = last.is_some_and(|last| head.version == last.next());
            if unrecorded {
                summary.oldest.get_or_insert(head.version.0);
            }
            if unrecorded && go_on && head.version.0 >= from {
                let (version, offset) = (head.version.0, found.offset);
                let commit = Commit { version, offset, bytes: 0, recorded: false, changes: Vec::new() };
                go_on = each(&commit).is_continue();
            }
            last = Some(last.map_or(head.version, |last| last.max(head.version)));
            continue;
        }
        summary.oldest.get_or_insert(head.first_version().0);
        last = Some(head.version);
        let mut version = head.first_version();
        for bytes in Commits::new(bodies.get(found)?, head.commit_count) {
            if !go_on {
                break;
            }
            let place = |e: crate::error::Error| e.within(format_args!("record {} at {}", head.number, found.offset));
            let bytes = bytes.map_err(place)?;
            let changes = Changes::new(bytes).map(|change| change.map(|change| names.apply(&change)));
            let changes = changes.collect::<Result<Vec<_>>>().map_err(place)?;
            if version.0 >= from {
                let (offset, bytes) = (found.offset, bytes.len() as u64);
                go_on = each(&Commit { version: version.0, offset, bytes, recorded: true, changes }).is_continue();
            }
            version = version.next();
        }
        if !go_on {
            break;
        }
    }
    Ok(summary)
}

/// Names of tables at a point of the log.
#[derive(Default)]
struct Names(BTreeMap<TableId, Arc<str>>);

impl Names {
    /// The first name that a seal of the walk gives to each table; changes on the way give it others.
    fn of_seals(walk: &Walk, bodies: &mut Bodies<'_>) -> Result<Names> {
        let mut names = Names::default();
        for found in walk.records.iter().filter(|found| found.head.kind == RecordKind::Seal) {
            let seal = Seal::decode(bodies.get(found)?)?;
            for table in seal.tables {
                names.0.entry(table.id).or_insert_with(|| table.name.into());
            }
        }
        Ok(names)
    }

    fn name(&self, table: TableId) -> Arc<str> {
        self.0.get(&table).cloned().unwrap_or_else(|| format!("#{table}").into())
    }

    /// The change with its table's name at that moment.
    fn apply<'a>(&mut self, change: &change::Change<'a>) -> Change<'a> {
        use change::Change as Stored;
        let (table, action) = match *change {
            Stored::Put { table, key, value } => (self.name(table), Action::Put { key, value }),
            Stored::Remove { table, key } => (self.name(table), Action::Remove { key }),
            Stored::RemoveRange { table, start, end } => (self.name(table), Action::RemoveRange { start, end }),
            Stored::CreateTable { table, name, lz4 } => {
                self.0.insert(table, name.into());
                (name.into(), Action::CreateTable { lz4 })
            }
            // An id is never used twice: the name may stay.
            Stored::DropTable { table } => (self.name(table), Action::DropTable),
            Stored::RenameTable { table, name } => {
                let before = self.name(table);
                self.0.insert(table, name.into());
                (before, Action::RenameTable { to: name })
            }
        };
        Change { table, action }
    }
}
