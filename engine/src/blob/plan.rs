//! What a blob consists of, measured and placed before its first byte is written.
//!
//! A look at the books tells almost everything. Versions are born in the order of chunk ids: no page of a chunk is younger than any page of a later one. So at most one
//! chunk has pages from before and after the version; later ones are left out, and of each earlier one the version reaches what the newest version reaches and what its dead lists
//! show. These live bytes are exact (L6, L7) without a look at the pages. Trees are walked in memory only, unless that one chunk is in the file by now:
//! then, for an old snapshot, the whole version is walked.

use std::collections::{BTreeMap, HashSet};

use crate::error::{Error, ErrorKind, Result};
use crate::format::chunk::ChunkLayout;
use crate::format::header::{Header, Run};
use crate::format::ids::{BLOCK, WINDOW};
use crate::format::record::{MAX_BODY_LEN, RECORD_HEAD_LEN};
use crate::format::seal::{Seal, SealedChunk};
use crate::format::{ChunkId, Extent, Position, Version};
use crate::log::append::Log;
use crate::log::directory::{FileHome, Home};
use crate::page::Page;
use crate::store::Machine;
use crate::store::checkpoint::seal_of;
use crate::store::look::Look;
use crate::store::open::random;
use crate::store::reclaim::Account;
use crate::sync::Counted;
use crate::tree;
use crate::version::root::Root;

/// Length of the segment that is ready to follow: the shortest that a new store may have.
const NEXT_SEGMENT: u64 = 4 * BLOCK;

/// A blob, placed.
pub(super) struct Plan {
    pub(super) look: Look,
    pub(super) header: Header,
    /// By place and by id.
    pub(super) pieces: Vec<Piece>,
    /// The seal, but for what only writing the closing chunks tells.
    pub(super) seal: Seal,
    /// Where the seal's record goes.
    pub(super) log: Log,
    /// Length of the blob.
    pub(super) len: u64,
}

/// A chunk of a blob.
pub(super) struct Piece {
    pub(super) source: Source,
    /// As the blob's seal states it; of a closing chunk the CRC is not known yet.
    pub(super) chunk: SealedChunk,
}

/// Where a chunk's bytes come from.
pub(super) enum Source {
    /// An extent of the store, as its seal states it. The home keeps it.
    File { stated: SealedChunk, _home: Counted<FileHome> },
    /// Pages in memory, children before parents.
    Memory(Vec<u32>),
}

/// What a walk found of one chunk.
#[derive(Default)]
struct Walked {
    /// Ordinals, children before parents.
    order: Vec<u32>,
    /// Stored bytes of those pages.
    bytes: u64,
}

impl Plan {
    /// The blob of the version `root`, which the caller holds.
    pub(super) fn new(machine: &Machine, root: &Root) -> Result<Plan> {
        let look = machine.look(root);
        let (last, is_mixed) = last_chunk(&look, root.version)?;
        let is_mixed = is_mixed || look.has_moved;
        let mut walked = walk(&look, root, is_mixed)?;
        let mut dead = if is_mixed { BTreeMap::new() } else { dead_bytes(&look)? };
        let mut pieces = Vec::new();
        let mut place = Place { end: 2 * BLOCK };
        for (id, home) in &look.homes {
            let of_walk = walked.remove(id);
            let piece = match home {
                Home::Heap(_) => of_walk.map(|walked| closing(*id, walked)).transpose()?,
                Home::File(home) => {
                    let Some(account) = look.accounts.get(id).filter(|_| *id <= last) else { continue };
                    let live = match of_walk {
                        Some(walked) => walked.bytes,
                        None if is_mixed => 0,
                        None => account.newest_bytes + dead.remove(id).unwrap_or(0),
                    };
                    copied(account, Counted::clone(home), live)
                }
            };
            if let Some(mut piece) = piece {
                piece.chunk.extent = place.take(piece.chunk.extent.len)?;
                pieces.push(piece);
            }
        }
        // Behind every chunk of the store: one that is copied whole may have younger pages, which the blob does not reach and which name pages of later chunks.
        let newest = look.homes.keys().next_back().copied().unwrap_or_default();
        let next_chunk = newest.next();
        Plan::around(machine, root, look, pieces, place, next_chunk)
    }

    /// Header, seal and log around the chunks.
    fn around(
        machine: &Machine,
        root: &Root,
        look: Look,
        pieces: Vec<Piece>,
        mut place: Place,
        next_chunk: ChunkId,
    ) -> Result<Plan> {
        let chunks = || pieces.iter().map(|piece| piece.chunk).collect();
        let body_len = seal_of(root, Default::default(), next_chunk, chunks()).encoded_len();
        if body_len > MAX_BODY_LEN {
            return Err(Error::new(
                ErrorKind::Full,
                format!("a blob's seal would have {body_len} bytes, at most {MAX_BODY_LEN} fit"),
            ));
        }
        let first = place.take((BLOCK + (RECORD_HEAD_LEN + body_len) as u64).next_multiple_of(BLOCK))?;
        let next = place.take(NEXT_SEGMENT)?;
        let identity = &machine.identity;
        let salt = u64::from_le_bytes(random(&*machine.disk)?);
        let log = Log::start(salt, 1, 0, first, next, identity.term);
        let start = log.cursor();
        let header = Header {
            sequence: 2,
            clean: true,
            blob: true,
            page_len: identity.page_len,
            incarnation: identity.incarnation,
            parent: identity.parent,
            forked_at: identity.forked_at,
            durable_to: root.version,
            term: identity.term,
            sealed: root.version,
            replay: start,
            runs: vec![Run { salt, start }],
        };
        let seal = seal_of(root, start, next_chunk, chunks());
        Ok(Plan { look, header, pieces, seal, log, len: next.end() })
    }
}

