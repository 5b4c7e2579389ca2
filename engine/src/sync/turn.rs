//! The writer's turn: first come, first served, with an optional time-out (L5).
//!
//! A queue of waiters, each with a condition variable of its own, so that handing on wakes exactly one. The turn is handed over, never let
//! go and caught again: a newcomer cannot overtake. A waiter that gives up leaves the queue; if it was handed the turn at that very moment it has it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::atomic::{AtomicBool, Ordering};
use super::{Condvar, Mutex};

/// The queue for the writer's turn.
#[derive(Default)]
pub(crate) struct Turn {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: bool,
    queue: VecDeque<Arc<Waiter>>,
}

#[derive(Default)]
struct Waiter {
    ready: Condvar,
    /// Changed only under the queue's lock.
    granted: AtomicBool,
}

impl Waiter {
    fn is_granted(&self) -> bool {
        // Relaxed: every access is under the queue's lock.
        self.granted.load(Ordering::Relaxed)
    }

    /// The same, asked by who gives up.
    fn is_granted_at_last(&self) -> bool {
        #[cfg(loom)]
        if super::checker::fault::is(super::checker::fault::Fault::GrantOverlooked) {
            return false;
        }
        self.is_granted()
    }
}

/// The turn, held; dropping hands it to the longest waiting.
pub(crate) struct Held {
    turn: Arc<Turn>,
    /// Since when, if whoever took it is measured: nobody else looks at a clock.
    measured: Option<(Instant, Arc<Times>)>,
}

/// For how long a thread had the turn while it was measured. A figure: its order with anything else says nothing.
#[derive(Default)]
struct Times(std::sync::atomic::AtomicU64);

thread_local! {
    /// What this thread does is measured, for this queue.
    static MEASURED: RefCell<Option<(Arc<Turn>, Arc<Times>)>> = const { RefCell::new(None) };
}

/// Until it is dropped, the time is counted for which turns that this thread takes are held.
pub(crate) struct Measure {
    times: Arc<Times>,
    /// What was measured before, by work that this is a part of.
    outer: Option<(Arc<Turn>, Arc<Times>)>,
}

impl Measure {
    /// How long turns were held that were taken since it began, and are let go.
    pub(crate) fn held(&self) -> Duration {
        Duration::from_nanos(self.times.0.load(std::sync::atomic::Ordering::Relaxed))
    }
}

impl Drop for Measure {
    fn drop(&mut self) {
        let outer = self.outer.take();
        let _ = MEASURED.try_with(|measured| measured.replace(outer));
    }
}

impl Turn {
    /// Waits until the turn comes, at most until `deadline`; `None` if it did not come by then.
    pub(crate) fn take(self: &Arc<Self>, deadline: Option<Instant>) -> Option<Held> {
        let mut state = self.state.lock();
        if !state.held {
            state.held = true;
            return Some(self.held());
        }
        let waiter = Arc::new(Waiter::default());
        state.queue.push_back(Arc::clone(&waiter));
        while !waiter.is_granted() {
            match deadline {
                None => waiter.ready.wait(&mut state),
                Some(deadline) => {
                    let late = waiter.ready.wait_until(&mut state, deadline).timed_out();
                    if late && !waiter.is_granted_at_last() {
                        state.queue.retain(|other| !Arc::ptr_eq(other, &waiter));
                        return None;
                    }
                }
            }
        }
        Some(self.held())
    }

    /// Measures for how long this thread has the turn from now on.
    pub(crate) fn measure(self: &Arc<Self>) -> Measure {
        let times = Arc::<Times>::default();
        let outer = MEASURED.try_with(|measured| measured.replace(Some((Arc::clone(self), Arc::clone(&times))))).ok().flatten();
        Measure { times, outer }
    }

    fn held(self: &Arc<Self>) -> Held {
        // Not there any more where a thread that ends drops a store of its own: nobody measures that.
        let measured = MEASURED.try_with(|measured| {
            let measured = measured.borrow();
            let of_this = measured.as_ref().filter(|(turn, _)| Arc::ptr_eq(turn, self));
            of_this.map(|(_, times)| (Instant::now(), Arc::clone(times)))
        });
        let measured = measured.ok().flatten();
        Held { turn: Arc::clone(self), measured }
    }

    /// How many stand in the queue.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().queue.len()
    }

    /// Takes the turn only if nobody has it.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Held> {
        let mut state = self.state.lock();
        if state.held {
            return None;
        }
        state.held = true;
        Some(self.held())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((since, times)) = &self.measured {
            let ns = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
            times.0.fetch_add(ns, std::sync::atomic::Ordering::Relaxed);
        }
        let mut state = self.turn.state.lock();
        match state.queue.pop_front() {
            Some(next) => {
                #[cfg(loom)]
                if super::checker::fault::is(super::checker::fault::Fault::TurnLetGo) {
                    state.held = false;
                }
                next.granted.store(true, Ordering::Relaxed);
                next.ready.notify_one();
            }
            None => state.held = false,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    /// L5: the turn comes in the order of asking, and one who gave up is passed over.
    #[test]
    fn l5_turn_is_first_come_first_served() {
        let turn = Arc::new(Turn::default());
        let order = Arc::new(Mutex::new(Vec::new()));
        let held = turn.take(None).expect("free");
        let waiting = |n: usize| {
            while turn.state.lock().queue.len() != n {
                std::thread::yield_now();
            }
        };
        let mut threads = Vec::new();
        for i in 0..4 {
            let (turn, order) = (Arc::clone(&turn), Arc::clone(&order));
            threads.push(std::thread::spawn(move || {
                let held = turn.take(None).expect("no deadline");
                order.lock().push(i);
                drop(held);
            }));
            waiting(i + 1);
        }
        assert!(turn.take(Some(Instant::now() + Duration::from_millis(1))).is_none());
        assert!(turn.try_take().is_none());
        drop(held);
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(*order.lock(), [0, 1, 2, 3]);
        assert!(turn.try_take().is_some());
    }
}
