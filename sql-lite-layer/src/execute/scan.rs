//! Rows of a table: all of them, or those that a key or an index leads to.
//!
//! Texts and bytes are borrowed from the page that a row stands in. Columns that are read from an index alone are copied, into the memory that the slot has already:
//! a key is no page's bytes.

use std::borrow::Cow;
use std::ops::Bound;

use super::context::{Context, Frame};
use super::fetch::{Fetched, Source};
use super::keys::{Fixed, KeyRanges, Step, to_next_prefix};
use super::row_test::{RowTests, Verdict};
use super::scalar::holds;
use crate::encode::{key, row};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::node::{self, Access, Slot};
use crate::table::schema::{Index, Table};
use crate::table::{Entries, EntryRange};
use crate::types::{DataType, Value};

pub(crate) struct Scan<'r> {
    plan: &'r node::Scan,
    rows: Entries<'r>,
    way: Way<'r>,
    ranges: KeyRanges,
    range: Option<EntryRange<'r>>,
    tests: RowTests<'r>,
    /// What need not be looked at in an entry's key.
    passed: Fixed,
    /// Rows that are looked up.
    fetched: Fetched<'r>,
}

enum Way<'r> {
    Rows,
    Index {
        entries: Entries<'r>,
        index: &'r Index,
        /// What is read from the entries alone; none: rows are looked up.
        only: Option<Vec<Part>>,
    },
}

