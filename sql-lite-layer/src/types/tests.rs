//! The rules of values, on tables of cases and on drawn values against slower models.

use std::cmp::Ordering;

use fastrand::Rng;

use super::sample::{COLUMN_TYPES, decimal, double, int, number, seeded, text, value};
use super::*;
use crate::error::{ErrorKind, Result};

fn outcome(result: Result<Value<'_>>) -> String {
    match result {
        Ok(value) => format!("{} {value}", value.kind_name()),
        Err(error) => format!("{} {error}", error.sqlstate()),
    }
}

fn decimal_of(text: &str) -> Value<'static> {
    Value::Decimal(parse_decimal(text).expect("a number"))
}

fn date_of(text: &str) -> Value<'static> {
    Value::Date(parse_date(text).expect("a day"))
}

/// Arithmetic never wraps: every border gives the true result or an error with the SQLSTATE of its cause.
#[test]
fn arithmetic_at_its_borders() {
    use Arithmetic::{Add, BitAnd, BitXor, Divide, Multiply, Remainder, Subtract};
    let int = |number: i64| Value::Int(number);
    let double = |number: f64| Value::Double(number);
    let cases = [
        (Add, int(i64::MAX), int(1), "22003 out of the range of BIGINT: 9223372036854775807 + 1"),
        (Subtract, int(i64::MIN), int(1), "22003 out of the range of BIGINT: -9223372036854775808 - 1"),
        (Multiply, int(i64::MIN), int(-1), "22003 out of the range of BIGINT: -9223372036854775808 * -1"),
        (Divide, int(i64::MIN), int(-1), "22003 out of the range of BIGINT: -9223372036854775808 / -1"),
        (Remainder, int(i64::MIN), int(-1), "BIGINT 0"),
        (Divide, int(7), int(0), "22012 division by zero: 7 / 0"),
        (Remainder, int(7), int(0), "22012 division by zero: 7 % 0"),
        (Divide, int(-7), int(2), "BIGINT -3"),
        (Remainder, int(-7), int(2), "BIGINT -1"),
        (BitAnd, int(12), int(10), "BIGINT 8"),
        (BitXor, int(12), int(10), "BIGINT 6"),
        (Multiply, double(1e200), double(1e200), "22003 out of the range of DOUBLE: 1e200 * 1e200"),
        (Divide, double(1.0), int(0), "22012 division by zero: 1.0 / 0"),
        (Multiply, double(-1.0), int(0), "DOUBLE 0.0"),
        (Add, double(0.1), double(0.2), "DOUBLE 0.30000000000000004"),
        (Add, decimal_of("0.1"), decimal_of("0.2"), "DECIMAL 0.3"),
        (Multiply, decimal_of("-1.5"), int(0), "DECIMAL 0.0"),
        (Multiply, decimal_of("0.00"), decimal_of("1e-28"), "DECIMAL 0.0000000000000000000000000000"),
        (Add, decimal_of("0.00"), int(2), "DECIMAL 2.00"),
        (Subtract, decimal_of("0.000"), decimal_of("9999999999999999999999999999"), "DECIMAL -9999999999999999999999999999"),
        (Divide, decimal_of("0.00"), decimal_of("0.5"), "DECIMAL 0.0"),
        (Remainder, decimal_of("0.00"), int(7), "DECIMAL 0.00"),
        (Add, decimal_of("1.50"), int(2), "DECIMAL 3.50"),
        (Add, int(2), decimal_of("1.50"), "DECIMAL 3.50"),
        (Add, decimal_of("1.50"), double(2.0), "DOUBLE 3.5"),
        (Divide, decimal_of("1"), int(3), "DECIMAL 0.3333333333333333333333333333"),
        (Divide, decimal_of("1"), decimal_of("0.00"), "22012 division by zero: 1 / 0"),
        (Multiply, decimal_of("9e27"), decimal_of("10"), "22003 out of the range of DECIMAL: 9000000000000000000000000000 * 10"),
        (Add, Value::Null, int(1), "NULL NULL"),
        (Divide, Value::Null, int(0), "NULL NULL"),
        (Add, date_of("2024-02-28"), int(2), "DATE 2024-03-01"),
        (Add, int(2), date_of("2024-02-28"), "DATE 2024-03-01"),
        (Subtract, date_of("2024-03-01"), int(1), "DATE 2024-02-29"),
        (Subtract, date_of("2024-03-01"), date_of("2023-03-01"), "BIGINT 366"),
        (Add, date_of("9999-12-31"), int(1), "22008 out of the range of DATE: 9999-12-31 + 1"),
        (Subtract, date_of("2024-03-01"), int(i64::MIN), "22008 out of the range of DATE: 2024-03-01 - -9223372036854775808"),
        (Add, Value::from("1"), int(1), "42883 + is not defined on VARCHAR and BIGINT"),
        (BitAnd, double(1.0), int(1), "42883 & is not defined on DOUBLE and DOUBLE"),
    ];
    for (op, left, right, expected) in cases {
        assert_eq!(outcome(arithmetic(op, &left, &right)), expected, "{left} {op:?} {right}");
    }
    assert_eq!(outcome(negate(&int(i64::MIN))), "22003 out of the range of BIGINT: -(-9223372036854775808)");
    assert_eq!(outcome(negate(&double(0.0))), "DOUBLE 0.0");
    assert_eq!(outcome(negate(&decimal_of("0.00"))), "DECIMAL 0.00");
    assert_eq!(outcome(negate(&decimal_of("1.50"))), "DECIMAL -1.50");
    assert_eq!(outcome(negate(&Value::from("x"))), "42883 - is not defined on VARCHAR");
}

