//! What a crash may leave behind each operation of a log, by FORMAT 2's rules: state after state, in the time of what differs.
//!
//! ```text
//!  log     w  w  S  w  w  t  w │                   S sync, t write through, │ the crash
//!  fate    ─ sure ─ ?  ?  ─  ?                     ground: everything up to the first doubt
//!                   └ window ┘                     pieces: each sector of a doubtful write that changes anything; a cut, a growth, a punch whole
//! ```
//!
//! A [`Choice`] says which pieces arrived, how long the file is, whether space that was never written holds garbage, and whether one piece
//! is torn inside of its sector: harsher than FORMAT 2, and survived by a CRC over everything. From it comes a [`Crash`], which a store
//! can be opened on.
//!
//! [`crash`](crate::crash) says the same of a whole file at once, plainly; a test holds the two together.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::disk::Operation;
use crate::disk::stage::{Stage, StageDisk};
use crate::seed::Seed;

/// A medium writes this many bytes whole or not at all.
pub const SECTOR: usize = 512;

type Sector = [u8; SECTOR];

/// The crash behind one operation after the other.
pub struct Window<'l> {
    log: &'l [Operation],
    /// Operations so far.
    end: usize,
    /// Nothing ever reaches the medium for certain, whatever the disk says.
    lies: bool,
    stage: Stage,
    /// Per sector of the ground: what it holds, as a number; 0 for zeros.
    sums: Vec<u64>,
    /// Whether a sector was written for certain.
    written: Vec<bool>,
    /// Sum over the ground's sectors.
    sum: u64,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    index: usize,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// On the medium, and waits only for those before it.
    Sure,
    /// No sync has covered it yet.
    Doubtful,
    /// A failed sync covered it: in doubt for ever.
    Lost,
}

/// A part of a doubtful operation that arrives or not by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The operation's place in the log.
    pub operation: usize,
    /// The sector of the file; none for a whole cut, growth or punch.
    pub sector: Option<u32>,
}

/// How long the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// As what arrived makes it.
    Natural,
    /// As if everything had arrived: a length without its data.
    Full,
    /// This, within what is possible: data without its length.
    Short(usize),
}

/// What arrived.
#[derive(Clone, Debug)]
pub struct Choice {
    /// For each of [`Window::pieces`].
    pub arrived: Vec<bool>,
    /// The file's length.
    pub length: Length,
    /// What stands in space that nothing was written to.
    pub fill: u8,
    /// This piece arrived up to this byte of its sector only.
    pub torn: Option<(usize, usize)>,
}

impl Choice {
    /// Nothing but whether the pieces arrived.
    #[must_use]
    pub fn of(arrived: Vec<bool>) -> Choice {
        Choice { arrived, length: Length::Natural, fill: 0, torn: None }
    }
}

/// The file that a crash left, by its difference from the ground.
pub struct Crash {
    changed: BTreeMap<u32, Box<Sector>>,
    filled: Vec<u32>,
    fill: u8,
    len: usize,
    /// Tells this file from every other.
    pub hash: u64,
    /// A write arrived, whole or in part, that was made behind one of which something is missing.
    pub is_reordered: bool,
    /// A write arrived in part.
    pub is_torn: bool,
}

impl<'l> Window<'l> {
    /// Before the first operation of `log`, which was done to a file with the bytes `before`. `stage` is anyone's that is free.
    #[must_use]
    pub fn new(mut stage: Stage, before: &[u8], log: &'l [Operation]) -> Window<'l> {
        stage.load(before);
        let sums: Vec<u64> = before.chunks(SECTOR).map(sum_of).collect();
        let sum = sums.iter().enumerate().fold(0, |sum: u64, (n, of)| sum.wrapping_add(placed(n, *of)));
        let written = vec![true; sums.len()];
        Window { log, end: 0, lies: false, stage, sums, written, sum, waiting: VecDeque::new() }
    }

    /// From now on no sync keeps its word: the control, in which failures must be seen.
    #[must_use]
    pub fn lying(mut self) -> Window<'l> {
        self.lies = true;
        self
    }

    /// Gives the stage back.
    #[must_use]
    pub fn into_stage(self) -> Stage {
        self.stage
    }

    /// Operations so far.
    #[must_use]
    pub fn end(&self) -> usize {
        self.end
    }

