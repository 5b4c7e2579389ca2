//! What the machine itself allows, measured in the same run: nothing that stores can beat by much.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::engine::Outcome;
use crate::meter::{Meter, Spent};
use crate::samples::{Row, Sheet};

const SYNC: Row = Row::rate("machine-sync", "machine: 4 KiB written into written blocks + fdatasync", "syncs/s");
const SYNC_TIME: Row = Row::cost("machine-sync-p50", "machine: the same, median", "us");
const WRITE: Row = Row::rate("machine-write", "machine: sequential writes of 1 MiB + fdatasync", "MB/s");
const COPY: Row = Row::rate("machine-copy", "machine: a file read and written elsewhere + fdatasync (cp)", "MB/s");

const BLOCK: usize = 4096;
const PIECE: usize = 1 << 20;
/// Blocks of the file that is synced.
const BLOCKS: u64 = 256;

/// All of them, in an empty folder; `bytes` are written in sequence.
///
/// # Errors
/// The file system's.
pub fn play(folder: &Path, bytes: u64, time: Duration, sheet: &mut Sheet<'_>) -> Outcome {
    if [SYNC, SYNC_TIME].iter().any(|row| sheet.wants(row)) {
        syncs(folder, time, sheet)?;
    }
    if [WRITE, COPY].iter().any(|row| sheet.wants(row)) {
        let (from, to) = (folder.join("from"), folder.join("to"));
        let (spent, rate) = write(&from, bytes)?;
        sheet.put(WRITE, rate, 0, spent);
        let (spent, rate) = copy(&from, &to, bytes)?;
        sheet.put(COPY, rate, 0, spent);
        std::fs::remove_file(from)?;
        std::fs::remove_file(to)?;
    }
    Ok(())
}

fn syncs(folder: &Path, time: Duration, sheet: &mut Sheet<'_>) -> Outcome {
    let path = folder.join("blocks");
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
    let block = [0x5A; BLOCK];
    for i in 0..BLOCKS {
        file.write_all_at(&block, i * BLOCK as u64)?;
    }
    file.sync_all()?;
    let mut times = Vec::new();
    let meter = Meter::start();
    let until = Instant::now() + time;
    while Instant::now() < until {
        let start = Instant::now();
        file.write_all_at(&block, times.len() as u64 % BLOCKS * BLOCK as u64)?;
        file.sync_data()?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let spent = meter.spent();
    sheet.rate(SYNC, times.len() as u64, spent);
    sheet.put(SYNC_TIME, crate::samples::median(times), 0, Spent::default());
    Ok(std::fs::remove_file(path)?)
}

fn write(path: &Path, bytes: u64) -> Outcome<(Spent, f64)> {
    let piece: Vec<u8> = (0..PIECE).map(|i| ((i * 31) >> 3) as u8).collect();
    let meter = Meter::start();
    let mut file = File::create(path)?;
    for _ in 0..bytes / PIECE as u64 {
        file.write_all(&piece)?;
    }
    file.sync_data()?;
    let spent = meter.spent();
    Ok((spent, bytes as f64 / 1e6 / spent.wall.as_secs_f64()))
}

fn copy(from: &Path, to: &Path, bytes: u64) -> Outcome<(Spent, f64)> {
    let mut piece = vec![0; PIECE];
    let meter = Meter::start();
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    loop {
        let count = from.read(&mut piece)?;
        if count == 0 {
            break;
        }
        to.write_all(&piece[..count])?;
    }
    to.sync_data()?;
    let spent = meter.spent();
    Ok((spent, bytes as f64 / 1e6 / spent.wall.as_secs_f64()))
}