/// The last chunk in the file with a page of `version` or before, and whether it has younger ones too. Every page that is looked at is checked: a damaged one must not decide.
fn last_chunk(look: &Look, version: Version) -> Result<(ChunkId, bool)> {
    for id in look.accounts.keys().rev() {
        let Some(Home::File(home)) = look.homes.get(id) else { continue };
        let (mut old, mut young) = (false, false);
        for at in (0..home.slot_count()).map(|ordinal| Position::new(*id, ordinal)) {
            if let Some(stored) = home.stored(at)? {
                let born = Page::verify(&stored, at)?.born();
                old |= born <= version;
                young |= born > version;
            }
            if old && young {
                return Ok((*id, true));
            }
        }
        if old {
            return Ok((*id, false));
        }
    }
    Ok((ChunkId(0), false))
}

/// Walks the pages in memory, or `all`. A page in memory is reached through pages of the first chunk in memory and later ones alone: no older page was changed
/// since to name it.
fn walk(look: &Look, root: &Root, all: bool) -> Result<BTreeMap<ChunkId, Walked>> {
    let mut found: BTreeMap<ChunkId, Walked> = BTreeMap::new();
    let in_memory = look.homes.iter().find(|(_, home)| matches!(home, Home::Heap(_))).map(|(id, _)| *id);
    let is_walked = |id: ChunkId| all || in_memory.is_some_and(|first| id >= first);
    // A forged branch may name a page many times, and so on at every level: each is walked once.
    let mut met: HashSet<Position> = HashSet::new();
    for (_, tree) in root.tables() {
        tree::walk(look, tree, &mut |at| is_walked(at.chunk()) && met.insert(at), &mut |at, page| {
            let walked = found.entry(at.chunk()).or_default();
            walked.order.push(at.ordinal());
            walked.bytes += look.stored_len(at, page)?;
            Ok(())
        })?;
    }
    Ok(found)
}

/// Stored bytes, by chunk, of pages in the file that the version reaches and the newest version does not.
fn dead_bytes(look: &Look) -> Result<BTreeMap<ChunkId, u64>> {
    let mut bytes: BTreeMap<ChunkId, u64> = BTreeMap::new();
    for at in &look.dead {
        if let Some(Home::File(home)) = look.homes.get(&at.chunk())
            && let Some(len) = home.stored_len(*at)?
        {
            *bytes.entry(at.chunk()).or_default() += len;
        }
    }
    Ok(bytes)
}

/// A chunk of the file as it is; none if the version reaches nothing of it.
fn copied(account: &Account, home: Counted<FileHome>, live: u64) -> Option<Piece> {
    let live_bytes = live.min(account.chunk.page_bytes);
    let chunk = SealedChunk { live_bytes, ..account.chunk };
    (live > 0).then_some(Piece { source: Source::File { stated: account.chunk, _home: home }, chunk })
}

/// A chunk of pages in memory.
fn closing(id: ChunkId, walked: Walked) -> Result<Piece> {
    let slot_count = walked.order.iter().max().map_or(0, |max| max + 1);
    let layout = ChunkLayout::new(walked.bytes, slot_count).filter(|_| slot_count < Position::ORDINALS);
    let layout =
        layout.ok_or_else(|| Error::new(ErrorKind::Full, "the pages in memory exceed a chunk; make a checkpoint first"))?;
    let chunk = SealedChunk {
        id,
        generation: 0,
        crc: 0,
        extent: Extent { offset: 0, len: layout.extent_len },
        page_count: walked.order.len() as u32,
        slot_count,
        page_bytes: walked.bytes,
        live_bytes: walked.bytes,
    };
    Ok(Piece { source: Source::Memory(walked.order), chunk })
}

/// Gives out extents one behind the other.
struct Place {
    end: u64,
}

impl Place {
    fn take(&mut self, len: u64) -> Result<Extent> {
        if len > WINDOW {
            return Err(Error::new(ErrorKind::Full, format!("an extent of {len} bytes is more than a window")));
        }
        let window_end = (self.end / WINDOW + 1) * WINDOW;
        // No extent crosses a window: what is left of this one stays free.
        let offset = if self.end + len <= window_end { self.end } else { window_end };
        self.end = offset + len;
        Ok(Extent { offset, len })
    }
}
