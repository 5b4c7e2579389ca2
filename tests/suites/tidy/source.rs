//! Rust source split into code and comments, line by line, and code split into words.
//!
//! Just enough of a lexer that the rules never mistake a string or a comment for code: strings keep their quotes and lose their
//! contents, comments stand apart. It does not parse; a rule that needs structure looks at the words.

/// One line of a Rust file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// What the compiler sees, strings emptied.
    pub(crate) code: String,
    /// What people see: line, block and doc comments, without their slashes.
    pub(crate) comment: String,
}

/// A word of code: an identifier, `::`, or a single other character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// From 1.
    pub(crate) line: usize,
}

enum Mode {
    Code,
    Line,
    Block { depth: u32 },
    Text,
    Raw { hashes: usize },
}

/// Splits a whole file.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut out = vec![Line::default()];
    let mut mode = Mode::Code;
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        if c == '\n' {
            if matches!(mode, Mode::Line) {
                mode = Mode::Code;
            }
            out.push(Line::default());
            i += 1;
            continue;
        }
        let line = out.last_mut().expect("one line at least stands in `out`");
        let mut step = 1;
        match mode {
            Mode::Line => line.comment.push(c),
            Mode::Block { depth } => match (c, at(i + 1)) {
                ('*', '/') => {
                    step = 2;
                    mode = if depth == 1 { Mode::Code } else { Mode::Block { depth: depth - 1 } };
                }
                ('/', '*') => {
                    step = 2;
                    mode = Mode::Block { depth: depth + 1 };
                }
                _ => line.comment.push(c),
            },
            Mode::Text => match c {
                // An escaped line end is left to the newline's own branch.
                '\\' if at(i + 1) != '\n' => step = 2,
                '"' => {
                    line.code.push('"');
                    mode = Mode::Code;
                }
                _ => {}
            },
            Mode::Raw { hashes } => {
                if c == '"' && (1..=hashes).all(|n| at(i + n) == '#') {
                    line.code.push('"');
                    step = 1 + hashes;
                    mode = Mode::Code;
                }
            }
            Mode::Code => match (c, at(i + 1)) {
                ('/', '/') => {
                    step = 2;
                    mode = Mode::Line;
                }
                ('/', '*') => {
                    step = 2;
                    mode = Mode::Block { depth: 1 };
                }
                ('"', _) => {
                    line.code.push('"');
                    mode = Mode::Text;
                }
                ('r', '"' | '#') if starts_raw(&chars, i) => {
                    let hashes = (i + 1..).take_while(|&n| at(n) == '#').count();
                    line.code.push('"');
                    step = 2 + hashes;
                    mode = Mode::Raw { hashes };
                }
                // A lifetime has no quote behind its first character; a character has.
                ('\'', '\\') => step = (i + 3..).find(|&n| at(n) == '\'' || n >= chars.len()).map_or(1, |n| n + 1 - i),
                ('\'', _) if at(i + 2) == '\'' => step = 3,
                _ => line.code.push(c),
            },
        }
        i += step;
    }
    out
}

/// Whether the `r` at `i` begins a raw string: `r"`, `r#"`, `br"`, `cr"`, and is not the end of a name nor a raw identifier.
fn starts_raw(chars: &[char], i: usize) -> bool {
    let named = |c: char| c.is_alphanumeric() || c == '_';
    let before = |n: usize| i.checked_sub(n).and_then(|i| chars.get(i)).copied().unwrap_or(' ');
    let fresh = !named(before(1)) || (matches!(before(1), 'b' | 'c') && !named(before(2)));
    let quote = (i + 1..chars.len()).find(|&n| chars[n] != '#');
    fresh && quote.is_some_and(|n| chars[n] == '"')
}

/// The words of the code, in order.
pub(crate) fn words(lines: &[Line]) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        let mut rest = line.code.as_str();
        while let Some(c) = rest.chars().next() {
            let len = if c.is_alphanumeric() || c == '_' {
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                c.len_utf8()
            };
            let (word, tail) = rest.split_at(len);
            if !c.is_whitespace() {
                out.push(Word { text: word.to_owned(), line: n + 1 });
            }
            rest = tail;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, code: &str, comment: &str) {
        let lines = lines(text);
        let join = |part: fn(&Line) -> &str| lines.iter().map(part).collect::<Vec<_>>().join("\n");
        assert_eq!(join(|l| &l.code), code, "code of {text:?}");
        assert_eq!(join(|l| &l.comment), comment, "comments of {text:?}");
    }

    #[test]
    fn source_keeps_code_strings_and_comments_apart() {
        check("a // b", "a ", " b");
        check("a /* b /* c */ d */ e", "a  e", " b  c  d ");
        check("f(\"// no \\\" comment\") // yes", "f(\"\") ", " yes");
        check("r#\"a \" // b\"# c", "\"\" c", "");
        check("br\"\\\" d", "b\"\" d", "");
        check("'\"' 'x' '\\'' '\\u{1F}' b'\"' &'a str", "    b &'a str", "");
        check("r#type for\"x\"", "r#type for\"\"", "");
        check("\"two\nlines\" x", "\"\n\" x", "\n");
        check("\"cut\\\nlines\" x", "\"\n\" x", "\n");
    }

    #[test]
    fn source_words_carry_their_line() {
        let words = words(&lines("use crate::a_b;\n  x{}"));
        let texts: Vec<_> = words.iter().map(|w| (w.text.as_str(), w.line)).collect();
        assert_eq!(texts, [("use", 1), ("crate", 1), ("::", 1), ("a_b", 1), (";", 1), ("x", 2), ("{", 2), ("}", 2)]);
    }
}
