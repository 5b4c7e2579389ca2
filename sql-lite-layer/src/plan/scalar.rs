//! Expressions over slots.

use super::function::{AggregateFunction, Function};
use super::node::{Node, Slot, SortKey};
use crate::parse::ast::{ArithmeticOp, CompareOp};
use crate::types::{DataType, Value};

/// An expression. Types are checked when it is made: both sides of a comparison are of one class (numbers compare with numbers, whatever their kinds), and
/// conversions stand in it as `Cast`.
#[derive(Clone, Debug)]
pub(crate) enum Scalar {
    Constant(Value<'static>),
    Parameter(u32),
    Slot(Slot),
    Not(Box<Scalar>),
    Negate(Box<Scalar>),
    And(Vec<Scalar>),
    Or(Vec<Scalar>),
    Compare {
        op: CompareOp,
        left: Box<Scalar>,
        right: Box<Scalar>,
    },
    /// Whole numbers divide as whole numbers, towards zero.
    Arithmetic {
        op: ArithmeticOp,
        left: Box<Scalar>,
        right: Box<Scalar>,
    },
    /// NULL if one of them is.
    Concat(Vec<Scalar>),
    IsNull {
        of: Box<Scalar>,
        negated: bool,
    },
    IsTruth {
        of: Box<Scalar>,
        truth: bool,
        negated: bool,
    },
    IsDistinct {
        left: Box<Scalar>,
        right: Box<Scalar>,
        negated: bool,
    },
    Like {
        of: Box<Scalar>,
        pattern: Box<Scalar>,
        escape: Option<Box<Scalar>>,
        ignore_case: bool,
        negated: bool,
    },
    InList {
        of: Box<Scalar>,
        list: Vec<Scalar>,
        negated: bool,
    },
    /// The first branch whose condition is true; NULL without an `otherwise`.
    Case {
        branches: Vec<(Scalar, Scalar)>,
        otherwise: Option<Box<Scalar>>,
    },
    Cast {
        of: Box<Scalar>,
        to: DataType,
    },
    Call {
        function: Function,
        args: Vec<Scalar>,
    },
    /// The value of the only column of the only row; NULL without a row; an error with two.
    Subquery(Box<Subquery>),
    Exists {
        query: Box<Subquery>,
        negated: bool,
    },
    /// Row values have more than one on the left, and as many columns.
    InQuery {
        left: Vec<Scalar>,
        query: Box<Subquery>,
        negated: bool,
    },
    /// Whether a row may still fulfil these conditions, tested in this order: false if the first that is not TRUE is FALSE or NULL; true if all are TRUE, and if one of
    /// them fails, whoever tests it in its own place then gives the error. Never NULL; never fails. The optimizer makes it (rule `joins`).
    Sieve(Vec<Scalar>),
    /// What has one value in the whole statement: computed when it is first needed, and kept. Numbered from 0; the optimizer's last rule makes it.
    Once {
        number: usize,
        of: Box<Scalar>,
    },
}

/// A query inside an expression.
#[derive(Clone, Debug)]
pub(crate) struct Subquery {
    /// From 0, each once in a statement: where its result is kept.
    pub(crate) number: usize,
    pub(crate) node: Node,
    pub(crate) columns: Vec<Slot>,
    /// The slots of rows around it that it reads. Its result depends on these and on nothing else.
    pub(crate) outer: Vec<Slot>,
}

/// One aggregate over the rows of a group.
#[derive(Clone, Debug)]
pub(crate) struct AggregateCall {
    pub(crate) function: AggregateFunction,
    /// Empty: `count(*)`. The separator of `group_concat` is the second.
    pub(crate) args: Vec<Scalar>,
    pub(crate) distinct: bool,
    pub(crate) filter: Option<Scalar>,
    pub(crate) order: Vec<SortKey>,
    pub(crate) out: Slot,
    /// Type of the result: `sum` of whole numbers is BIGINT (an overflow is an error), of DECIMAL is DECIMAL, of DOUBLE is DOUBLE; `avg` of whole numbers is DOUBLE.
    pub(crate) data_type: DataType,
}
