//! `treering log`: the commits that the file still holds, in order.

use std::ops::{Bound, ControlFlow};

use clap::Args;
use serde_json::{Value, json};
use treering::{Action, Change, Commit};

use crate::error::Result;
use crate::output::Output;
use crate::store::{self, StorePath};
use crate::text::{Form, escape};
use crate::units;

/// Longest text of a key or value in a line for a person.
const SHOWN: usize = 60;

/// List the commits that are still in the log: version, size, changes
///
/// The log is no archive: when a checkpoint has put commits into chunks, their room is used again. What is gone is said.
#[derive(Args, Debug)]
pub(crate) struct Log {
    #[command(flatten)]
    store: StorePath,
    /// Start with this version
    #[arg(long, value_name = "VERSION", default_value_t = 0, hide_default_value = true)]
    from: u64,
    /// At most so many commits
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Only commits that changed this table, and only those changes
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Show every change, keys and the beginning of values too
    #[arg(long)]
    changes: bool,
    #[command(flatten)]
    form: Form,
    /// Print a JSON object for each commit, a line each, with every change; keys and values as text or, with --hex, as digits
    ///
    /// If commits are gone, a last line says so: {"gone":{"before":VERSION}}.
    #[arg(long)]
    json: bool,
}

impl Log {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        let mut shown = 0;
        let mut is_met = false;
        let mut said = Ok(());
        let summary = treering::commits(&self.store.path, self.from, |commit| {
            let changes: Vec<&Change<'_>> = commit.changes.iter().filter(|change| self.wants(change)).collect();
            is_met |= !changes.is_empty();
            if self.limit.is_some_and(|limit| shown >= limit) {
                return ControlFlow::Break(());
            }
            if self.table.is_some() && changes.is_empty() {
                return ControlFlow::Continue(());
            }
            if shown == 0 && !self.json {
                said = out.line("    version      bytes  changes");
            }
            shown += 1;
            said = std::mem::replace(&mut said, Ok(())).and_then(|()| self.say(out, commit, &changes));
            if said.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        said?;
        if let (Some(name), false) = (&self.table, is_met) {
            // None of its changes is in the log: then it must be there now.
            let snapshot = self.store.read()?.snapshot();
            store::table(&snapshot.reader(), name)?;
        }
        if self.json {
            let first_left = summary.oldest.unwrap_or(summary.version + 1);
            return if first_left > 1 { out.json_line(&json!({ "gone": { "before": first_left } })) } else { Ok(()) };
        }
        if self.from > summary.version {
            out.line(format_args!("there is no version {} yet", units::count(self.from)))?;
        }
        let gone = "older ones are in chunks, and their room in the log was used again";
        let there = match summary.oldest {
            None => format!("no commit is left in the log; {gone}"),
            Some(1) => "the log reaches back to the first".to_owned(),
            Some(oldest) => format!("the log reaches back to version {}; {gone}", units::count(oldest)),
        };
        if shown > 0 {
            out.line("")?;
        }
        let (version, sealed) = (units::count(summary.version), units::count(summary.sealed));
        out.line(format_args!("version {version}, sealed {sealed}; {there}"))
    }

    fn wants(&self, change: &Change<'_>) -> bool {
        self.table.as_ref().is_none_or(|name| **name == *change.table)
    }

    fn say(&self, out: &mut Output, commit: &Commit<'_>, changes: &[&Change<'_>]) -> Result {
        if self.json {
            let changes: Vec<Value> = changes.iter().map(|change| self.as_json(change)).collect();
            return out.json_line(&json!({
                "version": commit.version,
                "offset": commit.offset,
                "bytes": commit.bytes,
                "recorded": commit.recorded,
                "changes": changes,
            }));
        }
        let what = if commit.recorded { summed(changes) } else { "too large for a record: a checkpoint has it".to_owned() };
        out.line(format_args!("{:>11} {:>10}  {what}", units::count(commit.version), units::count(commit.bytes)))?;
        if self.changes {
            changes.iter().try_for_each(|change| out.line(format_args!("{:>24}{}", "", self.described(change))))?;
        }
        Ok(())
    }

