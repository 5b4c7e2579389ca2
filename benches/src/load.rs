//! The data that every engine gets: random keys of 24 bytes, random values of 150 bytes, all from one seed.
//!
//! Keys are kept; values are windows into one random pool, so that making them costs no engine's time and a million entries need 24 MB. The
//! pool is longer than the windows of the compressors that the engines use, so that no engine can squeeze it. Compressible values, for the rows that ask for
//! them, are the text of a task's event, in which a quarter is random.

use std::io::Write as _;
use std::ops::Range;

/// Bytes of a key.
pub const KEY_LEN: usize = 24;
/// Bytes of a value.
pub const VALUE_LEN: usize = 150;
/// Bytes of an entry as its user counts them.
pub const ENTRY_LEN: u64 = (KEY_LEN + VALUE_LEN) as u64;
/// Bytes of the pool of values.
const POOL_LEN: usize = 16 << 20;

/// A key of the load.
pub type LoadKey = [u8; KEY_LEN];

/// The entries of a run.
pub struct Load {
    keys: Vec<LoadKey>,
    /// Indices of `keys` by ascending key.
    order: Vec<u32>,
    /// Keys that are not in the load, for new entries.
    fresh: Vec<LoadKey>,
    pool: Vec<u8>,
    seed: u64,
}

impl Load {
    /// `entries` entries, at most 2^32, and `fresh` more keys, from `seed`.
    #[must_use]
    pub fn new(entries: usize, fresh: usize, seed: u64) -> Load {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut key = || {
            let mut key = [0; KEY_LEN];
            random.fill(&mut key);
            key
        };
        // 192 random bits never meet.
        let keys: Vec<LoadKey> = (0..entries).map(|_| key()).collect();
        let fresh = (0..fresh).map(|_| key()).collect();
        let mut order: Vec<u32> = (0..u32::try_from(entries).unwrap_or(u32::MAX)).collect();
        order.sort_unstable_by_key(|&i| keys[i as usize]);
        let mut pool = vec![0; POOL_LEN];
        random.fill(&mut pool);
        Load { keys, order, fresh, pool, seed }
    }

    /// Number of entries.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.keys.len()
    }

    /// Bytes of all entries as their user counts them.
    #[must_use]
    pub fn payload(&self) -> u64 {
        self.keys.len() as u64 * ENTRY_LEN
    }

    /// The key of an entry.
    #[must_use]
    pub fn key(&self, i: usize) -> &LoadKey {
        &self.keys[i]
    }

    /// A value; others for other numbers.
    #[must_use]
    pub fn value(&self, i: usize) -> &[u8] {
        // A large odd factor spreads neighbours over the pool.
        let at = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let at = at % (POOL_LEN - VALUE_LEN);
        &self.pool[at..at + VALUE_LEN]
    }

    /// A value that compresses, of the same length; others for other numbers.
    #[must_use]
    pub fn compressible(&self, i: usize) -> [u8; VALUE_LEN] {
        let random = self.value(i);
        let status = ["PENDING", "ASSIGNED", "STARTING", "RUNNING", "FINISHED"][usize::from(random[0]) % 5];
        let mut value = [b' '; VALUE_LEN];
        let mut rest = &mut value[..];
        // What does not fit is cut off.
        let _ = write!(
            rest,
            "{{\"status\":\"{status}\",\"role\":\"www-data\",\"environment\":\"production\",\"scheduler\":\"rack-{}\",\"task\":\"",
            random[1] % 32
        );
        for byte in &random[2..21] {
            let _ = write!(rest, "{byte:02x}");
        }
        let _ = write!(rest, "\"}}");
        value
    }

    /// The entries in random order.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.keys.iter().enumerate().map(|(i, key)| (&key[..], self.value(i)))
    }

    /// The entries by ascending key.
    pub fn sorted(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.order.iter().map(|&i| (&self.keys[i as usize][..], self.value(i as usize)))
    }

    /// New keys: a slice of those set aside.
    #[must_use]
    pub fn fresh(&self, range: Range<usize>) -> &[LoadKey] {
        let end = range.end.min(self.fresh.len());
        &self.fresh[range.start.min(end)..end]
    }

    /// Number of new keys.
    #[must_use]
    pub fn fresh_count(&self) -> usize {
        self.fresh.len()
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A generator for one purpose: the same purpose draws the same numbers for each engine.
    #[must_use]
    pub fn random(&self, purpose: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed ^ purpose.wrapping_mul(0xD134_2543_DE82_EF95))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two loads of one seed are the same; sorted entries ascend and are the same set.
    #[test]
    fn a_load_follows_from_its_seed() {
        let (a, b) = (Load::new(1000, 10, 7), Load::new(1000, 10, 7));
        assert!(a.pairs().eq(b.pairs()));
        let sorted: Vec<_> = a.sorted().collect();
        assert!(sorted.is_sorted_by(|x, y| x.0 < y.0));
        assert_eq!(sorted.len(), 1000);
        assert_eq!(a.fresh(5..50).len(), 5);
        assert_ne!(a.value(1), a.value(2));
        assert_eq!(a.compressible(1), b.compressible(1));
        assert_ne!(a.compressible(1), a.compressible(2));
        assert!(a.compressible(1).trim_ascii_end().ends_with(b"\"}"), "cut off: {:?}", str::from_utf8(&a.compressible(1)));
    }
}
