//! Versions: the published root, who reads which version, and which pages are dead.
//!
//! ```text
//!  writer ── publish(root) ──►  Published ◄── pin ── snapshot ── slot {version, refs}
//!                                                          ▲
//!  reclaim ── registered() ────────────────────────────────┘ scans the slots after each publish
//! ```
//!
//! [`registry`] says which versions are held; [`dead`] keeps each replaced page on the list of the newest version that still needs it;
//! [`root`] is what a version is: its tables and their trees. [`moment`] tells apart the roots that one version had one after the other. Nothing here does I/O.

pub(crate) mod dead;
pub(crate) mod moment;
pub(crate) mod registry;
pub(crate) mod root;
