//! Choices out of a fuzzer's bytes: what is short gives zeros, so that every input is a whole run.

/// Reads choices from the front.
#[derive(Clone, Debug)]
pub struct Take<'a> {
    rest: &'a [u8],
}

impl<'a> Take<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Take<'a> {
        Take { rest: bytes }
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What was not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// At most `len` bytes.
    pub fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// A byte.
    pub fn u8(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self) -> u64 {
        let mut long = [0; 8];
        let taken = self.bytes(8);
        long[..taken.len()].copy_from_slice(taken);
        u64::from_le_bytes(long)
    }

    /// One of the numbers below `n`, by one byte; 0 if there is none.
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.u8()) % n.max(1)
    }

    /// One of the numbers below `n`, by two bytes; 0 if there is none.
    pub fn far_below(&mut self, n: usize) -> usize {
        (usize::from(self.u8()) << 8 | usize::from(self.u8())) % n.max(1)
    }
}
