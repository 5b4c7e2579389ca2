//! The words of SQL, for completion.

/// Keywords and functions that are worth completing, in the order of the alphabet.
pub(super) const KEYWORDS: &[&str] = &[
    "ABS", "ADD", "ALL", "ALTER", "ANALYZE", "AND", "AS", "ASC", "AVG", "BEGIN", "BETWEEN", "BIGINT", "BLOB", "BOOLEAN", "BY", "CASCADE", "CASE", "CAST",
    "CHECK", "COALESCE", "COLUMN", "COMMENT", "COMMIT", "CONFLICT", "CONSTRAINT", "COUNT", "CREATE", "CROSS", "CURRENT_DATE", "CURRENT_TIMESTAMP", "DATE",
    "DECIMAL", "DEFAULT", "DELETE", "DESC", "DISTINCT", "DO", "DOUBLE", "DROP", "ELSE", "END", "EXCEPT", "EXISTS", "EXPLAIN", "FALSE", "FETCH", "FILTER",
    "FIRST", "FOREIGN", "FROM", "FULL", "GREATEST", "GROUP", "GROUP_CONCAT", "HAVING", "IDENTITY", "IF", "IN", "INDEX", "INFORMATION_SCHEMA", "INNER",
    "INSERT", "INTEGER", "INTERSECT", "INTO", "IS", "JOIN", "KEY", "LAST", "LEAST", "LEFT", "LENGTH", "LIKE", "LIMIT", "LOWER", "MAX", "MERGE", "MIN", "NOT",
    "NOTHING", "NULL", "NULLIF", "NULLS", "OFFSET", "ON", "ONLY", "OR", "ORDER", "OUTER", "PRIMARY", "READ", "REFERENCES", "RELEASE", "RENAME", "RESTRICT",
    "RETURNING", "RIGHT", "ROLLBACK", "ROUND", "SAVEPOINT", "SCRIPT", "SELECT", "SEQUENCE", "SET", "SMALLINT", "SUBSTRING", "SUM", "TABLE", "TEXT", "THEN",
    "TIMESTAMP", "TO", "TRIM", "TRUE", "TRUNCATE", "UNION", "UNIQUE", "UPDATE", "UPPER", "USING", "UUID", "VALUES", "VARBINARY", "VARCHAR", "VIEW", "WHEN",
    "WHERE", "WITH",
];

/// Whether a name can stand without quotes.
pub(super) fn is_plain(name: &str) -> bool {
    let begins = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    begins && name.chars().all(|c| c.is_alphanumeric() || c == '_') && !KEYWORDS.iter().any(|word| word.eq_ignore_ascii_case(name))
}