    fn described(&self, change: &Change<'_>) -> String {
        let table = escape(change.table.as_bytes());
        let key = |key: &[u8]| shortened(&self.form.show(key));
        let bound = |bound: &Bound<&[u8]>, name: &str| match bound {
            Bound::Unbounded => String::new(),
            Bound::Included(at) => format!(" {name} {}", key(at)),
            Bound::Excluded(at) => format!(" {name} {} (without it)", key(at)),
        };
        match &change.action {
            Action::Put { key: at, value } => format!("{table}: {} = {}", key(at), key(value)),
            Action::Remove { key: at } => format!("{table}: {} removed", key(at)),
            Action::RemoveRange { start, end } => {
                format!("{table}: all removed{}{}", bound(start, "from"), bound(end, "to"))
            }
            Action::CreateTable { lz4 } => format!("{table}: created{}", if *lz4 { ", LZ4" } else { "" }),
            Action::DropTable => format!("{table}: dropped"),
            Action::RenameTable { to } => format!("{table}: renamed to {}", escape(to.as_bytes())),
            other => format!("{table}: {other:?}"),
        }
    }

    fn as_json(&self, change: &Change<'_>) -> Value {
        let table = &*change.table;
        let show = |bytes: &[u8]| self.form.show(bytes);
        let bound = |bound: &Bound<&[u8]>| match bound {
            Bound::Unbounded => Value::Null,
            Bound::Included(key) => json!({ "key": show(key), "included": true }),
            Bound::Excluded(key) => json!({ "key": show(key), "included": false }),
        };
        match &change.action {
            Action::Put { key, value } => json!({ "table": table, "put": show(key), "value": show(value) }),
            Action::Remove { key } => json!({ "table": table, "remove": show(key) }),
            Action::RemoveRange { start, end } => {
                json!({ "table": table, "remove_range": { "start": bound(start), "end": bound(end) } })
            }
            Action::CreateTable { lz4 } => json!({ "table": table, "create": { "lz4": lz4 } }),
            Action::DropTable => json!({ "table": table, "drop": true }),
            Action::RenameTable { to } => json!({ "table": table, "rename": to }),
            other => json!({ "table": table, "other": format!("{other:?}") }),
        }
    }
}

/// Counts by table and kind, in the order in which the tables come: `tasks: 3 put, 1 removed; jobs: created`.
fn summed(changes: &[&Change<'_>]) -> String {
    let mut tables: Vec<(&str, [u64; 6])> = Vec::new();
    for change in changes {
        let place = match tables.iter().position(|(name, _)| *name == &*change.table) {
            Some(place) => place,
            None => {
                tables.push((&change.table, [0; 6]));
                tables.len() - 1
            }
        };
        let kind = match change.action {
            Action::CreateTable { .. } => 0,
            Action::Put { .. } => 1,
            Action::Remove { .. } => 2,
            Action::RemoveRange { .. } => 3,
            Action::RenameTable { .. } => 4,
            _ => 5,
        };
        if let Some((_, counts)) = tables.get_mut(place)
            && let Some(count) = counts.get_mut(kind)
        {
            *count += 1;
        }
    }
    let words = ["created", "put", "removed", "range", "renamed", "dropped"];
    let of_table = |(name, counts): &(&str, [u64; 6])| {
        let some = counts.iter().zip(words).filter(|(count, _)| **count > 0);
        let some: Vec<String> = some
            .map(|(count, word)| match word {
                "put" | "removed" => format!("{} {word}", units::count(*count)),
                "range" => format!("{} removed", units::counted(*count, word)),
                _ => word.to_owned(),
            })
            .collect();
        format!("{}: {}", escape(name.as_bytes()), some.join(", "))
    };
    if tables.is_empty() { "nothing".to_owned() } else { tables.iter().map(of_table).collect::<Vec<_>>().join("; ") }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}… ({} characters)", &text[..at], units::count(text.chars().count() as u64)),
    }
}
