//! Words that do not belong: names that say nothing, marks of unfinished work, traces of one developer's machine.
//!
//! The patterns are put together with `concat!`, so that this file does not find itself.

use crate::source::{lines, words};
use crate::tree::{Finding, Tree};

/// Parts of a file's, folder's or module's name that stand for no single job.
const EMPTY_NAMES: &[&str] =
    &["base", "util", "utils", "utility", "utilities", "helper", "helpers", "manager", "managers", "common", "misc", "stuff"];

/// Macros of unfinished or debugging code.
const UNFINISHED: &[&str] = &["dbg", "todo", "unimplemented"];

/// Marks in comments.
const MARKS: &[&str] = &[concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];

/// Folders of one machine; they count where a path begins.
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// Hosts of package registries and mirrors: where a package comes from is each machine's own setting.
const REGISTRIES: &[&str] = &[
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("py", "pi.org"),
    concat!("python", "hosted.org"),
    concat!("registry.", "npmjs.org"),
    concat!("proxy.", "golang.org"),
    concat!("deb.", "debian.org"),
];

/// Every such word.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut out = Vec::new();
    for name in &tree.names {
        let last = name.rsplit('/').next().unwrap_or(name);
        if let Some(word) = empty_name(last.split('.').next().unwrap_or(last)) {
            out.push(Finding { file: name.clone(), line: 0, what: format!("named `{word}`: name its job") });
        }
    }
    for (file, text) in tree.with_ext("rs") {
        code(file, text, &mut out);
    }
    for (file, text) in tree.texts.iter().filter(|(file, _)| !file.ends_with(".lock")) {
        for (n, line) in text.lines().enumerate() {
            let mut find = |what: String| out.push(Finding { file: file.clone(), line: n + 1, what });
            MACHINE_PATHS
                .iter()
                .filter(|path| begins_in(line, path))
                .for_each(|path| find(format!("names `{path}`, a folder of one machine")));
            REGISTRIES.iter().filter(|host| line.contains(**host)).for_each(|host| find(format!("names the registry `{host}`")));
        }
    }
    out
}

fn empty_name(name: &str) -> Option<&str> {
    name.split(['_', '-']).find(|part| EMPTY_NAMES.contains(part))
}

/// Whether an absolute path starts with `path` somewhere in the line; `docs/wor..` and `https://host/wor..` do not count.
fn begins_in(line: &str, path: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}');
    line.match_indices(path).any(|(at, _)| !line[..at].chars().next_back().is_some_and(inside))
}

fn code(file: &str, text: &str, out: &mut Vec<Finding>) {
    let lines = lines(text);
    let words = words(&lines);
    for trio in words.windows(3) {
        let [first, second, third] = trio else { continue };
        if first.text == "mod"
            && matches!(third.text.as_str(), ";" | "{")
            && let Some(word) = empty_name(&second.text)
        {
            out.push(Finding { file: file.into(), line: second.line, what: format!("module named `{word}`: name its job") });
        }
        if UNFINISHED.contains(&first.text.as_str()) && second.text == "!" && third.text != "=" {
            out.push(Finding { file: file.into(), line: first.line, what: format!("`{}!` is left", first.text) });
        }
    }
    for (n, line) in lines.iter().enumerate() {
        let marked = MARKS.iter().filter(|mark| line.comment.split(|c: char| !c.is_alphanumeric()).any(|word| word == **mark));
        out.extend(marked.map(|mark| Finding { file: file.into(), line: n + 1, what: format!("`{mark}` is left") }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_sample(file: &str, text: &str, expected: &[usize]) {
        let found = check(&Tree::of(&[(file, text)]));
        assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), expected, "{file}: {text}\n{found:?}");
    }

    #[test]
    fn naming_catches_names_without_a_job() {
        check_sample("engine/src/util.rs", "", &[0]);
        check_sample("engine/src/page_utils/mod.rs", "", &[0]);
        check_sample("docs/misc.md", "", &[0]);
        check_sample("engine/src/lib.rs", "mod page;\npub mod common;\nmod tree_helper {}", &[2, 3]);
        check_sample("engine/src/database.rs", "mod rebase; let common = 1;", &[]);
    }

    #[test]
    fn naming_catches_unfinished_code() {
        check_sample("a.rs", concat!("fn f() {\n to", "do!() }\nd", "bg!(x);\nuni", "mplemented!();"), &[2, 3, 4]);
        check_sample("a.rs", concat!("x; // FIX", "ME later\n/* TO", "DO */\n//! XX", "X"), &[1, 2, 3]);
        check_sample("a.rs", "let todo = 1; if todo != 2 {} // a method, fixme not", &[]);
    }

    #[test]
    fn naming_catches_one_machine() {
        let (work, root) = (MACHINE_PATHS[0], MACHINE_PATHS[1]);
        check_sample("a.rs", &format!("x\nconst A: &str = \"{work}x\";"), &[2]);
        check_sample("README.md", &format!("see `{root}x`"), &[1]);
        check_sample(".ci/run", &format!("cd {work}"), &[1]);
        check_sample("README.md", &format!("see docs{work}x and https://example.org{root}x"), &[]);
    }

    #[test]
    fn naming_catches_registries() {
        check_sample("a.toml", &format!("x = \"https://{}/\"", REGISTRIES[0]), &[1]);
        check_sample("README.md", "as on crates.io", &[]);
    }
}
