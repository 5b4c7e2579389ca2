//! What a salvage brought over and what it did not, for people and for programs.

use std::fmt;
use std::ops::Bound;

/// How far a salvage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvageProgress {
    /// What is being done.
    pub stage: SalvageStage,
    /// How much of that is done.
    pub done: u64,
    /// Of how much; 0 if that is not known.
    pub of: u64,
}

/// What a salvage is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SalvageStage {
    /// Looking through the file for the log or for pages; counted in bytes.
    Scan,
    /// Copying tables; counted in entries.
    Copy,
    /// Looking for pages that no tree reaches any more; counted in pages.
    Collect,
    /// Applying the log; counted in records.
    Replay,
}

/// What a salvage did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Salvaged {
    /// The version of the damaged store that the tables are of; 0 if no state could be proven.
    pub version: u64,
    /// The newest version that anything in the file speaks of.
    pub newest: u64,
    /// The tables of the new store, by name, those of doubtful entries left out.
    pub tables: Vec<SalvagedTable>,
    /// What was lost. Empty: everything is there.
    pub losses: Vec<Loss>,
    /// What was believed, and why, where the usual way to the state was barred.
    pub notes: Vec<String>,
}

/// A table that was brought over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvagedTable {
    /// Its name.
    pub name: String,
    /// Entries in the new store; each is as version [`Salvaged::version`] had it.
    pub entries: u64,
    /// The table that holds what was found of the lost ranges without proof: a value there may be older or newer than the version, and a key may have been removed.
    pub doubtful: Option<(String, u64)>,
}

/// Something that is not in the new store, or not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// Keys of a table. Those of them that the log behind the damage wrote again are there all the same.
    Keys {
        /// The table.
        table: String,
        /// Lower bound of the keys.
        from: Bound<Vec<u8>>,
        /// Upper bound.
        to: Bound<Vec<u8>>,
        /// How many entries there were, where something whole counts them.
        entries: Option<u64>,
        /// What is damaged.
        why: String,
    },
    /// Commits: the tables are older than they should be.
    Versions {
        /// The first that is missing.
        from: u64,
        /// The last that is known of.
        to: u64,
        /// Why it, or those behind it, could not be applied.
        why: String,
    },
    /// A chunk whose directory is damaged or gone; what its lost pages held is named by table and keys.
    Chunk {
        /// Its id.
        id: u64,
        /// Where it stands in the file.
        offset: u64,
        /// Its length.
        len: u64,
        /// Pages that it had.
        pages: u64,
        /// Pages that were found all the same.
        found: u64,
        /// What is damaged.
        why: String,
    },
}

impl Salvaged {
    /// Whether the new store is, table for table and entry for entry, the newest version that is known of.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.losses.is_empty()
    }
}

impl fmt::Display for Salvaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_complete() { "complete" } else { "INCOMPLETE" };
        let entries: u64 = self.tables.iter().map(|table| table.entries).sum();
        write!(f, "{word}: version {}, {} tables, {entries} entries", self.version, self.tables.len())?;
        for table in &self.tables {
            if let Some((name, entries)) = &table.doubtful {
                write!(f, "\n  {entries} entries of \"{}\" without proof are in \"{name}\"", table.name)?;
            }
        }
        self.losses.iter().try_for_each(|loss| write!(f, "\n  lost: {loss}"))?;
        self.notes.iter().try_for_each(|note| write!(f, "\n  note: {note}"))
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Keys { table, from, to, entries, why } => {
                match entries {
                    Some(1) => write!(f, "1 entry")?,
                    Some(n) => write!(f, "{n} entries")?,
                    None => write!(f, "entries")?,
                }
                write!(f, " of table \"{table}\"{}: {why}", Range(from, to))
            }
            Loss::Versions { from, to, why } if from == to => write!(f, "version {from}: {why}"),
            Loss::Versions { from, to, why } => write!(f, "versions {from} to {to}: {why}"),
            Loss::Chunk { id, pages, found, why, .. } => write!(f, "chunk {id}, {found} of its {pages} pages were found: {why}"),
        }
    }
}

/// Bounds as a person says them.
struct Range<'a>(&'a Bound<Vec<u8>>, &'a Bound<Vec<u8>>);

impl fmt::Display for Range<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Bound::Included(low), Bound::Included(high)) = (self.0, self.1)
            && low == high
        {
            return write!(f, ", key \"{}\"", low.escape_ascii());
        }
        match self.0 {
            Bound::Unbounded => {}
            Bound::Included(low) => write!(f, ", from \"{}\"", low.escape_ascii())?,
            Bound::Excluded(low) => write!(f, ", behind \"{}\"", low.escape_ascii())?,
        }
        match self.1 {
            Bound::Unbounded => Ok(()),
            Bound::Included(high) => write!(f, ", up to \"{}\"", high.escape_ascii()),
            Bound::Excluded(high) => write!(f, ", before \"{}\"", high.escape_ascii()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(from: Bound<&str>, to: Bound<&str>, entries: Option<u64>) -> String {
        let owned = |bound: Bound<&str>| bound.map(|key| key.as_bytes().to_vec());
        Loss::Keys { table: "t".into(), from: owned(from), to: owned(to), entries, why: "torn".into() }.to_string()
    }

    /// Each loss says how much of what, from where to where, with open ends told from closed ones.
    #[test]
    fn losses_are_told() {
        use Bound::{Excluded, Included, Unbounded};
        assert_eq!(keys(Unbounded, Unbounded, None), "entries of table \"t\": torn");
        assert_eq!(keys(Included("a"), Included("a"), Some(1)), "1 entry of table \"t\", key \"a\": torn");
        assert_eq!(keys(Included("a"), Excluded("b"), Some(2)), "2 entries of table \"t\", from \"a\", before \"b\": torn");
        assert_eq!(keys(Excluded("a"), Included("b"), None), "entries of table \"t\", behind \"a\", up to \"b\": torn");
        let versions = |from, to| Loss::Versions { from, to, why: "gone".into() }.to_string();
        assert_eq!((versions(3, 3), versions(3, 5)), ("version 3: gone".into(), "versions 3 to 5: gone".into()));
        let chunk = Loss::Chunk { id: 4, offset: 0, len: 0, pages: 9, found: 2, why: "rotten".into() };
        let doubtful = SalvagedTable { name: "t".into(), entries: 5, doubtful: Some(("t (doubtful)".into(), 3)) };
        let report =
            Salvaged { version: 3, newest: 5, tables: vec![doubtful], losses: vec![chunk], notes: vec!["so it is".into()] };
        let lines = [
            "INCOMPLETE: version 3, 1 tables, 5 entries",
            "3 entries of \"t\" without proof are in \"t (doubtful)\"",
            "lost: chunk 4, 2 of its 9 pages were found: rotten",
            "note: so it is",
        ];
        assert_eq!(report.to_string(), lines.join("\n  "));
    }
}
