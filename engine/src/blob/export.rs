//! Writing a blob (FORMAT 11): front to back, every chunk held against its CRC on the way.

use std::path::Path;

use super::plan::{Piece, Plan, Source};
use super::stream::{FileSink, Stream, compressed};
use super::{BlobForm, BlobSummary};
use crate::disk::{Disk, Temporary, Watch};
use crate::error::{Error, Result};
use crate::format::Position;
use crate::format::header::{Header, Incarnation};
use crate::format::record::RecordKind;
use crate::format::seal::SealedChunk;
use crate::log::append::Label;
use crate::log::chunk::{ChunkWriter, Sink};
use crate::store::Machine;
use crate::store::look::{Look, copy_chunk};
use crate::store::read::Held;
use crate::tree::Pages;

/// Writes the held version to `sink`. `watch` hears of the blob's bytes before an LZ4 frame makes them fewer: their number is known before the first.
///
/// # Errors
/// `Corrupt` if a chunk is damaged: what was written is no blob then. What the sink and `watch` give.
pub(crate) fn write(held: &Held, form: BlobForm, watch: &mut Watch<'_>, sink: &mut Sink<'_>) -> Result<BlobSummary> {
    let machine = held.machine();
    let measure = machine.turn.measure();
    let plan = Plan::new(machine, held.root())?;
    let (len, chunks) = (plan.len, plan.pieces.len() as u64);
    let mut bytes = 0;
    let mut counted = |part: &[u8]| {
        bytes += part.len() as u64;
        sink(part)
    };
    let mut done = 0;
    let watched = |sink: &mut Sink<'_>| {
        let mut sink = |part: &[u8]| {
            sink(part)?;
            done += part.len() as u64;
            watch(done, len)
        };
        emit(machine, plan, &mut sink)
    };
    match form {
        BlobForm::Plain => watched(&mut counted)?,
        BlobForm::Lz4 => compressed(len, &mut counted, watched)?,
    }
    // None by what stands here: measured, so that a turn that somebody makes it take one day shows.
    let turn_held = measure.held();
    machine.counters.export_turn(turn_held);
    Ok(BlobSummary { version: held.root().version.0, bytes, chunks, turn_held })
}

/// Writes the held version to a new file at `path`. It stands there whole or not at all.
///
/// # Errors
/// `Exists`, `Corrupt`, `Full`, `Io`; what `watch` gives.
pub(crate) fn backup_to(held: &Held, path: &Path, form: BlobForm, watch: &mut Watch<'_>) -> Result<BlobSummary> {
    let (disk, temporary) = Temporary::begin(path)?;
    let summary = fill(held, form, &disk, watch)?;
    drop(disk);
    temporary.place(path)?;
    Ok(summary)
}

/// Writes the held version to an empty disk. It is on the medium whole when this returns.
///
/// # Errors
/// `Corrupt`, `Full`, `Io`; what `watch` gives.
pub(crate) fn fill(held: &Held, form: BlobForm, disk: &dyn Disk, watch: &mut Watch<'_>) -> Result<BlobSummary> {
    let mut file = FileSink::new(disk);
    let summary = write(held, form, watch, &mut |bytes| file.put(bytes))?;
    file.finish()?;
    Ok(summary)
}

fn emit(machine: &Machine, mut plan: Plan, sink: &mut Sink<'_>) -> Result<()> {
    let mut sink = |bytes: &[u8]| sink(bytes);
    let mut out = Stream::new(&mut sink);
    // Slot 0 comes first in the file and is the newer one.
    out.put(&plan.header.encode()[..])?;
    out.put(&Header { sequence: 1, ..plan.header.clone() }.encode()[..])?;
    for (piece, sealed) in plan.pieces.iter().zip(&mut plan.seal.chunks) {
        out.fill_to(piece.chunk.extent.offset)?;
        *sealed = emit_piece(machine, &plan.look, piece, plan.header.incarnation, &mut out)?;
    }
    let mut body = Vec::new();
    plan.seal.encode(&mut body);
    let version = plan.header.sealed;
    plan.log.append(Label { kind: RecordKind::Seal, commit_count: 0, version, durable_to: version }, &[&body]);
    for (offset, bytes) in plan.log.take(true) {
        out.fill_to(offset)?;
        out.put(&bytes)?;
    }
    out.fill_to(plan.len)
}

/// Writes a chunk; gives what the seal says about it.
fn emit_piece(
    machine: &Machine,
    look: &Look,
    piece: &Piece,
    incarnation: Incarnation,
    out: &mut Stream<'_>,
) -> Result<SealedChunk> {
    let (order, chunk) = match &piece.source {
        Source::File { stated, .. } => {
            copy_chunk(&*machine.disk, stated, &mut |bytes| out.put(bytes))?;
            return Ok(piece.chunk);
        }
        Source::Memory(order) => (order, piece.chunk),
    };
    let mut sink = |bytes: &[u8]| out.put(bytes);
    let mut writer = ChunkWriter::new(&mut sink);
    for ordinal in order {
        // Plain, also in a compressed table: its length must be known before, and the store that opens the blob compresses what it writes.
        writer.add(*ordinal, look.page(Position::new(chunk.id, *ordinal))?, false)?;
    }
    let written = writer.finish(chunk.id, incarnation, chunk.generation)?;
    let (found, planned) =
        ((written.len, written.page_bytes, written.page_count), (chunk.extent.len, chunk.page_bytes, chunk.page_count));
    if found != planned {
        // Pages in memory do not change: this is a mistake of ours, and better an error than a blob that does not open.
        return Err(Error::corrupt(
            format_args!("chunk {} in memory", chunk.id),
            format_args!("it was {planned:?}, became {found:?}"),
        ));
    }
    Ok(SealedChunk { crc: written.crc, ..chunk })
}
