//! One CSV list as records: header, fields by column, and the number of each line.
//!
//! The `csv` crate splits fields; what it does not give is which line a record began on when blank lines stand before it. That
//! is counted here from the bytes.

use super::{Bad, BadLine, List, MAX_NUMBER, OnBadLine};
use crate::error::{Error, Result};
use std::collections::HashSet;
use std::path::Path;

/// The columns of a list.
pub(super) struct Layout {
    /// What the list is, for messages.
    pub(super) what: &'static str,
    /// Names that the header must have.
    pub(super) columns: &'static [&'static str],
}

/// The fields of one record, by the layout's columns.
pub(super) struct Fields<'a> {
    record: &'a csv::ByteRecord,
    /// For each column of the layout, its place in the record.
    places: &'a [usize],
}

impl<'a> Fields<'a> {
    /// The field of `column` as text.
    pub(super) fn text(&self, column: usize) -> Result<&'a str, Bad> {
        let bytes = self.record.get(self.places[column]).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| (Some(column), format!("'{}' is not UTF-8", show(bytes))))
    }

    /// A whole number up to 2^48.
    pub(super) fn number(&self, column: usize) -> Result<u64, Bad> {
        self.optional_number(column)?.ok_or_else(|| (Some(column), "empty, a whole number is needed".to_owned()))
    }

    /// A whole number up to 2^48, or nothing.
    pub(super) fn optional_number(&self, column: usize) -> Result<Option<u64>, Bad> {
        let text = self.text(column)?;
        if text.is_empty() {
            return Ok(None);
        }
        // `parse` also takes a plus sign; a list has digits alone.
        let number = if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None };
        match number {
            Some(number) if number <= MAX_NUMBER => Ok(Some(number)),
            _ => Err((Some(column), format!("'{}' is not a whole number from 0 to {MAX_NUMBER}", show(text.as_bytes())))),
        }
    }

    /// A whole number up to 2^32 - 1.
    pub(super) fn small(&self, column: usize) -> Result<u32, Bad> {
        let number = self.number(column)?;
        u32::try_from(number).map_err(|_| (Some(column), format!("{number} is more than {}", u32::MAX)))
    }

    /// One of the words of `choices`.
    pub(super) fn one_of<T: Copy>(&self, column: usize, choices: &[(&str, T)]) -> Result<T, Bad> {
        let text = self.text(column)?;
        choices.iter().find(|(word, _)| *word == text).map(|&(_, value)| value).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|&(word, _)| word).collect();
            (Some(column), format!("'{}' is none of {}", show(text.as_bytes()), words.join(", ")))
        })
    }

    /// A name that no line before had.
    pub(super) fn new_name(&self, column: usize, names: &mut HashSet<String>) -> Result<String, Bad> {
        let name = self.text(column)?;
        if name.is_empty() {
            return Err((Some(column), "empty, a name is needed".to_owned()));
        }
        if !names.insert(name.to_owned()) {
            return Err((Some(column), format!("'{}' stands on an earlier line too", show(name.as_bytes()))));
        }
        Ok(name.to_owned())
    }
}

/// At most 40 characters of a field, for a message.
fn show(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown: String = text.chars().take(40).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    shown
}

/// Reads `bytes` as a list of `layout`; `item` makes an item from one line's fields or says what is wrong with it.
pub(super) fn parse<T>(
    layout: &Layout,
    bytes: &[u8],
    file: &Path,
    on_bad_line: OnBadLine,
    item: &mut dyn FnMut(&Fields<'_>) -> Result<T, Bad>,
) -> Result<List<T>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let unreadable = |e: csv::Error| Error::input(format!("{}: {e}", file.display()));
    let header = reader.byte_headers().map_err(unreadable)?.clone();
    let places = places(layout, &header, file)?;
    let mut list = List { items: Vec::new(), bad_lines: Vec::new() };
    let mut record = csv::ByteRecord::new();
    let mut lines = Lines::new(bytes);
    while reader.read_byte_record(&mut record).map_err(unreadable)? {
        let found = if record.len() == header.len() {
            item(&Fields { record: &record, places: &places })
        } else {
            Err((None, format!("{} fields, but the header has {}", record.len(), header.len())))
        };
        match found {
            Ok(found) => list.items.push(found),
            Err((column, message)) => {
                let column = column.map(|c| (places[c] + 1, layout.columns[c]));
                let bad = BadLine { file: file.to_owned(), line: lines.of(&record), column, message };
                if on_bad_line == OnBadLine::Refuse {
                    return Err(Error::input(bad.to_string()));
                }
                list.bad_lines.push(bad);
            }
        }
    }
    Ok(list)
}

/// Counts lines as the reader moves on: once over the bytes for all lines that are asked for. A line ends with LF, CR LF, or a CR alone, which ends a
/// record too.
struct Lines<'a> {
    bytes: &'a [u8],
    /// Where the count stands, and the number of the line there.
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Lines<'a> {
        Lines { bytes, at: 0, line: 1 }
    }

    /// The line on which `record` begins. Blank lines before it belong to no record, but the reader counts from the first of them. Records are asked for in their order.
    fn of(&mut self, record: &csv::ByteRecord) -> u64 {
        let Some(position) = record.position() else { return 0 };
        let start = usize::try_from(position.byte()).unwrap_or(self.bytes.len());
        while let Some(byte) = self.bytes.get(self.at) {
            if self.at >= start && !matches!(byte, b'\n' | b'\r') {
                break;
            }
            self.at += 1;
            let ends = *byte == b'\n' || *byte == b'\r' && self.bytes.get(self.at) != Some(&b'\n');
            self.line += u64::from(ends);
        }
        self.line
    }
}

/// Where each column of the layout stands in the header.
fn places(layout: &Layout, header: &csv::ByteRecord, file: &Path) -> Result<Vec<usize>> {
    let wrong = |what: String| {
        let expected = layout.columns.join(",");
        Error::input(format!("{} is no {}: {what}; the first line must name the columns {expected}", file.display(), layout.what))
    };
    if header.is_empty() {
        return Err(wrong("it has no header line".to_owned()));
    }
    let mut places = Vec::with_capacity(layout.columns.len());
    let mut missing = Vec::new();
    for &column in layout.columns {
        let mut found = (0..header.len()).filter(|&i| header.get(i) == Some(column.as_bytes()));
        match (found.next(), found.next()) {
            (Some(place), None) => places.push(place),
            (Some(_), Some(_)) => return Err(wrong(format!("the column {column} stands twice"))),
            (None, _) => missing.push(column),
        }
    }
    if missing.is_empty() {
        return Ok(places);
    }
    let unknown: Vec<String> =
        header.iter().filter(|name| !layout.columns.iter().any(|c| c.as_bytes() == *name)).take(20).map(show).collect();
    let unknown = if unknown.is_empty() { String::new() } else { format!(" (unknown ones are there: {})", unknown.join(", ")) };
    Err(wrong(format!("the columns {} are missing{unknown}", missing.join(", "))))
}
