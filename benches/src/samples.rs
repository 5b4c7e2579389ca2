//! What was measured: a value a row, engine and repetition; medians and spread over repetitions.

use crate::meter::Spent;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Rates.
    Higher,
    /// Times and sizes.
    Lower,
    /// Neither: shown for comparison.
    Neither,
}

impl Better {
    /// Its word in the results.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Better::Higher => "higher",
            Better::Lower => "lower",
            Better::Neither => "neither",
        }
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name on the command line and in the results.
    pub id: &'static str,
    /// Its title in the table.
    pub title: &'static str,
    /// Unit of its values.
    pub unit: &'static str,
    /// Which way is better.
    pub better: Better,
}

impl Row {
    /// A row of rates.
    #[must_use]
    pub const fn rate(id: &'static str, title: &'static str, unit: &'static str) -> Row {
        Row { id, title, unit, better: Better::Higher }
    }

    /// A row of times, sizes or ratios.
    #[must_use]
    pub const fn cost(id: &'static str, title: &'static str, unit: &'static str) -> Row {
        Row { id, title, unit, better: Better::Lower }
    }
}

/// One measured value.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Its row.
    pub row: Row,
    /// Whose it is.
    pub engine: &'static str,
    /// In the row's unit.
    pub value: f64,
    /// Processor time of the whole measurement in seconds.
    pub cpu_s: f64,
    /// Processor time of one operation in nanoseconds; 0 where there is none to count.
    pub cpu_ns: f64,
}

/// The samples of a run.
#[derive(Default)]
pub struct Samples {
    all: Vec<Sample>,
}

/// The samples of a row and an engine, summed up.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Middle value; of an even number the mean of the middle two.
    pub median: f64,
    /// Smallest.
    pub low: f64,
    /// Largest.
    pub high: f64,
    /// Median processor time of the measurement in seconds.
    pub cpu_s: f64,
    /// Median processor time of an operation in nanoseconds.
    pub cpu_ns: f64,
}

impl Samples {
    /// Keeps a sample.
    pub fn push(&mut self, sample: Sample) {
        self.all.push(sample);
    }

    /// Rows in the order in which they were first measured.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for sample in &self.all {
            if !rows.contains(&sample.row) {
                rows.push(sample.row);
            }
        }
        rows
    }

    /// Engines that have a value in the row, in the order of the table.
    #[must_use]
    pub fn summary(&self, row: &str, engine: &str) -> Option<Summary> {
        let mine = || self.all.iter().filter(|sample| sample.row.id == row && sample.engine == engine);
        let values: Vec<f64> = mine().map(|sample| sample.value).collect();
        (!values.is_empty()).then(|| Summary {
            median: median(values.clone()),
            low: values.iter().copied().fold(f64::INFINITY, f64::min),
            high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            cpu_s: median(mine().map(|sample| sample.cpu_s).collect()),
            cpu_ns: median(mine().map(|sample| sample.cpu_ns).collect()),
        })
    }
}

/// The middle of some values; 0 of none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// Where one engine's measurements of one repetition go.
pub struct Sheet<'s> {
    /// All samples.
    pub samples: &'s mut Samples,
    /// Whose they are.
    pub engine: &'static str,
    /// Rows asked for, by the beginning of their names; empty for all.
    pub wanted: &'s [String],
}

impl Sheet<'_> {
    /// Whether somebody asked for the row.
    #[must_use]
    pub fn wants(&self, row: &Row) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| row.id.starts_with(wanted.as_str()))
    }

    /// Operations a second.
    pub fn rate(&mut self, row: Row, count: u64, spent: Spent) {
        self.put(row, count as f64 / spent.wall.as_secs_f64(), count, spent);
    }

    /// Any value.
    pub fn put(&mut self, row: Row, value: f64, count: u64, spent: Spent) {
        if !self.wants(&row) {
            return;
        }
        let cpu_s = spent.cpu.as_secs_f64();
        let cpu_ns = if count == 0 { 0.0 } else { cpu_s * 1e9 / count as f64 };
        self.samples.push(Sample { row, engine: self.engine, value, cpu_s, cpu_ns });
    }
}