/// Whole numbers compute as they do with twice the bits, or are an error; no operation on any two values panics or makes a double that is not finite.
#[test]
fn arithmetic_is_exact_or_an_error() {
    use Arithmetic::{Add, BitAnd, BitOr, BitXor, Divide, Multiply, Remainder, Subtract};
    let (seed, mut rng) = seeded("arithmetic_is_exact_or_an_error");
    for round in 0..200_000 {
        let op = *rng.choice(&[Add, Subtract, Multiply, Divide, Remainder, BitAnd, BitOr, BitXor]).expect("there are some");
        let (a, b) = (int(&mut rng), int(&mut rng));
        let (wide_a, wide_b) = (i128::from(a), i128::from(b));
        let wide = match op {
            Add => Some(wide_a + wide_b),
            Subtract => Some(wide_a - wide_b),
            Multiply => Some(wide_a * wide_b),
            Divide => wide_a.checked_div(wide_b),
            Remainder => wide_a.checked_rem(wide_b),
            BitAnd => Some(wide_a & wide_b),
            BitOr => Some(wide_a | wide_b),
            BitXor => Some(wide_a ^ wide_b),
        };
        let expected = wide.and_then(|wide| i64::try_from(wide).ok()).map(Value::Int);
        let got = arithmetic(op, &Value::Int(a), &Value::Int(b)).ok();
        assert_eq!(got, expected, "{a} {op:?} {b}, round {round}, TREERING_SEED={seed}");
        let (left, right) = (any(&mut rng), any(&mut rng));
        for result in [arithmetic(op, &left, &right), negate(&left)] {
            match result {
                Ok(Value::Double(number)) => {
                    assert!(number.is_finite() && !(number == 0.0 && number.is_sign_negative()), "{left} {op:?} {right}")
                }
                Ok(_) => {}
                Err(error) => assert!(matches!(error.kind(), ErrorKind::Data | ErrorKind::Type), "{error:?}"),
            }
        }
    }
}

/// A value of any type.
fn any(rng: &mut Rng) -> Value<'static> {
    if rng.bool() {
        return number(rng);
    }
    let data_type = *rng.choice(&COLUMN_TYPES).expect("there are types");
    value(rng, &data_type)
}

/// All digits of a number, which f64's own formatting knows too: sign, whole part without zeros before it, fraction of 1100 digits.
fn all_digits(value: &Value<'_>) -> (bool, String, String) {
    let text = match value {
        Value::Double(number) => format!("{number:.1100}"),
        Value::Decimal(number) => number.to_string(),
        other => other.to_string(),
    };
    let (negative, digits) = text.strip_prefix('-').map_or((false, text.as_str()), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, fraction) = (whole.trim_start_matches('0').to_owned(), format!("{fraction:0<1100}"));
    let zero = whole.is_empty() && fraction.bytes().all(|digit| digit == b'0');
    (negative && !zero, whole, fraction)
}

/// Numbers of all kinds compare as their digits do, all of them.
#[test]
fn numbers_compare_exactly() {
    let (seed, mut rng) = seeded("numbers_compare_exactly");
    for round in 0..20_000 {
        let left = number(&mut rng);
        // A neighbour of the left one now and then: the hard cases.
        let right = match (&left, rng.u8(..4)) {
            (Value::Double(number), 0) => super::number::shortest_decimal(*number).map_or(Value::Int(0), Value::Decimal),
            (Value::Decimal(number), 1) => Value::Double(super::number::nearest_double(*number)),
            (Value::Int(number), 2) => Value::Double(*number as f64),
            (Value::Double(number), 3) => Value::Double(f64::from_bits(number.to_bits() ^ 1)),
            _ => number(&mut rng),
        };
        let ((negative, whole, fraction), (other_negative, other_whole, other_fraction)) =
            (all_digits(&left), all_digits(&right));
        let size = whole.len().cmp(&other_whole.len()).then(whole.cmp(&other_whole)).then(fraction.cmp(&other_fraction));
        let expected = match (negative, other_negative) {
            (false, false) => size,
            (true, true) => size.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        };
        assert_eq!(compare(&left, &right), Some(expected), "{left:?} and {right:?}, round {round}, TREERING_SEED={seed}");
    }
}

