//! Style as a test: what the repository promises about its own text.
//!
//! Each rule stands in a module of its own with tests on small bad samples, so that a rule that could never fail would be seen.
//! The rules read words, not syntax trees: each catches accidents, none withstands malice.

mod dependencies;
mod layers;
mod links;
mod naming;
mod promises;
mod shape;
mod source;
mod tree;
mod unsafety;

use std::path::Path;

use tree::{Finding, Tree};

/// Runs one rule over the repository and fails with one finding a line.
#[track_caller]
fn hold(rule: fn(&Tree) -> Vec<Finding>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in a folder of the repository");
    let tree = Tree::load(root);
    assert!(tree.texts.len() > 10, "hardly any file was found below {}", root.display());
    let found: Vec<String> = rule(&tree).iter().map(Finding::to_string).collect();
    assert!(found.is_empty(), "{} finding(s):\n{}\n", found.len(), found.join("\n"));
}

/// Imports between the engine's rooms go down only.
#[test]
fn tidy_layers() {
    hold(layers::check);
}

/// No source file is so long that a noun or a verb must be missing.
#[test]
fn tidy_sizes() {
    hold(shape::sizes);
}

/// Every source file opens with what it is for.
#[test]
fn tidy_module_docs() {
    hold(shape::module_docs);
}

/// Nothing is named after having no job; nothing unfinished is left; no text names the machine it was written on.
#[test]
fn tidy_banned_words() {
    hold(naming::check);
}

/// Every link between pages leads somewhere.
#[test]
fn tidy_links() {
    hold(links::links);
}

/// Every section of FORMAT.md that the code cites exists.
#[test]
fn tidy_format_citations() {
    hold(links::citations);
}

/// Every test, benchmark row and file that TESTING.md names as evidence exists.
#[test]
fn tidy_promises() {
    hold(promises::check);
}

/// `unsafe` stands in the rooms that need it, each time with its argument, and in the engine in files that ARCHITECTURE.md reviews.
#[test]
fn tidy_unsafe() {
    hold(unsafety::check);
    hold(unsafety::check_review);
}

/// Each dependency says why we do not write it ourselves, and comes from the ordinary registry.
#[test]
fn tidy_dependencies() {
    hold(dependencies::check);
}
