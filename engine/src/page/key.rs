//! A key put together from its parts: prefix, head and rest.
//!
//! Short keys, the common case, stand in line and cost no allocation; longer ones are boxed.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// Longest key that stands in line: 40 bytes less the tag and the length.
const IN_LINE: usize = 38;

/// A whole key, owned. Orders, compares and hashes as its bytes.
#[derive(Clone)]
pub struct Key(Form);

#[derive(Clone)]
enum Form {
    Short { len: u8, bytes: [u8; IN_LINE] },
    Long(Box<[u8]>),
}

const _: () = assert!(size_of::<Key>() == 40);

impl Key {
    /// The empty key.
    pub(super) const EMPTY: Key = Key(Form::Short { len: 0, bytes: [0; IN_LINE] });

    /// The key `prefix` + `head` + `rest`. Allocates if it is longer than 38 bytes.
    pub(super) fn from_parts(prefix: &[u8], head: &[u8], rest: &[u8]) -> Key {
        let (head_end, len) = (prefix.len() + head.len(), prefix.len() + head.len() + rest.len());
        if len <= IN_LINE {
            let mut bytes = [0; IN_LINE];
            bytes[..prefix.len()].copy_from_slice(prefix);
            bytes[prefix.len()..head_end].copy_from_slice(head);
            bytes[head_end..len].copy_from_slice(rest);
            Key(Form::Short { len: len as u8, bytes })
        } else {
            Key(Form::Long([prefix, head, rest].concat().into()))
        }
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Form::Short { len, bytes } => &bytes[..usize::from(*len)],
            Form::Long(bytes) => bytes,
        }
    }

    /// The key's bytes, owned. Allocates unless the key is longer than 38 bytes.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        match self.0 {
            Form::Short { len, bytes } => bytes[..usize::from(len)].to_vec(),
            Form::Long(bytes) => bytes.into_vec(),
        }
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Key {
        Key::from_parts(bytes, &[], &[])
    }
}

impl Deref for Key {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_slice().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    /// In maps a key is found by its bytes, whether it stands in line or not.
    #[test]
    fn keys_are_found_by_their_bytes() {
        let all: Vec<Vec<u8>> = [0, 1, 38, 39, 200].iter().map(|len| vec![b'k'; *len]).collect();
        let keys = || all.iter().map(|bytes| Key::from(&bytes[..]));
        let (hashed, sorted): (HashSet<Key>, BTreeSet<Key>) = (keys().collect(), keys().collect());
        for bytes in &all {
            assert!(hashed.contains(&bytes[..]) && sorted.contains(&bytes[..]), "{} bytes", bytes.len());
        }
        assert!(keys().zip(&all).all(|(key, bytes)| AsRef::<[u8]>::as_ref(&key) == bytes && key.into_vec() == *bytes));
        assert!(!hashed.contains(&b"kk"[..]));
    }
}
