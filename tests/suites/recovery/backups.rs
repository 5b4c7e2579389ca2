//! Backups and restores on simulated disks: cut off at any moment, and with each operation failing in turn. A file that is written has no name before it is whole, so
//! what matters is that everything is on the medium when they return, and that what they leave before is never taken for a whole one.

use std::sync::Arc;

use fastrand::Rng;
use treering::disk::Disk;
use treering::{BlobForm, BlobSummary, Result, Store};
use treering_tests::disk::{Done, Fault, Kind, Operation};
use treering_tests::{Change, Checked, Chronicle, Durability, Seed, Shape, SimulatedDisk, State, Step, crash, drive};

use crate::steps;

const FORMS: [BlobForm; 2] = [BlobForm::Plain, BlobForm::Lz4];

/// A life with a checkpoint in it and pages in memory behind that.
fn lived(seed: Seed) -> Chronicle {
    let mut chronicle = Chronicle::begin(&drive::small_options()).expect("a new store");
    let mut life = steps(seed, &Shape { change_count_max: 30, ..Shape::small() }, 12);
    life.insert(6, Step::Checkpoint);
    let changes = vec![Change::CreateTable { table: "last".into() }];
    life.push(Step::Commit { durability: Durability::Synced, changes });
    chronicle.live(&life).expect("no promise is broken");
    chronicle
}

fn content(store: &Store) -> State {
    drive::read(&store.snapshot().reader()).expect("it can be read")
}

fn restore(blob: &[u8], to: &Arc<SimulatedDisk>) -> Result<BlobSummary> {
    treering::restore_on(&*SimulatedDisk::holding(blob), Arc::clone(to) as Arc<dyn Disk>)
}

/// What a restore of these bytes holds; none if it is refused.
fn restored(blob: &[u8]) -> Option<State> {
    let disk = SimulatedDisk::new();
    restore(blob, &disk).ok()?;
    Some(opened(&on_the_medium(&disk)))
}

/// What a store of these bytes holds when it is opened to be written.
fn opened(bytes: &[u8]) -> State {
    let store = drive::small_options().open_on(SimulatedDisk::holding(bytes)).expect("a restored store opens");
    let store = Checked::new("restored", store);
    content(&store)
}

/// What is there for certain after a cut of the power.
fn on_the_medium(disk: &SimulatedDisk) -> Vec<u8> {
    let log = disk.log();
    crash::image(&[], &log, log.len(), &mut crash::none)
}

/// Files that a crash in the midst of this log may leave.
fn cut_off(log: &[Operation], rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for end in 0..log.len() {
        files.push(crash::image(&[], log, end, &mut crash::all));
        files.push(crash::image(&[], log, end, &mut crash::none));
        for share in [2, 2, 64] {
            files.push(crash::image(&[], log, end, &mut |_, _| rng.u32(..share) > 0));
        }
    }
    files
}

/// L3: when a backup returns it is on the medium whole, and so is what is restored from it; what a crash in the midst of one leaves is refused by
/// the next restore, or is all of it.
#[test]
fn l3_backups_and_restores_cut_off() {
    let seed = Seed::of("l3_backups_and_restores_cut_off");
    let mut rng = seed.rng();
    let (mut refused, mut whole) = (0, 0);
    for run in 0..4 {
        let chronicle = lived(seed.part(run));
        let expected = content(chronicle.store());
        for form in FORMS {
            let disk = SimulatedDisk::new();
            treering::backup_on(&chronicle.store().snapshot(), &*disk, form).expect("a backup");
            let blob = on_the_medium(&disk);
            assert!(blob == disk.bytes(), "a part of the backup is not on the medium");
            assert_eq!(restored(&blob).as_ref(), Some(&expected), "{form:?}");
            for file in cut_off(&disk.log(), &mut rng) {
                match restored(&file) {
                    Some(found) => assert_eq!(found, expected, "half of a backup was taken for a whole one"),
                    None => refused += 1,
                }
            }
            let disk = SimulatedDisk::new();
            restore(&blob, &disk).expect("a restore");
            assert!(on_the_medium(&disk) == disk.bytes(), "a part of what was restored is not on the medium");
            for file in cut_off(&disk.log(), &mut rng) {
                match restored(&file) {
                    Some(found) => assert_eq!(found, expected, "half of a restored store was taken for a whole one"),
                    None => refused += 1,
                }
                whole += usize::from(file == disk.bytes());
            }
        }
    }
    assert!(refused > 100 && whole > 0, "{refused} refused, {whole} whole");
}

/// What fails: of the disk that is written to, and reads of the one that is read.
const WRITES: &[Kind] = &[Kind::Write, Kind::WriteThrough, Kind::Sync, Kind::Grow];
const READS: &[Kind] = &[Kind::Read, Kind::Slice];

/// Lets the n-th operation of `disk` fail while `work` runs, for n from 0 until none is left. Gives how many failed.
#[track_caller]
fn sweep(kinds: &'static [Kind], mut work: impl FnMut(&dyn Fn(&SimulatedDisk)) -> (Result<()>, u64)) -> u64 {
    for at in 0.. {
        let error = treering::ErrorKind::Io;
        let fault = Fault { kinds, at, sticky: at % 2 == 1, error, done: Done::Half };
        match work(&|disk| disk.fail(Some(fault))) {
            (Ok(()), 0) => return at,
            (Ok(()), _) => panic!("{fault:?} was not noticed"),
            (Err(e), _) => assert_eq!(e.kind(), error, "{e:?}"),
        }
    }
    unreachable!("the numbers do not end")
}

/// L9: a backup or a restore any of whose reads, writes and syncs fails is that error. The store that is backed up goes on.
/// A restore that could not read a plain blob used to say that an LZ4 stream was damaged: whoever heard it threw away a blob that was whole. It went through the
/// standard library's reader, which has no kinds of ours; what the disk said is told now.
#[test]
fn l9_backups_and_restores_fail_anywhere() {
    let chronicle = lived(Seed::of("l9_backups_and_restores_fail_anywhere"));
    let (store, source) = (chronicle.store(), chronicle.disk());
    let mut count = 0;
    for form in FORMS {
        let backup = |disk: &SimulatedDisk| treering::backup_on(&store.snapshot(), disk, form).map(drop);
        count += sweep(WRITES, |fail| {
            let disk = SimulatedDisk::new();
            fail(&disk);
            (backup(&disk), disk.struck())
        });
        count += sweep(READS, |fail| {
            fail(source);
            let done = backup(&SimulatedDisk::new());
            let struck = source.struck();
            source.fail(None);
            (done, struck)
        });
        let txn = store.begin_write().expect("no failed backup poisons");
        txn.ensure_table("goes on").expect("no failed backup poisons");
        txn.commit().expect("no failed backup poisons");
        let disk = SimulatedDisk::new();
        backup(&disk).expect("nothing fails any more");
        let blob = disk.bytes();
        count += sweep(WRITES, |fail| {
            let disk = SimulatedDisk::new();
            fail(&disk);
            (restore(&blob, &disk).map(drop), disk.struck())
        });
        count += sweep(READS, |fail| {
            let from = SimulatedDisk::holding(&blob);
            fail(&from);
            (treering::restore_on(&*from, SimulatedDisk::new()).map(drop), from.struck())
        });
    }
    assert!(count > 20, "{count} operations failed");
}
