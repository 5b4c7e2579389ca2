//! A query that stands in several places of a statement: its rows are kept when one of them first asks.
//!
//! Each place reads columns of its own; what is kept is what all of them read together, so that it does not matter which of them asks first.

use std::rc::Rc;

use super::context::{Context, Frame, Kept, KeptRows};
use super::operator::Operator;
use super::subquery::over_a_frame;
use crate::error::{Error, Result};
use crate::plan::node::{Node, Slot};

/// The rows, as long as the statement runs.
pub(crate) struct SharedRows<'r> {
    rows: KeptRows<'r>,
    _kept: Kept,
}

/// One place that reads them.
pub(crate) struct Shared<'r> {
    number: usize,
    node: &'r Node,
    /// The slots of the query that are kept of each row.
    kept: &'r [Slot],
    /// Where a column that this place reads stands among those, and the place's own slot for it.
    columns: Vec<(usize, Slot)>,
    rows: Option<Rc<SharedRows<'r>>>,
    at: usize,
}

impl<'r> Shared<'r> {
    /// # Errors
    /// `Internal`: a column is not among those that are kept.
    pub(super) fn new(number: usize, node: &'r Node, kept: &'r [Slot], from: &[Slot], out: &[Slot]) -> Result<Shared<'r>> {
        let column = |(from, out): (&Slot, &Slot)| kept.binary_search(from).ok().map(|at| (at, *out));
        match from.iter().zip(out).map(column).collect() {
            Some(columns) if from.len() == out.len() => Ok(Shared { number, node, kept, columns, rows: None, at: 0 }),
            _ => Err(Error::internal("a query that is read in several places does not keep what one of them reads")),
        }
    }

    pub(super) fn open(&mut self, cx: &Context<'r>) -> Result<()> {
        self.at = 0;
        if self.rows.is_none() {
            let known = cx.shared[self.number].borrow().clone();
            let rows = match known {
                Some(rows) => rows,
                None => {
                    let rows = Rc::new(self.read(cx)?);
                    *cx.shared[self.number].borrow_mut() = Some(Rc::clone(&rows));
                    rows
                }
            };
            rows.rows.check_width(self.kept.len())?;
            self.rows = Some(rows);
        }
        Ok(())
    }

    /// Over a frame of its own: the query reads nothing around it, and may stand in a place whose slots are in use.
    fn read(&self, cx: &Context<'r>) -> Result<SharedRows<'r>> {
        over_a_frame(cx, |frame| {
            let mut operator = Operator::new(self.node, cx)?;
            let (mut rows, mut kept) = (KeptRows::new(self.kept.len()), Kept::default());
            operator.open(frame, cx)?;
            while operator.next(frame, cx)? {
                rows.push(frame, self.kept);
                kept.is(rows.size_bytes(), "a query read in several places", cx)?;
            }
            Ok(SharedRows { rows, _kept: kept })
        })
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        let Some(shared) = &self.rows else { return Ok(false) };
        if self.at == shared.rows.len() {
            return Ok(false);
        }
        cx.tick()?;
        let row = shared.rows.row(self.at);
        for (at, slot) in &self.columns {
            frame[slot.0 as usize] = row[*at].clone();
        }
        self.at += 1;
        Ok(true)
    }
}
