//! Runs plans: one operator a file, each pulling rows from those below into the slots of one frame.
//!
//! ```text
//!   Cursor ─ next ─► Operator ─ next ─► Operator ─ next ─► Scan ─► entries of the engine
//!     │                 │ reads and writes slots               writes slots: values that borrow from the page
//!     └─ value(column)  ▼
//!                  frame │ t.id │ t.name │ u.id │ ...
//! ```
//!
//! 1. An operator writes only the slots that its node says, and they stand until its next row is asked for.
//! 2. `open` begins anew, also in the middle: the right side of a nested join is opened for each row of the left. It allocates nothing the second time.
//! 3. No row that only passes is copied or allocated for. What keeps rows says so to the statement's memory budget, and what can run long looks at the cancel flag
//!    and the clock: every 256 rows, whatever operator they are in.
//! 4. A change finds all its rows before it changes the first.
//! 5. A lookup by a whole key of one table takes a way of its own, without operators (`point`); joins with single rows found by whole keys are one operator (`lookups`).

mod accumulator;
mod aggregate;
mod by_hash;
mod chains;
mod change;
mod context;
mod cursor;
mod distinct;
mod fetch;
mod filter;
mod full_join;
mod function;
mod hash_join;
mod in_list;
mod keys;
mod keyset;
mod limit;
mod lookups;
mod nested_join;
mod operator;
mod passing;
mod point;
mod project;
mod row_test;
mod scalar;
mod scan;
mod set_operation;
mod shared;
mod sort;
mod subquery;
mod values;

#[cfg(test)]
mod tests;

pub(crate) use change::{Changed, change};
pub(crate) use context::{Counters, Inputs, Sequences, row_bytes};
pub(crate) use cursor::{Cursor, Program};
