//! The actor as a command, and what the system's own programs do for the tests: mounts, loop devices, tracing.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A part of the actor, see `tests/actor/main.rs`.
pub(crate) fn actor(part: &str, path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_treering-actor"));
    command.arg(part).arg(path);
    command
}

/// What a command printed; panics if it cannot be run.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the command runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a program of the system; what went wrong, for a person.
pub(crate) fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let failed = |what: &dyn std::fmt::Display| format!("{program} {}: {what}", args.join(" "));
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().map_err(|e| failed(&e))?;
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Says what is not shown on this machine, and why.
#[allow(clippy::print_stdout, reason = "what was skipped must not look like what passed")]
pub(crate) fn skip(test: &str, why: &str) {
    println!("{test}: skipped, {why}");
}

/// A figure of a run.
#[allow(clippy::print_stdout, reason = "TESTING.md quotes these")]
pub(crate) fn figure(test: &str, what: &str) {
    println!("{test}: {what}");
}

/// A process with both ends of a talk; it ends with this.
pub(crate) struct Talk {
    pub(crate) child: Child,
    hear: BufReader<ChildStdout>,
    tell: Option<ChildStdin>,
}

impl Talk {
    pub(crate) fn start(command: &mut Command) -> Talk {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the actor starts");
        let hear = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let tell = child.stdin.take();
        Talk { child, hear, tell }
    }

    /// The next line; `None` if there is none any more. One without its end was never said.
    pub(crate) fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.hear.read_line(&mut line).expect("the pipe can be read");
        line.strip_suffix('\n').map(str::to_owned)
    }

    /// Waits until it has ended by itself, having said all it had to say: what it held is free then. (A tracer that is killed lets go of whom it traces, who may still hold the store.)
    pub(crate) fn ended(mut self) {
        self.tell = None;
        let _ = self.child.wait();
    }

    /// Tells it to go on; it may have ended.
    pub(crate) fn go_on(&mut self) {
        if let Some(tell) = &mut self.tell {
            let _ = tell.write_all(b"\n");
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Something mounted; unmounted at the end.
pub(crate) struct Mount {
    at: PathBuf,
    is_mounted: bool,
}

impl Mount {
    /// Mounts `what` on the folder `at`, which is made.
    pub(crate) fn new(at: PathBuf, what: &str, kind: &str, options: &str) -> Result<Mount, String> {
        std::fs::create_dir_all(&at).map_err(|e| e.to_string())?;
        run("mount", &["-t", kind, "-o", options, what, &text(&at)])?;
        Ok(Mount { at, is_mounted: true })
    }

    /// An empty memory of `size` ("1m") as a folder.
    pub(crate) fn memory(at: PathBuf, size: &str) -> Result<Mount, String> {
        Mount::new(at, "none", "tmpfs", &format!("size={size},mode=0700"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.at
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.at.join(name)
    }

    /// Unmounts it now; what is still held there is an error.
    pub(crate) fn end(mut self) -> Result<(), String> {
        let mut ended = run("umount", &[&text(&self.at)]);
        for _ in 0..1_000 {
            if ended.is_ok() {
                break;
            }
            // A store that was dropped keeps its map until no reader of this process, whatever store it reads, has been there since.
            let elsewhere = treering::Store::in_memory().expect("memory");
            for _ in 0..8 {
                elsewhere.step().expect("nothing to do");
            }
            ended = run("umount", &[&text(&self.at)]);
        }
        self.is_mounted = ended.is_err();
        ended.map(drop)
    }

    pub(crate) fn remount(&self, options: &str) -> Result<(), String> {
        run("mount", &["-o", &format!("remount,{options}"), &text(&self.at)]).map(drop)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // If somebody still holds a file there, it goes when they let go.
        if self.is_mounted && run("umount", &[&text(&self.at)]).is_err() {
            let _ = run("umount", &["-l", &text(&self.at)]);
        }
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("the test's folders have plain names").to_owned()
}
