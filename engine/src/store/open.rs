//! From a file to a machine: creation, recovery (FORMAT 9), and the first headers of a run.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::format::change::{Changes, Commits};
use crate::format::header::{self, Header, Incarnation, MAX_RUNS, Run};
use crate::format::ids::{BLOCK, SECTOR};
use crate::format::record::{self, RecordKind};
use crate::format::seal::Seal;
use crate::format::{Extent, TableId, Version};
use crate::log::append::{Label, Log, Segment};
use crate::log::cache::Cache;
use crate::log::directory::{Chunk, Chunks, FileHome, Home};
use crate::log::recover::{self, Bodies, Headers, Walk};
use crate::log::space::Space;
use crate::planted::{Bug, planted};
use crate::store::checkpoint::{Busy, seal_of};
use crate::store::commit::Pipeline;
use crate::store::edit::Draft;
use crate::store::options::{Reads, Settings};
use crate::store::reclaim::{Account, Reclaim};
use crate::store::replay::Replay;
use crate::store::slots::{Slots, runs_from};
use crate::store::{Identity, Machine, OpenChunk, stated};
use crate::sync::{Condvar, Counted, Mutex, OnceLock};
use crate::version::moment::Moment;
use crate::version::root::{Catalogue, Root, TableEntry, Tree, Versions};

/// What opening found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenReport {
    /// The version that was recovered.
    pub version: u64,
    /// The version of the seal it was recovered from.
    pub sealed: u64,
    /// Commits that were replayed from records.
    pub replayed: u64,
    /// Bytes at the log's end that looked like records of the last run and were dropped. They were torn by a crash; a commit in them **may have been acknowledged** only if the medium
    /// lied about a sync or lost what it had. 0 where nothing is left of them: see `clean`.
    pub dropped_bytes: u64,
    /// What is wrong with the header slot that was not needed, if anything is.
    pub damaged_header: Option<String>,
    /// Whether the store was closed cleanly. If not, the last commit may be missing without a trace where the medium lost all of it: what [`crate::Options::strict`] excludes.
    pub clean: bool,
    /// Whether the file was created by this open.
    pub created: bool,
}

/// Random bytes, as the disk has them.
pub(crate) fn random<const N: usize>(disk: &dyn Disk) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    disk.random(&mut bytes)?;
    Ok(bytes)
}

/// Writes an empty store into an empty file: two segments with seal 0, then the headers.
pub(crate) fn create(disk: &dyn Disk, settings: &Settings) -> Result<()> {
    let len = settings.segment_bytes;
    let first = Extent { offset: 2 * BLOCK, len };
    let next = Extent { offset: first.end(), len };
    let salt = u64::from_le_bytes(random(disk)?);
    disk.write_at(&vec![0; next.end() as usize], 0)?;
    let mut log = Log::start(salt, 1, 0, first, next, 0);
    let start = log.cursor();
    let root = empty_root();
    let mut body = Vec::new();
    seal_of(&root, start, crate::format::ChunkId(1), Vec::new()).encode(&mut body);
    let (version, durable_to) = (Version(0), Version(0));
    log.append(Label { kind: RecordKind::Seal, commit_count: 0, version, durable_to }, &[&body]);
    for (offset, bytes) in log.take(true) {
        disk.write_at(&bytes, offset)?;
    }
    disk.sync_all()?;
    let incarnation = Incarnation(random(disk)?);
    // Slot 1 first: while slot 0 is empty, creation is not complete.
    for sequence in [1, 2] {
        let header = Header {
            sequence,
            clean: true,
            blob: false,
            page_len: settings.page_len,
            incarnation,
            parent: Incarnation::NONE,
            forked_at: Version(0),
            durable_to,
            term: 0,
            sealed: version,
            replay: start,
            runs: vec![Run { salt, start }],
        };
        disk.write_at(&header.encode()[..], header.slot_offset())?;
        disk.sync_all()?;
    }
    Ok(())
}

