//! What a drill measures, as plain numbers: for a table, for JSON, for comparing two runs.

use crate::tasks::Loaded;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Latencies, in microseconds; percentiles within 0.1 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// Half were shorter.
    pub p50_us: f64,
    /// 99 of 100 were shorter.
    pub p99_us: f64,
    /// 999 of 1000 were shorter.
    pub p999_us: f64,
    /// The longest.
    pub max_us: f64,
}

impl Latency {
    /// Of a histogram of nanoseconds.
    #[must_use]
    pub(crate) fn of(nanoseconds: &Histogram<u64>) -> Latency {
        let us = |quantile| nanoseconds.value_at_quantile(quantile) as f64 / 1e3;
        Latency {
            count: nanoseconds.len(),
            p50_us: us(0.5),
            p99_us: us(0.99),
            p999_us: us(0.999),
            max_us: nanoseconds.max() as f64 / 1e3,
        }
    }
}

/// The load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadFigures {
    /// What was stored.
    pub loaded: Loaded,
    /// How long it took.
    pub seconds: f64,
    /// Rows, without indexes, by seconds.
    pub rows_per_second: f64,
    /// Length of the file then.
    pub file_bytes: u64,
}

/// One kind of slice of the storm, all slices of the kind together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SliceFigures {
    /// The status changes, each a durable transaction: from asking for the turn to the end of the commit.
    pub writer: Latency,
    /// Status changes by seconds.
    pub writes_per_second: f64,
    /// The readings of one update's details: snapshot, reading, check.
    pub details: Latency,
    /// Readings by seconds, all readers together.
    pub reads_per_second: f64,
    /// Instance events read by seconds.
    pub events_per_second: f64,
}

/// The storm (W1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StormFigures {
    /// Reading threads.
    pub readers: u32,
    /// The writer alone.
    pub alone: SliceFigures,
    /// The writer beside threads that read another store: they cost processor time, but share no store with it.
    pub beside_other_store: SliceFigures,
    /// The writer beside threads that read its store.
    pub beside_this_store: SliceFigures,
    /// The writer's p99 of the last by that of the one before.
    pub p99_ratio: Interval,
}

/// Where a ratio of two measured quantiles lies in 95 of 100 cases, by the bootstrap: from the lower to the upper end, both in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Resamples for an [`Interval`].
const RESAMPLES: usize = 2_000;

impl Interval {
    /// Of the ratio of the `quantile` (in 0..=1) of two histograms; of nothing when one is empty.
    ///
    /// Nothing is drawn from the histograms one by one: the quantile of a resample of n stands at a rank of the original whose distribution is the binomial of n and `quantile`, here by its
    /// normal approximation (B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993).
    #[must_use]
    pub(crate) fn of_ratio(above: &Histogram<u64>, below: &Histogram<u64>, quantile: f64) -> Interval {
        if above.is_empty() || below.is_empty() {
            return Interval { low: f64::NAN, high: f64::NAN };
        }
        let mut random = fastrand::Rng::with_seed(above.len() ^ below.len());
        let mut resampled = |histogram: &Histogram<u64>| {
            let deviation = (quantile * (1.0 - quantile) / histogram.len() as f64).sqrt();
            // Twelve uniform numbers less six: nearly a normal one, of deviation 1.
            let normal = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
            histogram.value_at_quantile((quantile + deviation * normal).clamp(0.0, 1.0)) as f64
        };
        let mut ratios: Vec<f64> = (0..RESAMPLES).map(|_| resampled(above) / resampled(below)).collect();
        ratios.sort_by(f64::total_cmp);
        Interval { low: ratios[RESAMPLES / 40], high: ratios[RESAMPLES - 1 - RESAMPLES / 40] }
    }
}

/// Snapshots and a backup during the storm (W3), and the same snapshot compressed after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExportFigures {
    /// The storm meanwhile; its writer's longest time is the longest stall.
    pub storm: SliceFigures,
    /// Snapshots that were opened and dropped meanwhile.
    pub snapshots: Latency,
    /// Length of the plain blob.
    pub blob_bytes: u64,
    /// How long writing it took.
    pub blob_seconds: f64,
    /// MiB of it by seconds.
    pub blob_mib_per_second: f64,
    /// Length of the LZ4 stream.
    pub lz4_bytes: u64,
    /// How long writing it took.
    pub lz4_seconds: f64,
    /// Longest time that the backup held the writer's turn.
    pub turn_held_us: f64,
    /// The same by the writer's median commit meanwhile.
    pub turn_held_by_median_commit: f64,
    /// The longest stall of the storm meanwhile.
    pub longest_stall_ms: f64,
}

/// Children that were killed while they wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KillFigures {
    /// How many.
    pub kills: u32,
    /// Transactions that they had acknowledged; all were there.
    pub acknowledged: u64,
    /// Transactions that were there whole, but had not been acknowledged yet: at most one for each writing thread and kill.
    pub found_beyond: u64,
    /// Longest time to open the store after a kill.
    pub open_ms_max: f64,
}

/// A bound of time, and whether it was met. A missed one is no broken promise of correctness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// What is bounded, with its unit.
    pub name: String,
    /// What was measured.
    pub measured: f64,
    /// The most that it may be.
    pub at_most: f64,
    /// Where the measured ratio may as well lie, for one that chance moves much.
    pub interval: Option<Interval>,
    /// It is not more; where there is an interval, the lower end of that is not more.
    pub met: bool,
}

impl Bound {
    /// A bound from above. What could not be measured does not meet it.
    #[must_use]
    pub(crate) fn at_most(name: &str, measured: f64, at_most: f64) -> Bound {
        Bound { name: name.to_owned(), measured, at_most, interval: None, met: measured <= at_most }
    }

    /// A bound from above that is missed only when the whole interval lies above it.
    #[must_use]
    pub(crate) fn at_most_within(name: &str, measured: f64, interval: Interval, at_most: f64) -> Bound {
        Bound { name: name.to_owned(), measured, at_most, interval: Some(interval), met: interval.low <= at_most }
    }
}

/// Everything that a drill measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The load.
    pub load: LoadFigures,
    /// The update storm.
    pub storm: StormFigures,
    /// Snapshots and backups during the storm.
    pub export: ExportFigures,
    /// Length of the file after the storm and a clean close.
    pub file_bytes: u64,
    /// Live bytes in it.
    pub live_bytes: u64,
    /// Time to open the store after a clean close.
    pub open_after_close_ms: f64,
    /// The kills.
    pub kill: KillFigures,
    /// Time to open the plain blob in place.
    pub blob_open_ms: f64,
    /// Time to open it and read the first row.
    pub blob_first_read_ms: f64,
    /// Time to restore the plain blob to another file.
    pub restore_seconds: f64,
    /// Time to restore the LZ4 stream.
    pub restore_lz4_seconds: f64,
    /// Bounds of time.
    pub bounds: Vec<Bound>,
}
