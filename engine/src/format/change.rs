//! The changes of a commit, and the commits of a record (FORMAT 4.3).
//!
//! Writing appends straight to the buffer that becomes the record. Reading is a pair of iterators over untrusted bytes: [`Commits`]
//! over a body, [`Changes`] over one commit of it. Both end after their first error.

use std::ops::Bound;

use super::ids::{MAX_KEY_LEN, MAX_NAME_LEN, MAX_VALUE_LEN, TableId};
use crate::codec::{Input, put_string, put_varint};
use crate::error::{Error, Result};

// Stored; never renumber.
const PUT: u8 = 1;
const REMOVE: u8 = 2;
const REMOVE_RANGE: u8 = 3;
const CREATE_TABLE: u8 = 4;
const DROP_TABLE: u8 = 5;
const RENAME_TABLE: u8 = 6;

// Bounds; stored, never renumber.
const UNBOUNDED: u8 = 0;
const INCLUDED: u8 = 1;
const EXCLUDED: u8 = 2;

/// One change of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// `key` has `value` from now on.
    Put {
        /// The table that is changed.
        table: TableId,
        /// At most [`MAX_KEY_LEN`] bytes.
        key: &'a [u8],
        /// At most [`MAX_VALUE_LEN`] bytes.
        value: &'a [u8],
    },
    /// `key` is gone, if it was there.
    Remove {
        /// The table that is changed.
        table: TableId,
        /// At most [`MAX_KEY_LEN`] bytes.
        key: &'a [u8],
    },
    /// Every key between the bounds is gone.
    RemoveRange {
        /// The table that is changed.
        table: TableId,
        /// Lower bound.
        start: Bound<&'a [u8]>,
        /// Upper bound.
        end: Bound<&'a [u8]>,
    },
    /// A new, empty table.
    CreateTable {
        /// Its id.
        table: TableId,
        /// 1 to [`MAX_NAME_LEN`] bytes.
        name: &'a str,
        /// Whether its pages are compressed.
        lz4: bool,
    },
    /// The table is gone with all its entries.
    DropTable {
        /// The table.
        table: TableId,
    },
    /// The table has another name from now on.
    RenameTable {
        /// The table.
        table: TableId,
        /// 1 to [`MAX_NAME_LEN`] bytes.
        name: &'a str,
    },
}

impl Change<'_> {
    /// Appends this change to `out`; what the functions of this file do, for a change as a value.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Change::Put { table, key, value } => put(out, table, key, value),
            Change::Remove { table, key } => remove(out, table, key),
            Change::RemoveRange { table, start, end } => remove_range(out, table, start, end),
            Change::CreateTable { table, name, lz4 } => create_table(out, table, name, lz4),
            Change::DropTable { table } => drop_table(out, table),
            Change::RenameTable { table, name } => rename_table(out, table, name),
        }
    }
}

/// Appends a [`Change::Put`] to `out`. At most one growth of `out`.
pub fn put(out: &mut Vec<u8>, table: TableId, key: &[u8], value: &[u8]) {
    debug_assert!(key.len() <= MAX_KEY_LEN && value.len() <= MAX_VALUE_LEN);
    // 1 change + 5 table + 3 key length + 5 value length.
    out.reserve(key.len().saturating_add(value.len()).saturating_add(14));
    open(out, PUT, table);
    put_string(out, key);
    put_string(out, value);
}

/// Appends a [`Change::Remove`] to `out`.
pub fn remove(out: &mut Vec<u8>, table: TableId, key: &[u8]) {
    debug_assert!(key.len() <= MAX_KEY_LEN);
    out.reserve(key.len().saturating_add(9));
    open(out, REMOVE, table);
    put_string(out, key);
}

/// Appends a [`Change::RemoveRange`] to `out`.
pub fn remove_range(out: &mut Vec<u8>, table: TableId, start: Bound<&[u8]>, end: Bound<&[u8]>) {
    open(out, REMOVE_RANGE, table);
    for bound in [start, end] {
        match bound {
            Bound::Unbounded => out.push(UNBOUNDED),
            Bound::Included(key) => {
                out.push(INCLUDED);
                put_string(out, key);
            }
            Bound::Excluded(key) => {
                out.push(EXCLUDED);
                put_string(out, key);
            }
        }
    }
}

