//! Functions as docs/FUNCTIONS.md lists them.

use crate::Database;
use crate::plan::function::{AGGREGATES, Argument, Gives, SIGNATURES, Signature, UNIT_FUNCTIONS, unit};
use crate::types::DataType;

const TEXT: &str = include_str!("../../../docs/FUNCTIONS.md");

/// The lines below this heading.
fn chapter(heading: &str) -> impl Iterator<Item = &'static str> {
    TEXT.lines().skip_while(move |line| *line != heading).skip(1).take_while(|line| !line.starts_with("## "))
}

/// The rows of the chapter's table, without its head.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let rows = chapter(heading).filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn upper(names: &[&str]) -> String {
    names.join(", ").to_ascii_uppercase()
}

fn takes(signature: &Signature) -> String {
    let word = |argument: &Argument| match argument {
        Argument::Text => "text",
        Argument::TextOrBlob => "text or bytes",
        Argument::Number | Argument::Double => "number",
        Argument::Integer => "whole number",
        Argument::Time => "time",
        Argument::Unit => "unit",
        Argument::Sequence => "sequence",
        Argument::Any | Argument::Alike => "any",
    };
    let mut text = String::new();
    for (at, argument) in signature.arguments.iter().enumerate() {
        let separator = if at > 0 { ", " } else { "" };
        let argument = format!("{separator}{}", word(argument));
        text += &if at < signature.required { argument } else { format!("[{argument}]") };
    }
    text + if signature.repeats { ", .." } else { "" }
}

fn gives(signature: &Signature) -> String {
    match signature.gives {
        Gives::Type(DataType::Blob { .. }) => "VARBINARY".to_owned(),
        Gives::Type(data_type) => data_type.to_string(),
        Gives::As(at) => format!("as the {}", ["first", "second", "third"][at]),
        Gives::Alike => "the type of all".to_owned(),
    }
}

/// The list is the code's: each function with its names, arguments and result, in the same order, and no other.
#[test]
fn documented_functions_are_those_of_the_code() {
    let listed: Vec<String> = table("## Of one row").iter().map(|row| row[..3].join(" | ")).collect();
    let known: Vec<String> =
        SIGNATURES.iter().map(|signature| [upper(signature.names), takes(signature), gives(signature)].join(" | ")).collect();
    assert_eq!(listed, known);
    let listed: Vec<&str> = table("## Of many rows").iter().map(|row| row[0]).collect();
    assert_eq!(listed, AGGREGATES.iter().map(|(names, _)| upper(names)).collect::<Vec<_>>());
    let written = table("## Written as functions");
    let of_units: Vec<&str> = UNIT_FUNCTIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(written.last().map(|row| row[0].to_owned()), Some(upper(&of_units)));
    let units = chapter("## Units of time").find(|line| line.starts_with("YEAR, ")).expect("the list of units");
    let unknown: Vec<&str> = units.split(", ").filter(|name| unit(name).is_none()).collect();
    assert_eq!(unknown, Vec::<&str>::new());
}

/// Each example gives what stands beside it; a function has one, unless its value is another each time or a sequence's.
#[test]
fn documented_examples_are_true() {
    let database = Database::in_memory().unwrap();
    let connection = database.connect();
    let (mut wrong, mut without) = (Vec::new(), Vec::new());
    for row in [table("## Of one row"), table("## Written as functions")].concat() {
        let parts: Vec<&str> = row[3].split('`').collect();
        let [_, example, _, expected, _] = parts[..] else {
            without.push(row[0].split(',').next().unwrap_or_default());
            continue;
        };
        let shown = |row: crate::Row<'_>| -> crate::Result<String> { Ok(row.value(0)?.to_string()) };
        let found = connection.query_row(&format!("SELECT {example}"), (), shown);
        if found.as_deref().ok() != Some(expected) {
            wrong.push(format!("{example}: {found:?}, not {expected}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(without, ["CURRENT_TIMESTAMP", "CURRENT_DATE", "RANDOM_UUID", "IDENTITY", "NEXTVAL", "CURRVAL"]);
}
