//! What keys and rows promise, on drawn values.

use std::cmp::Ordering;

use fastrand::Rng;

use super::{key, row};
use crate::error::ErrorKind;
use crate::types::sample::{COLUMN_TYPES, number, seeded, value};
use crate::types::{DataType, Uuid, Value, compare, order};

fn key_of<'a>(values: impl IntoIterator<Item = &'a Value<'static>>) -> Vec<u8> {
    let mut key = Vec::new();
    values.into_iter().for_each(|value| key::push(&mut key, value));
    key
}

fn hashable(value: &Value<'_>) -> Vec<u8> {
    let mut key = Vec::new();
    key::push_hashable(&mut key, value);
    key
}

/// Keys of the same columns stand in the order of their values, equal ones are equal, and reading them gives the values back.
#[test]
fn keys_compare_as_their_values() {
    let (seed, mut rng) = seeded("keys_compare_as_their_values");
    for round in 0..200_000 {
        let types: Vec<DataType> = (0..rng.usize(1..4)).map(|_| *rng.choice(&COLUMN_TYPES).expect("there are types")).collect();
        let draw = |rng: &mut Rng| -> Vec<Value<'static>> { types.iter().map(|data_type| value(rng, data_type)).collect() };
        let left = draw(&mut rng);
        let mut right = draw(&mut rng);
        if rng.bool() {
            right[0] = left[0].clone();
        }
        let by_value = left.iter().zip(&right).map(|(a, b)| order(a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal);
        let (left_key, right_key) = (key_of(&left), key_of(&right));
        assert_eq!(left_key.cmp(&right_key), by_value, "{left:?} and {right:?}, round {round}, TREERING_SEED={seed}");
        let (mut reading, mut skipping) = (left_key.as_slice(), left_key.as_slice());
        for (value, data_type) in left.iter().zip(&types) {
            let read = key::take(&mut reading, data_type).expect("its own key");
            assert_eq!(format!("{read:?}"), format!("{value:?}"), "round {round}, TREERING_SEED={seed}");
            key::skip(&mut skipping).expect("its own key");
            assert_eq!(reading, skipping);
        }
        assert!(reading.is_empty());
    }
}

/// Keys that begin with given values are exactly those from their bytes to the next prefix: no text is taken for the beginning of another.
#[test]
fn prefix_range_holds_equal_values_only() {
    let (seed, mut rng) = seeded("prefix_range_holds_equal_values_only");
    for round in 0..100_000 {
        let data_type = *rng.choice(&COLUMN_TYPES).expect("there are types");
        let (wanted, other, behind) = (value(&mut rng, &data_type), value(&mut rng, &data_type), number(&mut rng));
        let prefix = key_of([&wanted]);
        let end = key::next_prefix(&prefix).expect("no tag is 0xFF");
        let key = key_of([&other, &behind]);
        let inside = prefix <= key && key < end;
        assert_eq!(inside, order(&wanted, &other).is_eq(), "{wanted:?} and {other:?}, round {round}, TREERING_SEED={seed}");
    }
    assert_eq!(key::next_prefix(&[1, 0xFF, 0xFF]), Some(vec![2]));
    assert_eq!(key::next_prefix(&[0xFF, 0xFF]), None);
    assert_eq!(key::next_prefix(&[]), None);
}

/// Numbers have equal hashable bytes if and only if they are equal, whatever their kinds; so have dates and timestamps.
#[test]
fn equal_numbers_hash_alike() {
    let (seed, mut rng) = seeded("equal_numbers_hash_alike");
    let mut equal_of_two_kinds = 0;
    for round in 0..300_000 {
        let (left, mut right) = (number(&mut rng), number(&mut rng));
        // The same number in another kind, where there is one.
        if let (Value::Double(double), true) = (&left, rng.bool()) {
            right = crate::types::exact_decimal(*double).map_or(right, Value::Decimal);
        }
        let equal = compare(&left, &right) == Some(Ordering::Equal);
        equal_of_two_kinds += usize::from(equal && left.kind_name() != right.kind_name());
        assert_eq!(hashable(&left) == hashable(&right), equal, "{left:?} and {right:?}, round {round}, TREERING_SEED={seed}");
        assert_eq!(order(&left, &right), order(&right, &left).reverse(), "{left:?} and {right:?}, TREERING_SEED={seed}");
    }
    assert!(equal_of_two_kinds > 1000, "the test has hardly met what it is for: {equal_of_two_kinds}");
    let date = value(&mut rng, &DataType::Date);
    if let Value::Date(day) = date {
        assert_eq!(hashable(&date), hashable(&Value::Timestamp(crate::types::Timestamp::midnight(day))));
    }
}

/// The forms that are written down in the tables of `key` and `row` do not change.
#[test]
fn forms_are_stable() {
    let decimal = |text: &str| Value::Decimal(text.parse().expect("a number"));
    let cases: [(Value<'_>, &str, &str); 20] = [
        (Value::Null, "02", "0100"),
        (Value::Bool(true), "05", "0102"),
        (Value::Int(0), "14", "0103"),
        (Value::Int(1), "1501", "0104"),
        (Value::Int(-1), "13FE", "0105FF"),
        (Value::Int(255), "15FF", "0106FF00"),
        (Value::Int(256), "160100", "01060001"),
        (Value::Int(-256), "12FEFF", "010600FF"),
        (Value::Int(i64::MIN), "0C7FFFFFFFFFFFFFFF", "01080000000000000080"),
        (Value::Double(1.0), "21BFF0000000000000", "0109000000000000F03F"),
        (Value::Double(-1.0), "21400FFFFFFFFFFFFF", "0109000000000000F0BF"),
        (decimal("0.00"), "2380", "010D0200"),
        (decimal("12.50"), "23C21964", "010E02E204"),
        (decimal("-12.5"), "233DE69B", "010D817D"),
        (Value::from("a\0\u{1}"), "30610101010200", "0123610001"),
        (Value::from(b"\x00\xFF"), "310101FF00", "01C200FF"),
        (Value::Timestamp(crate::types::Timestamp(1)), "408000000000000001", "010A0100000000000000"),
        (Value::Date(crate::types::Date(-1)), "417FFFFFFF", "010BFFFFFFFF"),
        (Value::Uuid(Uuid::from_u128(7)), "5000000000000000000000000000000007", "010C00000000000000000000000000000007"),
        (decimal("79228162514264337593543950335"), "23DD9F2DA37D6755814397BB6D4F654364", "011100FFFFFFFFFFFFFFFFFFFFFFFF"),
    ];
    for (value, key, row) in &cases {
        let mut bytes = Vec::new();
        key::push(&mut bytes, value);
        assert_eq!(Value::from(bytes).to_string(), format!("X'{key}'"), "{value:?}");
        let mut bytes = Vec::new();
        row::encode(&mut bytes, std::iter::once(value));
        assert_eq!(Value::from(bytes).to_string(), format!("X'{row}'"), "{value:?}");
    }
}

fn row_of(values: &[Value<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    row::encode(&mut bytes, values.iter());
    bytes
}

/// Any columns of a row, in one pass or one by one, are the values that were written, digit for digit; columns behind its end are none.
#[test]
fn rows_give_back_what_was_written() {
    let (seed, mut rng) = seeded("rows_give_back_what_was_written");
    for round in 0..50_000 {
        let width = if rng.u8(..50) == 0 { 300 } else { 9 };
        let values: Vec<Value<'static>> = (0..rng.usize(..width))
            .map(|_| match rng.u8(..10) {
                0 => number(&mut rng),
                1 if rng.u8(..100) == 0 => Value::Text("x".repeat(rng.usize(..80_000)).into()),
                _ => {
                    let data_type = *rng.choice(&COLUMN_TYPES).expect("there are types");
                    value(&mut rng, &data_type)
                }
            })
            .collect();
        let row = row_of(&values);
        let wanted: Vec<usize> = (0..values.len() + 3).filter(|_| rng.bool()).collect();
        let mut found = Vec::new();
        row::read(&row, wanted.iter().copied(), |number, value| {
            assert_eq!(number, found.len());
            found.push(value);
        })
        .expect("its own row");
        let expected: Vec<Option<&Value<'_>>> = wanted.iter().map(|at| values.get(*at)).collect();
        assert_eq!(format!("{found:?}"), format!("{expected:?}"), "round {round}, TREERING_SEED={seed}");
        let mut frame = vec![Value::from("old".to_owned()); wanted.len() * 2];
        let there =
            row::fill(&row, wanted.iter().enumerate().map(|(nth, column)| (*column, nth * 2)), &mut frame).expect("its own row");
        assert_eq!(there, found.iter().flatten().count());
        for (nth, pair) in frame.chunks(2).enumerate() {
            let expected = found[nth].as_ref().unwrap_or(&pair[1]);
            assert_eq!(format!("{:?}", pair[0]), format!("{expected:?}"), "round {round}, TREERING_SEED={seed}");
        }
        if let Some(at) = wanted.first() {
            assert_eq!(format!("{:?}", row::column(&row, *at)), format!("Ok({:?})", values.get(*at)));
        }
    }
}

/// Text and bytes of a row are lent, not copied.
#[test]
fn rows_lend_their_text() {
    let row = row_of(&[Value::from("a"), Value::from("b".repeat(500)), Value::from(vec![7u8; 70_000])]);
    for at in 0..3 {
        match row::column(&row, at) {
            Ok(Some(Value::Text(std::borrow::Cow::Borrowed(_)) | Value::Blob(std::borrow::Cow::Borrowed(_)))) => {}
            other => panic!("not lent: {other:?}"),
        }
    }
}

/// Damaged keys and rows are errors or other values; they never panic, and a key that is accepted is the only form of its value.
#[test]
fn damaged_bytes_never_panic() {
    let (seed, mut rng) = seeded("damaged_bytes_never_panic");
    let mut refused = 0;
    for round in 0..300_000 {
        let data_type = *rng.choice(&COLUMN_TYPES).expect("there are types");
        let mut bytes: Vec<u8> = match rng.u8(..3) {
            0 => (0..rng.usize(..40)).map(|_| rng.u8(..)).collect(),
            1 => key_of([&value(&mut rng, &data_type)]),
            _ => row_of(&[number(&mut rng), value(&mut rng, &data_type), value(&mut rng, &data_type)]),
        };
        for _ in 0..rng.usize(..3) {
            if !bytes.is_empty() {
                let at = rng.usize(..bytes.len());
                match rng.u8(..3) {
                    0 => bytes[at] = rng.u8(..),
                    1 => bytes.truncate(at),
                    _ => bytes[at] ^= 1 << rng.u32(..8),
                }
            }
        }
        let asked = if rng.bool() { data_type } else { DataType::Unknown };
        let mut rest = bytes.as_slice();
        match key::take(&mut rest, &asked) {
            Ok(value) => {
                let taken = &bytes[..bytes.len() - rest.len()];
                assert_eq!(key_of([&value.into_owned()]), taken, "round {round}, TREERING_SEED={seed}");
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Store);
                refused += 1;
            }
        }
        let _ = key::skip(&mut bytes.as_slice());
        let from = rng.usize(..4);
        if let Err(error) = row::read(&bytes, from..from + 3, |_, value| drop(value)) {
            assert_eq!(error.kind(), ErrorKind::Store);
            refused += 1;
        }
    }
    assert!(refused > 100_000, "hardly anything was damaged: {refused}");
}
