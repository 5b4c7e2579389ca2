//! Sorting entries for a bulk load: in memory as long as they fit, else in sorted runs on a scratch disk that are merged.
//!
//! Not the entries are sorted but an index of them: eight bytes of the key and where the entry stands, so that most comparisons touch no
//! entry at all. Entries with the same key keep their order, and the last one counts.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::disk::Disk;
use crate::error::{Error, Result};

/// Bytes read from a run at once.
const READ: usize = 256 << 10;

/// Collects entries.
pub(crate) struct Sorter<'d> {
    disk: &'d dyn Disk,
    budget: u64,
    /// Entries as [`put`] lays them.
    data: Vec<u8>,
    index: Vec<Item>,
    scratch: Option<Box<dyn Disk>>,
    /// Where each run stands on the scratch disk.
    runs: Vec<(u64, u64)>,
}

/// First eight bytes of the key as a big-endian number, and where the entry stands.
#[derive(Clone, Copy)]
struct Item {
    head: u64,
    at: usize,
}

impl<'d> Sorter<'d> {
    /// Without entries; `budget` bytes of memory.
    pub(crate) fn new(disk: &'d dyn Disk, budget: u64) -> Sorter<'d> {
        Sorter { disk, budget, data: Vec::new(), index: Vec::new(), scratch: None, runs: Vec::new() }
    }

    /// Adds an entry.
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let mut head = [0; 8];
        let len = key.len().min(8);
        head[..len].copy_from_slice(&key[..len]);
        self.index.push(Item { head: u64::from_be_bytes(head), at: self.data.len() });
        put(&mut self.data, key, value);
        if self.data.len() as u64 + (self.index.len() * size_of::<Item>()) as u64 > self.budget {
            self.spill()?;
        }
        Ok(())
    }

    /// Hands all entries, ascending and each key once, to `take`.
    pub(crate) fn finish<T>(
        mut self,
        take: impl FnOnce(&mut dyn Iterator<Item = Result<(Vec<u8>, Vec<u8>)>>) -> Result<T>,
    ) -> Result<T> {
        if self.runs.is_empty() {
            sort(&mut self.index, &self.data);
            let (data, index) = (&self.data, &self.index);
            let newest = |i: usize| index.get(i + 1).is_none_or(|next| entry(data, next.at).0 != entry(data, index[i].at).0);
            let mut sorted = (0..index.len()).filter(|i| newest(*i)).map(|i| {
                let (key, value) = entry(data, index[i].at);
                Ok((key.to_vec(), value.to_vec()))
            });
            return take(&mut sorted);
        }
        self.spill()?;
        let Some(scratch) = self.scratch.as_deref() else { return Err(Error::invalid("runs without a scratch disk")) };
        let mut merge = Merge::new(scratch, &self.runs)?;
        take(&mut merge)
    }

    /// Writes what was collected as a sorted run.
    fn spill(&mut self) -> Result<()> {
        if self.index.is_empty() {
            return Ok(());
        }
        sort(&mut self.index, &self.data);
        if self.scratch.is_none() {
            self.scratch = Some(self.disk.scratch()?);
        }
        let Some(scratch) = self.scratch.as_deref() else { return Ok(()) };
        let start = self.runs.last().map_or(0, |(_, end)| *end);
        let (mut end, mut buffer) = (start, Vec::with_capacity(1 << 20));
        for item in &self.index {
            let (key, value) = entry(&self.data, item.at);
            put(&mut buffer, key, value);
            if buffer.len() >= 1 << 20 {
                scratch.write_at(&buffer, end)?;
                end += buffer.len() as u64;
                buffer.clear();
            }
        }
        scratch.write_at(&buffer, end)?;
        self.runs.push((start, end + buffer.len() as u64));
        self.data.clear();
        self.index.clear();
        Ok(())
    }
}

fn sort(index: &mut [Item], data: &[u8]) {
    // Stable: of equal keys the last stays the last.
    index.sort_by(|a, b| match a.head.cmp(&b.head) {
        Ordering::Equal => entry(data, a.at).0.cmp(entry(data, b.at).0),
        order => order,
    });
}

/// Lays an entry: u32 key length, u32 value length, key, value.
fn put(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    out.extend_from_slice(&(key.len() as u32).to_le_bytes());
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}

fn lengths(bytes: &[u8]) -> (usize, usize) {
    let number =
        |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    (number(0), number(4))
}

