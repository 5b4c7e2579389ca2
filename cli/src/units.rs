//! Quantities as a person reads them: `1.4 MiB`, `12,345`, `3.2 ms`.

use std::time::Duration;

/// `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 page`, `3 pages`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// `4 KiB`, `1.4 MiB`, `312 MiB`: three digits at most, but for bytes.
pub(crate) fn bytes(n: u64) -> String {
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64;
    for unit in ["KiB", "MiB", "GiB", "TiB"] {
        value /= 1024.0;
        // 1,023.5 would be shown as 1024.
        if value < 1023.5 {
            return format!("{} {unit}", three_digits(value));
        }
    }
    format!("{} PiB", three_digits(value / 1024.0))
}

/// `1.2 MiB (1,234,567 bytes)`.
pub(crate) fn exact_bytes(n: u64) -> String {
    if n < 1024 { bytes(n) } else { format!("{} ({} bytes)", bytes(n), count(n)) }
}

/// Microseconds as `12.3 us`, `4.56 ms`, `7.8 s`.
pub(crate) fn micros(us: f64) -> String {
    match us {
        _ if !us.is_finite() => "-".into(),
        _ if us < 1.0 => format!("{:.0} ns", us * 1e3),
        _ if us < 999.5 => format!("{} us", three_digits(us)),
        _ if us < 999_500.0 => format!("{} ms", three_digits(us / 1e3)),
        _ if us < 60e6 => format!("{} s", three_digits(us / 1e6)),
        _ => format!("{:.0} min {:.0} s", (us / 60e6).floor(), us / 1e6 % 60.0),
    }
}

/// A duration, as [`micros`].
pub(crate) fn duration(time: Duration) -> String {
    micros(time.as_secs_f64() * 1e6)
}

/// A share of 0 to 1 as `87 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn three_digits(value: f64) -> String {
    let text = match value {
        _ if value < 9.995 => format!("{value:.2}"),
        _ if value < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0, 1023, 1024, 1536, 1 << 20, 1_048_575, 10_170_000, u64::MAX].map(bytes),
            ["0 B", "1023 B", "1 KiB", "1.5 KiB", "1 MiB", "1 MiB", "9.7 MiB", "16384 PiB"]
        );
        assert_eq!(
            [0.25, 1.0, 45.67, 999.4, 1234.0, 2.5e6, 90e6, f64::NAN].map(micros),
            ["250 ns", "1 us", "45.7 us", "999 us", "1.23 ms", "2.5 s", "1 min 30 s", "-"]
        );
    }
}
