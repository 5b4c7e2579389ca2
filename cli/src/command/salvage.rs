//! `treering salvage`: everything that is still whole in a damaged store, in a new one.

use std::ops::Bound;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use treering::{Loss, SalvageProgress, SalvageStage, Salvaged};

use crate::error::{Error, Exit, Result};
use crate::interrupt::{self, First};
use crate::output::Output;
use crate::progress::Progress;
use crate::table::{Column, table};
use crate::text::{Form, escape};
use crate::units;

/// Copy what is whole in a damaged store to a new one, and list what is lost
///
/// The damaged file is opened for reading, beside other readers; no byte of it changes. The new store holds, under the tables' own names, only what can be
/// proven to be as the version named in the report had it; what was found without proof stands in tables of its own, named "... (doubtful)": a value there may
/// be too old or too new, and a removed key may be back. Restore a backup instead, if there is one that is new enough.
///
/// Exit code 0 if nothing is lost, 1 if something is: the new store is there in both cases.
#[derive(Args, Debug)]
pub(crate) struct Salvage {
    /// The damaged store, plain blob or LZ4 blob
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// The store to make; nothing may stand there yet
    #[arg(value_name = "NEW")]
    new: PathBuf,
    #[command(flatten)]
    form: Form,
    /// Print one JSON object; keys as text or, with --hex, as digits
    #[arg(long)]
    json: bool,
}

impl Salvage {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        interrupt::watch(First::Ends)?;
        let mut shown: Option<(SalvageStage, Progress)> = None;
        let salvaged = treering::salvage(&self.store, &self.new, |progress| show(&mut shown, progress))?;
        drop(shown);
        if self.json {
            out.json(&self.as_json(&salvaged))?;
        } else {
            self.say(out, &salvaged)?;
        }
        if salvaged.is_complete() { Ok(()) } else { Err(Error::Silent(Exit::No)) }
    }

    fn say(&self, out: &mut Output, salvaged: &Salvaged) -> Result {
        let word = if salvaged.is_complete() { "complete" } else { "INCOMPLETE" };
        out.line(format_args!("{}: {word}, version {}\n", self.new.display(), units::count(salvaged.version)))?;
        let columns = [Column::Text("table"), Column::Number("entries"), Column::Text("without proof")];
        let rows = salvaged.tables.iter().map(|table| {
            let doubtful = table.doubtful.as_ref();
            let doubtful = doubtful.map(|(name, count)| format!("{} in '{}'", units::count(*count), escape(name.as_bytes())));
            vec![escape(table.name.as_bytes()), units::count(table.entries), doubtful.unwrap_or_default()]
        });
        out.line(table(&columns, rows))?;
        if !salvaged.is_complete() {
            out.line("\nlost")?;
            salvaged.losses.iter().try_for_each(|loss| out.line(format_args!("  {}", self.loss(loss))))?;
        }
        if !salvaged.notes.is_empty() {
            out.line("\nnotes")?;
            salvaged.notes.iter().try_for_each(|note| out.line(format_args!("  {note}")))?;
        }
        Ok(())
    }

    fn loss(&self, loss: &Loss) -> String {
        let Loss::Keys { table, from, to, entries, why } = loss else { return loss.to_string() };
        let count = match entries {
            Some(1) => "1 entry".to_owned(),
            Some(n) => format!("{} entries", units::count(*n)),
            None => "entries".to_owned(),
        };
        let show = |key: &[u8]| self.form.show(key);
        let range = match (from, to) {
            (Bound::Included(from), Bound::Included(to)) if from == to => format!(", key '{}'", show(from)),
            _ => {
                let from = match from {
                    Bound::Included(key) => format!(", from '{}'", show(key)),
                    Bound::Excluded(key) => format!(", behind '{}'", show(key)),
                    Bound::Unbounded => String::new(),
                };
                let to = match to {
                    Bound::Included(key) => format!(", through '{}'", show(key)),
                    Bound::Excluded(key) => format!(", before '{}'", show(key)),
                    Bound::Unbounded => String::new(),
                };
                from + &to
            }
        };
        format!("{count} of table '{}'{range}: {why}", escape(table.as_bytes()))
    }

    fn as_json(&self, salvaged: &Salvaged) -> Value {
        let tables = salvaged.tables.iter().map(|table| {
            let doubtful = table.doubtful.as_ref().map(|(name, entries)| json!({ "table": name, "entries": entries }));
            json!({ "name": table.name, "entries": table.entries, "doubtful": doubtful })
        });
        json!({
            "complete": salvaged.is_complete(),
            "version": salvaged.version,
            "newest": salvaged.newest,
            "tables": tables.collect::<Vec<_>>(),
            "losses": salvaged.losses.iter().map(|loss| self.loss_as_json(loss)).collect::<Vec<_>>(),
            "notes": salvaged.notes,
        })
    }

    fn loss_as_json(&self, loss: &Loss) -> Value {
        let bound = |bound: &Bound<Vec<u8>>| match bound {
            Bound::Unbounded => Value::Null,
            Bound::Included(key) => json!({ "key": self.form.show(key), "included": true }),
            Bound::Excluded(key) => json!({ "key": self.form.show(key), "included": false }),
        };
        match loss {
            Loss::Keys { table, from, to, entries, why } => {
                json!({ "kind": "keys", "table": table, "from": bound(from), "to": bound(to), "entries": entries, "why": why })
            }
            Loss::Versions { from, to, why } => json!({ "kind": "versions", "from": from, "to": to, "why": why }),
            Loss::Chunk { id, offset, len, pages, found, why } => json!({
                "kind": "chunk", "id": id, "offset": offset, "len": len, "pages": pages, "pages_found": found, "why": why,
            }),
            other => json!({ "kind": "other", "why": other.to_string() }),
        }
    }
}

/// A bar for each stage.
fn show(shown: &mut Option<(SalvageStage, Progress)>, progress: SalvageProgress) {
    if !shown.as_ref().is_some_and(|(stage, _)| *stage == progress.stage) {
        *shown = Some((
            progress.stage,
            match progress.stage {
                SalvageStage::Scan => Progress::bytes("looking through the file", progress.of),
                SalvageStage::Copy => Progress::steps("copying", progress.of, "entries"),
                SalvageStage::Collect => Progress::steps("collecting", progress.of, "pages"),
                _ => Progress::steps("applying the log", progress.of, "records"),
            },
        ));
    }
    if let Some((_, bar)) = shown {
        bar.at(progress.done);
    }
}
