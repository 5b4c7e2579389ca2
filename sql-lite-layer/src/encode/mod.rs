//! Values as bytes: keys whose order as bytes is the order of their values, and compact rows.
//!
//! | module | what is written | what it is for |
//! |---|---|---|
//! | [`key`] | values one after another, each compares as bytes | keys of rows and of indexes; groups and hash joins |
//! | [`row`] | a header of one byte a column, then the columns | rows of tables: any column is found without a look at the others' bytes |
//!
//! What comes from a store is untrusted until checked: every decoder is bounded and gives an error, never a panic or a wrong value.

pub(crate) mod key;
pub(crate) mod row;
#[cfg(test)]
mod tests;

use crate::error::{Error, ErrorKind};

/// A key or a row that no encoder has written.
#[cold]
fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Store, what).with_state("XX001")
}