impl<'r> Scan<'r> {
    pub(super) fn new(plan: &'r node::Scan, cx: &Context<'r>) -> Result<Scan<'r>> {
        let tables = cx.tables()?;
        let way = match &plan.access {
            Access::Full | Access::Primary(_) => Way::Rows,
            Access::Index { index, only, .. } => {
                let index = &plan.table.indexes[*index];
                let only = if *only { Some(parts(&plan.table, index, &plan.columns)?) } else { None };
                Way::Index { entries: tables.index(index)?, index, only }
            }
        };
        Ok(Scan {
            plan,
            rows: tables.rows(&plan.table)?,
            way,
            ranges: KeyRanges::new(),
            range: None,
            tests: RowTests::new(plan),
            passed: Fixed::default(),
            fetched: Fetched::default(),
        })
    }

    pub(super) fn open(&mut self, frame: &Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.range = None;
        self.fetched.restart();
        self.tests.uncut();
        match &self.plan.access {
            Access::Full => {
                self.ranges.all();
                Ok(())
            }
            Access::Primary(keys) => self.ranges.find(keys, Some(self.plan.table.primary.len()), frame, cx),
            Access::Index { index, keys, .. } => {
                let index = &self.plan.table.indexes[*index];
                self.ranges.find(keys, index.unique.then_some(index.columns.len()), frame, cx)?;
                let fixed = self.ranges.fixed();
                self.passed = match &self.way {
                    // What is read from the key is read anew each time.
                    Way::Index { only: Some(parts), .. } if parts.iter().take(fixed.columns).any(|part| part.slot.is_some()) => {
                        Fixed::default()
                    }
                    _ => fixed,
                };
                Ok(())
            }
        }
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        loop {
            if self.range.is_some() {
                if self.next_of_range(frame, cx)? {
                    return Ok(true);
                }
                self.range = None;
            }
            match self.next_range(frame, cx)? {
                Some(false) => {}
                Some(true) => return Ok(true),
                None => return Ok(false),
            }
        }
    }

    /// Leaves out, until it is opened anew, rows in which the column of this slot is larger than the value, or smaller, or equal: if they can be told by their bytes, and if no condition
    /// that may fail would be tested for fewer rows. Whoever asks for that leaves those that are given out by himself.
    pub(super) fn cut(&mut self, slot: Slot, than: &Value<'r>, larger: bool, equal: bool) {
        let column = self.plan.columns.iter().find(|(_, own)| *own == slot);
        if let Some((column, _)) = column
            && self.tests.len() == self.plan.filter.len()
        {
            self.tests.cut(*column, than, larger, equal);
        }
    }

    /// Goes to the next row of the open range that passes the filter; false if there is none.
    fn next_of_range(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        let Scan { plan, rows, way, range: Some(range), tests, passed, fetched, .. } = self else { return Ok(false) };
        if let (Way::Rows, None) = (&way, plan.key) {
            loop {
                cx.tick()?;
                let row = if plan.reverse { range.next_value_back()? } else { range.next_value()? };
                let Some(row) = row else { return Ok(false) };
                if read_row(plan, tests, row, frame, cx)? {
                    return Ok(true);
                }
            }
        }
        if let Way::Index { index, only: None, .. } = *way {
            let mut from = Source { range, reverse: plan.reverse, index, rows: *rows, passed: *passed };
            while let Some((key, row)) = fetched.next(&mut from, Some(cx))? {
                put_key(plan.key, key, frame);
                if read_row(plan, tests, row, frame, cx)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        loop {
            cx.tick()?;
            let entry = if plan.reverse { range.next_lent_back()? } else { range.next_lent()? };
            let Some((key, value)) = entry else { return Ok(false) };
            if read_entry(plan, rows, way, tests, &Entry { key, value, passed: *passed }, frame, cx)? {
                return Ok(true);
            }
        }
    }

    /// Passes all entries with the same first columns of the index as the row in the frame, which was given last, and reads the last of them into the frame; gives how many there
    /// are, with those that were read before. For a scan as [`Passing`](super::passing::Passing) wants it. Costs four ways down the tree.
    pub(super) fn pass_alike(&mut self, columns: usize, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<u64> {
        cx.tick()?;
        let Scan { plan, rows, way, ranges, range, tests, passed, .. } = self;
        let Way::Index { entries, only: Some(parts), .. } = &*way else { return Err(not_alike()) };
        let mut first = ranges.prefix().to_vec();
        for part in &parts[ranges.fixed().columns..columns] {
            let slot = part.slot.ok_or_else(not_alike)?;
            key::push(&mut first, &frame[slot.0 as usize]);
        }
        let mut behind = first.clone();
        let ends = to_next_prefix(&mut behind);
        let end = if ends { Bound::Excluded(&behind[..]) } else { Bound::Unbounded };
        let count = if ends { entries.rank(&behind)? } else { entries.len() }.saturating_sub(entries.rank(&first)?);
        let mut alike = entries.range((Bound::Included(&first), end))?;
        let Some((key, value)) = alike.next_lent_back()? else { return Err(not_alike()) };
        read_entry(plan, rows, way, tests, &Entry { key, value, passed: *passed }, frame, cx)?;
        *range = if ends { Some(entries.range((Bound::Included(&behind), ranges.end()))?) } else { None };
        Ok(count)
    }

    /// Goes on to the next range, or reads the next single entry: then says whether it passes the filter, false also for a range. None at the end.
    fn next_range(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<Option<bool>> {
        let entries = match &self.way {
            Way::Rows => &self.rows,
            Way::Index { entries, .. } => entries,
        };
        while let Some(step) = self.ranges.next(self.plan.reverse) {
            cx.tick()?;
            match step {
                Step::Range(low, high) => {
                    self.range = Some(entries.range((low, high))?);
                    return Ok(Some(false));
                }
                Step::Point(key) => {
                    if let Some(value) = entries.get(key)? {
                        let Scan { plan, rows, way, tests, .. } = self;
                        let entry = Entry { key, value, passed: self.passed };
                        return read_entry(plan, rows, way, tests, &entry, frame, cx).map(Some);
                    }
                }
            }
        }
        Ok(None)
    }
}

/// The scan is not of the form that was asked for, or the row in the frame is none of its own.
#[cold]
fn not_alike() -> Error {
    Error::new(ErrorKind::State, "entries of a group are to be passed where there are none")
}

/// An entry of the rows or of an index, and what of its key need not be looked at.
struct Entry<'k, 'r> {
    key: &'k [u8],
    value: &'r [u8],
    passed: Fixed,
}

/// Reads the row that an entry holds, or leads to, into the frame, if it passes the filter; says whether it does.
#[inline]
fn read_entry<'r>(
    plan: &'r node::Scan,
    rows: &Entries<'r>,
    way: &Way<'r>,
    tests: &mut RowTests<'r>,
    entry: &Entry<'_, 'r>,
    frame: &mut Frame<'r>,
    cx: &Context<'r>,
) -> Result<bool> {
    let Entry { key, value, passed } = *entry;
    let Way::Index { index, only, .. } = way else {
        put_key(plan.key, key, frame);
        return read_row(plan, tests, value, frame, cx);
    };
    let columns = index.columns.len();
    // Keys shorter than their range's beginning are found to be damaged by who reads them.
    let rest = key.get(passed.len_bytes..).unwrap_or_default();
    if let Some(parts) = only {
        let (of_key, of_row_key) = parts.split_at(columns.min(parts.len()));
        let behind_key = put_parts(&of_key[passed.columns..], rest, frame)?;
        let row_key = if value.is_empty() { behind_key } else { value };
        put_key(plan.key, row_key, frame);
        put_parts(of_row_key, row_key, frame)?;
        return holds(&plan.filter, frame, cx);
    }
    let row_key = if value.is_empty() { behind(rest, columns - passed.columns)? } else { value };
    put_key(plan.key, row_key, frame);
    read_row(plan, tests, row_of(rows, row_key, index)?, frame, cx)
}

/// Reads the columns of a row into their slots, those first that the filter needs, and the others if it is true; says whether it is.
#[inline]
pub(super) fn read_row<'r>(
    plan: &'r node::Scan,
    tests: &mut RowTests<'r>,
    bytes: &'r [u8],
    frame: &mut Frame<'r>,
    cx: &Context<'r>,
) -> Result<bool> {
    let mut filter = &plan.filter[..];
    if tests.is_any() {
        match tests.of(bytes, cx)? {
            Verdict::Fails => return Ok(false),
            Verdict::Passes => filter = &filter[tests.len()..],
            Verdict::NotKnown => {}
        }
    }
    let mut row = row::Columns::of(bytes)?;
    if filter.is_empty() {
        return put_columns(&plan.table, &plan.columns, &mut row, frame).map(|()| true);
    }
    let (tested, others) = plan.columns.split_at(plan.tested.min(plan.columns.len()));
    put_columns(&plan.table, tested, &mut row, frame)?;
    if !holds(filter, frame, cx)? {
        return Ok(false);
    }
    put_columns(&plan.table, others, &mut row, frame)?;
    Ok(true)
}

/// The row that an index leads to.
pub(super) fn row_of<'r>(rows: &Entries<'r>, row_key: &[u8], index: &Index) -> Result<&'r [u8]> {
    rows.get(row_key)?.ok_or_else(|| {
        Error::new(ErrorKind::Store, format!("index {} has an entry whose row is not there: the store is damaged", index.name))
    })
}