    /// Goes on by an operation; false at the end.
    pub fn advance(&mut self) -> bool {
        let Some(operation) = self.log.get(self.end) else { return false };
        let index = self.end;
        self.end += 1;
        let waiting = |fate| Waiting { index, fate };
        match operation {
            Operation::Sync if self.lies => {}
            Operation::Sync => self.turn(Fate::Doubtful, Fate::Sure),
            Operation::FailedSync => self.turn(Fate::Doubtful, Fate::Lost),
            Operation::WriteThrough { .. } if self.lies => {}
            Operation::WriteThrough { offset, .. } => {
                // The write stands in the log right before it, as one in doubt.
                if let Some(last) = self.waiting.back_mut()
                    && last.index + 1 == index
                    && matches!(&self.log[last.index], Operation::Write { offset: same, .. } if same == offset)
                {
                    self.waiting.pop_back();
                }
                self.waiting.push_back(waiting(Fate::Sure));
            }
            _ => self.waiting.push_back(waiting(Fate::Doubtful)),
        }
        while self.waiting.front().is_some_and(|front| front.fate == Fate::Sure) {
            let Some(front) = self.waiting.pop_front() else { break };
            self.settle(&self.log[front.index]);
        }
        true
    }

    fn turn(&mut self, from: Fate, to: Fate) {
        self.waiting.iter_mut().filter(|waiting| waiting.fate == from).for_each(|waiting| waiting.fate = to);
    }

    /// The operation is part of the ground from now on.
    fn settle(&mut self, operation: &Operation) {
        match operation {
            Operation::Write { offset, bytes } | Operation::WriteThrough { offset, bytes } => {
                self.stage.write(*offset as usize, bytes);
                self.sum_again(*offset as usize, *offset as usize + bytes.len(), true);
            }
            Operation::SetLen(len) => {
                let (from, len) = (self.stage.ground().len(), *len as usize);
                self.stage.set_len(len);
                self.sum_again(len.min(from), from, false);
            }
            Operation::Reserve(extent) => {
                let len = self.stage.ground().len().max(extent.end() as usize);
                self.stage.set_len(len);
            }
            Operation::Punch(extent) => {
                let end = (extent.end() as usize).min(self.stage.ground().len());
                for at in (extent.offset as usize..end).step_by(SECTOR) {
                    if self.sums.get(at / SECTOR).is_some_and(|sum| *sum != 0) {
                        self.stage.write(at, &[0; SECTOR][..SECTOR.min(end - at)]);
                    }
                }
                self.sum_again(extent.offset as usize, end, true);
            }
            Operation::Sync | Operation::FailedSync => {}
        }
    }

    /// Sectors from byte `from` to `to` of the ground changed.
    fn sum_again(&mut self, from: usize, to: usize, written: bool) {
        let last = to.div_ceil(SECTOR);
        if self.sums.len() < last {
            self.sums.resize(last, 0);
            self.written.resize(last, false);
        }
        for n in from / SECTOR..last {
            let new = sum_of(self.sector(n));
            self.sum = self.sum.wrapping_sub(placed(n, self.sums[n])).wrapping_add(placed(n, new));
            (self.sums[n], self.written[n]) = (new, written);
        }
    }

    /// What the ground has of a sector; less than a sector at its end.
    fn sector(&self, n: usize) -> &[u8] {
        let ground = self.stage.ground();
        let start = (n * SECTOR).min(ground.len());
        &ground[start..(start + SECTOR).min(ground.len())]
    }

