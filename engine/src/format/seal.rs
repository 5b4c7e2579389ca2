//! The body of a seal: the roots of all tables and the table of all chunks as of one version (FORMAT 4.4).
//!
//! Decoding checks all that can be checked without the file: sorted and distinct ids, distinct names, positions and extents that
//! can exist and do not overlap, live bytes within bounds. Whether an extent ends within the file its caller checks.

use std::fmt;

use super::header::{Cursor, newer};
use super::ids::{BLOCK, ChunkId, Extent, MAX_NAME_LEN, MAX_TABLES, Position, TableId};
use crate::codec::Input;
use crate::error::{Error, Result};

pub use super::ids::MAX_NEXT_CHUNK;
/// Highest tree: with at least two children a branch and at most 2^64 entries.
pub const MAX_HEIGHT: u32 = 64;

/// Stored bytes of a table besides its name.
const TABLE_LEN: usize = 32;
/// Stored bytes of a chunk.
const CHUNK_LEN: usize = 56;
/// Bit 0 of a table's flags.
const LZ4: u32 = 1;

/// A table in a seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedTable {
    /// Its id, from 1.
    pub id: TableId,
    /// Whether its pages are compressed.
    pub lz4: bool,
    /// Its root page, or [`Position::NONE`] if it is empty.
    pub root: Position,
    /// Its entries.
    pub len: u64,
    /// Pages from root to leaf; 0 if it is empty.
    pub height: u32,
    /// Its name, 1 to [`MAX_NAME_LEN`] bytes.
    pub name: String,
}

/// A chunk in a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedChunk {
    /// Its id, from 1.
    pub id: ChunkId,
    /// 0 as first written, one more with each dense twin.
    pub generation: u32,
    /// CRC of the whole extent.
    pub crc: u32,
    /// Where it stands.
    pub extent: Extent,
    /// Pages in it.
    pub page_count: u32,
    /// Slots of its directory; ordinals are below this.
    pub slot_count: u32,
    /// Sum of its pages' stored lengths.
    pub page_bytes: u64,
    /// Bytes of pages that the sealed version reaches, or more; at most `page_bytes`.
    pub live_bytes: u64,
}

/// The body of a seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Every record of a version beyond the sealed one stands at or after it.
    pub replay: Cursor,
    /// Next table id.
    pub next_table: TableId,
    /// Next chunk id, at most [`MAX_NEXT_CHUNK`].
    pub next_chunk: ChunkId,
    /// All tables, ascending by id.
    pub tables: Vec<SealedTable>,
    /// All chunks, ascending by id.
    pub chunks: Vec<SealedChunk>,
}

