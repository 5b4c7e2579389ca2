//! The drill's progress as a bar for each phase, and Ctrl-C as its wish to stop.

use std::sync::{Mutex, PoisonError};

use treering_scheduler::drill::{Phase, Watch};

use crate::interrupt;
use crate::progress::Progress;

/// Shows the phase that is being played.
pub(super) struct Shown(Mutex<Option<Progress>>);

impl Shown {
    pub(super) fn new() -> Shown {
        Shown(Mutex::new(None))
    }

    fn with(&self, change: impl FnOnce(&mut Option<Progress>)) {
        // A bar is whole whoever panicked with it.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Watch for Shown {
    fn begin(&self, phase: Phase, goal: u64) {
        let (name, unit) = match phase {
            Phase::Load => ("loading the cluster", "rows"),
            Phase::Storm => ("storm, with and without readers", "ms"),
            Phase::Export => ("backups during the storm", "backups"),
            Phase::Kill => ("killing children in mid-write", "kills"),
            Phase::Restore => ("opening and restoring the blobs", "stores"),
        };
        self.with(|bar| {
            // The old bar goes before the new one comes.
            drop(bar.take());
            *bar = Some(Progress::steps(name, goal, unit));
        });
    }

    fn done(&self, done: u64) {
        self.with(|bar| {
            if let Some(bar) = bar {
                bar.at(done);
            }
        });
    }

    fn stop(&self) -> bool {
        interrupt::asked()
    }
}
