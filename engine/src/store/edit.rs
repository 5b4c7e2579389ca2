//! A transaction at work: its own copies of pages, the changes for the record, savepoints.
//!
//! Each table that the transaction opened has a [`Work`]: the root as it would be, the pages that are its own, and the
//! pages of the base version that it replaced. The owner of a page is the savepoint number at its first touch: a later savepoint copies it again,
//! so that rolling back is forgetting. Nothing here is seen by anyone else before the commit.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::error::{Error, ErrorKind, Result};
use crate::format::ids::{MAX_NAME_LEN, MAX_TABLES};
use crate::format::{ChunkId, Position, TableId, Version, change};
use crate::page::{Page, PageBuf};
use crate::store::Machine;
use crate::store::read::Lender;
#[cfg(loom)]
use crate::sync::checker::fault::{self, Fault};
use crate::sync::turn::Held as Turn;
use crate::tree::{self, Edit, Pages};
use crate::version::moment::Moment;
use crate::version::root::{Catalogue, Root, TableEntry, Tree};

/// A page that the base version reaches and this transaction does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dead {
    pub(crate) at: Position,
    pub(crate) born: Version,
}

/// Positions are dense numbers: spread by one multiplication.
#[derive(Default)]
pub(crate) struct PositionHasher(u64);

impl Hasher for PositionHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, position: u64) {
        // Fibonacci hashing: 2^64 / golden ratio.
        self.0 = (self.0 ^ position).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// A set of positions.
pub(crate) type Positions = HashSet<Position, BuildHasherDefault<PositionHasher>>;

struct Own {
    page: PageBuf,
    /// Savepoint number at its first touch.
    owner: u32,
}

/// One table in a transaction.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) tree: Tree,
    own: HashMap<Position, Own, BuildHasherDefault<PositionHasher>>,
    /// Bytes of pages added by a bulk load since its last spill.
    own_bytes: u64,
    /// Its bulk load spills no more.
    keeps: bool,
    /// Own pages of earlier savepoints that a later one replaced.
    superseded: Vec<Position>,
    dead: Vec<Dead>,
    /// A change stopped half-way (damage was met): only rolling back is left.
    broken: bool,
    marks: Vec<Mark>,
}

/// What a savepoint remembers of a table.
struct Mark {
    savepoint: u32,
    tree: Tree,
    superseded: usize,
    dead: usize,
    broken: bool,
}

/// A transaction without its turn's time limits and callbacks: what is to become a version.
pub(crate) struct Draft {
    /// Of this process: tells savepoints of different transactions apart.
    pub(crate) id: u64,
    pub(crate) base: Root,
    pub(crate) version: Version,
    /// The open chunk when it began: its own pages stand in this one or later ones.
    first_chunk: ChunkId,
    catalogue: Arc<Catalogue>,
    works: BTreeMap<TableId, Slot>,
    pub(crate) changes: Vec<u8>,
    /// It did more than remove.
    pub(crate) grows: bool,
    /// The changes outgrew a record: the commit goes by seal.
    pub(crate) by_seal: bool,
    savepoint: u32,
    savepoints: Vec<SavedDraft>,
    /// Dead pages of tables that were dropped.
    dropped: Vec<(TableId, Box<Work>)>,
    /// Chunks of its own that stand in the file already, with the savepoint in which they were written.
    spilled: Vec<(u32, ChunkId)>,
    /// Held to the end of the commit's append.
    pub(crate) turn: Option<Turn>,
}

enum Slot {
    /// Boxed: tables are opened and closed often, and this is all that moves.
    Idle(Box<Work>),
    /// Lent to an open table.
    Lent,
}

struct SavedDraft {
    number: u32,
    catalogue: Arc<Catalogue>,
    changes: usize,
    dropped: usize,
}

/// What a commit makes of a draft.
pub(crate) struct Frozen {
    pub(crate) root: Root,
    pub(crate) dead: Vec<Dead>,
    pub(crate) pages: Vec<(Position, PageBuf)>,
    pub(crate) unused: Vec<Position>,
    pub(crate) spilled: Vec<ChunkId>,
}

