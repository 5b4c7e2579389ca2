//! The log as recovery would read it: headers, the chain of records, their bodies, and the newest seal.
//!
//! A live store goes on writing meanwhile. A walk beside a writer may end before what is being written, which says nothing; and it may see one segment
//! older than the next and take that for rot. Real damage is still there at the next look, at the same place: only what two walks in a row say alike is a problem.

use std::cmp::Ordering;

use super::{Reached, Report};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::format::Version;
use crate::format::change::{Changes, Commits};
use crate::format::record::RecordKind;
use crate::format::seal::Seal;
use crate::log::recover::{self, Bodies, Headers};
use crate::store::Machine;
use crate::version::root::Root;

/// Walks beside a writer before giving up: then too much is happening for a word about the log.
const WALKS: usize = 16;

/// What a walk found.
struct Walked {
    headers: Headers,
    records: u64,
    sealed: Version,
    seal: Seal,
}

/// Checks headers, records and the newest seal. `seen`: a root, which is held, and what it reaches of each chunk.
pub(super) fn check(machine: &Machine, seen: Option<(&Root, &Reached)>, report: &mut Report) {
    let mut before = None;
    for _ in 0..WALKS {
        match walk(&*machine.disk) {
            Ok(walked) => return settle(machine, &walked, seen, report),
            Err(e) => {
                let what = e.to_string();
                if machine.read_only || before.as_ref() == Some(&what) {
                    report.problem(format_args!("the log: {what}"));
                    return;
                }
                before = Some(what);
            }
        }
    }
}

fn settle(machine: &Machine, walked: &Walked, seen: Option<(&Root, &Reached)>, report: &mut Report) {
    report.records = walked.records;
    report.damaged_header = walked.headers.other.as_ref().err().map(ToString::to_string);
    if let (true, Some(what)) = (walked.headers.newest.blob, report.damaged_header.clone()) {
        report.problem(format_args!("a header of the blob: {what}"));
    }
    let header = &walked.headers.newest;
    if (header.page_len as usize, header.term) != (machine.page_len(), machine.identity.term) {
        report.problem(format_args!(
            "the header says page length {} and term {}, the store was opened otherwise",
            header.page_len, header.term
        ));
    }
    // Pages of a sealed chunk only die, so what is reached later was reached then. A seal newer than what was checked says nothing about it, be it of the same version: its pages may
    // have got new positions meanwhile. (They are known to have before a seal can tell.)
    let Some((root, reached)) = seen else { return };
    let is_newer = match walked.sealed.cmp(&root.version) {
        Ordering::Less => false,
        Ordering::Equal => machine.reclaim.lock().has_moved_since(root.moment),
        Ordering::Greater => true,
    };
    if is_newer {
        return;
    }
    for chunk in &walked.seal.chunks {
        let found = reached.get(&chunk.id).copied().unwrap_or(0);
        if chunk.live_bytes < found {
            let sealed = chunk.live_bytes;
            report.problem(format_args!("chunk {}: its seal says {sealed} live bytes, but {found} are reached (L7)", chunk.id));
        }
    }
}

fn walk(disk: &dyn Disk) -> Result<Walked> {
    let headers = recover::choose_header(disk)?;
    let walk = recover::walk(disk, &headers)?;
    let mut bodies = Bodies::new(disk, &walk);
    let mut newest = None;
    for found in &walk.records {
        let place = format!("record {} at {}", found.head.number, found.offset);
        let body = bodies.get(found)?;
        match found.head.kind {
            RecordKind::Seal => newest = Some((found.head.version, Seal::decode(body).map_err(|e| e.within(&place))?)),
            RecordKind::Commits => commits(body, found.head.commit_count).map_err(|e| e.within(&place))?,
        }
    }
    let (sealed, seal) = newest.ok_or_else(|| Error::corrupt("log", "there is no seal in it"))?;
    Ok(Walked { records: walk.records.len() as u64, headers, sealed, seal })
}

fn commits(body: &[u8], count: u32) -> Result<()> {
    for commit in Commits::new(body, count) {
        for change in Changes::new(commit?) {
            change?;
        }
    }
    Ok(())
}
