//! Values drawn for tests: the borders of every type, and what lies between.

use fastrand::Rng;

use super::{DataType, Date, Decimal, IntWidth, Timestamp, Uuid, Value};

/// Draws from the seed in `TREERING_SEED`, or from a fixed one. Failures name it, so that it can be given back.
pub(crate) fn seeded(test: &str) -> (u64, Rng) {
    let seed = std::env::var("TREERING_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(4);
    #[expect(clippy::print_stdout)]
    {
        println!("{test}: TREERING_SEED={seed}");
    }
    (seed, Rng::with_seed(seed))
}

/// One of each type that a column can have.
pub(crate) const COLUMN_TYPES: [DataType; 9] = [
    DataType::Boolean,
    DataType::Integer(IntWidth::Big),
    DataType::Double,
    DataType::Decimal { precision: 28, scale: 9 },
    DataType::Text { max: None },
    DataType::Blob { max: None },
    DataType::Timestamp,
    DataType::Date,
    DataType::Uuid,
];

/// A value of the type, or NULL now and then.
pub(crate) fn value(rng: &mut Rng, data_type: &DataType) -> Value<'static> {
    if rng.u8(..16) == 0 {
        return Value::Null;
    }
    match data_type {
        DataType::Unknown => Value::Null,
        DataType::Boolean => Value::Bool(rng.bool()),
        DataType::Integer(_) => Value::Int(int(rng)),
        DataType::Double => Value::Double(double(rng)),
        DataType::Decimal { scale, .. } => {
            let mut number = decimal(rng);
            number.rescale(u32::from(*scale));
            super::rescale(number, 28, *scale).map_or(Value::Null, Value::Decimal)
        }
        DataType::Text { .. } => Value::Text(text(rng).into()),
        DataType::Blob { .. } => Value::Blob(bytes(rng).into()),
        DataType::Timestamp => Value::Timestamp(timestamp(rng)),
        DataType::Date => Value::Date(timestamp(rng).date()),
        DataType::Uuid => Value::Uuid(Uuid::from_u128(if rng.bool() { rng.u128(..) } else { u128::from(rng.u8(..4)) })),
    }
}

/// A number of any kind, of few different ones, so that equal ones of different kinds are drawn.
pub(crate) fn number(rng: &mut Rng) -> Value<'static> {
    match rng.u8(..6) {
        0 => Value::Int(int(rng)),
        1 => Value::Double(double(rng)),
        2 => Value::Decimal(decimal(rng)),
        3 => Value::Int(rng.i64(-3..4)),
        4 => Value::Double(rng.i32(-12..13) as f64 / 4.0),
        _ => Value::Decimal(Decimal::new(rng.i64(-12..13) * 25 * 10i64.pow(rng.u32(..3)), 2)),
    }
}

/// Powers of two and their neighbours, of either sign.
pub(crate) fn int(rng: &mut Rng) -> i64 {
    let near = (1i64.wrapping_shl(rng.u32(..64))).wrapping_add(rng.i64(-2..3));
    if rng.bool() { near } else { near.wrapping_neg() }
}

pub(crate) fn double(rng: &mut Rng) -> f64 {
    let number = match rng.u8(..5) {
        0 => f64::from_bits(rng.u64(..)),
        1 => int(rng) as f64,
        2 => int(rng) as f64 / (1u64 << rng.u32(..63)) as f64,
        3 => rng.i32(..) as f64 / 10f64.powi(rng.i32(..12)),
        _ => *rng.choice(&[0.0, 0.1, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN, 7.922816251426434e28]).unwrap_or(&0.0),
    };
    if number.is_finite() { number + 0.0 } else { 0.5 }
}

pub(crate) fn decimal(rng: &mut Rng) -> Decimal {
    let magnitude = match rng.u8(..3) {
        0 => rng.i128(..) >> rng.u32(31..128),
        1 => 10i128.pow(rng.u32(..29)) + rng.i128(-1..2),
        _ => i128::from(int(rng)),
    };
    let scale = rng.u32(..=28);
    let number = Decimal::try_from_i128_with_scale(if rng.bool() { magnitude } else { -magnitude }, scale);
    number.unwrap_or(Decimal::ONE)
}

/// Few letters, so that texts begin alike; the bytes that keys escape; characters of one to four bytes.
pub(crate) fn text(rng: &mut Rng) -> String {
    let length = if rng.u8(..20) == 0 { rng.usize(..400) } else { rng.usize(..6) };
    (0..length)
        .map(|_| *rng.choice(&['\0', '\u{1}', '\u{2}', 'a', 'b', 'ä', '\u{7ff}', '€', '\u{ffff}', '🌲']).unwrap_or(&'a'))
        .collect()
}

pub(crate) fn bytes(rng: &mut Rng) -> Vec<u8> {
    let length = if rng.u8(..20) == 0 { rng.usize(..400) } else { rng.usize(..6) };
    (0..length).map(|_| *rng.choice(&[0, 1, 2, 3, 0x7F, 0x80, 0xFE, 0xFF]).unwrap_or(&0)).collect()
}

fn timestamp(rng: &mut Rng) -> Timestamp {
    match rng.u8(..4) {
        0 => Timestamp::MIN,
        1 => Timestamp::MAX,
        2 => Timestamp::midnight(Date(rng.i32(Date::MIN.0..=Date::MAX.0))),
        _ => Timestamp(rng.i64(Timestamp::MIN.0..=Timestamp::MAX.0)),
    }
}
