//! Every disk of this room keeps the contract of `Disk`; a file is open once.
#![allow(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::format::ids::BLOCK;

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("treering-disk-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs `check` on an empty disk of each kind.
fn each_disk(check: impl Fn(&dyn Disk)) {
    check(&MemoryDisk::new("memory"));
    let scratch = Scratch::new();
    check(&FileDisk::create(&scratch.path("a.ring")).unwrap());
}

fn read(disk: &dyn Disk, offset: u64, len: usize) -> Vec<u8> {
    let mut into = vec![0xee; len];
    disk.read_at(&mut into, offset).unwrap();
    // SAFETY: these tests write nothing while the slice lives.
    assert_eq!(unsafe { disk.slice(offset, len) }.unwrap(), into, "the slice and the copy are the same bytes");
    into
}

fn kind_of<T>(result: Result<T>) -> ErrorKind {
    result.err().expect("an error").kind()
}

/// What was written is read, copied and in place; gaps are zeros; the length follows.
#[test]
fn write_then_read() {
    each_disk(|disk| {
        assert!(disk.is_empty().unwrap());
        disk.write_at(b"", 100).unwrap();
        assert_eq!(disk.len().unwrap(), 0);
        disk.write_at(b"hello", 10_000).unwrap();
        assert_eq!(disk.len().unwrap(), 10_005);
        assert_eq!(read(disk, 9_998, 7), b"\0\0hello");
        disk.write_through(b"HE", 10_000).unwrap();
        disk.write_through(b"!", 10_005).unwrap();
        disk.sync_data().unwrap();
        disk.sync_all().unwrap();
        assert_eq!(read(disk, 10_000, 6), b"HEllo!");
        assert_eq!(read(disk, 10_006, 0), b"");
        assert_eq!(read(disk, 0, 10_000), vec![0; 10_000]);
    });
}

/// A slice stays where it is while the file grows, and sees no other bytes.
#[test]
fn slices_stay_while_the_disk_grows() {
    each_disk(|disk| {
        disk.write_at(&[7; 4096], 0).unwrap();
        // SAFETY: the bytes are not written again.
        let slice = unsafe { disk.slice(0, 4096) }.unwrap();
        for block in 1..200 {
            disk.write_at(&[block as u8; 4096], block * BLOCK).unwrap();
            assert_eq!(read(disk, block * BLOCK, 4096), [block as u8; 4096]);
        }
        assert_eq!(slice, [7; 4096]);
        // SAFETY: as above.
        assert_eq!(unsafe { disk.slice(0, 4096) }.unwrap().as_ptr(), slice.as_ptr());
    });
}

/// What ends behind the file is an error that says where the file ends, also when the numbers overflow.
#[test]
fn l8_past_the_end_is_an_error() {
    each_disk(|disk| {
        disk.write_at(&[1; 100], 0).unwrap();
        for (offset, len) in [(0, 101), (100, 1), (99, 2), (u64::MAX, 1), (u64::MAX - 3, 2), (1 << 62, 8)] {
            assert_eq!(kind_of(disk.read_at(&mut vec![0; len], offset)), ErrorKind::Corrupt, "{len} at {offset}");
            // SAFETY: nothing is written.
            let slice = unsafe { disk.slice(offset, len) };
            assert!(slice.as_ref().err().unwrap().to_string().contains("ends at byte 100"));
            assert_eq!(kind_of(slice), ErrorKind::Corrupt, "{len} at {offset}");
        }
        assert_eq!(kind_of(disk.write_at(&[1], MAX_LEN)), ErrorKind::Full);
        assert_eq!(kind_of(disk.write_at(&[1], u64::MAX)), ErrorKind::Full);
        assert_eq!(kind_of(disk.set_len(MAX_LEN + 1)), ErrorKind::Full);
        assert_eq!(kind_of(disk.reserve(Extent { offset: u64::MAX - 4095, len: 8192 })), ErrorKind::Full);
        assert_eq!(disk.len().unwrap(), 100);
    });
}

/// What was cut away is gone for good: after growth there are zeros.
#[test]
fn cut_and_grow() {
    each_disk(|disk| {
        disk.write_at(&[9; 300_000], 0).unwrap();
        disk.set_len(5_000).unwrap();
        assert_eq!(disk.len().unwrap(), 5_000);
        assert_eq!(kind_of(disk.read_at(&mut [0], 5_000)), ErrorKind::Corrupt);
        disk.set_len(400_000).unwrap();
        assert_eq!(read(disk, 4_999, 300_000)[0], 9);
        assert_eq!(read(disk, 5_000, 395_000), vec![0; 395_000]);
    });
}

/// Reserved space belongs to the file and can be written; punched space reads as zeros or as before, and its neighbours as before.
#[test]
fn reserve_and_punch() {
    each_disk(|disk| {
        disk.write_at(&[5; 8192], 0).unwrap();
        let extent = Extent { offset: 8192, len: 3 << 20 };
        disk.reserve(extent).unwrap();
        assert_eq!(disk.len().unwrap(), extent.end());
        disk.will_need(extent);
        disk.write_at(&vec![6; 3 << 20], 8192).unwrap();
        disk.punch(Extent { offset: 12_288, len: 1 << 20 }).unwrap();
        assert_eq!(disk.len().unwrap(), extent.end());
        let first = read(disk, 12_288, 1)[0];
        assert!(first == 0 || first == 6);
        assert_eq!(read(disk, 12_288, 1 << 20), vec![first; 1 << 20]);
        assert_eq!(read(disk, 0, 8192), [5; 8192]);
        assert_eq!(read(disk, 8192, 4096), [6; 4096]);
        assert_eq!(read(disk, 12_288 + (1 << 20), 1 << 20), vec![6; 1 << 20]);
        disk.punch(Extent { offset: 0, len: 0 }).unwrap();
        disk.reserve(Extent { offset: 0, len: 0 }).unwrap();
    });
}

/// The second window is a map of its own; a copy may cross its start, a slice may not.
#[test]
fn two_windows() {
    each_disk(|disk| {
        disk.write_at(b"across", WINDOW - 3).unwrap();
        let mut into = [0; 6];
        disk.read_at(&mut into, WINDOW - 3).unwrap();
        assert_eq!(&into, b"across");
        assert_eq!(read(disk, WINDOW - 3, 3), b"acr");
        assert_eq!(read(disk, WINDOW, 3), b"oss");
        // SAFETY: nothing is written.
        assert_eq!(kind_of(unsafe { disk.slice(WINDOW - 3, 6) }), ErrorKind::Invalid);
        disk.set_len(WINDOW - 1).unwrap();
        disk.set_len(WINDOW + 3).unwrap();
        assert_eq!(read(disk, WINDOW, 3), [0; 3]);
    });
}

/// Writers and readers of bytes of their own do not disturb each other, and a window is mapped once however many ask first.
#[test]
fn threads_share_a_disk() {
    each_disk(|disk| {
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                scope.spawn(move || {
                    for round in 0..200 {
                        let offset = (round * 4 + thread) * BLOCK;
                        disk.write_at(&[thread as u8; 4096], offset).unwrap();
                        assert_eq!(read(disk, offset, 4096), [thread as u8; 4096]);
                    }
                });
            }
        });
    });
}