/// Whether the file is one whose creation a crash cut short (FORMAT 9): slot 0 was never written and there is at most seal 0 in it.
pub(crate) fn is_unfinished(disk: &dyn Disk) -> Result<bool> {
    let len = disk.len()?;
    // Two headers and two segments; the largest that `Settings` allows.
    if len > 2 * BLOCK + (2 << 30) {
        return Ok(false);
    }
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    while offset < len {
        let block = offset / BLOCK;
        let take = if block < 4 { BLOCK } else { buffer.len() as u64 }.min(len - offset);
        let bytes = &mut buffer[..take as usize];
        disk.read_at(bytes, offset)?;
        let may_be = match block {
            1 => begins_or_is_zero(bytes, &header::MAGIC) && Header::decode(bytes).is_err(),
            2 => begins_or_is_zero(bytes, &record::SEGMENT_MAGIC),
            3 => begins_or_is_zero(bytes, &record::RECORD_MAGIC),
            _ => bytes.iter().all(|byte| *byte == 0),
        };
        if !may_be {
            return Ok(false);
        }
        offset += take;
    }
    Ok(true)
}

/// Whether a block holds nothing, or the beginning of something that bears `magic` and fits in a sector.
fn begins_or_is_zero(block: &[u8], magic: &[u8]) -> bool {
    let begun = block.iter().zip(magic).take_while(|(byte, due)| byte == due).count();
    let end = if begun == magic.len() { block.len().min(SECTOR) } else { begun };
    block[end..].iter().all(|byte| *byte == 0)
}

fn empty_root() -> Root {
    let catalogue = Arc::new(Catalogue { tables: Vec::new(), next_table: TableId(1) });
    Root { version: Version(0), moment: Moment::OPENED, catalogue, trees: Arc::new([]), since: Instant::now() }
}

/// Recovers the newest whole state of a file; writable, it begins a new run and makes it durable.
pub(crate) fn open(disk: Arc<dyn Disk>, settings: Settings, read_only: bool, created: bool) -> Result<Machine> {
    let headers = recover::choose_header(&*disk)?;
    let walk = recover::walk(&*disk, &headers).map_err(|e| e.within(disk.name()))?;
    let mut bodies = Bodies::new(&*disk, &walk);
    let sealed = walk.records[walk.seal];
    let seal = Seal::decode(bodies.get(&sealed)?).map_err(|e| e.within(disk.name()))?;
    let root = sealed_root(&seal, sealed.head.version);
    let machine = assemble(Arc::clone(&disk), settings, read_only, &headers, &walk, &seal, root)?;
    let replayed = replay(&machine, &walk, &mut bodies).map_err(|e| e.within(disk.name()))?;
    drop(bodies);
    let report = OpenReport {
        version: walk.last.0,
        sealed: sealed.head.version.0,
        replayed,
        dropped_bytes: walk.dropped_bytes,
        damaged_header: headers.other.as_ref().err().map(ToString::to_string),
        clean: headers.newest.clean,
        created,
    };
    let mut machine = machine;
    machine.report = report;
    if !read_only {
        if !planted(Bug::NotSecured) {
            recover::secure(&*machine.disk, &headers, &walk)?;
        }
        begin_run(&machine, &walk)?;
        // Whoever was killed had kept room for what was replayed. Without it the store can still be read, and what commits says so.
        if machine.dirty_bytes() > 0 {
            let _ = machine.keep_room(0, false).or_else(|_| machine.keep_room(0, true));
        }
    }
    Ok(machine)
}

fn sealed_root(seal: &Seal, version: Version) -> Root {
    let mut tables: Vec<(TableEntry, Tree)> = seal
        .tables
        .iter()
        .map(|table| {
            let entry = TableEntry { name: table.name.as_str().into(), id: table.id, lz4: table.lz4 };
            (entry, Tree { at: table.root, len: table.len, height: table.height })
        })
        .collect();
    tables.sort_unstable_by(|a, b| a.0.name.cmp(&b.0.name));
    let (tables, trees): (Vec<_>, Vec<_>) = tables.into_iter().unzip();
    let catalogue = Arc::new(Catalogue { tables, next_table: seal.next_table });
    Root { version, moment: Moment::OPENED, catalogue, trees: trees.into(), since: Instant::now() }
}

