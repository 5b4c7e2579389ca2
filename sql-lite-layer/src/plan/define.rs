//! Definitions: from the statement's tree to objects of the schema.
//!
//! Numbers are given by the catalogue: `ObjectId(0)` stands for what has none yet, and in a foreign key for the table itself.
