//! SQL by text, as `treering sql` and `treering shell` share it.
//!
//! ```text
//!   open     a file ─► a database: for writing, for reading, new
//!   script   lines ─► statements and dot commands, each with its place
//!   console  runs them with the settings of the moment; dot has the commands, names what the schema has
//!   show     rows ─► table, csv, json, ...
//!   failure  what went wrong, where, in which text
//!   editor   lines typed at a terminal: history and completion
//! ```
//!
//! A result is never held: its rows go to the output as they are found, a table's in windows of a bounded size.

pub(crate) mod console;
mod dot;
pub(crate) mod editor;
pub(crate) mod failure;
mod names;
pub(crate) mod open;
pub(crate) mod script;
pub(crate) mod show;
mod words;
