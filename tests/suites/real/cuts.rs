//! Real power cuts: ext4 on a loop device is shut down in the middle of the work, unmounted, mounted again, and judged.
//!
//! What the file system had not handed to the device is lost, and its journal is replayed at the next mount, as after a cut of the
//! power. The device itself loses nothing that it was given: its own cache is a file in memory. (The crash simulator loses that too.)

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use treering_tests::{Ending, Folder, Seed, Witness, depth};

use crate::kernel::cut_power;
use crate::lives::{Life, Moment, Through};
use crate::tools::{Mount, figure, run, skip, text};

/// Cuts at depth 1.
const CUTS: u64 = 20;
/// Cuts that the same files go through, before others begin.
const LIVES: u64 = 10;
/// Stores on one medium: their syncs and their metadata share one journal.
const STORES: u64 = 2;
/// Media at the same time.
const MEDIA: u64 = 2;

/// What the cuts came to.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    cuts: u64,
    in_doubt: u64,
    survived: u64,
}

/// A file system of its own on a loop device, on a file in memory.
struct Medium {
    // Dropped in this order.
    mount: Option<Mount>,
    device: String,
    at: PathBuf,
    _memory: Mount,
}

impl Medium {
    fn new(folder: &Path) -> Result<Medium, String> {
        let memory = Mount::memory(folder.join("memory"), "64m")?;
        let image = text(&memory.file("image"));
        run("truncate", &["-s", "48M", &image])?;
        run("mkfs.ext4", &["-q", "-F", "-b", "4096", "-J", "size=4", "-E", "lazy_itable_init=0", &image])?;
        let device = run("losetup", &["--find", "--show", &image])?;
        let mut medium = Medium { mount: None, device, at: folder.join("medium"), _memory: memory };
        medium.mount()?;
        Ok(medium)
    }

    fn mount(&mut self) -> Result<(), String> {
        self.mount = Some(Mount::new(self.at.clone(), &self.device, "ext4", "noatime")?);
        Ok(())
    }

    /// Off and on again.
    fn restart(&mut self) -> Result<(), String> {
        if let Some(mount) = self.mount.take() {
            mount.end()?;
        }
        self.mount()
    }
}

impl Drop for Medium {
    fn drop(&mut self) {
        self.mount = None;
        let _ = run("losetup", &["--detach", &self.device]);
    }
}

/// L3: after a cut of the power each store on the medium is there at a version between the last synced and the last written, whole and sound, and
/// the next life goes on in it.
#[test]
fn l3_power_cuts_of_a_real_file_system() {
    let test = "l3_power_cuts_of_a_real_file_system";
    let seed = Seed::of(test);
    let folder = Folder::new();
    if let Err(why) = Medium::new(&folder.path().join("probe")) {
        return skip(test, &why);
    }
    let wanted = (CUTS * depth()).div_ceil(MEDIA);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for number in 0..MEDIA {
            let (folder, tally) = (folder.path().join(number.to_string()), &tally);
            scope.spawn(move || {
                let lived = lives_on_a_medium(&folder, seed.part(number), wanted, &|player| player);
                let lived = lived.unwrap_or_else(|what| panic!("medium {number}: {what}"));
                let mut all = tally.lock().expect("no test failed");
                all.cuts += lived.cuts;
                all.in_doubt += lived.in_doubt;
                all.survived += lived.survived;
            });
        }
    });
    let Tally { cuts, in_doubt, survived } = tally.into_inner().expect("no test failed");
    figure(
        test,
        &format!("{cuts} cuts under {STORES} stores each, {in_doubt} inside of a commit, of which {survived} had survived"),
    );
    assert!(in_doubt > 0);
}

/// The control: where every sync claims to be done and does nothing, cuts lose what was acknowledged, and the witness says so. A harness that is
/// content with such a disk would be content with anything.
#[test]
fn control_lying_syncs_are_caught() {
    let test = "control_lying_syncs_are_caught";
    let seed = Seed::of(test);
    let folder = Folder::new();
    let tools = run("strace", &["-qq", "-e", "trace=none", "true"]).map(drop);
    if let Err(why) = tools.and_then(|()| Medium::new(&folder.path().join("probe")).map(drop)) {
        return skip(test, &why);
    }
    let lying = |player: Command| {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]);
        strace.args(["-e", "inject=fsync,fdatasync:retval=0"]).arg(player.get_program()).args(player.get_args());
        strace
    };
    let mut rounds = (0..20).map(|round| lives_on_a_medium(&folder.path().join(round.to_string()), seed.part(round), 3, &lying));
    let caught = rounds.find_map(Result::err).expect("nobody noticed that no sync was done");
    figure(test, &caught);
}

/// Cuts the power of one medium so often. `through` may put the player behind another program.
fn lives_on_a_medium(folder: &Path, seed: Seed, wanted: u64, through: &Through<'_>) -> Result<Tally, String> {
    let mut medium = Medium::new(folder)?;
    let mut rng = seed.part(9).rng();
    let mut stores: Vec<(PathBuf, Witness)> = Vec::new();
    let mut tally = Tally { cuts: wanted, ..Tally::default() };
    for cut in 0..wanted {
        if cut % LIVES == 0 {
            for (path, mut witness) in stores.drain(..) {
                witness.live_on(&path)?;
                std::fs::remove_file(&path).map_err(|e| e.to_string())?;
            }
            let new =
                |n| (medium.at.join(format!("{cut}-{n}.ring")), Witness::new(seed.part(cut * STORES + n), Ending::PowerCut));
            stores = (0..STORES).map(new).collect();
        }
        let moment = Moment::After { words: rng.u64(..40), micros: rng.u64(..3_000) };
        let at = |what: String| format!("seed {}, cut {cut} at {moment:?}: {what}", seed.number());
        let mut lives: Vec<Life> = stores.iter().map(|(path, witness)| Life::begin(witness, path, moment, through)).collect();
        lives[0].reach(&mut stores[0].1, moment).map_err(at)?;
        cut_power(&medium.at).map_err(|e| at(e.to_string()))?;
        for (life, (_, witness)) in lives.into_iter().zip(&mut stores) {
            life.kill(witness, true).map_err(at)?;
        }
        medium.restart().map_err(at)?;
        for (path, witness) in &mut stores {
            let played = witness.judge(path).map_err(|what| at(format!("{}: {what}", path.display())))?;
            tally.in_doubt += u64::from(played.was_in_doubt);
            tally.survived += u64::from(played.survived);
        }
    }
    for (path, mut witness) in stores {
        witness.live_on(&path)?;
    }
    Ok(tally)
}
