//! A child of the drill: this program once more, which writes until its parent kills it.

use std::cell::RefCell;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use clap::Args;
use treering::Reads;
use treering_scheduler::Result as DrillResult;
use treering_scheduler::drill::kill::{Acks, ChildPlan, collect, run_child};

use crate::error::Result;
use crate::output::Output;

/// Name of the hidden command, as clap makes it from [`DrillChild`].
const COMMAND: &str = "drill-child";
/// Acknowledgements before a kill: at least so many, and less than so many more.
const ACKS: (u64, u64) = (200, 1800);

/// Write to the drill's store until killed (the drill starts this by itself)
#[derive(Args, Debug)]
pub(crate) struct DrillChild {
    store: PathBuf,
    series: u32,
    lanes: u32,
    #[arg(long)]
    copied: bool,
}

impl DrillChild {
    pub(crate) fn run(&self, _out: &mut Output) -> Result {
        let reads = if self.copied { Reads::Copied } else { Reads::Mapped };
        let plan = ChildPlan { series: self.series, lanes: self.lanes, reads };
        // Past our own buffer: a line is an acknowledgement, and out before the lane goes on.
        Ok(run_child(&self.store, &plan, io::stdout())?)
    }
}

/// Starts children on the drill's store and kills each at a moment that follows from `seed`.
pub(super) fn killer(seed: u64) -> impl FnMut(&ChildPlan, &Path, Acks) -> DrillResult<Acks> {
    let mut random = seed;
    move |plan, store, acks| {
        random = mixed(random);
        let after = ACKS.0 + random % ACKS.1;
        let child = Running::start(plan, store);
        collect(acks, Pipe(&child), after, || child.kill())
    }
}

/// The next number of a sequence that looks random enough to spread kills over commits and checkpoints (SplitMix64's step).
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// A child that is killed and waited for at the latest when this is dropped.
struct Running(RefCell<io::Result<(Child, ChildStdout, bool)>>);

impl Running {
    fn start(plan: &ChildPlan, store: &Path) -> Running {
        let start = || {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg(COMMAND).arg(store).args([plan.series.to_string(), plan.lanes.to_string()]);
            if plan.reads == Reads::Copied {
                command.arg("--copied");
            }
            let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
            let pipe = child.stdout.take().ok_or_else(|| io::Error::other("it has no pipe"))?;
            Ok((child, pipe, false))
        };
        // A failure shows at the first reading: there it becomes the drill's error.
        Running(RefCell::new(start()))
    }

    /// SIGKILL: no handler, no destructor, no flush.
    fn kill(&self) -> io::Result<()> {
        match &mut *self.0.borrow_mut() {
            Ok((child, _, killed)) => {
                *killed = true;
                child.kill()
            }
            Err(e) => Err(io::Error::other(e.to_string())),
        }
    }

    fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        match &mut *self.0.borrow_mut() {
            Ok((child, pipe, killed)) => match pipe.read(into)? {
                // Nobody has killed it, and it is at its end: it has said why on standard error.
                0 if !*killed => Err(io::Error::other(format!("it ended by itself, {}", child.wait()?))),
                len => Ok(len),
            },
            Err(e) => Err(io::Error::other(format!("it did not start: {e}"))),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok((child, ..)) = self.0.get_mut() {
            // It may be over already; the wait takes it off the system's list in any case.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The acknowledgements of a child.
struct Pipe<'a>(&'a Running);

impl Read for Pipe<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}
