//! Expressions: what binds to what, and what each form becomes.

use super::*;

/// Operators bind as H2 and PostgreSQL have it.
#[test]
fn operators_bind_in_order() {
    check_exprs(&[
        ("a + b * c - d", "((a Add (b Multiply c)) Subtract d)"),
        ("(a + b) * c % 2 / 3", "((((a Add b) Multiply c) Modulo 2) Divide 3)"),
        ("a OR b AND NOT c = d", "(or a, (and b, (not (c Eq d))))"),
        ("a AND b AND (c AND d) AND e", "(and a, b, (and c, d), e)"),
        ("a OR b OR c AND d OR e", "(or a, b, (and c, d), e)"),
        ("NOT a IS NULL", "(not (a null))"),
        ("- a * b", "((- a) Multiply b)"),
        ("-5 + - 5 - -a", "((-5 Add -5) Subtract (- a))"),
        ("+a", "a"),
        ("a || b || c", "(concat a, b, c)"),
        ("1 + 2 || 'x' = y", "((concat (1 Add 2), 'x') Eq y)"),
        ("a = b", "(a Eq b)"),
        ("a == b", "(a Eq b)"),
        ("a <> b", "(a Ne b)"),
        ("a != b", "(a Ne b)"),
        ("a <= 1 AND a >= 0 AND a < 2 AND a > -1", "(and (a Le 1), (a Ge 0), (a Lt 2), (a Gt -1))"),
        ("a | b & c", "((a BitOr b) BitAnd c)"),
        ("a & 4 = 4", "((a BitAnd 4) Eq 4)"),
        ("~a", "(a BitXor -1)"),
        (
            "a BETWEEN 1 AND 2 AND b NOT BETWEEN x - 1 AND x + 1",
            "(and (a between 1 2), (b not-between (x Subtract 1) (x Add 1)))",
        ),
        ("a = 1 IS TRUE", "((a Eq 1) is true)"),
    ]);
}

/// Every test and predicate has its negation.
#[test]
fn predicates() {
    check_exprs(&[
        ("a IS NULL", "(a null)"),
        ("a IS NOT NULL", "(a not-null)"),
        ("a IS UNKNOWN", "(a null)"),
        ("a IS NOT UNKNOWN", "(a not-null)"),
        ("a IS TRUE", "(a is true)"),
        ("a IS NOT TRUE", "(a is not-true)"),
        ("a IS FALSE", "(a is false)"),
        ("a IS NOT FALSE", "(a is not-false)"),
        ("a IS DISTINCT FROM b", "(a distinct b)"),
        ("a IS NOT DISTINCT FROM b", "(a not-distinct b)"),
        ("a LIKE 'x%'", "(a like 'x%')"),
        ("a NOT LIKE 'x!%' ESCAPE '!' AND b", "(and (a not-like 'x!%' escape '!'), b)"),
        ("a ILIKE b || '%'", "(a ilike (concat b, '%'))"),
        ("a IN (1, 2)", "(a in (1, 2))"),
        ("a NOT IN (1)", "(a not-in (1))"),
        ("a IN ()", "(a in ())"),
        ("a IN (SELECT b FROM t)", "(a in (select b from t))"),
        ("a NOT IN (VALUES (1), (2))", "(a not-in (values (1), (2)))"),
        ("(a, b) IN ((1, 2), (3, 4))", "((row a, b) in ((row 1, 2), (row 3, 4)))"),
        ("(a, b) = (1, 2)", "((row a, b) Eq (row 1, 2))"),
        ("(a, b) NOT IN (SELECT c, d FROM t)", "((row a, b) not-in (select c, d from t))"),
        ("a IN ((SELECT 1), 2)", "(a in ((select 1), 2))"),
        ("EXISTS (SELECT 1)", "(exists select 1)"),
        ("NOT EXISTS (SELECT 1)", "(not-exists select 1)"),
        ("NOT (EXISTS (SELECT 1))", "(not (exists select 1))"),
        ("(SELECT max(a) FROM t) + 1", "((select max(a) from t) Add 1)"),
    ]);
}

