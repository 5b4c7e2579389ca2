//! Plans as text, for EXPLAIN.
