//! `treering shell` under a pseudo terminal: what a person types and sees.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rexpect::process::{Signal, WaitStatus};
use rexpect::session::{Options, PtySession, spawn_with_options};

use crate::{Folder, Ran};

/// Longer than any step takes on a busy machine.
const TIMEOUT_MS: u64 = 60_000;

/// A shell in a terminal of so many columns.
struct Shell(PtySession);

impl Folder {
    /// A shell on a.ring whose state stands in this folder.
    fn shell(&self, columns: u32, args: &str) -> Shell {
        let mut command = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_treering");
        command.args(["-c", &format!("stty cols {columns} rows 40; exec '{program}' shell a.ring {args}")]);
        command.current_dir(self.path()).env("TERM", "xterm").env("XDG_STATE_HOME", self.path().join("state"));
        let mut shell = Shell::start(command);
        shell.sees(".help lists the commands, Ctrl-D leaves");
        shell.sees("treering> ");
        shell
    }

    fn count_tasks(&self) -> String {
        let ran: Ran = self.run(&["sql", "a.ring", "--mode", "list", "--header", "off", "SELECT COUNT(*) FROM tasks"]);
        ran.ok().trim().to_owned()
    }
}

impl Shell {
    fn start(command: Command) -> Shell {
        let options = Options::new().timeout_ms(Some(TIMEOUT_MS)).strip_ansi_escape_codes(true);
        Shell(spawn_with_options(command, options).expect("a pseudo terminal"))
    }

