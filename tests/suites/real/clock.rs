//! F14: the clock stands still, or jumps: it may change when something is done, never what is in the file.

use std::path::{Path, PathBuf};
use std::process::Command;

use treering_tests::{Ending, Folder, Seed, Witness, depth};

use crate::lives::{Life, Moment, play};
use crate::tools::{Talk, actor, figure, output, run, skip, text};

/// Kills of one file, before a life that ends by itself.
const LIVES: u64 = 5;
/// Files for each clock at depth 1; four times as many at most.
const STORES: u64 = 3;
/// Steps of the life that is not killed.
const STEPS: u64 = 80;

/// The library that lies about the time, built of `clock.c`; the first line of what went wrong where it cannot be.
fn built(folder: &Folder) -> Result<PathBuf, String> {
    let (source, library) = (folder.file("clock.c"), folder.file("clock.so"));
    std::fs::write(&source, include_str!("clock.c")).map_err(|e| e.to_string())?;
    run("cc", &["-shared", "-fPIC", "-O1", "-o", &text(&library), &text(&source)])?;
    Ok(library)
}

fn under(library: &Path, clock: &str, mut command: Command) -> Command {
    command.env("LD_PRELOAD", library).env("TREERING_CLOCK", clock);
    command
}

/// F14, L3: on a clock that stands still, and on one that jumps by hours at each look, a store loses nothing that it acknowledged to a kill, opens again, closes cleanly, and waits for ever for nothing.
#[test]
fn f14_clock_stands_or_jumps() {
    let test = "f14_clock_stands_or_jumps";
    let tools = Folder::new();
    let library = match built(&tools) {
        Ok(library) => library,
        Err(why) => return skip(test, &format!("the clock could not be built: {}", why.lines().next().unwrap_or_default())),
    };
    let (seed, stores) = (Seed::of(test), STORES * depth().min(4));
    let (mut kills, mut words) = (0, 0);
    for (n, clock) in (0..).zip(["stands", "jumps"]) {
        // What the players see, and not only what was asked for.
        let seen = output(&mut under(&library, clock, actor("clock", Path::new("none"))));
        assert_eq!(seen.trim(), clock, "the clock of the actor");
        for store in 0..stores {
            let one = seed.part(n << 32 | store);
            let lived = many_lives(one, &|player| under(&library, clock, player));
            let (killed, said) = lived.unwrap_or_else(|what| panic!("it {clock}; store {store}, seed {}: {what}", one.number()));
            (kills, words) = (kills + killed, words + said);
        }
    }
    figure(test, &format!("{kills} kills, {words} reports"));
    assert!(kills > stores * LIVES, "{kills} kills");
}

/// One file through lives that are killed and one that is not; kills and words.
fn many_lives(seed: Seed, through: &dyn Fn(Command) -> Command) -> Result<(u64, u64), String> {
    let (folder, mut witness, mut rng) = (Folder::new(), Witness::new(seed, Ending::Kill), seed.part(9).rng());
    let path = folder.file("a.ring");
    let (mut kills, mut words) = (0, 0);
    for life in 0..LIVES {
        let moment = Moment::draw(&mut rng);
        let at = |what: String| format!("life {life}, killed {moment:?}: {what}");
        let mut player = Life::begin(&witness, &path, moment, through);
        player.reach(&mut witness, moment).map_err(at)?;
        player.kill(&mut witness, false).map_err(at)?;
        let played = witness.judge(&path).map_err(at)?;
        if !played.failures.is_empty() {
            return Err(at(format!("a step failed: {:?}", played.failures)));
        }
        kills += u64::from(!played.has_ended);
        words += played.words;
    }
    let mut player = Talk::start(&mut through(play(&witness, &path, STEPS)));
    while let Some(line) = player.line() {
        witness.hear(&line)?;
    }
    player.ended();
    let played = witness.judge(&path)?;
    if !played.has_ended || !played.failures.is_empty() {
        return Err(format!("the life that nobody killed came to {played:?}"));
    }
    witness.live_on(&path)?;
    Ok((kills, words + played.words))
}
