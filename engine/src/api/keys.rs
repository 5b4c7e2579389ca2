//! Typed keys and values: how they become bytes, so that the order of the bytes is the order of the keys.
//!
//! | key | bytes |
//! |---|---|
//! | unsigned integer | big-endian, its full width |
//! | signed integer | the same with the sign bit flipped |
//! | `bool` | 0 or 1 |
//! | `str`, `[u8]` alone, or last in a tuple | as they are |
//! | `str`, `[u8]` before others in a tuple | each 0 byte becomes 0 255, then the end: 0 0 |
//! | tuple of 2 to 5 of these | one behind the other |
//!
//! The encodings of a released version never change: stores hold them.

use crate::error::{Error, Result};

/// A type of keys. Its encoding orders as the keys do.
pub trait TypedKey {
    /// What `insert` and `get` take.
    type Ref<'a>: Copy;
    /// What ranges give.
    type Owned;

    /// Appends the key's bytes. `last`: nothing follows it.
    fn encode(key: Self::Ref<'_>, last: bool, out: &mut Vec<u8>);

    /// Reads a key off the front of `bytes`, and leaves what follows; `None` if they hold no such key.
    fn decode(bytes: &mut &[u8], last: bool) -> Option<Self::Owned>;
}

/// A type of values.
pub trait TypedValue {
    /// What `insert` takes and `get` lends.
    type Ref<'a>;

    /// Appends the value's bytes.
    fn encode(value: Self::Ref<'_>, out: &mut Vec<u8>);

    /// The value in `bytes`; `None` if they hold no such value.
    fn decode(bytes: &[u8]) -> Option<Self::Ref<'_>>;
}

macro_rules! integers {
    ($($unsigned:ty, $signed:ty);*) => { $(
        impl TypedKey for $unsigned {
            type Ref<'a> = $unsigned;
            type Owned = $unsigned;

            fn encode(key: $unsigned, _: bool, out: &mut Vec<u8>) {
                out.extend_from_slice(&key.to_be_bytes());
            }

            fn decode(bytes: &mut &[u8], _: bool) -> Option<$unsigned> {
                let (key, rest) = bytes.split_first_chunk()?;
                *bytes = rest;
                Some(<$unsigned>::from_be_bytes(*key))
            }
        }

        impl TypedKey for $signed {
            type Ref<'a> = $signed;
            type Owned = $signed;

            fn encode(key: $signed, last: bool, out: &mut Vec<u8>) {
                <$unsigned as TypedKey>::encode(key.cast_unsigned() ^ (1 << (<$unsigned>::BITS - 1)), last, out);
            }

            fn decode(bytes: &mut &[u8], last: bool) -> Option<$signed> {
                let key = <$unsigned as TypedKey>::decode(bytes, last)?;
                Some((key ^ (1 << (<$unsigned>::BITS - 1))).cast_signed())
            }
        }

        impl TypedValue for $unsigned {
            type Ref<'a> = $unsigned;

            fn encode(value: $unsigned, out: &mut Vec<u8>) {
                out.extend_from_slice(&value.to_le_bytes());
            }

            fn decode(bytes: &[u8]) -> Option<$unsigned> {
                bytes.try_into().ok().map(<$unsigned>::from_le_bytes)
            }
        }

        impl TypedValue for $signed {
            type Ref<'a> = $signed;

            fn encode(value: $signed, out: &mut Vec<u8>) {
                out.extend_from_slice(&value.to_le_bytes());
            }

            fn decode(bytes: &[u8]) -> Option<$signed> {
                bytes.try_into().ok().map(<$signed>::from_le_bytes)
            }
        }
    )* };
}

integers!(u8, i8; u16, i16; u32, i32; u64, i64; u128, i128);

impl TypedKey for bool {
    type Ref<'a> = bool;
    type Owned = bool;

    fn encode(key: bool, _: bool, out: &mut Vec<u8>) {
        out.push(u8::from(key));
    }

