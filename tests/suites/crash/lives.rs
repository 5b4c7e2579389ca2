//! The lives whose crashes are looked at: short, of every kind, with limits so small that rare paths are common.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use treering::disk::Disk;
use treering::{BlobForm, Options, Snapshot};
use treering_tests::{Change, Chronicle, Durability, Model, Seed, Shape, SimulatedDisk, Step, Workload, crash, drive};

/// What a life is made of.
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) options: Options,
    pub(crate) steps: Vec<Step>,
    pub(crate) seed: Seed,
}

/// Kinds of lives, drawn in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Commits of every durability, and whatever else there is.
    Mixed,
    /// Commits that no sync follows for long: wide windows of doubt.
    Deferred,
    /// Commits that exceed what a record may hold.
    BySeal,
    /// A header behind each commit.
    Strict,
    /// Compressed tables.
    Lz4,
    /// Checkpoints, compactions, reopens: space moves.
    Space,
    /// Small chunks that are merged, by steps or by a compaction.
    Merges,
    /// Bulk loads, sorted and not.
    Loads,
    /// A blob, or a store restored from one, that is opened for writing.
    Blob,
    /// Values that stand out of line.
    Large,
    /// Tables come, go and change their names; savepoints.
    Tables,
    /// A kill behind every few commits: many runs.
    Kills,
    /// A few tiny commits in a row without a sync, so that every subset can be tried.
    Wide,
}

/// In this order, over and over.
pub(crate) const KINDS: [Kind; 17] = [
    Kind::Mixed,
    Kind::Deferred,
    Kind::BySeal,
    Kind::Strict,
    Kind::Lz4,
    Kind::Space,
    Kind::Merges,
    Kind::Loads,
    Kind::Blob,
    Kind::Large,
    Kind::Tables,
    Kind::Kills,
    Kind::Wide,
    Kind::Deferred,
    Kind::Space,
    Kind::Deferred,
    Kind::Mixed,
];

/// A life that was lived: what it did to the disk, and what was promised.
pub(crate) struct Lived {
    pub(crate) chronicle: Chronicle,
    /// The file that it began with.
    pub(crate) before: Vec<u8>,
    /// Operations until the store was open.
    pub(crate) opened_at: usize,
    /// Crashes behind fewer operations are not tried.
    pub(crate) from: usize,
}

/// The n-th life of a seed.
pub(crate) fn plan(seed: Seed, n: u64) -> Plan {
    let seed = seed.part(n);
    let mut rng = seed.part(1).rng();
    let kind = KINDS[n as usize % KINDS.len()];
    let options = options(kind, &mut rng);
    let mut workload = Workload::new(seed.part(2), shape(kind));
    let steps = match kind {
        Kind::Wide => wide(&mut workload, &mut rng),
        Kind::Merges => merges(&mut workload, &mut rng),
        Kind::Loads => loads(&mut workload, &mut rng),
        _ => steps(kind, &mut workload, &mut rng),
    };
    Plan { kind, options, steps, seed }
}

fn options(kind: Kind, rng: &mut Rng) -> Options {
    // Late at once, or never: nothing depends on the clock. Where windows of doubt are to be wide, no sync of its own ends them, or seldom.
    let is_late = match kind {
        Kind::Wide => false,
        Kind::Deferred => rng.u32(..4) == 0,
        _ => rng.bool(),
    };
    let late = if is_late { Duration::ZERO } else { Duration::from_secs(1 << 20) };
    let options = drive::small_options().deferred_within(late).log_bytes(1 << rng.u32(10..15)).compact_below(0.9);
    match kind {
        Kind::BySeal => options.record_bytes(100),
        Kind::Strict => options.strict(true),
        Kind::Lz4 => options.lz4(true),
        Kind::Space => options.lz4(rng.u32(..4) == 0).strict(rng.u32(..4) == 0),
        _ => options,
    }
}

