//! A whole schema and the statements over it, as a scheduler has them.

use super::super::ast::{InsertSource, Statement};
use super::*;

const SCHEDULER: &str = include_str!("../../../../tests/sql/scheduler.sql");

/// Every definition and every statement of a scheduler is read, in its own dialect and as it stands.
#[test]
fn scheduler_is_read_whole() {
    let parsed = accepted(SCHEDULER);
    let tables = parsed.iter().filter(|parsed| matches!(parsed.statement, Statement::CreateTable(_))).count();
    assert!(tables >= 40, "{tables} tables");
    assert!(parsed.len() - tables >= 90, "{} other statements", parsed.len() - tables);
    for parsed in &parsed {
        let (from, to) = parsed.span;
        let alone = accepted(&SCHEDULER[from..to]);
        assert_eq!((alone.len(), show::statement(&alone[0].statement)), (1, show::statement(&parsed.statement)));
        assert_eq!(alone[0].parameters, parsed.parameters);
    }
}

/// A list of thousands of parameters, and an insert of thousands of rows with a query in each, are statements like others.
#[test]
fn long_lists_are_read() {
    let list = format!("SELECT a FROM t WHERE a IN (?{})", ", ?".repeat(9_999));
    assert_eq!(accepted(&list)[0].parameters.len(), 10_000);
    let rows = format!("INSERT INTO t VALUES {}(1)", "(?, (SELECT max(a) FROM t WHERE b = 'x')), ".repeat(5_000));
    let Statement::Insert(insert) = &accepted(&rows)[0].statement else { panic!("no insert") };
    assert!(matches!(&insert.source, InsertSource::Values(rows) if rows.len() == 5_001));
}
