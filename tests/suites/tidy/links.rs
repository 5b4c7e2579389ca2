//! References between texts: links of pages, and the sections of FORMAT.md that others cite.

use std::collections::BTreeSet;

use crate::source::lines;
use crate::tree::{Finding, Tree};

/// Relative links in pages that lead nowhere, by file or by heading.
pub(crate) fn links(tree: &Tree) -> Vec<Finding> {
    let mut out = Vec::new();
    for (file, text) in tree.with_ext("md") {
        for (line, link) in links_of(text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').map_or((link.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let target = if path.is_empty() { Some(file.to_owned()) } else { resolve(file, path) };
            let Some(target) = target.filter(|t| t.is_empty() || tree.names.contains(t)) else {
                out.push(Finding { file: file.into(), line, what: format!("links to `{link}`, which does not exist") });
                continue;
            };
            let heading_missing = |anchor: &str| {
                tree.texts.get(&target).is_some_and(|text| target.ends_with(".md") && !slugs(text).contains(anchor))
            };
            if anchor.is_some_and(heading_missing) {
                out.push(Finding { file: file.into(), line, what: format!("links to `{link}`: no such heading") });
            }
        }
    }
    out
}

/// Citations like `FORMAT 4.2`, in comments and pages, of sections that do not exist.
pub(crate) fn citations(tree: &Tree) -> Vec<Finding> {
    let sections = tree.texts.get("FORMAT.md").map(|text| sections(text)).unwrap_or_default();
    let mut out = Vec::new();
    let mut look = |file: &str, n: usize, text: &str| {
        for cited in cited(text).into_iter().filter(|cited| !sections.contains(cited)) {
            out.push(Finding { file: file.into(), line: n + 1, what: format!("cites FORMAT {cited}, which does not exist") });
        }
    };
    for (file, text) in tree.with_ext("rs") {
        lines(text).iter().enumerate().for_each(|(n, line)| look(file, n, &line.comment));
    }
    for (file, text) in tree.with_ext("md") {
        text.lines().enumerate().for_each(|(n, line)| look(file, n, line));
    }
    out
}

/// Lines of a page outside fenced blocks, with inline code emptied.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(n, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        let emptied: String =
            line.split('`').enumerate().map(|(i, part)| if i % 2 == 0 { part } else { "" }).collect::<Vec<_>>().join("`");
        (!fenced).then_some((n + 1, emptied))
    })
}

/// Targets of `[text](target)` and `[name]: target`.
fn links_of(text: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for (n, line) in prose(text) {
        for (at, _) in line.match_indices("](") {
            let target: String = line[at + 2..].chars().take_while(|c| !matches!(c, ')' | ' ')).collect();
            out.push((n, target));
        }
        if line.starts_with('[')
            && let Some((_, target)) = line.split_once("]: ")
        {
            out.push((n, target.split(' ').next().unwrap_or(target).to_owned()));
        }
    }
    out
}

/// `link` as seen from the folder of `file`; `None` if it leaves the repository.
fn resolve(file: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn headings(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter_map(move |line| {
        fenced ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        (!fenced && heading.len() < line.len() && heading.starts_with(' ')).then(|| heading.trim())
    })
}

/// Anchors of a page's headings, as the usual web views make them; a repeated heading gets `-1`, `-2`.
fn slugs(text: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for heading in headings(text) {
        let kept = heading.to_lowercase();
        let slug: String = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect();
        let slug = slug.replace(' ', "-");
        let free = std::iter::once(slug.clone()).chain((1..).map(|n| format!("{slug}-{n}"))).find(|s| !out.contains(s));
        out.extend(free);
    }
    out
}

/// Numbers of FORMAT.md's sections: `4`, `4.2`.
fn sections(text: &str) -> BTreeSet<String> {
    let number = |heading: &str| number_at(heading).map(|(number, _)| number);
    headings(text).filter_map(number).collect()
}

/// `n` or `n.m` at the start of the text, and what follows.
fn number_at(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let number = text[..end].trim_end_matches('.');
    (!number.is_empty() && number.starts_with(|c: char| c.is_ascii_digit())).then(|| (number.to_owned(), &text[number.len()..]))
}

/// Every section that a line cites: `FORMAT 4`, `FORMAT.md section 4.2`, `FORMAT 4.1, 4.2 and 4.4`. Behind the first number only
/// those with a dot count, for `FORMAT 4, 512 bytes` cites one section.
fn cited(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (at, name) in line.match_indices("FORMAT") {
        let mut rest = &line[at + name.len()..];
        for skipped in [".md", "`", " ", "sections", "section", "§", " "] {
            rest = rest.strip_prefix(skipped).unwrap_or(rest);
        }
        let mut first = true;
        while let Some((number, tail)) = number_at(rest).filter(|(number, _)| first || number.contains('.')) {
            out.push(number);
            first = false;
            let next = [", ", " and ", " to "].iter().find_map(|glue| tail.strip_prefix(glue));
            let Some(next) = next else { break };
            rest = next;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_found(found: &[Finding]) -> Vec<(&str, usize)> {
        found.iter().map(|f| (f.file.as_str(), f.line)).collect()
    }

    #[test]
    fn links_catch_what_leads_nowhere() {
        let page = "[a](docs/B.md)\n[b](docs/C.md)\n`[c](none)`\n```\n[d](none)\n```\n[e](https://x.org/y)\n[f](docs/B.md#two-words)\n\
                    [g](docs/B.md#three)\n[h](#own)\n[i]: none.txt\n[j](../up.md)\n# Own\n";
        let tree = Tree::of(&[("A.md", page), ("docs/B.md", "## Two words\n[up](../A.md) [self](B.md) [gone](A.md)")]);
        assert_eq!(lines_found(&links(&tree)), [("A.md", 2), ("A.md", 9), ("A.md", 11), ("A.md", 12), ("docs/B.md", 2)]);
    }

    #[test]
    fn links_slugs_number_repeated_headings() {
        assert_eq!(slugs("# A `b`, (c)\n## X\n```\n# no\n```\n### X\n").into_iter().collect::<Vec<_>>(), ["a-b-c", "x", "x-1"]);
    }

    #[test]
    fn citations_catch_a_section_that_is_not_there() {
        let format = ("FORMAT.md", "## 1. One\n### 1.2 Sub\n```\n## 9. Drawn\n```\n");
        let code = "// FORMAT 1.2\n// FORMAT.md section 3\nlet x = \"FORMAT 7\";\n// (`FORMAT` 1, 1.2 and 1.3)\n// FORMAT 1, 512 bytes\n// FORMAT.md as functions\n// FORMAT 9";
        let found = citations(&Tree::of(&[format, ("a.rs", code), ("B.md", "as FORMAT 2 says, FORMAT 1 too")]));
        assert_eq!(lines_found(&found), [("a.rs", 2), ("a.rs", 4), ("a.rs", 7), ("B.md", 1)]);
    }
}
