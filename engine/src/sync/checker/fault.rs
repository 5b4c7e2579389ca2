//! Faults: one ordering, wake-up or check that is left out, chosen at run time. A model that still passes then checks nothing.

use std::cell::Cell;
use std::panic::Location;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Atomic operations of this name in this file are relaxed.
    Relaxed { file: &'static str, operation: &'static str },
    /// Sequentially consistent operations of this name in this file acquire and release, and no more.
    Unordered { file: &'static str, operation: &'static str },
    /// A snapshot is opened without a second look at the published root.
    SecondLookSkipped,
    /// Wake-ups from this file are lost.
    Deaf { file: &'static str },
    /// What this file sets once is not set.
    Unset { file: &'static str },
    /// What this file hands to the epoch is destroyed at once.
    Hasty { file: &'static str },
    /// Guards pin nothing.
    Unpinned,
    /// An extent is used again without a look at its leases.
    LeaseOverlooked,
    /// Who gives up waiting for the turn does not look whether it was handed over meanwhile.
    GrantOverlooked,
    /// The turn is let go when it is handed over: a newcomer can catch it.
    TurnLetGo,
    /// A checkpoint lets the turn go before it looks what it has to seal.
    CapturedWithoutTurn,
    /// A copy is put into the cache without a look whether another thread was first.
    SecondCopyKept,
    /// A transaction goes on as it was where it should go back to a savepoint; its record goes back.
    RollBackForgotten,
}

thread_local! {
    static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Breaks this, until something else is broken, in models of the calling thread.
pub(crate) fn set(fault: Option<Fault>) {
    FAULT.set(fault);
}

/// Whether exactly this is broken.
pub(crate) fn is(fault: Fault) -> bool {
    FAULT.get() == Some(fault)
}

pub(super) fn relaxes(caller: &Location<'_>, operation: &str) -> bool {
    matches!(FAULT.get(), Some(Fault::Relaxed { file, operation: broken }) if broken == operation && caller.file().ends_with(file))
}

pub(super) fn unorders(caller: &Location<'_>, operation: &str) -> bool {
    matches!(FAULT.get(), Some(Fault::Unordered { file, operation: broken }) if broken == operation && caller.file().ends_with(file))
}

pub(super) fn deafens(caller: &Location<'_>) -> bool {
    matches!(FAULT.get(), Some(Fault::Deaf { file }) if caller.file().ends_with(file))
}

pub(super) fn unsets(caller: &Location<'_>) -> bool {
    matches!(FAULT.get(), Some(Fault::Unset { file }) if caller.file().ends_with(file))
}

pub(super) fn hastens(caller: &Location<'_>) -> bool {
    matches!(FAULT.get(), Some(Fault::Hasty { file }) if caller.file().ends_with(file))
}
