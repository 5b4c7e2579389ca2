//! A model of crossbeam-epoch: what was handed over is destroyed as soon as every guard of that moment is gone, which is the earliest that
//! the crate's contract allows. Who would be caught by a later destruction is caught by this one.
//!
//! Orders as in the crate: pinning is a sequentially consistent fence; letting go releases; handing over is a fence again; destroying
//! acquires what each thread released last. All of these steps touch one atomic, which orders no memory, so that the
//! checker tries them in every order.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use loom::sync::atomic::{AtomicUsize, fence};

use super::atomic::{AtomicPtr, Ordering};
use super::{fault, memory};

/// Destroys one value.
type Destroy = Box<dyn FnOnce()>;

/// A thread's: stored with release when a guard of it lets go.
type Released = Arc<AtomicUsize>;

#[derive(Default)]
struct Collector {
    next: u64,
    pinned: BTreeSet<u64>,
    /// Made before there are threads, so that all know them; the first so many belong to one.
    threads: Vec<Released>,
    joined: usize,
    /// With the guards of the moment when it was handed over.
    waiting: Vec<(BTreeSet<u64>, Destroy)>,
}

thread_local! {
    static COLLECTOR: RefCell<Collector> = RefCell::default();
}

loom::thread_local! {
    static RELEASED: Released = COLLECTOR.with_borrow_mut(|collector| {
        collector.joined += 1;
        Arc::clone(&collector.threads[collector.joined - 1])
    });
}

loom::lazy_static! {
    static ref STEPS: AtomicUsize = AtomicUsize::new(0);
}

/// Forgets everything: an interleaving begins.
pub(crate) fn reset() {
    // What still waits belongs to an interleaving that is over: its values refer to objects of the checker that are no more.
    COLLECTOR.take().waiting.into_iter().for_each(std::mem::forget);
    let threads = (0..loom::MAX_THREADS).map(|_| Released::default()).collect();
    COLLECTOR.with_borrow_mut(|collector| collector.threads = threads);
}

/// Destroys what is handed over and not destroyed yet. Nobody is pinned.
pub(crate) fn finish() {
    COLLECTOR.with_borrow(|collector| assert!(collector.pinned.is_empty(), "a guard outlived the model"));
    destroy_ready();
}

/// Keeps alive what is reachable now.
pub(crate) struct Guard {
    number: u64,
    released: Released,
}

/// Pins the calling thread.
pub(crate) fn pin() -> Guard {
    STEPS.fetch_add(1, Ordering::Relaxed);
    let released = RELEASED.with(Arc::clone);
    let number = COLLECTOR.with_borrow_mut(|collector| {
        collector.next += 1;
        let number = collector.next;
        if !fault::is(fault::Fault::Unpinned) {
            collector.pinned.insert(number);
        }
        number
    });
    fence(Ordering::SeqCst);
    Guard { number, released }
}

impl Guard {
    /// Nothing waits longer than it must.
    #[allow(clippy::unused_self)]
    pub(crate) fn flush(&self) {}

    /// Destroys what `shared` points at when no guard of this moment is left.
    ///
    /// # Safety
    /// As in crossbeam-epoch.
    #[track_caller]
    pub(crate) unsafe fn defer_destroy<T: 'static>(&self, shared: Shared<'_, T>) {
        let pointer = shared.0.cast_mut();
        let destroy: Destroy = Box::new(move || destroy(pointer));
        fence(Ordering::SeqCst);
        STEPS.fetch_add(1, Ordering::Relaxed);
        let hasty = fault::hastens(Location::caller());
        COLLECTOR.with_borrow_mut(|collector| {
            let looking = if hasty { BTreeSet::new() } else { collector.pinned.clone() };
            collector.waiting.push((looking, destroy));
        });
        destroy_ready();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // Adding, so that these steps stand in one order with those of who destroys.
        self.released.fetch_add(1, Ordering::Release);
        STEPS.fetch_add(1, Ordering::Relaxed);
        COLLECTOR.with_borrow_mut(|collector| {
            collector.pinned.remove(&self.number);
            collector.waiting.iter_mut().for_each(|(looking, _)| {
                looking.remove(&self.number);
            });
        });
        destroy_ready();
    }
}

