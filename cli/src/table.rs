//! Tables as all commands draw them: a line below the header, numbers to the right, no other lines.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

/// What is right-aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// Text, to the left.
    Text(&'static str),
    /// A number, to the right.
    Number(&'static str),
}

/// A table with these columns and `rows`, two spaces in, without spaces at the lines' ends.
pub(crate) fn table(columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_header(columns.iter().map(|column| match *column {
        Column::Text(name) | Column::Number(name) => name,
    }));
    for row in rows {
        table.add_row(row);
    }
    for (column, i) in columns.iter().zip(0..) {
        if let (Column::Number(_), Some(column)) = (column, table.column_mut(i)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table.lines().map(|line| format!(" {}", line.trim_end())).collect();
    lines.join("\n")
}

/// Names and values below each other, the values in one column.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> =
        facts.iter().map(|(name, value)| format!("  {name:width$}   {value}").trim_end().to_owned()).collect();
    lines.join("\n")
}
