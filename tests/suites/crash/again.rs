//! Crashes of what goes on behind a crash: two and three deep.
//!
//! ```text
//!  a life ──crash──► recovery, commits, a checkpoint ──crash──► the same ──crash──► judged
//!                    (behind each operation: judged)            (of some of them, behind two)
//! ```

use std::sync::Arc;

use fastrand::Rng;
use treering::Options;
use treering::disk::Disk;
use treering_tests::disk::Operation;
use treering_tests::disk::stage::{Stage, StageDisk};
use treering_tests::window::{Choice, Crash, Piece, Window};
use treering_tests::{Change, Chronicle, Durability, Model, SimulatedDisk, Step};

use crate::count::Tally;
use crate::judge::Case;

/// One crash of a recovery in so many is recovered and crashed too.
const DEEPER: u64 = 12;

/// So many moments of that are drawn.
const MOMENTS: usize = 2;

/// What is promised about a state that is to be recovered.
#[derive(Clone, Copy)]
pub(crate) struct Promised<'p> {
    pub(crate) options: &'p Options,
    pub(crate) model: &'p Model,
    /// The transaction that may have been cut off.
    pub(crate) attempt: Option<&'p [Change]>,
}

/// States that no life had before.
#[derive(Default)]
pub(crate) struct Fresh {
    /// Two deep, and three.
    pub(crate) deep: [usize; 2],
    /// Of all of them, as in the figures.
    pub(crate) reordered: usize,
    pub(crate) torn: usize,
}

/// Where second and third lives are crashed.
#[derive(Default)]
pub(crate) struct Again {
    stages: [Option<Stage>; 2],
}

impl Again {
    /// Recovers the state on `disk` and goes on; crashes that behind each of its operations, and some of these states in the same way.
    pub(crate) fn crash(
        &mut self,
        promised: Promised<'_>,
        disk: Arc<StageDisk>,
        mut rng: Rng,
        tally: &Tally,
    ) -> Result<Fresh, String> {
        let mut fresh = Fresh::default();
        self.crash_at(0, promised, disk, &mut rng, tally, &mut fresh)?;
        Ok(fresh)
    }

    fn crash_at(
        &mut self,
        depth: usize,
        promised: Promised<'_>,
        disk: Arc<StageDisk>,
        rng: &mut Rng,
        tally: &Tally,
        fresh: &mut Fresh,
    ) -> Result<(), String> {
        let before = disk.bytes();
        let (life, log) = recover(promised, disk)?;
        let moments = if depth == 0 { (1..=log.len()).collect() } else { rng.choose_multiple(1..=log.len(), MOMENTS) };
        let mut window = Window::new(self.stages[depth].take().unwrap_or_default(), &before, &log);
        while window.advance() {
            let end = window.end();
            let pieces = window.pieces();
            if pieces.is_empty() || !moments.contains(&end) {
                continue;
            }
            for by_one in [true, false] {
                let crash = window.crash(&pieces, &drawn(&pieces, by_one, rng));
                if !tally.is_new(crash.hash) {
                    continue;
                }
                fresh.count(depth, &crash);
                let model = life.model_at(end);
                let promised = Promised { model, attempt: life.attempt(end, model.newest().0), ..promised };
                let told = |what| format!("crash behind operation {end} of {}: {what}", log.len());
                promised.judge(&window.disk(&crash)).map_err(told)?;
                if depth + 1 < self.stages.len() && crash.hash.is_multiple_of(DEEPER) {
                    let disk = window.disk(&crash);
                    self.crash_at(depth + 1, promised, disk, rng, tally, fresh)
                        .map_err(|what| format!("third life: {what}"))
                        .map_err(told)?;
                }
            }
        }
        self.stages[depth] = Some(window.into_stage());
        Ok(())
    }
}

impl Promised<'_> {
    fn judge(&self, disk: &Arc<StageDisk>) -> Result<(), String> {
        let Promised { options, model, attempt } = *self;
        Case { options, model, attempt, is_filled: false, closely: false }.judge(disk).map(drop)
    }
}

impl Fresh {
    fn count(&mut self, depth: usize, crash: &Crash) {
        self.deep[depth] += 1;
        self.reordered += usize::from(crash.is_reordered);
        self.torn += usize::from(crash.is_torn);
    }
}

/// All pieces or none; or some.
fn drawn(pieces: &[Piece], by_one: bool, rng: &mut Rng) -> Choice {
    Choice::of(if by_one { vec![rng.bool(); pieces.len()] } else { pieces.iter().map(|_| rng.bool()).collect() })
}

/// Opens the state on a disk that remembers, commits what was cut off and something of its own, and writes a checkpoint.
fn recover(promised: Promised<'_>, disk: Arc<StageDisk>) -> Result<(Chronicle, Vec<Operation>), String> {
    let disk = SimulatedDisk::over(disk as Arc<dyn Disk>);
    let mut life = Chronicle::on(promised.options, Arc::clone(&disk), promised.model.clone());
    life.open().map_err(|e| format!("open: {e:?}"))?;
    life.recovered()?;
    let is_cut_off = life.model().newest().0 < promised.model.newest().0;
    life.live(&steps(promised.attempt.filter(|_| is_cut_off)))?;
    let log = disk.log();
    Ok((life, log))
}

fn steps(retried: Option<&[Change]>) -> Vec<Step> {
    let own = vec![Change::CreateTable { table: "again".into() }];
    let commit = |changes| Step::Commit { durability: Durability::Deferred, changes };
    let commits = retried.map(<[Change]>::to_vec).into_iter().chain([own]).map(commit);
    commits.chain([Step::Checkpoint]).collect()
}
