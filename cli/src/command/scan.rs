//! `treering scan`: the entries of a table, or a range of them.

use std::ops::Bound;

use clap::Args;
use serde_json::json;
use treering::Snapshot;

use crate::error::Result;
use crate::output::Output;
use crate::progress::Progress;
use crate::store::{Bounds, StorePath, entries, table};
use crate::text::Form;

/// Print the entries of a table in the order of their keys
///
/// One entry a line: the key, a tab, the value. Neither contains a tab or a line's end, see --hex.
#[derive(Args, Debug)]
pub(crate) struct Scan {
    #[command(flatten)]
    store: StorePath,
    /// The table
    #[arg(value_name = "TABLE")]
    table: String,
    /// Start with this key
    #[arg(long, value_name = "KEY")]
    from: Option<String>,
    /// End before this key
    #[arg(long, value_name = "KEY")]
    to: Option<String>,
    /// End with this key
    #[arg(long, value_name = "KEY", conflicts_with = "to")]
    through: Option<String>,
    /// Only keys that begin with this
    #[arg(long, value_name = "KEY", conflicts_with_all = ["from", "to", "through"])]
    prefix: Option<String>,
    /// Begin at the end
    #[arg(long)]
    reverse: bool,
    /// At most so many entries
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Only the keys
    #[arg(long)]
    keys: bool,
    #[command(flatten)]
    form: Form,
    /// Print a JSON object a line, keys and values as text or, with --hex, as digits
    #[arg(long)]
    json: bool,
}

impl Scan {
    pub(crate) fn run(&self, out: &mut Output) -> Result {
        let bounds = self.bounds()?;
        let store = self.store.read()?;
        let snapshot = store.snapshot();
        let len = self.limit.unwrap_or(u64::MAX).min(len_of(&snapshot, &self.table, &bounds)?);
        let progress = Progress::lines("scanning", len);
        let mut left = self.limit.unwrap_or(u64::MAX);
        let mut done = 0;
        entries(&snapshot, &self.table, bounds, self.reverse, |key, value| {
            if left == 0 {
                return Ok(false);
            }
            left -= 1;
            done += 1;
            progress.at(done);
            let key = self.form.show(key);
            match (self.json, self.keys) {
                (false, true) => out.line(key)?,
                (false, false) => out.line(format_args!("{key}\t{}", self.form.show(value)))?,
                (true, true) => out.json_line(&json!({ "key": key }))?,
                (true, false) => out.json_line(&json!({ "key": key, "value": self.form.show(value) }))?,
            }
            Ok(left > 0)
        })
    }

    fn bounds(&self) -> Result<Bounds> {
        let key = |name: &str, text: &Option<String>| text.as_ref().map(|text| self.form.parse(name, text)).transpose();
        if let Some(prefix) = key("--prefix", &self.prefix)? {
            let end = after_prefix(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
            return Ok((Bound::Included(prefix), end));
        }
        let start = key("--from", &self.from)?.map_or(Bound::Unbounded, Bound::Included);
        let end = match (key("--to", &self.to)?, key("--through", &self.through)?) {
            (Some(to), _) => Bound::Excluded(to),
            (None, Some(through)) => Bound::Included(through),
            (None, None) => Bound::Unbounded,
        };
        Ok((start, end))
    }
}

/// How many entries there are within bounds; where damage hides it, how many the table has.
fn len_of(snapshot: &Snapshot, name: &str, bounds: &Bounds) -> Result<u64> {
    let reader = snapshot.reader();
    let table = table(&reader, name)?;
    let before = |bound: &Bound<Vec<u8>>, unbounded, behind| match bound {
        Bound::Unbounded => Ok(unbounded),
        Bound::Included(key) | Bound::Excluded(key) => {
            let is_in = matches!(bound, Bound::Included(_)) == behind && table.contains(key)?;
            Ok::<u64, treering::Error>(table.rank(key)?.saturating_add(is_in.into()))
        }
    };
    let (start, end) = (before(&bounds.0, 0, false), before(&bounds.1, table.len(), true));
    Ok(start.and_then(|start| Ok(end?.saturating_sub(start))).unwrap_or_else(|_| table.len()))
}

/// The smallest key behind all that begin with `prefix`; none if there is no such key.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut after = prefix.get(..=kept)?.to_vec();
    if let Some(last) = after.last_mut() {
        *last += 1;
    }
    Some(after)
}

#[cfg(test)]
mod tests {
    use super::after_prefix;

    #[test]
    fn a_prefix_ends_before_the_next_key() {
        assert_eq!(after_prefix(b"ab").unwrap(), b"ac");
        assert_eq!(after_prefix(b"a\xff\xff").unwrap(), b"b");
        assert_eq!(after_prefix(b"\xff"), None);
        assert_eq!(after_prefix(b""), None);
    }
}
