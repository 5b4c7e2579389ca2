//! What the operators of one execution share: where rows are read, parameters, the statement's time, limits, and what is kept for the whole statement.
//!
//! The frame stands apart from it, so that an expression can borrow from the one while it uses the other.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::in_list::InSet;
use super::shared::SharedRows;
use super::subquery::SubqueryState;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::node::{Node, Plan, Slot};
use crate::table::Tables;
use crate::types::{Timestamp, Value};

/// One value for each slot of the statement. Values borrow from pages, parameters and the plan, which live for `'r`.
pub(crate) type Frame<'r> = Vec<Value<'r>>;

/// How many rows pass between two looks at the cancel flag and the clock.
pub(super) const LOOK_EVERY: u32 = 256;

/// Numbers of sequences: what `NEXT VALUE FOR` asks.
pub(crate) trait Sequences {
    /// The next number of the sequence with this name.
    fn next(&self, name: &str) -> Result<i64>;
    /// The number that it gave last in this session.
    fn current(&self, name: &str) -> Result<i64>;
}

/// What an execution is given.
#[derive(Clone)]
pub(crate) struct Inputs<'r> {
    pub(crate) parameters: &'r [Value<'r>],
    /// The statement's time, if it was asked for: see [`Inputs::now`].
    pub(crate) time: Cell<Option<Timestamp>>,
    /// What sorts, hashes, groups, sets and shared queries may keep at one time.
    pub(crate) memory_bytes: usize,
    pub(crate) cancelled: Option<&'r AtomicBool>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) last_identity: Option<i64>,
    pub(crate) sequences: Option<&'r dyn Sequences>,
    /// Where rows and time of each node are counted, for EXPLAIN ANALYZE.
    pub(crate) counters: Option<&'r Counters>,
}

impl<'r> Inputs<'r> {
    /// Without a limit, a deadline or a flag.
    pub(crate) fn new(parameters: &'r [Value<'r>], now: Option<Timestamp>) -> Inputs<'r> {
        Inputs {
            parameters,
            time: Cell::new(now),
            memory_bytes: usize::MAX,
            cancelled: None,
            deadline: None,
            last_identity: None,
            sequences: None,
            counters: None,
        }
    }
}

impl Inputs<'_> {
    /// The statement's time, the same in all of it: when it was first asked for, unless it was given. Most statements do not ask, and reading the clock takes as long as a tenth of
    /// a lookup. Clones that are to agree are made after the first question.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.time.get().unwrap_or_else(clock);
        self.time.set(Some(now));
        now
    }

    /// Looks at the flag and the clock.
    ///
    /// # Errors
    /// `Cancelled`, `TimedOut`.
    pub(crate) fn look(&self) -> Result<()> {
        // Relaxed: the flag guards nothing but itself, and a look that comes too early is made up by the next.
        if self.cancelled.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(Error::new(ErrorKind::Cancelled, "the statement was cancelled"));
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Error::new(ErrorKind::TimedOut, "the statement's time ran out"));
        }
        Ok(())
    }
}

/// What the clock says. Before 1970 or behind the year 9999 it is wrong, and the nearest of these is taken.
fn clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX).min(253_402_300_799_999_999))
}

/// See the file's head.
pub(crate) struct Context<'r> {
    // Constant.
    pub(crate) inputs: Inputs<'r>,
    tables: Option<Tables<'r>>,
    slot_count: usize,
    // Changed while the statement runs.
    ticks: Cell<u32>,
    kept_bytes: Rc<Cell<usize>>,
    /// Frames of subqueries and shared queries that are not running: the next one takes one. Each slot has one writer, so that what stands in them is no one else's.
    frames: RefCell<Vec<Frame<'r>>>,
    frames_kept: RefCell<Kept>,
    frame_count: Cell<usize>,
    /// Taken out while it runs: a query never runs inside itself.
    pub(super) subqueries: Vec<RefCell<Option<SubqueryState<'r>>>>,
    pub(super) shared: Vec<RefCell<Option<Rc<SharedRows<'r>>>>>,
    /// Values of `Scalar::Once`.
    pub(super) once: Vec<OnceCell<Value<'r>>>,
    /// IN lists that are searched by hash, by the address of the list in the plan. A statement has few.
    pub(super) in_sets: RefCell<Vec<(usize, Option<Rc<InSet>>)>>,
}

/// What a node did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counter {
    /// How often it was opened.
    pub(crate) opened: u64,
    pub(crate) rows: u64,
    /// With the time of the nodes below.
    pub(crate) time: Duration,
}