/// The order of all values is total: any three agree, and NULL is first and compares with nothing.
#[test]
fn order_is_total() {
    let (seed, mut rng) = seeded("order_is_total");
    for _ in 0..200_000 {
        let mut three = [any(&mut rng), any(&mut rng), any(&mut rng)];
        three.sort_by(order);
        let [a, b, c] = &three;
        assert!(order(a, b).is_le() && order(b, c).is_le() && order(a, c).is_le(), "{three:?}, TREERING_SEED={seed}");
        assert!(order(c, a).is_ge() && order(a, a).is_eq());
        assert_eq!(compare(a, &Value::Null), None);
        assert!(order(&Value::Null, a).is_le());
    }
    let day = date_of("2024-02-29");
    let noon = Value::Timestamp(parse_timestamp("2024-02-29 12:00").expect("a time"));
    assert_eq!(compare(&day, &noon), Some(Ordering::Less));
    assert_eq!(compare(&Value::from("ab"), &Value::from("b")), Some(Ordering::Less));
    assert_eq!(compare(&Value::Int(9_007_199_254_740_993), &Value::Double(9_007_199_254_740_992.0)), Some(Ordering::Greater));
    for (comparison, holds) in [
        (Comparison::Eq, [false, true, false]),
        (Comparison::Ne, [true, false, true]),
        (Comparison::Lt, [true, false, false]),
        (Comparison::Le, [true, true, false]),
        (Comparison::Gt, [false, false, true]),
        (Comparison::Ge, [false, true, true]),
    ] {
        for (order, holds) in [Ordering::Less, Ordering::Equal, Ordering::Greater].into_iter().zip(holds) {
            assert_eq!(comparison.holds(order), holds);
        }
    }
}

fn type_of(text: &str) -> DataType {
    match text {
        "BOOLEAN" => DataType::Boolean,
        "TINYINT" => DataType::Integer(IntWidth::Tiny),
        "INTEGER" => DataType::Integer(IntWidth::Int),
        "BIGINT" => DataType::BIGINT,
        "DOUBLE" => DataType::Double,
        "DECIMAL" => DataType::Decimal { precision: 5, scale: 2 },
        "VARCHAR" => DataType::TEXT,
        "VARCHAR(3)" => DataType::Text { max: Some(3) },
        "VARBINARY" => DataType::Blob { max: None },
        "VARBINARY(3)" => DataType::Blob { max: Some(3) },
        "TIMESTAMP" => DataType::Timestamp,
        "DATE" => DataType::Date,
        "UUID" => DataType::Uuid,
        other => panic!("no type {other}"),
    }
}

