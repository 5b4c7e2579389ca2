//! The tree of a statement: what the text says, with nothing resolved and nothing checked against a schema.
//!
//! Names compare without regard to ASCII case. Parameters are numbered from 0: `?3` (and `$3`) is number 2; `?` is a new one each time, and `:name` (and `$name`) is the same
//! wherever it stands: both take the number after the greatest so far. A number that no parameter has is a parameter too, which nothing reads.
//!
//! Expressions, joins and subqueries are nested no deeper than `Limits::nesting`, so whoever walks them may recurse; set operators lean to the left up to
//! `Limits::set_operators` deep.

use crate::error::Place;
use crate::types::{DataType, Value};

/// A name as it was written, with its place.
#[derive(Clone, Debug)]
pub(crate) struct Ident {
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// Statements of one text, each with the parameters that it names.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(crate) statement: Statement,
    /// One for each parameter, by number: its name without the colon, if it has one.
    pub(crate) parameters: Vec<Option<String>>,
    /// The piece of the text that it stands in: byte offsets, half open.
    pub(crate) span: (usize, usize),
}

#[derive(Clone, Debug)]
pub(crate) enum Statement {
    Query(Box<Query>),
    Insert(Box<Insert>),
    Update(Box<Update>),
    Delete(Box<Delete>),
    Truncate {
        table: Ident,
    },
    CreateTable(Box<CreateTable>),
    CreateIndex(Box<CreateIndex>),
    CreateView {
        name: Ident,
        columns: Vec<Ident>,
        query: Box<Query>,
        /// The query's text, and where it begins in the statement's.
        text: String,
        at: Place,
        or_replace: bool,
        if_not_exists: bool,
    },
    CreateSequence {
        name: Ident,
        start: Option<i64>,
        increment: Option<i64>,
        if_not_exists: bool,
    },
    AlterTable {
        table: Ident,
        if_exists: bool,
        change: Box<AlterTable>,
    },
    /// `ALTER SEQUENCE [IF EXISTS] s RESTART [WITH n]`
    AlterSequence {
        name: Ident,
        if_exists: bool,
        restart: Restart,
    },
    Drop {
        what: ObjectKind,
        names: Vec<Ident>,
        if_exists: bool,
        cascade: bool,
    },
    DropAllObjects,
    Comment {
        on: CommentOn,
        text: Option<String>,
    },
    Begin {
        read_only: bool,
    },
    Commit,
    Rollback {
        to: Option<Ident>,
    },
    Savepoint {
        name: Ident,
    },
    Release {
        name: Ident,
    },
    Explain {
        analyze: bool,
        statement: Box<Statement>,
    },
    /// `SCRIPT [NODATA] [TO 'file' [COMPRESSION LZ4]] [TABLE a, b]`: the database as statements.
    Script(Box<Script>),
    /// `RUNSCRIPT FROM 'file' [COMPRESSION LZ4]`
    RunScript {
        from: String,
        compressed: bool,
    },
    /// SET and other settings that are accepted and do nothing.
    Nothing,
}

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) data: bool,
    /// None: its rows are the statements.
    pub(crate) to: Option<String>,
    pub(crate) compressed: bool,
    /// What alone is written; empty: everything.
    pub(crate) only: Vec<Ident>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    Table,
    Index,
    View,
    Sequence,
}

#[derive(Clone, Debug)]
pub(crate) enum CommentOn {
    Table(Ident),
    Column(Ident, Ident),
}

// --- Queries

/// `[WITH ..] body [ORDER BY ..] [LIMIT ..] [OFFSET ..]`
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) with: Vec<Cte>,
    pub(crate) body: QueryBody,
    pub(crate) order: Vec<OrderKey>,
    pub(crate) limit: Option<Expr>,
    pub(crate) offset: Option<Expr>,
}

#[derive(Clone, Debug)]
pub(crate) struct Cte {
    pub(crate) name: Ident,
    pub(crate) columns: Vec<Ident>,
    pub(crate) query: Box<Query>,
}

