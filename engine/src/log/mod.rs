//! The log: records and seals in one chain of segments, page chunks aside, and the space that both stand in.
//!
//! ```text
//!   append ── records, seals ──► segments ──┐
//!   chunk  ── pages, directory ─► extents ──┤ space: which extents are free
//!   recover ◄── the newest whole state ─────┘
//!   directory: position ──► bytes of the page, wherever its chunk is at home
//! ```
//!
//! * [`space`] gives extents out and takes them back;
//! * [`append`] places records and seals (FORMAT 4) and hands them to the disk in one write;
//! * [`recover`] finds the newest whole state (FORMAT 9, steps 1 to 4);
//! * [`history`] goes back behind that, for tools;
//! * [`directory`] is the table of chunks and their homes, read without a lock (L4);
//! * [`places`] and [`cache`] are for stores that do not map their file: where pages stand, and copies of them;
//! * [`chunk`] writes a page chunk (FORMAT 6).
//!
//! When to commit, checkpoint or compact is not decided here.

pub(crate) mod append;
pub(crate) mod cache;
pub(crate) mod chunk;
pub(crate) mod directory;
pub(crate) mod history;
pub(crate) mod places;
pub(crate) mod recover;
pub(crate) mod space;
