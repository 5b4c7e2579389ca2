//! Dependencies: each has a line of defence where its version stands, the lock file knows one registry, and only tests, fuzz
//! targets and benchmarks look behind the engine's public names.

use crate::tree::{Finding, Tree};

/// How Cargo.lock names the ordinary registry.
const REGISTRY: &str = "\"registry+https://github.com/rust-lang/crates.io-index\"";

/// Who may ask for the engine's feature `internals`, besides the engine, which defines it.
const INSIDERS: &[&str] = &["engine/", "tests/", "fuzz/", "benches/"];

/// Dependencies without a reason, packages from elsewhere, and looks behind the public names.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut out = Vec::new();
    for (file, text) in tree.with_ext("toml").filter(|(file, _)| *file == "Cargo.toml" || file.ends_with("/Cargo.toml")) {
        let undefended = undefended(text);
        out.extend(undefended.into_iter().map(|(line, name)| Finding {
            file: file.into(),
            line,
            what: format!("dependency `{name}` has no comment that says why we do not write it ourselves"),
        }));
    }
    for (file, text) in tree.with_ext("toml").filter(|(file, _)| !INSIDERS.iter().any(|insider| file.starts_with(insider))) {
        let asking = text.lines().enumerate().filter(|(_, line)| split_comment(line).0.contains("\"internals\""));
        out.extend(asking.map(|(n, _)| Finding {
            file: file.into(),
            line: n + 1,
            what: "asks for the engine's internals".into(),
        }));
    }
    for (file, text) in tree.with_ext("lock") {
        let foreign =
            text.lines().enumerate().filter(|(_, line)| line.strip_prefix("source = ").is_some_and(|source| source != REGISTRY));
        out.extend(foreign.map(|(n, line)| Finding {
            file: file.into(),
            line: n + 1,
            what: format!("a package from elsewhere: {line}"),
        }));
    }
    out
}

/// Line and name of each dependency that neither inherits its reason (`workspace = true`), nor is ours (`path`), nor carries a
/// comment on its line or right above.
fn undefended(manifest: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    let mut section = String::new();
    let mut open = 0;
    let mut commented = false;
    // A `[dependencies.name]` section whose header was not defended: its line, until its keys defend it.
    let mut pending: Option<(usize, String)> = None;
    for (n, line) in manifest.lines().enumerate() {
        let line = line.trim();
        let (value, comment) = split_comment(line);
        let above = std::mem::replace(&mut commented, line.starts_with('#'));
        if open == 0 && line.starts_with('[') {
            out.extend(pending.take());
            section = value.trim_matches(['[', ']', ' ']).to_owned();
            if let Some((kind, name)) = section.rsplit_once('.')
                && kind.ends_with("dependencies")
                && !above
                && comment.is_empty()
            {
                pending = Some((n + 1, name.to_owned()));
            }
            continue;
        }
        let ours =
            |value: &str| ["workspace = true", "workspace=true", "path = ", "path="].iter().any(|mark| value.contains(mark));
        if section.ends_with("dependencies") {
            let name = value.split(['=', '.']).next().unwrap_or("").trim();
            if open == 0 && value.contains('=') && !above && comment.is_empty() && !ours(value) {
                out.push((n + 1, name.to_owned()));
            }
            open += value.matches(['[', '{']).count();
            open -= value.matches([']', '}']).count().min(open);
        } else if ours(value) {
            pending = None;
        }
    }
    out.extend(pending);
    out
}

/// A line of TOML and its comment; a `#` inside quotes is none.
fn split_comment(line: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => return (&line[..at], line[at + 1..].trim()),
            _ => {}
        }
    }
    (line, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_manifest(text: &str, expected: &[&str]) {
        let found = undefended(text);
        assert_eq!(found.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn dependencies_catch_one_without_defence() {
        check_manifest("[dependencies]\na = \"1\" # why\nb = \"2\"\nc.workspace = true\nd = { path = \"../d\" }", &["b"]);
        check_manifest("[workspace.dependencies]\n# why\na = \"1\"\nb = { version = \"1#\" }", &["b"]);
        check_manifest("[target.'cfg(unix)'.dev-dependencies]\na = \"1\"\n[features]\nx = []", &["a"]);
        check_manifest("[dependencies]\na = { version = \"1\", features = [ # why\n  \"x=1\",\n] }\nb = \"1\"", &["b"]);
        check_manifest(
            "[dependencies.a]\nversion = \"1\"\n[dependencies.b]\npath = \"../b\"\n# why\n[dependencies.c]\nversion = \"1\"",
            &["a"],
        );
        check_manifest("[package]\nname = \"x\"\n[[bench]]\nname = \"y\"", &[]);
    }

    #[test]
    fn dependencies_catch_a_foreign_source() {
        let good = format!("source = {REGISTRY}\n");
        assert_eq!(check(&Tree::of(&[("Cargo.lock", &good)])), []);
        assert_eq!(check(&Tree::of(&[("Cargo.lock", "x\nsource = \"git+https://example.org/x\"\n")])).len(), 1);
        assert_eq!(check(&Tree::of(&[("cli/Cargo.toml", "[dependencies]\na = \"1\"\n")])).len(), 1);
    }

    #[test]
    fn dependencies_catch_a_look_behind_the_public_names() {
        let manifest = "[dependencies]\ntreering = { path = \"../engine\", features = [\"internals\"] }\n";
        assert_eq!(check(&Tree::of(&[("cli/Cargo.toml", manifest)])).len(), 1);
        assert_eq!(check(&Tree::of(&[("tests/Cargo.toml", manifest)])), []);
    }
}