fn shape(kind: Kind) -> Shape {
    let tiny = Shape::tiny();
    match kind {
        Kind::Large => Shape { value_len_max: 6_000, ..tiny },
        Kind::Tables => Shape { table_percent: 50, table_count: 4, change_count_max: 8, ..tiny },
        Kind::Space | Kind::Lz4 | Kind::BySeal => Shape { change_count_max: 16, key_count: 60, value_len_max: 1_500, ..tiny },
        _ => tiny,
    }
}

fn commit(kind: Kind, workload: &mut Workload, rng: &mut Rng) -> Step {
    let durability = match (kind, rng.u32(..10)) {
        (Kind::Deferred, 0..=6) | (_, 4..=6) => Durability::Deferred,
        (_, 7..=8) => Durability::Memory,
        _ => Durability::Synced,
    };
    Step::Commit { durability, changes: workload.changes() }
}

fn steps(kind: Kind, workload: &mut Workload, rng: &mut Rng) -> Vec<Step> {
    let mut steps = Vec::new();
    // A table to begin with, or many changes of tiny lives would be refused.
    let table = |table: &str| Change::CreateTable { table: table.into() };
    steps.push(Step::Commit { durability: Durability::Synced, changes: vec![table("a"), table("tasks")] });
    for _ in 0..rng.usize(6..20) {
        let others = match kind {
            Kind::Space => 60,
            // Most of the others sync.
            Kind::Deferred => 12,
            _ => 25,
        };
        if rng.u32(..100) >= others {
            steps.push(commit(kind, workload, rng));
        } else {
            steps.push(match rng.u32(..16) {
                0..=3 => Step::Checkpoint,
                4 => Step::Sync,
                5 => Step::Compact,
                6..=8 => Step::Background { pieces: rng.usize(1..12) },
                9 => Step::Reopen,
                10 => Step::Kill,
                // Pages that only a snapshot needs; when it goes, their space is used again.
                11..=12 => Step::Hold,
                13..=14 => Step::Release { index: rng.usize(..) },
                _ => Step::Abandon { changes: workload.changes() },
            });
        }
        if kind == Kind::Kills && rng.bool() {
            steps.push(Step::Kill);
        }
    }
    steps
}

/// Few commits, each of a record of less than a sector, and no sync between.
fn wide(workload: &mut Workload, rng: &mut Rng) -> Vec<Step> {
    let mut steps = vec![Step::Commit {
        durability: Durability::Synced,
        changes: vec![Change::CreateTable { table: "a".into() }, Change::CreateTable { table: "tasks".into() }],
    }];
    for _ in 0..rng.usize(8..12) {
        steps.push(Step::Commit { durability: Durability::Deferred, changes: workload.changes() });
    }
    steps.push(Step::Sync);
    steps
}

/// Each checkpoint leaves a chunk with the page of a table that nobody touches again, until they are merged; beside commits, and twice. Snapshots keep
/// the older roots, and with them whole chunks, until before the merge, behind it, or the next one.
fn merges(workload: &mut Workload, rng: &mut Rng) -> Vec<Step> {
    let table = |n: usize| format!("kept {n}");
    let mut steps = Vec::new();
    let mut tables = 0;
    for is_last in [false, true] {
        steps.push(Step::Hold);
        // Eight are merged in the background.
        for _ in 0..rng.usize(2..10) {
            let insert = Change::Insert { table: table(tables), key: vec![tables as u8], value: vec![7; rng.usize(..200)] };
            let changes = vec![Change::CreateTable { table: table(tables) }, insert];
            steps.extend([Step::Commit { durability: Durability::Synced, changes }, Step::Checkpoint]);
            tables += 1;
        }
        steps.push(commit(Kind::Mixed, workload, rng));
        if rng.bool() {
            steps.push(Step::Release { index: 0 });
        }
        steps.push(if is_last || rng.bool() { Step::Compact } else { Step::Background { pieces: 12 } });
        if rng.bool() {
            steps.push(Step::Release { index: 0 });
        }
        steps.push(commit(Kind::Mixed, workload, rng));
        if rng.u32(..3) == 0 {
            steps.push(Step::Kill);
        }
    }
    steps
}

