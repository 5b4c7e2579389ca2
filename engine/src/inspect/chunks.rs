//! A chunk in the file: every byte of its extent, its tail, its directory, and every page in it, needed or not. All of it is read anew; no map, no cache and nothing that
//! was checked before has a part in it.

use super::Report;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::format::Position;
use crate::format::chunk::{ChunkTail, TAIL_LEN};
use crate::format::seal::SealedChunk;
use crate::log::directory::FileHome;
use crate::log::places::{Places, Stated};
use crate::store::look::copy_chunk;

/// Checks the chunk that `chunk` states and that is at home in `home`; gives the number of whole pages in it.
pub(super) fn check(disk: &dyn Disk, home: &FileHome, chunk: &SealedChunk, report: &mut Report) -> u64 {
    let stated = home.stated;
    if (stated.extent, stated.generation) != (chunk.extent, chunk.generation) {
        report.problem(format_args!(
            "chunk {} is recorded at {}, but is at home at {}",
            chunk.id, chunk.extent.offset, stated.extent.offset
        ));
        return 0;
    }
    for result in [copy_chunk(disk, chunk, &mut |_| Ok(())), tail(disk, chunk)] {
        if let Err(e) = result {
            report.problem(e);
        }
    }
    let places = match stated.places(disk) {
        Ok(places) => places,
        Err(e) => {
            report.problem(e);
            return 0;
        }
    };
    let (mut page_count, mut page_bytes) = (0_u32, 0_u64);
    for at in (0..stated.slot_count).map(|ordinal| Position::new(chunk.id, ordinal)) {
        match page(disk, &stated, &places, at) {
            Ok(None) => {}
            Ok(Some(len)) => {
                page_count += 1;
                page_bytes += len;
            }
            Err(e) => report.problem(e),
        }
    }
    if (page_count, page_bytes) != (chunk.page_count, chunk.page_bytes) {
        let recorded = format!("{} pages of {} bytes", chunk.page_count, chunk.page_bytes);
        report.problem(format_args!("chunk {}: {recorded} are recorded, {page_count} of {page_bytes} stand in it", chunk.id));
    }
    u64::from(page_count)
}

/// Reads a page, checks it and unpacks it; gives its stored length.
fn page(disk: &dyn Disk, stated: &Stated, places: &Places, at: Position) -> Result<Option<u64>> {
    let Some(len) = places.len(at.ordinal()) else { return Ok(None) };
    stated.page(places, at, disk)?;
    Ok(Some(len))
}

/// The tail says what the seal says.
fn tail(disk: &dyn Disk, chunk: &SealedChunk) -> Result<()> {
    let place = format!("chunk {} at {}", chunk.id, chunk.extent.offset);
    let mut bytes = [0; TAIL_LEN];
    disk.read_at(&mut bytes, chunk.extent.end() - TAIL_LEN as u64)?;
    let tail = ChunkTail::decode(&bytes, chunk.extent.len).map_err(|e| e.within(&place))?;
    let stated = (chunk.id, chunk.generation, chunk.page_count, chunk.slot_count, chunk.page_bytes);
    let found = (tail.id, tail.generation, tail.page_count, tail.slot_count, tail.page_bytes);
    if stated == found {
        return Ok(());
    }
    Err(Error::corrupt(place, format_args!("its tail says {found:?}, expected {stated:?}")))
}