    fn doubtful(&self) -> impl Iterator<Item = usize> + '_ {
        self.waiting.iter().filter(|waiting| waiting.fate != Fate::Sure).map(|waiting| waiting.index)
    }

    /// What is in doubt now, in the order of the log.
    #[must_use]
    pub fn pieces(&self) -> Vec<Piece> {
        let mut sectors: BTreeMap<u32, u32> = BTreeMap::new();
        for waiting in &self.waiting {
            each_sector(&self.log[waiting.index], |sector, _, _| *sectors.entry(sector).or_default() += 1);
        }
        // What a cut or a punch may have taken away, a write of the same brings back.
        let takes = |waiting: &Waiting| matches!(self.log[waiting.index], Operation::SetLen(_) | Operation::Punch(_));
        let is_taken = self.waiting.iter().any(takes);
        let mut pieces = Vec::new();
        for operation in self.doubtful() {
            match &self.log[operation] {
                Operation::Write { .. } | Operation::WriteThrough { .. } => {
                    each_sector(&self.log[operation], |sector, at, bytes| {
                        let ground = self.stage.ground();
                        let known = &ground[at.min(ground.len())..(at + bytes.len()).min(ground.len())];
                        // What changes nothing, whatever else arrived, is in nobody's doubt.
                        let (same, behind) = bytes.split_at(known.len());
                        let is_same = known == same && behind.iter().all(|byte| *byte == 0);
                        if !is_same || is_taken || sectors.get(&sector) != Some(&1) {
                            pieces.push(Piece { operation, sector: Some(sector) });
                        }
                    });
                }
                _ => pieces.push(Piece { operation, sector: None }),
            }
        }
        pieces
    }

    /// The file when these arrived of `pieces`.
    #[must_use]
    pub fn crash(&self, pieces: &[Piece], choice: &Choice) -> Crash {
        let mut file = Overlay { window: self, changed: BTreeMap::new(), len: self.stage.ground().len(), full: 0 };
        file.full = file.len;
        let (mut is_torn, mut is_reordered, mut is_missing) = (choice.torn.is_some(), false, false);
        let mut next = 0;
        for waiting in &self.waiting {
            let operation = &self.log[waiting.index];
            let first = next;
            while pieces.get(next).is_some_and(|piece| piece.operation == waiting.index) {
                next += 1;
            }
            let came = choice.arrived[first..next].iter().filter(|arrived| **arrived).count();
            // Writes alone: a file whose growth is missing would not hold what was written behind it, and a cut or a punch is nobody's data.
            if is_write(operation) {
                is_reordered |= is_missing && came > 0;
                is_missing |= came < next - first;
            }
            is_torn |= came > 0 && came < next - first;
            file.lay(operation, waiting.fate == Fate::Sure, &pieces[first..next], |n| {
                let limit = choice.torn.filter(|(torn, _)| *torn == first + n).map_or(SECTOR, |(_, bytes)| bytes);
                choice.arrived[first + n].then_some(limit)
            });
        }
        let len = match choice.length {
            Length::Natural => file.len,
            Length::Full => file.len.max(file.full),
            Length::Short(len) => {
                // What is on the medium for certain is there with its length.
                let sure = self.waiting.iter().filter(|waiting| waiting.fate == Fate::Sure);
                let ends = sure.map(|waiting| end_of(&self.log[waiting.index]));
                let least = ends.fold(self.stage.ground().len(), usize::max).min(file.len);
                len.clamp(least, file.len)
            }
        };
        self.finish(file.changed, len, choice.fill, is_reordered, is_torn)
    }

    fn finish(&self, mut changed: BTreeMap<u32, Box<Sector>>, len: usize, fill: u8, is_reordered: bool, is_torn: bool) -> Crash {
        let sectors = len.div_ceil(SECTOR);
        changed.split_off(&(sectors as u32));
        if !len.is_multiple_of(SECTOR)
            && let Some(last) = changed.get_mut(&(sectors as u32 - 1))
        {
            last[len % SECTOR..].fill(0);
        }
        let mut filled = Vec::new();
        if fill != 0 {
            let never = |n: &u32| !self.written.get(*n as usize).copied().unwrap_or(false) && !changed.contains_key(n);
            filled = (0..(len / SECTOR) as u32).filter(never).collect();
        }
        let mut sum = self.sum;
        let mut replace = |n: usize, new: u64| {
            let old = self.sums.get(n).copied().unwrap_or(0);
            sum = sum.wrapping_sub(placed(n, old)).wrapping_add(placed(n, new));
        };
        changed.iter().for_each(|(n, bytes)| replace(*n as usize, sum_of(&bytes[..])));
        filled.iter().for_each(|n| replace(*n as usize, spread(u64::from(fill))));
        (sectors..self.sums.len()).for_each(|n| replace(n, 0));
        Crash { changed, filled, fill, len, hash: spread(sum ^ spread(len as u64)), is_reordered, is_torn }
    }

    /// The crashed file as a disk. Its identities and salts come from what it holds.
    pub fn disk(&mut self, crash: &Crash) -> Arc<StageDisk> {
        let mut state = self.stage.reset();
        for n in &crash.filled {
            state.put(*n as usize * SECTOR, &[crash.fill; SECTOR]);
        }
        for (n, bytes) in &crash.changed {
            state.put(*n as usize * SECTOR, &bytes[..]);
        }
        state.finish(crash.len, Seed::from_number(crash.hash))
    }
}

/// Operations laid over the ground.
struct Overlay<'w> {
    window: &'w Window<'w>,
    changed: BTreeMap<u32, Box<Sector>>,
    len: usize,
    /// The length if everything had arrived.
    full: usize,
}