fn destroy_ready() {
    loop {
        let ready = COLLECTOR.with_borrow_mut(|collector| {
            let at = collector.waiting.iter().position(|(looking, _)| looking.is_empty())?;
            Some((collector.waiting.remove(at).1, collector.threads.clone()))
        });
        let Some((destroy, threads)) = ready else { return };
        for released in threads {
            // Adding reads the newest value: a load might be given one from before.
            released.fetch_add(0, Ordering::Acquire);
        }
        destroy();
    }
}

fn destroy<T>(pointer: *mut T) {
    memory::gone(pointer);
    // SAFETY: it came from a box (`Owned`), is unreachable, and nobody looks at it any more (the promise of who handed it over).
    unsafe { std::ptr::drop_in_place(pointer) };
    memory::bury(pointer);
}

/// A value on its way to an [`Atomic`].
pub(crate) struct Owned<T>(Box<T>);

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Owned<T> {
        Owned(Box::new(value))
    }
}

/// A pointer that was loaded under a guard.
pub(crate) struct Shared<'g, T>(*const T, PhantomData<&'g T>);

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<'_, T> {}

impl<T> From<*const T> for Shared<'_, T> {
    fn from(pointer: *const T) -> Self {
        Shared(pointer, PhantomData)
    }
}

impl<'g, T> Shared<'g, T> {
    pub(crate) fn null() -> Shared<'g, T> {
        Shared(std::ptr::null(), PhantomData)
    }

    pub(crate) fn as_raw(&self) -> *const T {
        self.0
    }

    /// # Safety
    /// As in crossbeam-epoch.
    pub(crate) unsafe fn deref(&self) -> &'g T {
        memory::read(self.0);
        // SAFETY: the caller's promise.
        unsafe { &*self.0 }
    }

    /// # Safety
    /// As in crossbeam-epoch.
    pub(crate) unsafe fn try_into_owned(self) -> Option<Owned<T>> {
        if self.0.is_null() {
            return None;
        }
        memory::gone(self.0);
        // SAFETY: the caller's promise; it came from a box.
        Some(Owned(unsafe { Box::from_raw(self.0.cast_mut()) }))
    }
}

/// What an [`Atomic`] can be set to.
pub(crate) trait Pointer<T> {
    fn into_pointer(self) -> *mut T;
}

impl<T> Pointer<T> for Owned<T> {
    fn into_pointer(self) -> *mut T {
        let pointer = Box::into_raw(self.0);
        memory::made(pointer);
        pointer
    }
}

impl<T> Pointer<T> for Shared<'_, T> {
    fn into_pointer(self) -> *mut T {
        self.0.cast_mut()
    }
}

/// A pointer that threads share.
pub(crate) struct Atomic<T>(AtomicPtr<T>);

// SAFETY: as crossbeam-epoch's: it lends `&T` to every thread, and gives `T` away.
unsafe impl<T: Send + Sync> Send for Atomic<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Atomic<T> {}

impl<T> Atomic<T> {
    pub(crate) fn new(value: T) -> Atomic<T> {
        Atomic(AtomicPtr::new(Owned::new(value).into_pointer()))
    }

    pub(crate) fn null() -> Atomic<T> {
        Atomic(AtomicPtr::default())
    }

    #[track_caller]
    pub(crate) fn load<'g>(&self, order: Ordering, _: &'g Guard) -> Shared<'g, T> {
        Shared(self.0.load(order), PhantomData)
    }

    #[track_caller]
    pub(crate) fn swap<'g>(&self, new: impl Pointer<T>, order: Ordering, _: &'g Guard) -> Shared<'g, T> {
        Shared(self.0.swap(new.into_pointer(), order), PhantomData)
    }

    /// # Safety
    /// As in crossbeam-epoch.
    pub(crate) unsafe fn try_into_owned(self) -> Option<Owned<T>> {
        // Relaxed: whoever owns it comes after every other.
        let shared: Shared<'_, T> = Shared(self.0.load(Ordering::Relaxed), PhantomData);
        // SAFETY: the caller's promise.
        unsafe { shared.try_into_owned() }
    }
}