/// The machine as of the seal.
fn assemble(
    disk: Arc<dyn Disk>,
    settings: Settings,
    read_only: bool,
    headers: &Headers,
    walk: &Walk,
    seal: &Seal,
    root: Root,
) -> Result<Machine> {
    let header = &headers.newest;
    let file_len = disk.len()?;
    let place =
        |chunk: &crate::format::seal::SealedChunk| format!("chunk {} at {} of {}", chunk.id, chunk.extent.offset, disk.name());
    if let Some(outside) = seal.chunks.iter().find(|chunk| !chunk.extent.is_legal(file_len)) {
        return Err(Error::corrupt(
            place(outside),
            format_args!("the file ends before it, at byte {file_len}: it was cut short"),
        ));
    }
    let used = walk.segments.iter().map(|segment| segment.extent).chain([walk.next]);
    let space =
        Space::new(file_len, used.chain(seal.chunks.iter().map(|chunk| chunk.extent))).map_err(|e| e.within(disk.name()))?;
    let open = OpenChunk::new(seal.next_chunk);
    let cache = (settings.reads == Reads::Copied).then(|| Arc::new(Cache::new(settings.cache_bytes)));
    let file_chunk = |chunk: &crate::format::seal::SealedChunk| {
        let home = FileHome::new(Arc::clone(&disk), stated(chunk, seal.next_chunk), cache.as_ref());
        Chunk::new(chunk.id, Home::File(Counted::new(home)))
    };
    let chunks = seal.chunks.iter().map(file_chunk).chain([open.chunk()]).collect();
    let account = |chunk: &crate::format::seal::SealedChunk| Account {
        chunk: *chunk,
        newest_bytes: chunk.live_bytes,
        kept_bytes: chunk.live_bytes,
    };
    let accounts = seal.chunks.iter().map(|chunk| (chunk.id, account(chunk))).collect();
    let identity = Identity {
        page_len: header.page_len,
        incarnation: if header.blob && !read_only { Incarnation(random(&*disk)?) } else { header.incarnation },
        parent: if header.blob && !read_only { header.incarnation } else { header.parent },
        forked_at: if header.blob && !read_only { walk.last } else { header.forked_at },
        term: header.term,
        blob: header.blob,
    };
    let live: VecDeque<Segment> = walk.segments.iter().copied().collect();
    let run = Run {
        salt: match header.runs.last() {
            Some(last) if planted(Bug::SaltReused) => last.salt,
            _ => u64::from_le_bytes(random(&*disk)?),
        },
        start: crate::format::header::Cursor { offset: walk.end.offset.next_multiple_of(BLOCK), ..walk.end },
    };
    let log = Log::new(&run, live, walk.next, header.term);
    let mut runs = runs_from(&header.runs, header.replay.number);
    runs.retain(|earlier| earlier.start.number < run.start.number);
    runs.push(run);
    let slots = Slots {
        sequence: header.sequence,
        sealed: root.version,
        seal: 0,
        replay: header.replay,
        durable_to: header.durable_to,
        runs,
        fresh: None,
        named: [(0, header.replay); 2],
    };
    Ok(Machine {
        disk,
        settings,
        identity,
        read_only,
        report: OpenReport::default(),
        turn: Arc::default(),
        versions: Versions::new(root.clone()),
        chunks: Chunks::new(chunks),
        cache,
        poison: OnceLock::new(),
        counters: super::stats::Counters::default(),
        signal: super::background::Signal::default(),
        pipeline: Mutex::new(Pipeline::new(log, root, 0)),
        published: Condvar::new(),
        callbacks: Mutex::new(()),
        checkpoint: Busy::default(),
        deaths: Mutex::new(Vec::new()),
        reclaim: Mutex::new(Reclaim::new(accounts)),
        open: Mutex::new(open),
        space: Mutex::new(space),
        headers: Mutex::new(slots),
    })
}

/// Applies the records behind the seal; gives the number of commits.
fn replay(machine: &Machine, walk: &Walk, bodies: &mut Bodies<'_>) -> Result<u64> {
    let base = machine.pipeline.lock().newest.clone();
    let sealed = base.version;
    if walk.last == sealed {
        return Ok(0);
    }
    let mut draft = Draft::new(machine, base, None);
    draft.version = walk.last;
    let mut replay = Replay::new(machine, draft);
    let (mut count, mut bytes) = (0, 0);
    for found in &walk.records {
        if found.head.kind != RecordKind::Commits || found.head.version <= sealed {
            continue;
        }
        let place = format!("record {} at {}", found.head.number, found.offset);
        let mut version = found.head.first_version();
        for commit in Commits::new(bodies.get(found)?, found.head.commit_count) {
            let commit = commit.map_err(|e| e.within(&place))?;
            if version > sealed {
                for change in Changes::new(commit) {
                    change.and_then(|change| replay.apply(&change)).map_err(|e| e.within(&place))?;
                }
                count += 1;
            }
            version = version.next();
        }
        bytes += found.head.record_len();
    }
    let (frozen, _) = replay.finish().freeze()?;
    let (root, dead) = machine.install(frozen);
    machine.replayed(root, dead, bytes);
    Ok(count)
}

