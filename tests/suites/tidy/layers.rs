//! Imports between the rooms of the engine, and between those of the SQL layer, go down only; and of the latter one alone names the engine.
//!
//! Every path that starts at the crate's root, by `crate::` or by climbing with `super::`, in a `use` or in the middle of code,
//! names a room; [`ROOMS`] says who may name whom. What the root re-exports counts as the room that it comes from. Tests inside
//! the engine obey too.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Word, lines, words};
use crate::tree::{Finding, Tree};

/// The law: each room, from the bottom, and what it may import besides itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    // Bugs on purpose, in a build that tries the tests; nothing in every other.
    ("planted", &[]),
    ("sync", &[]),
    ("codec", &["error"]),
    // What a disk is asked for, an extent, is a word of the format.
    ("disk", &["error", "planted", "sync", "format"]),
    ("format", &["error", "planted", "codec"]),
    ("page", &["error", "planted", "codec", "format"]),
    // A directory lends pages.
    ("log", &["error", "planted", "sync", "codec", "disk", "format", "page"]),
    ("tree", &["error", "format", "page"]),
    ("version", &["error", "planted", "sync", "format", "page"]),
    ("store", &["error", "planted", "sync", "codec", "disk", "format", "page", "log", "tree", "version"]),
    ("blob", &["error", "planted", "sync", "codec", "disk", "format", "page", "log", "tree", "version", "store"]),
    ("inspect", &["error", "planted", "sync", "codec", "disk", "format", "page", "log", "tree", "version", "store"]),
    (
        "api",
        &["error", "planted", "sync", "codec", "disk", "format", "page", "log", "tree", "version", "store", "blob", "inspect"],
    ),
    // Tests under a model checker: they look at everything.
    ("models", &["error", "planted", "sync", "disk", "format", "page", "log", "version", "store", "api"]),
];

/// The same for the SQL layer.
const SQL_ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("types", &["error"]),
    ("encode", &["error", "types"]),
    ("table", &["error", "types", "encode"]),
    ("parse", &["error", "types"]),
    ("plan", &["error", "types", "encode", "table", "parse"]),
    ("optimize", &["error", "types", "encode", "table", "parse", "plan"]),
    ("execute", &["error", "types", "encode", "table", "parse", "plan", "optimize"]),
    ("session", &["error", "types", "encode", "table", "parse", "plan", "optimize", "execute"]),
];

/// The rooms of the SQL layer that name the engine: rows stand in it, and its errors are told on.
const OF_THE_ENGINE: &[&str] = &["error", "table"];

const SQL_SRC: &str = "sql-lite-layer/src/";

const SRC: &str = "engine/src/";

/// Every import that the tables do not allow.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut out = check_crate(tree, SRC, ROOMS);
    out.extend(check_crate(tree, SQL_SRC, SQL_ROOMS));
    for (file, text) in tree.with_ext("rs") {
        let Some(inside) = file.strip_prefix(SQL_SRC) else { continue };
        if inside == "lib.rs" || OF_THE_ENGINE.contains(&modules(inside)[0]) {
            continue;
        }
        let words = words(&lines(text));
        let named = words.windows(2).find(|pair| pair[0].text == "treering" && pair[1].text == "::");
        out.extend(named.map(|pair| {
            let what = "only the rooms `table` and `error` name the engine".to_owned();
            Finding { file: file.into(), line: pair[0].line, what }
        }));
    }
    out
}