/// Appends a [`Change::CreateTable`] to `out`.
pub fn create_table(out: &mut Vec<u8>, table: TableId, name: &str, lz4: bool) {
    debug_assert!((1..=MAX_NAME_LEN).contains(&name.len()));
    open(out, CREATE_TABLE, table);
    put_string(out, name.as_bytes());
    out.push(u8::from(lz4));
}

/// Appends a [`Change::DropTable`] to `out`.
pub fn drop_table(out: &mut Vec<u8>, table: TableId) {
    open(out, DROP_TABLE, table);
}

/// Appends a [`Change::RenameTable`] to `out`.
pub fn rename_table(out: &mut Vec<u8>, table: TableId, name: &str) {
    debug_assert!((1..=MAX_NAME_LEN).contains(&name.len()));
    open(out, RENAME_TABLE, table);
    put_string(out, name.as_bytes());
}

/// Appends one commit, made of encoded `changes`, to the body of a record.
pub fn put_commit(out: &mut Vec<u8>, changes: &[u8]) {
    out.reserve(changes.len().saturating_add(10));
    put_string(out, changes);
}

fn open(out: &mut Vec<u8>, change: u8, table: TableId) {
    out.push(change);
    put_varint(out, u64::from(table.0));
}

/// The changes of one commit, in the order in which they were made. Ends after its first error (`Corrupt`, naming the byte
/// within the commit).
#[derive(Clone, Debug)]
pub struct Changes<'a> {
    input: Input<'a>,
    len: usize,
}

impl<'a> Changes<'a> {
    /// Reads the changes in `bytes`: one item of [`Commits`].
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Changes { input: Input::new(bytes), len: bytes.len() }
    }
}

impl<'a> Iterator for Changes<'a> {
    type Item = Result<Change<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.input.is_empty() {
            return None;
        }
        let at = self.len.saturating_sub(self.input.rest().len());
        let read = read_change(&mut self.input);
        if read.is_none() {
            self.input = Input::new(&[]);
        }
        Some(read.ok_or_else(|| {
            Error::corrupt(format_args!("change at byte {at} of a commit"), "unknown, cut short or beyond a limit")
        }))
    }
}

impl std::iter::FusedIterator for Changes<'_> {}

fn read_change<'a>(input: &mut Input<'a>) -> Option<Change<'a>> {
    let change = input.u8()?;
    let table = TableId(u32::try_from(input.varint()?).ok().filter(|id| *id != 0)?);
    Some(match change {
        PUT => Change::Put { table, key: key(input)?, value: input.string().filter(|value| value.len() <= MAX_VALUE_LEN)? },
        REMOVE => Change::Remove { table, key: key(input)? },
        REMOVE_RANGE => Change::RemoveRange { table, start: bound(input)?, end: bound(input)? },
        CREATE_TABLE => Change::CreateTable { table, name: name(input)?, lz4: flag(input)? },
        DROP_TABLE => Change::DropTable { table },
        RENAME_TABLE => Change::RenameTable { table, name: name(input)? },
        _ => return None,
    })
}

fn key<'a>(input: &mut Input<'a>) -> Option<&'a [u8]> {
    input.string().filter(|key| key.len() <= MAX_KEY_LEN)
}

fn name<'a>(input: &mut Input<'a>) -> Option<&'a str> {
    let name = input.string().filter(|name| (1..=MAX_NAME_LEN).contains(&name.len()))?;
    std::str::from_utf8(name).ok()
}

fn flag(input: &mut Input<'_>) -> Option<bool> {
    match input.u8()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn bound<'a>(input: &mut Input<'a>) -> Option<Bound<&'a [u8]>> {
    Some(match input.u8()? {
        UNBOUNDED => Bound::Unbounded,
        INCLUDED => Bound::Included(key(input)?),
        EXCLUDED => Bound::Excluded(key(input)?),
        _ => return None,
    })
}

/// The commits in a record's body: exactly as many as its head says, or an error, after which it ends.
#[derive(Clone, Debug)]
pub struct Commits<'a> {
    input: Input<'a>,
    left: u32,
}

impl<'a> Commits<'a> {
    /// Reads the `commit_count` commits in `body`.
    #[must_use]
    pub fn new(body: &'a [u8], commit_count: u32) -> Self {
        Commits { input: Input::new(body), left: commit_count }
    }
}

