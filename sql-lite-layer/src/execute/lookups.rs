//! Joins whose right sides are single rows found by a whole key: one after the other for each row of the leftmost side, without an operator for each.
//!
//! ```text
//!   left join            base: scan t ─► row ─► lookup u ─► lookup v ─► row
//!     left join                           │        │          └ NULLs where there is none (left)
//!       scan t             ═>             ▼        └ next row of the base where there is none (inner)
//!       scan u by key                   frame
//!     scan v by key
//! ```
//!
//! A key finds one row or none, so that no step has to be gone back to: the next row is always the base's. It does what `NestedJoin` over `Scan` would do, each time.
//!
//! Where the base has several rows, up to 16 of them are gathered, and what their columns alone are the keys of is looked up side by side. All else is done when a row has its turn,
//! in the order in which it would be done without:
//!
//! 1. Before a row is given its base's columns stand in the frame again; so they do for the last one when the base is asked for the next.
//! 2. An error of the base waits until the rows in front of it have been given.
//! 3. Nothing is looked up ahead behind a step that may refuse the row: it would be in vain.

use super::context::{Context, Frame, KeptRows};
use super::fetch::{KeyList, MOST, more_than};
use super::keys::push;
use super::nested_join::set_null;
use super::operator::Operator;
use super::row_test::RowTests;
use super::scalar::holds;
use super::scan::{put_key, read_row, row_of};
use crate::error::Result;
use crate::plan::is_volatile_node;
use crate::plan::node::{self, Access, Join, JoinKind, JoinMethod, KeyPart, Node, Slot};
use crate::plan::scalar::Scalar;
use crate::table::Entries;
use crate::table::schema::Index;

/// See the file's head.
pub(crate) struct Lookups<'r> {
    base: Operator<'r>,
    plan_of_base: &'r Node,
    steps: Vec<Step<'r>>,
    /// The key that is sought.
    key: Vec<u8>,
    gathered: Gathered<'r>,
}

/// Rows of the base that were read ahead.
struct Gathered<'r> {
    /// Whether it is done at all; none: nobody has asked yet.
    is_possible: Option<bool>,
    /// What the base writes and others read.
    slots: &'r [Slot],
    rows: KeptRows<'r>,
    /// Which of them is given next.
    at: usize,
    /// How many were asked for last; of the first two, which were asked for one by one, how many.
    count: usize,
    /// What the base said behind them.
    end: Option<Result<bool>>,
}

struct Step<'r> {
    join: &'r Join,
    scan: &'r node::Scan,
    keys: &'r [KeyPart],
    rows: Entries<'r>,
    /// Where the key is not the primary one: what leads to the row's.
    index: Option<(Entries<'r>, &'r Index)>,
    tests: RowTests<'r>,
    /// What the gathered rows find, if that is looked up ahead.
    ahead: Option<Box<Ahead<'r>>>,
}

/// What the gathered rows find.
#[derive(Default)]
struct Ahead<'r> {
    keys: KeyList,
    /// For each row which of the keys is its own; none: a NULL, which finds nothing.
    key_of: Vec<Option<usize>>,
    found: Vec<Option<&'r [u8]>>,
    /// The rows that entries of an index, which were found, lead to; and for each key which of them is its own.
    row_keys: KeyList,
    row_of: Vec<Option<usize>>,
    rows: Vec<Option<&'r [u8]>>,
}

/// The scan on the right of a join and its key, if it finds one row or none.
fn lookup(join: &Join) -> Option<(&node::Scan, &[KeyPart])> {
    let (JoinKind::Inner | JoinKind::Left, JoinMethod::Nested, Node::Scan(scan)) = (join.kind, &join.method, &join.right) else {
        return None;
    };
    let (keys, whole) = match &scan.access {
        Access::Primary(keys) => (keys, scan.table.primary.len()),
        Access::Index { index, keys, only: false } if scan.table.indexes[*index].unique => {
            (keys, scan.table.indexes[*index].columns.len())
        }
        _ => return None,
    };
    let is_whole = keys.any.is_none() && keys.lower.is_none() && keys.upper.is_none() && keys.equal.len() == whole && whole > 0;
    let has_null = keys.equal.iter().any(|part| matches!(part, KeyPart::IsNull));
    (is_whole && !has_null).then_some((scan, &keys.equal))
}

