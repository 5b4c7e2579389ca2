//! Whole stores on a simulated medium: commits, checkpoints, reuse of extents and moving pages, beside each other. Closing stands in `closing`.
//!
//! Every step of the engine is its own code; below it stand the checker's primitives and [`ModelDisk`]. The background thread and the clock are
//! left out but where a model says so.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::disk::ModelDisk;
use super::{join, model, spawn};
use crate::api::{Store, WriteTxn};
use crate::disk::Disk;
use crate::error::{ErrorKind, Result};
use crate::format::ids::BLOCK;
use crate::planted::Bug;
use crate::store::open;
use crate::store::options::Settings;
use crate::store::progress::Progress;
use crate::sync::checker::fault::Fault;

/// A store that is dropped by name alone: not in a thread whose assertion failed.
pub(super) struct Open {
    store: ManuallyDrop<Store>,
    pub(super) disk: Arc<ModelDisk>,
}

impl Deref for Open {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Open {
    /// A store with an empty table.
    pub(super) fn new(background: bool) -> Open {
        Open::on(ModelDisk::new(), background)
    }

    pub(super) fn on(disk: ModelDisk, background: bool) -> Open {
        Open::with(disk, Settings { background, ..settings() })
    }

    pub(super) fn with(disk: ModelDisk, settings: Settings) -> Open {
        let disk = Arc::new(disk);
        let is_new = disk.is_empty().expect("memory");
        if is_new {
            open::create(&*disk, &settings).expect("memory");
        }
        let machine = open::open(Arc::clone(&disk) as Arc<dyn Disk>, settings, false, is_new).expect("a sound store");
        let open = Open { store: ManuallyDrop::new(Store::start(machine).expect("threads")), disk };
        if is_new {
            put(&open.store, b"key", b"value-0").expect("memory");
        }
        open
    }

    fn share(&self) -> ManuallyDrop<Store> {
        self.store.clone()
    }

    /// Lets go of the store, which closes it.
    pub(super) fn close(self) -> Arc<ModelDisk> {
        drop(ManuallyDrop::into_inner(self.store));
        self.disk
    }
}

pub(super) fn settings() -> Settings {
    Settings {
        page_len: 4096,
        segment_bytes: 16 << 10,
        // Not before the model asks for it.
        deferred_within: Duration::from_secs(1 << 20),
        ..Settings::default()
    }
}

pub(super) fn put(store: &Store, key: &[u8], value: &[u8]) -> Result<u64> {
    put_into(store, "table", key, value)
}

pub(super) fn put_into(store: &Store, table: &str, key: &[u8], value: &[u8]) -> Result<u64> {
    let txn = store.begin_write()?;
    txn.ensure_table(table)?.insert(key, value)?;
    txn.commit()
}

pub(super) fn insert(txn: &WriteTxn, key: &[u8], value: &[u8]) {
    txn.open_table("table").and_then(|mut table| table.insert(key, value)).expect("room");
}

pub(super) fn get(store: &Store, key: &[u8]) -> Option<Vec<u8>> {
    get_from(store, "table", key)
}

pub(super) fn get_from(store: &Store, table: &str, key: &[u8]) -> Option<Vec<u8>> {
    let snapshot = store.snapshot();
    let reader = snapshot.reader();
    let value = reader.table(table).and_then(|table| table.get(key)).expect("a sound page");
    value.map(<[u8]>::to_vec)
}

/// Runs `work` in another thread of the model with a handle of the store.
pub(super) fn beside<T: Send + 'static>(
    open: &Open,
    work: impl FnOnce(&Store) -> T + Send + 'static,
) -> loom::thread::JoinHandle<T> {
    let store = open.share();
    spawn(move || {
        let result = work(&store);
        drop(ManuallyDrop::into_inner(store));
        result
    })
}

