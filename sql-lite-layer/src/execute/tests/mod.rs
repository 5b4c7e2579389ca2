//! Operators against models, and statements by their text.
//!
//! The models are written as plainly as can be: lists of rows, loops over pairs. What an operator can do in two ways (by hash or nested, in order or not, by an index or
//! without) must be the same.

mod groups;
mod joins;
mod limits;
mod scans;
mod shared;
mod sieves;
mod sorts;
mod texts;

use std::sync::Arc;

use fastrand::Rng;

use super::{Counters, Cursor, Inputs, Program};
use crate::error::Result;
use crate::plan::node::{Access, Action, Node, OutColumn, Plan, Scan, Slot};
use crate::plan::scalar::Scalar;
use crate::table::schema::{Schema, Table};
use crate::table::{EngineSnapshot, Tables, catalogue};
use crate::types::{DataType, Timestamp, Value};
use crate::{Connection, Database};

/// A row of a result.
type Row = Vec<Value<'static>>;

/// A database, and its schema for plans that are made by hand. Its store is checked when it is dropped.
struct Bench {
    connection: Connection,
    database: Database,
}

impl Bench {
    fn new(texts: &[&str]) -> Bench {
        let database = Database::in_memory().unwrap();
        let connection = database.connect();
        for text in texts {
            connection.execute(text, ()).unwrap();
        }
        Bench { connection, database }
    }

    fn snapshot(&self) -> EngineSnapshot {
        self.database.store().snapshot()
    }

    fn schema(&self) -> Schema {
        catalogue::load(Tables::of_reader(&self.snapshot().reader())).unwrap()
    }

    fn table(&self, name: &str) -> Arc<Table> {
        Arc::clone(self.schema().table(name).unwrap())
    }

    /// The rows of a query that is only this node; the result is what stands in the slots.
    fn rows(&self, node: Node, slots: &[Slot]) -> Vec<Row> {
        self.try_rows(node, slots, &Inputs::new(&[], Some(Timestamp(0)))).unwrap()
    }

    fn try_rows(&self, node: Node, slots: &[Slot], inputs: &Inputs<'_>) -> Result<Vec<Row>> {
        let program = Program::new(query(node, slots));
        self.run(&program, inputs)
    }

    fn run(&self, program: &Program, inputs: &Inputs<'_>) -> Result<Vec<Row>> {
        let snapshot = self.snapshot();
        let reader = snapshot.reader();
        let mut cursor = Cursor::open(program, Tables::of_reader(&reader), inputs.clone())?;
        let mut rows = Vec::new();
        while cursor.next()? {
            let columns = 0..program.plan().columns.len();
            rows.push(columns.map(|column| cursor.value(column).clone().into_owned()).collect());
        }
        assert!(!cursor.next()?, "a cursor at its end stays there");
        Ok(rows)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let report = self.database.store().check().unwrap();
            assert!(report.is_sound(), "{report:?}");
        }
    }
}

/// A plan of this node. Slots and subqueries are numbered below 64.
fn query(node: Node, slots: &[Slot]) -> Plan {
    let columns = slots.iter().map(|slot| OutColumn { name: "x".into(), data_type: DataType::Unknown, slot: *slot });
    Plan {
        action: Action::Query(node),
        columns: columns.collect(),
        slot_count: 64,
        slot_types: vec![DataType::Unknown; 64],
        subquery_count: 8,
        shared_count: 8,
        once_count: 0,
        parameters: Vec::new(),
        compared: Vec::new(),
    }
}

/// A scan that puts the table's columns into slots from `first` on.
fn scan(table: &Arc<Table>, first: u32, access: Access) -> Node {
    Node::Scan(Box::new(Scan {
        table: Arc::clone(table),
        alias: table.name.clone(),
        access,
        reverse: false,
        columns: (0..table.columns.len()).map(|column| (column, Slot(first + column as u32))).collect(),
        key: None,
        filter: Vec::new(),
        tested: usize::MAX,
    }))
}

fn slots(range: std::ops::Range<u32>) -> Vec<Slot> {
    range.map(Slot).collect()
}

fn slot(number: u32) -> Scalar {
    Scalar::Slot(Slot(number))
}

fn constant(value: impl Into<Value<'static>>) -> Scalar {
    Scalar::Constant(value.into())
}

/// VALUES of these rows, in slots from `first` on.
fn values(rows: &[Row], first: u32, width: u32) -> Node {
    let rows = rows.iter().map(|row| row.iter().cloned().map(Scalar::Constant).collect()).collect();
    Node::Values { rows, out: slots(first..first + width) }
}

/// A small number, or NULL: so small that equal ones are many.
fn small(rng: &mut Rng, below: i64) -> Value<'static> {
    if rng.u8(..5) == 0 { Value::Null } else { Value::Int(rng.i64(0..below)) }
}

fn random_rows(rng: &mut Rng, count: usize, width: usize, below: i64) -> Vec<Row> {
    (0..count).map(|_| (0..width).map(|_| small(rng, below)).collect()).collect()
}

/// In an order of its own, so that lists can be compared whose order is not promised.
fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|a, b| order(a, b));
    rows
}

fn order(a: &[Value<'_>], b: &[Value<'_>]) -> std::cmp::Ordering {
    let orders = a.iter().zip(b).map(|(a, b)| crate::types::order(a, b));
    orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}
