//! From a blob, or its LZ4 stream, to a store file.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use lz4_flex::frame::FrameDecoder;

use super::BlobSummary;
use super::stream::FileSink;
use crate::disk::{Access, Disk, FileDisk, Temporary, Watch};
use crate::error::{Error, ErrorKind, Result};
use crate::log::chunk::SLICE;

/// First bytes of an LZ4 frame (FORMAT 11).
const LZ4_FRAME: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

/// Makes a store at `to`, where nothing stands, from the blob at `from`. `verify` looks at the new file before it gets its name; its summary is given back, with
/// the file's length. `watch` hears of the blob's bytes, and goes on to `verify`.
///
/// # Errors
/// `Exists`, `NotFound`, `Locked`, `Corrupt`, `Full`, `Io`; what `watch` and `verify` give. Nothing stands at `to` then.
pub(crate) fn restore(
    from: &Path,
    to: &Path,
    watch: &mut Watch<'_>,
    verify: impl FnOnce(Arc<dyn Disk>, &mut Watch<'_>) -> Result<BlobSummary>,
) -> Result<BlobSummary> {
    let source = FileDisk::open(from, Access::Read)?;
    let (disk, temporary) = Temporary::begin(to)?;
    let bytes = copy(&source, &disk, watch)?;
    // What is wrong with it from here on is wrong with the blob.
    disk.show_as(source.name());
    let summary = verify(Arc::new(disk), watch).map_err(|e| e.of_file(source.name()))?;
    temporary.place(to)?;
    Ok(BlobSummary { bytes, ..summary })
}

/// The same from disk to empty disk. The new one is on the medium whole when this returns.
///
/// # Errors
/// `Corrupt`, `Full`, `Io`; what `verify` gives.
#[cfg(feature = "internals")]
pub(crate) fn restore_disk(
    from: &dyn Disk,
    to: Arc<dyn Disk>,
    verify: impl FnOnce(Arc<dyn Disk>, &mut Watch<'_>) -> Result<BlobSummary>,
) -> Result<BlobSummary> {
    let watch: &mut Watch<'_> = &mut |_, _| Ok(());
    let bytes = copy(from, &*to, watch)?;
    let summary = verify(to, watch).map_err(|e| e.of_file(from.name()))?;
    Ok(BlobSummary { bytes, ..summary })
}

/// Hands the file at `path` to `look`; an LZ4 stream is unpacked to a file that vanishes afterwards.
///
/// # Errors
/// As [`restore`].
pub(crate) fn readable<T>(
    path: &Path,
    watch: &mut Watch<'_>,
    look: impl FnOnce(Arc<dyn Disk>, &mut Watch<'_>) -> Result<T>,
) -> Result<T> {
    let source = FileDisk::open(path, Access::Read)?;
    if !is_stream(&source)? {
        return look(Arc::new(source), watch);
    }
    let (disk, _temporary) = Temporary::scratch()?;
    copy(&source, &disk, watch)?;
    disk.show_as(source.name());
    look(Arc::new(disk), watch).map_err(|e| e.of_file(source.name()))
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
    let damage = unpack(&source, &mut file, &mut |_, _| Ok(())).err();
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
fn copy(from: &dyn Disk, to: &dyn Disk, watch: &mut Watch<'_>) -> Result<u64> {
    let mut file = FileSink::new(to);
    if is_stream(from)? {
        unpack(from, &mut file, watch)?;
    } else {
        let mut source = Source { disk: from, at: 0, watch, failed: None };
        let copied = drain(&mut source, &mut file);
        // What the disk said, and not what the standard library's reader made of it.
        source.failed.map_or(Ok(()), Err)?;
        copied?.map_err(|e| Error::io("read", from.name(), e))?;
    }
    file.finish()
}

/// Unpacks a stream; what came before an error is in the file.
fn unpack(from: &dyn Disk, file: &mut FileSink<'_>, watch: &mut Watch<'_>) -> Result<()> {
    let mut source = Source { disk: from, at: 0, watch, failed: None };
    let mut frame = FrameDecoder::new(&mut source);
    let unpacked = drain(&mut frame, file);
    drop(frame);
    let (at, failed) = (source.at, source.failed);
    failed.map_or(Ok(()), Err)?;
    unpacked?.map_err(|e| {
        let what = match e.kind() {
            io::ErrorKind::UnexpectedEof => format!("it ends early, at byte {at}: it was cut short"),
            _ => e.to_string(),
        };
        Error::new(ErrorKind::Corrupt, format!("damaged LZ4 stream {}: {what}; use another backup", from.name()))
    })
}

/// Hands what `source` reads to the file, to its end. The outer error is the file's, the inner one the reader's.
fn drain(source: &mut impl Read, file: &mut FileSink<'_>) -> Result<io::Result<()>> {
    let mut buffer = vec![0; SLICE];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(Ok(())),
            Ok(len) => file.put(&buffer[..len])?,
            Err(e) => return Ok(Err(e)),
        }
    }
}

/// A disk as the standard library's reader.
struct Source<'d, 'w> {
    disk: &'d dyn Disk,
    at: u64,
    watch: &'d mut Watch<'w>,
    failed: Option<Error>,
}

impl Read for Source<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.disk.len().and_then(|end| {
            let len = end.saturating_sub(self.at).min(into.len() as u64) as usize;
            self.disk.read_at(&mut into[..len], self.at)?;
            (self.watch)(self.at + len as u64, end)?;
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
