//! The testkit: what the named suites in `tests/suites/` share.
//!
//! - [`seed`]: randomness that prints how to repeat it.
//! - [`folder`]: a place for a test's files that vanishes with the test.
//! - [`change`]: what a write transaction can be asked to do, as data.
//! - [`model`]: what a store must hold, as plain maps, one state per version.
//! - [`workload`]: random changes and random steps in a store's life, drawn from a seed.
//! - [`shrink`]: a shorter run that fails the same way.
//! - [`checked`]: a store that is checked when its test ends.
//! - [`drive`]: the engine as the model sees it.
//! - [`disk`]: a disk that remembers, fails and waits on demand; [`crash`]: what a crash may leave of it.
//! - [`window`]: the same, state after state, in the time of what differs; for hundreds of thousands of them.
//! - [`chronicle`]: what was promised when, to judge crash states by.
//! - [`life`]: a store's whole life, step by step, beside its model.
//! - [`script`] and [`witness`]: lives in processes of their own, what they report, and who judges what they leave.
//! - [`hostile`]: what fuzzers call; [`allocation`]: how much memory an input takes.
//!
//! The model knows nothing of pages, chunks or files and shares no code with the engine: that is what makes it a witness.

pub mod allocation;
pub mod change;
pub mod checked;
pub mod chronicle;
pub mod crash;
pub mod disk;
pub mod drive;
pub mod folder;
pub mod hostile;
pub mod life;
pub mod model;
pub mod script;
pub mod seed;
pub mod shrink;
pub mod window;
pub mod witness;
pub mod workload;

pub use change::{Change, Outcome};
pub use checked::{Checked, Sound};
pub use chronicle::{After, Chronicle, apply};
pub use disk::SimulatedDisk;
pub use folder::Folder;
pub use life::Life;
pub use model::{Draft, Model, State};
pub use script::{Script, Word};
pub use seed::Seed;
pub use witness::{Ending, Witness};
pub use workload::{Durability, Shape, Step, Workload};

/// How many times as deep the suites are to look: `TREERING_DEPTH`, 1 without it.
///
/// # Panics
/// If it is no number from 1 on.
#[must_use]
pub fn depth() -> u64 {
    match std::env::var("TREERING_DEPTH") {
        Ok(text) => text.trim().parse().ok().filter(|depth| *depth > 0).expect("TREERING_DEPTH is a number from 1 on"),
        Err(_) => 1,
    }
}
