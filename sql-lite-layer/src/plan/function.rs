//! The functions that there are: names, arguments and results.

use crate::types::DataType;

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

/// What an argument may be, and what becomes of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// Anything but bytes, converted to text.
    Text,
    /// Text or bytes, as they are.
    TextOrBlob,
    /// A number of whatever kind.
    Number,
    /// A number, converted to DOUBLE.
    Double,
    /// A whole number.
    Integer,
    /// TIMESTAMP or DATE.
    Time,
    /// The name of a unit of time: a text literal, or a bare name.
    Unit,
    /// The name of a sequence: a text literal, or a bare name.
    Sequence,
    Any,
    /// Of one type with all others like this.
    Alike,
}

/// The type of a function's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    Type(DataType),
    /// As the argument with this number, as wide as can be.
    As(usize),
    /// The type that all `Alike` arguments have.
    Alike,
}

/// A function's names, arguments and result.
pub(crate) struct Signature {
    pub(crate) names: &'static [&'static str],
    pub(crate) function: Function,
    pub(crate) arguments: &'static [Argument],
    /// How many must be given.
    pub(crate) required: usize,
    /// The last argument may come again and again.
    pub(crate) repeats: bool,
    /// The first two are written the other way round.
    pub(crate) swapped: bool,
    pub(crate) gives: Gives,
}

const TEXT: Gives = Gives::Type(DataType::TEXT);
const BIGINT: Gives = Gives::Type(DataType::BIGINT);
const DOUBLE: Gives = Gives::Type(DataType::Double);
const BOOLEAN: Gives = Gives::Type(DataType::Boolean);
const BLOB: Gives = Gives::Type(DataType::Blob { max: None });

/// A signature whose arguments must all be given.
const fn all(names: &'static [&'static str], function: Function, arguments: &'static [Argument], gives: Gives) -> Signature {
    Signature { names, function, arguments, required: arguments.len(), repeats: false, swapped: false, gives }
}

/// A signature of which the last arguments may be left out.
const fn some(
    names: &'static [&'static str],
    function: Function,
    arguments: &'static [Argument],
    required: usize,
    gives: Gives,
) -> Signature {
    Signature { names, function, arguments, required, repeats: false, swapped: false, gives }
}

/// A signature whose last argument may come again.
const fn many(
    names: &'static [&'static str],
    function: Function,
    arguments: &'static [Argument],
    required: usize,
    gives: Gives,
) -> Signature {
    Signature { names, function, arguments, required, repeats: true, swapped: false, gives }
}

/// A signature with its first two arguments the other way round than the function takes them.
const fn swapped(names: &'static [&'static str], function: Function, arguments: &'static [Argument], gives: Gives) -> Signature {
    Signature { names, function, arguments, required: arguments.len(), repeats: false, swapped: true, gives }
}

use Argument as A;

