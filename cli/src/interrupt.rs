//! Ctrl-C and SIGTERM: the first asks the work to stop and clean up, the second cleans up by itself and ends at once.
//!
//! A file that the engine makes has no name until it is whole, and goes with the process. On a file system that cannot do that, whatever ends the process
//! at once leaves it, as `.NAME.….tmp`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Exit, Result};

static STOP: AtomicBool = AtomicBool::new(false);
/// What is removed before the program ends at a second Ctrl-C: files, and folders with all that is in them.
static LEFT_BEHIND: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// What the first Ctrl-C does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// Asks the work to stop: it looks at [`asked`] now and then.
    Asks,
    /// Cleans up and ends: the work does not look.
    Ends,
}

/// From now on Ctrl-C cleans up. Without this call it ends the program at once, as usual.
pub(crate) fn watch(first: First) -> Result {
    calls(move || {
        if ask() || first == First::Ends {
            end();
        }
    })
}

/// From now on Ctrl-C calls this, on a thread of its own, each time. The program goes on.
pub(crate) fn calls(what: impl FnMut() + Send + 'static) -> Result {
    ctrlc::set_handler(what).map_err(|e| Error::Told(Exit::Other, format!("catching Ctrl-C: {e}")))
}

/// Asks the work to stop; says whether it was asked before.
pub(crate) fn ask() -> bool {
    // Relaxed: the flag carries nothing but itself.
    STOP.swap(true, Ordering::Relaxed)
}

/// Ends the program, cleaned up.
pub(crate) fn end() -> ! {
    left_behind().iter().for_each(|path| remove(path));
    std::process::exit(Exit::Interrupted as i32);
}

/// Whether somebody asked to stop.
pub(crate) fn asked() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// What work that asks with each step is told.
pub(crate) fn flow() -> ControlFlow<()> {
    if asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// A path that is removed when this is dropped, or when the program ends at a second Ctrl-C.
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    /// Takes over a file or folder.
    pub(crate) fn new(path: PathBuf) -> Temporary {
        left_behind().push(path.clone());
        Temporary(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        remove(&self.0);
        left_behind().retain(|path| *path != self.0);
    }
}

fn left_behind() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    // A list of paths is whole whoever panicked with it.
    LEFT_BEHIND.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn remove(path: &Path) {
    // Who renamed or removed it already has done our work; there is nobody to tell of another failure.
    let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
}
