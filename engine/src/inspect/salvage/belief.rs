//! Which state of a damaged file is believed, and why (FORMAT 9.1): a seal, the records that follow it without a gap, and those behind a gap.
//!
//! ```text
//!   headers and walk whole  ──► what recovery finds                                      nothing is lost of the log
//!   else: every record of the file ──► those of known runs ──► newest seal that decodes ──► versions V + 1, V + 2, ... up to the first gap
//!                                                                                        └─ behind it: whole, but of no proven state
//! ```
//!
//! What was dropped must not come back. With a header, its runs say which salt a number bears; a record of another salt was dropped once. Without one, a
//! record is believed if it follows another by its digest, and its salt is one that a segment's head bears (any, if no head is left).

use std::collections::{BTreeMap, BTreeSet};

use super::report::Loss;
use super::scan::{self, Scan, Seen};
use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::format::Version;
use crate::format::header::{HEADER_LEN, Header, SLOT_1};
use crate::format::record::RecordKind;
use crate::format::seal::Seal;
use crate::log::recover::{self, Bodies, Headers};

/// What is believed of the log.
#[derive(Default)]
pub(super) struct Belief {
    /// Nominal length of a page, if a header is whole.
    pub(super) page_len: Option<u32>,
    /// The seal and its version. None: no state is proven, unless `is_empty`.
    pub(super) seal: Option<(Version, Seal)>,
    /// The log begins with version 1: before it the store was empty.
    pub(super) from_nothing: bool,
    /// Records of commits to apply, in order.
    pub(super) follow: Vec<Seen>,
    /// Whole records of commits behind a gap.
    pub(super) beyond: Vec<Seen>,
    pub(super) losses: Vec<Loss>,
    pub(super) notes: Vec<String>,
    /// The newest version that anything speaks of.
    pub(super) newest: Version,
    /// Something of a store was found at all.
    pub(super) is_store: bool,
}

/// Decides what to believe of the file.
///
/// # Errors
/// `Unsupported` if another build wrote it. Damage is no error.
pub(super) fn decide(disk: &dyn Disk, file_len: u64, progress: &mut dyn FnMut(u64)) -> Result<Belief> {
    let headers = recover::choose_header(disk);
    let why = match &headers {
        Ok(headers) => match usual(disk, headers) {
            Ok(belief) => return Ok(belief),
            Err(e) => e,
        },
        Err(e) => Error::corrupt("headers", e),
    };
    let headers = headers.ok();
    if headers.is_none() {
        refuse_foreign(disk)?;
    }
    let scan = scan::scan(disk, file_len, progress);
    let mut belief = Belief { is_store: headers.is_some() || !scan.segments.is_empty(), ..Belief::default() };
    belief.page_len = headers.as_ref().map(|headers| headers.newest.page_len);
    belief.notes.push(format!("the usual way to the newest state is barred: {why}"));
    if scan.gave_up {
        belief.notes.push("so much of the file looks like damaged records that not all of it was judged".into());
    }
    belief.judge(disk, headers.as_ref(), &scan);
    Ok(belief)
}

/// A header that is whole and of another build: what it governs is not ours to judge.
fn refuse_foreign(disk: &dyn Disk) -> Result<()> {
    for offset in [0, SLOT_1] {
        let mut block = vec![0; HEADER_LEN];
        if disk.read_at(&mut block, offset).is_ok()
            && let Err(e) = Header::decode(&block)
            && e.kind() == ErrorKind::Unsupported
        {
            return Err(e.within(disk.name()));
        }
    }
    Ok(())
}

/// As recovery does it.
fn usual(disk: &dyn Disk, headers: &Headers) -> Result<Belief> {
    let walk = recover::walk(disk, headers)?;
    let mut bodies = Bodies::new(disk, &walk);
    let sealed = walk.records.get(walk.seal).ok_or_else(|| Error::corrupt("log", "there is no seal in it"))?;
    let seal = Seal::decode(bodies.get(sealed)?)?;
    let version = sealed.head.version;
    let follows = |head: &crate::format::record::RecordHead| head.kind == RecordKind::Commits && head.version > version;
    let follow = walk.records.iter().filter(|found| follows(&found.head));
    let follow = follow.map(|found| Seen { offset: found.offset, head: found.head }).collect();
    let mut notes = Vec::new();
    if walk.dropped_bytes > 0 {
        notes.push(format!(
            "{} bytes behind version {} look like a record that was never complete, and were dropped, as every open does",
            walk.dropped_bytes, walk.last
        ));
    }
    notes.extend(headers.other.as_ref().err().map(|e| format!("the header slot that is not needed is damaged: {e}")));
    Ok(Belief {
        page_len: Some(headers.newest.page_len),
        seal: Some((version, seal)),
        follow,
        notes,
        newest: walk.last,
        is_store: true,
        ..Belief::default()
    })
}

