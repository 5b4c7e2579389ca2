//! What a check found, for people and for programs.

use std::fmt;

/// Problems that are listed; more are only counted, so that a ruined file gives a report that can be read.
const LISTED: usize = 100;

/// What [`crate::Store::check`], [`crate::Store::scrub`] and [`crate::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The version that was checked.
    pub version: u64,
    /// Its tables.
    pub tables: u64,
    /// Entries of all tables.
    pub entries: u64,
    /// Pages that the version reaches, in the file and in memory; of a scrub, pages that were read.
    pub pages: u64,
    /// Chunks in the file.
    pub chunks: u64,
    /// Records in the log, seals included, from where recovery would start.
    pub records: u64,
    /// Stored bytes of pages in the file that the version reaches.
    pub live_bytes: u64,
    /// Free bytes in the file.
    pub free_bytes: u64,
    /// Length of the file.
    pub file_bytes: u64,
    /// What is wrong with the header slot that is not needed, if anything is. A crash may leave it torn: no problem by itself, but in a blob it is.
    pub damaged_header: Option<String>,
    pub(super) problems: Vec<String>,
    pub(super) unlisted: u64,
}

impl Report {
    /// Whether everything that was looked at is as it must be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// What is wrong: a sentence each, the first hundred; [`Report::unlisted`] counts the others. Empty if the store is sound.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// How many problems were found beyond those that [`Report::problems`] lists.
    #[must_use]
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }

    pub(super) fn problem(&mut self, what: impl fmt::Display) {
        if self.problems.len() < LISTED {
            self.problems.push(what.to_string());
        } else {
            self.unlisted += 1;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_sound() { "sound" } else { "DAMAGED" };
        writeln!(f, "{state}: version {}, {} tables, {} entries", self.version, self.tables, self.entries)?;
        writeln!(
            f,
            "  {} pages, {} chunks with {} live bytes, {} records",
            self.pages, self.chunks, self.live_bytes, self.records
        )?;
        write!(f, "  file of {} bytes, {} free", self.file_bytes, self.free_bytes)?;
        if let Some(what) = &self.damaged_header {
            write!(f, "\n  the header slot that is not needed: {what}")?;
        }
        for problem in &self.problems {
            write!(f, "\n  problem: {problem}")?;
        }
        match self.unlisted {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more problems"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report of many problems lists a hundred and counts the others, and shows both, with the damaged header.
    #[test]
    fn many_problems_are_counted() {
        let mut report = Report { version: 7, tables: 2, damaged_header: Some("torn".into()), ..Report::default() };
        assert!(report.is_sound() && report.to_string().starts_with("sound: version 7, 2 tables"));
        (0..130).for_each(|n| report.problem(format_args!("problem {n}")));
        assert_eq!((report.is_sound(), report.problems().len(), report.unlisted()), (false, 100, 30));
        let shown = report.to_string();
        assert!(shown.starts_with("DAMAGED: version 7") && shown.contains("header slot that is not needed: torn"), "{shown}");
        assert!(
            shown.contains("problem 99") && !shown.contains("problem 100") && shown.ends_with("and 30 more problems"),
            "{shown}"
        );
    }
}
