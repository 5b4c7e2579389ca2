//! Writing a page chunk (FORMAT 6): pages as they come, then the directory, then the tail, in slices of a few MiB.
//!
//! The writer knows nothing of files: it hands slices in order to a sink, which puts them into an extent or into a stream. A slice is on the
//! medium before the next one is made, so that a checkpoint never hides in a commit's sync.

use crate::codec;
use crate::error::{Error, ErrorKind, Result};
use crate::format::chunk::{ChunkLayout, ChunkTail, NO_PAGE, TAIL_LEN};
use crate::format::header::Incarnation;
use crate::format::ids::BLOCK;
use crate::format::{ChunkId, Position};
use crate::page::{ALIGN, Page};

/// Bytes handed to the sink at once: 4 MiB, which the page cache keeps in large pages and which a sync carries in a few milliseconds.
pub(crate) const SLICE: usize = 4 << 20;

/// Takes the chunk's bytes in order.
pub(crate) type Sink<'a> = dyn FnMut(&[u8]) -> Result<()> + 'a;

/// A chunk on its way to a sink.
pub(crate) struct ChunkWriter<'a> {
    sink: &'a mut Sink<'a>,
    buffer: Vec<u8>,
    /// Bytes handed to the sink.
    passed: u64,
    /// CRC of them.
    crc: u32,
    directory: Vec<u32>,
    page_count: u32,
    page_bytes: u64,
}

/// What was written: the seal's words about it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// Bytes in whole blocks: the extent's length.
    pub(crate) len: u64,
    pub(crate) crc: u32,
    pub(crate) page_count: u32,
    pub(crate) slot_count: u32,
    pub(crate) page_bytes: u64,
    /// The directory's entries, and its offset.
    pub(crate) slots: Vec<u32>,
    pub(crate) directory: u64,
}

/// An upper bound for the extent of a chunk with so many bytes of pages and ordinals below `slot_count`.
pub(crate) fn extent_len(page_bytes: u64, slot_count: u32) -> u64 {
    (page_bytes + u64::from(slot_count) * 4 + (ALIGN + TAIL_LEN) as u64).div_ceil(BLOCK) * BLOCK
}

impl<'a> ChunkWriter<'a> {
    /// A chunk without pages.
    pub(crate) fn new(sink: &'a mut Sink<'a>) -> ChunkWriter<'a> {
        let (buffer, directory) = (Vec::new(), Vec::new());
        ChunkWriter { sink, buffer, passed: 0, crc: 0, directory, page_count: 0, page_bytes: 0 }
    }

    /// Adds a page in its stored form, compressed if asked for and if that saves; gives its stored length.
    pub(crate) fn add(&mut self, ordinal: u32, page: Page<'_>, lz4: bool) -> Result<u32> {
        let start = self.buffer.len();
        if lz4 {
            page.pack_lz4_into(&mut self.buffer)?;
        } else {
            page.pack_into(&mut self.buffer)?;
        }
        self.added(ordinal, start)
    }

    /// Adds the stored bytes of a page as they are.
    pub(crate) fn add_stored(&mut self, ordinal: u32, bytes: &[u8]) -> Result<u32> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        self.added(ordinal, start)
    }

    /// Writes directory and tail.
    pub(crate) fn finish(mut self, id: ChunkId, incarnation: Incarnation, generation: u32) -> Result<Written> {
        let pages_end = self.passed + self.buffer.len() as u64;
        let layout = ChunkLayout::new(pages_end, self.directory.len() as u32);
        let layout = layout
            .ok_or_else(|| Error::new(ErrorKind::Full, "a page chunk grew beyond the 16 GiB that can be mapped at once"))?;
        let (directory, page_bytes) = (layout.directory, self.page_bytes);
        let tail = ChunkTail { id, incarnation, generation, page_count: 0, slot_count: 0, directory, page_bytes, crc: 0 };
        let (end, _) = tail.encode_end(&self.directory, layout.extent_len);
        self.buffer.extend_from_slice(&end);
        let slot_count = self.directory.len() as u32;
        self.pass()?;
        Ok(Written {
            len: layout.extent_len,
            crc: self.crc,
            page_count: self.page_count,
            slot_count,
            page_bytes: self.page_bytes,
            slots: self.directory,
            directory,
        })
    }

    fn added(&mut self, ordinal: u32, start: usize) -> Result<u32> {
        let len = self.buffer.len() - start;
        debug_assert!(len.is_multiple_of(ALIGN) && ordinal < Position::ORDINALS);
        let offset = (self.passed + start as u64) / ALIGN as u64;
        // 2^32 - 1 units of 64 bytes: 256 GiB, more than an extent can have.
        let unit = u32::try_from(offset).ok().filter(|unit| *unit != NO_PAGE);
        let unit = unit.ok_or_else(|| Error::new(ErrorKind::Full, "a page chunk grew beyond 256 GiB"))?;
        if self.directory.len() <= ordinal as usize {
            self.directory.resize(ordinal as usize + 1, NO_PAGE);
        }
        self.directory[ordinal as usize] = unit;
        self.page_count += 1;
        self.page_bytes += len as u64;
        while self.buffer.len() >= SLICE {
            // Whole slices only: each begins at a multiple of 4 MiB in its extent.
            let rest = self.buffer.split_off(SLICE);
            self.pass()?;
            self.buffer = rest;
        }
        Ok(len as u32)
    }

    fn pass(&mut self) -> Result<()> {
        self.crc = codec::crc_after(self.crc, &self.buffer);
        (self.sink)(&self.buffer)?;
        self.passed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
