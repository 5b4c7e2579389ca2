//! Functions by their arguments and results: one line a case.
