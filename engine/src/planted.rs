//! Bugs on purpose, to try the tests: each is one that such engines have had, and a suite must catch it (TESTING.md).
//!
//! They exist in a build with `--cfg planted`, where `TREERING_PLANTED=name` chooses one when the process begins, and under loom, where a model plants what it must
//! notice. In every other build [`planted`] is a constant `false`, and nothing of them is left.

/// One bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(planted), allow(dead_code))]
pub(crate) enum Bug {
    /// The sync of a commit's record is skipped.
    SkippedSync,
    /// A synced commit returns when its record is written.
    AckBeforeSync,
    /// An extent is free although an older header still needs it.
    FreedTooEarly,
    /// A record's CRC is not looked at.
    RecordCrcIgnored,
    /// A page's CRC is not looked at.
    PageCrcIgnored,
    /// Headers do not alternate: all go to one slot.
    SameSlot,
    /// What a header sets free is used again before that header is on the medium.
    ReuseBeforeDurable,
    /// A file gets its name, and the directory is not synced.
    LostRenameSync,
    /// A sync that failed is tried again, and believed.
    RetriedSync,
    /// Opening a snapshot does not look again whether its version is still the published one.
    NoRecheck,
    /// The oldest version that is held is not counted among the held ones.
    WrongOldest,
    /// A new run has the salt of the one before: what was dropped can come back.
    SaltReused,
    /// A checkpoint's chunk is not on the medium when its seal is.
    ChunkNotSynced,
    /// Recovery does not secure what only the system's memory holds.
    NotSecured,
    /// A conditional transaction takes what it read for unchanged.
    UncomparedReads,
}

/// Whether this bug is in the engine: never, but in the build that tries the tests.
#[cfg(not(any(planted, loom)))]
#[inline(always)]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}

/// Whether this bug is the chosen one.
#[cfg(all(planted, not(loom)))]
pub(crate) fn planted(bug: Bug) -> bool {
    use std::sync::OnceLock;
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("TREERING_PLANTED").ok()).as_deref() == Some(format!("{bug:?}").as_str())
}

#[cfg(loom)]
std::thread_local! {
    static CHOSEN: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Plants this bug, until another one is, in models of the calling thread.
#[cfg(loom)]
pub(crate) fn plant(bug: Option<Bug>) {
    CHOSEN.set(bug);
}

/// Whether this bug is the planted one.
#[cfg(loom)]
pub(crate) fn planted(bug: Bug) -> bool {
    CHOSEN.get() == Some(bug)
}
