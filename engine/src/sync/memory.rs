//! Words to a model checker about memory that it cannot see: what stands behind raw pointers. Empty in an ordinary build.
//!
//! Whoever makes such memory visible to other threads says `made` before, whoever looks at it says `read`, and whoever frees it says `gone`. The checker then finds a read of what is gone, and any two of these that nothing orders.

#[cfg(loom)]
pub(crate) use super::checker::memory::{gone, made, read, read_mapped};

/// What starts at this address is complete.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) fn made<T>(_: *const T) {}

/// What starts at this address is looked at.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) fn read<T>(_: *const T) {}

/// Bytes of the map are looked at, from this address on. Nobody makes or frees them.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) fn read_mapped(_: *const u8) {}

/// What starts at this address is freed.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) fn gone<T>(_: *const T) {}
