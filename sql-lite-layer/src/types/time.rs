//! Days and times of day: the calendar is jiff's, the form is a count since 1970.
//!
//! Both kinds cover the years 1 to 9999. A count outside of them can only come from a caller or a damaged row; it is shown as a count and converts to nothing.

use jiff::SignedDuration;
use jiff::civil::{self, DateTime};

use super::{Date, Timestamp};

const EPOCH: civil::Date = civil::date(1970, 1, 1);
const SECONDS_A_DAY: i64 = 86_400;
const MICROS_A_DAY: i64 = SECONDS_A_DAY * 1_000_000;

impl Date {
    /// 0001-01-01.
    pub const MIN: Date = Date(-719_162);
    /// 9999-12-31.
    pub const MAX: Date = Date(2_932_896);

    /// The day of the calendar; none outside of the years 1 to 9999.
    pub(crate) fn to_civil(self) -> Option<civil::Date> {
        if self < Date::MIN || self > Date::MAX {
            return None;
        }
        EPOCH.checked_add(SignedDuration::from_secs(i64::from(self.0) * SECONDS_A_DAY)).ok()
    }

    /// A day of the calendar; none outside of the years 1 to 9999.
    pub(crate) fn from_civil(date: civil::Date) -> Option<Date> {
        let days = date.duration_since(EPOCH).as_secs() / SECONDS_A_DAY;
        (1..=9999).contains(&date.year()).then_some(Date(i32::try_from(days).ok()?))
    }

    /// The day so many days later; none outside of the years 1 to 9999.
    pub(crate) fn plus_days(self, days: i64) -> Option<Date> {
        let date = Date(i32::try_from(i64::from(self.0).checked_add(days)?).ok()?);
        (Date::MIN..=Date::MAX).contains(&date).then_some(date)
    }
}

impl Timestamp {
    /// 0001-01-01 00:00:00.
    pub const MIN: Timestamp = Timestamp(Date::MIN.0 as i64 * MICROS_A_DAY);
    /// 9999-12-31 23:59:59.999999.
    pub const MAX: Timestamp = Timestamp((Date::MAX.0 as i64 + 1) * MICROS_A_DAY - 1);

    /// The beginning of a day.
    pub(crate) fn midnight(date: Date) -> Timestamp {
        // |i32| * 86.4e9 < 1.9e20 does not fit for days that are no dates: they are held at the end.
        Timestamp(i64::from(date.0).saturating_mul(MICROS_A_DAY))
    }

    /// The day that it lies in.
    pub(crate) fn date(self) -> Date {
        // |i64| / 86.4e9 < 1.1e8 fits.
        Date(self.0.div_euclid(MICROS_A_DAY) as i32)
    }

    /// The time so many days later; none outside of the years 1 to 9999.
    pub(crate) fn plus_days(self, days: i64) -> Option<Timestamp> {
        let time = Timestamp(self.0.checked_add(days.checked_mul(MICROS_A_DAY)?)?);
        (Timestamp::MIN..=Timestamp::MAX).contains(&time).then_some(time)
    }

    /// The calendar's form; none outside of the years 1 to 9999.
    pub(crate) fn to_civil(self) -> Option<DateTime> {
        if self < Timestamp::MIN || self > Timestamp::MAX {
            return None;
        }
        EPOCH.to_datetime(civil::Time::midnight()).checked_add(SignedDuration::from_micros(self.0)).ok()
    }

    /// From the calendar's form, rounded to microseconds, halves up; none outside of the years 1 to 9999.
    pub(crate) fn from_civil(time: DateTime) -> Option<Timestamp> {
        let elapsed = time.duration_since(EPOCH.to_datetime(civil::Time::midnight()));
        let micros = elapsed.as_nanos().checked_add(500)?.div_euclid(1000);
        let timestamp = Timestamp(i64::try_from(micros).ok()?);
        (Timestamp::MIN..=Timestamp::MAX).contains(&timestamp).then_some(timestamp)
    }
}