impl Draft {
    /// A transaction on `base`, the newest appended version; the caller has the turn.
    pub(crate) fn new(machine: &Machine, base: Root, turn: Option<Turn>) -> Draft {
        let first_chunk = machine.open.lock().id;
        let version = base.version.next();
        let catalogue = Arc::clone(&base.catalogue);
        let (works, changes, savepoints, dropped) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
        let spilled = Vec::new();
        static IDS: AtomicU64 = AtomicU64::new(0);
        // Relaxed: only uniqueness counts.
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        Draft {
            id,
            base,
            version,
            first_chunk,
            catalogue,
            works,
            changes,
            grows: false,
            by_seal: false,
            savepoint: 1,
            savepoints,
            dropped,
            spilled,
            turn,
        }
    }

    /// Tables with their number of entries, by name. A table that is open counts as it was when it was opened.
    pub(crate) fn tables(&self) -> Vec<(String, u64)> {
        let len = |(entry, base): (&TableEntry, Tree)| match self.works.get(&entry.id) {
            Some(Slot::Idle(work)) => (entry.name.to_string(), work.tree.len),
            _ => (entry.name.to_string(), base.len),
        };
        self.catalogue.tables.iter().zip(self.base_trees()).map(len).collect()
    }

    /// The tree that the table at this place of the catalogue has in the base version; an empty one if it is not there.
    fn base_tree(&self, place: usize) -> Tree {
        if Arc::ptr_eq(&self.catalogue, &self.base.catalogue) {
            return self.base.trees[place];
        }
        let id = self.catalogue.tables[place].id;
        self.base.tables().find(|(base, _)| base.id == id).map_or(Tree::default(), |(_, tree)| *tree)
    }

    /// The same of all tables of the catalogue. Cost: all tables, once.
    fn base_trees(&self) -> Vec<Tree> {
        if Arc::ptr_eq(&self.catalogue, &self.base.catalogue) {
            return self.base.trees.to_vec();
        }
        let base: HashMap<TableId, Tree> = self.base.tables().map(|(entry, tree)| (entry.id, *tree)).collect();
        self.catalogue.tables.iter().map(|entry| base.get(&entry.id).copied().unwrap_or_default()).collect()
    }

    /// Number of entries of a table; of one that is lent, as it was in the base version.
    pub(crate) fn len_of(&self, name: &str) -> Option<u64> {
        let place = self.catalogue.find(name).ok()?;
        Some(match self.works.get(&self.catalogue.tables[place].id) {
            Some(Slot::Idle(work)) => work.tree.len,
            _ => self.base_tree(place).len,
        })
    }

    /// Where the table with this name stands in the catalogue; `guess` saves the search if it is right.
    pub(crate) fn place(&self, guess: usize, name: &str) -> Option<usize> {
        match self.catalogue.tables.get(guess) {
            Some(entry) if *entry.name == *name => Some(guess),
            _ => self.catalogue.find(name).ok(),
        }
    }

    /// As [`Draft::lend`], of the table at this place of the catalogue.
    pub(crate) fn lend_at(&mut self, place: usize) -> Result<(TableId, Box<Work>)> {
        let entry = &self.catalogue.tables[place];
        let id = entry.id;
        let slot = match self.works.get_mut(&id) {
            Some(slot) => std::mem::replace(slot, Slot::Lent),
            None => {
                let fresh = Work { tree: self.base_tree(place), ..Work::default() };
                self.works.insert(id, Slot::Lent);
                Slot::Idle(Box::new(fresh))
            }
        };
        match slot {
            Slot::Idle(mut work) => {
                work.mark(self.savepoint);
                Ok((id, work))
            }
            Slot::Lent => {
                let name = &self.catalogue.tables[place].name;
                Err(Error::new(ErrorKind::InUse, format!("table \"{name}\" is open in this transaction already")))
            }
        }
    }

    fn entry(&self, name: &str) -> Result<&TableEntry> {
        match self.catalogue.find(name) {
            Ok(i) => Ok(&self.catalogue.tables[i]),
            Err(_) => Err(no_table(name)),
        }
    }

    /// Lends the table's work out; `put_back` ends that.
    pub(crate) fn lend(&mut self, name: &str) -> Result<(TableId, Box<Work>)> {
        match self.catalogue.find(name) {
            Ok(place) => self.lend_at(place),
            Err(_) => Err(no_table(name)),
        }
    }