fn loads(workload: &mut Workload, rng: &mut Rng) -> Vec<Step> {
    let mut steps = Vec::new();
    for _ in 0..rng.usize(2..5) {
        // Beyond a quarter of `dirty_bytes` a load spills; seldom, for such files are large.
        let (count, len) = if rng.u32(..12) == 0 { (600, 600) } else { (rng.usize(1..120), rng.usize(..100)) };
        let sorted = rng.bool();
        let number = |n: usize, rng: &mut Rng| if sorted { n as u64 } else { rng.u64(..200) };
        let entries = (0..count).map(|n| (number(n, rng).to_be_bytes().to_vec(), vec![n as u8; len])).collect();
        let table = || String::from("loaded");
        let load = Change::Load { table: table(), entries, sorted };
        let changes = vec![Change::DropTable { table: table() }, Change::CreateTable { table: table() }, load];
        steps.push(Step::Commit { durability: Durability::Synced, changes });
        steps.push(commit(Kind::Mixed, workload, rng));
        if rng.bool() {
            steps.push(Step::Compact);
        }
    }
    steps
}

/// What of this disk is there for certain.
fn on_the_medium(disk: &SimulatedDisk) -> Vec<u8> {
    let log = disk.log();
    crash::image(&[], &log, log.len(), &mut crash::none)
}

impl Plan {
    /// Lives it.
    pub(crate) fn live(&self) -> Result<Lived, String> {
        let (before, mut chronicle) = match self.kind {
            Kind::Blob => {
                let mut first = self.begin(&[], Model::new(), 3)?;
                first.live(&self.steps)?;
                let blob = self.backed_up(&first.store().snapshot()).map_err(|e| format!("blob: {e:?}"))?;
                let mut model = first.model().clone();
                model.recovered(model.newest().0)?;
                let chronicle = self.begin(&blob, model, 4)?;
                (blob, chronicle)
            }
            _ => (Vec::new(), self.begin(&[], Model::new(), 3)?),
        };
        let opened_at = chronicle.disk().position();
        chronicle.live(&self.steps)?;
        // Creation is the same for all: it is looked at now and then.
        let from = if self.seed.part(5).rng().u32(..16) == 0 { 0 } else { opened_at.saturating_sub(2) };
        Ok(Lived { chronicle, before, opened_at, from })
    }

    /// Lives it behind these steps; of crashes, those of its last step are tried.
    pub(crate) fn live_behind(&self, first: &[Step]) -> Result<Lived, String> {
        let mut chronicle = self.begin(&[], Model::new(), 3)?;
        let opened_at = chronicle.disk().position();
        let (last, others) = self.steps.split_last().ok_or("a life has steps")?;
        chronicle.live(&[first, others].concat())?;
        let from = chronicle.disk().position();
        chronicle.live(std::slice::from_ref(last))?;
        Ok(Lived { chronicle, before: Vec::new(), opened_at, from })
    }

    /// A blob, or a store restored from one, as a cut of the power behind the return of the backup or restore leaves it: what is not on the medium is lost.
    fn backed_up(&self, snapshot: &Snapshot) -> treering::Result<Vec<u8>> {
        let mut rng = self.seed.part(6).rng();
        let form = if rng.bool() { BlobForm::Plain } else { BlobForm::Lz4 };
        let disk = SimulatedDisk::new();
        treering::backup_on(snapshot, &*disk, form)?;
        let blob = on_the_medium(&disk);
        if form == BlobForm::Plain && rng.bool() {
            return Ok(blob);
        }
        let disk = SimulatedDisk::new();
        treering::restore_on(&*SimulatedDisk::holding(&blob), Arc::clone(&disk) as Arc<dyn Disk>)?;
        Ok(on_the_medium(&disk))
    }

    fn begin(&self, before: &[u8], model: Model, part: u64) -> Result<Chronicle, String> {
        let disk = SimulatedDisk::holding(before);
        disk.repeat_from(self.seed.part(part));
        let mut chronicle = Chronicle::on(&self.options, disk, model);
        chronicle.open().map_err(|e| format!("open: {e:?}"))?;
        chronicle.recovered()?;
        Ok(chronicle)
    }
}
