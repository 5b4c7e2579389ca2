//! Bounded reading and writing of integers and byte strings, varints, and the CRC (FORMAT 1).
//!
//! `Input` reads from untrusted bytes: it never panics, never allocates, and gives `None` past the end or on a form that is
//! not the only valid one. Who calls it knows the place and makes the error. Writing appends to a `Vec<u8>`.

/// CRC-32 (IEEE) of `bytes`.
#[must_use]
pub fn crc(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// CRC-32 (IEEE) of `bytes`, continuing from the CRC of what stood before them.
#[must_use]
pub fn crc_after(before: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(before);
    hasher.update(bytes);
    hasher.finalize()
}

/// A cursor over untrusted bytes.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Input { rest: bytes }
    }

    /// What was not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(head)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// The next two bytes.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next four bytes.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*head)
    }

    /// The next varint, in its shortest form only.
    pub fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for (i, byte) in self.rest.iter().enumerate().take(10) {
            let bits = u64::from(byte & 0x7f);
            // The tenth byte holds the 64th bit alone.
            if i == 9 && bits > 1 {
                return None;
            }
            value |= bits << (7 * i);
            if byte & 0x80 == 0 {
                if i > 0 && bits == 0 {
                    return None;
                }
                self.rest = self.rest.get(i + 1..)?;
                return Some(value);
            }
        }
        None
    }

    /// The next varint length and as many bytes.
    pub fn string(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.varint()?).ok()?;
        self.bytes(len)
    }
}

/// Appends `value` as a varint: 1 to 10 bytes.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends the varint length of `bytes` and then `bytes`.
pub fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// `n` rounded up to a multiple of `to`, a power of two; `None` past the end of u64.
#[must_use]
pub fn align(n: u64, to: u64) -> Option<u64> {
    debug_assert!(to.is_power_of_two());
    Some(n.checked_add(to - 1)? & !(to - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every varint reads back, and only its shortest form is read.
    #[test]
    fn varint_has_one_form() {
        for value in (0..64).flat_map(|s| [(1_u64 << s) - 1, 1 << s, (1 << s) + 1]).chain([u64::MAX]) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut input = Input::new(&out);
            assert_eq!(input.varint(), Some(value));
            assert!(input.is_empty());
        }
        assert_eq!(Input::new(&[0x80, 0x00]).varint(), None);
        assert_eq!(Input::new(&[0xff; 10]).varint(), None);
        assert_eq!(Input::new(&[0x80]).varint(), None);
    }
}
