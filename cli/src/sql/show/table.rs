//! A drawn table. Rows are kept until a window is full, measured, drawn and forgotten, so that a result of any length takes the memory of one window.
//!
//! 1. Columns never become narrower from window to window. Where they become wider the header is drawn again.
//! 2. In a terminal a table that is too wide is narrowed: its widest columns wrap. If they would become too narrow to read, each row is shown line by line instead.
//! 3. Without a terminal nothing is wrapped; rows with a text that no table can hold are shown line by line, too.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ColumnConstraint, LineStyle, TableStyle, Width};
use treering_sql::{Column, Row};
use unicode_width::UnicodeWidthStr;

use super::line::Line;
use super::{Show, cell};

/// Rows of a window, and bytes of their texts.
const WINDOW_ROWS: usize = 1000;
const WINDOW_BYTES: usize = 1 << 20;
/// No column wraps at less than this.
const READABLE: usize = 12;
/// The widest column that can be drawn.
const WIDEST: usize = u16::MAX as usize - PADDING;
/// Spaces around a cell, and with them the one between two cells or before the first.
const PADDING: usize = 2;
const APART: usize = PADDING + 1;

/// See the file's head.
pub(super) struct Table {
    null: String,
    header: bool,
    width: Option<usize>,
    names: Vec<String>,
    /// Whether a column is aligned to the right.
    right: Vec<bool>,
    /// As the windows so far were drawn.
    drawn: Option<Vec<usize>>,
    rows: Vec<Vec<String>>,
    bytes: usize,
    /// Where the rows go if the terminal is too narrow for a table.
    line: Line,
    is_too_wide: bool,
}

impl Table {
    pub(super) fn new(null: String, header: bool, width: Option<usize>) -> Table {
        let line = Line::new(null.clone());
        let (names, right, rows) = (Vec::new(), Vec::new(), Vec::new());
        Table { null, header, width, names, right, drawn: None, rows, bytes: 0, line, is_too_wide: false }
    }

    /// Draws the rows that are kept, and forgets them.
    fn draw(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let natural = self.natural_widths();
        let Some(widths) = fitted(&natural, self.width).filter(|_| !self.is_too_wide) else {
            self.is_too_wide = true;
            self.bytes = 0;
            return self.rows.drain(..).try_for_each(|row| self.line.texts(row, out));
        };
        let mut table = comfy_table::Table::new();
        table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
        if self.header && self.drawn.as_ref() != Some(&widths) {
            table.set_header(&self.names);
        }
        self.bytes = 0;
        table.add_rows(self.rows.drain(..));
        for (i, (width, right)) in widths.iter().zip(&self.right).enumerate() {
            // Without a header and rows there is no column.
            let Some(column) = table.column_mut(i) else { continue };
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(u16::try_from(width + PADDING).unwrap_or(u16::MAX))));
            if *right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self.drawn = Some(widths);
        table.lines().try_for_each(|line| writeln!(out, " {}", line.trim_end()))
    }

    /// How wide each column would like to be.
    fn natural_widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = match &self.drawn {
            Some(drawn) => drawn.clone(),
            None => self.names.iter().map(|name| if self.header { name.width() } else { 1 }).collect(),
        };
        for row in &self.rows {
            for (width, text) in widths.iter_mut().zip(row) {
                *width = text.split('\n').map(UnicodeWidthStr::width).fold(*width, usize::max);
            }
        }
        widths.iter().map(|width| (*width).max(1)).collect()
    }
}

/// The columns' widths in a terminal: the widest become narrower until all fit; none if one of them would become unreadable.
fn fitted(natural: &[usize], terminal: Option<usize>) -> Option<Vec<usize>> {
    let Some(terminal) = terminal else {
        return natural.iter().all(|width| *width <= WIDEST).then(|| natural.to_vec());
    };
    let room = terminal.checked_sub(APART * natural.len())?;
    let taken = |most: usize| natural.iter().map(|width| (*width).min(most)).sum::<usize>();
    let most = (READABLE..=natural.iter().copied().max().unwrap_or(0).max(READABLE)).rev().find(|most| taken(*most) <= room)?;
    Some(natural.iter().map(|width| (*width).min(most)).collect())
}

impl Show for Table {
    fn begin(&mut self, columns: &[Column], out: &mut dyn Write) -> io::Result<()> {
        self.names = columns.iter().map(|column| cell::visible(column.name()).replace('\n', " ")).collect();
        self.right = columns.iter().map(|column| column.data_type().is_numeric()).collect();
        self.line.begin(columns, out)
    }

    fn row(&mut self, row: Row<'_>, out: &mut dyn Write) -> io::Result<()> {
        let texts: Vec<String> = row.values().map(|value| cell::text(value, &self.null)).collect();
        if self.is_too_wide {
            return self.line.texts(texts, out);
        }
        self.bytes += texts.iter().map(String::len).sum::<usize>();
        self.rows.push(texts);
        if self.rows.len() >= WINDOW_ROWS || self.bytes >= WINDOW_BYTES { self.draw(out) } else { Ok(()) }
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.rows.is_empty() && (self.drawn.is_some() || self.is_too_wide) {
            return Ok(());
        }
        self.draw(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns fit the terminal, the widest give way first, and a table that would be unreadable is none.
    #[test]
    fn columns_fit_the_terminal() {
        let check = |natural: &[usize], terminal, expected: Option<&[usize]>| {
            assert_eq!(fitted(natural, terminal).as_deref(), expected, "{natural:?} in {terminal:?}");
        };
        check(&[5, 500], None, Some(&[5, 500]));
        check(&[5, 70_000], None, None);
        check(&[5, 500], Some(80), Some(&[5, 69]));
        check(&[5, 50, 60], Some(80), Some(&[5, 33, 33]));
        check(&[5, 6], Some(80), Some(&[5, 6]));
        check(&[13, 13, 13], Some(44), None);
        check(&[12, 13, 13], Some(45), Some(&[12, 12, 12]));
        check(&[1; 40], Some(80), None);
        check(&[], Some(80), Some(&[]));
    }
}
