//! The functions that there are: names, arguments and results.

/// A function of one row. NULL in, NULL out, but for those that say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Function {
    // Text: characters are Unicode scalar values, positions count from 1.
    Lower,
    Upper,
    /// In characters.
    Length,
    OctetLength,
    /// (text, from [, count]): as SQL has it; positions before 1 take from the count.
    Substring,
    /// (text [, characters])
    Trim,
    TrimLeading,
    TrimTrailing,
    /// (text, what, by)
    Replace,
    /// (separator, values..): leaves NULLs out.
    ConcatWs,
    /// (values..): leaves NULLs out, as the function CONCAT does and `||` does not.
    Concat,
    /// (what, text): 0 if it is not there.
    Position,
    Left,
    Right,
    /// (text, length [, with])
    PadLeft,
    PadRight,
    Repeat,
    Reverse,
    Ascii,
    Char,
    StartsWith,
    Hex,
    Unhex,
    // Numbers
    Abs,
    Sign,
    Floor,
    Ceiling,
    /// (number [, digits behind the point])
    Round,
    Truncate,
    Power,
    Sqrt,
    Exp,
    Ln,
    Log10,
    /// NULLs are left out; NULL if all are.
    Greatest,
    Least,
    // NULL
    /// The first that is not NULL; the others are not computed.
    Coalesce,
    /// (a, b): NULL if they are equal.
    NullIf,
    // Time
    CurrentTimestamp,
    CurrentDate,
    /// (unit, time): a whole number; EPOCH too, in seconds.
    Extract,
    /// (unit, count, time)
    DateAdd,
    /// (unit, from, to): how many borders of the unit lie between.
    DateDiff,
    /// (unit, time)
    DateTrunc,
    // Others
    RandomUuid,
    /// The name of the value's type.
    TypeOf,
    /// The last value that an identity column gave in this session.
    LastIdentity,
    /// (name of the sequence)
    NextValue,
    CurrentValue,
}

/// A function of many rows. NULLs are left out, but by `count(*)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AggregateFunction {
    Count,
    /// NULL without a row.
    Sum,
    /// As `sum`, of DOUBLE, and 0 without a row.
    Total,
    Avg,
    Min,
    Max,
    GroupConcat,
    BoolAnd,
    BoolOr,
}