/// Two commit at once. Checked: each is on the medium when it returns, and seen by whoever looks then; nobody waits for ever; both are there in the
/// end. Two threads, one commit each.
fn group_commit() {
    let open = Open::new(false);
    let other = {
        let disk = Arc::clone(&open.disk);
        beside(&open, move |store| {
            put(store, b"one", b"value-1").expect("a sound medium");
            assert!(disk.keeps(b"value-1"), "acknowledged and not on the medium");
        })
    };
    put(&open, b"two", b"value-2").expect("a sound medium");
    assert!(open.disk.keeps(b"value-2"), "acknowledged and not on the medium");
    assert_eq!(get(&open, b"two").as_deref(), Some(&b"value-2"[..]), "acknowledged and not seen");
    join(other);
    assert_eq!(get(&open, b"one").as_deref(), Some(&b"value-1"[..]));
    open.close();
}

/// Two commit at once and one sync fails, after `good` others. Checked: what was acknowledged is on the medium; the leader's error reaches everybody whose
/// commit it covered; nothing that failed is seen; nothing is acknowledged afterwards. Two threads, one commit each, and one more in the end.
fn failing_sync(good: usize) {
    let open = Open::new(false);
    open.disk.fail_sync_after(good);
    let commit = |key: &'static [u8], value: &'static [u8]| {
        let disk = Arc::clone(&open.disk);
        move |store: &Store| match put(store, key, value) {
            Ok(_) => assert!(disk.keeps(value), "acknowledged and not on the medium"),
            Err(e) => {
                assert!(matches!(e.kind(), ErrorKind::Unknown | ErrorKind::Poisoned), "{e}");
                assert_eq!(get(store, key), None, "failed, and seen");
            }
        }
    };
    let other = beside(&open, commit(b"one", b"value-1"));
    commit(b"two", b"value-2")(&open);
    join(other);
    let last = put(&open, b"three", b"value-3");
    assert!(last.is_err() || !open.disk.has_failed(), "acknowledged after a failed sync");
    assert_eq!(get(&open, b"key").as_deref(), Some(&b"value-0"[..]));
    open.close();
}

/// Three commit at once: those who come while one leads share the next sync. Checked: as in [`group_commit`], and no two get one version. Three threads, one
/// commit each.
fn three_committers() {
    let open = Open::new(false);
    let commit = |key: &'static [u8], value: &'static [u8]| {
        let disk = Arc::clone(&open.disk);
        move |store: &Store| {
            let version = put(store, key, value).expect("a sound medium");
            assert!(disk.keeps(value), "acknowledged and not on the medium");
            version
        }
    };
    let others = [beside(&open, commit(b"one", b"value-1")), beside(&open, commit(b"two", b"value-2"))];
    let mut versions = vec![commit(b"three", b"value-3")(&open)];
    versions.extend(others.map(join));
    versions.sort_unstable();
    assert_eq!(versions, [2, 3, 4]);
    assert_eq!(open.version(), 4);
    open.close();
}

/// A commit beside a checkpoint. Checked: the commit waits for no more than its own sync, and is on the medium when it returns; values are readable throughout;
/// what stands in the file after a power cut has everything. Two threads.
fn checkpoint_beside_commit() {
    let open = Open::new(false);
    let checkpoint = beside(&open, |store| {
        store.checkpoint().expect("a sound medium");
    });
    put(&open, b"one", b"value-1").expect("a sound medium");
    assert!(open.disk.keeps(b"value-1"), "acknowledged and not on the medium");
    assert_eq!(get(&open, b"key").as_deref(), Some(&b"value-0"[..]));
    join(checkpoint);
    let after = Open::on(open.disk.after_a_power_cut(), false);
    assert_eq!(get(&after, b"key").as_deref(), Some(&b"value-0"[..]), "lost by a power cut");
    assert_eq!(get(&after, b"one").as_deref(), Some(&b"value-1"[..]), "lost by a power cut");
    after.close();
    open.close();
}