impl Seal {
    /// Length of the stored form in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let names = self.tables.iter().map(|table| table.name.len()).sum::<usize>();
        let parts =
            [Cursor::LEN + 24, self.tables.len().saturating_mul(TABLE_LEN), names, self.chunks.len().saturating_mul(CHUNK_LEN)];
        parts.into_iter().fold(0, usize::saturating_add)
    }

    /// Appends the stored form to `out`.
    ///
    /// # Panics
    /// If there are 2^32 tables or chunks. That ids ascend is asserted in debug builds.
    pub fn encode(&self, out: &mut Vec<u8>) {
        debug_assert!(self.tables.is_sorted_by(|a, b| a.id < b.id) && self.chunks.is_sorted_by(|a, b| a.id < b.id));
        assert!(self.tables.len().max(self.chunks.len()) <= u32::MAX as usize, "the counts are u32");
        out.reserve(self.encoded_len());
        out.extend_from_slice(&self.replay.encode());
        out.extend_from_slice(&u64::from(self.next_table.0).to_le_bytes());
        out.extend_from_slice(&self.next_chunk.0.to_le_bytes());
        out.extend_from_slice(&(self.tables.len() as u32).to_le_bytes());
        self.tables.iter().for_each(|table| table.encode(out));
        out.extend_from_slice(&(self.chunks.len() as u32).to_le_bytes());
        self.chunks.iter().for_each(|chunk| chunk.encode(out));
    }

    /// The chunk `id`, if this seal has it.
    #[must_use]
    pub fn chunk(&self, id: ChunkId) -> Option<&SealedChunk> {
        self.chunks.binary_search_by_key(&id, |chunk| chunk.id).ok().and_then(|at| self.chunks.get(at))
    }

    /// The seal that `body` is.
    ///
    /// # Errors
    /// `Corrupt`, naming table or chunk, or `Unsupported` for flags that this build does not know.
    pub fn decode(body: &[u8]) -> Result<Seal> {
        let mut input = Input::new(body);
        let replay = Cursor::decode(&mut input, "seal, replay cursor")?;
        let short = || damaged("too short");
        let next_table = input.u64().ok_or_else(short)?;
        let next_chunk = ChunkId(input.u64().ok_or_else(short)?);
        let next_table = u32::try_from(next_table).ok().filter(|id| *id > 0).map(TableId);
        let next_table = next_table.ok_or_else(|| damaged("next table id out of range"))?;
        if !(1..=MAX_NEXT_CHUNK).contains(&next_chunk.0) {
            return Err(damaged("next chunk id out of range"));
        }
        let count = checked_count(&mut input, TABLE_LEN).filter(|count| *count <= MAX_TABLES);
        let count = count.ok_or_else(|| damaged("more tables than it has room for"))?;
        let mut tables = Vec::with_capacity(count);
        for _ in 0..count {
            tables.push(SealedTable::decode(&mut input)?);
        }
        let count = checked_count(&mut input, CHUNK_LEN).ok_or_else(|| damaged("more chunks than it has room for"))?;
        let mut chunks = Vec::with_capacity(count);
        for _ in 0..count {
            chunks.push(SealedChunk::decode(&mut input)?);
        }
        if !input.is_empty() {
            return Err(damaged(format_args!("{} bytes behind its end", input.rest().len())));
        }
        let seal = Seal { replay, next_table, next_chunk, tables, chunks };
        seal.check_tables()?;
        seal.check_chunks()?;
        Ok(seal)
    }

    fn check_tables(&self) -> Result<()> {
        if !self.tables.is_sorted_by(|a, b| a.id < b.id) || self.tables.last().is_some_and(|last| last.id >= self.next_table) {
            return Err(damaged("table ids do not ascend up to the next one"));
        }
        let mut names: Vec<_> = self.tables.iter().map(|table| table.name.as_str()).collect();
        names.sort_unstable();
        if !names.is_sorted_by(|a, b| a < b) {
            return Err(damaged("two tables have one name"));
        }
        for table in self.tables.iter().filter(|table| !table.root.is_none()) {
            let chunk = self.chunk(table.root.chunk());
            if chunk.is_none_or(|chunk| table.root.ordinal() >= chunk.slot_count) {
                return Err(damaged(format_args!("table {}: its root, {}, is in no chunk", table.id, table.root)));
            }
        }
        Ok(())
    }

    fn check_chunks(&self) -> Result<()> {
        if !self.chunks.is_sorted_by(|a, b| a.id < b.id) || self.chunks.last().is_some_and(|last| last.id >= self.next_chunk) {
            return Err(damaged("chunk ids do not ascend up to the next one"));
        }
        let mut extents: Vec<_> = self.chunks.iter().map(|chunk| chunk.extent).collect();
        extents.sort_unstable();
        // Extents were checked one by one, so no end overflows.
        if !extents.is_sorted_by(|a, b| a.end() <= b.offset) {
            return Err(damaged("two chunks overlap"));
        }
        Ok(())
    }
}

/// A count, if what is left holds as many things of `least` bytes: nothing is allocated for a number that cannot be true.
fn checked_count(input: &mut Input<'_>, least: usize) -> Option<usize> {
    let count = input.u32()? as usize;
    (count.checked_mul(least)? <= input.rest().len()).then_some(count)
}

impl SealedTable {
    fn encode(&self, out: &mut Vec<u8>) {
        debug_assert!((1..=MAX_NAME_LEN).contains(&self.name.len()));
        out.extend_from_slice(&self.id.0.to_le_bytes());
        out.extend_from_slice(&if self.lz4 { LZ4 } else { 0 }.to_le_bytes());
        out.extend_from_slice(&self.root.0.to_le_bytes());
        out.extend_from_slice(&self.len.to_le_bytes());
        out.extend_from_slice(&self.height.to_le_bytes());
        out.extend_from_slice(&(self.name.len() as u32).to_le_bytes());
        out.extend_from_slice(self.name.as_bytes());
    }

