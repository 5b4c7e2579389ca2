//! A value as a person sees it: nothing that a terminal would obey, and NULL told from every text.

use std::borrow::Cow;
use std::fmt::Write;

use treering_sql::Value;

/// The text of a value. A text that reads like NULL's stands in quotes.
pub(super) fn text(value: &Value<'_>, null: &str) -> String {
    match value {
        Value::Null => null.to_owned(),
        Value::Text(text) if text == null => format!("'{text}'"),
        Value::Text(text) => visible(text).into_owned(),
        value => value.to_string(),
    }
}

/// Text without characters that move a cursor, change a colour or turn the direction of writing; line ends stay.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if is_hidden(c) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

fn is_hidden(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    turns || (c.is_control() && c != '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_from_each_other() {
        let shown = |value: &str| text(&Value::from(value), "NULL");
        assert_eq!(text(&Value::Null, "NULL"), "NULL");
        assert_eq!(shown("NULL"), "'NULL'");
        assert_eq!(text(&Value::from(""), ""), "''");
        assert_eq!(shown("größe e\u{301} C:\\x\nb"), "größe e\u{301} C:\\x\nb");
        assert_eq!(shown("\u{1b}[31m\t\u{202e}\u{9b}"), "\\u{1b}[31m\\t\\u{202e}\\u{9b}");
    }
}
