//! Operators and statements over slots.

use std::sync::Arc;

use super::scalar::{AggregateCall, Scalar};
use crate::parse::ast::SetOp;
use crate::table::schema::Table;
use crate::types::DataType;

/// A place of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(pub(crate) u32);

/// A statement that reads or changes rows.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) action: Action,
    /// Columns of the result; empty for a change without RETURNING.
    pub(crate) columns: Vec<OutColumn>,
    /// Length of the frame.
    pub(crate) slot_count: usize,
    /// The type of each slot's values: `slot_count` of them.
    pub(crate) slot_types: Vec<DataType>,
    /// Subqueries, which are numbered from 0.
    pub(crate) subquery_count: usize,
    /// Queries that are kept for the statement (`Node::Shared`), numbered from 0.
    pub(crate) shared_count: usize,
    /// Expressions that have one value in the whole statement (`Scalar::Once`), numbered from 0.
    pub(crate) once_count: usize,
    /// What each parameter is compared with or stored in; `Unknown` where nothing says it. Only the class counts (widths, lengths and scales are the widest): before
    /// the plan runs each value given is converted to this class, so that keys may hold it.
    pub(crate) parameters: Vec<DataType>,
    /// Which of them are compared, or computed with: a value that the conversion would change gets another plan.
    pub(crate) compared: Vec<bool>,
}

/// A column of the result.
#[derive(Clone, Debug)]
pub(crate) struct OutColumn {
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) slot: Slot,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Query(Node),
    Insert(Box<Insert>),
    Update(Box<Update>),
    Delete(Box<Delete>),
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// One row without columns: a SELECT without FROM.
    OneRow,
    /// No row.
    Nothing,
    Values {
        rows: Vec<Vec<Scalar>>,
        out: Vec<Slot>,
    },
    Scan(Box<Scan>),
    /// Rows for which all of these are true.
    Filter {
        input: Box<Node>,
        all: Vec<Scalar>,
    },
    /// Computes slots.
    Project {
        input: Box<Node>,
        exprs: Vec<(Slot, Scalar)>,
    },
    Join(Box<Join>),
    Aggregate(Box<Aggregate>),
    Sort(Box<Sort>),
    /// The first row of each group of rows that are equal in these slots; NULLs are equal.
    Distinct {
        input: Box<Node>,
        on: Vec<Slot>,
    },
    /// NULL as a limit or offset: none. Negative: an error.
    Limit {
        input: Box<Node>,
        limit: Option<Scalar>,
        offset: Option<Scalar>,
    },
    SetOp(Box<SetOperation>),
    /// A query whose rows are kept once for the statement and read wherever it stands: `out` are this place's own slots.
    Shared {
        number: usize,
        node: Arc<Node>,
        /// What is kept of a row: all that any of its places reads, ascending, the same in all of them. `share::seal` writes it.
        kept: Arc<[Slot]>,
        /// What this place reads of a row, in the order of `out`.
        from: Vec<Slot>,
        out: Vec<Slot>,
    },
}

/// Rows of a table.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub(crate) table: Arc<Table>,
    /// As it is called in the statement, for EXPLAIN.
    pub(crate) alias: String,
    pub(crate) access: Access,
    /// From the last entry to the first.
    pub(crate) reverse: bool,
    /// Columns to read, ascending, and where to put them.
    pub(crate) columns: Vec<(usize, Slot)>,
    /// Where to put the row's key, as bytes, for UPDATE and DELETE.
    pub(crate) key: Option<Slot>,
    /// Tested for each row when its columns are read.
    pub(crate) filter: Vec<Scalar>,
    /// The filter reads no more than the first so many of `columns`: the others are read when it is true. `usize::MAX` until the optimizer's last rule has looked.
    pub(crate) tested: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Access {
    Full,
    /// By the primary key.
    Primary(Keys),
    /// By `table.indexes[index]`. `only`: all that is read stands in the index's key and the row's key, so that rows are not looked up.
    Index {
        index: usize,
        keys: Keys,
        only: bool,
    },
}

/// Which entries of a key's order are read. The expressions are computed when the scan opens, from parameters and the slots of rows around it; they are of
/// exactly the column's class (the planner has cast them). A NULL among them (but for `IsNull`) matches nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    /// What the first columns of the key are.
    pub(crate) equal: Vec<KeyPart>,
    /// What the column after those may be: one of several. The scan computes them when it opens, and reads them in the key's order and each once.
    pub(crate) any: Option<Vec<Scalar>>,
    /// Bounds of the column after those (never with `any`): the value and whether it is included. NULLs are never
    /// between bounds, also if there is only one.
    pub(crate) lower: Option<(Scalar, bool)>,
    pub(crate) upper: Option<(Scalar, bool)>,
}

