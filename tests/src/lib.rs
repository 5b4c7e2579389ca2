//! The testkit: what the named suites in `tests/suites/` share.
//!
//! - [`seed`]: randomness that prints how to repeat it.
//! - [`folder`]: a place for a test's files that vanishes with the test.
//! - [`change`]: what a write transaction can be asked to do, as data.
//! - [`model`]: what a store must hold, as plain maps, one state per version.
//! - [`workload`]: random changes and random steps in a store's life, drawn from a seed.
//! - [`shrink`]: a shorter run that fails the same way.
//! - [`checked`]: a store that is checked when its test ends.
//!
//! The model knows nothing of pages, chunks or files and shares no code with the engine: that is what makes it a witness.

pub mod change;
pub mod checked;
pub mod folder;
pub mod model;
pub mod seed;
pub mod shrink;
pub mod workload;

pub use change::{Change, Outcome};
pub use checked::{Checked, Sound};
pub use folder::Folder;
pub use model::{Draft, Model, State};
pub use seed::Seed;
pub use workload::{Durability, Shape, Step, Workload};
