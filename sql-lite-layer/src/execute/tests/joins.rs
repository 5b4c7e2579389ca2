//! Joins and set operations against loops over all pairs.

use super::*;
use crate::parse::ast::{CompareOp, SetOp};
use crate::plan::node::{Join, JoinKind, JoinMethod, SetOperation};
use crate::types::sample::seeded;

const KINDS: [JoinKind; 5] = [JoinKind::Inner, JoinKind::Left, JoinKind::Full, JoinKind::Semi, JoinKind::Anti];

fn compare(op: CompareOp, left: u32, right: u32) -> Scalar {
    Scalar::Compare { op, left: Box::new(slot(left)), right: Box::new(slot(right)) }
}

/// What a join is, said plainly. Both sides have two columns; a pair fits if the first are equal and, with `less`, the left's second is less than the right's.
fn model(kind: JoinKind, left: &[Row], right: &[Row], less: bool) -> Vec<Row> {
    let fits = |l: &Row, r: &Row| {
        let equal = !l[0].is_null() && l[0] == r[0];
        equal && (!less || matches!((&l[1], &r[1]), (Value::Int(l), Value::Int(r)) if l < r))
    };
    let nulls = vec![Value::Null; 2];
    let mut result = Vec::new();
    for l in left {
        let partners: Vec<&Row> = right.iter().filter(|r| fits(l, r)).collect();
        match kind {
            JoinKind::Semi | JoinKind::Anti => {
                if partners.is_empty() == (kind == JoinKind::Anti) {
                    result.push(l.clone());
                }
            }
            _ => {
                result.extend(partners.iter().map(|r| [l.clone(), (*r).clone()].concat()));
                if partners.is_empty() && kind != JoinKind::Inner {
                    result.push([l.clone(), nulls.clone()].concat());
                }
            }
        }
    }
    if kind == JoinKind::Full {
        result.extend(right.iter().filter(|r| !left.iter().any(|l| fits(l, r))).map(|r| [nulls.clone(), r.clone()].concat()));
    }
    result
}

/// Every kind of join gives what its definition says, nested and by hash, with a further condition and without, and opened again for each row of an outer join.
#[test]
fn joins_are_what_their_kinds_say() {
    let (seed, mut rng) = seeded("joins_are_what_their_kinds_say");
    let bench = Bench::new(&[]);
    for round in 0..300 {
        let (a, b) = (rng.usize(0..12), rng.usize(0..12));
        let (left, right) = (random_rows(&mut rng, a, 2, 4), random_rows(&mut rng, b, 2, 4));
        for (kind, less) in KINDS.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
            let expected = model(kind, &left, &right, less);
            let result = if matches!(kind, JoinKind::Semi | JoinKind::Anti) { slots(0..2) } else { slots(0..4) };
            let rest = if less { vec![compare(CompareOp::Lt, 1, 3)] } else { vec![] };
            let nested = (JoinMethod::Nested, [vec![compare(CompareOp::Eq, 0, 2)], rest.clone()].concat());
            let hashed = (JoinMethod::Hash { left: vec![slot(0)], right: vec![slot(2)] }, rest);
            for (method, on) in [nested, hashed] {
                let node = Node::Join(Box::new(Join {
                    kind,
                    left: values(&left, 0, 2),
                    right: values(&right, 2, 2),
                    method,
                    on,
                    left_slots: slots(0..2),
                    right_slots: slots(2..4),
                }));
                let what = format!("seed {seed}, round {round}: {node:?}");
                // The order of a join is the left's, then the right's.
                assert_eq!(bench.rows(node.clone(), &result), expected, "{what}");
                let twice = Node::Join(Box::new(Join {
                    kind: JoinKind::Inner,
                    left: values(&[vec![Value::Int(1)], vec![Value::Int(2)]], 10, 1),
                    right: node,
                    method: JoinMethod::Nested,
                    on: vec![],
                    left_slots: slots(10..11),
                    right_slots: result.clone(),
                }));
                assert_eq!(bench.rows(twice, &result), [&expected[..], &expected[..]].concat(), "opened again; {what}");
            }
        }
    }
}

/// Numbers of all kinds meet by hash if they are equal, as they do by comparison.
#[test]
fn hashed_numbers_of_all_kinds_meet() {
    let bench = Bench::new(&[]);
    let left = [vec![Value::Int(1)], vec![Value::Int(2)], vec![Value::Int(3)]];
    let right = [vec![Value::Double(1.0)], vec![Value::Decimal("2.00".parse().unwrap())], vec![Value::Double(3.5)]];
    let node = Node::Join(Box::new(Join {
        kind: JoinKind::Inner,
        left: values(&left, 0, 1),
        right: values(&right, 1, 1),
        method: JoinMethod::Hash { left: vec![slot(0)], right: vec![slot(1)] },
        on: vec![],
        left_slots: slots(0..1),
        right_slots: slots(1..2),
    }));
    assert_eq!(bench.rows(node, &slots(0..1)), [vec![Value::Int(1)], vec![Value::Int(2)]]);
}

/// Set operations count rows as SQL says, NULLs being equal: against counting in plain lists.
#[test]
fn set_operations_count_rows() {
    let (seed, mut rng) = seeded("set_operations_count_rows");
    let bench = Bench::new(&[]);
    for round in 0..200 {
        let (a, b) = (rng.usize(0..10), rng.usize(0..10));
        let (left, right) = (random_rows(&mut rng, a, 2, 2), random_rows(&mut rng, b, 2, 2));
        let count = |rows: &[Row], row: &Row| rows.iter().filter(|other| *other == row).count();
        let mut all: Vec<Row> = sorted([&left[..], &right[..]].concat());
        all.dedup();
        for (op, every) in [SetOp::Union, SetOp::Intersect, SetOp::Except].into_iter().flat_map(|op| [(op, false), (op, true)]) {
            let mut expected = Vec::new();
            for row in &all {
                let (l, r) = (count(&left, row), count(&right, row));
                let times = match (op, every) {
                    (SetOp::Union, false) => 1,
                    (SetOp::Union, true) => l + r,
                    (SetOp::Intersect, false) => usize::from(l > 0 && r > 0),
                    (SetOp::Intersect, true) => l.min(r),
                    (SetOp::Except, false) => usize::from(l > 0 && r == 0),
                    (SetOp::Except, true) => l.saturating_sub(r),
                };
                expected.extend(std::iter::repeat_n(row.clone(), times));
            }
            let inputs = vec![(values(&left, 0, 2), slots(0..2)), (values(&right, 2, 2), slots(2..4))];
            let node = Node::SetOp(Box::new(SetOperation { op, all: every, inputs, out: slots(4..6) }));
            assert_eq!(sorted(bench.rows(node, &slots(4..6))), expected, "seed {seed}, round {round}, {op:?}, all: {every}");
        }
    }
}
