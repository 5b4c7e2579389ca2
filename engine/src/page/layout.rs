//! Where everything stands in a page (FORMAT 7): offsets of the head's fields, the arrays, and a slot's bits.

/// Pages start on, and are as long as, a multiple of this.
pub const ALIGN: usize = 64;
/// Length of a page's head.
pub const HEAD_LEN: usize = 64;

// Offsets in the head. Stored; never renumber.
pub(super) const CRC: usize = 0;
pub(super) const STORED_LEN: usize = 4;
pub(super) const POSITION: usize = 8;
pub(super) const BORN: usize = 16;
pub(super) const TABLE: usize = 24;
pub(super) const KIND: usize = 28;
pub(super) const LEVEL: usize = 29;
pub(super) const FLAGS: usize = 30;
/// Zero bytes behind the LZ4 block, 0 to 63: an LZ4 block does not say where it ends. 0 in a plain page.
pub(super) const PADDING: usize = 31;
pub(super) const RAW_LEN: usize = 32;
pub(super) const COUNT: usize = 36;
pub(super) const CAPACITY: usize = 40;
pub(super) const HEAP_LEN: usize = 44;
pub(super) const HEAP_DEAD: usize = 48;
pub(super) const PREFIX_LEN: usize = 52;
pub(super) const KEY_LEN: usize = 56;
pub(super) const VALUE_LEN: usize = 60;

/// Bit of `flags`: the body is one LZ4 block.
pub(super) const FLAG_LZ4: u8 = 1;
/// `value_len` of a slot whose value stands out of line.
pub(super) const OUT_OF_LINE: u16 = 0xffff;
/// Bytes of an item's value that stands out of line: position and length.
pub(super) const OUT_OF_LINE_LEN: usize = 16;
/// Bytes of a key that stand in its head.
pub(super) const IN_HEAD: usize = 4;

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Keys and their values.
    Leaf = 1,
    /// Separators, children and the count of entries below each.
    Branch = 2,
    /// One value that is too long for a leaf, with the key that owns it.
    Large = 3,
}

impl Kind {
    /// The kind that `byte` stands for.
    pub(super) fn from_byte(byte: u8) -> Option<Kind> {
        match byte {
            1 => Some(Kind::Leaf),
            2 => Some(Kind::Branch),
            3 => Some(Kind::Large),
            _ => None,
        }
    }

    /// Bytes of all arrays for one element: head 4, slot 8, and in a branch child 8, count 8.
    pub(super) fn width(self) -> usize {
        match self {
            Kind::Leaf => 12,
            Kind::Branch => 28,
            Kind::Large => 0,
        }
    }

    /// Lengths of one element of each array, in the order in which the arrays stand.
    pub(super) fn arrays(self) -> &'static [usize] {
        match self {
            Kind::Leaf => &[4, 8],
            Kind::Branch => &[4, 8, 8, 8],
            Kind::Large => &[],
        }
    }

    /// Index of the first entry whose key shares the prefix: a branch's separator 0 is the empty key.
    pub(super) fn first_key(self) -> usize {
        usize::from(self == Kind::Branch)
    }
}

/// Where the slots start, given the capacity. Below 2^39: no overflow on the 64-bit targets that the engine is for.
pub(super) const fn slots_at(capacity: usize) -> usize {
    HEAD_LEN + 4 * capacity
}

/// Where a branch's children start.
pub(super) const fn children_at(capacity: usize) -> usize {
    HEAD_LEN + 12 * capacity
}

/// Where a branch's counts start.
pub(super) const fn counts_at(capacity: usize) -> usize {
    HEAD_LEN + 20 * capacity
}

/// Capacities are even, so that the slots stand on 8 bytes.
pub(super) const fn even(count: usize) -> usize {
    (count + 1) & !1
}

/// `len` rounded up to a multiple of 64.
pub(super) const fn align(len: usize) -> usize {
    len.div_ceil(ALIGN) * ALIGN
}

/// An entry's slot: where its item stands and how long its parts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The item starts so many bytes before the page's end.
    pub(super) at: u32,
    /// Length of the key without the prefix.
    pub(super) suffix_len: u16,
    /// Length of the value, or [`OUT_OF_LINE`].
    pub(super) value_len: u16,
}

impl Slot {
    pub(super) fn from_bytes(bytes: [u8; 8]) -> Slot {
        let bits = u64::from_le_bytes(bytes);
        Slot { at: bits as u32, suffix_len: (bits >> 32) as u16, value_len: (bits >> 48) as u16 }
    }

    pub(super) fn to_bytes(self) -> [u8; 8] {
        (u64::from(self.at) | u64::from(self.suffix_len) << 32 | u64::from(self.value_len) << 48).to_le_bytes()
    }

    /// Bytes of the suffix that stand in the item.
    pub(super) fn rest_len(self) -> usize {
        usize::from(self.suffix_len).saturating_sub(IN_HEAD)
    }

    /// Bytes behind the suffix in the item.
    pub(super) fn tail_len(self) -> usize {
        if self.value_len == OUT_OF_LINE { OUT_OF_LINE_LEN } else { usize::from(self.value_len) }
    }

    /// Length of the item.
    pub(super) fn item_len(self) -> usize {
        self.rest_len() + self.tail_len()
    }
}

/// The first four bytes of `suffix` as a big-endian number, padded with zeros.
#[inline]
pub(super) fn head_of(suffix: &[u8]) -> u32 {
    match suffix.first_chunk::<IN_HEAD>() {
        Some(head) => u32::from_be_bytes(*head),
        None => suffix.iter().fold(0, |head, byte| head << 8 | u32::from(*byte)) << (8 * (IN_HEAD - suffix.len()) as u32 % 32),
    }
}

/// What of `suffix` stands in the item.
#[inline]
pub(super) fn rest_of(suffix: &[u8]) -> &[u8] {
    suffix.get(IN_HEAD..).unwrap_or(&[])
}

/// The u32 at `at` of a page's head.
#[inline]
pub(super) fn u32_at(head: &[u8; HEAD_LEN], at: usize) -> u32 {
    u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
}

/// The u64 at `at` of a page's head.
#[inline]
pub(super) fn u64_at(head: &[u8; HEAD_LEN], at: usize) -> u64 {
    u64::from(u32_at(head, at)) | u64::from(u32_at(head, at + 4)) << 32
}

/// Length of what `a` and `b` both begin with.
pub(super) fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}