#[derive(Clone, Debug)]
pub(crate) enum KeyPart {
    Equal(Scalar),
    IsNull,
}

#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) kind: JoinKind,
    pub(crate) left: Node,
    /// Opened for each row of the left unless it is hashed: its scans may read the slots of the left.
    pub(crate) right: Node,
    pub(crate) method: JoinMethod,
    /// What else must be true of a pair.
    pub(crate) on: Vec<Scalar>,
    /// Slots that the left and the right write: they are NULL where there is no partner, and are kept by a hash.
    pub(crate) left_slots: Vec<Slot>,
    pub(crate) right_slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Full,
    /// Rows of the left with a partner, once each; and those without one.
    Semi,
    Anti,
}

#[derive(Clone, Debug)]
pub(crate) enum JoinMethod {
    /// For each row of the left the right is opened anew.
    Nested,
    /// The right is read once, into a hash table; it reads no slot of the left. Pairs of equal values of one class (all numbers are one); NULL equals nothing.
    /// Without keys every pair meets: the right is kept, that is all. With `OneRow` on the left: see [`Join::is_by_hash`].
    Hash { left: Vec<Scalar>, right: Vec<Scalar> },
}

impl Join {
    /// Whether it only finds rows of the right by the values around it: the optimizer's rule `by_hash` makes it.
    pub(crate) fn is_by_hash(&self) -> bool {
        let is_hash = matches!(&self.method, JoinMethod::Hash { left, .. } if !left.is_empty());
        is_hash && self.kind == JoinKind::Inner && matches!(self.left, Node::OneRow) && self.on.is_empty()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Aggregate {
    pub(crate) input: Node,
    /// Empty: one group, also without a row.
    pub(crate) keys: Vec<(Slot, Scalar)>,
    pub(crate) calls: Vec<AggregateCall>,
    /// The input comes with equal keys side by side: groups need not be kept.
    pub(crate) in_order: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Sort {
    pub(crate) input: Node,
    pub(crate) keys: Vec<SortKey>,
    /// Slots that are needed above: these and the keys are kept.
    pub(crate) keep: Vec<Slot>,
    /// At most so many rows, with what the offset skips, are needed: the others need not be kept.
    pub(crate) top: Option<(Option<Scalar>, Option<Scalar>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct SortKey {
    pub(crate) expr: Scalar,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct SetOperation {
    pub(crate) op: SetOp,
    pub(crate) all: bool,
    /// In order; more than two only for UNION.
    pub(crate) inputs: Vec<(Node, Vec<Slot>)>,
    pub(crate) out: Vec<Slot>,
}

// --- Changes. The rows to change are all found before the first is changed.

#[derive(Clone, Debug)]
pub(crate) struct Insert {
    pub(crate) table: Arc<Table>,
    pub(crate) input: Node,
    /// One for each column of the table, dropped ones too, over the slots of `input`: a value given, the default, or NULL. NULL in an identity column takes the next
    /// number. Classes are checked; whoever runs it assigns each value to its column's type (`types::assign`), here and in `Update::set`.
    pub(crate) row: Vec<Scalar>,
    /// Where the new row stands, one slot a column, for checks, `on_conflict` (as `excluded`) and RETURNING.
    pub(crate) new: Vec<Slot>,
    pub(crate) checks: Vec<(String, Scalar)>,
    pub(crate) on_conflict: OnConflict,
    pub(crate) returning: Vec<(Slot, Scalar)>,
}

#[derive(Clone, Debug)]
pub(crate) enum OnConflict {
    Fail,
    /// With these columns, or with any unique key.
    Nothing {
        columns: Option<Vec<usize>>,
    },
    /// `update.input` gives the rows that are there already, over the slots `new`. Without one the new row is inserted; else each of them for which all of
    /// `filter` are true is updated as `update` says, whose `returning` writes the same slots as the INSERT's.
    Update {
        update: Box<Update>,
        filter: Vec<Scalar>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Update {
    pub(crate) table: Arc<Table>,
    pub(crate) input: Node,
    /// Where `input` puts the row's key.
    pub(crate) key: Slot,
    /// Where `input` puts the row's columns, one a column; nobody writes those of dropped columns, which are NULL.
    pub(crate) old: Vec<Slot>,
    pub(crate) set: Vec<(usize, Scalar)>,
    /// Where the new row stands, one slot a column, for checks and RETURNING.
    pub(crate) new: Vec<Slot>,
    pub(crate) checks: Vec<(String, Scalar)>,
    pub(crate) returning: Vec<(Slot, Scalar)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Delete {
    pub(crate) table: Arc<Table>,
    pub(crate) input: Node,
    pub(crate) key: Slot,
    pub(crate) old: Vec<Slot>,
    pub(crate) returning: Vec<(Slot, Scalar)>,
}
