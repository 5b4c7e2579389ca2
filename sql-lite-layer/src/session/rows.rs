//! A whole result, kept.

use std::sync::Arc;

use super::row::{Column, Row};
use crate::execute::row_bytes;
use crate::types::Value;

/// The rows of a result, in memory, with values of their own: they outlive the statement, and nothing in the store waits for them.
#[derive(Clone, Debug)]
pub struct Rows {
    columns: Arc<[Column]>,
    rows: Vec<Vec<Value<'static>>>,
}

impl Rows {
    pub(super) fn new(columns: Arc<[Column]>) -> Rows {
        Rows { columns, rows: Vec::new() }
    }

    /// Adds a row; gives the bytes that it takes.
    pub(super) fn push(&mut self, row: Row<'_>) -> usize {
        let row: Vec<Value<'static>> = row.values().map(|value| value.clone().into_owned()).collect();
        let bytes = row_bytes(&row);
        self.rows.push(row);
        bytes
    }

    /// Names and types of the columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Row `at`, from 0.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<Row<'_>> {
        Some(Row::new(&self.columns, self.rows.get(at)?))
    }

    /// The rows in their order.
    #[must_use]
    pub fn iter(&self) -> RowIter<'_> {
        RowIter { rows: self, at: 0 }
    }
}

/// The rows of a result, in order.
#[derive(Clone, Debug)]
pub struct RowIter<'r> {
    rows: &'r Rows,
    at: usize,
}

impl<'r> Iterator for RowIter<'r> {
    type Item = Row<'r>;

    fn next(&mut self) -> Option<Row<'r>> {
        let row = self.rows.get(self.at)?;
        self.at += 1;
        Some(row)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.rows.len() - self.at;
        (left, Some(left))
    }
}

impl ExactSizeIterator for RowIter<'_> {}

impl<'r> IntoIterator for &'r Rows {
    type Item = Row<'r>;
    type IntoIter = RowIter<'r>;

    fn into_iter(self) -> RowIter<'r> {
        self.iter()
    }
}
