//! From a life to its crash states: which are tried, and what is counted.
//!
//! 1. Up to [`EXHAUSTIVE`] pieces in doubt: every subset, as long as the life's share of states lasts.
//! 2. More: all, none, all but one, one alone, the header alone, all but the header, whole operations in order with the last one torn, and
//!    drawn ones, by sectors of 512 bytes and by blocks of 4 KiB.
//! 3. With any: the length without the data, the data without the length, garbage in space that was never written, a tear inside of a sector.
//! 4. A share of the states is crashed again while it recovers and goes on.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;
use treering_tests::disk::Operation;
use treering_tests::disk::stage::Stage;
use treering_tests::life::said;
use treering_tests::window::{Choice, Length, Piece, SECTOR, Window};
use treering_tests::{Chronicle, Seed};

use crate::again::{Again, Promised};
use crate::count::{Counts, Tally};
use crate::judge::{Case, Found};
use crate::lives::{Kind, Lived, Plan};

/// So many pieces in doubt are tried in every subset: 4,096 states.
const EXHAUSTIVE: usize = 12;

/// States drawn behind each operation at least.
const DRAWN: usize = 3;

/// One state of so many is looked at closely, and one of so many crashed again.
const CLOSELY: usize = 8;
const AGAIN: usize = 40;

/// Bytes that old file systems leave in space that nobody wrote.
const GARBAGE: u8 = 0xA5;

/// Where states are tried, and those of second and third lives.
#[derive(Default)]
pub(crate) struct Stages(Option<Stage>, Again);

/// Tries the crashes of a life, at most `share` of them.
pub(crate) fn explore(
    plan: &Plan,
    lived: &Lived,
    seed: Seed,
    share: usize,
    stages: &mut Stages,
    tally: &Tally,
) -> Result<Counts, String> {
    let log = lived.chronicle.disk().log();
    let stage = stages.0.take().unwrap_or_default();
    let window = Window::new(stage, &lived.before, &log);
    let rng = seed.part(5).rng();
    let counts = Counts::default();
    let mut explorer = Explorer {
        plan,
        chronicle: &lived.chronicle,
        log: &log,
        rng,
        share,
        judged: HashSet::new(),
        counts,
        complete: None,
        tally,
    };
    let window = explorer.run(window, lived.from, &mut stages.1)?;
    stages.0 = Some(window.into_stage());
    Ok(explorer.counts)
}

struct Explorer<'e> {
    plan: &'e Plan,
    chronicle: &'e Chronicle,
    log: &'e [Operation],
    rng: Rng,
    /// Most states.
    share: usize,
    /// File and floor: the same file with more promises is another case.
    judged: HashSet<(u64, u64)>,
    counts: Counts,
    /// The pieces of which every subset was tried last.
    complete: Option<Vec<Piece>>,
    tally: &'e Tally,
}