/// Every function of one row, under the names that H2, PostgreSQL and SQLite have for it.
pub(crate) static SIGNATURES: &[Signature] = &[
    all(&["lower", "lcase"], Function::Lower, &[A::Text], TEXT),
    all(&["upper", "ucase"], Function::Upper, &[A::Text], TEXT),
    all(&["length", "char_length", "character_length", "len"], Function::Length, &[A::TextOrBlob], BIGINT),
    all(&["octet_length"], Function::OctetLength, &[A::TextOrBlob], BIGINT),
    some(&["substring", "substr", "mid"], Function::Substring, &[A::Text, A::Integer, A::Integer], 2, TEXT),
    some(&["trim", "btrim"], Function::Trim, &[A::Text, A::Text], 1, TEXT),
    some(&["ltrim"], Function::TrimLeading, &[A::Text, A::Text], 1, TEXT),
    some(&["rtrim"], Function::TrimTrailing, &[A::Text, A::Text], 1, TEXT),
    all(&["replace"], Function::Replace, &[A::Text, A::Text, A::Text], TEXT),
    many(&["concat_ws"], Function::ConcatWs, &[A::Text, A::Text], 2, TEXT),
    many(&["concat"], Function::Concat, &[A::Text], 1, TEXT),
    all(&["position", "locate"], Function::Position, &[A::Text, A::Text], BIGINT),
    swapped(&["instr", "strpos"], Function::Position, &[A::Text, A::Text], BIGINT),
    all(&["left"], Function::Left, &[A::Text, A::Integer], TEXT),
    all(&["right"], Function::Right, &[A::Text, A::Integer], TEXT),
    some(&["lpad"], Function::PadLeft, &[A::Text, A::Integer, A::Text], 2, TEXT),
    some(&["rpad"], Function::PadRight, &[A::Text, A::Integer, A::Text], 2, TEXT),
    all(&["repeat"], Function::Repeat, &[A::Text, A::Integer], TEXT),
    all(&["reverse"], Function::Reverse, &[A::Text], TEXT),
    all(&["ascii"], Function::Ascii, &[A::Text], BIGINT),
    all(&["char", "chr"], Function::Char, &[A::Integer], TEXT),
    all(&["starts_with"], Function::StartsWith, &[A::Text, A::Text], BOOLEAN),
    all(&["hex", "rawtohex"], Function::Hex, &[A::TextOrBlob], TEXT),
    all(&["unhex", "hextoraw"], Function::Unhex, &[A::Text], BLOB),
    all(&["abs"], Function::Abs, &[A::Number], Gives::As(0)),
    all(&["sign"], Function::Sign, &[A::Number], BIGINT),
    all(&["floor"], Function::Floor, &[A::Number], Gives::As(0)),
    all(&["ceiling", "ceil"], Function::Ceiling, &[A::Number], Gives::As(0)),
    some(&["round"], Function::Round, &[A::Number, A::Integer], 1, Gives::As(0)),
    some(&["truncate", "trunc"], Function::Truncate, &[A::Number, A::Integer], 1, Gives::As(0)),
    all(&["power", "pow"], Function::Power, &[A::Double, A::Double], DOUBLE),
    all(&["sqrt"], Function::Sqrt, &[A::Double], DOUBLE),
    all(&["exp"], Function::Exp, &[A::Double], DOUBLE),
    all(&["ln"], Function::Ln, &[A::Double], DOUBLE),
    all(&["log10"], Function::Log10, &[A::Double], DOUBLE),
    many(&["greatest"], Function::Greatest, &[A::Alike], 1, Gives::Alike),
    many(&["least"], Function::Least, &[A::Alike], 1, Gives::Alike),
    many(&["coalesce", "ifnull", "nvl"], Function::Coalesce, &[A::Alike], 1, Gives::Alike),
    all(&["nullif"], Function::NullIf, &[A::Alike, A::Alike], Gives::Alike),
    all(
        &["current_timestamp", "localtimestamp", "now", "sysdate", "getdate"],
        Function::CurrentTimestamp,
        &[],
        Gives::Type(DataType::Timestamp),
    ),
    all(&["current_date", "curdate", "today"], Function::CurrentDate, &[], Gives::Type(DataType::Date)),
    all(&["extract", "date_part", "datepart"], Function::Extract, &[A::Unit, A::Time], BIGINT),
    all(&["dateadd", "timestampadd"], Function::DateAdd, &[A::Unit, A::Integer, A::Time], Gives::As(2)),
    all(&["datediff", "timestampdiff"], Function::DateDiff, &[A::Unit, A::Time, A::Time], BIGINT),
    all(&["date_trunc"], Function::DateTrunc, &[A::Unit, A::Time], Gives::As(1)),
    all(&["random_uuid", "uuid", "gen_random_uuid"], Function::RandomUuid, &[], Gives::Type(DataType::Uuid)),
    all(&["typeof", "pg_typeof", "data_type"], Function::TypeOf, &[A::Any], TEXT),
    all(&["identity", "last_insert_rowid", "last_insert_id", "lastval", "scope_identity"], Function::LastIdentity, &[], BIGINT),
    all(&["nextval", "next_value"], Function::NextValue, &[A::Sequence], BIGINT),
    all(&["currval", "current_value"], Function::CurrentValue, &[A::Sequence], BIGINT),
];