impl<'r> Context<'r> {
    pub(crate) fn new(plan: &Plan, tables: Option<Tables<'r>>, inputs: Inputs<'r>) -> Context<'r> {
        Context {
            inputs,
            tables,
            slot_count: plan.slot_count,
            ticks: Cell::new(0),
            kept_bytes: Rc::default(),
            frames: RefCell::default(),
            frames_kept: RefCell::default(),
            frame_count: Cell::new(0),
            subqueries: (0..plan.subquery_count).map(|_| RefCell::default()).collect(),
            shared: (0..plan.shared_count).map(|_| RefCell::default()).collect(),
            once: vec![OnceCell::new(); plan.once_count],
            in_sets: RefCell::default(),
        }
    }

    /// A frame of NULLs.
    pub(crate) fn frame(&self) -> Frame<'r> {
        // Not `vec![..]`, which asks a value for each of its copies what it is.
        std::iter::repeat_with(|| Value::Null).take(self.slot_count).collect()
    }

    /// Memory that the statement keeps now.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept_bytes.get()
    }

    /// A frame for a query that runs while another frame is in use. As many are made as queries run in each other, however many there are: a frame is as long as the whole
    /// statement has slots.
    ///
    /// # Errors
    /// `Limit`: the statement may not take as much memory.
    pub(super) fn take_frame(&self) -> Result<Frame<'r>> {
        if let Some(frame) = self.frames.borrow_mut().pop() {
            return Ok(frame);
        }
        self.frame_count.set(self.frame_count.get() + 1);
        let bytes = self.frame_count.get() * self.slot_count * size_of::<Value<'r>>();
        self.frames_kept.borrow_mut().is(bytes, "a subquery", self)?;
        Ok(self.frame())
    }

    /// Takes a frame back whose query has ended.
    pub(super) fn give_frame(&self, frame: Frame<'r>) {
        self.frames.borrow_mut().push(frame);
    }

    pub(crate) fn tables(&self) -> Result<Tables<'r>> {
        self.tables.ok_or_else(|| Error::new(ErrorKind::State, "this statement has no tables open to read"))
    }

    /// To be called for each row of every loop that can be long.
    ///
    /// # Errors
    /// `Cancelled`, `TimedOut`.
    #[inline]
    pub(crate) fn tick(&self) -> Result<()> {
        let ticks = self.ticks.get().wrapping_add(1);
        self.ticks.set(ticks);
        if ticks.is_multiple_of(LOOK_EVERY) { self.look() } else { Ok(()) }
    }

    /// Looks at the flag and the clock.
    #[cold]
    pub(crate) fn look(&self) -> Result<()> {
        self.inputs.look()
    }
}

/// What each node did, by its address in the plan.
#[derive(Debug, Default)]
pub(crate) struct Counters(RefCell<HashMap<usize, Counter>>);

impl Counters {
    /// What the node did; none: it was never reached.
    pub(crate) fn of(&self, node: &Node) -> Option<Counter> {
        self.0.borrow().get(&address(node)).copied()
    }

    pub(super) fn count(&self, node: &Node, opened: bool, row: bool, time: Duration) {
        let mut counters = self.0.borrow_mut();
        let counter = counters.entry(address(node)).or_default();
        counter.opened += u64::from(opened);
        counter.rows += u64::from(row);
        counter.time += time;
    }
}

fn address(node: &Node) -> usize {
    std::ptr::from_ref(node).addr()
}

/// Memory that one operator keeps, as the budget knows it. It is given back when this is dropped, which must live as long as the memory.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    bytes: usize,
    /// What the whole statement keeps; none as long as this is nothing.
    total: Option<Rc<Cell<usize>>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(total) = &self.total {
            total.set(total.get() - self.bytes);
        }
    }
}

impl Kept {
    /// Says that the operator keeps so much now.
    ///
    /// # Errors
    /// `Limit`, naming the operator, if that is beyond the statement's memory.
    #[inline]
    pub(crate) fn is(&mut self, bytes: usize, operator: &str, cx: &Context<'_>) -> Result<()> {
        if bytes == self.bytes { Ok(()) } else { self.change(bytes, operator, cx) }
    }

