//! F8, F9: system calls made to fail, or to be the last one, from outside, by strace: each in turn over a fixed life.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use treering_tests::{Ending, Folder, Seed, Witness, depth};

use crate::lives::play;
use crate::tools::{Talk, figure, run, skip};

/// Steps of the life that is played again and again.
const STEPS: u64 = 80;

/// A system call and what is done to it.
struct Fault {
    call: &'static str,
    /// In strace's words: `error=EIO`, `signal=KILL`.
    what: &'static str,
    /// From the n-th on, not only the n-th.
    sticky: bool,
    /// What the steps that fail may be called.
    kinds: &'static [&'static str],
}

const IO: &[&str] = &["Io", "Unknown", "Poisoned"];
const FULL: &[&str] = &["Full", "Unknown", "Poisoned"];

const FAULTS: &[Fault] = &[
    Fault { call: "fdatasync", what: "error=EIO", sticky: false, kinds: IO },
    Fault { call: "fdatasync", what: "error=EIO", sticky: true, kinds: IO },
    Fault { call: "fsync", what: "error=EIO", sticky: false, kinds: IO },
    Fault { call: "pwrite64", what: "error=EIO", sticky: false, kinds: IO },
    Fault { call: "pwrite64", what: "error=ENOSPC", sticky: true, kinds: FULL },
    Fault { call: "pwrite64", what: "error=EDQUOT", sticky: false, kinds: FULL },
    Fault { call: "pwritev2", what: "error=EIO", sticky: false, kinds: IO },
    Fault { call: "pwritev2", what: "error=ENOSPC", sticky: true, kinds: FULL },
    Fault { call: "fallocate", what: "error=ENOSPC", sticky: false, kinds: FULL },
    Fault { call: "fallocate", what: "error=EIO", sticky: true, kinds: &["Full", "Io"] },
    Fault { call: "ftruncate", what: "error=EIO", sticky: false, kinds: IO },
    Fault { call: "pread64", what: "error=EIO", sticky: false, kinds: IO },
    // Nobody notices these.
    Fault { call: "pwrite64", what: "error=EINTR", sticky: false, kinds: &[] },
    Fault { call: "pwritev2", what: "error=EINTR", sticky: false, kinds: &[] },
    Fault { call: "pread64", what: "error=EINTR", sticky: false, kinds: &[] },
    Fault { call: "fallocate", what: "error=EINTR", sticky: false, kinds: &[] },
    Fault { call: "fallocate", what: "error=EOPNOTSUPP", sticky: true, kinds: &[] },
    Fault { call: "pwritev2", what: "error=EOPNOTSUPP", sticky: true, kinds: &[] },
    Fault { call: "pwrite64", what: "signal=KILL", sticky: false, kinds: &[] },
    Fault { call: "pwritev2", what: "signal=KILL", sticky: false, kinds: &[] },
    Fault { call: "fdatasync", what: "signal=KILL", sticky: false, kinds: &[] },
];

/// F8, L9: whichever system call fails, the step that needed it fails cleanly or the store takes no more writes; what was acknowledged is there, and
/// the next life goes on.
#[test]
fn l9_system_calls_fail_from_outside() {
    let test = "l9_system_calls_fail_from_outside";
    if let Err(why) = run("strace", &["-qq", "-e", "trace=none", "true"]) {
        return skip(test, &why);
    }
    let seed = Seed::of(test);
    // One without a thread: so the n-th call is the same in each run.
    let seed =
        (0..).map(|n| seed.part(n)).find(|seed| !Witness::new(*seed, Ending::Kill).script().has_thread()).expect("half are");
    // Every call in CI, every eighth otherwise.
    let stride = (8 / depth()).max(1) as usize;
    let next = AtomicUsize::new(0);
    let struck: Vec<AtomicU64> = FAULTS.iter().map(|_| AtomicU64::new(0)).collect();
    let rows: Vec<_> = FAULTS.iter().zip(&struck).collect();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((fault, struck)) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for n in (1..).step_by(stride) {
                        let name = format!("{} {} {}{}", fault.call, fault.what, n, if fault.sticky { "+" } else { "" });
                        match suffer(seed, fault, n) {
                            Ok(true) => struck.fetch_add(1, Ordering::Relaxed),
                            Ok(false) => break,
                            Err(what) => panic!("seed {}, {name}: {what}", seed.number()),
                        };
                    }
                }
            });
        }
    });
    let struck: Vec<u64> = struck.into_iter().map(AtomicU64::into_inner).collect();
    figure(test, &format!("{} system calls failed, by row {struck:?}", struck.iter().sum::<u64>()));
    for (fault, struck) in FAULTS.iter().zip(struck) {
        assert!(struck > 0, "no call met {} {}", fault.call, fault.what);
    }
}

/// One life with a fault at the n-th call; whether it struck.
fn suffer(seed: Seed, fault: &Fault, n: usize) -> Result<bool, String> {
    let (folder, mut witness) = (Folder::new(), Witness::new(seed, Ending::Kill));
    let (path, log) = (folder.file("a.ring"), folder.file("calls"));
    let mut player = Talk::start(&mut traced(&play(&witness, &path, STEPS), fault, n, &path, &log));
    // A check that cannot read says what it could not read.
    let blind = fault.call == "pread64" && !fault.kinds.is_empty();
    while let Some(line) = player.line() {
        if blind { witness.hear_of_ruins(&line) } else { witness.hear(&line) }?;
    }
    player.ended();
    let calls = std::fs::read_to_string(&log).unwrap_or_default();
    let kills = fault.what.starts_with("signal");
    let struck = calls.contains(if kills { "killed by SIGKILL" } else { "(INJECTED)" });
    std::fs::remove_file(&log).map_err(|e| e.to_string())?;
    let played = witness.judge(&path)?;
    if let Some(other) = played.failures.iter().find(|(kind, _)| !fault.kinds.contains(&kind.as_str())) {
        return Err(format!("a step failed as {other:?}"));
    }
    if !played.has_ended && played.failures.is_empty() && !(kills && struck) {
        return Err("the player ended without a word".into());
    }
    witness.live_on(&path)?;
    let names = folder.names();
    if names.iter().any(|name| !["a.ring", "a.blob"].contains(&name.as_str())) {
        return Err(format!("left behind: {names:?}"));
    }
    Ok(struck)
}

/// The command under strace, which counts the calls on `path` alone.
fn traced(command: &Command, fault: &Fault, n: usize, path: &Path, log: &Path) -> Command {
    let Fault { call, what, sticky, .. } = fault;
    let mut strace = Command::new("strace");
    // Faster, but a signal that is to come with a call never comes then.
    if !what.starts_with("signal") {
        strace.arg("--seccomp-bpf");
    }
    strace.args(["-f", "-P"]).arg(path).arg("-o").arg(log).arg("-e").arg(format!("trace={call}"));
    strace.arg("-e").arg(format!("inject={call}:{what}:when={n}{}", if *sticky { "+" } else { "" }));
    strace.arg(command.get_program()).args(command.get_args());
    strace
}