    fn decode(input: &mut Input<'_>) -> Result<SealedTable> {
        let read = (|| {
            let id = TableId(input.u32()?);
            let (flags, root, len) = (input.u32()?, Position(input.u64()?), input.u64()?);
            let (height, name_len) = (input.u32()?, input.u32()? as usize);
            Some((id, flags, root, len, height, input.bytes(name_len)?))
        })();
        let (id, flags, root, len, height, name) = read.ok_or_else(|| damaged("a table is cut short"))?;
        let bad = |what: &str| damaged(format_args!("table {id}: {what}"));
        if flags & !LZ4 != 0 {
            return Err(newer("seal"));
        }
        if id.0 == 0 {
            return Err(bad("ids start at 1"));
        }
        if (root.is_none(), len == 0) != (height == 0, height == 0) || height > MAX_HEIGHT {
            return Err(bad("root, length and height do not fit together"));
        }
        let name = std::str::from_utf8(name).ok().filter(|name| (1..=MAX_NAME_LEN).contains(&name.len()));
        let name = name.ok_or_else(|| bad("no legal name"))?.to_owned();
        Ok(SealedTable { id, lz4: flags & LZ4 != 0, root, len, height, name })
    }
}

impl SealedChunk {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.0.to_le_bytes());
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&self.crc.to_le_bytes());
        out.extend_from_slice(&self.extent.offset.to_le_bytes());
        out.extend_from_slice(&self.extent.len.to_le_bytes());
        out.extend_from_slice(&self.page_count.to_le_bytes());
        out.extend_from_slice(&self.slot_count.to_le_bytes());
        out.extend_from_slice(&self.page_bytes.to_le_bytes());
        out.extend_from_slice(&self.live_bytes.to_le_bytes());
    }

    fn decode(input: &mut Input<'_>) -> Result<SealedChunk> {
        let read = (|| {
            Some(SealedChunk {
                id: ChunkId(input.u64()?),
                generation: input.u32()?,
                crc: input.u32()?,
                extent: Extent { offset: input.u64()?, len: input.u64()? },
                page_count: input.u32()?,
                slot_count: input.u32()?,
                page_bytes: input.u64()?,
                live_bytes: input.u64()?,
            })
        })();
        let chunk = read.ok_or_else(|| damaged("a chunk is cut short"))?;
        let bad = |what: &str| damaged(format_args!("chunk {}: {what}", chunk.id));
        if chunk.id.0 == 0 {
            return Err(bad("ids start at 1"));
        }
        // The end of the last block of the u64 range stands for the file's: its caller knows the true one.
        if !chunk.extent.is_legal(u64::MAX - u64::MAX % BLOCK) {
            return Err(bad("no legal extent"));
        }
        if chunk.page_count > chunk.slot_count || chunk.slot_count >= Position::ORDINALS {
            return Err(bad("more pages than slots, or too many slots"));
        }
        if chunk.live_bytes > chunk.page_bytes {
            return Err(bad("more live bytes than bytes"));
        }
        let directory = u64::from(chunk.slot_count).saturating_mul(4).saturating_add(64);
        if chunk.page_bytes.saturating_add(directory) > chunk.extent.len {
            return Err(bad("its extent is too short"));
        }
        Ok(chunk)
    }
}

