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

use super::context::{Context, Frame};
use super::keys::push;
use super::nested_join::set_null;
use super::operator::Operator;
use super::row_test::RowTests;
use super::scalar::holds;
use super::scan::{put_key, read_row, row_of};
use crate::error::Result;
use crate::plan::node::{self, Access, Join, JoinKind, JoinMethod, KeyPart, Node};
use crate::table::Entries;
use crate::table::schema::Index;

/// See the file's head.
pub(crate) struct Lookups<'r> {
    base: Operator<'r>,
    steps: Vec<Step<'r>>,
    /// The key that is sought.
    key: Vec<u8>,
}

struct Step<'r> {
    join: &'r Join,
    scan: &'r node::Scan,
    keys: &'r [KeyPart],
    rows: Entries<'r>,
    /// Where the key is not the primary one: what leads to the row's.
    index: Option<(Entries<'r>, &'r Index)>,
    tests: RowTests<'r>,
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
            steps.push(Step { join, scan, keys, rows, index, tests: RowTests::new(scan) });
        }
        Ok(Some(Lookups { base: Operator::new(base, cx)?, steps, key: Vec::with_capacity(64) }))
    }

    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.base.open(frame, cx)
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        while self.base.next(frame, cx)? {
            if self.complete(frame, cx)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Looks up what belongs to the base's row in the frame; false if an inner join finds nothing.
    fn complete(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        for step in &mut self.steps {
            cx.tick()?;
            if !step.find(&mut self.key, frame, cx)? || !holds(&step.join.on, frame, cx)? {
                if step.join.kind == JoinKind::Inner {
                    return Ok(false);
                }
                set_null(frame, &step.join.right_slots);
            }
        }
        Ok(true)
    }
}

impl<'r> Step<'r> {
    /// Reads the row with this key into the frame; false if there is none that passes the scan's filter.
    fn find(&mut self, key: &mut Vec<u8>, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
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
}
