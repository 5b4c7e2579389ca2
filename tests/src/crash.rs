//! What a crash may leave of a file: built from the log of a [`SimulatedDisk`](crate::disk::SimulatedDisk), by FORMAT 2's rules.
//!
//! ```text
//!  log     w  w  S  w  t  w  w │ (never issued)       S sync, t write through, │ the crash
//!  fate    ────sure───  ?  s  ?  ?                    ? each 512-byte sector of it is there or not, in any mixture
//! ```
//!
//! Operations are laid over each other in their order; a [`Choice`] says of each doubtful piece whether it arrived.

use std::collections::BTreeSet;

use crate::disk::Operation;

/// A medium writes this many bytes whole or not at all.
pub const SECTOR: u64 = 512;

/// Whether a doubtful piece arrived: (operation, sector in the file). Growth, cuts and punches are asked for with sector 0.
pub type Choice<'a> = &'a mut dyn FnMut(usize, u64) -> bool;

/// The operations that a crash after `log[..end]` leaves in doubt, ascending. Syncs themselves are not among them.
#[must_use]
pub fn doubtful(log: &[Operation], end: usize) -> Vec<usize> {
    let (mut pending, mut lost) = (BTreeSet::new(), Vec::new());
    for (i, operation) in log[..end].iter().enumerate() {
        match operation {
            Operation::Sync => pending.clear(),
            // What it covered stays in doubt for good.
            Operation::FailedSync => lost.extend(std::mem::take(&mut pending)),
            Operation::WriteThrough { .. } => {}
            _ => {
                pending.insert(i);
            }
        }
    }
    lost.extend(pending);
    lost.sort_unstable();
    lost
}

/// The file that a crash after `log[..end]` leaves, beginning with `before`.
#[must_use]
pub fn image(before: &[u8], log: &[Operation], end: usize, choice: Choice<'_>) -> Vec<u8> {
    let doubtful = doubtful(log, end);
    let mut file = before.to_vec();
    let mut next = doubtful.iter().copied().peekable();
    for (i, operation) in log[..end].iter().enumerate() {
        if next.next_if_eq(&i).is_some() {
            lay_in_doubt(&mut file, i, operation, choice);
        } else {
            lay(&mut file, operation);
        }
    }
    file
}

/// Everything arrived.
pub fn all(_: usize, _: u64) -> bool {
    true
}

/// Nothing doubtful arrived.
pub fn none(_: usize, _: u64) -> bool {
    false
}

fn lay(file: &mut Vec<u8>, operation: &Operation) {
    match operation {
        Operation::Write { offset, bytes } | Operation::WriteThrough { offset, bytes } => put(file, *offset, bytes),
        Operation::SetLen(len) => file.resize(*len as usize, 0),
        Operation::Reserve(extent) => {
            let len = file.len().max(extent.end() as usize);
            file.resize(len, 0);
        }
        Operation::Punch(extent) => {
            let end = (extent.end() as usize).min(file.len());
            file[(extent.offset as usize).min(end)..end].fill(0);
        }
        Operation::Sync | Operation::FailedSync => {}
    }
}

fn lay_in_doubt(file: &mut Vec<u8>, i: usize, operation: &Operation, choice: Choice<'_>) {
    let Operation::Write { offset, bytes } = operation else {
        if choice(i, 0) {
            lay(file, operation);
        }
        return;
    };
    let mut at = *offset;
    let end = offset + bytes.len() as u64;
    while at < end {
        let piece = (SECTOR - at % SECTOR).min(end - at);
        if choice(i, at / SECTOR) {
            put(file, at, &bytes[(at - offset) as usize..(at - offset + piece) as usize]);
        }
        at += piece;
    }
}

fn put(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let (start, end) = (offset as usize, offset as usize + bytes.len());
    if file.len() < end {
        file.resize(end, 0);
    }
    file[start..end].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(offset: u64, byte: u8, len: usize) -> Operation {
        Operation::Write { offset, bytes: vec![byte; len] }
    }

    /// What a returned sync covered is sure; what a failed one covered never is; a write through speaks for itself alone.
    #[test]
    fn crash_doubts_what_no_sync_covers() {
        let through = Operation::WriteThrough { offset: 0, bytes: vec![1] };
        let log = [write(0, 1, 1), Operation::Sync, write(1, 1, 1), through, Operation::FailedSync, write(2, 1, 1)];
        assert_eq!(doubtful(&log, 1), [0]);
        assert_eq!(doubtful(&log, 4), [2]);
        assert_eq!(doubtful(&log, 6), [2, 5]);
        let later = [&log[..], &[Operation::Sync]].concat();
        assert_eq!(doubtful(&later, 7), [2]);
    }

    /// A doubtful write is torn between sectors of the file, not of the write.
    #[test]
    fn crash_tears_between_sectors() {
        let log = [write(0, 1, 1024), Operation::Sync, write(500, 2, 524)];
        let torn = image(&[], &log, 3, &mut |_, sector| sector == 1);
        assert_eq!(torn.len(), 1024);
        assert!(torn[..512].iter().all(|b| *b == 1) && torn[512..].iter().all(|b| *b == 2));
        let old = image(&[], &log, 3, &mut none);
        assert!(old.iter().all(|b| *b == 1));
        assert!(image(&[], &log, 3, &mut all)[500..].iter().all(|b| *b == 2));
    }
}
