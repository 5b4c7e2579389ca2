//! Where a blob's bytes go: in order, counted, to a writer, a file, or through an LZ4 frame.

use std::io::{self, Write};

use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};

use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::log::chunk::{SLICE, Sink};

/// Bytes in order, with the offset that they have in the blob.
pub(super) struct Stream<'a> {
    sink: &'a mut Sink<'a>,
    at: u64,
}

impl<'a> Stream<'a> {
    pub(super) fn new(sink: &'a mut Sink<'a>) -> Stream<'a> {
        Stream { sink, at: 0 }
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        (self.sink)(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Zeros up to `offset`, which is not behind.
    pub(super) fn fill_to(&mut self, offset: u64) -> Result<()> {
        assert!(self.at <= offset, "a blob is written in order: at {}, next at {offset}", self.at);
        let zeros = [0; 4096];
        while self.at < offset {
            let len = (offset - self.at).min(zeros.len() as u64) as usize;
            self.put(&zeros[..len])?;
        }
        Ok(())
    }
}

/// A file that is filled from its start in slices, each on the medium before the next, so that no commit's sync has to carry them.
pub(super) struct FileSink<'d> {
    disk: &'d dyn Disk,
    buffer: Vec<u8>,
    at: u64,
}

impl<'d> FileSink<'d> {
    pub(super) fn new(disk: &'d dyn Disk) -> FileSink<'d> {
        FileSink { disk, buffer: Vec::new(), at: 0 }
    }

    pub(super) fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(SLICE - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == SLICE {
                self.pass()?;
            }
        }
        Ok(())
    }

    /// Everything is on the medium afterwards; gives the file's length.
    pub(super) fn finish(mut self) -> Result<u64> {
        self.pass()?;
        self.disk.sync_all()?;
        Ok(self.at)
    }

    fn pass(&mut self) -> Result<()> {
        self.disk.write_through(&self.buffer, self.at)?;
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// Runs `write` with a sink whose bytes come out of `out` as an LZ4 frame of a stream of `len` bytes.
pub(super) fn compressed(len: u64, out: &mut Sink<'_>, write: impl FnOnce(&mut Sink<'_>) -> Result<()>) -> Result<()> {
    let info = FrameInfo::new().block_size(BlockSize::Max256KB).content_checksum(true).content_size(Some(len));
    let mut through = Through { out, failed: None };
    let mut frame = FrameEncoder::with_frame_info(info, &mut through);
    let failed = |e: &dyn std::fmt::Display| Error::new(ErrorKind::Io, format!("compress a blob: {e}"));
    let mut sink = |bytes: &[u8]| frame.write_all(bytes).map_err(|e| failed(&e));
    let written = write(&mut sink).and_then(|()| frame.try_finish().map_err(|e| failed(&e)));
    drop(frame);
    // The error of what is below says more than the frame's.
    through.failed.map_or(written, Err)
}

/// A sink as the standard library's writer.
struct Through<'a, 'b> {
    out: &'a mut Sink<'b>,
    failed: Option<Error>,
}

impl Write for Through<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            match (self.out)(bytes) {
                Ok(()) => return Ok(bytes.len()),
                Err(e) => self.failed = Some(e),
            }
        }
        Err(io::ErrorKind::Other.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
