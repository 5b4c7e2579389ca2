//! INFORMATION_SCHEMA: what is defined, as tables that queries read like others.
//!
//! Such a table stands in the plan as a VALUES of constants, computed from the schema when the statement is planned: a plan belongs to one schema, so its rows are those of the
//! transaction's own schema, and filters, joins and views over them need nothing of their own. Hence there is nothing here that changes without the schema: no numbers of rows,
//! and of a sequence not the number that it gave last.
//!
//! Names of columns are the standard's, and H2's where the standard has no such table (INDEXES, INDEX_COLUMNS). Names in rows are as they were written. What was defined in this
//! database is listed, and not INFORMATION_SCHEMA itself.

mod columns;
mod constraints;
mod objects;

use super::from::{From, named};
use super::node::{Node, OutColumn};
use super::scalar::Scalar;
use super::{Planned, Planner};
use crate::error::Result;
use crate::parse::ast::{Ident, TableAlias};
use crate::table::schema::{INFORMATION_SCHEMA, Schema, fold};
use crate::types::{DataType, Value};

/// One of the tables.
struct Listing {
    /// Folded.
    name: &'static str,
    columns: &'static [(&'static str, DataType)],
    rows: fn(&Schema, &mut Rows),
}

/// Rows, each with a value for every column.
type Rows = Vec<Vec<Value<'static>>>;

const TEXT: DataType = DataType::TEXT;
const NUMBER: DataType = DataType::BIGINT;

const LISTINGS: [Listing; 10] = [
    Listing { name: "tables", columns: objects::TABLES, rows: objects::tables },
    Listing { name: "views", columns: objects::VIEWS, rows: objects::views },
    Listing { name: "sequences", columns: objects::SEQUENCES, rows: objects::sequences },
    Listing { name: "columns", columns: columns::COLUMNS, rows: columns::columns },
    Listing { name: "table_constraints", columns: constraints::TABLE_CONSTRAINTS, rows: constraints::table_constraints },
    Listing { name: "key_column_usage", columns: constraints::KEY_COLUMN_USAGE, rows: constraints::key_column_usage },
    Listing {
        name: "referential_constraints",
        columns: constraints::REFERENTIAL_CONSTRAINTS,
        rows: constraints::referential_constraints,
    },
    Listing { name: "check_constraints", columns: constraints::CHECK_CONSTRAINTS, rows: constraints::check_constraints },
    Listing { name: "indexes", columns: objects::INDEXES, rows: objects::indexes },
    Listing { name: "index_columns", columns: objects::INDEX_COLUMNS, rows: objects::index_columns },
];

impl Planner<'_> {
    /// The table of INFORMATION_SCHEMA with this name; none if there is no such table.
    pub(super) fn information(&mut self, name: &Ident, alias: Option<&TableAlias>) -> Option<Result<From>> {
        let folded = fold(&name.name);
        let own = folded.strip_prefix(INFORMATION_SCHEMA)?;
        let listing = LISTINGS.iter().find(|listing| listing.name == own)?;
        let mut rows = Rows::new();
        if !self.state.types_alone {
            (listing.rows)(self.schema, &mut rows);
        }
        let rows = rows.into_iter().map(|row| row.into_iter().map(Scalar::Constant).collect()).collect();
        let columns: Vec<OutColumn> = listing
            .columns
            .iter()
            .map(|(column, data_type)| {
                let slot = self.slot(format!("{own}.{}", fold(column)), *data_type);
                OutColumn { name: (*column).to_owned(), data_type: *data_type, slot }
            })
            .collect();
        let out = columns.iter().map(|column| column.slot).collect();
        Some(named(Planned { node: Node::Values { rows, out }, columns }, alias, Some(name)))
    }
}

fn text(text: &str) -> Value<'static> {
    Value::Text(text.to_owned().into())
}

fn text_or_null(text: Option<&String>) -> Value<'static> {
    text.map_or(Value::Null, |text| Value::Text(text.clone().into()))
}

fn yes_or_no(yes: bool) -> Value<'static> {
    text(if yes { "YES" } else { "NO" })
}

fn number(number: usize) -> Value<'static> {
    // Counts of columns: far below 2^63.
    Value::Int(number as i64)
}

/// Catalog, schema and name of something: there is one catalog, and one schema beside this one.
fn named_in_schema(name: Value<'static>) -> [Value<'static>; 3] {
    [text("TREERING"), text("PUBLIC"), name]
}
