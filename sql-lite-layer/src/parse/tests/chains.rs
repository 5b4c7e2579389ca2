//! Nothing that a text can say overflows the stack.

use super::*;

/// A thread's ordinary stack.
const STACK_BYTES: usize = 2 << 20;

/// What became of it on a thread with this stack: the trees are dropped there too.
fn on_thread(text: String, stack_bytes: usize, limits: Limits) -> std::result::Result<usize, ErrorKind> {
    let parse = move || parse(&text, &limits).map(|parsed| parsed.len()).map_err(|error| error.kind());
    std::thread::Builder::new().stack_size(stack_bytes).spawn(parse).unwrap().join().unwrap()
}

/// Texts that chain or nest something `count` times.
fn towers(count: usize) -> Vec<(&'static str, String)> {
    let chain = |first: &str, link: &str| format!("SELECT {first}{} FROM t", link.repeat(count));
    let nest =
        |open: &str, inner: &str, close: &str| format!("SELECT {}{inner}{} FROM t", open.repeat(count), close.repeat(count));
    vec![
        ("or", chain("a", " OR a")),
        ("and", chain("a", " AND a")),
        ("or of and", chain("a", " OR a AND b")),
        ("plus", chain("1", " + 1")),
        ("times", chain("1", "*1")),
        ("concat", chain("a", " || a")),
        ("equal", chain("a", " = a")),
        ("is null", chain("a", " IS NULL")),
        ("not like", chain("a", " NOT LIKE 'x'")),
        ("in", chain("a", " IN (1)")),
        ("between", chain("a", " BETWEEN 1 AND 2")),
        ("cast", chain("a", "::int")),
        ("array type", format!("SELECT a::int{}", "[]".repeat(count))),
        ("subscript", chain("a", "[1]")),
        ("path", chain("a", ".b")),
        ("collate", chain("a", " COLLATE x")),
        ("zone", chain("a", " AT TIME ZONE 'x'")),
        ("union", format!("SELECT 1{}", " UNION SELECT 1".repeat(count))),
        ("union all", format!("SELECT 1, 2{}", " UNION ALL SELECT 1, 2".repeat(count))),
        ("intersect", format!("SELECT 1{}", " INTERSECT SELECT 1".repeat(count))),
        ("mixed set", format!("SELECT 1{}", " UNION SELECT 1 INTERSECT SELECT 2".repeat(count))),
        ("joins", format!("SELECT * FROM t{}", " JOIN t USING (a)".repeat(count))),
        ("comma joins", format!("SELECT * FROM t{}", ", t".repeat(count))),
        ("not", chain("", "NOT ").replace(" FROM", "a FROM")),
        ("minus", chain("", "- ").replace(" FROM", "a FROM")),
        ("tilde", chain("", "~").replace(" FROM", "a FROM")),
        ("parentheses", nest("(", "a", ")")),
        ("open parentheses", nest("(", "a", "")),
        ("close parentheses", nest("", "a", ")")),
        ("rows", nest("(1, ", "a", ")")),
        ("functions", nest("abs(", "a", ")")),
        ("casts", nest("CAST(", "a", " AS INT)")),
        ("case", nest("CASE WHEN ", "a", " THEN 1 END")),
        ("case else", nest("CASE WHEN a THEN 1 ELSE ", "a", " END")),
        ("case operand", nest("CASE ", "a", " WHEN 1 THEN 1 END")),
        ("subqueries", nest("(SELECT ", "a", ")")),
        ("exists", nest("EXISTS (SELECT * FROM t WHERE ", "a", ")")),
        ("in queries", nest("a IN (SELECT a FROM t WHERE ", "a", ")")),
        ("in rows", nest("a IN ((SELECT ", "1", "), 2)")),
        ("derived", format!("SELECT * FROM {}t{}", "(SELECT * FROM ".repeat(count), ") x".repeat(count))),
        ("derived open", format!("SELECT * FROM {}t", "(SELECT * FROM ".repeat(count))),
        ("table parentheses", format!("SELECT * FROM {}t{}", "(".repeat(count), ")".repeat(count))),
        ("join parentheses", format!("SELECT * FROM {}t{}", "(".repeat(count), " JOIN t ON a = b)".repeat(count))),
        ("query parentheses", format!("{}SELECT 1{}", "(".repeat(count), ")".repeat(count))),
        ("set parentheses", format!("{}SELECT 1{}", "(".repeat(count), " UNION SELECT 2)".repeat(count))),
        ("with", format!("{}SELECT 1{}", "WITH x AS (".repeat(count), ") SELECT 1".repeat(count))),
        ("values", nest("(VALUES (", "1", "))")),
        ("chains in chains", nest("(a OR a OR a OR a OR ", "a", " OR a OR a)")),
        ("explain", "EXPLAIN ".repeat(count) + "SELECT 1"),
        ("check", format!("CREATE TABLE t (a INT CHECK (a{}))", " + 1".repeat(count))),
        ("insert sum", format!("INSERT INTO t VALUES (1{})", " + 1".repeat(count))),
        ("in list", format!("SELECT a IN (1{})", ", 1".repeat(count))),
        ("insert rows", format!("INSERT INTO t VALUES (1, 'x'){}", ", (1, 'x')".repeat(count))),
        ("statements", "SELECT 1;".repeat(count)),
        ("broken or", chain("a", " OR a") + " WHERE )"),
        ("broken union", format!("SELECT 1{} UNION", " UNION SELECT 1".repeat(count))),
    ]
}

/// However long or deep a text is, it is read or refused with a clean error, on an ordinary stack.
#[test]
fn long_and_deep_texts_never_overflow() {
    for count in [1, 7, 9, 23, 60, 240, 250, 251, 900, 1_100, 9_000, 100_000] {
        for (name, text) in towers(count) {
            let outcome = on_thread(text, STACK_BYTES, Limits::default());
            assert!(
                matches!(outcome, Ok(_) | Err(ErrorKind::Limit | ErrorKind::Syntax | ErrorKind::Unsupported)),
                "{name} {count}: {outcome:?}"
            );
            let flat = ["comma joins", "in list", "insert rows", "statements"].contains(&name);
            let chained = ["or", "and", "or of and", "concat", "union", "union all"].contains(&name);
            if flat || chained && count <= 900 {
                assert!(outcome.is_ok(), "{name} {count}: {outcome:?}");
            }
        }
    }
}
