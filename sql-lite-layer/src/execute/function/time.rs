//! Functions of times: what the units are, and how many of them lie where.
//!
//! Weeks begin on Monday and are numbered as ISO 8601 says; `day_of_week` counts from Sunday, 1 to 7, as H2 and ODBC have it.

use jiff::Span;
use jiff::civil::DateTime;

use super::{as_type, no_such};
use crate::error::{Error, ErrorKind, Result};
use crate::types::{DataType, Timestamp, Value};

const MICROS_A_SECOND: i64 = 1_000_000;
const MICROS_A_DAY: i64 = 86_400 * MICROS_A_SECOND;
/// 1970-01-01 was a Thursday: so many days later began the first week of that epoch, less one week.
const THURSDAY: i64 = 3;

/// Units of the same length always; in microseconds.
fn length_micros(unit: &str) -> Option<i64> {
    Some(match unit {
        "week" => 7 * MICROS_A_DAY,
        "day" | "day_of_week" | "day_of_year" => MICROS_A_DAY,
        "hour" => 3_600 * MICROS_A_SECOND,
        "minute" => 60 * MICROS_A_SECOND,
        "second" | "epoch" => MICROS_A_SECOND,
        "millisecond" => 1_000,
        "microsecond" => 1,
        _ => return None,
    })
}

/// Units that are some months.
fn length_months(unit: &str) -> Option<i64> {
    Some(match unit {
        "year" => 12,
        "quarter" => 3,
        "month" => 1,
        _ => return None,
    })
}

/// EXTRACT: one field of a time. A second holds no fraction; `millisecond` and `microsecond` are the whole second's.
pub(super) fn extract(unit: &str, time: &Value<'_>) -> Result<Value<'static>> {
    let at = timestamp(time)?;
    let civil = civil(at)?;
    Ok(Value::Int(match unit {
        "year" => i64::from(civil.year()),
        "quarter" => i64::from((civil.month() + 2) / 3),
        "month" => i64::from(civil.month()),
        "week" => i64::from(civil.date().iso_week_date().week()),
        "day" => i64::from(civil.day()),
        "hour" => i64::from(civil.hour()),
        "minute" => i64::from(civil.minute()),
        "second" => i64::from(civil.second()),
        "millisecond" => at.0.rem_euclid(60 * MICROS_A_SECOND) / 1_000,
        "microsecond" => at.0.rem_euclid(60 * MICROS_A_SECOND),
        "epoch" => at.0.div_euclid(MICROS_A_SECOND),
        "day_of_week" => i64::from(civil.date().weekday().to_sunday_one_offset()),
        "day_of_year" => i64::from(civil.date().day_of_year()),
        other => return Err(no_unit(other)),
    }))
}

/// DATEADD. A month later than the 31st is the last day of a shorter month. A day stays a day if the unit is of days.
pub(super) fn add(unit: &str, count: i64, time: &Value<'_>) -> Result<Value<'static>> {
    let at = timestamp(time)?;
    let later = if let Some(months) = length_months(unit) {
        let span = count.checked_mul(months).and_then(|months| Span::new().try_months(months).ok());
        span.and_then(|span| civil(at).ok()?.checked_add(span).ok()).and_then(Timestamp::from_civil)
    } else {
        let length = length_micros(unit).ok_or_else(|| no_unit(unit))?;
        let micros = count.checked_mul(length).and_then(|micros| at.0.checked_add(micros));
        micros.map(Timestamp).filter(|later| (Timestamp::MIN..=Timestamp::MAX).contains(later))
    };
    let later = later.ok_or_else(|| {
        Error::new(ErrorKind::Data, format!("{count} {unit}s from {time} lie outside of the years 1 to 9999")).with_state("22008")
    })?;
    let of_days = length_months(unit).is_some() || length_micros(unit).is_some_and(|length| length % MICROS_A_DAY == 0);
    Ok(if matches!(time, Value::Date(_)) && of_days { Value::Date(later.date()) } else { Value::Timestamp(later) })
}

/// DATEDIFF: how many borders of the unit lie between the two; negative if the second comes first.
pub(super) fn diff(unit: &str, from: &Value<'_>, to: &Value<'_>) -> Result<Value<'static>> {
    let number = |time: &Value<'_>| -> Result<i64> {
        let at = timestamp(time)?;
        if let Some(months) = length_months(unit) {
            let civil = civil(at)?;
            return Ok((i64::from(civil.year()) * 12 + i64::from(civil.month()) - 1).div_euclid(months));
        }
        let length = length_micros(unit).ok_or_else(|| no_unit(unit))?;
        let shift = if unit == "week" { THURSDAY * MICROS_A_DAY } else { 0 };
        Ok((at.0 + shift).div_euclid(length))
    };
    Ok(Value::Int(number(to)? - number(from)?))
}

/// DATE_TRUNC: the beginning of the unit that the time lies in. A day stays a day.
pub(super) fn trunc(unit: &str, time: &Value<'_>) -> Result<Value<'static>> {
    let at = timestamp(time)?;
    let start = if let Some(months) = length_months(unit) {
        let civil = civil(at)?;
        let month = i64::from(civil.month() - 1).div_euclid(months) * months + 1;
        let first = DateTime::new(civil.year(), month as i8, 1, 0, 0, 0, 0).ok();
        first.and_then(Timestamp::from_civil).ok_or_else(|| no_such("a time of the years 1 to 9999 is needed", time))?
    } else {
        let length = length_micros(unit).ok_or_else(|| no_unit(unit))?;
        let shift = if unit == "week" { THURSDAY * MICROS_A_DAY } else { 0 };
        // The first day of all is a Monday: no week begins before it.
        Timestamp((at.0 + shift).div_euclid(length) * length - shift)
    };
    Ok(if matches!(time, Value::Date(_)) { Value::Date(start.date()) } else { Value::Timestamp(start) })
}

fn timestamp(value: &Value<'_>) -> Result<Timestamp> {
    match value {
        Value::Timestamp(at) => Ok(*at),
        Value::Date(date) => Ok(Timestamp::midnight(*date)),
        other => match as_type(other, DataType::Timestamp)? {
            Value::Timestamp(at) => Ok(at),
            _ => Err(no_such("a time is needed", other)),
        },
    }
}

fn civil(at: Timestamp) -> Result<DateTime> {
    at.to_civil().ok_or_else(|| Error::new(ErrorKind::Data, "a time outside of the years 1 to 9999").with_state("22008"))
}

fn no_unit(unit: &str) -> Error {
    Error::new(ErrorKind::Data, format!("\"{unit}\" is no unit of time that this function takes")).with_state("22023")
}