/// Makes the new run durable before the first append, in both slots, so that either alone knows it.
fn begin_run(machine: &Machine, walk: &Walk) -> Result<()> {
    {
        // Chunks of which only snapshots of the run before needed anything.
        let mut reclaim = machine.reclaim.lock();
        let unneeded = reclaim.accounts.values().filter(|a| a.kept_bytes == 0).map(|a| a.chunk.id).collect();
        machine.drop_chunks(&mut reclaim, unneeded);
    }
    let too_many = machine.headers.lock().runs.len() > MAX_RUNS;
    if too_many {
        // A fresh chain in segments of its own, named by nothing until the checkpoint's header: then it is the only run.
        let old: Vec<Extent> = machine.pipeline.lock().log.extents();
        let len = machine.settings.segment_bytes;
        let (first, next) = machine.written_extents(len)?;
        let salt = u64::from_le_bytes(random(&*machine.disk)?);
        let log = Log::start(salt, walk.end.number, walk.end.digest, first, next, machine.identity.term);
        let start = log.cursor();
        machine.pipeline.lock().log = log;
        {
            let mut slots = machine.headers.lock();
            // Not begun: the fresh one is, in its place.
            slots.runs.pop();
            slots.fresh = Some(Run { salt, start });
        }
        {
            let mut reclaim = machine.reclaim.lock();
            old.into_iter().for_each(|extent| reclaim.leave(extent, None));
        }
        machine.checkpoint(Vec::new(), true)?;
        return machine.write_header(false);
    }
    machine.write_header(false)?;
    machine.write_header(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemoryDisk;

    fn holds(bytes: &[u8]) -> MemoryDisk {
        let disk = MemoryDisk::new("a file");
        disk.write_at(bytes, 0).unwrap();
        disk
    }

    /// A file of zeros but for one byte, or a few that look like the beginning of a magic, is nobody's creation: it is not written over.
    ///
    /// Whole blocks alone used to be looked at, and of some only the first bytes. So a foreign file of 5,000 bytes that began with a block of zeros was emptied by an open that may create. Every
    /// block is looked at now, the last one in part.
    #[test]
    fn l12_foreign_files_of_zeros_are_left_alone() {
        let file = |len: usize, at: usize, with: &[u8]| {
            let mut bytes = vec![0; len];
            bytes[at..at + with.len()].copy_from_slice(with);
            holds(&bytes)
        };
        let block = BLOCK as usize;
        for len in [1, 512, 4_096, 4_097, 5_000, 8_191, 8_192, 10_001, 12_288, 16_383, 16_385, 20_000] {
            assert!(is_unfinished(&holds(&vec![0; len])).unwrap(), "{len} zeros");
            for at in [
                0, 7, 100, 511, 512, 4_095, 4_096, 4_104, 4_200, 8_191, 8_192, 8_196, 12_287, 12_288, 12_300, 16_384, 16_400,
                19_999,
            ] {
                if at < len {
                    assert!(!is_unfinished(&file(len, at, b"x")).unwrap(), "{len} bytes, all zero but {at}");
                }
            }
        }
        for (number, magic) in (1..4).zip([&header::MAGIC[..], &record::SEGMENT_MAGIC, &record::RECORD_MAGIC]) {
            let begun = |behind: usize, with: &[u8]| {
                let disk = file(20_000, number * block, magic);
                disk.write_at(with, (number * block + behind) as u64).unwrap();
                is_unfinished(&disk).unwrap()
            };
            assert!(begun(100, b"ours"), "a torn creation, block {number}");
            assert!(!begun(600, b"foreign"), "more than creation writes in block {number}");
            let torn = file(20_000, number * block, &magic[..2]);
            assert!(is_unfinished(&torn).unwrap(), "a magic that is torn, block {number}");
        }
    }
}
