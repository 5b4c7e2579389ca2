//! Opening: after a close in good order, and after `kill -9` with a tail of commits behind the last checkpoint.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::engine::{Engine, Kind, Outcome, Safety};
use crate::load::Load;
use crate::meter::{Meter, Spent, memory_bytes, settle, warm};
use crate::samples::{Row, Sheet};

use super::{Session, reads};

const CLEAN: Row = Row::cost("open-clean", "open and first read after a clean close", "ms");
pub(super) const KILLED: Row =
    Row::cost("open-killed", "open and first read after kill -9, with a tail of durable batches", "ms");
pub(super) const MEMORY: Row =
    Row::cost("tail-memory", "most memory of its own that opening and writing that tail took, in a process of its own", "MiB");
pub(super) const ROWS: &[Row] = &[CLEAN, KILLED, MEMORY];

/// Entries of a batch of the tail.
const BATCH_LEN: usize = 1_000;
/// What the process says when it may be killed, before the bytes of memory that it took.
const READY: &str = "ready ";

/// Closes and opens.
pub(super) fn cleanly(session: &Session<'_>, sheet: &mut Sheet<'_>, engine: Box<dyn Engine>) -> Outcome<Box<dyn Engine>> {
    engine.close()?;
    let (engine, spent) = open(session, session.load.key(0))?;
    sheet.put(CLEAN, spent.wall.as_secs_f64() * 1e3, 1, spent);
    Ok(engine)
}

/// Closes, has another process open the store and write a tail, kills it, and opens.
pub(super) fn killed(session: &Session<'_>, sheet: &mut Sheet<'_>, engine: Box<dyn Engine>) -> Outcome<Box<dyn Engine>> {
    engine.close()?;
    let mut victim = Command::new(std::env::current_exe()?)
        .arg("--victim")
        .arg(session.folder.join("loaded"))
        .args(["--engines", session.kind.name])
        .args(["--entries", &session.load.entries().to_string()])
        .args(["--tail", &session.plan.tail.to_string()])
        .args(["--seed", &session.load.seed().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = String::new();
    let heard = victim.stdout.take().map(|out| BufReader::new(out).read_line(&mut said));
    victim.kill()?;
    victim.wait()?;
    let taken = said.strip_prefix(READY).filter(|_| matches!(heard, Some(Ok(_))));
    let taken: u64 = taken.ok_or("the process that was to be killed failed before")?.trim().parse()?;
    sheet.put(MEMORY, taken as f64 / f64::from(1 << 20), 0, Spent::default());
    let last = tail(session.load, session.plan.tail).last().ok_or("no tail")?;
    let (engine, spent) = open(session, last)?;
    sheet.put(KILLED, spent.wall.as_secs_f64() * 1e3, 1, spent);
    Ok(engine)
}

/// What the process does that is killed: opens the store in `folder`, commits the tail, says so, and waits.
///
/// # Errors
/// The engine's.
pub fn play_victim(kind: &Kind, folder: &Path, load: &Load, count: usize) -> Outcome {
    let before = memory_bytes()?;
    let mut most = before;
    let engine = (kind.open)(folder)?;
    let mut connection = engine.connect()?;
    for keys in tail(load, count).chunks(BATCH_LEN) {
        connection.write(Safety::Synced, &mut |writer| {
            keys.iter().enumerate().try_for_each(|(i, key)| writer.put(key, load.value(i)))
        })?;
        most = most.max(memory_bytes()?);
    }
    writeln!(std::io::stdout(), "{READY}{}", most - before)?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// The last of the new keys, which no row takes.
fn tail(load: &Load, count: usize) -> &[crate::load::LoadKey] {
    load.fresh(load.fresh_count().saturating_sub(count)..load.fresh_count())
}

fn open(session: &Session<'_>, key: &[u8]) -> Outcome<(Box<dyn Engine>, Spent)> {
    settle(session.folder)?;
    warm(session.folder)?;
    let meter = Meter::start();
    let engine = session.open("loaded")?;
    engine.connect()?.read(&mut |reader| reads::get(reader, key))?;
    Ok((engine, meter.spent()))
}
