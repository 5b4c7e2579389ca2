//! A chunk in the file: every byte of its extent, its tail, its directory, and every page in it, needed or not.

use super::Report;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::format::Position;
use crate::format::chunk::{ChunkTail, TAIL_LEN};
use crate::format::seal::SealedChunk;
use crate::log::directory::FileHome;
use crate::page::Page;
use crate::store::look::copy_chunk;

/// Checks the chunk that `chunk` states and that is at home in `home`.
pub(super) fn check(disk: &dyn Disk, home: &FileHome, chunk: &SealedChunk, report: &mut Report) {
    if home.extent != chunk.extent || home.generation != chunk.generation {
        report.problem(format_args!(
            "chunk {} is recorded at {}, but is at home at {}",
            chunk.id, chunk.extent.offset, home.extent.offset
        ));
        return;
    }
    for result in [copy_chunk(disk, chunk, &mut |_| Ok(())), tail(disk, chunk)] {
        if let Err(e) = result {
            report.problem(e);
        }
    }
    let (mut page_count, mut page_bytes) = (0_u32, 0_u64);
    for at in (0..home.slot_count()).map(|ordinal| Position::new(chunk.id, ordinal)) {
        match page(home, at) {
            Ok(None) => {}
            Ok(Some(len)) => {
                page_count += 1;
                page_bytes += len;
            }
            Err(e) => report.problem(e),
        }
    }
    if (page_count, page_bytes) != (chunk.page_count, chunk.page_bytes) {
        let stated = format!("{} pages of {} bytes", chunk.page_count, chunk.page_bytes);
        report.problem(format_args!("chunk {}: {stated} are recorded, {page_count} of {page_bytes} stand in it", chunk.id));
    }
}

/// The stored bytes of a page, whether it was checked at its first use or not; gives its stored length.
fn page(home: &FileHome, at: Position) -> Result<Option<u64>> {
    let Some(bytes) = home.stored(at)? else { return Ok(None) };
    let page = Page::verify(bytes, at)?;
    if page.is_compressed() {
        page.unpack()?;
    }
    Ok(Some(bytes.len() as u64))
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
