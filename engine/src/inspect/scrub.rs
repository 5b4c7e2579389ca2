//! Everything that the file holds, read once more: chunks one after another, then headers and log.
//!
//! A check in little memory: it follows no tree, and so needs no list of the pages that it met. A chunk's home is held while that chunk is read and no longer; one that moves
//! or dies before its turn is not missed, for what stands in its new place was checked when it was copied there.

use super::{Report, chunks, records};
use crate::disk::Watch;
use crate::error::Result;
use crate::format::ids::BLOCK;
use crate::format::seal::SealedChunk;
use crate::format::{ChunkId, Extent};
use crate::log::directory::{FileHome, Home};
use crate::store::Machine;
use crate::sync::{Counted, epoch};

/// Reads and checks every chunk that is in the file now, and the log. `watch` hears of the chunks' bytes.
pub(crate) fn scrub(machine: &Machine, watch: &mut Watch<'_>) -> Result<Report> {
    let mut report = begin(machine)?;
    let of = machine.reclaim.lock().accounts.values().map(|account| account.chunk.extent.len).sum();
    let mut done = 0;
    for id in chunk_ids(machine) {
        let Some((chunk, home)) = chunk(machine, id) else { continue };
        report.chunks += 1;
        report.live_bytes += chunk.live_bytes;
        machine.disk.forget(chunk.extent);
        report.pages += chunks::check(&*machine.disk, &home, &chunk, &mut report);
        done += chunk.extent.len;
        watch(done, of)?;
    }
    machine.disk.forget(Extent { offset: 0, len: 2 * BLOCK });
    let log = machine.pipeline.lock().log.extents();
    log.into_iter().for_each(|extent| machine.disk.forget(extent));
    records::check(machine, None, &mut report);
    Ok(report)
}

/// What is known without reading.
fn begin(machine: &Machine) -> Result<Report> {
    let guard = epoch::pin();
    let root = machine.versions.current(&guard);
    let free_bytes = machine.space.lock().free_bytes();
    Ok(Report {
        version: root.version.0,
        tables: root.tables().count() as u64,
        entries: root.tables().map(|(_, tree)| tree.len).sum(),
        free_bytes,
        file_bytes: machine.disk.len()?,
        ..Report::default()
    })
}

fn chunk_ids(machine: &Machine) -> Vec<ChunkId> {
    machine.reclaim.lock().accounts.keys().copied().collect()
}

/// The chunk as it is recorded now, with the bytes of it that the newest version reaches, and its home; none if nobody needs it any more.
fn chunk(machine: &Machine, id: ChunkId) -> Option<(SealedChunk, Counted<FileHome>)> {
    let reclaim = machine.reclaim.lock();
    let account = reclaim.accounts.get(&id)?;
    let guard = epoch::pin();
    match machine.chunks.find(id, &guard)?.home(&guard) {
        Home::File(home) => Some((SealedChunk { live_bytes: account.newest_bytes, ..account.chunk }, Counted::clone(home))),
        Home::Heap(_) => None,
    }
}
