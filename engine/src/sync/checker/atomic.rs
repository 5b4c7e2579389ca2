//! Atomics: loom's, with the fences that make their sequential consistency whole, and with orderings that a fault can weaken.

use std::cell::Cell;
use std::panic::Location;

use loom::sync::atomic as checked;

pub(crate) use std::sync::atomic::Ordering;

use super::fault;

/// Runs one operation with the ordering that holds in this model.
#[track_caller]
fn ordered<R>(operation: &str, order: Ordering, run: impl FnOnce(Ordering) -> R) -> R {
    let order = if fault::relaxes(Location::caller(), operation) { Ordering::Relaxed } else { order };
    // Without the fences loom takes it for acquire and release only.
    let whole = order == Ordering::SeqCst && !fault::unorders(Location::caller(), operation);
    let before_reads = BEFORE_READS.get();
    if whole && before_reads && operation != "store" {
        checked::fence(Ordering::SeqCst);
    }
    let result = run(order);
    if whole && !before_reads && operation != "load" {
        checked::fence(Ordering::SeqCst);
    }
    result
}

thread_local! {
    static BEFORE_READS: Cell<bool> = const { Cell::new(false) };
}

/// Where the fences stand that make accesses sequentially consistent, in models of the calling thread: before each that reads, or after each that writes. Either
/// orders a write before a later read; with both, leaving one out would go unnoticed.
pub(crate) fn fence_before_reads(before_reads: bool) {
    BEFORE_READS.set(before_reads);
}

/// The ordering of the part of a compare-and-exchange that reads, when it fails.
fn failing(order: Ordering, wanted: Ordering) -> Ordering {
    if order == Ordering::Relaxed { Ordering::Relaxed } else { wanted }
}

macro_rules! atomics {
    ($($name:ident: $value:ty),*) => { $(
        /// As std's.
        #[derive(Debug, Default)]
        pub(crate) struct $name(checked::$name);

        #[allow(dead_code)]
        impl $name {
            pub(crate) fn new(value: $value) -> $name {
                $name(checked::$name::new(value))
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                ordered("load", order, |order| self.0.load(order))
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                ordered("store", order, |order| self.0.store(value, order));
            }

            #[track_caller]
            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                ordered("swap", order, |order| self.0.swap(value, order))
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                ordered("compare_exchange", success, |order| {
                    self.0.compare_exchange(current, new, order, failing(order, failure))
                })
            }
        }
    )* };
}

atomics!(AtomicBool: bool, AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize);

macro_rules! counts {
    ($($name:ident: $value:ty),*) => { $(
        #[allow(dead_code)]
        impl $name {
            #[track_caller]
            pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                ordered("fetch_add", order, |order| self.0.fetch_add(value, order))
            }

            #[track_caller]
            pub(crate) fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                ordered("fetch_sub", order, |order| self.0.fetch_sub(value, order))
            }
        }
    )* };
}

counts!(AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize);

/// As std's.
pub(crate) struct AtomicPtr<T>(checked::AtomicPtr<T>);

impl<T> Default for AtomicPtr<T> {
    fn default() -> AtomicPtr<T> {
        AtomicPtr::new(std::ptr::null_mut())
    }
}

impl<T> AtomicPtr<T> {
    pub(crate) fn new(pointer: *mut T) -> AtomicPtr<T> {
        AtomicPtr(checked::AtomicPtr::new(pointer))
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        ordered("load", order, |order| self.0.load(order))
    }

    #[track_caller]
    pub(crate) fn store(&self, pointer: *mut T, order: Ordering) {
        ordered("store", order, |order| self.0.store(pointer, order));
    }

    #[track_caller]
    pub(crate) fn swap(&self, pointer: *mut T, order: Ordering) -> *mut T {
        ordered("swap", order, |order| self.0.swap(pointer, order))
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        current: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        ordered("compare_exchange", success, |order| self.0.compare_exchange(current, new, order, failing(order, failure)))
    }
}
