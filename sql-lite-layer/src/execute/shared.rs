//! A query that stands in several places of a statement: its rows are kept when one of them first asks.

use std::rc::Rc;

use super::context::{Context, Frame, Kept, KeptRows};
use super::operator::Operator;
use crate::error::Result;
use crate::plan::node::{Node, Slot};

/// The rows, as long as the statement runs.
pub(crate) struct SharedRows<'r> {
    rows: KeptRows<'r>,
}

/// One place that reads them.
pub(crate) struct Shared<'r> {
    number: usize,
    node: &'r Node,
    from: &'r [Slot],
    out: &'r [Slot],
    rows: Option<Rc<SharedRows<'r>>>,
    at: usize,
}

impl<'r> Shared<'r> {
    pub(super) fn new(number: usize, node: &'r Node, from: &'r [Slot], out: &'r [Slot]) -> Shared<'r> {
        Shared { number, node, from, out, rows: None, at: 0 }
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
            self.rows = Some(rows);
        }
        Ok(())
    }

    /// Over a frame of its own: the query reads nothing around it, and may stand in a place whose slots are in use.
    fn read(&self, cx: &Context<'r>) -> Result<SharedRows<'r>> {
        let mut frame = cx.frame();
        let mut operator = Operator::new(self.node, cx)?;
        let (mut rows, mut kept) = (KeptRows::new(self.from.len()), Kept::default());
        operator.open(&mut frame, cx)?;
        while operator.next(&mut frame, cx)? {
            rows.push(&frame, self.from);
            kept.is(rows.size_bytes(), "a query read in several places", cx)?;
        }
        Ok(SharedRows { rows })
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        let Some(shared) = &self.rows else { return Ok(false) };
        if self.at == shared.rows.len() {
            return Ok(false);
        }
        cx.tick()?;
        shared.rows.put(self.at, frame, self.out);
        self.at += 1;
        Ok(true)
    }
}
