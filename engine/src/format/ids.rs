//! The numbers that the format gives names to (FORMAT 1, 5): newtypes, so that two of them are never confused.

use std::fmt;

/// Length of a block: the unit of allocation in the file.
pub const BLOCK: u64 = 4096;
/// Length of what the medium writes whole, old or new (FORMAT 2).
pub const SECTOR: usize = 512;
/// Length of the window that no extent crosses: 2^34 bytes = 16 GiB.
pub const WINDOW: u64 = 1 << 34;
/// Longest key, in bytes: its length is a u16 in a slot (FORMAT 7.1).
pub const MAX_KEY_LEN: usize = u16::MAX as usize;
/// Longest value, in bytes: page head, key, value and padding stay below 2^32 (FORMAT 12).
pub const MAX_VALUE_LEN: usize = (u32::MAX as usize) - (1 << 17);
/// Longest name of a table, in bytes.
pub const MAX_NAME_LEN: usize = 1024;
/// Next chunk id at most: ids are below 2^40 (FORMAT 5).
pub const MAX_NEXT_CHUNK: u64 = 1 << 40;
/// Highest version, record number and sequence of a header: what counts one by one, a million a second, gets there after 146,000 years. Whatever a
/// file says, sums of a few of them stay below 2^64.
pub const MAX_COUNTED: u64 = 1 << 62;
/// Most tables of a store.
pub const MAX_TABLES: usize = 65_535;

/// Number of a commit, from 1; 0 is the empty store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Version {
        Version(self.0 + 1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Id of a table, from 1, never used twice in a store's life; 0 is no table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u32);

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Id of a page chunk, from 1 to 2^40 - 1; 0 is no chunk. Never given to two chunks that were named: only one that a crash kept from being named is given again (FORMAT 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkId(pub u64);

impl ChunkId {
    /// The id after this one; the last one stays the last, and gets no pages.
    #[must_use]
    pub fn next(self) -> ChunkId {
        ChunkId((self.0 + 1).min(MAX_NEXT_CHUNK))
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a page for ever: chunk id (40 bits) and ordinal (24 bits), FORMAT 5.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// No page: the root of an empty tree.
    pub const NONE: Position = Position(0);
    /// Ordinals are below this: 2^24.
    pub const ORDINALS: u32 = 1 << 24;

    /// The page `ordinal` of `chunk`. Ordinals are below [`Position::ORDINALS`].
    #[must_use]
    pub fn new(chunk: ChunkId, ordinal: u32) -> Position {
        debug_assert!(ordinal < Position::ORDINALS);
        Position(chunk.0 << 24 | u64::from(ordinal))
    }

    /// The chunk that holds the page.
    #[must_use]
    pub fn chunk(self) -> ChunkId {
        ChunkId(self.0 >> 24)
    }

    /// The page's ordinal in its chunk.
    #[must_use]
    pub fn ordinal(self) -> u32 {
        (self.0 & 0xff_ffff) as u32
    }

    /// Whether this is [`Position::NONE`].
    #[must_use]
    pub fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}.{}", self.chunk(), self.ordinal())
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A run of whole blocks of the file: `len` bytes from byte `offset`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extent {
    /// First byte; a multiple of [`BLOCK`].
    pub offset: u64,
    /// Length in bytes; a multiple of [`BLOCK`].
    pub len: u64,
}

impl Extent {
    /// The byte behind the last.
    #[must_use]
    pub fn end(self) -> u64 {
        self.offset + self.len
    }

    /// Whether this is a legal extent of a file of `file_len` bytes: whole blocks behind the headers, not empty, inside the file, within one window.
    #[must_use]
    pub fn is_legal(self, file_len: u64) -> bool {
        let aligned = self.offset.is_multiple_of(BLOCK) && self.len.is_multiple_of(BLOCK) && self.len > 0 && self.offset >= 2 * BLOCK;
        match self.offset.checked_add(self.len) {
            Some(end) => aligned && end <= file_len && self.offset / WINDOW == (end - 1) / WINDOW,
            None => false,
        }
    }
}

/// The root of a table's tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeRoot {
    /// The root page, or [`Position::NONE`] for an empty tree.
    pub at: Position,
    /// Entries in the tree.
    pub len: u64,
    /// Pages from the root to a leaf, both included; 0 for an empty tree.
    pub height: u32,
}