impl Belief {
    /// Whether there is a proven state to begin with.
    pub(super) fn is_rooted(&self) -> bool {
        self.seal.is_some() || self.from_nothing
    }

    /// Chooses among the records that the scan found.
    fn judge(&mut self, disk: &dyn Disk, headers: Option<&Headers>, scan: &Scan) {
        let believed = match headers {
            Some(headers) => of_runs(scan, &headers.newest),
            None => linked(scan),
        };
        self.is_store |= !believed.is_empty();
        if headers.is_none() {
            self.notes.push(
                "no header is whole: a record is believed if it follows another by its digest. Whether commits are missing at the end, or \
                 never were complete, cannot be told"
                    .into(),
            );
        }
        let spoken = believed.iter().map(|seen| seen.head.version.max(seen.head.durable_to)).max().unwrap_or_default();
        let in_headers = headers.map_or(Version(0), |headers| {
            let other = headers.other.as_ref().map_or(Version(0), |other| other.durable_to);
            headers.newest.durable_to.max(headers.newest.sealed).max(other)
        });
        self.newest = spoken.max(in_headers);
        self.seal = newest_seal(disk, &believed).map(|(seen, seal)| {
            let (number, version) = (seen.head.number, seen.head.version);
            self.notes.push(format!("the newest seal that is whole is record {number} at {}: version {version}", seen.offset));
            (version, seal)
        });
        let commits = by_version(&believed);
        let start = match &self.seal {
            Some((version, _)) => *version,
            None => {
                self.from_nothing = commits.contains_key(&Version(1));
                let note = if self.from_nothing {
                    "no seal is whole, but the log begins with version 1: the state is made from it alone"
                } else {
                    "no seal is whole: which pages belong together cannot be proven"
                };
                self.notes.push(note.into());
                Version(0)
            }
        };
        self.follow(&commits, start);
    }

    /// Takes the versions behind `start` up to the first gap; what is behind that is only kept.
    fn follow(&mut self, commits: &BTreeMap<Version, Option<Seen>>, start: Version) {
        let mut last = start;
        let mut gap = !self.is_rooted();
        for (first, seen) in commits {
            match seen {
                Some(seen) if seen.head.version <= last => {}
                None if *first <= last => {}
                Some(seen) if !gap && first.0 <= last.0.saturating_add(1) => {
                    last = seen.head.version;
                    self.follow.push(*seen);
                }
                seen => {
                    gap = true;
                    self.beyond.extend(*seen);
                }
            }
        }
        if self.newest > last && self.is_rooted() {
            let why = if gap { "it is damaged or gone, and what follows depends on it" } else { "it is damaged or gone" };
            self.losses.push(Loss::Versions { from: last.0.saturating_add(1), to: self.newest.0, why: why.into() });
        }
    }
}

/// The seal of the newest version that can be read.
fn newest_seal(disk: &dyn Disk, believed: &[Seen]) -> Option<(Seen, Seal)> {
    let mut seals: Vec<&Seen> = believed.iter().filter(|seen| seen.head.kind == RecordKind::Seal).collect();
    seals.sort_unstable_by_key(|seen| (seen.head.version, seen.head.number));
    seals.into_iter().rev().find_map(|seen| Some((*seen, Seal::decode(&seen.body(disk).ok()?).ok()?)))
}

/// The records whose salt is that of the run that the header gives to their number.
fn of_runs(scan: &Scan, header: &Header) -> Vec<Seen> {
    let salts: BTreeSet<u64> = scan.segments.iter().map(|segment| segment.salt).collect();
    let is_believed = |seen: &&Seen| {
        let run = header.runs.iter().rev().find(|run| run.start.number <= seen.head.number);
        // What is older than the oldest run that the header knows.
        run.map_or_else(|| salts.contains(&seen.head.salt), |run| run.salt == seen.head.salt)
    };
    scan.records.iter().filter(is_believed).copied().collect()
}