/// A commit beside the steps of the store's own thread, made by another one until there is nothing to do, in a store whose every record is enough for a checkpoint. Checked: the
/// checkpoint that is due is made; the commit is on the medium when it returns; what stands in the file after a power cut has everything; behind both no more is due than one step finds.
/// Two threads.
fn due_checkpoint_beside_commit() {
    let open = Open::with(ModelDisk::new(), Settings { background: false, log_bytes: 0, ..settings() });
    let steps = beside(&open, work_off);
    put(&open, b"one", b"value-1").expect("a sound medium");
    assert!(open.disk.keeps(b"value-1"), "acknowledged and not on the medium");
    join(steps);
    assert!(open.stats().checkpoints > 0, "a checkpoint was due, and nobody made it");
    work_off(&open);
    assert_eq!(open.machine().pipeline.lock().tail_bytes, 0, "records are left that no seal has");
    let after = Open::on(open.disk.after_a_power_cut(), false);
    for store in [&open, &after] {
        assert_eq!(get(store, b"key").as_deref(), Some(&b"value-0"[..]), "lost");
        assert_eq!(get(store, b"one").as_deref(), Some(&b"value-1"[..]), "lost");
    }
    after.close();
    open.close();
}

/// What the store's own thread does when it is woken.
fn work_off(store: &Store) {
    while store.step().expect("a sound medium") {}
}

/// Two checkpoints at once. Checked: both end.
fn two_checkpoints() {
    let open = Open::new(false);
    let other = beside(&open, |store| {
        store.checkpoint().expect("a sound medium");
    });
    open.checkpoint().expect("a sound medium");
    join(other);
    open.close();
}

/// Takes the first free extents and writes zeros into them, as the next checkpoints and segments would in time.
fn write_what_is_free(open: &Open) {
    open.machine().reclaim_published();
    let taken = [(); 3].map(|()| open.machine().written_extent(BLOCK).expect("memory"));
    taken.into_iter().for_each(|extent| open.machine().give_back(extent));
}

/// The page of a chunk is replaced, the chunk dies, both headers name a seal without it, and whatever is free then is written over, while another thread opens a snapshot
/// and reads. Checked: the snapshot reads the value of its version; no byte of an extent is written while it may be read. Two threads.
fn reuse_beside_snapshot() {
    let open = Open::new(false);
    open.checkpoint().expect("a sound medium");
    let reader = beside(&open, |store| {
        let snapshot = store.snapshot();
        let reader = snapshot.reader();
        let value = reader.table("table").and_then(|table| table.get(b"key")).expect("a sound page");
        let value = value.expect("it is always there").to_vec();
        // Version 1 has the first, and each commit puts the next.
        let expected = format!("value-{}", snapshot.version() - 1);
        assert_eq!(value, expected.as_bytes(), "the value of another version");
    });
    for value in [b"value-1", b"value-2"] {
        put(&open, b"key", value).expect("a sound medium");
        open.checkpoint().expect("a sound medium");
        open.machine().write_header(false).expect("a sound medium");
        open.machine().reclaim_published();
        write_what_is_free(&open);
    }
    join(reader);
    open.close();
}

/// Extents are used again as in [`reuse_beside_snapshot`], and the power is cut at any moment. Checked: what the medium holds then is a sound store with all that was acknowledged: nothing was
/// written over what the newest header on the medium reaches. Two threads.
fn reuse_beside_power_cut() {
    const VALUES: [&[u8]; 4] = [b"value-0", b"value-1", b"value-2", b"value-3"];
    let open = Open::new(false);
    open.checkpoint().expect("a sound medium");
    // Not the checker's: whoever cuts the power learns nothing from it.
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let cut = {
        let (disk, acknowledged) = (Arc::clone(&open.disk), Arc::clone(&acknowledged));
        spawn(move || (acknowledged.load(Ordering::Relaxed), disk.after_a_power_cut()))
    };
    for (n, value) in VALUES.iter().enumerate().skip(1) {
        put(&open, b"key", value).expect("a sound medium");
        acknowledged.store(n, Ordering::Relaxed);
        write_what_is_free(&open);
        open.checkpoint().expect("a sound medium");
        write_what_is_free(&open);
        open.machine().write_header(false).expect("a sound medium");
        write_what_is_free(&open);
    }
    let (acknowledged, disk) = join(cut);
    let after = Open::on(disk, false);
    let found = get(&after, b"key").expect("it is always there");
    let found = VALUES.iter().position(|value| **value == found).expect("a known value");
    assert!(found >= acknowledged, "lost by a power cut");
    after.close();
    open.close();
}