impl<'a> Iterator for Commits<'a> {
    type Item = Result<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let commit = match self.left.checked_sub(1) {
            None if self.input.is_empty() => return None,
            None => None,
            Some(left) => {
                self.left = left;
                self.input.string()
            }
        };
        if commit.is_none() {
            *self = Commits::new(&[], 0);
        }
        Some(commit.ok_or_else(|| Error::corrupt("record", "its body does not hold as many commits as its head says")))
    }
}

impl std::iter::FusedIterator for Commits<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::format::fixed::Random;

    fn a_bound<'a>(random: &mut Random, key: &'a [u8]) -> Bound<&'a [u8]> {
        match random.below(3) {
            0 => Bound::Unbounded,
            1 => Bound::Included(key),
            _ => Bound::Excluded(key),
        }
    }

    fn a_change<'a>(random: &mut Random, key: &'a [u8], value: &'a [u8]) -> Change<'a> {
        let table = TableId(1 + (random.next() >> random.below(64)) as u32 / 2);
        match random.below(6) {
            0 => Change::Put { table, key, value },
            1 => Change::Remove { table, key },
            2 => Change::RemoveRange { table, start: a_bound(random, key), end: a_bound(random, value) },
            3 => Change::CreateTable { table, name: "jobs", lz4: random.below(2) == 0 },
            4 => Change::DropTable { table },
            _ => Change::RenameTable { table, name: "übrig" },
        }
    }

    /// Commits and their changes read back in order; a cut body or commit is an error, once, and then the end.
    #[test]
    fn changes_read_back() {
        for seed in 1..200 {
            let random = &mut Random(seed);
            let data: Vec<_> = (0..20).map(|_| (random.bytes(200), random.bytes(200))).collect();
            let changes: Vec<_> = data.iter().map(|(key, value)| a_change(random, key, value)).collect();
            let (mut commits, mut body) = (Vec::new(), Vec::new());
            for part in changes.chunks(7) {
                let mut commit = Vec::new();
                part.iter().for_each(|change| change.encode(&mut commit));
                put_commit(&mut body, &commit);
                commits.push(commit);
            }
            let count = commits.len() as u32;
            let read: Vec<_> = Commits::new(&body, count).map(Result::unwrap).collect();
            assert_eq!(read, commits, "seed {seed}");
            let flat: Vec<_> = read.into_iter().flat_map(Changes::new).map(Result::unwrap).collect();
            assert_eq!(flat, changes, "seed {seed}");
            for wrong in [count - 1, count + 1] {
                let read: Vec<_> = Commits::new(&body, wrong).collect();
                assert_eq!(read.iter().filter(|commit| commit.is_err()).count(), 1);
                assert!(read.last().unwrap().is_err());
            }
            assert!(Commits::new(&body[..body.len() - 1], count).last().unwrap().is_err());
        }
    }

    /// Any bytes give changes or one error at the end.
    #[test]
    fn l8_any_bytes_as_changes() {
        for seed in 1..5000 {
            let mut random = Random(seed);
            let mut bytes = random.bytes(60);
            if let Some(first) = bytes.first_mut() {
                *first %= 8;
            }
            let read: Vec<_> = Changes::new(&bytes).collect();
            for (i, change) in read.iter().enumerate() {
                assert!(change.is_ok() || i + 1 == read.len(), "seed {seed}");
            }
            let _ = Commits::new(&bytes, 3).count();
        }
    }

    /// Lengths beyond the limits, empty names, bad UTF-8, table 0 and unknown numbers are refused.
    #[test]
    fn l8_changes_beyond_a_limit() {
        let refused = |bytes: &[u8]| {
            let mut changes = Changes::new(bytes);
            assert_eq!(changes.next().unwrap().unwrap_err().kind(), ErrorKind::Corrupt, "{bytes:?}");
            assert!(changes.next().is_none());
        };
        refused(&[DROP_TABLE, 0]);
        refused(&[7, 1]);
        refused(&[CREATE_TABLE, 1, 0, 0]);
        refused(&[CREATE_TABLE, 1, 1, b'a', 2]);
        refused(&[RENAME_TABLE, 1, 1, 0xff]);
        refused(&[REMOVE_RANGE, 1, 3, 0]);
        refused(&[PUT, 1, 1, b'a', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        let mut long = vec![REMOVE, 1];
        put_string(&mut long, &vec![0; MAX_KEY_LEN + 1]);
        refused(&long);
    }
}
