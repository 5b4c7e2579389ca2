//! What a statement does, with every name resolved and every type checked: operators and expressions over the slots of one frame.
//!
//! ```text
//!   frame   │ t.id │ t.name │ u.id │ count(*) │ ...     one slot a column, for the whole statement: subqueries too
//!             └─ Scan t ─┘    Scan u   Aggregate       each operator writes its own slots, and reads those of the operators below and outside
//! ```
//!
//! 1. A slot is written by one operator only, and holds values of one type (or NULL).
//! 2. A subquery reads the slots of the row around it as they stand in the frame: correlation needs no other device.
//! 3. A plan is made for one version of the schema, and holds the tables that it reads.

pub(crate) mod function;
pub(crate) mod node;
pub(crate) mod scalar;
