//! Cluster traces in the CSV columns of Alibaba's `openb` lists: pods and nodes.
//!
//! Columns are found by the names in the header, in any order; columns that we do not know are passed over. A bad line is
//! reported with file, line and column, and either ends the reading or is left out ([`OnBadLine`]); wrong columns always end it.
//!
//! A list is read into memory whole before it is parsed (the lists have megabytes): that gives exact line numbers also behind
//! blank lines and quoted line breaks. Longer ones than [`MAX_TRACE_BYTES`] are refused.

mod record;

use crate::error::{Error, Result};
use crate::model::{Millis, Qos, Requests};
use record::{Fields, Layout};
use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Longest list that is read: 1 GiB, some 16 million pods.
pub const MAX_TRACE_BYTES: u64 = 1 << 30;
/// Largest number of any field: 2^48. Sums over millions of pods, and seconds as milliseconds, then stay far below 2^64.
const MAX_NUMBER: u64 = 1 << 48;

/// What to do with a line that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBadLine {
    /// The first one ends the reading with an error.
    Refuse,
    /// It is left out and listed in [`List::bad_lines`].
    Skip,
}

/// A line that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The file that was read.
    pub file: PathBuf,
    /// Number of the line, from 1, the header included.
    pub line: u64,
    /// Number of the column, from 1, and its name; none when the whole line is wrong.
    pub column: Option<(usize, &'static str)>,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.file.display(), self.line)?;
        if let Some((number, name)) = self.column {
            write!(f, ", column {number} ({name})")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// What was read from one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T> {
    /// The usable lines in the file's order.
    pub items: Vec<T>,
    /// The lines that were left out.
    pub bad_lines: Vec<BadLine>,
}

/// How a pod stood when the trace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Was never placed.
    Pending,
    /// Ran.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
}

/// One line of the pod list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name; no other pod of the list has it.
    pub name: String,
    /// What it asks for.
    pub requests: Requests,
    /// The models of accelerator that it takes; empty: any.
    pub gpu_spec: String,
    /// Its class of service.
    pub qos: Qos,
    /// How it stood when the trace ended.
    pub phase: Phase,
    /// When it was asked for.
    pub created: Millis,
    /// When it was taken away; never before `created`.
    pub deleted: Option<Millis>,
    /// When it was placed; never before `created`.
    pub scheduled: Option<Millis>,
}

/// One line of the node list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its serial number; no other node of the list has it.
    pub name: String,
    /// Thousandths of a processor.
    pub cpu_milli: u64,
    /// MiB of memory.
    pub memory_mib: u64,
    /// Accelerators.
    pub num_gpu: u32,
    /// Model of the accelerators; empty without any.
    pub model: String,
}

static POD: Layout = Layout {
    what: "pod list",
    columns: &[
        "name",
        "cpu_milli",
        "memory_mib",
        "num_gpu",
        "gpu_milli",
        "gpu_spec",
        "qos",
        "pod_phase",
        "creation_time",
        "deletion_time",
        "scheduled_time",
    ],
};

static NODE: Layout = Layout { what: "node list", columns: &["sn", "cpu_milli", "memory_mib", "gpu", "model"] };

/// Reads a pod list.
///
/// # Errors
/// `Io` when the file cannot be read; `Input` for wrong columns, a file without a header or beyond [`MAX_TRACE_BYTES`], and with
/// [`OnBadLine::Refuse`] for the first bad line.
pub fn read_pods(file: &Path, on_bad_line: OnBadLine) -> Result<List<Pod>> {
    parse_pods(&read(file)?, file, on_bad_line)
}

/// Reads a node list. As [`read_pods`].
///
/// # Errors
/// As [`read_pods`].
pub fn read_nodes(file: &Path, on_bad_line: OnBadLine) -> Result<List<Node>> {
    parse_nodes(&read(file)?, file, on_bad_line)
}

/// As [`read_pods`], from the bytes of a list; `file` stands in messages.
///
/// # Errors
/// As [`read_pods`], without `Io`.
pub fn parse_pods(bytes: &[u8], file: &Path, on_bad_line: OnBadLine) -> Result<List<Pod>> {
    let mut names = HashSet::new();
    record::parse(&POD, bytes, file, on_bad_line, &mut |fields| pod(fields, &mut names))
}

/// As [`read_nodes`], from the bytes of a list; `file` stands in messages.
///
/// # Errors
/// As [`read_pods`], without `Io`.
pub fn parse_nodes(bytes: &[u8], file: &Path, on_bad_line: OnBadLine) -> Result<List<Node>> {
    let mut names = HashSet::new();
    record::parse(&NODE, bytes, file, on_bad_line, &mut |fields| node(fields, &mut names))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let failed = |e| Error::io("reading", file, e);
    let mut bytes = Vec::new();
    File::open(file).map_err(failed)?.take(MAX_TRACE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_TRACE_BYTES {
        return Err(Error::input(format!("{} is longer than {MAX_TRACE_BYTES} bytes: cut the list into parts", file.display())));
    }
    Ok(bytes)
}

type Bad = (Option<usize>, String);

fn pod(fields: &Fields<'_>, names: &mut HashSet<String>) -> Result<Pod, Bad> {
    let requests = Requests {
        cpu_milli: fields.number(1)?,
        memory_mib: fields.number(2)?,
        num_gpu: fields.small(3)?,
        gpu_milli: fields.small(4)?,
    };
    let created = fields.number(8)?;
    let not_before = |column: usize, time: Option<u64>| match time {
        Some(time) if time < created => Err((Some(column), format!("{time} is before the creation time {created}"))),
        _ => Ok(time.map(|seconds| Millis(seconds * 1000))),
    };
    let phase = fields.one_of(
        7,
        &[("Pending", Phase::Pending), ("Running", Phase::Running), ("Succeeded", Phase::Succeeded), ("Failed", Phase::Failed)],
    )?;
    let scheduled = not_before(10, fields.optional_number(10)?)?;
    if scheduled.is_none() && phase != Phase::Pending {
        return Err((Some(10), format!("empty, but the pod is {}", fields.text(7)?)));
    }
    let qos =
        [("LS", Qos::LatencySensitive), ("BE", Qos::BestEffort), ("Burstable", Qos::Burstable), ("Guaranteed", Qos::Guaranteed)];
    let (gpu_spec, qos) = (fields.text(5)?.to_owned(), fields.one_of(6, &qos)?);
    let deleted = not_before(9, fields.optional_number(9)?)?;
    // The name comes last: a line that is left out for another reason does not make a later one a duplicate.
    let name = fields.new_name(0, names)?;
    Ok(Pod { name, requests, gpu_spec, qos, phase, created: Millis(created * 1000), deleted, scheduled })
}

fn node(fields: &Fields<'_>, names: &mut HashSet<String>) -> Result<Node, Bad> {
    let (cpu_milli, memory_mib, num_gpu) = (fields.number(1)?, fields.number(2)?, fields.small(3)?);
    let model = fields.text(4)?.to_owned();
    if num_gpu > 0 && model.is_empty() {
        return Err((Some(4), format!("empty, but the node has {num_gpu} accelerators")));
    }
    Ok(Node { name: fields.new_name(0, names)?, cpu_milli, memory_mib, num_gpu, model })
}

#[cfg(test)]
mod tests;
