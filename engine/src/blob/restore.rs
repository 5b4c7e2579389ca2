//! From a blob, or its LZ4 stream, to a store file.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use lz4_flex::frame::FrameDecoder;

use super::BlobSummary;
use super::stream::FileSink;
use crate::disk::{Access, Disk, FileDisk, Temporary};
use crate::error::{Error, ErrorKind, Result};
use crate::log::chunk::SLICE;

/// First bytes of an LZ4 frame (FORMAT 11).
const LZ4_FRAME: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

/// Makes a store at `to`, where nothing stands, from the blob at `from`. `verify` looks at the new file before it gets its name; its summary is given back, with
/// the file's length.
///
/// # Errors
/// `Exists`, `NotFound`, `Locked`, `Corrupt`, `Full`, `Io`; what `verify` gives. Nothing stands at `to` then.
pub(crate) fn restore(from: &Path, to: &Path, verify: impl FnOnce(Arc<dyn Disk>) -> Result<BlobSummary>) -> Result<BlobSummary> {
    let source = FileDisk::open(from, Access::Read)?;
    let (disk, temporary) = Temporary::begin(to)?;
    let summary = restore_disk(&source, Arc::new(disk), verify)?;
    temporary.place(to)?;
    Ok(summary)
}

/// The same from disk to empty disk. The new one is on the medium whole when this returns.
///
/// # Errors
/// `Corrupt`, `Full`, `Io`; what `verify` gives.
pub(crate) fn restore_disk(
    from: &dyn Disk,
    to: Arc<dyn Disk>,
    verify: impl FnOnce(Arc<dyn Disk>) -> Result<BlobSummary>,
) -> Result<BlobSummary> {
    let bytes = copy(from, &*to)?;
    let summary = verify(to).map_err(|e| e.within(from.name()))?;
    Ok(BlobSummary { bytes, ..summary })
}

/// Hands the file at `path` to `look`; an LZ4 stream is unpacked to a file that vanishes afterwards.
///
/// # Errors
/// As [`restore`].
pub(crate) fn readable<T>(path: &Path, look: impl FnOnce(Arc<dyn Disk>) -> Result<T>) -> Result<T> {
    let source = FileDisk::open(path, Access::Read)?;
    if !is_stream(&source)? {
        return look(Arc::new(source));
    }
    let (disk, _temporary) = Temporary::scratch()?;
    copy(&source, &disk)?;
    look(Arc::new(disk)).map_err(|e| e.within(path.display()))
}

/// Hands what can be read of the file at `path` to `look`: of an LZ4 stream, unpacked, what stands before the first damage, and that.
///
/// # Errors
/// As [`readable`], without `Corrupt`.
pub(crate) fn readable_part<T>(path: &Path, look: impl FnOnce(&dyn Disk, Option<Error>) -> Result<T>) -> Result<T> {
    let source = FileDisk::open(path, Access::Read)?;
    if !is_stream(&source)? {
        return look(&source, None);
    }
    let (disk, _temporary) = Temporary::scratch()?;
    let mut file = FileSink::new(&disk);
    let damage = unpack(&source, &mut file).err();
    if damage.as_ref().is_some_and(|e| e.kind() != ErrorKind::Corrupt) {
        return Err(damage.expect("looked at just now"));
    }
    file.finish()?;
    look(&disk, damage)
}

fn is_stream(disk: &dyn Disk) -> Result<bool> {
    let mut magic = [0; 4];
    if disk.len()? < magic.len() as u64 {
        return Ok(false);
    }
    disk.read_at(&mut magic, 0)?;
    Ok(magic == LZ4_FRAME)
}

/// Copies, and unpacks if need be; gives the new file's length. It is synced.
fn copy(from: &dyn Disk, to: &dyn Disk) -> Result<u64> {
    let mut file = FileSink::new(to);
    if is_stream(from)? {
        unpack(from, &mut file)?;
    } else {
        let mut source = Source { disk: from, at: 0, failed: None };
        let copied = drain(&mut source, &mut vec![0; SLICE], &mut file);
        // What the disk said, and not what the standard library's reader made of it.
        source.failed.map_or(copied, Err)?;
    }
    file.finish()
}

/// Unpacks a stream; what came before an error is in the file.
fn unpack(from: &dyn Disk, file: &mut FileSink<'_>) -> Result<()> {
    let mut source = Source { disk: from, at: 0, failed: None };
    let mut frame = FrameDecoder::new(&mut source);
    let unpacked = drain(&mut frame, &mut vec![0; SLICE], file);
    drop(frame);
    match source.failed.take() {
        Some(e) => Err(e),
        None => unpacked,
    }
}

fn drain(source: &mut impl Read, buffer: &mut [u8], file: &mut FileSink<'_>) -> Result<()> {
    loop {
        match source.read(buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => file.put(&buffer[..len])?,
            Err(e) => return Err(Error::corrupt("LZ4 stream of a blob", e)),
        }
    }
}

/// A disk as the standard library's reader.
struct Source<'d> {
    disk: &'d dyn Disk,
    at: u64,
    failed: Option<Error>,
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.disk.len().and_then(|end| {
            let len = end.saturating_sub(self.at).min(into.len() as u64) as usize;
            self.disk.read_at(&mut into[..len], self.at)?;
            Ok(len)
        });
        match read {
            Ok(len) => {
                self.at += len as u64;
                Ok(len)
            }
            Err(e) => {
                let shown = io::Error::other(e.to_string());
                self.failed = Some(e);
                Err(shown)
            }
        }
    }
}