/// L12: while a file is open for writing no path opens it a second time, and closing it frees it.
#[test]
fn l12_second_open_is_locked() {
    let scratch = Scratch::new();
    let path = scratch.path("a.ring");
    let disk = FileDisk::create(&path).unwrap();
    let mut aliases = vec![path.clone(), scratch.path("../").join(scratch.0.file_name().unwrap()).join("a.ring")];
    #[cfg(unix)]
    {
        fs::hard_link(&path, scratch.path("hard.ring")).unwrap();
        std::os::unix::fs::symlink(&path, scratch.path("soft.ring")).unwrap();
        aliases.extend([scratch.path("hard.ring"), scratch.path("soft.ring")]);
    }
    disk.write_at(b"x", 0).unwrap();
    // SAFETY: nothing is written. The map must not hold the lock beyond the disk's life.
    assert_eq!(unsafe { disk.slice(0, 1) }.unwrap(), b"x");
    for alias in &aliases {
        for access in [Access::Read, Access::Write] {
            let error = FileDisk::open(alias, access).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
            assert!(error.to_string().contains("this process"), "{error}");
        }
    }
    drop(disk);
    for alias in &aliases {
        drop(FileDisk::open(alias, Access::Write).unwrap());
    }
    let readers = [FileDisk::open(&path, Access::Read).unwrap(), FileDisk::open(&path, Access::Read).unwrap()];
    assert_eq!(kind_of(FileDisk::open(&path, Access::Write)), ErrorKind::Locked);
    drop(readers);
    FileDisk::open(&path, Access::Write).unwrap();
}

