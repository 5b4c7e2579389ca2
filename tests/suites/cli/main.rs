//! The command line from outside: what it says, what it leaves, and its exit codes.

mod bad_input;
mod blobs;
mod change;
mod drill;
mod look;
mod salvage;
#[cfg(unix)]
mod shell;
mod sql;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder for one test. When it goes, every store in it must be sound.
struct Folder {
    folder: TempDir,
    /// Files that are no sound stores, on purpose.
    damaged: Vec<PathBuf>,
}

/// What a command did.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// The program with its arguments, without a terminal.
fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_treering"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        let text = |bytes| String::from_utf8(bytes).expect("the program speaks UTF-8");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// It went well and was quiet about it.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    #[track_caller]
    fn json(self) -> Value {
        serde_json::from_str(&self.ok()).expect("JSON")
    }

    /// It ended with `code`, said nothing but `message` on standard error, in one line.
    #[track_caller]
    fn fails(self, code: i32, message: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.err.contains(message), "{}\nlacks: {message}", self.err);
        assert!(self.err.starts_with("treering: ") && self.err.lines().count() == 1, "{}", self.err);
    }
}

impl Folder {
    fn new() -> Folder {
        Folder { folder: TempDir::new().expect("a folder"), damaged: Vec::new() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs the program here.
    fn run(&self, args: &[&str]) -> Ran {
        program(args).current_dir(self.path()).output().expect("the program starts").into()
    }

    /// A store with a table "tasks" of `count` entries, a commit each, and an empty commit's worth of "jobs".
    fn with_tasks(count: u32) -> Folder {
        let folder = Folder::new();
        for i in 1..=count {
            let (key, value) = (format!("task-{i:03}"), format!("RUNNING on host {}", i * 7 % 5));
            folder.run(&["put", "a.ring", "tasks", &key, &value, "--create"]).ok();
        }
        folder.run(&["put", "a.ring", "jobs", r"web\x00\xff", "größe\t1", "--create"]).ok();
        folder
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).expect("a file of the test")
    }

    fn write(&mut self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        std::fs::write(&path, bytes).expect("a file of the test");
        self.damaged.push(path);
    }

    /// Names of what is here, hidden files too.
    fn names(&self) -> Vec<String> {
        let name =
            |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = self.path().read_dir().expect("the folder").map(name).collect();
        names.sort_unstable();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for name in self.names().iter().filter(|name| name.ends_with(".ring")) {
            if !self.damaged.contains(&self.path().join(name)) {
                let checked = self.run(&["check", name]).ok();
                assert!(checked.starts_with(&format!("{name}: sound\n")), "{checked}");
            }
        }
    }
}