impl Overlay<'_> {
    /// Lays an operation, or those of its pieces for which `arrived` gives how many bytes of their sector.
    fn lay(&mut self, operation: &Operation, is_sure: bool, pieces: &[Piece], arrived: impl Fn(usize) -> Option<usize>) {
        let whole = is_sure || (0..pieces.len()).all(|n| arrived(n).is_some());
        match operation {
            Operation::Write { offset, bytes } | Operation::WriteThrough { offset, bytes } => {
                let mut n = 0;
                each_sector(operation, |sector, at, bytes| {
                    let is_piece = pieces.get(n).is_some_and(|piece| piece.sector == Some(sector));
                    let limit = if is_sure || !is_piece { Some(SECTOR) } else { arrived(n) };
                    n += usize::from(is_piece);
                    let Some(limit) = limit else { return };
                    self.len = self.len.max(at + bytes.len());
                    if is_piece || is_sure {
                        let from = at % SECTOR;
                        let bytes = &bytes[..bytes.len().min(limit.saturating_sub(from))];
                        self.sector(sector)[from..from + bytes.len()].copy_from_slice(bytes);
                    }
                });
                self.full = self.full.max(*offset as usize + bytes.len());
            }
            Operation::SetLen(len) => {
                let len = *len as usize;
                self.full = len;
                if whole {
                    self.clear(len, self.len);
                    self.len = len;
                }
            }
            Operation::Reserve(extent) => {
                self.full = self.full.max(extent.end() as usize);
                self.len = if whole { self.len.max(extent.end() as usize) } else { self.len };
            }
            Operation::Punch(extent) if whole => self.clear(extent.offset as usize, extent.end() as usize),
            Operation::Punch(_) | Operation::Sync | Operation::FailedSync => {}
        }
    }

    fn sector(&mut self, n: u32) -> &mut Sector {
        let known = self.window.sector(n as usize);
        self.changed.entry(n).or_insert_with(|| {
            let mut bytes = Box::new([0; SECTOR]);
            bytes[..known.len()].copy_from_slice(known);
            bytes
        })
    }

    fn clear(&mut self, from: usize, to: usize) {
        if from >= to {
            return;
        }
        for n in from / SECTOR..to.div_ceil(SECTOR) {
            let holds = self.window.sums.get(n).is_some_and(|sum| *sum != 0) || self.changed.contains_key(&(n as u32));
            if holds {
                let (start, end) = (from.saturating_sub(n * SECTOR).min(SECTOR), (to - n * SECTOR).min(SECTOR));
                self.sector(n as u32)[start..end].fill(0);
            }
        }
    }
}

/// Calls `each` with the sector, the place in the file and the bytes of every part of a write; not at all for other operations.
fn each_sector(operation: &Operation, mut each: impl FnMut(u32, usize, &[u8])) {
    let (Operation::Write { offset, bytes } | Operation::WriteThrough { offset, bytes }) = operation else { return };
    let (mut at, mut rest) = (*offset as usize, &bytes[..]);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at((SECTOR - at % SECTOR).min(rest.len()));
        each((at / SECTOR) as u32, at, piece);
        (at, rest) = (at + piece.len(), behind);
    }
}

fn is_write(operation: &Operation) -> bool {
    matches!(operation, Operation::Write { .. } | Operation::WriteThrough { .. })
}

/// Where a write ends in the file; 0 for other operations.
fn end_of(operation: &Operation) -> usize {
    match operation {
        Operation::Write { offset, bytes } | Operation::WriteThrough { offset, bytes } => *offset as usize + bytes.len(),
        _ => 0,
    }
}

/// A sector's bytes as a number; 0 for zeros, and zeros at its end do not count: behind a file's end there are some. It tells files apart, and proves nothing.
fn sum_of(bytes: &[u8]) -> u64 {
    let Some(last) = bytes.iter().rposition(|byte| *byte != 0) else { return 0 };
    let words = bytes[..=last].chunks(8).map(|word| word.iter().rev().fold(0, |all, byte| (all << 8) | u64::from(*byte)));
    spread(words.fold(1, |sum: u64, word| (sum.rotate_left(5) ^ word).wrapping_mul(0x517C_C1B7_2722_0A95)))
}

/// What a sector adds to the sum of its file; nothing for zeros.
fn placed(n: usize, sum: u64) -> u64 {
    if sum == 0 { 0 } else { spread(sum ^ spread(n as u64)) }
}

fn spread(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
