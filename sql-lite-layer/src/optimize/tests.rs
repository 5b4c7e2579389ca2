//! Each rule has a file of statements with the plan before it and after it, and there is one with whole plans. Blessed as those of the room `plan`.

use super::{Context, optimize, optimize_up_to, safety};
use crate::parse::{Limits, parse};
use crate::plan::node::{Action, Plan};
use crate::plan::tests::{SCHEMA, golden, schema_of};
use crate::plan::{plan, print};
use crate::table::schema::Schema;
use crate::types::IntWidth;

fn planned(schema: &Schema, text: &str) -> Plan {
    let parsed = parse(text, &Limits::default()).expect("the statement parses");
    plan(&parsed[0], schema).expect("the statement has a plan")
}

/// What each rule makes of the plans that the rules before it have left.
#[test]
fn each_rule_before_and_after() {
    let schema = schema_of(SCHEMA);
    let rules = ["inline", "fold", "semi", "pushdown", "prune", "joins", "extremes", "order", "by_hash"];
    for (at, rule) in rules.iter().enumerate() {
        golden(&format!("optimize/golden/{rule}.txt"), &|text| {
            let plan = planned(&schema, text);
            let before = match at {
                0 => print::explain(&plan),
                _ => print::explain(&optimize_up_to(plan.clone(), &|_| None, rules[at - 1], true)),
            };
            format!("{before}---\n{}", print::explain(&optimize_up_to(plan, &|_| None, rule, true)))
        });
    }
}

/// What becomes of statements in the end.
#[test]
fn whole_plans() {
    let schema = schema_of(SCHEMA);
    golden("optimize/golden/whole.txt", &|text| print::explain(&optimize(planned(&schema, text))));
}

/// An expression over the columns of table `n`, of numbers at the ends of their widths and small ones.
fn number(rng: &mut fastrand::Rng, depth: u32) -> String {
    const CONSTANTS: [&str; 7] = ["0", "1", "-1", "7", "2147483647", "9223372036854775807", "(-9223372036854775807 - 1)"];
    if depth == 0 || rng.u8(..4) == 0 {
        return match rng.bool() {
            true => ["t", "s", "i", "b"][rng.usize(..4)].to_owned(),
            false => CONSTANTS[rng.usize(..CONSTANTS.len())].to_owned(),
        };
    }
    let (left, right) = (number(rng, depth - 1), number(rng, depth - 1));
    match rng.u8(..9) {
        0 => format!("(- {left})"),
        at => format!("({left} {} {right})", ["+", "-", "*", "/", "%", "&", "|", "+"][usize::from(at) - 1]),
    }
}

/// Arithmetic that is taken for free of errors has none for any row, at the ends of the widths of its columns too.
#[test]
fn what_is_known_not_to_fail_does_not() {
    let (_, mut rng) = crate::types::sample::seeded("what_is_known_not_to_fail_does_not");
    let definition = "CREATE TABLE n (t TINYINT, s SMALLINT, i INT, b BIGINT)";
    let database = crate::Database::in_memory().expect("a database in memory");
    let connection = database.connect();
    connection.execute(definition, ()).expect("the schema");
    let ends = |width: IntWidth| {
        let (low, high) = width.range();
        [low, low + 1, -1, 0, 1, high - 1, high]
    };
    let widths = [IntWidth::Tiny, IntWidth::Small, IntWidth::Int, IntWidth::Big];
    for _ in 0..400 {
        let row = widths.map(|width| crate::Value::Int(ends(width)[rng.usize(..7)]));
        connection.execute("INSERT INTO n VALUES (?, ?, ?, ?)", row).expect("a row");
    }
    let schema = schema_of(definition);
    let (mut free, mut failed) = (0, 0);
    for _ in 0..800 {
        let text = format!("SELECT t FROM n WHERE {} > {}", number(&mut rng, 2), number(&mut rng, 2));
        let plan = planned(&schema, &text);
        let Action::Query(node) = &plan.action else { panic!("{text} is a query") };
        let cx =
            Context { slot_types: plan.slot_types.clone(), parameters: Vec::new(), rows: &|_| None, has_sieves: true, trials: 0 };
        let fails = connection.query(&text, ()).is_err();
        if safety::node_may_fail(node, &cx) {
            failed += usize::from(fails);
        } else {
            free += 1;
            assert!(!fails, "{text} failed: {:?}", connection.query(&text, ()).err());
        }
    }
    assert!(free > 100 && failed > 100, "{free} that cannot fail, {failed} that did");
    assert_eq!(database.check().expect("a sound catalogue"), Vec::<String>::new());
}

/// A join of 64 tables in a chain is planned in bounded time, without crossing any.
#[test]
fn many_tables_are_planned_in_bounded_time() {
    let mut text = String::new();
    for at in 0..64 {
        text.push_str(&format!("CREATE TABLE t{at} (a{at} INTEGER PRIMARY KEY, b{at} INTEGER, x{at} VARCHAR(40));\n"));
    }
    let schema = schema_of(&text);
    let from: Vec<String> = (0..64).map(|at| format!("t{}", (at * 37) % 64)).collect();
    let on: Vec<String> = (0..63).map(|at| format!("a{at} = b{}", at + 1)).collect();
    let text = format!("SELECT x3, x60 FROM {} WHERE {} AND a20 = 5", from.join(", "), on.join(" AND "));
    let plan = planned(&schema, &text);
    let start = std::time::Instant::now();
    let plan = optimize(plan);
    let took = start.elapsed();
    let text = print::explain(&plan);
    assert!(took.as_millis() < 2_000, "it took {took:?}");
    assert_eq!(
        text.matches("join").count(),
        text.matches("join on").count() + text.matches("nested inner join\n").count(),
        "{text}"
    );
    assert!(text.contains("scan t20 by primary key (a20 = 5)"), "{text}");
    assert_eq!(text.matches("scan").count(), 64, "{text}");
}