    pub(crate) fn put_back(&mut self, table: TableId, work: Box<Work>) {
        match self.works.get_mut(&table) {
            Some(slot) => *slot = Slot::Idle(work),
            None => _ = self.works.insert(table, Slot::Idle(work)),
        }
    }

    /// Makes an empty table.
    pub(crate) fn create(&mut self, name: &str, lz4: bool) -> Result<TableId> {
        check_name(name)?;
        let Err(at) = self.catalogue.find(name) else {
            return Err(Error::new(ErrorKind::Exists, format!("table \"{name}\" exists already")));
        };
        if self.catalogue.tables.len() >= MAX_TABLES || self.catalogue.next_table.0 == u32::MAX {
            return Err(Error::new(ErrorKind::Full, format!("a store has at most {MAX_TABLES} tables")));
        }
        let catalogue = Arc::make_mut(&mut self.catalogue);
        let id = TableId(catalogue.next_table.0.max(1));
        catalogue.next_table = TableId(id.0 + 1);
        catalogue.tables.insert(at, TableEntry { name: name.into(), id, lz4 });
        self.grows = true;
        change::create_table(&mut self.changes, id, name, lz4);
        Ok(id)
    }

    /// Drops a table with all its entries. Cost: O(pages of the table).
    pub(crate) fn drop_table(&mut self, machine: &Machine, name: &str) -> Result<()> {
        let (id, work) = self.lend(name)?;
        let mut editor = self.editor(machine, id, work);
        let cleared = editor.tree_op(tree::clear);
        let work = editor.into_work();
        if let Err(e) = cleared {
            self.put_back(id, work);
            return Err(e);
        }
        self.dropped.push((id, work));
        self.works.remove(&id);
        Arc::make_mut(&mut self.catalogue).tables.retain(|entry| entry.id != id);
        change::drop_table(&mut self.changes, id);
        Ok(())
    }

