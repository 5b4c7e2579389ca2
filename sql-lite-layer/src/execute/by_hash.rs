//! Rows that are found by the values of the row around them, in a hash that stays for the statement: what a subquery or a nested join would read whole each time it is opened.
//!
//! At first it compares row by row: many statements ask but once, or stop at the first rows that they find. When it is opened again it keeps the rows; those of a bare table, which cost little
//! until one is found, when some have been compared. Where they do not fit into half of the statement's memory, or the values of a row cannot be computed, it goes on comparing.

use super::chains::{Chains, NONE};
use super::context::{Context, Frame, Kept};
use super::hash_join::write_key;
use super::operator::Operator;
use crate::error::{ErrorKind, Result};
use crate::plan::node::{Join, Node};
use crate::plan::scalar::Scalar;

/// So many rows of a bare table are compared before they are kept, if it is never read to its end.
const COMPARED_FIRST: u32 = 256;

pub(crate) struct ByHash<'r> {
    plan: &'r Join,
    input: Operator<'r>,
    around: &'r [Scalar],
    of_rows: &'r [Scalar],
    way: Way<'r>,
    /// Values around it, as a key; none: they have not been looked at since it was opened.
    wanted: Option<Vec<u8>>,
    key: Vec<u8>,
}

enum Way<'r> {
    /// Row by row; how many more before they are kept.
    Compare {
        more: u32,
    },
    /// The same for good: there is no memory to keep the rows.
    CompareAlways,
    Hash {
        hash: Box<Hash<'r>>,
        row: u32,
    },
}

/// The rows, by their keys.
struct Hash<'r> {
    rows: Chains<'r>,
    kept: Kept,
}

impl<'r> ByHash<'r> {
    /// For a join of `OneRow` with the rows, by a hash of these keys.
    pub(super) fn new(plan: &'r Join, around: &'r [Scalar], of_rows: &'r [Scalar], cx: &Context<'r>) -> Result<ByHash<'r>> {
        Ok(ByHash {
            plan,
            input: Operator::new(&plan.right, cx)?,
            around,
            of_rows,
            way: Way::Compare { more: COMPARED_FIRST },
            wanted: None,
            key: Vec::new(),
        })
    }

    pub(super) fn open(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<()> {
        if let Way::Compare { more: 0 } = self.way {
            self.way = match self.read(frame, cx)? {
                Some(hash) => Way::Hash { hash: Box::new(hash), row: NONE },
                None => Way::CompareAlways,
            };
        }
        if let Way::Hash { hash, row } = &mut self.way {
            *row = NONE;
            // Nobody is compared with where there are no rows.
            if hash.rows.len() > 0 && write_key(&mut self.key, self.around, frame, cx)? {
                *row = hash.rows.first(&self.key);
            }
            return Ok(());
        }
        self.wanted = None;
        if let (Way::Compare { more }, false) = (&mut self.way, is_bare(&self.plan.right)) {
            *more = 0;
        }
        self.input.open(frame, cx)
    }

    pub(super) fn next(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<bool> {
        if let Way::Hash { hash, row } = &mut self.way {
            if *row == NONE {
                return Ok(false);
            }
            cx.tick()?;
            hash.rows.put(*row as usize, frame, &self.plan.right_slots)?;
            *row = hash.rows.after(*row);
            return Ok(true);
        }
        while self.input.next(frame, cx)? {
            cx.tick()?;
            if let Way::Compare { more } = &mut self.way {
                *more = more.saturating_sub(1);
            }
            let wanted = match &mut self.wanted {
                Some(wanted) => wanted,
                none => {
                    let mut key = Vec::new();
                    if !write_key(&mut key, self.around, frame, cx)? {
                        return Ok(false);
                    }
                    none.insert(key)
                }
            };
            if write_key(&mut self.key, self.of_rows, frame, cx)? && self.key == *wanted {
                return Ok(true);
            }
        }
        if let Way::Compare { more } = &mut self.way {
            *more = 0;
        }
        Ok(false)
    }

    /// Reads all rows into a hash; none: they need too much memory, or have values that cannot be computed, which is an error only when such a row is read for itself.
    fn read(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<Option<Hash<'r>>> {
        match self.read_all(frame, cx) {
            Err(error) if error.kind() == ErrorKind::Data => Ok(None),
            read => read,
        }
    }

    fn read_all(&mut self, frame: &mut Frame<'r>, cx: &Context<'r>) -> Result<Option<Hash<'r>>> {
        let mut hash = Hash { rows: Chains::new(self.plan.right_slots.len()), kept: Kept::default() };
        self.input.open(frame, cx)?;
        while self.input.next(frame, cx)? {
            cx.tick()?;
            if !write_key(&mut self.key, self.of_rows, frame, cx)? {
                continue;
            }
            hash.rows.push(&self.key, frame, &self.plan.right_slots, false);
            match hash.kept.is(hash.rows.size_bytes(), "a hash", cx) {
                Err(error) if error.kind() == ErrorKind::Limit => return Ok(None),
                done => done?,
            }
            // The other half is for what cannot do without.
            if cx.kept_bytes() > cx.inputs.memory_bytes / 2 {
                return Ok(None);
            }
        }
        Ok(Some(hash))
    }
}

/// Whether its first row is there without reading others.
fn is_bare(node: &Node) -> bool {
    matches!(node, Node::Scan(scan) if scan.filter.is_empty())
}
