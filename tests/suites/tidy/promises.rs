//! TESTING.md's tables of promises, and SECURITY.md's checklist, name evidence that exists.
//!
//! In a table whose last column is headed *shown by*, that column holds evidence in backticks: `suite::test_name` (suites of
//! `tests/`), `test_name` (anywhere), `bench name` (a string in `benches/`), a file or folder, or a command, which starts with
//! `cargo`, `treering` or `.ci/` and is not looked up. A row without evidence says *to come*.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{lines, words};
use crate::tree::{Finding, Tree};

const PAGES: [&str; 2] = ["TESTING.md", "SECURITY.md"];

/// Rows whose evidence does not exist, or that have none and do not admit it.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let tests = tests(tree);
    PAGES.iter().flat_map(|page| check_page(page, tree, &tests)).collect()
}

fn check_page(page: &str, tree: &Tree, tests: &BTreeMap<String, BTreeSet<String>>) -> Vec<Finding> {
    let Some(text) = tree.texts.get(page) else {
        return vec![Finding { file: page.into(), line: 0, what: "is missing".into() }];
    };
    let mut out = Vec::new();
    let mut rows = 0;
    let mut holds = false;
    for (n, line) in text.lines().enumerate() {
        let Some(cells) = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            holds = false;
            continue;
        };
        let last = cells.rsplit('|').next().unwrap_or(cells).trim();
        if last == "shown by" {
            holds = true;
            continue;
        }
        if !holds || last.starts_with("--") {
            continue;
        }
        rows += 1;
        let evidence: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        let mut find = |what: String| out.push(Finding { file: page.into(), line: n + 1, what });
        if evidence.is_empty() && !last.contains("to come") {
            find("a row without evidence: name it, or say `to come`".into());
        }
        evidence
            .iter()
            .filter(|item| !exists(item, tree, tests))
            .for_each(|item| find(format!("names `{item}`, which does not exist")));
    }
    if rows == 0 {
        out.push(Finding { file: page.into(), line: 0, what: "has no table with a last column `shown by`".into() });
    }
    out
}

fn exists(item: &str, tree: &Tree, tests: &BTreeMap<String, BTreeSet<String>>) -> bool {
    if ["cargo ", "treering ", ".ci/"].iter().any(|command| item.starts_with(command)) {
        return true;
    }
    if let Some(name) = item.strip_prefix("bench ") {
        let quoted = format!("\"{name}\"");
        return tree
            .texts
            .iter()
            .any(|(file, text)| file.starts_with("benches/") && file.ends_with(".rs") && text.contains(&quoted));
    }
    if tree.names.contains(item.trim_end_matches('/')) {
        return true;
    }
    match item.split_once("::") {
        Some((suite, name)) => {
            let (file, folder) = (format!("tests/suites/{suite}.rs"), format!("tests/suites/{suite}/"));
            tests.get(name).is_some_and(|files| files.iter().any(|f| *f == file || f.starts_with(&folder)))
        }
        None => tests.contains_key(item),
    }
}

/// Name of each `#[test]` function -> files that hold one.
fn tests(tree: &Tree) -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in tree.with_ext("rs") {
        let words = words(&lines(text));
        let text = |i: usize| words.get(i).map_or("", |w| w.text.as_str());
        let mut marked = false;
        for i in 0..words.len() {
            match text(i) {
                "test" if i >= 2 && text(i - 2) == "#" && text(i - 1) == "[" && text(i + 1) == "]" => marked = true,
                "fn" if std::mem::take(&mut marked) => {
                    out.entry(text(i + 1).to_owned()).or_default().insert(file.to_owned());
                }
                _ => {}
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_row(cell: &str, expected: usize) {
        let page = format!(
            "| promise | shown by |\n|---|---|\n| it holds | {cell} |\n\n| other | table |\n|---|---|\n| x | `nothing` |\n"
        );
        let files = [
            (PAGES[0], page.as_str()),
            (PAGES[1], page.as_str()),
            ("tests/suites/laws.rs", "#[test]\nfn l1_x() {}\nfn not_a_test() {}"),
            ("tests/suites/model/ops.rs", "#[test]\n#[should_panic]\nfn m() {}"),
            ("benches/a.rs", "b.bench(\"get/warm\")"),
        ];
        let found = check(&Tree::of(&files));
        assert_eq!(found.len(), expected * PAGES.len(), "{cell}: {found:?}");
    }

    #[test]
    fn promises_catch_evidence_that_does_not_exist() {
        check_row("`l1_x`, `laws::l1_x`, `model::m`", 0);
        check_row("`l2_x`", 1);
        check_row("`not_a_test`", 1);
        check_row("`model::l1_x`", 1);
        check_row("`bench get/warm`, `benches/a.rs`, `cargo test`", 0);
        check_row("`bench get/cold`, `benches/b.rs`", 2);
    }

    #[test]
    fn promises_catch_a_row_without_evidence() {
        check_row("to come", 0);
        check_row("surely", 1);
        assert_eq!(check(&Tree::of(&PAGES.map(|page| (page, "no table")))).len(), PAGES.len());
        assert_eq!(check(&Tree::default()).len(), PAGES.len());
    }
}