/// The entry at `at` of bytes that `put` made.
fn entry(data: &[u8], at: usize) -> (&[u8], &[u8]) {
    let rest = &data[at..];
    let (key, value) = lengths(rest);
    (&rest[8..8 + key], &rest[8 + key..8 + key + value])
}

/// Reads one run from its start to its end.
struct Run<'d> {
    disk: &'d dyn Disk,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl Run<'_> {
    fn next(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        if !self.fill(8)? {
            return Ok(None);
        }
        let (key, value) = lengths(&self.buffer[self.used..]);
        if !self.fill(8 + key + value)? {
            return Err(Error::corrupt("a temporary file of a bulk load", "it ends within an entry"));
        }
        let (key, value) = entry(&self.buffer, self.used);
        let entry = (key.to_vec(), value.to_vec());
        self.used += 8 + entry.0.len() + entry.1.len();
        Ok(Some(entry))
    }

    /// Has `len` bytes in the buffer, if the run has as many.
    fn fill(&mut self, len: usize) -> Result<bool> {
        let have = self.buffer.len() - self.used;
        if have >= len {
            return Ok(true);
        }
        if (self.end - self.at) < (len - have) as u64 {
            return Ok(false);
        }
        self.buffer.drain(..self.used);
        self.used = 0;
        let take = ((len - have).max(READ) as u64).min(self.end - self.at) as usize;
        self.buffer.resize(have + take, 0);
        self.disk.read_at(&mut self.buffer[have..], self.at)?;
        self.at += take as u64;
        Ok(true)
    }
}

/// Key, run and value of an entry that waits to be merged.
type Waiting = (Vec<u8>, Reverse<usize>, Vec<u8>);

/// Merges runs.
struct Merge<'d> {
    runs: Vec<Run<'d>>,
    /// The smallest key first; of equal ones the latest run first.
    heap: BinaryHeap<Reverse<Waiting>>,
}

impl<'d> Merge<'d> {
    fn new(disk: &'d dyn Disk, runs: &[(u64, u64)]) -> Result<Merge<'d>> {
        let runs = runs.iter().map(|(at, end)| Run { disk, at: *at, end: *end, buffer: Vec::new(), used: 0 }).collect();
        let mut merge = Merge { runs, heap: BinaryHeap::new() };
        (0..merge.runs.len()).try_for_each(|run| merge.refill(run))?;
        Ok(merge)
    }

    /// The next entry of a run goes on the heap: of equal keys the last one of the run.
    fn refill(&mut self, run: usize) -> Result<()> {
        if let Some((key, value)) = self.runs[run].next()? {
            self.heap.push(Reverse((key, Reverse(run), value)));
        }
        Ok(())
    }

    fn pop(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let Some(Reverse((key, Reverse(run), mut value))) = self.heap.pop() else { return Ok(None) };
        self.refill(run)?;
        // Equal keys: those of the latest run stand first, in the order in which they came; within it the last one counts.
        while let Some(Reverse((next, Reverse(from), _))) = self.heap.peek() {
            if *next != key {
                break;
            }
            let from = *from;
            let Some(Reverse((_, _, older))) = self.heap.pop() else { break };
            if from == run {
                value = older;
            }
            self.refill(from)?;
        }
        Ok(Some((key, value)))
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pop().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemoryDisk;
    use std::collections::BTreeMap;

    /// In memory and in runs: ascending, each key once, with the value that came last.
    #[test]
    fn sorted_entries_are_the_last_of_each_key() {
        for (budget, len) in [(200, 8), (3_000, 8), (3 << 20, 2_000), (1 << 30, 8)] {
            let disk = MemoryDisk::new("sort");
            let (mut sorter, mut model, mut random) = (Sorter::new(&disk, budget), BTreeMap::new(), 1_u64);
            for i in 0..5_000_u64 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let key = format!("{}", (random >> 40) % 3_000).into_bytes();
                let key = if i % 7 == 0 { vec![0; (random >> 60) as usize] } else { key };
                let value = i.to_le_bytes().repeat(len / 8);
                sorter.add(&key, &value).expect("add");
                model.insert(key, value);
            }
            let sorted: Vec<_> = sorter.finish(|sorted| sorted.collect()).expect("sorted");
            assert!(sorted.into_iter().eq(model), "budget {budget}");
        }
    }
}