/// L12: a disk that was released is open to others, though it still lives.
#[test]
fn l12_released_disk_lets_others_in() {
    let scratch = Scratch::new();
    let path = scratch.path("a.ring");
    let disk = FileDisk::create(&path).unwrap();
    assert_eq!(kind_of(FileDisk::open(&path, Access::Read)), ErrorKind::Locked);
    disk.release();
    let other = FileDisk::open(&path, Access::Write).unwrap();
    disk.release();
    drop(disk);
    assert_eq!(kind_of(FileDisk::open(&path, Access::Read)), ErrorKind::Locked);
    drop(other);
    FileDisk::open(&path, Access::Read).unwrap();
}

/// L12: a disk that is closed is open to others, though a copy of its descriptor lives on: each child of a fork has one until it runs its program. (A
/// store that was refused, and tried again while another thread started a process, was told that another process used it.)
#[test]
fn l12_closed_disk_lets_others_in_beside_a_fork() {
    let scratch = Scratch::new();
    let path = scratch.path("a.ring");
    drop(FileDisk::create(&path).unwrap());
    for access in [Access::Read, Access::Write] {
        let disk = FileDisk::open(&path, access).unwrap();
        let copy = disk.duplicate();
        drop(disk);
        FileDisk::open(&path, Access::Write).unwrap();
        drop(copy);
    }
}

/// L12: a lock that is not in our own list counts too, and its holder is named where the system tells.
#[test]
fn l12_foreign_lock_is_named() {
    let scratch = Scratch::new();
    let path = scratch.path("a.ring");
    let foreign = fs::File::create(&path).unwrap();
    foreign.lock().unwrap();
    let error = FileDisk::open(&path, Access::Write).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    // Some sandboxes show no /proc/locks, and some file systems another device there than to us.
    let pid = std::process::id();
    assert!(error.to_string().contains(&format!("process {pid}")) || error.to_string().contains("another process"), "{error}");
    foreign.unlock().unwrap();
    FileDisk::open(&path, Access::Write).unwrap();
}

/// A file that is open for reading is not changed, whatever is asked.
#[test]
fn l12_read_only_changes_no_byte() {
    let scratch = Scratch::new();
    let path = scratch.path("a.ring");
    fs::write(&path, b"twelve bytes").unwrap();
    let disk = FileDisk::open(&path, Access::Read).unwrap();
    let extent = Extent { offset: 0, len: 4096 };
    for result in [
        disk.write_at(b"a", 0),
        disk.write_through(b"a", 0),
        disk.set_len(1),
        disk.set_len(100),
        disk.reserve(extent),
        disk.punch(extent),
    ] {
        assert_eq!(kind_of(result), ErrorKind::ReadOnly);
    }
    assert_eq!(read(&disk, 0, 12), b"twelve bytes");
    assert_eq!(fs::read(&path).unwrap(), b"twelve bytes");
}

/// What is no file, not there, or not allowed is an error with a kind and the path in it.
#[test]
fn bad_paths_are_clear_errors() {
    let scratch = Scratch::new();
    let check = |result: Result<FileDisk>, kind, path: &Path| {
        let error = result.expect_err("an error");
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    };
    check(FileDisk::open(&scratch.0, Access::Read), ErrorKind::NotAStore, &scratch.0);
    check(FileDisk::create(&scratch.0), ErrorKind::NotAStore, &scratch.0);
    let missing = scratch.path("missing.ring");
    check(FileDisk::open(&missing, Access::Write), ErrorKind::NotFound, &missing);
    let orphan = scratch.path("missing/a.ring");
    check(FileDisk::create(&orphan), ErrorKind::NotFound, &orphan);
    let there = scratch.path("there.ring");
    drop(FileDisk::create(&there).unwrap());
    check(FileDisk::create(&there), ErrorKind::Exists, &there);
    #[cfg(unix)]
    check(FileDisk::open(Path::new("/dev/null"), Access::Read), ErrorKind::NotAStore, Path::new("/dev/null"));
}

