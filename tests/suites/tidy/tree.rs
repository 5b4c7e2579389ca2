//! The repository as the rules see it: the text of each source and page, and the names of everything that stands in it.
//!
//! Read from the folder and not from git, so that the suite runs in an unpacked archive too. A rule's own test builds a tree of two
//! or three short files instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// From the repository's root, with `/`.
    pub(crate) file: String,
    /// From 1; 0 for the file as a whole.
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Texts and names of a repository.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Path -> contents, for what people write by hand.
    pub(crate) texts: BTreeMap<String, String>,
    /// Every file and folder.
    pub(crate) names: BTreeSet<String>,
}

impl Tree {
    /// Everything under `root` but build output and hidden folders.
    pub(crate) fn load(root: &Path) -> Tree {
        let mut tree = Tree::default();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(root.join(&folder)).expect("a folder of the repository can be listed");
            for entry in entries {
                let entry = entry.expect("an entry of the repository can be read");
                let name = entry.file_name().into_string().expect("names in the repository are UTF-8");
                if name == "target" || (name.starts_with('.') && name != ".ci") {
                    continue;
                }
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                let kind = entry.file_type().expect("an entry of the repository has a type");
                if kind.is_dir() {
                    folders.push(path.clone());
                } else if is_text(&path) {
                    let bytes = fs::read(entry.path()).expect("a file of the repository can be read");
                    tree.texts.insert(path.clone(), String::from_utf8(bytes).expect("sources and pages are UTF-8"));
                }
                tree.names.insert(path);
            }
        }
        tree
    }

    /// A tree for a rule's own test.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            tree.texts.insert((*path).to_owned(), (*text).to_owned());
            tree.names.insert((*path).to_owned());
            tree.names.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
        }
        tree
    }

    /// The texts whose name ends in `.ext`.
    pub(crate) fn with_ext<'a>(&'a self, ext: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let ends = move |path: &str| path.rsplit_once('.').is_some_and(|(_, found)| found == ext);
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).filter(move |(path, _)| ends(path))
    }
}

fn is_text(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ext = name.rsplit_once('.').map_or("", |(_, ext)| ext);
    matches!(ext, "rs" | "md" | "toml" | "lock" | "sh" | "py" | "yml" | "yaml") || path.starts_with(".ci/")
}