    fn decode(bytes: &mut &[u8], last: bool) -> Option<bool> {
        match <u8 as TypedKey>::decode(bytes, last)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl TypedKey for [u8] {
    type Ref<'a> = &'a [u8];
    type Owned = Vec<u8>;

    fn encode(key: &[u8], last: bool, out: &mut Vec<u8>) {
        if last {
            out.extend_from_slice(key);
            return;
        }
        for byte in key {
            out.push(*byte);
            if *byte == 0 {
                out.push(0xff);
            }
        }
        out.extend_from_slice(&[0, 0]);
    }

    fn decode(bytes: &mut &[u8], last: bool) -> Option<Vec<u8>> {
        if last {
            return Some(std::mem::take(bytes).to_vec());
        }
        let mut key = Vec::new();
        loop {
            let (byte, rest) = bytes.split_first()?;
            *bytes = rest;
            if *byte != 0 {
                key.push(*byte);
                continue;
            }
            let (after, rest) = bytes.split_first()?;
            *bytes = rest;
            match after {
                0 => return Some(key),
                0xff => key.push(0),
                _ => return None,
            }
        }
    }
}

impl TypedKey for str {
    type Ref<'a> = &'a str;
    type Owned = String;

    fn encode(key: &str, last: bool, out: &mut Vec<u8>) {
        <[u8] as TypedKey>::encode(key.as_bytes(), last, out);
    }

    fn decode(bytes: &mut &[u8], last: bool) -> Option<String> {
        String::from_utf8(<[u8] as TypedKey>::decode(bytes, last)?).ok()
    }
}

macro_rules! tuples {
    ($($($first:ident)+ , $final:ident);*) => { $(
        impl<$($first: TypedKey + ?Sized,)+ $final: TypedKey + ?Sized> TypedKey for ($(Of<$first>,)+ Of<$final>) {
            type Ref<'a> = ($($first::Ref<'a>,)+ $final::Ref<'a>);
            type Owned = ($($first::Owned,)+ $final::Owned);

            #[allow(non_snake_case)]
            fn encode(key: Self::Ref<'_>, last: bool, out: &mut Vec<u8>) {
                let ($($first,)+ $final) = key;
                $($first::encode($first, false, out);)+
                $final::encode($final, last, out);
            }

            fn decode(bytes: &mut &[u8], last: bool) -> Option<Self::Owned> {
                Some(($($first::decode(bytes, false)?,)+ $final::decode(bytes, last)?))
            }
        }
    )* };
}

/// Names a key type inside a tuple: `(Of<str>, Of<u64>)` is the type of keys `(&str, u64)`.
pub struct Of<T: ?Sized>(std::marker::PhantomData<T>);

tuples!(A, B; A B, C; A B C, D; A B C D, E);

impl TypedValue for [u8] {
    type Ref<'a> = &'a [u8];

    fn encode(value: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(value);
    }

    fn decode(bytes: &[u8]) -> Option<&[u8]> {
        Some(bytes)
    }
}

impl TypedValue for str {
    type Ref<'a> = &'a str;

    fn encode(value: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(value.as_bytes());
    }

    fn decode(bytes: &[u8]) -> Option<&str> {
        std::str::from_utf8(bytes).ok()
    }
}

impl TypedValue for () {
    type Ref<'a> = ();

    fn encode((): (), _: &mut Vec<u8>) {}

    fn decode(bytes: &[u8]) -> Option<()> {
        bytes.is_empty().then_some(())
    }
}

/// The bytes of a whole key.
pub(super) fn key_bytes<K: TypedKey + ?Sized>(key: K::Ref<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    K::encode(key, true, &mut out);
    out
}

/// The whole key in `bytes`.
pub(super) fn key_of<K: TypedKey + ?Sized>(mut bytes: &[u8], table: &str) -> Result<K::Owned> {
    let key = K::decode(&mut bytes, true).filter(|_| bytes.is_empty());
    key.ok_or_else(|| Error::invalid(format!("table \"{table}\" holds a key of another type than it was opened with")))
}

/// The value in `bytes`.
pub(super) fn value_of<'a, V: TypedValue + ?Sized>(bytes: &'a [u8], table: &str) -> Result<V::Ref<'a>> {
    V::decode(bytes)
        .ok_or_else(|| Error::invalid(format!("table \"{table}\" holds a value of another type than it was opened with")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<K: TypedKey + ?Sized>(keys: &[K::Ref<'_>]) {
        for (i, a) in keys.iter().enumerate() {
            for (j, b) in keys.iter().enumerate() {
                let (a, b) = (key_bytes::<K>(*a), key_bytes::<K>(*b));
                assert_eq!(a.cmp(&b), i.cmp(&j), "{i} {j}");
                // That it is the same key shows `typed_tables_are_ordered_maps`.
                assert!(K::decode(&mut &a[..], true).is_some());
            }
        }
    }

    /// The order of the bytes is the order of the keys, also where strings hold zeros and are prefixes of one another.
    #[test]
    fn typed_keys_keep_their_order() {
        check::<u64>(&[0, 1, 255, 256, u64::MAX]);
        check::<i32>(&[i32::MIN, -256, -1, 0, 1, i32::MAX]);
        check::<bool>(&[false, true]);
        check::<str>(&["", "\0", "\0\0", "a", "a\0", "aa", "b"]);
        check::<(Of<str>, Of<i64>)>(&[("", 5), ("\0", -1), ("\0", 1), ("\0a", 0), ("a", i64::MAX), ("a\0", i64::MIN), ("aa", 0)]);
        check::<(Of<[u8]>, Of<[u8]>)>(&[
            (b"", b""),
            (b"", b"\xff"),
            (b"\0", b""),
            (b"\0\xff", b""),
            (b"\x01", b"\0"),
            (b"a", b"b"),
        ]);
    }

    /// What is written reads back, and what is no such key is refused.
    #[test]
    fn typed_keys_read_back() {
        let bytes = key_bytes::<(Of<str>, Of<u16>, Of<str>)>(("a\0b", 7, "\0"));
        assert_eq!(key_of::<(Of<str>, Of<u16>, Of<str>)>(&bytes, "t").unwrap(), ("a\0b".to_owned(), 7, "\0".to_owned()));
        assert!(key_of::<u64>(&[1, 2, 3], "t").is_err());
        assert!(key_of::<u8>(&[1, 2], "t").is_err());
        assert!(key_of::<(Of<str>, Of<u8>)>(b"a\0\x07\x01", "t").is_err());
        assert!(key_of::<str>(b"\xff", "t").is_err());
        assert!(value_of::<u32>(&[1], "t").is_err());
    }
}