impl<'r> Lookups<'r> {
    /// This join and those on its left as lookups, if it is one.
    pub(super) fn of(join: &'r Join, cx: &Context<'r>) -> Result<Option<Lookups<'r>>> {
        let (mut joins, mut base, mut next) = (Vec::with_capacity(16), &join.left, Some(join));
        while let Some(join) = next
            && let Some((scan, keys)) = lookup(join)
        {
            joins.push((join, scan, keys));
            base = &join.left;
            next = if let Node::Join(left) = base { Some(left) } else { None };
        }
        if joins.is_empty() {
            return Ok(None);
        }
        let tables = cx.tables()?;
        let mut steps: Vec<Step<'r>> = Vec::with_capacity(joins.len());
        for (join, scan, keys) in joins.into_iter().rev() {
            let known = steps.iter().find(|step| step.scan.table.id == scan.table.id).map(|step| step.rows);
            let rows = match known {
                Some(rows) => rows,
                None => tables.rows(&scan.table)?,
            };
            let index = match &scan.access {
                Access::Index { index, .. } => {
                    let index = &scan.table.indexes[*index];
                    Some((tables.index(index)?, index))
                }
                _ => None,
            };
            steps.push(Step { join, scan, keys, rows, index, tests: RowTests::new(scan), ahead: None });
        }
        let plan_of_base = base;
        let slots = steps.first().map_or(&[][..], |step| &step.join.left_slots);
        let gathered = Gathered { is_possible: None, slots, rows: KeptRows::new(slots.len()), at: 0, count: 0, end: None };
        Ok(Some(Lookups { base: Operator::new(base, cx)?, plan_of_base, steps, key: Vec::with_capacity(64), gathered }))
    }

    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.gathered.restart();
        self.base.open(frame, cx)
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        loop {
            let gathered = self.gathered.give(frame);
            if gathered.is_none() {
                if let Some(end) = self.gathered.end.take() {
                    return end;
                }
                if self.gathers() {
                    self.gather(frame, cx)?;
                    continue;
                }
                if !self.base.next(frame, cx)? {
                    return Ok(false);
                }
            }
            if self.complete(gathered, frame, cx)? {
                return Ok(true);
            }
        }
    }

    /// Whether more rows than one are to be read now.
    fn gathers(&mut self) -> bool {
        // Many bases have one row: the end behind it is found before anything is prepared for more.
        let (is_begin, count) = (self.gathered.count < 2, self.gathered.count);
        self.gathered.count = if is_begin { count + 1 } else { more_than(count) };
        if is_begin {
            return false;
        }
        match self.gathered.is_possible {
            Some(known) => known,
            None => self.plan_ahead(),
        }
    }

    /// Finds out which steps can be looked up ahead, and whether any.
    #[cold]
    fn plan_ahead(&mut self) -> bool {
        let mut written: Vec<Slot> = Vec::new();
        let mut is_possible = false;
        if is_made_of_columns(self.plan_of_base) && !is_volatile_node(self.plan_of_base) {
            for step in &mut self.steps {
                let of_base = |part: &KeyPart| match part {
                    KeyPart::Equal(Scalar::Slot(slot)) => !written.contains(slot),
                    KeyPart::Equal(expr) => matches!(expr, Scalar::Constant(_) | Scalar::Parameter(_)),
                    KeyPart::IsNull => false,
                };
                if step.keys.iter().all(of_base) {
                    let ahead = Ahead { keys: KeyList::with_room(), key_of: Vec::with_capacity(MOST), ..Ahead::default() };
                    (step.ahead, is_possible) = (Some(Box::new(ahead)), true);
                }
                if step.join.kind == JoinKind::Inner && !(step.scan.filter.is_empty() && step.join.on.is_empty()) {
                    break;
                }
                written.extend(&step.join.right_slots);
            }
        }
        self.gathered.is_possible = Some(is_possible);
        if is_possible {
            self.gathered.rows.reserve(MOST);
        }
        is_possible
    }

    /// Reads rows of the base, as many as are to be read now, and looks up what they lead to.
    fn gather(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        let Lookups { base, steps, key, gathered, .. } = self;
        gathered.forget();
        for step in &mut *steps {
            step.begin_ahead();
        }
        while gathered.rows.len() < gathered.count {
            match base.next(frame, cx) {
                Ok(true) => {}
                end => {
                    gathered.end = Some(end);
                    break;
                }
            }
            gathered.rows.push(frame, gathered.slots);
            for step in &mut *steps {
                step.note_key(key, frame, cx)?;
            }
        }
        steps.iter_mut().try_for_each(Step::look_ahead)
    }

    /// Looks up what belongs to the base's row in the frame, which is this one of the gathered; false if an inner join finds nothing.
    fn complete(&mut self, gathered: Option<usize>, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        for step in &mut self.steps {
            cx.tick()?;
            if !step.find(gathered, &mut self.key, frame, cx)? || !holds(&step.join.on, frame, cx)? {
                if step.join.kind == JoinKind::Inner {
                    return Ok(false);
                }
                set_null(frame, &step.join.right_slots);
            }
        }
        Ok(true)
    }
}

