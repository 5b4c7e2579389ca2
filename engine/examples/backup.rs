//! Backup and restore: a snapshot as a file, beside a writer that goes on; opened in place, verified, restored.
//!
//! `cargo run -p treering --example backup`

use std::path::Path;

use treering::{BlobForm, ErrorKind, Options, Result, Store};

fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("treering-backup-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a new folder for this process");
    let done = run(&folder);
    let _ = std::fs::remove_dir_all(&folder);
    done
}

fn run(folder: &Path) -> Result<()> {
    let store = Store::open(folder.join("live.ring"))?;
    put(&store, 0..10_000)?;

    // Of this version, whatever is written from now on. No writer waits for it.
    let snapshot = store.snapshot();
    put(&store, 10_000..10_100)?;
    let plain = snapshot.backup_to(folder.join("backup.ring"), BlobForm::Plain)?;
    let packed = snapshot.backup_to(folder.join("backup.ring.lz4"), BlobForm::Lz4)?;
    assert_eq!((plain.version, packed.version), (snapshot.version(), snapshot.version()));
    assert!(packed.bytes < plain.bytes);

    // A backup never overwrites.
    let refused = snapshot.backup_to(folder.join("backup.ring"), BlobForm::Plain);
    assert_eq!(refused.map(drop).map_err(|e| e.kind()), Err(ErrorKind::Exists));

    // A plain backup is a store file: it opens where it is, and no byte of it changes.
    let backup = Options::new().open_read_only(folder.join("backup.ring"))?;
    assert_eq!(count(&backup)?, 10_000);
    drop(backup);

    // Both forms can be verified and restored. What is damaged is not restored.
    for name in ["backup.ring", "backup.ring.lz4"] {
        let report = treering::verify(folder.join(name))?;
        assert!(report.is_sound(), "{report}");
        let target = folder.join(format!("{name}.restored.ring"));
        treering::restore(folder.join(name), &target)?;
        // From here on it is a store of its own, which knows where it came from.
        let restored = Store::open(&target)?;
        assert_eq!(count(&restored)?, 10_000);
        put(&restored, 0..1)?;
        restored.close()?;
    }

    assert_eq!(count(&store)?, 10_100);
    store.close()
}

fn put(store: &Store, numbers: std::ops::Range<u32>) -> Result<u64> {
    let txn = store.begin_write()?;
    let mut table = txn.ensure_table("tasks")?;
    for number in numbers {
        table.insert(&number.to_be_bytes(), format!("task {number} is PENDING").as_bytes())?;
    }
    drop(table);
    txn.commit()
}

fn count(store: &Store) -> Result<u64> {
    let snapshot = store.snapshot();
    Ok(snapshot.reader().table("tasks")?.len())
}