    fn change(&mut self, bytes: usize, operator: &str, cx: &Context<'_>) -> Result<()> {
        let total = cx.kept_bytes.get() - self.bytes + bytes;
        let limit = cx.inputs.memory_bytes;
        if bytes > self.bytes && total > limit {
            return Err(Error::new(
                ErrorKind::Limit,
                format!("{operator} needs more memory than the statement may take: {total} of {limit} bytes"),
            )
            .with_state("53200"));
        }
        cx.kept_bytes.set(total);
        self.bytes = bytes;
        if self.total.is_none() {
            self.total = Some(Rc::clone(&cx.kept_bytes));
        }
        Ok(())
    }
}

/// Rows of the same slots, kept.
#[derive(Default)]
pub(crate) struct KeptRows<'r> {
    width: usize,
    values: Vec<Value<'r>>,
    count: usize,
    /// What texts and bytes take that are not borrowed.
    owned_bytes: usize,
}

impl<'r> KeptRows<'r> {
    pub(crate) fn new(width: usize) -> KeptRows<'r> {
        KeptRows { width, values: Vec::new(), count: 0, owned_bytes: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Makes room for so many rows more.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.values.reserve(count * self.width);
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
        (self.count, self.owned_bytes) = (0, 0);
    }

    /// Adds the row that stands in the frame; its number.
    pub(crate) fn push(&mut self, frame: &[Value<'r>], slots: &[Slot]) -> usize {
        self.push_values(slots.iter().map(|slot| frame[slot.0 as usize].clone()))
    }

    /// Adds a row of as many values as the width.
    pub(crate) fn push_values(&mut self, values: impl Iterator<Item = Value<'r>>) -> usize {
        let owned_bytes = &mut self.owned_bytes;
        self.values.extend(values.inspect(|value| *owned_bytes += owned_len_bytes(value)));
        debug_assert_eq!(self.values.len(), (self.count + 1) * self.width);
        self.count += 1;
        self.count - 1
    }

    /// Puts another row in the place of this one.
    pub(crate) fn replace(&mut self, number: usize, values: impl Iterator<Item = Value<'r>>) {
        let start = number * self.width;
        for (place, value) in self.values[start..start + self.width].iter_mut().zip(values) {
            self.owned_bytes += owned_len_bytes(&value);
            self.owned_bytes -= owned_len_bytes(place);
            *place = value;
        }
    }

    pub(crate) fn row(&self, number: usize) -> &[Value<'r>] {
        &self.values[number * self.width..(number + 1) * self.width]
    }

    /// Rows of so many values are expected.
    ///
    /// # Errors
    /// `Internal`: those that are kept have another number of them. Taken side by side with slots they would be wrong values.
    #[inline]
    pub(crate) fn check_width(&self, width: usize) -> Result<()> {
        if width == self.width { Ok(()) } else { Err(other_width(width, self.width)) }
    }

    /// Puts the row into the frame.
    ///
    /// # Errors
    /// `Internal`: there are more or fewer slots than a row has values.
    #[inline]
    pub(crate) fn put(&self, number: usize, frame: &mut [Value<'r>], slots: &[Slot]) -> Result<()> {
        self.check_width(slots.len())?;
        for (value, slot) in self.row(number).iter().zip(slots) {
            frame[slot.0 as usize] = value.clone();
        }
        Ok(())
    }

    /// Moves the row into the frame; NULLs stay where it stood. For those who made the rows for these slots: only a debug build looks whether they fit.
    #[inline]
    pub(crate) fn take(&mut self, number: usize, frame: &mut [Value<'r>], slots: &[Slot]) {
        debug_assert_eq!(slots.len(), self.width);
        let start = number * self.width;
        for (value, slot) in self.values[start..start + self.width].iter_mut().zip(slots) {
            frame[slot.0 as usize] = std::mem::take(value);
        }
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.values.capacity() * size_of::<Value<'r>>() + self.owned_bytes
    }
}

#[cold]
fn other_width(asked: usize, kept: usize) -> Error {
    Error::internal(format!("a row of {asked} values is asked of rows of {kept}"))
}

/// What a row of a result takes in memory.
pub(crate) fn row_bytes(row: &[Value<'_>]) -> usize {
    size_of::<Vec<Value<'_>>>() + size_of_val(row) + row.iter().map(owned_len_bytes).sum::<usize>()
}

/// What a value takes beside its own size.
pub(crate) fn owned_len_bytes(value: &Value<'_>) -> usize {
    match value {
        Value::Text(std::borrow::Cow::Owned(text)) => text.capacity(),
        Value::Blob(std::borrow::Cow::Owned(bytes)) => bytes.capacity(),
        _ => 0,
    }
}