/// The records that follow a believed one by number and digest, and those that a believed log may begin with. Of known salts.
fn linked(scan: &Scan) -> Vec<Seen> {
    let mut known: BTreeSet<u64> = scan.segments.iter().map(|segment| segment.salt).collect();
    let any = known.is_empty();
    let mut numbers: BTreeMap<u64, Vec<Seen>> = BTreeMap::new();
    for seen in &scan.records {
        let others = numbers.entry(seen.head.number).or_default();
        if others.iter().all(|other| other.head.crc != seen.head.crc) {
            others.push(*seen);
        }
    }
    let mut believed: BTreeMap<(u64, u32), Seen> = BTreeMap::new();
    let mut of_known_salt = BTreeSet::new();
    for (&number, records) in &numbers {
        let before = number.wrapping_sub(1);
        // What stands before a log's beginning may be left of a segment that was freed and whose head was written over.
        let follows_what_is_left = |seen: &Seen| {
            let left = numbers.get(&before).map(Vec::as_slice).unwrap_or_default();
            left.is_empty() || left.iter().any(|other| other.head.crc == seen.head.digest)
        };
        for seen in records {
            let follows = believed.contains_key(&(before, seen.head.digest));
            // A run goes on in the segment that an earlier one began: its salt is known by what it follows.
            if !(any || known.contains(&seen.head.salt) || follows) {
                continue;
            }
            of_known_salt.insert(number);
            let begins = records.len() == 1 && (number == 1 || !of_known_salt.contains(&before) && follows_what_is_left(seen));
            if follows || begins {
                known.insert(seen.head.salt);
                believed.insert((number, seen.head.crc), *seen);
            }
        }
    }
    believed.into_values().collect()
}

/// The records of commits by their first version; none where two different ones claim it.
fn by_version(believed: &[Seen]) -> BTreeMap<Version, Option<Seen>> {
    let mut commits: BTreeMap<Version, Option<Seen>> = BTreeMap::new();
    for seen in believed.iter().filter(|seen| seen.head.kind == RecordKind::Commits) {
        let first = seen.head.first_version();
        match commits.get_mut(&first) {
            None => {
                commits.insert(first, Some(*seen));
            }
            Some(slot) if slot.is_some_and(|other| other.head.crc != seen.head.crc) => *slot = None,
            Some(_) => {}
        }
    }
    commits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::{RecordHead, SegmentHead};

    /// A record with this number, salt and CRC, behind one with that CRC.
    fn record(number: u64, salt: u64, (digest, crc): (u32, u32)) -> Seen {
        let kind = RecordKind::Seal;
        let (version, durable_to) = (Version(number), Version(0));
        let head = RecordHead { body_len: 0, kind, number, digest, commit_count: 0, salt, version, durable_to, term: 0, crc };
        Seen { offset: number * 4096, head }
    }

    fn believed(records: &[Seen], salts: &[u64]) -> Vec<u64> {
        let segments = salts.iter().map(|&salt| SegmentHead { salt, ..SegmentHead::default() }).collect();
        let scan = Scan { records: records.to_vec(), segments, gave_up: false };
        linked(&scan).iter().map(|seen| u64::from(seen.head.crc)).collect()
    }

    /// A log begins behind what is left of a freed segment whose head was written over; what it does not follow bars it.
    #[test]
    fn linked_begins_behind_a_freed_segment() {
        let left = [record(58, 1, (57, 158)), record(59, 1, (158, 159))];
        let log = [record(60, 2, (159, 160)), record(61, 3, (160, 161)), record(62, 3, (161, 162))];
        assert_eq!(believed(&[left, [log[0], log[1]]].concat(), &[2]), [160, 161]);
        assert_eq!(believed(&[&left[..], &log[..]].concat(), &[1, 2]), [158, 159, 160, 161, 162]);
        assert_eq!(believed(&log, &[2]), [160, 161, 162]);
        let dropped = [record(59, 1, (158, 999))];
        assert_eq!(believed(&[&dropped[..], &log[..]].concat(), &[2]), [0; 0]);
    }

    /// Two runs claim a number, and nothing tells which of them was dropped: neither is believed, nor what follows either.
    #[test]
    fn linked_does_not_choose_between_runs() {
        let dropped = [record(7, 1, (106, 107)), record(8, 1, (107, 108))];
        let later = [record(7, 2, (106, 207))];
        assert_eq!(believed(&[&dropped[..], &later[..]].concat(), &[1, 2]), [0; 0]);
        let before = [record(6, 2, (105, 106))];
        assert_eq!(believed(&[&before[..], &later[..]].concat(), &[2]), [106, 207]);
    }
}
