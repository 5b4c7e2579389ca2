//! Queries that are read in several places of a statement.

use std::sync::Arc;

use super::super::context::KeptRows;
use super::{Bench, constant, slots, sorted, values};
use crate::ErrorKind;
use crate::execute::Inputs;
use crate::plan::node::{Join, JoinKind, JoinMethod, Node, Slot};
use crate::types::Value;

fn shared(kept: &[u32], from: &[u32], out: &[u32]) -> Node {
    let row = |a: i64, b: i64, c: i64| vec![Value::Int(a), Value::Int(b), Value::Int(c)];
    let [kept, from, out] = [kept, from, out].map(|slots| slots.iter().copied().map(Slot).collect::<Vec<Slot>>());
    Node::Shared { number: 0, node: Arc::new(values(&[row(1, 5, 7), row(2, 6, 8)], 0, 3)), kept: kept.into(), from, out }
}

fn pairs(left: Node, right: Node) -> Node {
    let method = JoinMethod::Nested;
    let (left_slots, right_slots) = (slots(10..11), slots(11..12));
    Node::Join(Box::new(Join { kind: JoinKind::Inner, left, right, method, on: vec![constant(true)], left_slots, right_slots }))
}

/// Each place gets its own columns of the rows that all of them share, in its own order.
#[test]
fn shared_rows_have_the_columns_of_each_place() {
    let bench = Bench::new(&[]);
    let rows = bench.rows(pairs(shared(&[1, 2], &[2], &[10]), shared(&[1, 2], &[1], &[11])), &slots(10..12));
    let row = |c: i64, b: i64| vec![Value::Int(c), Value::Int(b)];
    assert_eq!(sorted(rows), [row(7, 5), row(7, 6), row(8, 5), row(8, 6)]);
    let both = bench.rows(shared(&[0, 2], &[2, 0], &[10, 11]), &slots(10..12));
    assert_eq!(both, [row(7, 1), row(8, 2)]);
}

/// Columns that nobody keeps, rows of another width: an error in every build, and never a value of another column.
#[test]
fn shared_rows_of_other_columns_are_refused() {
    let bench = Bench::new(&[]);
    let wrong = [
        shared(&[0, 1], &[2], &[10]),
        shared(&[0, 1], &[0, 1], &[10]),
        pairs(shared(&[1, 2], &[2], &[10]), shared(&[1], &[1], &[11])),
    ];
    for node in wrong {
        let refused = bench.try_rows(node, &slots(10..12), &Inputs::new(&[], None)).unwrap_err();
        assert_eq!((refused.kind(), refused.sqlstate()), (ErrorKind::Internal, "XX000"), "{refused}");
    }
    let mut rows = KeptRows::new(2);
    rows.push_values([Value::Int(1), Value::Int(2)].into_iter());
    let mut frame = vec![Value::Null; 3];
    assert!(rows.put(0, &mut frame, &slots(0..2)).is_ok() && rows.put(0, &mut frame, &slots(0..3)).is_err());
    assert!(rows.put(0, &mut frame, &slots(0..1)).is_err());
}