/// Literals have the type that they are written in.
#[test]
fn literals() {
    check_exprs(&[
        ("1", "1"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775808", "9223372036854775808m"),
        ("1.50", "1.50m"),
        (".5", "0.5m"),
        ("1.", "1m"),
        ("1e3", "1000d"),
        ("-1.5E-1", "-0.15d"),
        ("100000000000000000000000000000000e0", "100000000000000000000000000000000d"),
        ("9999999999999999999999999999.0", "9999999999999999999999999999m"),
        ("0.00000000000000000000000000005", "0.0000000000000000000000000001m"),
        ("0x1F", "31"),
        ("'it''s'", "'it's'"),
        ("''", "''"),
        ("N'x'", "'x'"),
        ("'a\\nb'", "'a\\nb'"),
        ("x'00fF'", "[00, ff]"),
        ("X''", "[]"),
        ("TRUE AND FALSE OR NULL", "(or (and true, false), null)"),
        ("DATE '2026-01-31'", "cast('2026-01-31' as DATE)"),
        ("TIMESTAMP '2026-01-31 12:00:00'", "cast('2026-01-31 12:00:00' as TIMESTAMP)"),
        ("TIMESTAMP WITHOUT TIME ZONE '2026-01-31'", "cast('2026-01-31' as TIMESTAMP)"),
        ("UUID '00000000-0000-0000-0000-000000000001'", "cast('00000000-0000-0000-0000-000000000001' as UUID)"),
    ]);
}

/// Special forms become calls, with their arguments in the order of a call.
#[test]
fn functions() {
    check_exprs(&[
        ("count(*)", "count(*)"),
        ("COUNT(DISTINCT a)", "count(distinct a)"),
        ("count(ALL a)", "count(a)"),
        ("sum(a) FILTER (WHERE b > 0)", "sum(a filter (b Gt 0))".replace("a filter (b Gt 0))", "a) filter (b Gt 0)").leak()),
        ("group_concat(a)", "group_concat(a)"),
        ("group_concat(DISTINCT a ORDER BY b DESC, c SEPARATOR '; ')", "group_concat(distinct a, '; ' order b desc, c)"),
        ("group_concat(a SEPARATOR '')", "group_concat(a, '')"),
        ("group_concat(a, ',')", "group_concat(a, ',')"),
        ("listagg(a, ',') WITHIN GROUP (ORDER BY a)", "listagg(a, ',' order a)"),
        ("coalesce(a, b, 0)", "coalesce(a, b, 0)"),
        ("CASEWHEN(a > 1, 'x', 'y')", "casewhen((a Gt 1), 'x', 'y')"),
        ("CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END", "(case a -> 1, b -> 2 else 3)"),
        ("CASE a WHEN 1 THEN 'x' END", "(case  a 1 -> 'x')"),
        ("CAST(a AS VARCHAR(20))", "cast(a as VARCHAR(20))"),
        ("CAST(a + 1 AS SIGNED)", "cast((a Add 1) as BIGINT)"),
        ("CAST(a AS INTEGER)", "cast(a as INTEGER)"),
        ("CAST(a AS DOUBLE PRECISION)", "cast(a as DOUBLE)"),
        ("CAST(a AS DECIMAL(10, 2))", "cast(a as DECIMAL(10, 2))"),
        ("CAST(a AS CHARACTER VARYING(5))", "cast(a as VARCHAR(5))"),
        ("CAST(a AS TIMESTAMP(3) WITHOUT TIME ZONE)", "cast(a as TIMESTAMP)"),
        ("a::int", "cast(a as INTEGER)"),
        ("a::varchar(3) || b", "(concat cast(a as VARCHAR(3)), b)"),
        ("EXTRACT(YEAR FROM a)", "extract('YEAR', a)"),
        ("EXTRACT(epoch FROM a - 1)", "extract('epoch', (a Subtract 1))"),
        ("a + INTERVAL '5' DAY", "(a Add (interval '5' DAY))"),
        ("a - interval ? minutes + INTERVAL '-2  hours'", "((a Subtract (interval ?0 minutes)) Add (interval '-2' hours))"),
        ("interval - 5 + interval", "((interval Subtract 5) Add interval)"),
        ("SUBSTRING(a FROM 2 FOR 3)", "substring(a, 2, 3)"),
        ("SUBSTRING(a, 2)", "substring(a, 2)"),
        ("SUBSTR(a, 2, 3)", "substring(a, 2, 3)"),
        ("TRIM(a)", "trim(a)"),
        ("TRIM(LEADING 'x' FROM a)", "ltrim(a, 'x')"),
        ("TRIM(TRAILING FROM a)", "rtrim(a)"),
        ("TRIM(BOTH 'x' FROM a)", "trim(a, 'x')"),
        ("TRIM(a, 'x')", "trim(a, 'x')"),
        ("POSITION('a' IN b)", "position('a', b)"),
        ("LEFT(a, 2) || RIGHT(b, 3)", "(concat left(a, 2), right(b, 3))"),
        ("REPLACE(a, 'b', 'c')", "replace(a, 'b', 'c')"),
        ("CURRENT_TIMESTAMP", "current_timestamp()"),
        ("CURRENT_TIMESTAMP()", "current_timestamp()"),
        ("current_date", "current_date()"),
        ("NEXT VALUE FOR s", "nextval('s')"),
        ("CURRENT VALUE FOR s", "currval('s')"),
        ("\"abs\"(1)", "abs(1)"),
        ("char(65)", "char(65)"),
        ("date('2026-01-01')", "date('2026-01-01')"),
        ("mod(a, 2)", "mod(a, 2)"),
        ("floor(a)", "floor(a)"),
    ]);
}

/// Words that are keywords elsewhere are names here, with nothing around them.
#[test]
fn odd_names_are_columns() {
    let odd = "key value user first last mode status name cache extract service message priority port image label token url date time timestamp text year month day \
        position substring trim interval array left_ right_ next current count min max sum row rows only percent type role level comment index view data start format \
        language domain session state action zone at by_ share update ties filter within over_ nulls recursive unknown both leading trailing identity default_ if replace \
        sample settings top connect cluster partition open system share map struct prior match div xor separator indexed unnest";
    for name in odd.split_whitespace() {
        check_exprs(&[
            (&format!("{name}, t.{name}, {name} + 1, {name}.a"), &format!("{name}, t.{name}, ({name} Add 1), {name}.a")),
            (&format!("a AS {name}"), &format!("a as {name}")),
            (&format!("a FROM {name}"), &format!("a from {name}")),
            (&format!("a FROM t AS {name}"), &format!("a from t as {name}")),
            (&format!("a FROM t WHERE {name} = 1 ORDER BY {name}"), &format!("a from t where ({name} Eq 1) order {name}")),
            (
                &format!("count(*) FROM t GROUP BY {name} HAVING max({name}) > 1"),
                &format!("count(*) from t group {name} having (max({name}) Gt 1)"),
            ),
        ]);
    }
}

/// Parameters are numbered in the order of the text; those with a number or a name are one wherever they stand.
#[test]
fn parameters() {
    let shown = |text: &str| {
        let parsed = accepted(text).remove(0);
        let names = parsed.parameters.iter().map(|name| name.clone().unwrap_or_default()).collect::<Vec<_>>().join(",");
        format!("{} [{names}]", show::statement(&parsed.statement))
    };
    assert_eq!(
        shown("SELECT ? FROM t WHERE a = ? ORDER BY b LIMIT ? OFFSET ?"),
        "select ?0 from t where (a Eq ?1) order b limit ?2 offset ?3 [,,,]"
    );
    assert_eq!(shown("SELECT :a, ?, :b, :a"), "select ?0, ?1, ?2, ?0 [a,,b]");
    assert_eq!(shown("SELECT ?3, ?, ?1, $2"), "select ?2, ?3, ?0, ?1 [,,,]");
    assert_eq!(shown("SELECT $name, :name"), "select ?0, ?0 [name]");
    assert_eq!(shown("SELECT a FROM t LIMIT ?, ?"), "select a from t limit ?1 offset ?0 [,]");
    assert_eq!(accepted("SELECT ?; SELECT ?, :x")[1].parameters, [None, Some("x".to_owned())]);
    assert_eq!(refused("SELECT ?0").kind(), ErrorKind::Syntax);
    assert_eq!(refused("SELECT ?99999999999999999999").kind(), ErrorKind::Syntax);
    assert_eq!(refused("SELECT ?40000").kind(), ErrorKind::Limit);
}
