//! Conditions that may fail: with sieves the answer is that without, and so is the error.

use super::*;
use crate::optimize::{optimize, optimize_without_sieves};
use crate::parse::{Limits, parse};
use crate::plan::plan;
use crate::types::sample::seeded;

const TABLES: [&str; 4] = ["a", "b", "c", "d"];

/// Small tables whose numbers are now and then zero, NULL, or at the end of their range, and whose texts are now and then no numbers.
fn filled(rng: &mut Rng) -> Bench {
    let bench = Bench::new(&[]);
    for table in TABLES {
        let text = format!("CREATE TABLE {table} (id BIGINT PRIMARY KEY, k BIGINT, i INT, x VARCHAR)");
        bench.connection.execute(&text, ()).unwrap();
        if rng.bool() {
            bench.connection.execute(&format!("CREATE INDEX {table}_k ON {table} (k)"), ()).unwrap();
        }
        // In half of the tables no row fails, so that most statements have an answer.
        let fails = rng.bool();
        for id in 0..rng.i64(0..7) {
            let k = match rng.u8(..8) {
                0 => Value::Null,
                1 | 2 if fails => Value::Int(if rng.bool() { i64::MAX } else { 0 }),
                _ => Value::Int(rng.i64(1..5)),
            };
            let x = if fails && rng.u8(..6) == 0 { "none".to_owned() } else { rng.i64(0..4).to_string() };
            let row = [Value::Int(id), k, Value::Int(rng.i64(0..4)), Value::from(x)];
            bench.connection.execute(&format!("INSERT INTO {table} VALUES (?, ?, ?, ?)"), row).unwrap();
        }
    }
    bench
}

/// A condition over one or two of these tables; nearly all of them may fail. An equality between two tables does not, as it may be used in whatever order.
fn condition(rng: &mut Rng, tables: &[&str]) -> String {
    let (a, b) = (tables[rng.usize(..tables.len())], tables[rng.usize(..tables.len())]);
    let number = rng.i64(0..4);
    match rng.u8(..12) {
        0 => format!("{a}.k + 1 > {number}"),
        1 => format!("10 / {a}.k >= {number}"),
        2 => format!("{a}.id % {b}.k <> {number}"),
        3 => format!("CAST({a}.x AS INT) <= {number}"),
        4 => format!("({a}.id = {b}.id OR {a}.k = {b}.k * 2)"),
        5 => format!("{a}.id BETWEEN {b}.k - 1 AND {b}.k + 1"),
        6 => format!("CASE WHEN {a}.i > {number} THEN {a}.k + {b}.k ELSE {b}.id END < 6"),
        7 => format!("{a}.i % 2 = {}", number % 2),
        8 => format!("({a}.k * {b}.i) IS NOT NULL"),
        9 => format!("{a}.k = {b}.k"),
        10 => format!("NOT ({a}.k - {b}.k = {number})"),
        _ => format!("-{a}.k + {number} <= {b}.i"),
    }
}

fn drawn(rng: &mut Rng) -> String {
    let count = rng.usize(2..=TABLES.len());
    let mut from = TABLES[0].to_owned();
    for at in 1..count {
        let (known, new) = (&TABLES[..=at], TABLES[at]);
        let on: Vec<String> = (0..rng.usize(1..3)).map(|_| condition(rng, known)).collect();
        match rng.u8(..4) {
            0 => from += &format!(" LEFT JOIN {new} ON {}", on.join(" AND ")),
            1 => from += &format!(" JOIN {new} ON {}", on.join(" AND ")),
            2 => from += &format!(" JOIN {new} ON {new}.k = {}.k", TABLES[rng.usize(..at)]),
            _ => from += &format!(" CROSS JOIN {new}"),
        }
    }
    let mut all: Vec<String> = (0..rng.usize(1..4)).map(|_| condition(rng, &TABLES[..count])).collect();
    if rng.u8(..6) == 0 {
        let inner = condition(rng, &["e", TABLES[0]]);
        all.push(format!("{}EXISTS (SELECT 1 FROM d AS e WHERE {inner} AND e.i = a.i)", if rng.bool() { "NOT " } else { "" }));
    }
    let columns: Vec<String> = TABLES[..count].iter().map(|table| format!("{table}.id")).collect();
    format!("SELECT {} FROM {from} WHERE {}", columns.join(", "), all.join(" AND "))
}

/// What a sieve drops would have been dropped, and what fails fails with a sieve too: in joins of two to four tables, outer ones among them.
#[test]
fn sieves_change_neither_answers_nor_errors() {
    let (_, mut rng) = seeded("sieves_change_neither_answers_nor_errors");
    let (mut sieves, mut failed, mut rows_seen) = (0, 0, 0);
    for _ in 0..60 {
        let bench = filled(&mut rng);
        let schema = bench.schema();
        for _ in 0..25 {
            let text = drawn(&mut rng);
            let planned = plan(&parse(&text, &Limits::default()).unwrap()[0], &schema).unwrap();
            let inputs = Inputs::new(&[], Some(Timestamp(0)));
            let plain = bench.run(&Program::new(optimize_without_sieves(planned.clone())), &inputs);
            let sieved = Program::new(optimize(planned));
            let shown = crate::plan::print::explain(sieved.plan());
            sieves += usize::from(shown.contains("sieve("));
            match (plain, bench.run(&sieved, &inputs)) {
                (Ok(plain), Ok(sieved)) => {
                    rows_seen += plain.len();
                    assert_eq!(sorted(sieved), sorted(plain), "{text}\n{shown}");
                }
                // Which of several errors comes first depends on the order in which rows are joined.
                (Err(_), Err(_)) => failed += 1,
                (plain, sieved) => panic!("{text}\nwithout: {plain:?}\nwith: {sieved:?}\n{shown}"),
            }
        }
    }
    assert!(sieves > 300 && failed > 100 && rows_seen > 300, "{sieves} plans with sieves, {failed} errors, {rows_seen} rows");
}
