//! A set of byte strings that numbers them in the order in which they came: what groups, joins, DISTINCT and IN lists look their keys up in.
//!
//! All keys stand in one buffer, so that a key costs no allocation of its own:
//!
//! ```text
//!   slots    │ · │ 2 │ · │ 0 │ 1 │ ·      open addressing over the hash; at most half of them are taken
//!                  │       │   │
//!   entries  │ hash, end │ hash, end │ hash, end
//!   bytes    │ key 0     │ key 1     │ key 2
//! ```

use std::hash::{BuildHasher, Hasher, RandomState};

/// Free slot.
const FREE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Entry {
    hash: u64,
    /// Where its key ends in `bytes`; it begins where the one before ends.
    end: usize,
}

/// See the file's head.
pub(crate) struct KeySet {
    /// As many as a power of two.
    slots: Vec<u32>,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    /// Drawn anew for each set, so that nobody can choose keys that collide.
    seed: u64,
}

impl KeySet {
    pub(crate) fn new() -> KeySet {
        KeySet { slots: Vec::new(), entries: Vec::new(), bytes: Vec::new(), seed: RandomState::new().build_hasher().finish() | 1 }
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Memory that it takes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>() + self.entries.capacity() * size_of::<Entry>() + self.bytes.capacity()
    }

    /// Forgets all keys; memory is kept.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(FREE);
        self.entries.clear();
        self.bytes.clear();
    }

    /// The key's number.
    pub(crate) fn find(&self, key: &[u8]) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let hash = self.hash(key);
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != FREE {
            let number = self.slots[slot] as usize;
            if self.entries[number].hash == hash && self.key(number) == key {
                return Some(number);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    /// The key's number, and whether it is new.
    pub(crate) fn insert(&mut self, key: &[u8]) -> (usize, bool) {
        if self.slots.len() <= self.entries.len() * 2 {
            self.grow();
        }
        let hash = self.hash(key);
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != FREE {
            let number = self.slots[slot] as usize;
            if self.entries[number].hash == hash && self.key(number) == key {
                return (number, false);
            }
            slot = (slot + 1) & mask;
        }
        let number = self.entries.len();
        self.slots[slot] = u32::try_from(number).expect("a set of 2^32 keys is beyond every memory limit");
        self.bytes.extend_from_slice(key);
        self.entries.push(Entry { hash, end: self.bytes.len() });
        (number, true)
    }

    fn key(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.entries[number - 1].end };
        &self.bytes[start..self.entries[number].end]
    }

    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(16);
        self.slots.clear();
        self.slots.resize(len, FREE);
        for (number, entry) in self.entries.iter().enumerate() {
            let mut slot = entry.hash as usize & (len - 1);
            while self.slots[slot] != FREE {
                slot = (slot + 1) & (len - 1);
            }
            self.slots[slot] = number as u32;
        }
    }

    /// Multiplies eight bytes at a time into the state and folds the product's halves, as wyhash does.
    fn hash(&self, key: &[u8]) -> u64 {
        let mut state = self.seed ^ key.len() as u64;
        let mut words = key.chunks_exact(8);
        for word in &mut words {
            let word = u64::from_le_bytes(word.try_into().expect("a chunk of eight"));
            state = fold(state ^ word, 0x9E37_79B9_7F4A_7C15);
        }
        let mut last = [0; 8];
        last[..words.remainder().len()].copy_from_slice(words.remainder());
        fold(state ^ u64::from_le_bytes(last), 0xD1B5_4A32_D192_ED03 ^ self.seed)
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::KeySet;

    /// Keys are numbered from 0 as they come first, found again by equal bytes only, also after the table has grown.
    #[test]
    fn keys_are_numbered_in_the_order_they_came() {
        let mut set = KeySet::new();
        for n in 0..5_000_u32 {
            assert_eq!(set.insert(n.to_string().as_bytes()), (n as usize, true));
            assert_eq!(set.insert((n / 2).to_string().as_bytes()), ((n / 2) as usize, false));
        }
        assert_eq!(set.insert(b""), (5_000, true), "the empty key is a key");
        for n in 0..5_000_u32 {
            assert_eq!(set.find(n.to_string().as_bytes()), Some(n as usize));
            assert_eq!(set.find(format!("{n} ").as_bytes()), None);
        }
        set.clear();
        assert_eq!((set.len(), set.find(b"1")), (0, None));
        assert_eq!(set.insert(b"1"), (0, true));
    }
}
