//! SQL test files in the format of sqllogictest: our own in `files/`, and those of any folder that the environment variable `TREERING_SLT` names.
//!
//! 1. Our own files hold what the dialect promises: every record of them passes.
//! 2. A file from elsewhere may hold what the dialect refuses: such a record is counted by the reason. A wrong answer is never skipped, nor is an answer where an error is
//!    expected.
//!
//! Ours run under the engine name `treering`, others as `sqlite`, whose corpus they are.

#![expect(clippy::print_stderr, reason = "a suite that says what it ran, and what it skipped")]

mod render;
mod run;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use run::{Outcome, Rules};

/// The dialect does what our own files say, record by record.
#[test]
fn sqllogictest_own_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/sqllogictest/files");
    let files = find(&folder);
    assert!(files.len() > 10, "{} files in {}", files.len(), folder.display());
    let outcome = run_all(&files, Rules { engine: "treering", refusals: false });
    assert!(outcome.passed > 500, "{} records", outcome.passed);
}

/// No answer to a query of the public corpus is wrong.
#[test]
fn sqllogictest_corpus() {
    let Some(folder) = std::env::var_os("TREERING_SLT") else {
        eprintln!("skipped: TREERING_SLT names no folder of sqllogictest files");
        return;
    };
    let files = find(Path::new(&folder));
    assert!(!files.is_empty(), "no .test or .slt file in {}", Path::new(&folder).display());
    run_all(&files, Rules { engine: "sqlite", refusals: true });
}

/// A runner that cannot fail shows nothing: each kind of wrong answer in a file is found.
#[test]
fn sqllogictest_finds_wrong_answers() {
    let rules = Rules { engine: "treering", refusals: false };
    let head = "statement ok\nCREATE TABLE t(a INTEGER, b VARCHAR)\n\nstatement ok\nINSERT INTO t VALUES (1, 'x'), (2, 'y')\n\n";
    let good = [
        "query IT rowsort\nSELECT a, b FROM t\n----\n1 x\n2 y",
        "query I nosort\nSELECT a FROM t WHERE a > 5\n----",
        "statement error\nSELECT nothing FROM t",
    ];
    for record in good {
        let outcome = run::run_text("good", &format!("{head}{record}\n"), rules);
        assert_eq!((outcome.passed, outcome.failures.len()), (3, 0), "{record}: {:?}", outcome.failures);
    }
    let wrong = [
        "query I rowsort\nSELECT a FROM t\n----\n1\n3",
        "query I rowsort\nSELECT a FROM t\n----\n1",
        "query T rowsort\nSELECT b FROM t\n----\nx\nY",
        "query I rowsort\nSELECT a FROM t\n----\n2 values hashing to 00000000000000000000000000000000",
        "statement error\nSELECT a FROM t",
        "statement ok\nSELECT nothing FROM t",
        "query II rowsort\nSELECT a FROM t\n----\n1\n2",
    ];
    for record in wrong {
        let outcome = run::run_text("wrong", &format!("{head}{record}\n"), rules);
        assert_eq!(outcome.failures.len(), 1, "{record}: {:?}", outcome.failures);
    }
}

/// The files below a folder, in order.
fn find(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for entry in entries {
            let path = entry.expect("an entry of the folder").path();
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("test" | "slt") => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

/// Runs the files on all processors, prints what came out, and fails if an answer was wrong.
fn run_all(files: &[PathBuf], rules: Rules) -> Outcome {
    let (next, sum) = (AtomicUsize::new(0), Mutex::new(Outcome::default()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                // Relaxed: each number is taken once, that is all.
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                    let outcome = run::run_text(&path.display().to_string(), &text, rules);
                    sum.lock().expect("no thread panics with it").add(outcome);
                }
            });
        }
    });
    let sum = sum.into_inner().expect("all threads ended");
    let skipped: BTreeMap<_, _> = sum.skipped.iter().collect();
    eprintln!(
        "{} files: {} records passed, {} failed, {} skipped",
        files.len(),
        sum.passed,
        sum.failures.len(),
        skipped.values().copied().sum::<u64>()
    );
    let mut reasons: Vec<_> = skipped.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (reason, count) in reasons.iter().take(40) {
        eprintln!("  {count:>8}  {reason}");
    }
    let told: Vec<&str> = sum.failures.iter().take(20).map(String::as_str).collect();
    assert!(sum.failures.is_empty(), "{} wrong answers, the first of them:\n{}", sum.failures.len(), told.join("\n"));
    sum
}
