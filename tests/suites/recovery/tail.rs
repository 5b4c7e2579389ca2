//! The file cut at each length: a clear error, or a version that the model knows, whole.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use treering::ErrorKind;
use treering::disk::Disk;
use treering_tests::life::said;
use treering_tests::{Chronicle, Seed, Shape, SimulatedDisk, drive};

use crate::steps;

/// L3, L8: every length of a small file; of the room kept ahead at its end, some.
#[test]
fn l3_file_cut_at_every_length() {
    let seed = Seed::of("l3_file_cut_at_every_length");
    let options = drive::small_options();
    let mut chronicle = Chronicle::begin(&options).expect("a new store");
    chronicle.live(&steps(seed, &Shape::tiny(), 20)).expect("no promise is broken");
    let file = chronicle.disk().bytes();
    let model = chronicle.model_at(usize::MAX);
    let mut opened = 0;
    let disk = SimulatedDisk::holding(&file);
    let filled = file.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 4096;
    for len in (0..=file.len()).rev().filter(|len| *len <= filled || len % 509 == 0) {
        disk.set_len(len as u64).expect("memory can be cut");
        let disk = Arc::clone(&disk) as Arc<dyn Disk>;
        let looked = catch_unwind(AssertUnwindSafe(|| match options.open_read_only_on(disk) {
            Ok(store) => {
                let version = store.version();
                let expected = model.clone().recovered(version).cloned()?;
                drive::compare(&store.snapshot(), &expected).map(|()| true)
            }
            Err(e) if [ErrorKind::Corrupt, ErrorKind::NotAStore].contains(&e.kind()) && e.to_string().len() > 20 => Ok(false),
            Err(e) => Err(format!("{e:?}")),
        }));
        match looked.unwrap_or_else(|panic| Err(said(&*panic))) {
            Ok(is_open) => opened += usize::from(is_open),
            Err(what) => panic!("TREERING_SEED={}, cut to {len} of {} bytes: {what}", seed.number(), file.len()),
        }
    }
    assert!(opened > 0, "the whole file opens");
}

/// L3: a crash tears the first of several large records that shared a sync, and all the others landed. They prove that nothing of it was synced, however large
/// they are. What the search for such proof was allowed to hash used to be spent by whole records too, and the store never opened again.
#[test]
fn l3_torn_group_of_large_records_is_cut() {
    // Nothing is sealed or synced meanwhile.
    let late = std::time::Duration::from_secs(3600);
    let options = drive::small_options().record_bytes(32 << 20).log_bytes(1 << 30).dirty_bytes(1 << 30).deferred_within(late);
    let disk = SimulatedDisk::new();
    let store = options.open_on(Arc::clone(&disk) as Arc<dyn Disk>).expect("a new store");
    disk.forget();
    let commit = |round: u8, durability| {
        let mut txn = store.begin_write().expect("the turn");
        txn.set_durability(durability);
        {
            let mut table = txn.ensure_table("t").expect("table t");
            (0..30_u8).for_each(|n| table.insert(&[round, n], &vec![round; 1 << 20]).expect("insert"));
        }
        txn.commit().expect("commit")
    };
    commit(0, treering::Durability::Synced);
    let head = disk.bytes().len();
    for round in 1..4 {
        commit(round, treering::Durability::Deferred);
    }
    let mut bytes = disk.bytes();
    std::mem::forget(store);
    // In the body of the first that no sync covered: the first megabyte of ones.
    let torn = bytes[head.min(bytes.len())..].windows(4096).position(|run| run.iter().all(|byte| *byte == 1));
    let torn = torn.map(|at| at + head).or_else(|| bytes.windows(4096).position(|run| run.iter().all(|byte| *byte == 1)));
    bytes[torn.expect("it was written") + 100] = 0;
    let store = options.open_on(SimulatedDisk::holding(&bytes) as Arc<dyn Disk>).expect("nothing that was synced is missing");
    assert_eq!(store.version(), 1);
    assert!(store.open_report().dropped_bytes > 64 << 20, "{:?}", store.open_report());
    drop(treering_tests::Checked::new("store", store));
}