fn damaged(what: impl fmt::Display) -> Error {
    Error::corrupt("seal", what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::format::fixed::Random;

    fn random_seal(random: &mut Random) -> Seal {
        let mut offset = 2 * BLOCK;
        let mut id = 0;
        let chunks: Vec<_> = (0..random.below(20))
            .map(|_| {
                id += 1 + random.below(5);
                offset += random.below(3) * BLOCK;
                let extent = Extent { offset, len: (4 + random.below(4)) * BLOCK };
                offset = extent.end();
                let page_bytes = 64 * random.below(100);
                SealedChunk {
                    id: ChunkId(id),
                    generation: random.below(4) as u32,
                    crc: random.next() as u32,
                    extent,
                    page_count: random.below(100) as u32,
                    slot_count: 100,
                    page_bytes,
                    live_bytes: random.below(page_bytes + 1),
                }
            })
            .collect();
        let tables = (0..random.below(20))
            .map(|i| {
                let filled = !chunks.is_empty() && random.below(2) == 0;
                let chunk = if filled { chunks[random.below(chunks.len() as u64) as usize].id } else { ChunkId(0) };
                SealedTable {
                    id: TableId(i as u32 * 3 + 1),
                    lz4: random.below(2) == 0,
                    root: if filled { Position::new(chunk, random.below(100) as u32) } else { Position::NONE },
                    len: if filled { random.next() | 1 } else { 0 },
                    height: if filled { 1 + random.below(64) as u32 } else { 0 },
                    name: format!("table-{i}"),
                }
            })
            .collect();
        let replay = Cursor { segment: 8192, offset: 12_288, number: 1 + random.below(1 << 62), digest: 9 };
        Seal { replay, next_table: TableId(100), next_chunk: ChunkId(id + 1), tables, chunks }
    }

    fn encode(seal: &Seal) -> Vec<u8> {
        let mut out = Vec::new();
        seal.encode(&mut out);
        assert_eq!(out.len(), seal.encoded_len());
        out
    }

    /// What was encoded decodes to the same seal, and every cut is refused.
    #[test]
    fn seal_reads_back() {
        for seed in 1..100 {
            let seal = random_seal(&mut Random(seed));
            let bytes = encode(&seal);
            assert_eq!(Seal::decode(&bytes).unwrap(), seal, "seed {seed}");
            for len in 0..bytes.len() {
                assert!(Seal::decode(&bytes[..len]).is_err(), "seed {seed}, {len} bytes");
            }
        }
    }

    /// A body has no CRC of its own: a changed byte gives a seal that encodes to just these bytes, or an error, never a panic.
    #[test]
    fn l8_forged_seal_is_refused_or_read() {
        for seed in 1..20 {
            let bytes = encode(&random_seal(&mut Random(seed)));
            for at in 0..bytes.len() {
                for mask in [1, 0x80, 0xff] {
                    let mut bad = bytes.clone();
                    bad[at] ^= mask;
                    match Seal::decode(&bad) {
                        Ok(seal) => assert_eq!(encode(&seal), bad, "seed {seed}, byte {at}"),
                        Err(error) => assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported)),
                    }
                }
            }
        }
    }

    /// Each rule of FORMAT 4.4 is held alone.
    #[test]
    fn l8_seal_rules() {
        let good = Seal {
            replay: Cursor { segment: 8192, offset: 12_288, number: 1, digest: 0 },
            next_table: TableId(3),
            next_chunk: ChunkId(3),
            tables: (1..3).map(|i| table(i, Position::new(ChunkId(u64::from(i)), 0))).collect(),
            chunks: (1..3).map(|i| chunk(i, 8192 * i)).collect(),
        };
        assert_eq!(Seal::decode(&encode(&good)).unwrap(), good);
        let refused = |what: &str, spoil: &dyn Fn(&mut Seal)| {
            let mut bad = good.clone();
            spoil(&mut bad);
            assert_eq!(Seal::decode(&encode(&bad)).expect_err(what).kind(), ErrorKind::Corrupt, "{what}");
        };
        refused("same name", &|s| s.tables[1].name = s.tables[0].name.clone());
        refused("empty name", &|s| s.tables[1].root = Position::NONE);
        refused("height without root", &|s| s.tables[1].height = 0);
        refused("too high", &|s| s.tables[1].height = 65);
        refused("no entries", &|s| s.tables[1].len = 0);
        refused("root in no chunk", &|s| s.tables[1].root = Position::new(ChunkId(7), 0));
        refused("root past the directory", &|s| s.tables[1].root = Position::new(ChunkId(1), 9));
        refused("next table", &|s| s.next_table = TableId(2));
        refused("next chunk", &|s| s.next_chunk = ChunkId(2));
        refused("next chunk 2^40 + 1", &|s| s.next_chunk = ChunkId(MAX_NEXT_CHUNK + 1));
        refused("overlap", &|s| s.chunks[1].extent = s.chunks[0].extent);
        refused("over the headers", &|s| s.chunks[0].extent.offset = 4096);
        refused("over the end of numbers", &|s| s.chunks[1].extent.offset = u64::MAX - 4095);
        refused("across a window", &|s| s.chunks[1].extent.offset = (1 << 34) - 4096);
        refused("live beyond all", &|s| s.chunks[1].live_bytes = 65);
        refused("pages beyond slots", &|s| s.chunks[1].page_count = 10);
        refused("bytes beyond the extent", &|s| s.chunks[1].page_bytes = 8192);
    }

    fn table(id: u32, root: Position) -> SealedTable {
        SealedTable { id: TableId(id), lz4: false, root, len: 1, height: 1, name: format!("t{id}") }
    }

    fn chunk(id: u64, offset: u64) -> SealedChunk {
        let extent = Extent { offset, len: 8192 };
        SealedChunk {
            id: ChunkId(id),
            generation: 0,
            crc: 0,
            extent,
            page_count: 1,
            slot_count: 9,
            page_bytes: 64,
            live_bytes: 64,
        }
    }
}