impl<'e> Explorer<'e> {
    fn run(&mut self, mut window: Window<'e>, from: usize, again: &mut Again) -> Result<Window<'e>, String> {
        loop {
            if window.end() >= from {
                self.behind(&mut window, again)?;
            }
            if self.counts.distinct >= self.share || self.tally.is_over() || !window.advance() {
                return Ok(window);
            }
        }
    }

    /// States of a crash behind `window.end()` operations.
    fn behind(&mut self, window: &mut Window<'_>, again: &mut Again) -> Result<(), String> {
        let pieces = window.pieces();
        let rest = self.log.len() - window.end();
        let left = self.share.saturating_sub(self.counts.distinct);
        // What is left for the operations to come is not spent here.
        let here = left.saturating_sub(rest * DRAWN);
        let mut choices = Vec::new();
        let newest = |piece: &Piece| piece.operation + 1 == window.end();
        if pieces.len() <= EXHAUSTIVE && (1 << pieces.len()) <= here.max(8) {
            let old = pieces.iter().filter(|piece| !newest(piece)).count();
            // Subsets without the newest pieces were tried an operation ago.
            let known = self.complete.as_ref().is_some_and(|before| before[..] == pieces[..old]) && old < pieces.len();
            let all = 0_u32..1 << pieces.len();
            let subsets = all.filter(|subset| !known || subset >> old != 0);
            choices.extend(subsets.map(|subset| Choice::of((0..pieces.len()).map(|n| subset >> n & 1 == 1).collect())));
            self.counts.enumerated += usize::from(pieces.len() > 1);
            self.complete = Some(pieces.clone());
        } else {
            self.draw(&pieces, &mut choices);
            let more = (here / rest.max(1)).min(24);
            (0..more).for_each(|_| choices.push(self.any(&pieces)));
            self.counts.sampled += 1;
            self.complete = None;
        }
        self.damage(&pieces, &mut choices);
        for choice in choices {
            self.state(window, &pieces, &choice, again)?;
        }
        Ok(())
    }

    /// The states that most often tell.
    fn draw(&mut self, pieces: &[Piece], choices: &mut Vec<Choice>) {
        let count = pieces.len();
        let one = self.rng.usize(..count);
        let is_header = |n: usize| pieces[n].sector.is_some_and(|sector| (sector as usize) < 2 * 4096 / SECTOR);
        let by = |chosen: &dyn Fn(usize) -> bool| Choice::of((0..count).map(chosen).collect());
        choices.extend([by(&|_| true), by(&|_| false), by(&|n| n != one), by(&|n| n == one), by(&|n| n < one)]);
        if (0..count).any(is_header) && !(0..count).all(is_header) {
            choices.extend([by(&is_header), by(&|n| !is_header(n))]);
        }
        // What was written last, alone, and all but that: order means nothing to a medium.
        let last = pieces[count - 1].operation;
        choices.extend([by(&|n| pieces[n].operation == last), by(&|n| pieces[n].operation != last)]);
    }

    /// A state drawn from all: by sectors, by blocks of 4 KiB, by operations, or all but a few.
    fn any(&mut self, pieces: &[Piece]) -> Choice {
        let salt = self.rng.u64(..);
        let toss = |of: u64| (of ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 63 == 1;
        let kind = self.rng.u32(..4);
        let arrived = pieces.iter().map(|piece| match kind {
            0 => self.rng.bool(),
            1 => toss(((piece.operation as u64) << 32) | (u64::from(piece.sector.unwrap_or(0)) / 8)),
            2 => toss(piece.operation as u64),
            _ => self.rng.u32(..8) != 0,
        });
        Choice::of(arrived.collect())
    }

    /// Damage that no subset shows.
    fn damage(&mut self, pieces: &[Piece], choices: &mut Vec<Choice>) {
        if pieces.is_empty() {
            return;
        }
        let count = pieces.len();
        let drawn = self.any(pieces);
        match self.rng.u32(..6) {
            0 => choices.push(Choice { length: Length::Full, ..Choice::of(vec![false; count]) }),
            1 => choices.push(Choice { length: Length::Full, ..drawn }),
            2 => choices.push(Choice { length: Length::Short(self.rng.usize(..4 << 20)), ..Choice::of(vec![true; count]) }),
            3 => choices.push(Choice { fill: GARBAGE, length: Length::Full, ..drawn }),
            _ => {
                let torn = Some((count - 1 - self.rng.usize(..count.min(2)), self.rng.usize(1..SECTOR)));
                choices.push(Choice { torn, ..Choice::of(vec![true; count]) });
            }
        }
    }

    fn state(&mut self, window: &mut Window<'_>, pieces: &[Piece], choice: &Choice, again: &mut Again) -> Result<(), String> {
        let end = window.end();
        let model = self.chronicle.model_at(end);
        let crash = window.crash(pieces, choice);
        self.counts.tried += 1;
        if !self.judged.insert((crash.hash, model.floor())) {
            return Ok(());
        }
        if self.tally.is_new(crash.hash) {
            self.counts.distinct += 1;
            self.counts.reordered += usize::from(crash.is_reordered);
            self.counts.torn += usize::from(crash.is_torn);
            self.counts.filled += usize::from(choice.fill != 0);
            self.counts.moved += usize::from(self.chronicle.has_moved());
            self.counts.given_back += usize::from(self.chronicle.has_given_back());
        }
        let attempt = self.chronicle.attempt(end, model.newest().0);
        let nth = self.judged.len();
        let (options, is_filled) = (&self.plan.options, choice.fill != 0);
        let case = Case { options, model, attempt, is_filled, closely: nth.is_multiple_of(CLOSELY) };
        let disk = window.disk(&crash);
        let judged = catch_unwind(AssertUnwindSafe(|| case.judge(&disk)));
        drop(disk);
        let told = |what: String| {
            let operation = end.checked_sub(1).map(|last| shown(&self.log[last]));
            let missing: Vec<_> =
                pieces.iter().zip(&choice.arrived).filter(|(_, arrived)| !**arrived).map(|(piece, _)| piece).collect();
            let Choice { length, fill, torn, .. } = choice;
            format!(
                "crash behind operation {end} of {} ({operation:?}), {} pieces in doubt, of which {missing:?} are missing; {length:?}, fill {fill:#x}, torn {torn:?}: {what}",
                self.log.len(),
                pieces.len()
            )
        };
        let found = judged.unwrap_or_else(|panic| Err(said(&*panic))).map_err(&told)?;
        if nth.is_multiple_of(AGAIN) && found == Found::Whole {
            self.counts.crashed_again += 1;
            let (promised, rng) = (Promised { options, model, attempt }, Seed::from_number(crash.hash).rng());
            let disk = window.disk(&crash);
            let crashed = catch_unwind(AssertUnwindSafe(|| again.crash(promised, disk, rng, self.tally)));
            let fresh = crashed
                .unwrap_or_else(|panic| Err(said(&*panic)))
                .map_err(|what| format!("second life: {what}"))
                .map_err(told)?;
            let [deep, deeper] = fresh.deep;
            self.counts.deep += deep;
            self.counts.deeper += deeper;
            self.counts.distinct += deep + deeper;
            self.counts.reordered += fresh.reordered;
            self.counts.torn += fresh.torn;
        }
        Ok(())
    }
}

/// An operation without its bytes.
fn shown(operation: &Operation) -> String {
    match operation {
        Operation::Write { offset, bytes } => format!("write of {} bytes at {offset}", bytes.len()),
        Operation::WriteThrough { offset, bytes } => format!("write through of {} bytes at {offset}", bytes.len()),
        other => format!("{other:?}"),
    }
}

/// The share of a life, of `most` states: large where many unsynced writes wait for each other, so that every subset of them can be tried.
pub(crate) fn share(kind: Kind, most: usize) -> usize {
    let share = match kind {
        // Less than all, for what crashes of its recoveries give comes on top.
        Kind::Wide => most * 3 / 4,
        Kind::Deferred => most / 3,
        Kind::Merges | Kind::Loads => most / 24,
        _ => most / 12,
    };
    share.max(60)
}