/// Functions that are EXTRACT with a unit: `year(x)`.
pub(crate) static UNIT_FUNCTIONS: &[(&str, &str)] = &[
    ("year", "year"),
    ("quarter", "quarter"),
    ("month", "month"),
    ("week", "week"),
    ("day", "day"),
    ("day_of_month", "day"),
    ("dayofmonth", "day"),
    ("day_of_week", "day_of_week"),
    ("dayofweek", "day_of_week"),
    ("day_of_year", "day_of_year"),
    ("dayofyear", "day_of_year"),
    ("hour", "hour"),
    ("minute", "minute"),
    ("second", "second"),
];

/// The unit of time with this name, as functions take it; none: there is no such.
pub(crate) fn unit(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "year" | "years" | "yyyy" | "yy" => "year",
        "quarter" => "quarter",
        "month" | "months" | "mm" => "month",
        "week" | "weeks" => "week",
        "day" | "days" | "day_of_month" | "dd" => "day",
        "hour" | "hours" | "hh" => "hour",
        "minute" | "minutes" | "mi" => "minute",
        "second" | "seconds" | "ss" => "second",
        "millisecond" | "milliseconds" | "ms" => "millisecond",
        "microsecond" | "microseconds" => "microsecond",
        "epoch" => "epoch",
        "day_of_week" | "dow" | "dayofweek" => "day_of_week",
        "day_of_year" | "doy" | "dayofyear" => "day_of_year",
        _ => return None,
    })
}

/// Every function of many rows.
pub(crate) static AGGREGATES: &[(&[&str], AggregateFunction)] = &[
    (&["count"], AggregateFunction::Count),
    (&["sum"], AggregateFunction::Sum),
    (&["total"], AggregateFunction::Total),
    (&["avg"], AggregateFunction::Avg),
    (&["min"], AggregateFunction::Min),
    (&["max"], AggregateFunction::Max),
    (&["group_concat", "string_agg", "listagg"], AggregateFunction::GroupConcat),
    (&["bool_and", "every"], AggregateFunction::BoolAnd),
    (&["bool_or", "any", "some"], AggregateFunction::BoolOr),
];

/// The aggregate with this name.
pub(crate) fn aggregate(name: &str) -> Option<AggregateFunction> {
    let is_named = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    AGGREGATES.iter().find(|(names, _)| is_named(names)).map(|(_, function)| *function)
}

/// The function of one row with this name.
pub(crate) fn signature(name: &str) -> Option<&'static Signature> {
    SIGNATURES.iter().find(|signature| signature.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

impl Function {
    /// Its first name, in upper case, as EXPLAIN prints it.
    pub(crate) fn name(self) -> String {
        let known = SIGNATURES.iter().find(|signature| signature.function == self);
        known.map_or_else(|| format!("{self:?}"), |signature| signature.names[0].to_ascii_uppercase())
    }

    /// Whether it may give another value each time, or counts how often it is called.
    pub(crate) fn is_volatile(self) -> bool {
        matches!(self, Function::RandomUuid | Function::NextValue | Function::CurrentValue)
    }

    /// Whether it may give an error whatever the types of its arguments: overflow, no such number, too much memory.
    pub(crate) fn may_fail(self) -> bool {
        !matches!(
            self,
            Function::Lower
                | Function::Upper
                | Function::Length
                | Function::OctetLength
                | Function::Trim
                | Function::TrimLeading
                | Function::TrimTrailing
                | Function::Position
                | Function::StartsWith
                | Function::Sign
                | Function::Greatest
                | Function::Least
                | Function::Coalesce
                | Function::NullIf
                | Function::CurrentTimestamp
                | Function::CurrentDate
                | Function::TypeOf
        )
    }
}

impl AggregateFunction {
    /// As EXPLAIN prints it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            AggregateFunction::Count => "COUNT",
            AggregateFunction::Sum => "SUM",
            AggregateFunction::Total => "TOTAL",
            AggregateFunction::Avg => "AVG",
            AggregateFunction::Min => "MIN",
            AggregateFunction::Max => "MAX",
            AggregateFunction::GroupConcat => "GROUP_CONCAT",
            AggregateFunction::BoolAnd => "BOOL_AND",
            AggregateFunction::BoolOr => "BOOL_OR",
        }
    }
}
