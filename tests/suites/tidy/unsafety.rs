//! `unsafe` stands in few rooms of the engine and never without an argument.

use crate::source::{Line, lines, words};
use crate::tree::{Finding, Tree};

/// Where `unsafe` may stand: the map, and the simulated disk that passes its slices on; trusted reads of pages; the directories of
/// pages and of versions; what stands in for locks and pointers under a model checker, and the medium of its models; the allocator that counts for
/// hostile inputs; LMDB as a peer, whose opening is unsafe; the call that cuts a file system's power, and a fork.
const ROOMS: &[&str] = &[
    "engine/src/disk/",
    "engine/src/page/",
    "engine/src/version/",
    "engine/src/log/directory",
    "engine/src/sync/checker/",
    "engine/src/models/disk",
    "tests/src/disk",
    "tests/suites/real/kernel",
    "tests/actor/forked",
    "tests/src/allocation",
    "benches/src/engines/lmdb",
];

/// How far above its `unsafe` an argument may begin: a statement of a few lines and a comment of a few more.
const REACH: usize = 16;

/// Every `unsafe` in another place, and every one whose guarantee is not named.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut out = Vec::new();
    for (file, text) in tree.with_ext("rs") {
        let lines = lines(text);
        let allowed = ROOMS.iter().any(|room| file.starts_with(room));
        for word in words(&lines).iter().filter(|word| word.text == "unsafe") {
            let mut find = |what: &str| out.push(Finding { file: file.into(), line: word.line, what: what.into() });
            if !allowed {
                find("`unsafe` outside the rooms that may use it");
            } else if !argued(&lines, word.line - 1) && !promised(&lines, word.line - 1) {
                find("`unsafe` without a `SAFETY:` comment, or for a function a `# Safety` section");
            }
        }
    }
    out
}

/// Every file of the engine with `unsafe` in it that the review of ARCHITECTURE.md does not name; tests, and what stands in for a model checker, apart.
pub(crate) fn check_review(tree: &Tree) -> Vec<Finding> {
    let page = tree.with_ext("md").find(|(file, _)| *file == "ARCHITECTURE.md").map_or("", |(_, text)| text);
    let review = page.split_once("\n## 13. `unsafe`").map_or("", |(_, rest)| rest.split("\n## ").next().unwrap_or_default());
    let is_apart = |name: &str| ["tests", "models/", "sync/checker/"].iter().any(|part| name.contains(part));
    let mut out = Vec::new();
    for (file, text) in tree.with_ext("rs") {
        let Some(name) = file.strip_prefix("engine/src/").filter(|name| !is_apart(name)) else { continue };
        let lines = lines(text);
        if let Some(word) = words(&lines).iter().find(|word| word.text == "unsafe")
            && !review.contains(&format!("`{name}`"))
        {
            let what = "`unsafe` that section 13 of ARCHITECTURE.md does not name".into();
            out.push(Finding { file: file.into(), line: word.line, what });
        }
    }
    out
}

/// Whether the line, or what stands right above it without a blank line between, carries the argument.
fn argued(lines: &[Line], at: usize) -> bool {
    let says = |line: &Line| ["SAFETY:", "# Safety"].iter().any(|mark| line.comment.contains(mark));
    let blank = |line: &Line| line.code.trim().is_empty() && line.comment.is_empty();
    let above = lines[..at].iter().rev().take(REACH).take_while(|line| !blank(line) && line.code.trim() != "}");
    std::iter::once(&lines[at]).chain(above).any(says)
}

/// Whether the line implements a trait's method: what its caller owes stands at the trait.
fn promised(lines: &[Line], at: usize) -> bool {
    let indent = |line: &Line| line.code.len() - line.code.trim_start().len();
    let method = &lines[at];
    let outer = lines[..at].iter().rev().find(|line| !line.code.trim().is_empty() && indent(line) < indent(method));
    method.code.trim_start().starts_with("unsafe fn ")
        && outer.is_some_and(|line| line.code.trim_start().starts_with("impl") && line.code.contains(" for "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_sample(file: &str, text: &str, expected: &[usize]) {
        let found = check(&Tree::of(&[(file, text)]));
        assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), expected, "{file}: {text}");
    }

    #[test]
    fn unsafe_without_a_review_is_caught() {
        let page = "# A\n## 12. B\n`disk/other.rs`\n## 13. `unsafe`\n`disk/map.rs`\n## 14. C\n`disk/last.rs`";
        let found = |file: &str| {
            let source = "// SAFETY: it is.\nunsafe { f() }";
            check_review(&Tree::of(&[("ARCHITECTURE.md", page), (file, source)])).len()
        };
        assert_eq!(found("engine/src/disk/map.rs"), 0);
        assert_eq!(found("engine/src/disk/tests.rs"), 0);
        assert_eq!(found("tests/src/disk.rs"), 0);
        assert_eq!(
            (found("engine/src/disk/other.rs"), found("engine/src/disk/last.rs"), found("engine/src/page/a.rs")),
            (1, 1, 1)
        );
    }

    #[test]
    fn unsafe_is_caught_in_other_rooms() {
        let argued = "// SAFETY: it is.\nunsafe { f() }";
        check_sample("engine/src/tree/mod.rs", argued, &[2]);
        check_sample("engine/src/log/segment.rs", argued, &[2]);
        check_sample("cli/src/main.rs", argued, &[2]);
        check_sample("engine/src/log/directory.rs", argued, &[]);
        check_sample("engine/src/disk/map.rs", argued, &[]);
    }

    #[test]
    fn unsafe_is_caught_without_its_argument() {
        check_sample("engine/src/page/a.rs", "unsafe { f() }", &[1]);
        check_sample("engine/src/page/a.rs", "// SAFETY: far away.\n\nunsafe { f() }", &[3]);
        check_sample("engine/src/page/a.rs", "/// Does it.\n/// # Safety\n/// `p` is valid.\npub unsafe fn f() {}", &[]);
        check_sample("engine/src/page/a.rs", "/// Does it.\npub unsafe fn f() {}", &[2]);
        check_sample("engine/src/page/a.rs", "impl A for B {\n    unsafe fn f() {\n        unsafe { g() }\n    }\n}", &[3]);
        check_sample("engine/src/page/a.rs", "impl B {\n    unsafe fn f() {}\n}", &[2]);
        check_sample(
            "engine/src/page/a.rs",
            "// SAFETY: one.\nlet a =\n    unsafe { f() };\nlet b = 1;\n}\nunsafe { g() }",
            &[6],
        );
        check_sample("engine/src/page/a.rs", "#![deny(unsafe_code)] // unsafe\nlet s = \"unsafe\";", &[]);
    }
}
