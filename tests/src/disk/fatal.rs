//! A disk that kills the process in the middle of an operation: the n-th change of the file is done by half, and nothing after it.
#![allow(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use treering::Result;
use treering::disk::Disk;
use treering::format::Extent;

/// Passes everything on to another disk, until its time comes.
pub struct FatalDisk {
    disk: Arc<dyn Disk>,
    /// Changes that are still to be whole.
    left: AtomicU64,
    kill: fn() -> !,
    /// Only what a thread of this name changes counts.
    thread: Option<&'static str>,
}

impl FatalDisk {
    /// `left` changes of `disk` are done whole; in the one after them `kill` is called.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, left: u64, kill: fn() -> !) -> FatalDisk {
        FatalDisk { disk, left: AtomicU64::new(left), kill, thread: None }
    }

    /// Changes that other threads make neither count nor end anything.
    #[must_use]
    pub fn of_thread(self, name: &'static str) -> FatalDisk {
        FatalDisk { thread: Some(name), ..self }
    }

    /// Counts a change. In the last one calls `half`, which does a part of it, and ends the process.
    fn count(&self, half: impl FnOnce()) {
        if self.thread.is_some() && self.thread != std::thread::current().name() {
            return;
        }
        // Relaxed: a number of its own.
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            half();
            (self.kill)();
        }
    }
}

/// Whether a half was written does not matter: the process ends.
fn give_up<T>(_: Result<T>) {}

impl Disk for FatalDisk {
    fn scratch(&self) -> Result<Box<dyn Disk>> {
        self.disk.scratch()
    }

    fn name(&self) -> &str {
        self.disk.name()
    }

    fn len(&self) -> Result<u64> {
        self.disk.len()
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<()> {
        self.disk.read_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.count(|| give_up(self.disk.write_at(&bytes[..bytes.len() / 2], offset)));
        self.disk.write_at(bytes, offset)
    }

    fn write_through(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.count(|| give_up(self.disk.write_at(&bytes[..bytes.len() / 2], offset)));
        self.disk.write_through(bytes, offset)
    }

    fn sync_data(&self) -> Result<()> {
        self.count(|| ());
        self.disk.sync_data()
    }

    fn sync_all(&self) -> Result<()> {
        self.count(|| ());
        self.disk.sync_all()
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.count(|| give_up(self.disk.set_len(len)));
        self.disk.set_len(len)
    }

    fn reserve(&self, extent: Extent) -> Result<()> {
        self.count(|| give_up(self.disk.reserve(extent)));
        self.disk.reserve(extent)
    }

    fn punch(&self, extent: Extent) -> Result<()> {
        self.count(|| give_up(self.disk.punch(extent)));
        self.disk.punch(extent)
    }

    fn release(&self) {
        self.disk.release();
    }

    unsafe fn slice(&self, offset: u64, len: usize) -> Result<&[u8]> {
        // SAFETY: the caller's promise, passed on as it is.
        unsafe { self.disk.slice(offset, len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use treering::disk::MemoryDisk;

    /// The changes before the last one are whole, the last one is half done.
    #[test]
    #[should_panic(expected = "b\"oneth\"")]
    fn fatal_disk_ends_in_the_middle() {
        static MEMORY: std::sync::OnceLock<Arc<MemoryDisk>> = std::sync::OnceLock::new();
        fn kill() -> ! {
            let disk = MEMORY.get().expect("it was made");
            let mut bytes = vec![0; disk.len().expect("a length") as usize];
            disk.read_at(&mut bytes, 0).expect("the bytes");
            panic!("b\"{}\"", String::from_utf8_lossy(&bytes));
        }
        let memory = MEMORY.get_or_init(|| Arc::new(MemoryDisk::new("memory")));
        let disk = FatalDisk::new(Arc::clone(memory) as Arc<dyn Disk>, 1, kill);
        disk.write_at(b"one", 0).expect("whole");
        disk.write_at(b"thre", 3).expect("never returns");
    }
}
