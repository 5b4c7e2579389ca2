//! Which engine tables there are, and how they are called: `t<number>` holds the rows of a table, `i<number>` the entries of an index, `sql` the catalogue,
//! `counters` what identity columns and sequences gave last. Stored; never rename.

use std::str;
use std::sync::LazyLock;

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
pub(super) enum Name {
    Known(&'static str),
    Made {
        /// A letter and at most ten digits.
        bytes: [u8; 11],
        start: usize,
    },
}

/// The names of the first tables and indexes, which every statement needs: made once for the process.
static NAMES: [LazyLock<Vec<String>>; 2] = [LazyLock::new(|| first_names('t')), LazyLock::new(|| first_names('i'))];

fn first_names(letter: char) -> Vec<String> {
    (0..256).map(|number| format!("{letter}{number}")).collect()
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
            Stored::Rows(id) => Name::numbered(b't', id, &NAMES[0]),
            Stored::Index(id) => Name::numbered(b'i', id, &NAMES[1]),
            Stored::Catalogue => Name::Known("sql"),
            Stored::Counters => Name::Known("counters"),
        }
    }
}

impl Name {
    #[inline]
    fn numbered(letter: u8, id: ObjectId, first: &'static [String]) -> Name {
        match first.get(id.0 as usize) {
            Some(name) => Name::Known(name),
            None => Name::made(letter, id),
        }
    }

    fn made(letter: u8, id: ObjectId) -> Name {
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
        Name::Made { bytes, start }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Name::Known(name) => name,
            Name::Made { bytes, start } => str::from_utf8(&bytes[*start..]).expect("letters and digits"),
        }
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