#[derive(Clone, Debug)]
pub(crate) enum QueryBody {
    Select(Box<Select>),
    Values(Vec<Vec<Expr>>),
    /// A query in parentheses.
    Nested(Box<Query>),
    /// Left-deep: `left` may be a chain of thousands; lowering builds it without recursion on the right.
    SetOp {
        op: SetOp,
        all: bool,
        left: Box<QueryBody>,
        right: Box<QueryBody>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetOp {
    Union,
    Intersect,
    Except,
}

#[derive(Clone, Debug)]
pub(crate) struct Select {
    pub(crate) distinct: bool,
    pub(crate) items: Vec<SelectItem>,
    /// Comma-separated; empty without FROM.
    pub(crate) from: Vec<TableRef>,
    pub(crate) filter: Option<Expr>,
    pub(crate) group: Vec<Expr>,
    pub(crate) having: Option<Expr>,
}

#[derive(Clone, Debug)]
pub(crate) enum SelectItem {
    Expr {
        expr: Expr,
        alias: Option<Ident>,
    },
    /// `*`
    All(Place),
    /// `t.*`, and where its `*` stands.
    AllOf(Ident, Place),
}

#[derive(Clone, Debug)]
pub(crate) enum TableRef {
    Table {
        name: Ident,
        alias: Option<TableAlias>,
    },
    Derived {
        query: Box<Query>,
        alias: Option<TableAlias>,
    },
    /// Joins are left-deep unless parentheses say otherwise.
    Join {
        kind: JoinKind,
        left: Box<TableRef>,
        right: Box<TableRef>,
        on: JoinOn,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct TableAlias {
    pub(crate) name: Ident,
    pub(crate) columns: Vec<Ident>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
}

#[derive(Clone, Debug)]
pub(crate) enum JoinOn {
    /// CROSS JOIN, or an inner join without a condition.
    Nothing,
    On(Box<Expr>),
    Using(Vec<Ident>),
    Natural,
}

#[derive(Clone, Debug)]
pub(crate) struct OrderKey {
    pub(crate) expr: Expr,
    pub(crate) descending: bool,
    /// Default: NULLs sort as the smallest values, so first when ascending.
    pub(crate) nulls_first: Option<bool>,
}

// --- Expressions

#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Literal(Value<'static>),
    /// A number with a point or an exponent is a `Literal` of `Decimal` or `Double`; this is DEFAULT among the values of an INSERT or UPDATE.
    Default(Place),
    Parameter(u32),
    Column {
        table: Option<Ident>,
        name: Ident,
    },
    Not(Box<Expr>),
    Negate(Box<Expr>),
    /// Flattened: never a chain of nested ones.
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Compare {
        op: CompareOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Arithmetic {
        op: ArithmeticOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `||`, flattened.
    Concat(Vec<Expr>),
    IsNull {
        expr: Box<Expr>,
        negated: bool,
    },
    /// `IS [NOT] TRUE`, `IS [NOT] FALSE`
    IsTruth {
        expr: Box<Expr>,
        truth: bool,
        negated: bool,
    },
    /// `IS [NOT] DISTINCT FROM`
    IsDistinct {
        left: Box<Expr>,
        right: Box<Expr>,
        negated: bool,
    },
    Between {
        expr: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
        negated: bool,
    },
    Like {
        expr: Box<Expr>,
        pattern: Box<Expr>,
        escape: Option<Box<Expr>>,
        ignore_case: bool,
        negated: bool,
    },
    InList {
        expr: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    InQuery {
        expr: Box<Expr>,
        query: Box<Query>,
        negated: bool,
    },
    Exists {
        query: Box<Query>,
        negated: bool,
    },
    Subquery(Box<Query>),
    /// `(a, b)`: beside a comparison, an IN list or an IN query.
    Row(Vec<Expr>),
    Case {
        operand: Option<Box<Expr>>,
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Cast {
        expr: Box<Expr>,
        to: DataType,
    },
    Call(Box<Call>),
    /// `INTERVAL 5 DAY`: beside `+` and `-`. The unit as it is written.
    Interval {
        count: Box<Expr>,
        unit: Ident,
    },
}

/// A call of a function, of one row or of many. `CASEWHEN`, `COALESCE`, `EXTRACT(x FROM y)`, `SUBSTRING(a FROM b FOR c)`, `TRIM(..)`, `POSITION(a IN b)`,
/// `CURRENT_TIMESTAMP` and the like all come here, with their arguments in the order of the function call form; the unit of EXTRACT is a text literal.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: Ident,
    pub(crate) args: Vec<Expr>,
    /// `count(*)`
    pub(crate) star: bool,
    pub(crate) distinct: bool,
    pub(crate) filter: Option<Expr>,
    /// `group_concat(x ORDER BY y SEPARATOR ',')`: the separator is the second argument.
    pub(crate) order: Vec<OrderKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl CompareOp {
    /// The comparison of the same two with their sides exchanged.
    pub(crate) fn flipped(self) -> CompareOp {
        match self {
            CompareOp::Lt => CompareOp::Gt,
            CompareOp::Le => CompareOp::Ge,
            CompareOp::Gt => CompareOp::Lt,
            CompareOp::Ge => CompareOp::Le,
            same => same,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ArithmeticOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    BitAnd,
    BitOr,
    BitXor,
}

// --- Changes

#[derive(Clone, Debug)]
pub(crate) struct Insert {
    pub(crate) table: Ident,
    pub(crate) columns: Vec<Ident>,
    /// `OVERRIDING SYSTEM VALUE`: columns that are GENERATED ALWAYS take the values given.
    pub(crate) overriding: bool,
    pub(crate) source: InsertSource,
    pub(crate) on_conflict: OnConflict,
    pub(crate) returning: Vec<SelectItem>,
}

#[derive(Clone, Debug)]
pub(crate) enum InsertSource {
    /// `VALUES (..), (..)`: each row may hold DEFAULT and scalar subqueries.
    Values(Vec<Vec<Expr>>),
    Query(Box<Query>),
    /// `DEFAULT VALUES`
    Defaults,
}

#[derive(Clone, Debug)]
pub(crate) enum OnConflict {
    Fail,
    /// `ON CONFLICT [(columns)] DO NOTHING`; without columns any unique key.
    Nothing {
        columns: Vec<Ident>,
    },
    /// `ON CONFLICT (columns) DO UPDATE SET .. [WHERE ..]`; the new row is the relation `excluded`.
    Update {
        columns: Vec<Ident>,
        set: Vec<Assignment>,
        filter: Option<Expr>,
    },
    /// H2's `MERGE INTO t [KEY (columns)] ..`: replace the columns named of the row with this key, or insert. Without columns: the primary key.
    Merge {
        key: Vec<Ident>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub(crate) column: Ident,
    /// May be `Expr::Default`.
    pub(crate) value: Expr,
}

#[derive(Clone, Debug)]
pub(crate) struct Update {
    pub(crate) table: Ident,
    pub(crate) alias: Option<Ident>,
    pub(crate) set: Vec<Assignment>,
    pub(crate) from: Vec<TableRef>,
    pub(crate) filter: Option<Expr>,
    pub(crate) returning: Vec<SelectItem>,
}

#[derive(Clone, Debug)]
pub(crate) struct Delete {
    pub(crate) table: Ident,
    pub(crate) alias: Option<Ident>,
    pub(crate) filter: Option<Expr>,
    pub(crate) returning: Vec<SelectItem>,
}

// --- Definitions

#[derive(Clone, Debug)]
pub(crate) struct CreateTable {
    pub(crate) name: Ident,
    pub(crate) if_not_exists: bool,
    pub(crate) columns: Vec<ColumnDef>,
    pub(crate) constraints: Vec<TableConstraint>,
    /// `CREATE TABLE t [(columns)] AS query`
    pub(crate) query: Option<Box<Query>>,
}

#[derive(Clone, Debug)]
pub(crate) struct ColumnDef {
    pub(crate) name: Ident,
    pub(crate) data_type: DataType,
    /// `NOT NULL` or `NULL`, if either was written.
    pub(crate) nullable: Option<bool>,
    /// The expression and its text, which the catalogue keeps.
    pub(crate) default: Option<(Expr, String)>,
    /// `IDENTITY`, `AUTO_INCREMENT`, `GENERATED .. AS IDENTITY [(START WITH a INCREMENT BY b)]`. A bare `id IDENTITY` is a BIGINT PRIMARY KEY.
    pub(crate) identity: Option<Identity>,
    /// PRIMARY KEY, UNIQUE, CHECK and REFERENCES written at the column.
    pub(crate) constraints: Vec<TableConstraint>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    /// ALWAYS: values given by an INSERT are refused.
    pub(crate) always: bool,
    pub(crate) start: i64,
    pub(crate) increment: i64,
}

/// What a counter gives next. It may be one step beyond the range of 64 bits: then it has given its last number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    Start,
    With(i128),
}

#[derive(Clone, Debug)]
pub(crate) struct TableConstraint {
    pub(crate) name: Option<Ident>,
    pub(crate) rule: Rule,
    pub(crate) place: Place,
}

#[derive(Clone, Debug)]
pub(crate) enum Rule {
    PrimaryKey(Vec<Ident>),
    Unique(Vec<Ident>),
    /// The expression and its text.
    Check(Expr, String),
    ForeignKey {
        columns: Vec<Ident>,
        table: Ident,
        /// Empty: its primary key.
        referenced: Vec<Ident>,
        on_delete: ForeignAction,
        on_update: ForeignAction,
    },
}

/// What happens to rows that refer to a row which is removed or whose key changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForeignAction {
    /// Also what is meant without a word.
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

#[derive(Clone, Debug)]
pub(crate) struct CreateIndex {
    pub(crate) name: Option<Ident>,
    pub(crate) table: Ident,
    pub(crate) columns: Vec<Ident>,
    pub(crate) unique: bool,
    pub(crate) if_not_exists: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum AlterTable {
    AddColumn { column: ColumnDef, if_not_exists: bool },
    DropColumn { column: Ident, if_exists: bool },
    RenameColumn { from: Ident, to: Ident },
    RenameTable { to: Ident },
    AddConstraint(TableConstraint),
    DropConstraint { name: Ident, if_exists: bool },
    SetDefault { column: Ident, default: Option<(Expr, String)> },
    SetNullable { column: Ident, nullable: bool },
    SetType { column: Ident, data_type: DataType },
    Restart { column: Ident, restart: Restart },
}
