//! The shape of a source file: its length, and its first line.

use crate::tree::{Finding, Tree};

/// 500 lines make you think, 800 stop you.
const MAX_LINES: usize = 800;

/// Files that are too long.
pub(crate) fn sizes(tree: &Tree) -> Vec<Finding> {
    let long = tree.with_ext("rs").map(|(file, text)| (file, text.lines().count())).filter(|(_, count)| *count > MAX_LINES);
    long.map(|(file, count)| Finding {
        file: file.into(),
        line: MAX_LINES + 1,
        what: format!("{count} lines: which noun or verb is missing?"),
    })
    .collect()
}

/// Files whose first line is not a module doc.
pub(crate) fn module_docs(tree: &Tree) -> Vec<Finding> {
    let bare = tree.with_ext("rs").filter(|(_, text)| !text.starts_with("//! "));
    bare.map(|(file, _)| Finding { file: file.into(), line: 1, what: "does not open with `//!`: what is it for?".into() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_catch_the_first_line_too_many() {
        let (fits, long) = ("x\n".repeat(MAX_LINES), "x\n".repeat(MAX_LINES + 1));
        let found = sizes(&Tree::of(&[("a.rs", &fits), ("b.rs", &long), ("c.md", &long)]));
        assert_eq!(found.iter().map(|f| f.file.as_str()).collect::<Vec<_>>(), ["b.rs"]);
    }

    #[test]
    fn module_docs_catch_a_file_that_starts_otherwise() {
        let found =
            module_docs(&Tree::of(&[("a.rs", "//! Good.\n"), ("b.rs", "use x;\n//! late"), ("c.rs", "//!\n"), ("d.rs", "")]));
        assert_eq!(found.iter().map(|f| f.file.as_str()).collect::<Vec<_>>(), ["b.rs", "c.rs", "d.rs"]);
    }
}
