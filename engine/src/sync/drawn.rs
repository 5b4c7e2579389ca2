//! Locks, condition variables and values that are set once, as shuttle has them, in the shapes of parking_lot and std. Only with `--cfg shuttle`.
//!
//! Shuttle runs a whole store's threads one at a time, in orders that it draws, and sees every access as sequentially consistent: more steps and threads than loom can
//! try, and no stale values. The epoch stays crossbeam's: all threads of a run are one of the system's, so it destroys later than it may, never earlier.
//! There is no clock: a wait with a time limit lets others go first, and runs out.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use shuttle::sync as drawn;

/// As parking_lot's.
#[derive(Default)]
pub(crate) struct Mutex<T>(drawn::Mutex<T>);

/// As parking_lot's.
pub(crate) struct MutexGuard<'m, T> {
    mutex: &'m drawn::Mutex<T>,
    /// None while it waits.
    guard: Option<drawn::MutexGuard<'m, T>>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        Mutex(drawn::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: &self.0, guard: Some(held(&self.0)) }
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok().map(|guard| MutexGuard { mutex: &self.0, guard: Some(guard) })
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(drawn::PoisonError::into_inner)
    }
}

fn held<T>(mutex: &drawn::Mutex<T>) -> drawn::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(drawn::PoisonError::into_inner)
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.guard.as_ref().expect("none only inside of a wait")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().expect("none only inside of a wait")
    }
}

/// As parking_lot's.
#[derive(Default)]
pub(crate) struct Condvar(drawn::Condvar);

/// As parking_lot's.
pub(crate) struct WaitTimeoutResult;

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        true
    }
}

impl Condvar {
    pub(crate) fn new() -> Condvar {
        Condvar::default()
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.guard.take().expect("who waits has the lock");
        guard.guard = Some(self.0.wait(held).unwrap_or_else(drawn::PoisonError::into_inner));
    }

    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> WaitTimeoutResult {
        drop(guard.guard.take());
        shuttle::thread::yield_now();
        guard.guard = Some(held(guard.mutex));
        WaitTimeoutResult
    }

    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: Duration) -> WaitTimeoutResult {
        self.wait_until(guard, Instant::now())
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// As std's, whose own would hold up the one thread of the system.
#[derive(Default)]
pub(crate) struct OnceLock<T>(std::sync::OnceLock<T>);

impl<T> OnceLock<T> {
    pub(crate) fn new() -> OnceLock<T> {
        OnceLock(std::sync::OnceLock::new())
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.0.get()
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.0.set(value)
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if self.0.get().is_none() {
            // Whoever was first has won.
            let _ = self.0.set(make());
        }
        self.0.get().expect("set just above, or by another")
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> OnceLock<T> {
        OnceLock(std::sync::OnceLock::from(value))
    }
}