    /// Renames a table.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        check_name(to)?;
        let entry = self.entry(from)?.clone();
        if from == to {
            return Ok(());
        }
        if self.catalogue.find(to).is_ok() {
            return Err(Error::new(ErrorKind::Exists, format!("table \"{to}\" exists already")));
        }
        if matches!(self.works.get(&entry.id), Some(Slot::Lent)) {
            return Err(Error::new(ErrorKind::InUse, format!("table \"{from}\" is open in this transaction")));
        }
        let id = entry.id;
        let catalogue = Arc::make_mut(&mut self.catalogue);
        catalogue.tables.retain(|entry| entry.id != id);
        let at = catalogue.find(to).unwrap_or_else(|at| at);
        catalogue.tables.insert(at, TableEntry { name: to.into(), ..entry });
        change::rename_table(&mut self.changes, id, to);
        Ok(())
    }

    /// Whether the pages of the table are compressed in the file.
    pub(crate) fn is_lz4(&self, table: TableId) -> bool {
        self.catalogue.tables.iter().any(|entry| entry.id == table && entry.lz4)
    }

    /// The name of the table with this id.
    pub(crate) fn name_of(&self, table: TableId) -> Option<Arc<str>> {
        self.catalogue.tables.iter().find(|entry| entry.id == table).map(|entry| Arc::clone(&entry.name))
    }

    /// Records a change that was made. Beyond `limit` bytes nothing is recorded any more: the commit goes by seal.
    pub(crate) fn record(&mut self, limit: u64, encode: impl FnOnce(&mut Vec<u8>)) {
        if self.by_seal {
            return;
        }
        encode(&mut self.changes);
        if self.changes.len() as u64 > limit {
            self.by_seal = true;
            self.changes = Vec::new();
        }
    }

    /// Takes over chunks that an editing wrote: no record holds what is in them.
    pub(crate) fn spilled(&mut self, chunks: Vec<ChunkId>) {
        if !chunks.is_empty() {
            self.spilled.extend(chunks.into_iter().map(|id| (self.savepoint, id)));
            self.by_seal = true;
            self.changes = Vec::new();
        }
    }

    /// Memory that its own pages take: bytes. Large values are among them. O(own pages).
    pub(crate) fn own_bytes(&self) -> u64 {
        let own = |slot: &Slot| match slot {
            Slot::Idle(work) => work.own.values().map(|own| own.page.bytes().len() as u64).sum(),
            Slot::Lent => 0,
        };
        self.works.values().map(own).sum()
    }

    /// Whether there is anything to commit.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty() && !self.by_seal
    }

    pub(crate) fn editor<'e>(&self, machine: &'e Machine, table: TableId, work: Box<Work>) -> Editor<'e> {
        let lender = Lender::new(machine);
        let (first_chunk, version, savepoint) = (self.first_chunk, self.version, self.savepoint);
        Editor { machine, lender, first_chunk, version, savepoint, table, work, spilled: Vec::new() }
    }

    /// Begins a savepoint: the number that `roll_back_to` takes. No table is lent.
    pub(crate) fn save(&mut self) -> u32 {
        let number = self.savepoint;
        let (changes, dropped) = (self.changes.len(), self.dropped.len());
        self.savepoints.push(SavedDraft { number, catalogue: Arc::clone(&self.catalogue), changes, dropped });
        self.savepoint += 1;
        number
    }

    /// Undoes everything since the savepoint, which stays; later ones are gone. No table is lent.
    pub(crate) fn roll_back_to(&mut self, machine: &Machine, number: u32) -> Result<()> {
        let Some(at) = self.savepoints.iter().position(|saved| saved.number == number) else {
            return Err(Error::invalid("the savepoint belongs to another transaction, or an earlier one was rolled back to"));
        };
        self.savepoints.truncate(at + 1);
        let saved = &self.savepoints[at];
        self.catalogue = Arc::clone(&saved.catalogue);
        if !self.by_seal {
            self.changes.truncate(saved.changes);
        }
        // A table that was dropped after the savepoint is back as it was at the savepoint.
        for (id, work) in self.dropped.split_off(saved.dropped) {
            self.works.insert(id, Slot::Idle(work));
        }
        for slot in self.works.values_mut() {
            if let Slot::Idle(work) = slot {
                work.roll_back(machine, number);
            }
        }
        // A table that was created after it is gone; rolling back has freed its pages.
        let later = self.spilled.iter().position(|(savepoint, _)| *savepoint > number).unwrap_or(self.spilled.len());
        machine.drop_spilled(self.spilled.split_off(later).into_iter().map(|(_, id)| id));
        let catalogue = &self.catalogue;
        self.works.retain(|id, _| catalogue.tables.iter().any(|entry| entry.id == *id));
        self.savepoint += 1;
        Ok(())
    }

    /// Whether it can be committed.
    ///
    /// # Errors
    /// `Invalid` if a change stopped half-way; `InUse` if a table was never closed; `Full` if the store had as many commits since it was opened as it can tell apart.
    pub(crate) fn whole(&self) -> Result<()> {
        let works = self.works.values().map(|slot| match slot {
            Slot::Idle(work) => Ok(work),
            Slot::Lent => Err(Error::new(ErrorKind::InUse, "a table of this transaction was leaked while it was open")),
        });
        for work in works.chain(self.dropped.iter().map(|(_, work)| Ok(work))) {
            if work?.broken {
                return Err(Error::invalid("a change of this transaction failed half-way; it can only be rolled back"));
            }
        }
        self.moment().map(drop)
    }

    /// Of its root. What is replayed at an open is one step, however many versions it has: nobody holds one of them.
    fn moment(&self) -> Result<Moment> {
        if self.version == self.base.version {
            return Ok(self.base.moment);
        }
        let next = self.base.moment.next();
        next.ok_or_else(|| Error::new(ErrorKind::Full, "2^40 commits since the store was opened: open it anew"))
    }

    /// Takes the draft apart for the commit. It is whole.
    ///
    /// # Errors
    /// As [`Draft::whole`].
    pub(crate) fn freeze(mut self) -> Result<(Frozen, Option<Turn>)> {
        let mut frozen = Frozen {
            root: self.base.clone(),
            dead: Vec::new(),
            pages: Vec::new(),
            unused: Vec::new(),
            spilled: self.spilled.drain(..).map(|(_, id)| id).collect(),
        };
        let mut trees = self.base_trees();
        for (entry, tree) in self.catalogue.tables.iter().zip(&mut trees) {
            match self.works.remove(&entry.id) {
                Some(Slot::Idle(work)) => {
                    *tree = work.tree;
                    (*work).freeze(&mut frozen)?;
                }
                Some(Slot::Lent) => return Err(Error::new(ErrorKind::InUse, "a table was leaked while it was open")),
                None => {}
            }
        }
        for (_, work) in std::mem::take(&mut self.dropped) {
            (*work).freeze(&mut frozen)?;
        }
        let moment = self.moment()?;
        let catalogue = Arc::clone(&self.catalogue);
        frozen.root = Root { version: self.version, moment, catalogue, trees: trees.into(), since: Instant::now() };
        Ok((frozen, self.turn.take()))
    }

    /// Gives the ordinals of its own pages back.
    pub(crate) fn discard(&mut self, machine: &Machine) {
        let mut open = machine.open.lock();
        let works = std::mem::take(&mut self.works).into_values().filter_map(|slot| match slot {
            Slot::Idle(work) => Some(work),
            Slot::Lent => None,
        });
        for work in works.chain(self.dropped.drain(..).map(|(_, work)| work)) {
            work.own.into_keys().for_each(|at| open.recycle(at));
        }
        drop(open);
        let spilled = std::mem::take(&mut self.spilled);
        machine.drop_spilled(spilled.into_iter().map(|(_, id)| id));
        self.turn = None;
    }
}

