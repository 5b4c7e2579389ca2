//! What is read, what is refused, and where.

use super::*;

fn accepted(text: &str) -> Vec<Parsed> {
    parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
}

/// The statements that every application begins with are read.
#[test]
fn first_statements() {
    for text in [
        "SELECT a, b FROM t WHERE id = ?",
        "SELECT 1;",
        "INSERT INTO t (a, b,) VALUES (1, 'x',), (?, DEFAULT)",
        "UPDATE t SET a = a + 1 WHERE b IN (?, ?, ?) RETURNING *",
        "DELETE FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = t.id)",
        "CREATE TABLE t (id IDENTITY, name VARCHAR(20) NOT NULL, n INT DEFAULT 0 NOT NULL, UNIQUE(name, n),)",
        "MERGE INTO t KEY(id) VALUES (?, ?)",
        "SELECT key, value FROM t LIMIT NULL OFFSET ?",
    ] {
        assert_eq!(accepted(text).len(), 1, "{text}");
    }
}
