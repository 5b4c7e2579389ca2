//! What the suite `real` runs in processes of its own: each first argument is a part to play.
//!
//! | part | what it does |
//! |---|---|
//! | `play PATH SEED LIFE STEPS [FATAL]` | lives so many steps of a script and reports them, see `treering_tests::script`; with FATAL dies in the middle of that change of the file |
//! | `storm PATH SEED LIFE` | lets threads commit at once |
//! | `open PATH write\|read` | opens, tells what came of it, closes |
//! | `create PATH` | opens a store that may not be there yet, tells, closes |
//! | `hold PATH write\|read` | opens, tells, and keeps it until its input ends |
//! | `clock PATH` | tells whether the time that it sees stands, jumps or runs |
//! | `files PATH` | creates a store, backs it up, and restores the backup, beside each other |
//! | `fork PATH` | uses a store that it inherited by fork |
//! | `descriptors PATH` | opens, and tells which descriptors a program that it starts has on PATH |
//! | `watch PATH read\|copied` | reads everything for each line of input, and tells what it saw |
#![deny(unsafe_code)]

#[cfg(target_os = "linux")]
mod forked;
mod open;
mod play;
mod storm;
mod watch;

use std::env;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use treering_tests::{Script, Seed};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["play", path, seed, life, steps] => play::play(Path::new(path), script(seed, life), number(steps), None),
        ["play", path, seed, life, steps, fatal] => {
            play::play(Path::new(path), script(seed, life), number(steps), Some(number(fatal)));
        }
        ["storm", path, seed, life] => storm::storm(Path::new(path), script(seed, life)),
        ["open", path, how] => open::open(Path::new(path), how),
        ["create", path] => open::create(Path::new(path)),
        ["hold", path, how] => open::hold(Path::new(path), how),
        ["clock", _] => clock(),
        ["files", path] => open::files(Path::new(path)),
        #[cfg(target_os = "linux")]
        ["fork", path] => forked::fork(Path::new(path)),
        #[cfg(target_os = "linux")]
        ["descriptors", path] => open::descriptors(Path::new(path)),
        ["watch", path, how] => watch::watch(Path::new(path), how),
        _ => {
            say(format_args!("no such part: {words:?}"));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Looks at the time often, and tells how it went by.
fn clock() {
    let looks: Vec<Instant> = (0..1_000).map(|_| Instant::now()).collect();
    let hour = Duration::from_secs(3_600);
    let is_jump = |pair: &[Instant]| pair[1].max(pair[0]) - pair[1].min(pair[0]) > hour;
    say(match () {
        () if looks.windows(2).any(is_jump) => "jumps",
        () if looks.first() == looks.last() => "stands",
        () => "runs",
    });
}

fn script(seed: &str, life: &str) -> Script {
    Script { seed: Seed::from_number(number(seed)), life: number(life) }
}

fn number(text: &str) -> u64 {
    text.parse().expect("the suite gives numbers")
}

/// One line of the report. Without anybody who hears it there is nothing to do any more.
fn say(line: impl Display) {
    if writeln!(io::stdout(), "{line}").is_err() {
        std::process::exit(3);
    }
}