/// A new file belongs to its owner alone.
#[cfg(unix)]
#[test]
fn created_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let path = scratch.path("a.ring");
    let _disk = FileDisk::create(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
}

/// In a directory that takes no new files, creating is an error and opening works.
#[cfg(unix)]
#[test]
fn read_only_directory() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let directory = scratch.path("closed");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("old.ring"), b"old").unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o500)).unwrap();
    // The superuser may do anything: then there is nothing to see.
    if fs::write(directory.join("probe"), b"").is_err() {
        let new = directory.join("new.ring");
        let refused = FileDisk::create(&new).map(drop).unwrap_err();
        assert!(refused.kind() == ErrorKind::Io && refused.to_string().contains(&new.display().to_string()), "{refused}");
        assert_eq!(kind_of(Temporary::begin(&new).map(|_| ())), ErrorKind::Io);
    } else {
        println!("read_only_directory: skipped, the superuser may write anywhere");
    }
    let disk = FileDisk::open(&directory.join("old.ring"), Access::Write).unwrap();
    assert_eq!(read(&disk, 0, 3), b"old");
    drop(disk);
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
}

/// A temporary file stands beside its path, takes its place if nothing stands there, and leaves nothing behind.
#[test]
fn temporary_takes_its_place() {
    let scratch = Scratch::new();
    let path = scratch.path("a.ring");
    let count = || fs::read_dir(&scratch.0).unwrap().count();
    let (disk, temporary) = Temporary::begin(&path).unwrap();
    disk.write_at(b"new", 0).unwrap();
    disk.sync_all().unwrap();
    // Under another name, or where the system can under none.
    assert!(count() <= 1 && !path.exists());
    drop(disk);
    temporary.place(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(count(), 1);
    assert_eq!(kind_of(Temporary::begin(&path).map(|_| ())), ErrorKind::Exists);
    assert_eq!(kind_of(Temporary::begin(Path::new("/..")).map(|_| ())), ErrorKind::Exists);
    sync_parent_dir(&path).unwrap();
    sync_parent_dir(Path::new("a.ring")).unwrap();
}

/// Where the system can, a temporary file has no name before it takes its place: a kill leaves nothing of it.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
#[test]
fn temporary_has_no_name() {
    let scratch = Scratch::new();
    // A file system that cannot is none that this shows anything of.
    if platform::create_unnamed(&scratch.0).is_none() {
        return;
    }
    let (disk, temporary) = Temporary::begin(&scratch.path("a.ring")).unwrap();
    disk.write_at(b"new", 0).unwrap();
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 0);
    drop((disk, temporary));
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 0);
}

/// A file that appeared meanwhile is not overwritten, and one that is given up is gone.
#[test]
fn temporary_overwrites_nothing() {
    let scratch = Scratch::new();
    let path = scratch.path("a.ring");
    let (_, given_up) = Temporary::begin(&path).unwrap();
    drop(given_up);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 0);
    let (_, late) = Temporary::begin(&path).unwrap();
    fs::write(&path, b"first").unwrap();
    assert_eq!(kind_of(late.place(&path)), ErrorKind::Exists);
    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
}

/// F16: a file that somebody else cut gives an error to a copying read.
#[test]
fn foreign_cut_is_an_error_when_copying() {
    let scratch = Scratch::new();
    let path = scratch.path("a.ring");
    let disk = FileDisk::create(&path).unwrap();
    disk.write_at(&[1; 100], 0).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(10).unwrap();
    let error = disk.read_at(&mut [0; 100], 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("ends at byte 10,"), "{error}");
}
