//! Each rule has a file of statements with the plan before it and after it, and there is one with whole plans. Blessed as those of the room `plan`.

use super::{optimize, optimize_up_to};
use crate::parse::{Limits, parse};
use crate::plan::node::Plan;
use crate::plan::tests::{SCHEMA, golden, schema_of};
use crate::plan::{plan, print};
use crate::table::schema::Schema;

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
                _ => print::explain(&optimize_up_to(plan.clone(), &|_| None, rules[at - 1])),
            };
            format!("{before}---\n{}", print::explain(&optimize_up_to(plan, &|_| None, rule)))
        });
    }
}

/// What becomes of statements in the end.
#[test]
fn whole_plans() {
    let schema = schema_of(SCHEMA);
    golden("optimize/golden/whole.txt", &|text| print::explain(&optimize(planned(&schema, text))));
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