pub(crate) fn no_table(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no table \"{name}\""))
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_NAME_LEN {
        return Err(Error::invalid(format!("a table's name has 1 to {MAX_NAME_LEN} bytes, this one {}", name.len())));
    }
    Ok(())
}

impl Work {
    /// Remembers the state before the first change after savepoint `savepoint - 1`.
    fn mark(&mut self, savepoint: u32) {
        if self.marks.last().is_none_or(|mark| mark.savepoint < savepoint) {
            let (tree, broken) = (self.tree, self.broken);
            self.marks.push(Mark { savepoint, tree, superseded: self.superseded.len(), dead: self.dead.len(), broken });
        }
    }

    /// Back to how it was at savepoint `number`.
    fn roll_back(&mut self, machine: &Machine, number: u32) {
        let first_later = self.marks.iter().position(|mark| mark.savepoint > number);
        #[cfg(loom)]
        let first_later = first_later.filter(|_| !fault::is(Fault::RollBackForgotten));
        let Some(at) = first_later else { return };
        let mark = &self.marks[at];
        (self.tree, self.broken) = (mark.tree, mark.broken);
        self.superseded.truncate(mark.superseded);
        self.dead.truncate(mark.dead);
        self.marks.truncate(at);
        let mut open = machine.open.lock();
        self.own.retain(|at, own| {
            let keep = own.owner <= number;
            if !keep {
                open.recycle(*at);
            }
            keep
        });
    }

    fn freeze(self, frozen: &mut Frozen) -> Result<()> {
        if self.broken {
            return Err(Error::invalid("a change of this transaction failed half-way; it can only be rolled back"));
        }
        let mut own = self.own;
        for at in self.superseded {
            own.remove(&at);
            frozen.unused.push(at);
        }
        frozen.pages.extend(own.into_iter().map(|(at, own)| (at, own.page)));
        frozen.dead.extend(self.dead);
        Ok(())
    }
}

/// A table's work with what it needs to read and to change pages.
pub(crate) struct Editor<'e> {
    machine: &'e Machine,
    lender: Lender<'e>,
    first_chunk: ChunkId,
    version: Version,
    savepoint: u32,
    table: TableId,
    work: Box<Work>,
    /// Chunks that were written during this editing.
    spilled: Vec<ChunkId>,
}

