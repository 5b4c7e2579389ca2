//! Databases, connections, statements, transactions and results.