/// Whether the rows of a node are made of columns alone: what is kept of them is short, or borrowed.
fn is_made_of_columns(node: &Node) -> bool {
    match node {
        Node::Scan(_) => true,
        Node::Filter { input, .. } => is_made_of_columns(input),
        Node::Join(join) => is_made_of_columns(&join.left) && is_made_of_columns(&join.right),
        _ => false,
    }
}

impl<'r> Gathered<'r> {
    fn restart(&mut self) {
        self.forget();
        (self.count, self.end) = (0, None);
    }

    fn forget(&mut self) {
        self.rows.clear();
        self.at = 0;
    }

    /// Puts the next row into the frame; its number, or none if there are no more.
    #[inline]
    fn give(&mut self, frame: &mut Frame<'r>) -> Option<usize> {
        if self.at == self.rows.len() {
            return None;
        }
        self.rows.take(self.at, frame, self.slots);
        self.at += 1;
        Some(self.at - 1)
    }
}

impl<'r> Step<'r> {
    /// Writes the key that the frame has for this step; false if a NULL is in it, which finds nothing.
    #[inline]
    fn write_key(&self, key: &mut Vec<u8>, frame: &Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        key.clear();
        for part in self.keys {
            let found = match part {
                KeyPart::Equal(expr) => push(key, expr, frame, cx)?,
                KeyPart::IsNull => false,
            };
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads the row with this key into the frame; false if there is none that passes the scan's filter. `gathered`: which of the gathered rows stands in the frame.
    fn find(&mut self, gathered: Option<usize>, key: &mut Vec<u8>, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        if let (Some(number), Some(ahead)) = (gathered, &self.ahead) {
            let Some((row_key, row)) = ahead.of_row(number, &self.rows, self.index)? else { return Ok(false) };
            put_key(self.scan.key, row_key, frame);
            return read_row(self.scan, &mut self.tests, row, frame, cx);
        }
        if !self.write_key(key, frame, cx)? {
            return Ok(false);
        }
        let row = match self.index {
            None => self.rows.get(key)?,
            Some((entries, index)) => match entries.get(key)? {
                None => None,
                Some(row_key) => {
                    put_key(self.scan.key, row_key, frame);
                    Some(row_of(&self.rows, row_key, index)?)
                }
            },
        };
        let Some(row) = row else { return Ok(false) };
        if self.index.is_none() {
            put_key(self.scan.key, key, frame);
        }
        read_row(self.scan, &mut self.tests, row, frame, cx)
    }

    fn begin_ahead(&mut self) {
        if let Some(ahead) = &mut self.ahead {
            ahead.keys.clear();
            ahead.key_of.clear();
        }
    }

    /// Notes the key of a row that was gathered, which stands in the frame.
    fn note_key(&mut self, key: &mut Vec<u8>, frame: &Frame<'r>, cx: &Context<'r>) -> Result<()> {
        let has_key = self.ahead.is_some() && self.write_key(key, frame, cx)?;
        if let Some(ahead) = &mut self.ahead {
            ahead.key_of.push(has_key.then_some(ahead.keys.len()));
            if has_key {
                ahead.keys.push(key);
            }
        }
        Ok(())
    }

    /// Looks up all that was noted.
    fn look_ahead(&mut self) -> Result<()> {
        let Some(ahead) = &mut self.ahead else { return Ok(()) };
        let Some((entries, _)) = &self.index else { return ahead.keys.look_up(&self.rows, &mut ahead.found) };
        let Ahead { keys, found, row_keys, row_of, rows, .. } = &mut **ahead;
        keys.look_up(entries, found)?;
        row_keys.clear();
        row_of.clear();
        for row_key in &*found {
            row_of.push(row_key.map(|_| row_keys.len()));
            row_key.iter().for_each(|row_key| row_keys.push(row_key));
        }
        row_keys.look_up(&self.rows, rows)
    }
}

impl<'r> Ahead<'r> {
    /// What row `number` of the gathered has found: the row and its key.
    #[inline]
    fn of_row(
        &self,
        number: usize,
        rows: &Entries<'r>,
        index: Option<(Entries<'r>, &'r Index)>,
    ) -> Result<Option<(&[u8], &'r [u8])>> {
        let Some(key) = self.key_of[number] else { return Ok(None) };
        let Some((_, index)) = index else { return Ok(self.found[key].map(|row| (self.keys.get(key), row))) };
        let Some(at) = self.row_of[key] else { return Ok(None) };
        let row_key = self.row_keys.get(at);
        match self.rows[at] {
            Some(row) => Ok(Some((row_key, row))),
            // Says that it is not there.
            None => row_of(rows, row_key, index).map(|row| Some((row_key, row))),
        }
    }
}