fn check_crate(tree: &Tree, src: &str, rooms: &[(&str, &[&str])]) -> Vec<Finding> {
    let mut out = Vec::new();
    let lib = format!("{src}lib.rs");
    let exports = tree.texts.get(&lib).map(|text| exports(&words(&lines(text)))).unwrap_or_default();
    for (file, text) in tree.with_ext("rs") {
        let Some(inside) = file.strip_prefix(src) else { continue };
        if inside == "lib.rs" {
            continue;
        }
        let modules = modules(inside);
        let room = modules[0];
        let Some((_, allowed)) = rooms.iter().find(|(name, _)| *name == room) else {
            out.push(Finding { file: file.into(), line: 0, what: format!("room `{room}` is not in the table of layers") });
            continue;
        };
        let mut seen = BTreeSet::new();
        for (line, name) in imports(&words(&lines(text)), modules.len()) {
            let target = exports.get(&name).unwrap_or(&name);
            let known = rooms.iter().any(|(room, _)| room == target);
            let what = if !known {
                format!("`crate::{name}` is neither a room nor re-exported from one: name the room that it stands in")
            } else if src == SQL_SRC && target == "session" && modules.contains(&"tests") {
                // Tests of the SQL layer's rooms may speak SQL.
                continue;
            } else if target != room && !allowed.contains(&target.as_str()) {
                format!("room `{room}` may not import `{target}`")
            } else {
                continue;
            };
            if seen.insert((line, what.clone())) {
                out.push(Finding { file: file.into(), line, what });
            }
        }
    }
    out
}

/// Module path of a file below `src/`: `page/leaf.rs` is `[page, leaf]`, `page/mod.rs` is `[page]`.
fn modules(inside: &str) -> Vec<&str> {
    let mut path: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
    if path.len() > 1 && path.last() == Some(&"mod") {
        path.pop();
    }
    path
}

/// What the root re-exports: name -> room.
fn exports(words: &[Word]) -> BTreeMap<String, String> {
    let text = |i: usize| words.get(i).map_or("", |w| w.text.as_str());
    let mut out = BTreeMap::new();
    for start in (0..words.len()).filter(|&i| text(i) == "pub" && text(i + 1) == "use") {
        let mut i = start + 2;
        if matches!(text(i), "crate" | "self") {
            i += 2;
        }
        let room = text(i).to_owned();
        while i < words.len() && text(i) != ";" {
            if matches!(text(i + 1), "," | "}" | ";") && text(i) != "}" {
                out.insert(text(i).to_owned(), room.clone());
            }
            i += 1;
        }
    }
    out
}

/// Line and first name of every path that starts at the root, in a file whose module stands `depth` below it.
fn imports(words: &[Word], depth: usize) -> Vec<(usize, String)> {
    let text = |i: usize| words.get(i).map_or("", |w| w.text.as_str());
    let mut out = Vec::new();
    let mut walked = BTreeSet::new();
    // Braces open at the moment; true for the one of an inline module.
    let mut braces: Vec<bool> = Vec::new();
    for i in 0..words.len() {
        match text(i) {
            "{" => braces.push(i >= 2 && text(i - 2) == "mod"),
            "}" => {
                braces.pop();
            }
            "crate" if text(i + 1) == "::" => descend(words, i + 2, 0, &mut walked, &mut out),
            "super" if text(i + 1) == "::" && !walked.contains(&i) => {
                let here = depth + braces.iter().filter(|inline| **inline).count();
                climb(words, i, here, &mut walked, &mut out);
            }
            _ => {}
        }
    }
    out
}

/// At a `super` in a module that stands `level` below the root.
fn climb(words: &[Word], i: usize, level: usize, walked: &mut BTreeSet<usize>, out: &mut Vec<(usize, String)>) {
    walked.insert(i);
    if words.get(i + 1).is_some_and(|w| w.text == "::") {
        descend(words, i + 2, level.saturating_sub(1), walked, out);
    }
}