/// What stands behind so many columns of a key.
pub(super) fn behind(key: &[u8], columns: usize) -> Result<&[u8]> {
    let mut rest = key;
    for _ in 0..columns {
        key::skip(&mut rest)?;
    }
    Ok(rest)
}

/// Reads columns of a row into their slots.
#[inline]
fn put_columns<'r>(table: &Table, columns: &[(usize, Slot)], row: &mut row::Columns<'r>, frame: &mut Frame<'r>) -> Result<()> {
    for (column, slot) in columns {
        let place = &mut frame[slot.0 as usize];
        if !row.read(*column, place)? {
            *place = missing(table, *column)?;
        }
    }
    Ok(())
}

/// What a row that is older than a column holds there.
#[cold]
pub(super) fn missing(table: &Table, column: usize) -> Result<Value<'static>> {
    match &table.columns[column].missing {
        None => Ok(Value::Null),
        Some(bytes) => Ok(row::column(bytes, 0)?.unwrap_or_default().into_owned()),
    }
}

/// Puts the row's key where the plan wants it.
#[inline]
pub(super) fn put_key(slot: Option<Slot>, key: &[u8], frame: &mut Frame<'_>) {
    if let Some(slot) = slot {
        put_bytes(&mut frame[slot.0 as usize], key);
    }
}

/// One column of an entry's key, in the key's order.
struct Part {
    data_type: DataType,
    /// Its values are whole numbers.
    whole: bool,
    slot: Option<Slot>,
}

/// The parts of an entry that hold these columns: the index's columns, and those of the row's key.
fn parts(table: &Table, index: &Index, wanted: &[(usize, Slot)]) -> Result<Vec<Part>> {
    let mut slots: Vec<_> = wanted.to_vec();
    let mut parts: Vec<Part> = Vec::with_capacity(index.columns.len() + table.primary.len());
    for column in index.columns.iter().chain(&table.primary) {
        let slot = slots.iter().position(|(wanted, _)| wanted == column).map(|at| slots.swap_remove(at).1);
        let data_type = table.columns[*column].data_type;
        parts.push(Part { data_type, whole: matches!(data_type, DataType::Integer(_)), slot });
    }
    // Of the row's key nothing is read behind the last column that is wanted.
    let last = parts.iter().rposition(|part| part.slot.is_some()).map_or(0, |last| last + 1);
    parts.truncate(last.max(index.columns.len()));
    match slots.first() {
        None => Ok(parts),
        Some((column, _)) => Err(Error::new(
            ErrorKind::Unsupported,
            format!("index {} does not hold column {} of {}", index.name, table.columns[*column].name, table.name),
        )),
    }
}

/// Reads parts of a key into their slots; gives what stands behind them.
#[inline]
fn put_parts<'k>(parts: &[Part], mut bytes: &'k [u8], frame: &mut Frame<'_>) -> Result<&'k [u8]> {
    for part in parts {
        if part.whole
            && let Some(number) = key::take_int(&mut bytes)
        {
            if let Some(slot) = part.slot {
                put_int(&mut frame[slot.0 as usize], number);
            }
            continue;
        }
        match part.slot {
            Some(slot) => put_copy(&mut frame[slot.0 as usize], key::take(&mut bytes, &part.data_type)?),
            None => key::skip(&mut bytes)?,
        }
    }
    Ok(bytes)
}

#[inline]
fn put_int(place: &mut Value<'_>, number: i64) {
    match place {
        Value::Int(old) => *old = number,
        _ => *place = Value::Int(number),
    }
}

/// Puts a value that does not live long enough; text goes into the memory that the place has.
fn put_copy(place: &mut Value<'_>, value: Value<'_>) {
    match value {
        Value::Text(Cow::Borrowed(text)) => match place {
            Value::Text(Cow::Owned(old)) => {
                old.clear();
                old.push_str(text);
            }
            _ => *place = Value::Text(Cow::Owned(text.to_owned())),
        },
        Value::Blob(Cow::Borrowed(bytes)) => put_bytes(place, bytes),
        value => *place = value.into_owned(),
    }
}

fn put_bytes(place: &mut Value<'_>, bytes: &[u8]) {
    match place {
        Value::Blob(Cow::Owned(old)) => {
            old.clear();
            old.extend_from_slice(bytes);
        }
        _ => *place = Value::Blob(Cow::Owned(bytes.to_owned())),
    }
}
