//! Builds the states that a crash behind each operation may leave, and judges each.
//!
//! 1. Few doubtful sectors: every subset. Many: all, none, all but one, one alone, and some drawn.
//! 2. Each state is opened for reading (no byte may change), then for writing; the content is compared with the model at that version; the
//!    transaction that the crash cut off is retried word for word, and that second life is crashed as well.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use treering::Options;
use treering::disk::Disk;
use treering_tests::crash;
use treering_tests::disk::Operation;
use treering_tests::life::said;
use treering_tests::{Change, Chronicle, Durability, Model, Seed, SimulatedDisk, Sound, drive};

/// So many doubtful sectors are tried in every subset: 2^6 states.
const EXHAUSTIVE: usize = 6;

/// Crashes behind every operation of the chronicle's log, in many ways each.
pub(crate) fn every_crash(chronicle: &Chronicle, options: &Options, seed: Seed) -> Result<(), String> {
    let log = chronicle.disk().log();
    let mut rng = seed.part(77).rng();
    let mut seen = HashSet::new();
    for end in 0..=log.len() {
        let model = chronicle.model_at(end);
        for (n, file) in states(&[], &log, end, &mut rng).into_iter().enumerate() {
            if !seen.insert(hash(&file, model)) {
                continue;
            }
            let attempt = chronicle.attempt(end, model.newest().0);
            // Every eighth state is crashed in its second life behind every operation, the others at its end alone.
            let thorough = rng.u32(..8) == 0;
            let judged = judge(options, &file, model, attempt, thorough, &mut rng);
            judged.map_err(|what| format!("crash behind operation {end} of {}, state {n}: {what}", log.len()))?;
        }
    }
    Ok(())
}

/// Crashes at the end of the chronicle's log.
pub(crate) fn last_crash(chronicle: &Chronicle, options: &Options, seed: Seed) -> Result<(), String> {
    let log = chronicle.disk().log();
    let mut rng = seed.part(78).rng();
    let model = chronicle.model_at(log.len());
    let attempt = chronicle.attempt(log.len(), model.newest().0);
    for (n, file) in states(&[], &log, log.len(), &mut rng).into_iter().enumerate() {
        judge(options, &file, model, attempt, false, &mut rng).map_err(|what| format!("crash at the end, state {n}: {what}"))?;
    }
    Ok(())
}

/// The states that a crash behind `log[..end]` may leave: some of them, as the room's head says.
fn states(before: &[u8], log: &[Operation], end: usize, rng: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let _whole = crash::image(before, log, end, &mut |operation, sector| {
        pieces.push((operation, sector));
        true
    });
    let with = |chosen: &dyn Fn(usize) -> bool| {
        let mut n = 0;
        crash::image(before, log, end, &mut |_, _| {
            n += 1;
            chosen(n - 1)
        })
    };
    let count = pieces.len();
    if count <= EXHAUSTIVE {
        return (0_u32..1 << count).map(|subset| with(&|n| subset >> n & 1 == 1)).collect();
    }
    let mut states = vec![with(&|_| true), with(&|_| false)];
    for _ in 0..2 {
        let one = rng.usize(..count);
        states.push(with(&|n| n != one));
        states.push(with(&|n| n == one));
        let drawn: Vec<bool> = (0..count).map(|_| rng.bool()).collect();
        states.push(with(&|n| drawn[n]));
        // Whole operations in order, the last of them torn: how a kernel that writes in order leaves it.
        states.push(with(&|n| n < one));
    }
    // The newest sectors alone: what was written last may be there first.
    let last = pieces[count - 1].0;
    states.push(with(&|n| pieces[n].0 == last));
    states.push(with(&|n| pieces[n].0 != last));
    states
}

fn hash(file: &[u8], model: &Model) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Most of a file is zeros.
    file.chunks(4096)
        .enumerate()
        .filter(|(_, block)| block.iter().any(|byte| *byte != 0))
        .for_each(|block| block.hash(&mut hasher));
    (file.len(), model.floor(), model.newest().0).hash(&mut hasher);
    hasher.finish()
}

/// Opens a state, looks at everything, goes on, and crashes again.
fn judge(
    options: &Options,
    file: &[u8],
    model: &Model,
    attempt: Option<&[Change]>,
    thorough: bool,
    rng: &mut fastrand::Rng,
) -> Result<(), String> {
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let read = read_only(options, file, model)?;
        let second = second_life(options, file, model, attempt, read)?;
        let log = second.disk().log();
        let from = if thorough { 0 } else { log.len() };
        for end in from..=log.len() {
            let states = states(file, &log, end, rng);
            let take = if thorough { 4 } else { 2 };
            for state in states.into_iter().take(take) {
                reopen(options, &state, second.model_at(end))
                    .map_err(|what| format!("second crash, behind {end} operations: {what}"))?;
            }
        }
        Ok(())
    }));
    judged.unwrap_or_else(|panic| Err(said(&*panic)))
}

/// Opens for reading: no byte changes. Gives the version; none if there is no store yet.
fn read_only(options: &Options, file: &[u8], model: &Model) -> Result<Option<u64>, String> {
    let disk = SimulatedDisk::holding(file);
    let store = match options.open_read_only_on(Arc::clone(&disk) as Arc<dyn Disk>) {
        Ok(store) => store,
        // Creation did not come far enough: for reading there is nothing.
        Err(_) if model.newest().0 == 0 => return Ok(None),
        Err(e) => return Err(format!("open for reading: {e:?}")),
    };
    let version = store.version();
    drive::compare(&store.snapshot(), model.clone().recovered(version)?)?;
    drop(store);
    if disk.position() != 0 || disk.bytes() != file {
        return Err("opening for reading changed the file".into());
    }
    Ok(Some(version))
}

/// Opens for writing, compares, and retries what the crash cut off, word for word.
fn second_life(
    options: &Options,
    file: &[u8],
    model: &Model,
    attempt: Option<&[Change]>,
    read: Option<u64>,
) -> Result<Chronicle, String> {
    let mut second = Chronicle::on(options, SimulatedDisk::holding(file), model.clone());
    second.open().map_err(|e| format!("open: {e:?}"))?;
    let version = second.store().version();
    if read.is_some_and(|read| read != version) {
        return Err(format!("opened for reading at version {read:?}, for writing at {version}"));
    }
    second.recovered()?;
    let own = [Change::CreateTable { table: "after".into() }];
    let retried = match attempt {
        Some(changes) if version < model.newest().0 => changes,
        _ => &own[..],
    };
    for changes in [retried, &own[..]] {
        second.commit(Durability::Synced, changes)?.map_err(|e| format!("commit after recovery: {e:?}"))?;
    }
    second.compare()?;
    Ok(second)
}

/// Opens a state of the second life and compares.
fn reopen(options: &Options, file: &[u8], model: &Model) -> Result<(), String> {
    let store = options.open_on(SimulatedDisk::holding(file)).map_err(|e| format!("open: {e:?}"))?;
    let mut model = model.clone();
    drive::compare(&store.snapshot(), model.recovered(store.version())?)?;
    let changes = [Change::CreateTable { table: "twice".into() }];
    drive::commit(&store, &mut model, Durability::Synced, &changes)?;
    store.checkpoint().map_err(|e| format!("checkpoint after recovery: {e:?}"))?;
    let problems = store.problems();
    if !problems.is_empty() {
        return Err(format!("not sound after recovery:\n{}", problems.join("\n")));
    }
    store.close().map_err(|e| format!("close after recovery: {e:?}"))
}
