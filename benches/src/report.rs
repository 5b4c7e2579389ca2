//! The results: JSON lines for programs, Markdown for people.

use std::fmt::Write;
use std::path::Path;

use crate::engine::{Kind, Outcome};
use crate::samples::{Better, Row, Samples, Summary};

/// The name under which the machine's limits stand.
pub const MACHINE: &str = "machine";
/// Whose ratios are shown.
const OURS: &str = "treering";
/// Versions of everything in this build.
const LOCK: &str = include_str!("../../Cargo.lock");

/// How the run was.
pub struct Run<'r> {
    /// Engines in the order of the columns.
    pub kinds: &'r [&'static Kind],
    /// Entries of the load.
    pub entries: usize,
    /// Repetitions.
    pub repeat: u32,
    /// The seed.
    pub seed: u64,
    /// Sentences about what failed.
    pub failures: &'r [String],
    /// Where the stores stood.
    pub folder: &'r Path,
}

/// A line of JSON for each row and engine.
#[must_use]
pub fn json_lines(run: &Run<'_>, samples: &Samples) -> String {
    let mut out = String::new();
    for row in samples.rows() {
        for engine in run.kinds.iter().map(|kind| kind.name).chain([MACHINE]) {
            let Some(s) = samples.summary(row.id, engine) else { continue };
            let line = serde_json::json!({
                "row": row.id, "engine": engine, "unit": row.unit, "better": row.better.word(),
                "median": s.median, "low": s.low, "high": s.high, "cpu_s": s.cpu_s, "cpu_ns_per_op": s.cpu_ns,
                "entries": run.entries, "repeat": run.repeat,
            });
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

/// The ratio of our value to the best peer's, above 1 where ours is better; and the peer.
#[must_use]
pub fn ratio(row: &Row, run: &Run<'_>, samples: &Samples, value: fn(&Summary) -> f64) -> Option<(f64, &'static str)> {
    let ours = value(&samples.summary(row.id, OURS)?);
    let peers = run.kinds.iter().map(|kind| kind.name).filter(|name| *name != OURS);
    let theirs = peers.filter_map(|name| Some((value(&samples.summary(row.id, name)?), name)));
    let better = if row.better == Better::Higher { 1.0 } else { -1.0 };
    let (best, name) = theirs.max_by(|a, b| (a.0 * better).total_cmp(&(b.0 * better)))?;
    (ours > 0.0 && best > 0.0).then(|| if row.better == Better::Higher { (ours / best, name) } else { (best / ours, name) })
}

/// The page for people.
///
/// # Errors
/// If the machine cannot be looked at.
pub fn markdown(run: &Run<'_>, samples: &Samples) -> Outcome<String> {
    let mut out = String::from("# Treering beside its peers\n\n");
    writeln!(
        out,
        "{} entries, random keys of 24 bytes, random values of 150 bytes, seed {}. Medians of {} repetitions, engines in turn; lowest and highest in \
         brackets. The last column is our median by the best peer's, above 1 where ours is better. Durable rows sync on every side.\n",
        grouped(run.entries),
        run.seed,
        run.repeat
    )?;
    writeln!(out, "- Machine: {}", machine(run.folder)?)?;
    for kind in run.kinds {
        // Of a library in C the lock file knows the crate that binds it.
        let of = if kind.name == kind.package { String::new() } else { format!("{} ", kind.package) };
        writeln!(out, "- {} {of}{}: {}", kind.name, version(kind.package), kind.settings)?;
    }
    for failure in run.failures {
        writeln!(out, "- **Failed**: {failure}")?;
    }
    let names: Vec<&str> = run.kinds.iter().map(|kind| kind.name).collect();
    let (machine_rows, rows): (Vec<Row>, Vec<Row>) = samples.rows().into_iter().partition(|row| row.id.starts_with(MACHINE));

    writeln!(out, "\n## What the machine allows\n\n| | unit | |\n|---|---|---|")?;
    for row in machine_rows {
        let cell = samples.summary(row.id, MACHINE).map(spread).unwrap_or_default();
        writeln!(out, "| {} | {} | {cell} |", row.title, row.unit)?;
    }

    let head = |out: &mut String, title: &str| -> std::fmt::Result {
        writeln!(out, "\n## {title}\n\n| row | unit | {} | ratio to the best peer |", names.join(" | "))?;
        writeln!(out, "|---|---|{}---|", "---|".repeat(names.len()))
    };
    head(&mut out, "Time and space")?;
    for row in &rows {
        let cells: Vec<String> = names.iter().map(|name| samples.summary(row.id, name).map(spread).unwrap_or_default()).collect();
        let ratio = ratio(row, run, samples, |s| s.median).map(|(r, peer)| format!("{r:.2} ({peer})")).unwrap_or_default();
        let arrow = if row.better == Better::Higher { "more is better" } else { "less is better" };
        writeln!(out, "| {} (`{}`, {arrow}) | {} | {} | {ratio} |", row.title, row.id, row.unit, cells.join(" | "))?;
    }

    head(&mut out, "Processor time of one operation, all threads")?;
    for row in &rows {
        let costs = Row { better: Better::Lower, ..*row };
        let cells: Vec<Option<f64>> =
            names.iter().map(|name| samples.summary(row.id, name).map(|s| s.cpu_ns).filter(|ns| *ns > 0.0)).collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let cells: Vec<String> = cells.into_iter().map(|ns| ns.map(short).unwrap_or_default()).collect();
        let ratio = ratio(&costs, run, samples, |s| s.cpu_ns).map(|(r, peer)| format!("{r:.2} ({peer})")).unwrap_or_default();
        writeln!(out, "| {} (`{}`) | ns | {} | {ratio} |", row.title, row.id, cells.join(" | "))?;
    }
    Ok(out)
}

fn spread(s: Summary) -> String {
    format!("{} ({}–{})", short(s.median), short(s.low), short(s.high))
}

/// Three digits and a thousand's letter.
fn short(value: f64) -> String {
    let (scaled, letter) = match value.abs() {
        v if v >= 1e9 => (value / 1e9, " G"),
        v if v >= 1e6 => (value / 1e6, " M"),
        v if v >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let digits = match scaled.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{scaled:.digits$}{letter}")
}

fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn version(package: &str) -> &'static str {
    let mark = format!("name = \"{package}\"");
    let after = LOCK.lines().skip_while(|line| *line != mark).nth(1);
    after.and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"')).unwrap_or("?")
}

/// Processor, cores, memory, kernel and file system; no name and no path.
fn machine(folder: &Path) -> Outcome<String> {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("?", |(_, name)| name);
    let cores = std::thread::available_parallelism()?;
    let memory = rustix::system::sysinfo().totalram >> 30;
    let uname = rustix::system::uname();
    let (system, kernel) = (uname.sysname().to_string_lossy(), uname.release().to_string_lossy());
    // The release begins with numbers; what follows names who built it.
    let kernel = kernel.split('-').next().unwrap_or("?");
    let fs = match rustix::fs::statfs(folder)?.f_type {
        0xEF53 => "ext4".to_owned(),
        0x5846_5342 => "xfs".to_owned(),
        0x9123_683E => "btrfs".to_owned(),
        0x0102_1994 => "tmpfs".to_owned(),
        0x794C_7630 => "overlayfs".to_owned(),
        other => format!("file system {other:#x}"),
    };
    Ok(format!("{model}, {cores} cores, {memory} GiB, {system} {kernel}, {fs}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Sample;

    /// Ratios are above 1 where ours is better, whichever way is better; the best peer counts.
    #[test]
    fn ratios_tell_who_is_better() {
        let kinds: Vec<&'static Kind> = crate::engines::all().iter().collect();
        let run = Run { kinds: &kinds, entries: 1, repeat: 1, seed: 1, failures: &[], folder: Path::new(".") };
        let (up, down) = (Row::rate("a", "", ""), Row::cost("b", "", ""));
        let mut samples = Samples::default();
        for (engine, value) in kinds.iter().map(|kind| kind.name).zip([20.0, 10.0, 5.0]) {
            for row in [up, down] {
                samples.push(Sample { row, engine, value, cpu_s: 1.0, cpu_ns: 0.0 });
            }
        }
        if kinds.len() > 2 {
            assert_eq!(ratio(&up, &run, &samples, |s| s.median), Some((2.0, kinds[1].name)));
            assert_eq!(ratio(&down, &run, &samples, |s| s.median), Some((0.25, kinds[2].name)));
        }
        assert_eq!(json_lines(&run, &samples).lines().count(), 2 * kinds.len().min(3));
    }

    /// Numbers are short; versions are found.
    #[test]
    fn figures_are_readable() {
        assert_eq!([short(1_234_567.0), short(45_678.0), short(0.5)], ["1.23 M", "45.7 k", "0.50"]);
        assert_eq!(grouped(1_000_000), "1,000,000");
        assert_ne!(version("treering"), "?");
    }
}