    /// Waits for this text; gives what came before it.
    #[track_caller]
    fn sees(&mut self, text: &str) -> String {
        let before = self.0.exp_string(text).unwrap_or_else(|e| panic!("{text:?} does not appear: {e}"));
        // Each character is a byte of what was read.
        let bytes: Vec<u8> = before.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn types(&mut self, text: &str) {
        self.0.send(text).and_then(|_| self.0.flush()).expect("it listens");
    }

    /// Types a line, and gives what appears up to the next prompt.
    #[track_caller]
    fn asks(&mut self, line: &str, prompt: &str) -> String {
        self.types(&format!("{line}\r"));
        // What is typed is echoed; the answer begins on the next line.
        self.sees("\n");
        self.sees(prompt).replace('\r', "")
    }

    /// Waits for the end, with Ctrl-D.
    #[track_caller]
    fn leaves(mut self) -> String {
        self.types("\u{4}");
        let said = self.0.exp_eof().expect("it ends");
        match self.0.process().wait() {
            Ok(WaitStatus::Exited(_, 0)) => said,
            ended => panic!("{ended:?}: {said}"),
        }
    }
}

/// Statements over several lines are run and drawn, changes are counted, mistakes are shown with their place, and the prompt tells of a transaction; leaving rolls it back and says so.
#[test]
fn statements_are_typed_and_answered() {
    let folder = Folder::with_database();
    let mut shell = folder.shell(100, "");
    shell.types("SELECT id, state,\r");
    let answer = shell.asks("  note FROM tasks ORDER BY id;", "treering> ");
    assert!(answer.contains("  id   state     note\n ─"), "{answer}");
    assert!(answer.contains("\n   1   RUNNING   größe\n   2   LOST\n   3   LOST      'NULL'\n3 rows\n"), "{answer}");
    let answer = shell.asks("SELECT nope FROM tasks;", "treering> ");
    assert!(
        answer.contains("error: line 1, column 8: there is no column nope\n  SELECT nope FROM tasks\n         ^\n"),
        "{answer}"
    );
    shell.asks("BEGIN;", "treering*> ");
    assert!(
        shell
            .asks("DELETE FROM tasks; SELECT 1 AS one;", "treering*> ")
            .contains("3 rows changed\n  one\n ─────\n    1\n1 row\n")
    );
    assert!(shell.asks(".timer on", "treering*> ").is_empty());
    let answer = shell.asks("SELECT 1;", "treering*> ");
    assert!(answer.contains("1 row, ") && answer.trim_end().ends_with('s'), "{answer}");
    let said = shell.leaves();
    assert!(said.contains("the open transaction is rolled back"), "{said}");
    assert_eq!(folder.count_tasks(), "3");
}

/// Tab completes the name of a table, a column behind it, a keyword and a command.
#[test]
fn tab_completes_names() {
    let folder = Folder::with_database();
    let mut shell = folder.shell(100, "");
    assert!(shell.asks(".mode csv", "treering> ").is_empty());
    let answer = shell.asks("SELECT 'x' || COUNT(*) FROM runn\t WHERE running.sta\t = 'RUNNING';", "treering> ");
    assert!(answer.contains("x1\n1 row\n"), "{answer}");
    let answer = shell.asks("UPD\t tasks SET note = 'new' WHERE id = 2;", "treering> ");
    assert!(answer.contains("1 row changed\n"), "{answer}");
    // A table that was just made is known too.
    assert!(shell.asks("CREATE TABLE zebras (stripes INT);", "treering> ").contains("done"));
    assert!(shell.asks("INSERT INTO zeb\t (str\t) VALUES (7);", "treering> ").contains("1 row changed"));
    let answer = shell.asks(".tab\t z%", "treering> ");
    assert!(answer.contains("zebras,table,\n"), "{answer}");
    shell.leaves();
}

/// Ctrl-C ends a statement that would run for ever and nothing else: the transaction stays open, and the shell goes on. At the prompt it throws away what was typed.
#[test]
fn ctrl_c_cancels_the_statement_or_the_line() {
    let folder = Folder::with_database();
    let mut shell = folder.shell(100, "");
    shell.asks("BEGIN;", "treering*> ");
    assert!(shell.asks("DELETE FROM tasks WHERE id = 1;", "treering*> ").contains("1 row changed"));
    let from = (0..26).map(|i| format!("jobs j{i}, tasks t{i}")).collect::<Vec<_>>().join(", ");
    // The plan is shown when the statement is about to run.
    shell.asks(".explain on", "treering*> ");
    shell.types(&format!("SELECT COUNT(*) FROM {from};\r"));
    shell.sees("aggregate");
    shell.types("\u{3}");
    let answer = shell.sees("treering*> ");
    assert!(answer.contains("error: the statement was cancelled"), "{answer}");
    shell.asks(".explain off", "treering*> ");
    shell.types("SELECT 'thrown\raway");
    shell.sees("away");
    shell.types("\u{3}");
    shell.sees("\n");
    shell.sees("treering*> ");
    let answer = shell.asks("SELECT 'x' || COUNT(*) FROM tasks;", "treering*> ");
    assert!(answer.contains("  x2\n"), "{answer}");
    shell.asks("COMMIT;", "treering> ");
    shell.leaves();
    assert_eq!(folder.count_tasks(), "2");
}

/// What was typed is there in the next shell, for its owner alone; what begins with a space is not kept, and with --no-history nothing is.
#[test]
fn history_outlives_the_shell() {
    let folder = Folder::with_database();
    let history = folder.path().join("state/treering/history");
    let mut shell = folder.shell(100, "--no-history");
    shell.asks("SELECT 'never kept';", "treering> ");
    shell.leaves();
    assert!(!history.exists());
    let mut shell = folder.shell(100, "");
    shell.asks("SELECT 'first'\r || 'line';", "treering> ");
    shell.asks(" SELECT 'hidden';", "treering> ");
    shell.leaves();
    let mode = history.metadata().expect("a history").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    let kept = std::fs::read_to_string(&history).expect("a history");
    assert!(kept.contains("SELECT 'first'") && !kept.contains("hidden") && !kept.contains("never"), "{kept}");
    let mut shell = folder.shell(100, "");
    // The arrow upward, and Enter.
    shell.types("\u{1b}[A");
    shell.sees("'line';");
    assert!(shell.asks("", "treering> ").contains("firstline"));
    shell.leaves();
}

/// A result that is wider than the terminal wraps its widest columns; one with too many columns is shown line by line. A table's lines never exceed the terminal.
#[test]
fn wide_results_fit_the_terminal() {
    let folder = Folder::with_database();
    let words = format!("INSERT INTO jobs (name) VALUES ('{}')", "word ".repeat(30));
    folder.run(&["sql", "a.ring", &words]).ok();
    let mut shell = folder.shell(60, "");
    let answer = shell.asks("SELECT id, name FROM jobs WHERE id > 2;", "treering> ");
    // Behind the echo of what was typed.
    let table: Vec<&str> = answer.lines().skip_while(|line| !line.contains("id   name")).collect();
    assert!(table.len() > 4 && table.iter().all(|line| line.chars().count() <= 60), "{table:?}");
    assert_eq!(answer.matches("word").count(), 30, "{answer}");
    let answer = shell.asks("SELECT * FROM tasks WHERE id = 1;", "treering> ");
    assert!(answer.contains("   id = 1\n  job = 1\nstate = RUNNING\n note = größe\n"), "{answer}");
    shell.leaves();
}

/// A blob says that it is opened for reading, and a change is refused without ending the shell.
#[test]
fn a_blob_is_opened_for_reading() {
    let folder = Folder::with_database();
    folder.run(&["backup", "a.ring", "a.blob"]).ok();
    let mut command = Command::new(env!("CARGO_BIN_EXE_treering"));
    command.args(["shell", "a.blob", "--no-history"]).current_dir(folder.path()).env("TERM", "xterm");
    let mut shell = Shell::start(command);
    shell.sees(", a blob, opened for reading");
    shell.sees("treering> ");
    assert!(
        shell.asks("DELETE FROM tasks;", "treering> ").contains("opened for reading only; with --write the blob becomes a store")
    );
    assert!(shell.asks("SELECT COUNT(*) AS n FROM tasks;", "treering> ").contains("\n  3\n"));
    // As other shells have it, without dot and semicolon.
    shell.types("exit\r");
    shell.0.exp_eof().expect("it ends");
}

/// A signal from elsewhere, as when the terminal is closed, ends a shell that waits for somebody to type, and leaves the terminal as it was.
#[test]
fn a_signal_ends_an_idle_shell() {
    let folder = Folder::with_database();
    let mut shell = folder.shell(100, "");
    shell.asks("BEGIN;", "treering*> ");
    shell.0.process_mut().signal(Signal::SIGHUP).expect("it runs");
    assert!(matches!(shell.0.process().wait(), Ok(WaitStatus::Exited(_, 130))));
    // The signal goes to the whole group, as `kill` of a job does: the outer shell goes on, and looks at the terminal.
    let program = env!("CARGO_BIN_EXE_treering");
    let around =
        format!("trap : TERM; echo group $$, before $(stty -g).; '{program}' shell a.ring; echo code $?, after $(stty -g).");
    let mut command = Command::new("sh");
    command.args(["-c", &around]).current_dir(folder.path()).env("TERM", "xterm").env("XDG_STATE_HOME", folder.path());
    let mut shell = Shell::start(command);
    shell.sees("group ");
    let group = format!("-{}", shell.sees(", before "));
    let before = shell.sees(".");
    shell.sees("treering> ");
    assert!(Command::new("kill").args(["-TERM", "--", &group]).status().expect("kill runs").success());
    shell.sees("code 130, after ");
    assert_eq!(shell.sees("."), before);
    folder.run(&["sql", "a.ring", "SELECT 1"]).ok();
}
