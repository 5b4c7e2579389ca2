//! Structures of a fixed length: their fields, one after another.

/// `fields` in order, then zeros up to `N` bytes. The fields never exceed `N`: their lengths are constants of FORMAT.md.
pub(super) fn lay<const N: usize>(fields: &[&[u8]]) -> [u8; N] {
    let mut out = [0; N];
    let mut rest = out.as_mut_slice();
    for field in fields {
        let Some((place, behind)) = rest.split_at_mut_checked(field.len()) else {
            debug_assert!(false, "fields longer than {N} bytes");
            break;
        };
        place.copy_from_slice(field);
        rest = behind;
    }
    out
}

/// Whether every byte is zero.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Seeded randomness for the round trips of this room: an xorshift generator.
#[cfg(test)]
pub(super) struct Random(pub(super) u64);

#[cfg(test)]
impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(super) fn bytes(&mut self, below: u64) -> Vec<u8> {
        let len = self.below(below);
        (0..len).map(|_| self.next() as u8).collect()
    }
}
