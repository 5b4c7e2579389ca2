//! Which engine tables there are, and how they are called: `t<number>` holds the rows of a table, `i<number>` the entries of an index, `sql` the catalogue,
//! `counters` what identity columns and sequences gave last. Stored; never rename.

use std::str;

use treering::TablePlace;

use super::schema::ObjectId;

/// An engine table of this layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    Rows(ObjectId),
    Index(ObjectId),
    Catalogue,
    Counters,
}

/// Its name, without an allocation.
pub(super) struct Name {
    /// A letter and at most ten digits.
    bytes: [u8; 11],
    start: usize,
    end: usize,
}

/// Where engine tables stood when they were last opened. Guesses, which the engine checks: databases of one process share them, tables whose numbers are 128 apart too, and a wrong one
/// costs a search.
static PLACES: [TablePlace; 256] = [const { TablePlace::new() }; 256];

impl Stored {
    /// Where it probably stands in the engine.
    pub(super) fn place(self) -> &'static TablePlace {
        let number = match self {
            Stored::Rows(id) => (id.0 as usize).wrapping_mul(2),
            Stored::Index(id) => (id.0 as usize).wrapping_mul(2).wrapping_add(1),
            Stored::Catalogue => 0,
            Stored::Counters => 1,
        };
        &PLACES[number % PLACES.len()]
    }

    pub(super) fn name(self) -> Name {
        match self {
            Stored::Rows(id) => Name::numbered(b't', id),
            Stored::Index(id) => Name::numbered(b'i', id),
            Stored::Catalogue => Name::fixed(b"sql"),
            Stored::Counters => Name::fixed(b"counters"),
        }
    }
}

impl Name {
    fn fixed(name: &[u8]) -> Name {
        let mut bytes = [0; 11];
        bytes[..name.len()].copy_from_slice(name);
        Name { bytes, start: 0, end: name.len() }
    }

    fn numbered(letter: u8, id: ObjectId) -> Name {
        let (mut bytes, mut start, mut rest) = ([0; 11], 11, id.0);
        loop {
            start -= 1;
            bytes[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        start -= 1;
        bytes[start] = letter;
        Name { bytes, start, end: 11 }
    }

    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[self.start..self.end]).expect("letters and digits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names are those that a store already holds.
    #[test]
    fn names_of_engine_tables() {
        for (stored, name) in [
            (Stored::Rows(ObjectId(0)), "t0"),
            (Stored::Rows(ObjectId(7)), "t7"),
            (Stored::Index(ObjectId(120)), "i120"),
            (Stored::Index(ObjectId(u32::MAX)), "i4294967295"),
            (Stored::Catalogue, "sql"),
            (Stored::Counters, "counters"),
        ] {
            assert_eq!(stored.name().as_str(), name);
        }
    }
}
