//! Pages of a damaged file by position: through the directories of its chunks where those are whole, else by looking for the pages themselves.
//!
//! A page says who it is: its CRC covers table, level, born version and position, and a position names one page for ever (L1). So a chunk whose
//! tail or directory is damaged is walked from its start on, 64 bytes at a time until a page fits, then from its end on.
//!
//! Everything is read by copies, never through the map: what the medium refuses is an error of that page alone. Memory: 24 bytes a page of the file, and the
//! pages in hand. No read is longer than the room that the neighbours leave to a page, so all of them together are bounded by the file.

use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::format::chunk::{ChunkTail, TAIL_LEN};
use crate::format::seal::SealedChunk;
use crate::format::{ChunkId, Position};
use crate::page::{ALIGN, HEAD_LEN, Page, PageBuf};

/// Where a page stands, and the bytes up to what stands behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) at: Position,
    pub(super) offset: u64,
    pub(super) room: u64,
}

/// A page in memory, checked.
pub(super) enum Owned {
    /// As it is stored.
    Stored(Vec<u8>, Position),
    /// It was compressed.
    Unpacked(PageBuf),
}

impl Owned {
    pub(super) fn page(&self) -> Result<Page<'_>> {
        match self {
            Owned::Stored(bytes, at) => Page::trusted(bytes, *at),
            Owned::Unpacked(page) => Ok(page.page()),
        }
    }
}

/// What is wrong with a chunk.
pub(super) struct Damage {
    pub(super) id: ChunkId,
    pub(super) offset: u64,
    pub(super) len: u64,
    /// Pages that it should have, and those that were found.
    pub(super) expected: u32,
    pub(super) found: u32,
    pub(super) why: String,
}

/// The pages of a file.
pub(super) struct Pages<'d> {
    disk: &'d dyn Disk,
    /// By position; each once.
    places: Vec<Place>,
}

impl<'d> Pages<'d> {
    /// The pages of the chunks that a seal names, and what is wrong with these.
    pub(super) fn of_chunks(disk: &'d dyn Disk, file_len: u64, chunks: &[SealedChunk]) -> (Pages<'d>, Vec<Damage>) {
        let (mut places, mut damages) = (Vec::new(), Vec::new());
        for chunk in chunks {
            let (offset, len) = (chunk.extent.offset, chunk.extent.len);
            let why = match directory(disk, file_len, chunk) {
                Ok(found) => {
                    places.extend(found);
                    continue;
                }
                Err(e) => e.to_string(),
            };
            let found = look_for(disk, offset, chunk.extent.end().min(file_len), Some(chunk.id), &mut |_| {});
            damages.push(Damage { id: chunk.id, offset, len, expected: chunk.page_count, found: found.len() as u32, why });
            places.extend(found);
        }
        (Pages::new(disk, places), damages)
    }