/// The pages of two tables, each in a chunk of its own, are moved into one chunk while a snapshot is opened and read, or a commit is made. Checked: the snapshot reads the value of its version,
/// from where its page stood or from where it stands now; no byte of an extent is written while it may be read; the commit is built on what was moved, or moved with it; what a power cut leaves
/// has everything. Two threads.
fn moving_pages(beside_commit: bool) {
    let open = Open::new(false);
    open.checkpoint().expect("a sound medium");
    put_into(&open, "another", b"key", b"value-1").expect("a sound medium");
    open.checkpoint().expect("a sound medium");
    let other = beside(&open, move |store| {
        if beside_commit {
            put(store, b"one", b"value-2").expect("a sound medium");
        } else {
            assert_eq!(get(store, b"key").as_deref(), Some(&b"value-0"[..]));
        }
    });
    let mut progress = Progress::unwatched();
    open.machine().merge_all(&mut progress).expect("a sound medium");
    assert!(beside_commit || progress.bytes_written > 0, "nothing was moved");
    open.machine().write_header(false).expect("a sound medium");
    open.machine().reclaim_published();
    join(other);
    let after = Open::on(open.disk.after_a_power_cut(), false);
    for store in [&open, &after] {
        assert_eq!(get(store, b"key").as_deref(), Some(&b"value-0"[..]));
        assert_eq!(get_from(store, "another", b"key").as_deref(), Some(&b"value-1"[..]));
        assert_eq!(get(store, b"one").as_deref(), beside_commit.then_some(&b"value-2"[..]), "lost");
    }
    after.close();
    open.close();
}

/// L2: no commit returns before a sync that covers it, and nobody waits for ever.
#[test]
fn l2_group_commit() {
    model("group commit").check(group_commit);
}

/// L2: the same with three.
#[test]
fn l2_three_committers() {
    model("three committers").check(three_committers);
}

/// L9: a failed sync fails everybody whom it covered, and ends all writing.
#[test]
fn l9_first_sync_fails() {
    model("the first sync fails").check(|| failing_sync(0));
}

/// L9: the same when the first group was synced and the second is not.
#[test]
fn l9_second_sync_fails() {
    model("the second sync fails").check(|| failing_sync(1));
}

/// L10: a checkpoint and a commit do not disturb each other.
#[test]
fn l10_checkpoint_beside_commit() {
    model("checkpoint beside commit").check(checkpoint_beside_commit);
}

/// L10: nor do the steps of the store's own thread, which make the checkpoint when it is due.
#[test]
fn l10_due_checkpoint_beside_commit() {
    model("a due checkpoint beside commit").check(due_checkpoint_beside_commit);
}

/// L10: checkpoints wait for each other, and end.
#[test]
fn l10_two_checkpoints() {
    model("two checkpoints").check(two_checkpoints);
}

/// L6: an extent is not used again under a snapshot that is being opened.
#[test]
fn l6_reuse_beside_snapshot() {
    model("reuse beside a snapshot").check(reuse_beside_snapshot);
}

/// L3, L6: an extent is not used again before the medium needs it no more.
#[test]
fn l6_reuse_beside_power_cut() {
    model("reuse beside a power cut").check(reuse_beside_power_cut);
}

/// L1, L6: pages that get new positions are read in both places for as long as somebody needs them.
#[test]
fn l6_moving_beside_snapshot() {
    model("moving pages beside a snapshot").check(|| moving_pages(false));
}

/// L2: a commit and pages that get new positions take turns, and nothing of either is lost.
#[test]
fn l2_moving_beside_commit() {
    model("moving pages beside a commit").check(|| moving_pages(true));
}

/// The model notices acknowledgements before a sync.
#[test]
#[should_panic(expected = "acknowledged and not on the medium")]
fn l2_early_acknowledgement_is_noticed() {
    model("group commit").planted(Bug::AckBeforeSync).check(group_commit);
}

