//! Locks, condition variables, values that are set once, and counted pointers: loom's, in the shapes of parking_lot and std.
//!
//! When an assertion of a model fails its thread unwinds. What is dropped then takes no step that the checker sees: there is nothing more to check,
//! and a second panic would end the process.

use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::time::{Duration, Instant};

use loom::sync as checked;

use super::atomic::{AtomicBool, Ordering};
use super::fault;

/// As parking_lot's.
#[derive(Default)]
pub(crate) struct Mutex<T> {
    gate: checked::Mutex<()>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through the gate alone, by one thread at a time.
unsafe impl<T: Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Mutex<T> {}

/// As parking_lot's.
pub(crate) struct MutexGuard<'m, T> {
    mutex: &'m Mutex<T>,
    /// None while it waits, and in a thread that unwinds.
    gate: Option<checked::MutexGuard<'m, ()>>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        Mutex { gate: checked::Mutex::new(()), value: UnsafeCell::new(value) }
    }

    #[track_caller]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let gate = if std::thread::panicking() { None } else { self.gate.lock().ok() };
        MutexGuard { mutex: self, gate }
    }

    #[track_caller]
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let gate = self.gate.try_lock().ok()?;
        Some(MutexGuard { mutex: self, gate: Some(gate) })
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the gate is held; without it the model has failed already, and all of its threads stand still but this one.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.mutex.value.get() }
    }
}

thread_local! {
    static RUNS_OUT: Cell<bool> = const { Cell::new(false) };
}

/// Whether waits with a time limit run out, each at a moment of the checker's choice, or never, in models of the calling thread.
pub(crate) fn time_runs_out(runs_out: bool) {
    RUNS_OUT.set(runs_out);
}

/// As parking_lot's.
#[derive(Default)]
pub(crate) struct Condvar(checked::Condvar);

/// As parking_lot's.
pub(crate) struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    pub(crate) fn new() -> Condvar {
        Condvar::default()
    }

    #[track_caller]
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let gate = guard.gate.take().expect("who waits has the lock");
        guard.gate = self.0.wait(gate).ok();
    }

    #[track_caller]
    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> WaitTimeoutResult {
        if !RUNS_OUT.get() {
            self.wait(guard);
            return WaitTimeoutResult(false);
        }
        // Whatever others do between the two steps, they do before the time is over.
        drop(guard.gate.take());
        loom::thread::yield_now();
        guard.gate = guard.mutex.gate.lock().ok();
        WaitTimeoutResult(true)
    }

    #[track_caller]
    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: Duration) -> WaitTimeoutResult {
        self.wait_until(guard, Instant::now())
    }

    #[track_caller]
    pub(crate) fn notify_one(&self) {
        if !std::thread::panicking() && !fault::deafens(Location::caller()) {
            self.0.notify_one();
        }
    }

    #[track_caller]
    pub(crate) fn notify_all(&self) {
        if !std::thread::panicking() && !fault::deafens(Location::caller()) {
            self.0.notify_all();
        }
    }
}

/// As std's.
#[derive(Default)]
pub(crate) struct OnceLock<T> {
    is_set: AtomicBool,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> OnceLock<T> {
        OnceLock { is_set: AtomicBool::new(false), value: std::sync::OnceLock::new() }
    }

    #[track_caller]
    pub(crate) fn get(&self) -> Option<&T> {
        if self.is_set.load(Ordering::Acquire) { self.value.get() } else { None }
    }

    #[track_caller]
    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        if fault::unsets(Location::caller()) {
            return Ok(());
        }
        self.value.set(value)?;
        self.is_set.store(true, Ordering::Release);
        Ok(())
    }

    #[track_caller]
    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if self.get().is_none() && self.value.set(make()).is_ok() {
            self.is_set.store(true, Ordering::Release);
        }
        loop {
            // Whoever was first says so in a step of its own: std's waits for it.
            if let Some(value) = self.get() {
                return value;
            }
            loom::thread::yield_now();
        }
    }
}

/// As std's `Arc`.
pub(crate) struct Counted<T>(ManuallyDrop<checked::Arc<T>>);

impl<T> Counted<T> {
    #[track_caller]
    pub(crate) fn new(value: T) -> Counted<T> {
        Counted(ManuallyDrop::new(checked::Arc::new(value)))
    }
}

impl<T> Clone for Counted<T> {
    fn clone(&self) -> Counted<T> {
        Counted(self.0.clone())
    }
}

impl<T> Deref for Counted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: dropped here alone.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}