    /// Every page that stands anywhere in the file.
    pub(super) fn of_file(disk: &'d dyn Disk, file_len: u64, progress: &mut dyn FnMut(u64)) -> Pages<'d> {
        Pages::new(disk, look_for(disk, 0, file_len, None, progress))
    }

    fn new(disk: &'d dyn Disk, mut places: Vec<Place>) -> Pages<'d> {
        places.sort_by_key(|place| place.at.0);
        places.dedup_by_key(|place| place.at.0);
        Pages { disk, places }
    }

    /// All of them.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The page at `at`, checked and unpacked.
    ///
    /// # Errors
    /// `Corrupt` if it is nowhere or damaged; `Io`.
    pub(super) fn page(&self, at: Position) -> Result<Owned> {
        let place = self.places.binary_search_by_key(&at.0, |place| place.at.0).ok().and_then(|i| self.places.get(i));
        self.read(place.ok_or_else(|| Error::corrupt(at, "it is nowhere in its chunk"))?)
    }

    /// The head of the page at this place, unchecked: to choose by. None if it cannot be read.
    pub(super) fn head(&self, place: &Place) -> Option<[u8; HEAD_LEN]> {
        let mut head = [0; HEAD_LEN];
        self.disk.read_at(&mut head, place.offset).ok()?;
        Some(head)
    }

    /// The page at this place, checked and unpacked.
    ///
    /// # Errors
    /// As [`Pages::page`].
    pub(super) fn read(&self, place: &Place) -> Result<Owned> {
        let bytes = read_page(self.disk, place.offset, place.room, place.at)?;
        let page = Page::verify(&bytes, place.at)?;
        if page.is_compressed() {
            return page.unpack().map(Owned::Unpacked);
        }
        Ok(Owned::Stored(bytes, place.at))
    }
}

/// Reads `stored_len` bytes, if they fit into `room`.
fn read_page(disk: &dyn Disk, offset: u64, room: u64, at: Position) -> Result<Vec<u8>> {
    let mut head = [0; HEAD_LEN];
    disk.read_at(&mut head, offset)?;
    let len = stored_len(&head);
    if len < HEAD_LEN as u64 || len > room {
        return Err(Error::corrupt(at, format_args!("its length {len} does not fit the {room} bytes that it has")));
    }
    let mut bytes = Vec::new();
    if bytes.try_reserve_exact(len as usize).is_err() {
        return Err(Error::corrupt(at, format_args!("no memory for its {len} bytes")));
    }
    bytes.resize(len as usize, 0);
    disk.read_at(&mut bytes, offset)?;
    Ok(bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// FORMAT 7: u32@4 of a page's head.
fn stored_len(head: &[u8]) -> u64 {
    u64::from(u32_at(head, 4))
}

/// FORMAT 7: u64@8 of a page's head.
pub(super) fn position(head: &[u8]) -> Position {
    Position(u64::from(u32_at(head, 8)) | u64::from(u32_at(head, 12)) << 32)
}

/// FORMAT 7: u32@24 and u8@28 of a page's head: its table, and whether it is a leaf.
pub(super) fn leaf_of(head: &[u8]) -> Option<u32> {
    (head.get(28) == Some(&1)).then(|| u32_at(head, 24))
}

/// The pages of a chunk whose tail and directory are whole.
fn directory(disk: &dyn Disk, file_len: u64, chunk: &SealedChunk) -> Result<Vec<Place>> {
    let place = format!("chunk {} at {}", chunk.id, chunk.extent.offset);
    if !chunk.extent.is_legal(file_len) {
        return Err(Error::corrupt(place, format_args!("it leaves the file, which has {file_len} bytes")));
    }
    let mut tail = [0; TAIL_LEN];
    disk.read_at(&mut tail, chunk.extent.end() - TAIL_LEN as u64)?;
    let tail = ChunkTail::decode(&tail, chunk.extent.len).map_err(|e| e.within(&place))?;
    if (tail.id, tail.generation, tail.slot_count) != (chunk.id, chunk.generation, chunk.slot_count) {
        let found = format!("its tail says chunk {}, generation {}, {} slots", tail.id, tail.generation, tail.slot_count);
        return Err(Error::corrupt(place, found));
    }
    // At most 2^24 slots of 4 bytes, inside of the extent (`decode`).
    let mut slots = vec![0; tail.directory_len() as usize];
    disk.read_at(&mut slots, chunk.extent.offset + tail.directory)?;
    let slots = tail.check(&slots).map_err(|e| e.within(&place))?;
    let mut places: Vec<Place> = slots
        .pages()
        .map(|(ordinal, offset)| Place { at: Position::new(chunk.id, ordinal), offset: chunk.extent.offset + offset, room: 0 })
        .collect();
    places.sort_unstable_by_key(|place| place.offset);
    let mut end = chunk.extent.offset + tail.directory;
    for place in places.iter_mut().rev() {
        place.room = end - place.offset;
        end = place.offset;
    }
    Ok(places)
}

/// Bytes that are read at once in the search for pages.
const WINDOW: usize = 1 << 20;

/// Looks for whole pages from byte `from` to byte `to` of the file, of chunk `id` or of any.
fn look_for(disk: &dyn Disk, from: u64, to: u64, id: Option<ChunkId>, progress: &mut dyn FnMut(u64)) -> Vec<Place> {
    let mut found = Vec::new();
    let (mut window, mut window_at) = (Vec::new(), 0_u64);
    // What looks like a page and is none is read in vain: a hostile file must not make that quadratic.
    let mut budget = 4 * (to.saturating_sub(from)) + (1 << 20);
    let mut at = from.next_multiple_of(ALIGN as u64);
    while at + HEAD_LEN as u64 <= to {
        if at < window_at || at + HEAD_LEN as u64 > window_at + window.len() as u64 {
            progress(at);
            window_at = at;
            window.resize((to - at).min(WINDOW as u64) as usize, 0);
            if disk.read_at(&mut window, at).is_err() {
                // Perhaps one sector of it alone cannot be read.
                window.truncate(HEAD_LEN);
                if disk.read_at(&mut window, at).is_err() {
                    window.clear();
                    at += 512;
                    continue;
                }
            }
        }
        let head = window.get((at - window_at) as usize..).and_then(|rest| rest.first_chunk::<HEAD_LEN>());
        let candidate = head.and_then(|head| candidate(head, id, to - at));
        at += match candidate {
            Some((position, len)) if budget >= len => {
                budget -= len;
                let bytes = read_page(disk, at, to - at, position);
                if bytes.is_ok_and(|bytes| Page::verify(&bytes, position).is_ok()) {
                    found.push(Place { at: position, offset: at, room: len });
                    len
                } else {
                    ALIGN as u64
                }
            }
            _ => ALIGN as u64,
        };
    }
    found
}

/// Whether this may be the head of a page: its position and stored length.
fn candidate(head: &[u8; HEAD_LEN], id: Option<ChunkId>, room: u64) -> Option<(Position, u64)> {
    let (at, len) = (position(head), stored_len(head));
    let is_kind = (1..=3).contains(&head[28]) && (head[28] == 2) == (head[29] > 0);
    let is_len = len >= HEAD_LEN as u64 && len.is_multiple_of(ALIGN as u64) && len <= room;
    let is_place = at.chunk().0 != 0 && id.is_none_or(|id| id == at.chunk());
    (is_kind && is_len && is_place).then_some((at, len))
}