/// The model of three notices the same.
#[test]
#[should_panic(expected = "acknowledged and not on the medium")]
fn l2_early_acknowledgement_of_three_is_noticed() {
    model("three committers").planted(Bug::AckBeforeSync).check(three_committers);
}

/// The model notices a sync that failed, was tried again and is believed, also behind one that was good.
#[test]
#[should_panic(expected = "acknowledged")]
fn l9_retried_sync_is_noticed() {
    model("the second sync fails").planted(Bug::RetriedSync).check(|| failing_sync(1));
}

/// The model notices a checkpoint that says it has everything up to the log's end, and looked at the version before.
#[test]
#[should_panic(expected = "but a header says that version")]
fn l10_capture_without_the_turn_is_noticed() {
    model("checkpoint").broken(Fault::CapturedWithoutTurn).check(checkpoint_beside_commit);
}

/// The model of a checkpoint that is due notices the same.
#[test]
#[should_panic(expected = "but a header says that version")]
fn l10_due_capture_without_the_turn_is_noticed() {
    model("due checkpoint").broken(Fault::CapturedWithoutTurn).check(due_checkpoint_beside_commit);
}

/// The model of moving pages beside a commit notices the same.
#[test]
#[should_panic(expected = "but a header says that version")]
fn l2_moving_captured_without_the_turn_is_noticed() {
    model("moving").broken(Fault::CapturedWithoutTurn).check(|| moving_pages(true));
}

/// The model notices that those who wait for a leader are not woken.
#[test]
#[should_panic(expected = "deadlock")]
fn l2_lost_wake_up_is_noticed() {
    model("group commit").broken(Fault::Deaf { file: "store/commit.rs" }).check(group_commit);
}

/// The model notices a store that goes on after a failed sync.
#[test]
#[should_panic(expected = "acknowledged")]
fn l9_unpoisoned_store_is_noticed() {
    model("the first sync fails").broken(Fault::Unset { file: "store/mod.rs" }).check(|| failing_sync(0));
}

/// The model notices heap pages that are freed under the eyes of others when their chunk is in the file.
#[test]
#[should_panic(expected = "Causality violation")]
fn l10_hasty_swing_is_noticed() {
    model("checkpoint").broken(Fault::Hasty { file: "log/directory.rs" }).check(checkpoint_beside_commit);
}

/// The model notices a checkpoint that does not tell the next one that it left.
#[test]
#[should_panic(expected = "deadlock")]
fn l10_silent_checkpoint_is_noticed() {
    model("two checkpoints").broken(Fault::Deaf { file: "store/checkpoint.rs" }).check(two_checkpoints);
}

/// The model notices a snapshot that is opened without a second look.
#[test]
#[should_panic(expected = "Causality violation")]
fn l6_snapshot_without_second_look_is_noticed() {
    model("reuse").broken(Fault::SecondLookSkipped).check(reuse_beside_snapshot);
}

/// The model notices a snapshot of moved pages that is opened without a second look.
#[test]
#[should_panic(expected = "Causality violation")]
fn l6_moving_without_second_look_is_noticed() {
    model("moving").broken(Fault::SecondLookSkipped).check(|| moving_pages(false));
}

/// The model of moving pages notices a commit that a power cut takes back.
#[test]
#[should_panic(expected = "lost")]
fn l2_early_acknowledgement_beside_moving_is_noticed() {
    model("moving").planted(Bug::AckBeforeSync).check(|| moving_pages(true));
}

/// The model notices an extent that is free although the older header needs it.
#[test]
#[should_panic(expected = "damaged chunk")]
fn l6_freed_too_early_is_noticed() {
    model("reuse beside a power cut").planted(Bug::FreedTooEarly).check(reuse_beside_power_cut);
}

/// The model notices an extent that is used again before the header that set it free is on the medium.
#[test]
#[should_panic(expected = "names no segment")]
fn l6_reuse_before_durable_is_noticed() {
    model("reuse beside a power cut").planted(Bug::ReuseBeforeDurable).check(reuse_beside_power_cut);
}
