//! Chunks that a transaction writes before it commits: what a bulk load does with the pages that are finished.
//!
//! Such a chunk belongs to the transaction alone. It is in the table of chunks and in the accounts like any other, so that the seal that commits the transaction names
//! it; until then no root reaches it, and a transaction that is dropped takes it out again. The writer's turn is held all the while: no seal
//! can come between.

use crate::error::{Error, Result};
use crate::format::{ChunkId, Position};
use crate::log::chunk::extent_len;
use crate::log::directory::Home;
use crate::page::PageBuf;
use crate::store::Machine;
use crate::store::checkpoint::sealed_chunk;
use crate::store::edit::Editor;
use crate::sync::{Counted, epoch};
use crate::tree::{Builder, Edit};

impl Machine {
    /// Begins a chunk in which nothing stands yet. The caller has the turn.
    pub(crate) fn begin_chunk(&self) {
        let mut reclaim = self.reclaim.lock();
        let mut open = self.open.lock();
        if open.used() == 0 {
            return;
        }
        self.close_chunk(&mut reclaim, &mut open);
        drop(open);
        // What stood in it is in memory as before, until a checkpoint writes it.
        self.count_closed(&reclaim);
    }

    /// Writes finished pages, all of the open chunk and everything in it, to the file, and begins another chunk.
    pub(crate) fn write_spilled(&self, chunk: ChunkId, pages: Vec<(Position, PageBuf)>, lz4: bool) -> Result<()> {
        let bytes = pages.iter().map(|(_, page)| page.page().packed_len() as u64).sum();
        let slots = pages.iter().map(|(at, _)| at.ordinal() + 1).max().unwrap_or(0);
        let _hand = self.extents_in_hand();
        // What is spilled must leave the room of what is not.
        self.keep_room(0, false)?;
        let extent = self.extent(extent_len(bytes, slots))?;
        let stream = self.stream_to(
            extent,
            |writer| pages.iter().try_for_each(|(at, page)| writer.add(at.ordinal(), page.page(), lz4).map(drop)),
            chunk,
            0,
        );
        let (extent, written) = stream.inspect_err(|_| self.give_back(extent))?;
        let sealed = sealed_chunk(chunk, 0, extent, &written, written.page_bytes);
        let mut reclaim = self.reclaim.lock();
        {
            let mut open = self.open.lock();
            self.close_chunk(&mut reclaim, &mut open);
        }
        self.swing(chunk, self.file_home(&sealed, &written));
        let published = self.versions.current(&epoch::pin()).moment;
        self.chunk_written(&mut reclaim, sealed, published);
        Ok(())
    }

    /// Takes chunks out that no root reaches and no seal names.
    pub(crate) fn drop_spilled(&self, chunks: impl IntoIterator<Item = ChunkId>) {
        self.drop_chunks(&mut self.reclaim.lock(), chunks.into_iter().collect());
    }

    /// Puts pages into closed chunks that are still in memory.
    pub(crate) fn put_closed(&self, pages: Vec<(Position, PageBuf)>) {
        if pages.is_empty() {
            return;
        }
        let guard = epoch::pin();
        for (at, page) in pages {
            match self.chunks.find(at.chunk(), &guard).map(|chunk| chunk.home(&guard)) {
                Some(Home::Heap(heap)) => Counted::clone(heap).put(at.ordinal(), page),
                _ => unreachable!("pages of chunks in the file are never a transaction's own"),
            }
        }
        self.count_closed(&self.reclaim.lock());
    }
}

/// Loads ascending entries into an empty table, bottom-up, every page full. Beyond a quarter of the memory for changed pages finished
/// ones go to the file. `each` is called for each entry that was taken.
pub(crate) fn load<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    machine: &Machine,
    editor: &mut Editor<'_>,
    lz4: bool,
    entries: impl Iterator<Item = Result<(K, V)>>,
    mut each: impl FnMut(&[u8], &[u8]),
) -> Result<u64> {
    if editor.tree().len > 0 {
        return Err(Error::invalid("a bulk load needs an empty table; insert the entries instead"));
    }
    machine.begin_chunk();
    let budget = machine.settings.dirty_bytes / 4;
    let loaded = editor.tree_op(|editor, tree| {
        let mut builder = Builder::new(editor.page_len(), editor.table());
        for entry in entries {
            let (key, value) = entry?;
            builder.push(editor, key.as_ref(), value.as_ref())?;
            each(key.as_ref(), value.as_ref());
            if editor.chunk_bytes() > budget {
                editor.spill(lz4)?;
            }
        }
        *tree = builder.finish(editor)?;
        Ok(tree.len)
    });
    loaded.inspect_err(|_| editor.give_up())
}