/// Behind a `::` whose left side is a module that stands `level` below the root.
fn descend(words: &[Word], i: usize, level: usize, walked: &mut BTreeSet<usize>, out: &mut Vec<(usize, String)>) {
    let Some(word) = words.get(i) else { return };
    match word.text.as_str() {
        "super" => climb(words, i, level, walked, out),
        "self" if words.get(i + 1).is_some_and(|w| w.text == "::") => descend(words, i + 2, level, walked, out),
        "self" => {}
        "{" => {
            let mut open = 0;
            for n in i..words.len() {
                match words[n].text.as_str() {
                    "{" => open += 1,
                    "}" => open -= 1,
                    _ => {}
                }
                if open == 0 {
                    break;
                }
                let starts = open == 1 && matches!(words[n].text.as_str(), "{" | ",");
                if starts && words.get(n + 1).is_some_and(|w| w.text != "}") {
                    descend(words, n + 1, level, walked, out);
                }
            }
        }
        name if level == 0 => out.push((word.line, name.to_owned())),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected`: line and target of each forbidden import.
    fn check_file(file: &str, text: &str, expected: &[(usize, &str)]) {
        let lib = ("engine/src/lib.rs", "pub mod api; pub use api::{Store, Options as Choice}; pub use error::Error;");
        let found = check(&Tree::of(&[lib, (file, text)]));
        let got: Vec<(usize, &str)> = found.iter().map(|f| (f.line, f.what.rsplit('`').nth(1).unwrap_or(""))).collect();
        assert_eq!(got, expected, "{file}: {text}\n{found:?}");
    }

    #[test]
    fn layers_catch_an_import_upward() {
        check_file("engine/src/tree/mod.rs", "use crate::page::Page;\nuse crate::log::Log;", &[(2, "log")]);
        check_file("engine/src/tree/get.rs", "fn f() {\n crate::store::x() }", &[(2, "store")]);
        check_file("engine/src/page/leaf.rs", "use crate::{\n error::Error,\n version::{Roots, log},\n};", &[(3, "version")]);
        check_file("engine/src/codec.rs", "pub(crate) use crate::disk;", &[(1, "disk")]);
        check_file("engine/src/blob/mod.rs", "use crate::inspect::x;", &[(1, "inspect")]);
    }

    #[test]
    fn layers_catch_a_climb_through_the_root() {
        check_file("engine/src/page/leaf.rs", "use super::super::log::Log;", &[(1, "log")]);
        check_file(
            "engine/src/page/mod.rs",
            "use super::tree;\nmod tests {\n use super::super::store; use super::log; }",
            &[(1, "tree"), (3, "store")],
        );
        check_file("engine/src/page/leaf.rs", "use super::{head, super::{api, error}};", &[(1, "api")]);
        check_file("engine/src/page/leaf.rs", "use super::head::log;\nuse self::log;", &[]);
    }

    #[test]
    fn layers_see_through_what_the_root_exports() {
        check_file(
            "engine/src/tree/mod.rs",
            "use crate::Error;\nuse crate::Store;\nuse crate::Choice;",
            &[(2, "api"), (3, "api")],
        );
        check_file("engine/src/tree/mod.rs", "use crate::Nothing;", &[(1, "crate::Nothing")]);
        check_file("engine/src/glue/mod.rs", "", &[(0, "glue")]);
        check_file("sql-lite-layer/src/plan/mod.rs", "use crate::execute::Cursor;", &[(1, "execute")]);
        check_file("sql-lite-layer/src/plan/mod.rs", "use crate::types::Value;\nuse treering::Store;", &[(2, "error")]);
        check_file("sql-lite-layer/src/table/mod.rs", "use treering::Store;", &[]);
    }

    #[test]
    fn layers_ignore_comments_and_strings() {
        check_file("engine/src/page/mod.rs", "//! See [`crate::store`].\nconst A: &str = \"crate::log::x\";", &[]);
    }

    #[test]
    fn layers_table_has_no_circle() {
        // Who may be imported is always further from the top: repeatedly taking away rooms that import nothing left empties the table.
        for rooms in [ROOMS, SQL_ROOMS] {
            has_no_circle(rooms);
        }
    }

    fn has_no_circle(rooms: &[(&'static str, &'static [&'static str])]) {
        let mut left: BTreeMap<&str, &[&str]> = rooms.iter().copied().collect();
        while !left.is_empty() {
            let free: Vec<&str> =
                left.iter().filter(|(_, below)| below.iter().all(|b| !left.contains_key(b))).map(|(r, _)| *r).collect();
            assert!(!free.is_empty(), "a circle among {:?}", left.keys());
            left.retain(|room, _| !free.contains(room));
        }
    }
}
