//! The binary `table`: plays the rows on all engines in turn, and writes the results.

use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use clap::Parser;
use treering_benches::engine::{Kind, Outcome};
use treering_benches::load::Load;
use treering_benches::report::{MACHINE, Run, json_lines, markdown};
use treering_benches::rows::{Plan, Session, play, play_victim};
use treering_benches::samples::{Samples, Sheet};
use treering_benches::{engines, limits};

/// Measures Treering beside its peers: the same data, the same durability, engines in turn.
#[derive(Parser)]
#[command(name = "table")]
struct Args {
    /// Entries of the load.
    #[arg(long, default_value_t = 1_000_000)]
    entries: usize,
    /// Repetitions; the table shows medians.
    #[arg(long, default_value_t = 5)]
    repeat: u32,
    /// Longest time of one timed measurement, in seconds.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Only rows whose names begin so, separated by commas.
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// Only these engines, separated by commas.
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,
    /// Seed of the data.
    #[arg(long, default_value_t = 3)]
    seed: u64,
    /// Entries written by the process that is killed. Default: a twentieth of the load.
    #[arg(long)]
    tail: Option<usize>,
    /// How often the held store's keys are overwritten.
    #[arg(long, default_value_t = 100)]
    held_rounds: usize,
    /// Loads overwritten in the steady row, at most, within four times the seconds.
    #[arg(long, default_value_t = 4)]
    overwrites: usize,
    /// Where the stores stand while they are measured: an existing folder on the disk to be measured. Default: the system's folder for such.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Where the results go: JSON lines and, beside the folder, RESULTS.md. Nothing is written without it.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Plays the process that is killed. Not for people.
    #[arg(long, hide = true)]
    victim: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(e) => {
            let _ = writeln!(stderr(), "table: {e}");
            ExitCode::from(2)
        }
    }
}

/// Whether all engines got through.
fn run(args: &Args) -> Outcome<bool> {
    let kinds = chosen(&args.engines)?;
    let tail = args.tail.unwrap_or(args.entries / 20).max(1);
    if args.entries == 0 || args.repeat == 0 || args.seconds.is_nan() || args.seconds <= 0.0 {
        return Err("entries, repetitions and seconds must be more than none".into());
    }
    // Room for what the writing rows take at most.
    let load = Load::new(args.entries, 60_000 + args.entries + tail, args.seed);
    if let Some(folder) = &args.victim {
        play_victim(kinds.first().ok_or("no engine")?, folder, &load, tail)?;
        return Ok(true);
    }
    let plan =
        Plan { time: Duration::from_secs_f64(args.seconds), tail, held_rounds: args.held_rounds, overwrites: args.overwrites };
    let folder = match &args.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let (mut samples, mut failures) = (Samples::default(), Vec::new());
    for repetition in 0..args.repeat {
        let mut sheet = Sheet { samples: &mut samples, engine: MACHINE, wanted: &args.rows };
        limits::play(folder.path(), load.payload().max(64 << 20), plan.time, &mut sheet)?;
        for turn in 0..kinds.len() {
            // Each repetition begins with another engine.
            let kind = kinds[(turn + repetition as usize) % kinds.len()];
            let own = tempfile::tempdir_in(folder.path())?;
            let session =
                Session { kind, load: &load, plan, folder: own.path(), fresh: AtomicUsize::new(0), changes: AtomicUsize::new(0) };
            let mut sheet = Sheet { samples: &mut samples, engine: kind.name, wanted: &args.rows };
            let start = Instant::now();
            if let Err(e) = play(&session, &mut sheet) {
                failures.push(format!("{}, repetition {}: {e}", kind.name, repetition + 1));
            }
            let took = start.elapsed().as_secs_f64();
            writeln!(stderr(), "{}/{} {} {took:.1} s", repetition + 1, args.repeat, kind.name)?;
        }
    }
    let run = Run {
        kinds: &kinds,
        entries: args.entries,
        repeat: args.repeat,
        seed: args.seed,
        failures: &failures,
        folder: folder.path(),
    };
    let page = markdown(&run, &samples)?;
    write!(stdout(), "{page}")?;
    if let Some(out) = &args.out {
        keep(out, &page, &json_lines(&run, &samples))?;
    }
    Ok(failures.is_empty())
}

fn chosen(names: &[String]) -> Outcome<Vec<&'static Kind>> {
    let all = engines::all();
    if names.is_empty() {
        return Ok(all.iter().collect());
    }
    let find = |name: &String| {
        let known = || all.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
        all.iter()
            .find(|kind| kind.name == name)
            .ok_or_else(|| format!("no engine \"{name}\" in this build, only {}", known()).into())
    };
    names.iter().map(find).collect()
}

fn keep(folder: &Path, page: &str, lines: &str) -> Outcome {
    std::fs::create_dir_all(folder.join("results"))?;
    std::fs::write(folder.join("results").join("latest.jsonl"), lines)?;
    std::fs::write(folder.join("RESULTS.md"), page)?;
    Ok(())
}