/// What CAST gives, and what a column takes.
#[test]
fn conversions_by_case() {
    let cases: [(Value<'_>, &str, &str, &str); 56] = [
        // value, type, CAST, on write
        (Value::Bool(true), "INTEGER", "BIGINT 1", "="),
        (Value::Bool(true), "DECIMAL", "DECIMAL 1.00", "="),
        (Value::Bool(true), "VARCHAR", "VARCHAR TRUE", "="),
        (Value::Bool(true), "DATE", "42846 BOOLEAN does not convert to DATE", "="),
        (Value::Int(1), "BOOLEAN", "BOOLEAN TRUE", "="),
        (Value::Int(2), "BOOLEAN", "BOOLEAN TRUE", "22003 column c: out of the range of BOOLEAN: 2"),
        (Value::Int(128), "TINYINT", "22003 out of the range of TINYINT: 128", "="),
        (Value::Int(-128), "TINYINT", "BIGINT -128", "="),
        (Value::Int(7), "DOUBLE", "DOUBLE 7.0", "="),
        (Value::Int(7), "DECIMAL", "DECIMAL 7.00", "="),
        (Value::Int(1000), "DECIMAL", "22003 out of the range of DECIMAL(5, 2): 1000", "="),
        (Value::Int(1234), "VARCHAR(3)", "VARCHAR 123", "22001 column c: too long for VARCHAR(3), with 4 characters"),
        (Value::Int(7), "TIMESTAMP", "42846 BIGINT does not convert to TIMESTAMP", "="),
        (Value::Double(2.5), "INTEGER", "BIGINT 3", "="),
        (Value::Double(-2.5), "INTEGER", "BIGINT -3", "="),
        (Value::Double(3e9), "INTEGER", "22003 out of the range of INTEGER: 3000000000.0", "="),
        (Value::Double(9.3e18), "BIGINT", "22003 out of the range of BIGINT: 9.3e18", "="),
        (Value::Double(0.1), "DECIMAL", "DECIMAL 0.10", "="),
        (Value::Double(1e300), "DECIMAL", "22003 out of the range of DECIMAL(5, 2): 1e300", "="),
        (Value::Double(1e-300), "DECIMAL", "DECIMAL 0.00", "="),
        (Value::Double(0.5), "BOOLEAN", "BOOLEAN TRUE", "42804 column c: DOUBLE is not stored as BOOLEAN: CAST it"),
        (Value::Double(1.0), "VARCHAR", "VARCHAR 1.0", "="),
        (Value::Double(f64::NAN), "DOUBLE", "22003 the number is out of the range of DOUBLE", "="),
        (decimal_of("1.005"), "DECIMAL", "DECIMAL 1.01", "="),
        (decimal_of("-1.005"), "DECIMAL", "DECIMAL -1.01", "="),
        (decimal_of("-0.001"), "DECIMAL", "DECIMAL 0.00", "="),
        (decimal_of("999.995"), "DECIMAL", "22003 out of the range of DECIMAL(5, 2): 999.995", "="),
        (decimal_of("2.5"), "INTEGER", "BIGINT 3", "="),
        (decimal_of("0.1"), "DOUBLE", "DOUBLE 0.1", "="),
        (decimal_of("1.50"), "VARCHAR", "VARCHAR 1.50", "="),
        (Value::from(" 42 "), "INTEGER", "BIGINT 42", "="),
        (Value::from("4x"), "INTEGER", "22018 '4x' is no BIGINT", "="),
        (Value::from("99999999999999999999"), "BIGINT", "22003 out of the range of BIGINT: '99999999999999999999'", "="),
        (Value::from("1.005"), "DECIMAL", "DECIMAL 1.01", "="),
        (Value::from("1e2"), "DOUBLE", "DOUBLE 100.0", "="),
        (Value::from("inf"), "DOUBLE", "22018 'inf' is no DOUBLE", "="),
        (Value::from("Yes"), "BOOLEAN", "BOOLEAN TRUE", "="),
        (Value::from("2"), "BOOLEAN", "22018 '2' is no BOOLEAN", "="),
        (Value::from("äöü"), "VARCHAR(3)", "VARCHAR äöü", "="),
        (Value::from("äöüß"), "VARCHAR(3)", "VARCHAR äöü", "22001 column c: too long for VARCHAR(3), with 4 characters"),
        (Value::from("ab"), "VARBINARY", "VARBINARY X'6162'", "42804 column c: VARCHAR is not stored as BLOB: CAST it"),
        (Value::from("2024-02-29T1:30"), "TIMESTAMP", "TIMESTAMP 2024-02-29 01:30:00", "="),
        (Value::from("2024-02-29 12:30:00.5"), "DATE", "DATE 2024-02-29", "="),
        (Value::from("2023-02-29"), "DATE", "22008 out of the range of DATE: '2023-02-29'", "="),
        (Value::from("yesterday"), "DATE", "22007 'yesterday' is no DATE", "="),
        (Value::from("67e5504410b1426f9247bb680e5fe0c8"), "UUID", "UUID 67e55044-10b1-426f-9247-bb680e5fe0c8", "="),
        (Value::from("67e55044"), "UUID", "22018 '67e55044' is no UUID", "="),
        (
            Value::from(b"\x61\x62\x63\x64"),
            "VARBINARY(3)",
            "VARBINARY X'616263'",
            "22001 column c: too long for VARBINARY(3), with 4 bytes",
        ),
        (Value::from(b"ab"), "VARCHAR", "VARCHAR ab", "42804 column c: VARBINARY is not stored as VARCHAR: CAST it"),
        (
            Value::from(b"\xFF"),
            "VARCHAR",
            "22021 the bytes are not UTF-8",
            "42804 column c: VARBINARY is not stored as VARCHAR: CAST it",
        ),
        (
            Value::from(b"ab"),
            "UUID",
            "22018 a UUID has 16 bytes, not 2",
            "42804 column c: VARBINARY is not stored as UUID: CAST it",
        ),
        (Value::Timestamp(Timestamp(-1)), "DATE", "DATE 1969-12-31", "="),
        (date_of("2024-02-29"), "TIMESTAMP", "TIMESTAMP 2024-02-29 00:00:00", "="),
        (Value::Timestamp(Timestamp(500_000)), "VARCHAR", "VARCHAR 1970-01-01 00:00:00.5", "="),
        (Value::Null, "INTEGER", "NULL NULL", "="),
        (date_of("2024-02-29"), "UUID", "42846 DATE does not convert to UUID", "="),
    ];
    for (value, data_type, by_cast, on_write) in cases {
        let to = type_of(data_type);
        assert_eq!(outcome(cast(value.clone(), &to)), by_cast, "CAST({value:?} AS {data_type})");
        let written = outcome(assign(value.clone(), &to, "c"));
        let failed = by_cast.as_bytes()[0].is_ascii_digit();
        let expected = match on_write {
            "=" if failed => format!("{} column c: {}", &by_cast[..5], &by_cast[6..]),
            "=" => by_cast.to_owned(),
            other => other.to_owned(),
        };
        assert_eq!(written, expected, "{value:?} into {data_type}");
    }
}

/// The table of docs/TYPES.md is the one that the code keeps to.
#[test]
fn documented_conversions_are_those_of_the_code() {
    let text = include_str!("../../docs/TYPES.md");
    let mut rows = text.lines().skip_while(|line| !line.starts_with("| from \\ to |")).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| -> Vec<String> { line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect() };
    let to_names = cells(rows.next().expect("the table's head"));
    let mut seen = 0;
    for row in rows.skip(1).map(cells) {
        for (to, cell) in to_names.iter().zip(&row).skip(1) {
            let expected = match cell.as_str() {
                "=" => Conversion::Same,
                "write" => Conversion::Write,
                "cast" => Conversion::Cast,
                "-" => Conversion::Never,
                other => panic!("unknown cell {other}"),
            };
            assert_eq!(conversion(&type_of(&row[0]), &type_of(to)), expected, "{} to {to}", row[0]);
            seen += 1;
        }
    }
    assert_eq!(seen, 81);
}

/// For any value and type: what the table refuses is refused as a matter of types, what it allows is a value of that type in its range or a matter of data.
#[test]
fn conversions_keep_to_their_table() {
    let (seed, mut rng) = seeded("conversions_keep_to_their_table");
    let all = [
        "BOOLEAN",
        "TINYINT",
        "BIGINT",
        "DOUBLE",
        "DECIMAL",
        "VARCHAR",
        "VARCHAR(3)",
        "VARBINARY(3)",
        "TIMESTAMP",
        "DATE",
        "UUID",
    ];
    for round in 0..200_000 {
        let from = *rng.choice(&COLUMN_TYPES).expect("there are types");
        let value = match value(&mut rng, &from) {
            Value::Text(_) if rng.bool() => Value::Text(any(&mut rng).to_string().into()),
            other => other,
        };
        let to = type_of(rng.choice(&all).expect("there are types"));
        let allowed = if value.is_null() { Conversion::Same } else { conversion(&from, &to) };
        let by_cast = cast(value.clone(), &to);
        let on_write = assign(value.clone(), &to, "c");
        for (result, least) in [(&by_cast, Conversion::Cast), (&on_write, Conversion::Write)] {
            let context = format!("{value:?} to {to}: {result:?}, round {round}, TREERING_SEED={seed}");
            match result {
                Ok(converted) => {
                    assert!(allowed >= least && is_of(converted, &to), "{context}");
                    assert_eq!(&cast(converted.clone(), &to).expect("it is one"), converted, "{context}");
                }
                Err(error) if error.kind() == ErrorKind::Type => assert!(allowed < least, "{context}"),
                Err(error) => assert!(error.kind() == ErrorKind::Data && allowed >= least, "{context}"),
            }
        }
    }
}

/// Whether a column of this type may hold the value.
fn is_of(value: &Value<'_>, data_type: &DataType) -> bool {
    match (value, data_type) {
        (Value::Null, _) | (Value::Bool(_), DataType::Boolean) => true,
        (Value::Int(number), DataType::Integer(width)) => (width.range().0..=width.range().1).contains(number),
        (Value::Double(number), DataType::Double) => number.is_finite(),
        (Value::Decimal(number), DataType::Decimal { precision, scale }) => {
            number.scale() == u32::from(*scale) && number.mantissa().unsigned_abs() < 10u128.pow(u32::from(*precision))
        }
        (Value::Text(text), DataType::Text { max }) => max.is_none_or(|max| text.chars().count() <= max as usize),
        (Value::Blob(bytes), DataType::Blob { max }) => max.is_none_or(|max| bytes.len() <= max as usize),
        (Value::Timestamp(time), DataType::Timestamp) => (Timestamp::MIN..=Timestamp::MAX).contains(time),
        (Value::Date(date), DataType::Date) => (Date::MIN..=Date::MAX).contains(date),
        (Value::Uuid(_), DataType::Uuid) => true,
        _ => false,
    }
}

/// The text of a value reads as the same value, digit for digit.
#[test]
fn text_reads_as_what_was_written() {
    let (seed, mut rng) = seeded("text_reads_as_what_was_written");
    for round in 0..100_000 {
        let data_type = *rng.choice(&COLUMN_TYPES).expect("there are types");
        let value = value(&mut rng, &data_type);
        let text = value.to_string();
        let read = match (&value, data_type) {
            (Value::Null, _) => continue,
            (_, DataType::Blob { .. }) => parse_bytes(&text).map(Value::from),
            (_, DataType::Decimal { .. }) => parse_decimal(&text).map(Value::Decimal),
            _ => cast(Value::from(text.as_str()), &data_type),
        };
        assert_eq!(format!("{:?}", read.expect("its own text")), format!("{value:?}"), "round {round}, TREERING_SEED={seed}");
    }
}

/// What text of numbers and times means at the borders of their form.
#[test]
fn text_at_its_borders() {
    for (text, expected) in [
        ("1.50", "1.50"),
        ("+.5", "0.5"),
        ("5.", "5"),
        ("-0", "0"),
        ("1.2e3", "1200"),
        ("12e-3", "0.012"),
        ("79228162514264337593543950335", "79228162514264337593543950335"),
        ("79228162514264337593543950335.4", "79228162514264337593543950335"),
        ("79228162514264337593543950335.5", "22003"),
        ("79228162514264337593543950336", "22003"),
        ("0.00000000000000000000000000005", "0.0000000000000000000000000001"),
        ("0.00000000000000000000000000004999", "0.0000000000000000000000000000"),
        ("1e-1000000000000", "0.0000000000000000000000000000"),
        ("0e1000000000000", "0"),
        ("1e29", "22003"),
        ("1e1000000000000", "22003"),
        ("0.33333333333333333333333333333333333333333333333333", "0.3333333333333333333333333333"),
        ("7.99999999999999999999999999999999999999999999999999", "8.000000000000000000000000000"),
        ("000000000000000000000000000000000000000000000000001", "1"),
        ("", "22018"),
        (".", "22018"),
        ("-", "22018"),
        ("1e", "22018"),
        ("1_000", "22018"),
        ("1.2.3", "22018"),
        ("--1", "22018"),
        ("١", "22018"),
    ] {
        let read = parse_decimal(text).map_or_else(|error| error.sqlstate().to_owned(), |number| number.to_string());
        assert_eq!(read, expected, "{text}");
    }
    for (text, expected) in [
        ("2024-02-29", "2024-02-29 00:00:00"),
        (" 2024-2-9 ", "2024-02-09 00:00:00"),
        ("2024-02-29 23:59", "2024-02-29 23:59:00"),
        ("2024-02-29T23:59:58.1234564", "2024-02-29 23:59:58.123456"),
        ("2024-02-29T23:59:58.1234565", "2024-02-29 23:59:58.123457"),
        ("2024-02-29 23:59:59.9999999", "2024-03-01 00:00:00"),
        ("0001-01-01 00:00:00", "0001-01-01 00:00:00"),
        ("9999-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999"),
        ("9999-12-31 23:59:59.9999995", "22008"),
        ("0000-01-01", "22008"),
        ("2024-02-30", "22008"),
        ("2024-01-01 24:00", "22008"),
        ("2024-01-01 12:60", "22008"),
        ("2024-01-01 12:30:60", "22008"),
        ("2024-01-01 12:30x", "22007"),
        ("2024-01-01 12:30:00.", "22007"),
        ("2024-01-01 12:30:00.1234567890", "22007"),
        ("2024-01-01T12:30:00Z", "22007"),
        ("2024-01-01 ", "2024-01-01 00:00:00"),
        ("2024-01-01x", "22007"),
        ("24-01-01", "22007"),
        ("12024-01-01", "22007"),
        ("", "22007"),
    ] {
        let read = parse_timestamp(text).map_or_else(|error| error.sqlstate().to_owned(), |time| time.to_string());
        assert_eq!(read, expected, "{text}");
    }
    assert_eq!(parse_bytes("X'0a0B'").ok(), Some(vec![10, 11]));
    assert_eq!(parse_bytes("0a0B").ok(), Some(vec![10, 11]));
    assert_eq!(parse_bytes("").ok(), Some(vec![]));
    assert!(parse_bytes("0").is_err() && parse_bytes("0g").is_err() && parse_bytes("X'00").is_err() && parse_bytes("é").is_err());
    assert_eq!(Date::MIN.to_string(), "0001-01-01");
    assert_eq!(Date::MAX.to_string(), "9999-12-31");
    assert_eq!(Date(i32::MAX).to_string(), "2147483647 days");
    assert_eq!(Timestamp(i64::MIN).to_string(), "-9223372036854775808 microseconds");
}

/// No text makes a reader panic.
#[test]
fn any_text_is_read_or_refused() {
    let (seed, mut rng) = seeded("any_text_is_read_or_refused");
    for _ in 0..100_000 {
        let mut text = if rng.bool() { any(&mut rng).to_string() } else { text(&mut rng) };
        for _ in 0..rng.usize(..3) {
            let at = rng.usize(..=text.len());
            if text.is_char_boundary(at) {
                text.insert(
                    at,
                    *rng.choice(&['0', '9', '-', '+', '.', 'e', 'E', ':', ' ', 'T', '\'', 'é']).expect("there are some"),
                );
            }
        }
        for data_type in COLUMN_TYPES {
            if let Err(error) = cast(Value::from(text.as_str()), &data_type) {
                assert_eq!(error.kind(), ErrorKind::Data, "{text:?}, TREERING_SEED={seed}");
            }
        }
        let _ = parse_bytes(&text);
    }
}

/// Decimal numbers become the nearest double, and a double the decimal number of its shortest digits.
#[test]
fn decimals_and_doubles_are_nearest() {
    let (seed, mut rng) = seeded("decimals_and_doubles_are_nearest");
    for _ in 0..100_000 {
        let number = decimal(&mut rng);
        let expected: f64 = number.to_string().parse().expect("digits");
        assert_eq!(super::number::nearest_double(number) + 0.0, expected + 0.0, "{number}, TREERING_SEED={seed}");
        let number = double(&mut rng);
        if let Some(decimal) = exact_decimal(number) {
            assert_eq!(
                compare(&Value::Decimal(decimal), &Value::Double(number)),
                Some(Ordering::Equal),
                "{number}, TREERING_SEED={seed}"
            );
        }
    }
}

/// One type for two is the same in either order, and each of the two converts to it; what is strict stays strict.
#[test]
fn common_types() {
    let decimal = |precision, scale| DataType::Decimal { precision, scale };
    let text = |max| DataType::Text { max };
    for (left, right, expected) in [
        (DataType::Unknown, DataType::Date, Some(DataType::Date)),
        (DataType::Boolean, DataType::BIGINT, Some(DataType::Boolean)),
        (DataType::Boolean, DataType::Double, None),
        (DataType::Integer(IntWidth::Tiny), DataType::Integer(IntWidth::Int), Some(DataType::Integer(IntWidth::Int))),
        (DataType::BIGINT, DataType::Double, Some(DataType::Double)),
        (DataType::BIGINT, decimal(10, 2), Some(decimal(21, 2))),
        (DataType::BIGINT, decimal(20, 20), Some(decimal(28, 20))),
        (decimal(10, 2), decimal(6, 4), Some(decimal(12, 4))),
        (decimal(10, 2), DataType::Double, Some(DataType::Double)),
        (text(Some(3)), text(Some(5)), Some(text(Some(5)))),
        (text(Some(3)), text(None), Some(text(None))),
        (text(None), DataType::BIGINT, None),
        (text(None), DataType::Boolean, None),
        (text(None), DataType::Timestamp, Some(DataType::Timestamp)),
        (text(Some(9)), DataType::Uuid, Some(DataType::Uuid)),
        (text(None), DataType::Blob { max: None }, None),
        (DataType::Date, DataType::Timestamp, Some(DataType::Timestamp)),
        (DataType::Date, DataType::BIGINT, None),
        (DataType::Uuid, DataType::Blob { max: None }, None),
    ] {
        assert_eq!(common_type(&left, &right), expected, "{left} and {right}");
    }
    for left in COLUMN_TYPES {
        assert_eq!(common_type(&left, &left), Some(left));
        for right in COLUMN_TYPES {
            let together = common_type(&left, &right);
            assert_eq!(together, common_type(&right, &left));
            if let Some(together) = together {
                assert!(conversion(&left, &together) >= Conversion::Write && conversion(&right, &together) >= Conversion::Write);
            }
        }
    }
}

/// LIKE as its definition says it, in exponential time.
fn like_model(text: &[char], pattern: &[char], escape: Option<char>) -> bool {
    match pattern {
        [] => text.is_empty(),
        [first, char, rest @ ..] if Some(*first) == escape => text.first() == Some(char) && like_model(&text[1..], rest, escape),
        ['%', rest @ ..] => (0..=text.len()).any(|skipped| like_model(&text[skipped..], rest, escape)),
        ['_', rest @ ..] => !text.is_empty() && like_model(&text[1..], rest, escape),
        [first, rest @ ..] => text.first() == Some(first) && like_model(&text[1..], rest, escape),
    }
}

/// Without anybody who waits.
fn like(text: &str, pattern: &str, escape: Option<&str>, ignore_case: bool) -> Result<bool> {
    super::like(text, pattern, escape, ignore_case, || Ok(()))
}

/// LIKE is what its definition says, with and without an escape.
#[test]
fn like_is_its_definition() {
    let (seed, mut rng) = seeded("like_is_its_definition");
    let mut matched = 0;
    for round in 0..200_000 {
        let mut draw = |letters: &[char], most: usize| -> Vec<char> {
            (0..rng.usize(..most)).map(|_| *rng.choice(letters).expect("there are letters")).collect()
        };
        let text = draw(&['a', 'b', 'ä', '%'], 9);
        let pattern = draw(&['a', 'b', 'ä', '%', '%', '_', '!'], 8);
        let escape = Some('!').filter(|_| round % 2 == 0);
        let (text_string, pattern_string): (String, String) = (text.iter().collect(), pattern.iter().collect());
        let got = like(&text_string, &pattern_string, escape.map(|_| "!"), false);
        let lone = escape.is_some() && pattern.iter().rev().take_while(|char| **char == '!').count() % 2 == 1;
        if lone {
            assert_eq!(got.expect_err("a lone escape").sqlstate(), "22025");
            continue;
        }
        let got = got.expect("a whole pattern");
        matched += usize::from(got);
        assert_eq!(
            got,
            like_model(&text, &pattern, escape),
            "{text_string:?} LIKE {pattern_string:?}, round {round}, TREERING_SEED={seed}"
        );
    }
    assert!(matched > 10_000, "hardly anything matched: {matched}");
}

/// Letters of both cases are equal where that is asked for, and escapes are checked.
#[test]
fn like_by_case() {
    for (text, pattern, expected) in
        [("Straße", "sTRA_E", true), ("ÄRGER", "ä%", true), ("abc", "%B%", true), ("abc", "%D%", false)]
    {
        assert_eq!(like(text, pattern, None, true).ok(), Some(expected), "{text} ILIKE {pattern}");
        assert_eq!(like(text, pattern, None, false).ok(), Some(false), "{text} LIKE {pattern}");
    }
    assert_eq!(like("a", "a", Some("xy"), false).expect_err("two characters").sqlstate(), "22019");
    assert_eq!(like("a", "_", Some(""), false).ok(), Some(true));
    for (text, pattern, escape, expected) in [
        ("50%", "50\\%", None, true),
        ("500", "50\\%", None, false),
        ("a\\b", "a\\\\b", None, true),
        ("a\\", "a\\", None, true),
        ("a", "a\\", None, false),
        ("a\\b", "a\\_", Some(""), true),
        ("a%", "a%%", Some("%"), true),
        ("ab", "a%%", Some("%"), false),
        ("%", "%%", Some("%"), true),
        ("x", "%%", Some("%"), false),
        ("a%", "%a\\%", None, true),
        ("ab", "%a\\%", None, false),
    ] {
        assert_eq!(like(text, pattern, escape, false).ok(), Some(expected), "{text} LIKE {pattern}");
    }
}

/// A pattern with many `%` takes no more than text times pattern steps: with a trial of every way this test would not end.
#[test]
fn like_does_not_explode() {
    let text = "a".repeat(20_000);
    let pattern = format!("{}b", "%a".repeat(1000));
    assert_eq!(like(&text, &pattern, None, false).ok(), Some(false));
    assert_eq!(like(&text, &pattern, None, true).ok(), Some(false));
    assert_eq!(like(&text, &"_%".repeat(1000), None, false).ok(), Some(true));
}

/// Rust's numbers become values only where they are SQL's numbers.
#[test]
fn values_from_rust() {
    assert_eq!(Value::from(7u32), Value::Int(7));
    assert_eq!(Value::try_from(u64::MAX).expect_err("too large").sqlstate(), "22003");
    assert_eq!(Value::try_from(f64::INFINITY).expect_err("infinite").sqlstate(), "22003");
    assert_eq!(Value::try_from(f64::NAN).expect_err("no number").sqlstate(), "22003");
    assert!(matches!(Value::try_from(-0.0), Ok(Value::Double(zero)) if zero.is_sign_positive()));
    assert_eq!(Value::from(None::<i64>), Value::Null);
    assert_eq!(Value::from(Some("x")), Value::from("x"));
}
