//! Aggregates against sums over lists.

use super::*;
use crate::plan::function::AggregateFunction;
use crate::plan::node::{Aggregate, Sort, SortKey};
use crate::plan::scalar::AggregateCall;
use crate::types::sample::seeded;

fn call(function: AggregateFunction, args: &[Scalar], out: u32) -> AggregateCall {
    let data_type = if function == AggregateFunction::Avg { DataType::Double } else { DataType::BIGINT };
    AggregateCall { function, args: args.to_vec(), distinct: false, filter: None, order: vec![], out: Slot(out), data_type }
}

/// Count, sum, least, greatest, distinct and filtered, of each group: the same by hash, in order, and said plainly.
#[test]
fn groups_are_the_same_by_hash_and_in_order() {
    let (seed, mut rng) = seeded("groups_are_the_same_by_hash_and_in_order");
    let bench = Bench::new(&[]);
    for round in 0..200 {
        let count = rng.usize(0..50);
        let rows = random_rows(&mut rng, count, 2, 5);
        let keyed = round % 4 != 0;
        let mut calls = vec![
            call(AggregateFunction::Count, &[], 10),
            call(AggregateFunction::Count, &[slot(1)], 11),
            call(AggregateFunction::Sum, &[slot(1)], 12),
            call(AggregateFunction::Min, &[slot(1)], 13),
            call(AggregateFunction::Max, &[slot(1)], 14),
            call(AggregateFunction::Count, &[slot(1)], 15),
            call(AggregateFunction::Sum, &[slot(1)], 16),
        ];
        calls[5].distinct = true;
        calls[6].filter = Some(Scalar::IsNull { of: Box::new(slot(0)), negated: true });
        let keys = if keyed { vec![(Slot(9), slot(0))] } else { vec![] };
        let mut of_keys: Vec<Value<'static>> =
            if keyed { sorted(rows.iter().map(|row| vec![row[0].clone()]).collect()).concat() } else { vec![Value::Null] };
        of_keys.dedup();
        let mut expected = Vec::new();
        for key in &of_keys {
            let group: Vec<&Row> = rows.iter().filter(|row| !keyed || row[0] == *key).collect();
            let numbers = |keep: &dyn Fn(&Row) -> bool| -> Vec<i64> {
                group
                    .iter()
                    .filter(|row| keep(row))
                    .filter_map(|row| if let Value::Int(n) = row[1] { Some(n) } else { None })
                    .collect()
            };
            let all = numbers(&|_| true);
            let sum = |numbers: &[i64]| if numbers.is_empty() { Value::Null } else { Value::Int(numbers.iter().sum()) };
            let mut distinct = all.clone();
            distinct.sort_unstable();
            distinct.dedup();
            expected.push(vec![
                key.clone(),
                Value::Int(group.len() as i64),
                Value::Int(all.len() as i64),
                sum(&all),
                all.iter().min().copied().map_or(Value::Null, Value::Int),
                all.iter().max().copied().map_or(Value::Null, Value::Int),
                Value::Int(distinct.len() as i64),
                sum(&numbers(&|row| !row[0].is_null())),
            ]);
        }
        let by_key = Node::Sort(Box::new(Sort {
            input: values(&rows, 0, 2),
            keys: vec![SortKey { expr: slot(0), descending: false, nulls_first: true }],
            keep: slots(0..2),
            top: None,
        }));
        for (input, in_order) in [(values(&rows, 0, 2), false), (by_key, true)] {
            let node = Node::Aggregate(Box::new(Aggregate { input, keys: keys.clone(), calls: calls.clone(), in_order }));
            assert_eq!(sorted(bench.rows(node, &slots(9..17))), expected, "seed {seed}, round {round}, in order: {in_order}");
        }
    }
}

/// The sum of numbers whose partial sums are out of range is right, and one that is itself out of range is an error.
#[test]
fn sums_overflow_by_their_result_alone() {
    let bench = Bench::new(&[]);
    let sum = |numbers: &[i64]| {
        let rows: Vec<Row> = numbers.iter().map(|number| vec![Value::Int(*number)]).collect();
        let calls = vec![call(AggregateFunction::Sum, &[slot(0)], 1)];
        let node = Node::Aggregate(Box::new(Aggregate { input: values(&rows, 0, 1), keys: vec![], calls, in_order: false }));
        bench.try_rows(node, &[Slot(1)], &Inputs::new(&[], Some(Timestamp(0))))
    };
    assert_eq!(sum(&[i64::MAX, 1, -1]).unwrap(), [vec![Value::Int(i64::MAX)]]);
    assert_eq!(sum(&[i64::MIN, i64::MIN, i64::MAX, i64::MAX, 2]).unwrap(), [vec![Value::Int(0)]]);
    assert_eq!(sum(&[i64::MAX, 1]).unwrap_err().sqlstate(), "22003");
}

/// The number of rows of a table is known without reading them.
#[test]
fn counting_a_table_reads_nothing() {
    let bench = Bench::new(&["CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1), (2), (3)"]);
    let input = scan(&bench.table("t"), 0, Access::Full);
    let node = Node::Aggregate(Box::new(Aggregate {
        input,
        keys: vec![],
        calls: vec![call(AggregateFunction::Count, &[], 5)],
        in_order: false,
    }));
    let program = Program::new(query(node, &[Slot(5)]));
    let counters = Counters::default();
    let inputs = Inputs { counters: Some(&counters), ..Inputs::new(&[], Some(Timestamp(0))) };
    assert_eq!(bench.run(&program, &inputs).unwrap(), [vec![Value::Int(3)]]);
    let Action::Query(Node::Aggregate(aggregate)) = &program.plan().action else { unreachable!() };
    assert_eq!(counters.of(&aggregate.input), None);
}