impl Editor<'_> {
    /// The root as it would be.
    pub(crate) fn tree(&self) -> Tree {
        self.work.tree
    }

    /// Ends the editing. What it spilled was handed over by `take_spilled`.
    pub(crate) fn into_work(self) -> Box<Work> {
        debug_assert!(self.spilled.is_empty(), "spilled chunks belong to the draft");
        self.work
    }

    /// Chunks that were written during this editing, for [`Draft::spilled`].
    pub(crate) fn take_spilled(&mut self) -> Vec<ChunkId> {
        std::mem::take(&mut self.spilled)
    }

    /// A load stopped half-way: its pages are in the way.
    pub(crate) fn give_up(&mut self) {
        self.work.broken = true;
    }

    /// Bytes of the buffers of its own pages.
    pub(crate) fn chunk_bytes(&self) -> u64 {
        if self.work.keeps { 0 } else { self.work.own_bytes }
    }

    /// Writes its own pages of the open chunk to the file, and begins another chunk. They must be finished: none is changed in place
    /// afterwards. Only in a chunk in which nothing but these pages stands.
    pub(crate) fn spill(&mut self, lz4: bool) -> Result<()> {
        let (chunk, used) = {
            let open = self.machine.open.lock();
            (open.id, open.used())
        };
        let mut pages: Vec<(Position, PageBuf)> = Vec::new();
        let positions: Vec<Position> = self.work.own.keys().copied().filter(|at| at.chunk() == chunk).collect();
        self.work.own_bytes = 0;
        if positions.len() != used {
            // The entries came from an iterator that changed another table meanwhile: its pages are not finished. All that follow stay in
            // memory too: a page in the file never names one in memory.
            self.work.keeps = true;
            return Ok(());
        }
        for at in positions {
            pages.extend(self.work.own.remove(&at).map(|own| (at, own.page)));
        }
        pages.sort_unstable_by_key(|(at, _)| *at);
        self.machine.write_spilled(chunk, pages, lz4)?;
        self.spilled.push(chunk);
        Ok(())
    }

    /// Runs a change of the tree. If it fails half-way the transaction can only be rolled back.
    pub(crate) fn tree_op<T>(&mut self, op: impl FnOnce(&mut Self, &mut Tree) -> Result<T>) -> Result<T> {
        if self.work.broken {
            return Err(Error::invalid("an earlier change of this transaction failed half-way; roll it back"));
        }
        let mut tree = self.work.tree;
        let result = op(self, &mut tree);
        match &result {
            Ok(_) => self.work.tree = tree,
            // Arguments are refused before anything was changed.
            Err(e) => self.work.broken = e.kind() != ErrorKind::Invalid,
        }
        result
    }

    fn own_page(&self, at: Position) -> Option<&Own> {
        if at.chunk() >= self.first_chunk { self.work.own.get(&at) } else { None }
    }

    fn insert_own(&mut self, mut page: PageBuf) -> Result<Position> {
        let at = self.machine.open.lock().allocate()?;
        page.set_position(at);
        page.set_born(self.version);
        self.work.own_bytes += page.bytes().len() as u64;
        self.work.own.insert(at, Own { page, owner: self.savepoint });
        Ok(at)
    }
}

impl Pages for Editor<'_> {
    fn page(&self, at: Position) -> Result<Page<'_>> {
        match self.own_page(at) {
            Some(own) => Ok(own.page.page()),
            None => self.lender.page(at),
        }
    }
}

impl Edit for Editor<'_> {
    fn own(&mut self, at: Position) -> Result<Position> {
        let page_len = self.page_len();
        if let Some(own) = self.own_page(at) {
            if own.owner == self.savepoint {
                return Ok(at);
            }
            let copy = PageBuf::copy_of(own.page.page(), page_len)?;
            self.work.superseded.push(at);
            return self.insert_own(copy);
        }
        self.lender.end_many_loans();
        let page = self.lender.page(at)?;
        let (copy, born) = (PageBuf::copy_of(page, page_len)?, page.born());
        let copied = self.insert_own(copy)?;
        self.work.dead.push(Dead { at, born });
        Ok(copied)
    }

    fn edit(&mut self, at: Position) -> &mut PageBuf {
        let own = self.work.own.get_mut(&at).expect("only own pages are changed");
        debug_assert_eq!(own.owner, self.savepoint, "a page of an earlier savepoint is copied first");
        &mut own.page
    }

    fn add(&mut self, page: PageBuf) -> Result<Position> {
        self.insert_own(page)
    }

    fn retire(&mut self, at: Position) -> Result<()> {
        match self.own_page(at) {
            Some(own) if own.owner == self.savepoint => {
                self.work.own.remove(&at);
                self.machine.open.lock().recycle(at);
            }
            Some(_) => self.work.superseded.push(at),
            None => {
                self.lender.end_many_loans();
                let born = self.lender.page(at)?.born();
                self.work.dead.push(Dead { at, born });
            }
        }
        Ok(())
    }

    fn page_len(&self) -> usize {
        self.machine.page_len()
    }

    fn table(&self) -> TableId {
        self.table
    }
}
