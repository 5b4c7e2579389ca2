//! F12: `kill -9` at any moment, many times in the same file (L3, C3 I1 to I4, I6, I8, I11).

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use treering_tests::{Ending, Folder, Seed, Witness, depth};

use crate::lives::{Life, Moment};
use crate::tools::figure;

/// Kills at depth 1.
const KILLS: u64 = 100;
/// Kills of one file, before another begins.
const LIVES: u64 = 12;
/// Stores that live at the same time, more than there are cores, so that the system cuts in between them.
const AT_ONCE: u64 = 3;

/// What the kills came to.
#[derive(Default)]
struct Tally {
    kills: u64,
    words: u64,
    in_doubt: u64,
    survived: u64,
    stores: u64,
}

/// L3: whatever moment a process is killed at, what it acknowledged is there whole, nothing is there that it did not try, the store is
/// sound, and the next life goes on in the same file.
#[test]
fn l3_kills_at_any_moment() {
    let seed = Seed::of("l3_kills_at_any_moment");
    let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    let wanted = KILLS * depth();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while tally.lock().expect("no test failed").kills < wanted {
                    let store = next.fetch_add(1, Ordering::Relaxed);
                    let one = seed.part(store);
                    let lived = many_lives(one).unwrap_or_else(|what| panic!("store {store}, seed {}: {what}", one.number()));
                    let mut all = tally.lock().expect("no test failed");
                    all.kills += lived.kills;
                    all.words += lived.words;
                    all.in_doubt += lived.in_doubt;
                    all.survived += lived.survived;
                    all.stores += 1;
                }
            });
        }
    });
    let all = tally.into_inner().expect("no test failed");
    let Tally { kills, words, in_doubt, survived, stores } = all;
    figure(
        "l3_kills_at_any_moment",
        &format!(
            "{kills} kills of {stores} stores, {words} reports, {in_doubt} inside of a commit, of which {survived} had survived"
        ),
    );
    assert!(kills >= wanted && in_doubt > 0);
}

/// One file through all its lives.
fn many_lives(seed: Seed) -> Result<Tally, String> {
    let (folder, mut witness, mut rng) = (Folder::new(), Witness::new(seed, Ending::Kill), seed.part(9).rng());
    let path = folder.file("a.ring");
    let mut tally = Tally::default();
    for life in 0..LIVES {
        let moment = Moment::draw(&mut rng);
        let at = |what: String| format!("life {life}, killed {moment:?}: {what}");
        let mut player = Life::begin(&witness, &path, moment, &|player| player);
        player.reach(&mut witness, moment).map_err(at)?;
        player.kill(&mut witness, false).map_err(at)?;
        let played = witness.judge(&path).map_err(at)?;
        if !played.failures.is_empty() {
            return Err(at(format!("a step failed on a sound disk: {:?}", played.failures)));
        }
        left_behind(&folder).map_err(at)?;
        tally.kills += u64::from(!played.has_ended);
        tally.words += played.words;
        tally.in_doubt += u64::from(played.was_in_doubt);
        tally.survived += u64::from(played.survived);
    }
    witness.live_on(&path)?;
    Ok(tally)
}

/// Whether the file system of the test's files knows files without a name.
fn can_be_unnamed() -> bool {
    let folder = Folder::new();
    let begun = treering::disk::Temporary::begin(&folder.file("probe"));
    begun.is_ok() && folder.names().is_empty()
}

/// I11: a kill leaves the store, and perhaps a whole backup; nothing half done.
fn left_behind(folder: &Folder) -> Result<(), String> {
    for name in folder.names() {
        match name.as_str() {
            "a.ring" => {}
            "a.blob" => {
                let blob = folder.file("a.blob");
                let report = treering::verify(&blob).map_err(|e| format!("a backup stands half done: {e:?}"))?;
                if !report.problems().is_empty() {
                    return Err(format!("a backup stands unsound: {:?}", report.problems()));
                }
                std::fs::remove_file(blob).map_err(|e| e.to_string())?;
            }
            // Where a file must have a name, an unfinished one keeps it.
            other if other.ends_with(".tmp") && !can_be_unnamed() => {
                std::fs::remove_file(folder.file(other)).map_err(|e| e.to_string())?;
            }
            other => return Err(format!("{other} was left behind")),
        }
    }
    Ok(())
}
