//! Clocks: wall time, the processor's time of all threads, bytes written to the disk.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::engine::Outcome;

/// Wall and processor time since a moment.
pub struct Meter {
    wall: Instant,
    cpu: Duration,
}

/// What a step took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Time on the wall.
    pub wall: Duration,
    /// Processor time of all threads of the process, the engine's own among them.
    pub cpu: Duration,
}

impl Meter {
    /// Begins.
    #[must_use]
    pub fn start() -> Meter {
        Meter { cpu: process_cpu(), wall: Instant::now() }
    }

    /// Time since the beginning.
    #[must_use]
    pub fn spent(&self) -> Spent {
        let wall = self.wall.elapsed();
        Spent { wall, cpu: process_cpu().saturating_sub(self.cpu) }
    }
}

fn process_cpu() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(tv_sec.unsigned_abs(), u32::try_from(tv_nsec).unwrap_or(0))
}

/// Bytes written so far to the block device that a folder stands on, by everybody: the file system's journal is in it. What the kernel counts for a
/// process would not do: a block dirtied in a large page of its cache counts as the whole page, up to 2 MiB.
///
/// # Errors
/// If the folder stands on no block device, or the kernel does not tell.
pub fn written_bytes(folder: &Path) -> Outcome<u64> {
    let device = fs::metadata(folder)?.dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let figures = fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat"))?;
    let sectors: u64 = figures.split_whitespace().nth(6).ok_or("the kernel does not tell")?.parse()?;
    Ok(sectors * 512)
}

/// Bytes of anonymous memory that the process holds.
///
/// # Errors
/// If the kernel does not tell.
pub fn memory_bytes() -> Outcome<u64> {
    Ok(number_after(&fs::read_to_string("/proc/self/status")?, "RssAnon:")? * 1024)
}

fn number_after(text: &str, label: &str) -> Outcome<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label)).ok_or("the kernel does not tell")?;
    Ok(line.split_whitespace().next().ok_or("the kernel does not tell")?.parse()?)
}

/// Bytes that a folder's files occupy: holes are not counted.
///
/// # Errors
/// If a file cannot be looked at.
pub fn occupied_bytes(folder: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // An engine's threads may remove a file meanwhile.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { occupied_bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}

/// Waits until what was written before is on the medium, so that one engine's leftovers are not another's burden.
///
/// # Errors
/// If the folder cannot be opened or synced.
pub fn settle(folder: &Path) -> Outcome {
    let folder = File::open(folder)?;
    Ok(rustix::fs::syncfs(&folder)?)
}

/// Reads a file through once, so that it is in the system's memory.
///
/// # Errors
/// If it cannot be read.
pub fn warm(folder: &Path) -> Outcome {
    let mut block = vec![0; 1 << 20];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.metadata()?.is_dir() {
            warm(&entry.path())?;
        } else {
            // Some engines make a long file of which only the beginning is used.
            let mut file = File::open(entry.path())?.take(entry.metadata()?.blocks() * 512);
            while file.read(&mut block)? > 0 {}
        }
    }
    Ok(())
}
