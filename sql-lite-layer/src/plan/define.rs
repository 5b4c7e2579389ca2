//! Definitions: from the statement's tree to objects of the schema, checked against it.
//!
//! Numbers are given by the catalogue: `ObjectId(0)` stands for what has none yet, and in a foreign key for the table itself.
//!
//! Constraints and indexes without a name get one that depends only on what is defined, so that a script that runs twice gives the same names:
//!
//! | what | name |
//! |---|---|
//! | PRIMARY KEY | `table_pkey` |
//! | UNIQUE | `table_column_column_key` |
//! | CHECK | `table_column_check` at a column, `table_check` at the table |
//! | FOREIGN KEY | `table_column_column_fkey` |
//! | CREATE INDEX | `table_column_column_idx` |
//!
//! A name that is taken gets `_2`, `_3` and so on behind it; constraints are named in the order in which they are written, those at columns first.

use std::collections::BTreeMap;

use super::change::{column_of, labelled};
use super::function::Function;
use super::node::Slot;
use super::scalar::Scalar;
use super::scope::Level;
use super::{Planner, State, name_error, type_error, unsupported};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::parse::ast::{self, ColumnDef, Expr, ForeignAction, Ident, Query, Rule, TableConstraint};
use crate::parse::walk::{Edit, edited};
use crate::table::rows;
use crate::table::schema::{
    Action, Check, Column, ForeignKey, IdentityColumn, Index, ObjectId, Schema, Sequence, Table, View, fold,
};
use crate::types::{self, DataType};

/// What a constraint adds to a table.
#[derive(Clone, Debug)]
pub(crate) enum Constraint {
    PrimaryKey {
        name: String,
        columns: Vec<usize>,
    },
    /// A unique index of this name.
    Unique {
        name: String,
        columns: Vec<usize>,
    },
    Check(Check),
    ForeignKey(ForeignKey),
}

/// The table that CREATE TABLE makes. Of `AS query` it takes names and types of columns; the rows are somebody else's.
///
/// # Errors
///
/// `Name` for columns that are not there or twice, `Type` for a default that does not fit, `Constraint` (42830) for a foreign key that does not.
pub(crate) fn table(create: &ast::CreateTable, schema: &Schema) -> Result<Table> {
    let mut table = Table {
        id: ObjectId(0),
        name: create.name.name.clone(),
        columns: Vec::with_capacity(create.columns.len()),
        primary: Vec::new(),
        primary_name: None,
        indexes: Vec::new(),
        checks: Vec::new(),
        foreign: Vec::new(),
        comment: None,
    };
    for def in &create.columns {
        if table.column(&def.name.name).is_some() {
            let message = format!("column {} stands twice", def.name.name);
            return Err(name_error(&def.name, message).with_state("42701"));
        }
        table.columns.push(column(def, schema)?);
    }
    if let Some(query) = &create.query {
        add_query_columns(&mut table, create, query, schema)?;
    }
    if table.columns.is_empty() {
        return Err(type_error(create.name.place, format!("table {} has no column", table.name)));
    }
    let of_columns = create.columns.iter().flat_map(|def| def.constraints.iter().map(move |rule| (Some(&def.name), rule)));
    let of_table = create.constraints.iter().map(|rule| (None, rule));
    for (column, rule) in of_columns.chain(of_table) {
        match constraint(rule, column, &table, schema)? {
            Constraint::PrimaryKey { name, columns } => {
                columns.iter().for_each(|at| table.columns[*at].nullable = false);
                (table.primary, table.primary_name) = (columns, Some(name));
            }
            Constraint::Unique { name, columns } => {
                table.indexes.push(Index { id: ObjectId(0), name, columns, unique: true, of_constraint: true });
            }
            Constraint::Check(check) => table.checks.push(check),
            Constraint::ForeignKey(key) => table.foreign.push(key),
        }
    }
    Ok(table)
}

/// Names and types of the columns of `CREATE TABLE t [(names)] AS query`, for columns that have no type of their own.
fn add_query_columns(table: &mut Table, create: &ast::CreateTable, query: &Query, schema: &Schema) -> Result<()> {
    let mut state = State::default();
    let mut planner = Planner { schema, state: &mut state, levels: Vec::new(), named: Vec::new() };
    let planned = planner.query(query)?;
    let type_of = |data_type: DataType| if data_type == DataType::Unknown { DataType::TEXT } else { data_type };
    if !table.columns.is_empty() {
        if table.columns.len() != planned.columns.len() {
            let message = format!("{} has {} columns and its query {}", table.name, table.columns.len(), planned.columns.len());
            return Err(type_error(create.name.place, message));
        }
        for (column, from) in table.columns.iter_mut().zip(&planned.columns) {
            if column.data_type == DataType::Unknown {
                column.data_type = type_of(from.data_type);
            }
        }
        return Ok(());
    }
    for from in planned.columns {
        if table.column(&from.name).is_some() {
            let message = format!("the query of {} has two columns {}", table.name, from.name);
            return Err(name_error(&create.name, message).with_state("42701"));
        }
        table.columns.push(plain_column(from.name, type_of(from.data_type)));
    }
    Ok(())
}

fn plain_column(name: String, data_type: DataType) -> Column {
    Column { name, data_type, nullable: true, default: None, missing: None, identity: None, comment: None, dropped: false }
}

/// A column without its constraints. `missing` is set if its default is a constant: what ALTER TABLE ADD COLUMN gives to rows that are there already. Other defaults are somebody
/// else's to compute.
pub(crate) fn column(def: &ColumnDef, schema: &Schema) -> Result<Column> {
    let mut column = plain_column(def.name.name.clone(), def.data_type);
    column.nullable = def.nullable.unwrap_or(true) && def.identity.is_none();
    if let Some(identity) = def.identity {
        if !matches!(def.data_type, DataType::Integer(_)) {
            return Err(type_error(def.name.place, format!("identity column {} is no whole number", column.name)));
        }
        if identity.increment == 0 {
            return Err(type_error(def.name.place, format!("identity column {} cannot count in steps of 0", column.name)));
        }
        counts_within(&column.name, identity.start, &def.data_type).map_err(|error| error.at(def.name.place))?;
        let ast::Identity { always, start, increment } = identity;
        column.identity = Some(IdentityColumn { always, start, increment });
    }
    if let Some((expr, text)) = &def.default {
        column.missing = default(expr, &column, schema).map_err(|error| error.at(def.name.place))?;
        column.default = Some(text.clone());
    }
    Ok(column)
}

/// Refuses an identity column whose first number is none of its type.
pub(crate) fn counts_within(name: &str, start: i64, data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::Integer(width) if !(width.range().0..=width.range().1).contains(&start) => {
            let message = format!("identity column {name} begins with {start}, which is out of the range of {data_type}");
            Err(Error::new(ErrorKind::Data, message).with_state("22003"))
        }
        _ => Ok(()),
    }
}

/// Checks that an expression may be the default of a column; its value as `encode::row` writes one if it is a constant.
pub(crate) fn default(expr: &Expr, column: &Column, schema: &Schema) -> Result<Option<Vec<u8>>> {
    let mut state = State::default();
    let mut planner = Planner { schema, state: &mut state, levels: Vec::new(), named: Vec::new() };
    planner.levels.push(Level::new(Vec::new(), "in a default"));
    let typed = planner.expr(expr)?;
    let scalar = planner.assignable(typed, column, Place::default())?;
    refuse(&scalar, "the default of a column")?;
    let Scalar::Constant(value) = scalar else { return Ok(None) };
    let value = types::assign(value, &column.data_type, &column.name)?;
    Ok(rows::to_missing(&value))
}

/// A constraint over a table, which is new or stands in the schema. `of` is the column at which it is written.
pub(crate) fn constraint(def: &TableConstraint, of: Option<&Ident>, table: &Table, schema: &Schema) -> Result<Constraint> {
    let given = def.name.as_ref().map(|name| name.name.clone());
    Ok(match &def.rule {
        Rule::PrimaryKey(names) => {
            if !table.primary.is_empty() {
                let message = format!("table {} has a primary key already", table.name);
                return Err(Error::new(ErrorKind::Exists, message).with_state("42P16").at(def.place));
            }
            let columns = distinct_columns(table, names)?;
            let name = given.unwrap_or_else(|| free_name(format!("{}_pkey", table.name), table, schema));
            Constraint::PrimaryKey { name, columns }
        }
        Rule::Unique(names) => {
            let columns = distinct_columns(table, names)?;
            let name = given.unwrap_or_else(|| free_name(called(table, &columns, "key"), table, schema));
            Constraint::Unique { name, columns }
        }
        Rule::Check(expr, text) => {
            check(expr, table, schema).map_err(|error| error.at(def.place))?;
            let wanted = match of {
                Some(column) => format!("{}_{}_check", table.name, column.name),
                None => format!("{}_check", table.name),
            };
            let name = given.unwrap_or_else(|| free_name(wanted, table, schema));
            Constraint::Check(Check { name, text: text.clone() })
        }
        Rule::ForeignKey { columns, table: parent, referenced, on_delete, on_update } => {
            let columns = distinct_columns(table, columns)?;
            let name = given.unwrap_or_else(|| free_name(called(table, &columns, "fkey"), table, schema));
            let (parent, referenced) = reference(table, &columns, parent, referenced, def.place, schema)?;
            let (on_delete, on_update) = (action(*on_delete), action(*on_update));
            Constraint::ForeignKey(ForeignKey { name, columns, table: parent, referenced, on_delete, on_update })
        }
    })
}

/// The table and columns that a foreign key refers to: as many as it has, of the same classes.
fn reference(
    table: &Table,
    columns: &[usize],
    name: &Ident,
    referenced: &[Ident],
    place: Place,
    schema: &Schema,
) -> Result<(ObjectId, Vec<usize>)> {
    let is_self = table.name.eq_ignore_ascii_case(&name.name);
    let parent: &Table = match schema.table(&name.name) {
        _ if is_self => table,
        Some(parent) => parent,
        None => return Err(super::scope::unknown_table(name)),
    };
    let referenced = match referenced.is_empty() {
        true => parent.primary.clone(),
        false => distinct_columns(parent, referenced)?,
    };
    let wrong = |message: String| Error::new(ErrorKind::Constraint, message).with_state("42830").at(place);
    if referenced.is_empty() {
        return Err(wrong(format!("{} has no primary key to refer to", parent.name)));
    }
    if referenced.len() != columns.len() {
        return Err(wrong(format!("a foreign key of {} columns refers to {}", columns.len(), referenced.len())));
    }
    for (at, to) in columns.iter().zip(&referenced) {
        let (from, to) = (&table.columns[*at], &parent.columns[*to]);
        if !super::expr::same_class(&from.data_type, &to.data_type) {
            return Err(wrong(format!(
                "column {} is {} and refers to {}, which is {}",
                from.name, from.data_type, to.name, to.data_type
            )));
        }
    }
    Ok((parent.id, referenced))
}

/// Checks that an expression may be a CHECK of a table.
pub(crate) fn check(expr: &Expr, table: &Table, schema: &Schema) -> Result<()> {
    let mut state = State::default();
    let mut planner = Planner { schema, state: &mut state, levels: Vec::new(), named: Vec::new() };
    let slots: Vec<Slot> = table.columns.iter().map(|column| planner.slot(column.name.as_str(), column.data_type)).collect();
    planner.levels.push(Level::new(labelled(table, &table.name, &slots, false), "in CHECK"));
    let scalar = planner.condition(expr, "CHECK")?;
    // A row would pass when it is written, and not when it is looked at again: when a script is read back.
    let mut changing = None;
    scalar.any(&mut |scalar| {
        if let Scalar::Call { function, .. } = scalar {
            changing = changing.or(match function {
                Function::NextValue | Function::CurrentValue => Some("a sequence's number"),
                Function::CurrentTimestamp | Function::CurrentDate => Some("the current time"),
                Function::RandomUuid => Some("a random value"),
                _ => None,
            });
        }
        changing.is_some()
    });
    if let Some(what) = changing {
        return Err(unsupported(Place::default(), format!("{what} in a CHECK")));
    }
    refuse(&scalar, "a CHECK")
}

/// An expression of the schema depends on no parameter and on no other rows.
fn refuse(scalar: &Scalar, what: &str) -> Result<()> {
    if scalar.any(&mut |scalar| scalar.subquery().is_some()) {
        return Err(unsupported(Place::default(), format!("a subquery in {what}")));
    }
    if scalar.any(&mut |scalar| matches!(scalar, Scalar::Parameter(_))) {
        return Err(unsupported(Place::default(), format!("a parameter in {what}")));
    }
    Ok(())
}

/// The index that CREATE INDEX makes.
pub(crate) fn index(create: &ast::CreateIndex, table: &Table, schema: &Schema) -> Result<Index> {
    let columns = distinct_columns(table, &create.columns)?;
    let name = match &create.name {
        Some(name) => name.name.clone(),
        None => free_name(called(table, &columns, "idx"), table, schema),
    };
    Ok(Index { id: ObjectId(0), name, columns, unique: create.unique, of_constraint: false })
}

/// The view of this name and text, which begins at that place. Its query is planned once to see that it can be, and `*` is written out: columns that its tables get later are none
/// of its own.
pub(crate) fn view(name: &Ident, columns: &[Ident], query: &Query, text: (&str, Place), schema: &Schema) -> Result<View> {
    let mut state = State { stars: Some(BTreeMap::new()), ..State::default() };
    let mut planner = Planner { schema, state: &mut state, levels: Vec::new(), named: Vec::new() };
    let planned = planner.query(query)?;
    // As the one that it replaces.
    if planner.state.views.contains(&fold(&name.name)) {
        return Err(unsupported(name.place, format!("a view that reads itself: {}", name.name)));
    }
    if columns.len() > planned.columns.len() {
        let message = format!("{} names {} columns of {}", name.name, columns.len(), planned.columns.len());
        return Err(name_error(name, message));
    }
    let given = columns.iter().map(|column| column.name.clone());
    let others = planned.columns.into_iter().skip(columns.len()).map(|column| column.name);
    let columns: Vec<String> = given.chain(others).collect();
    for (at, column) in columns.iter().enumerate() {
        if columns[..at].iter().any(|other| other.eq_ignore_ascii_case(column)) {
            return Err(name_error(name, format!("view {} would have two columns {column}: give them names", name.name))
                .with_state("42701"));
        }
    }
    let star = |(from, (star, by)): (Place, (Place, String))| Edit { from, to: Place { column: star.column + 1, ..star }, by };
    let stars: Vec<Edit> = state.stars.into_iter().flatten().map(star).collect();
    let (text, at) = text;
    Ok(View { name: name.name.clone(), columns, text: edited(text, at, &stars) })
}

/// The sequence that CREATE SEQUENCE makes.
pub(crate) fn sequence(name: &Ident, start: Option<i64>, increment: Option<i64>) -> Sequence {
    Sequence { id: ObjectId(0), name: name.name.clone(), start: start.unwrap_or(1), increment: increment.unwrap_or(1) }
}

fn action(action: ForeignAction) -> Action {
    match action {
        ForeignAction::NoAction => Action::NoAction,
        ForeignAction::Restrict => Action::Restrict,
        ForeignAction::Cascade => Action::Cascade,
        ForeignAction::SetNull => Action::SetNull,
        ForeignAction::SetDefault => Action::SetDefault,
    }
}

fn distinct_columns(table: &Table, names: &[Ident]) -> Result<Vec<usize>> {
    let mut columns = Vec::with_capacity(names.len());
    for name in names {
        let at = column_of(table, name)?;
        if columns.contains(&at) {
            return Err(name_error(name, format!("column {} stands twice", name.name)).with_state("42701"));
        }
        columns.push(at);
    }
    Ok(columns)
}

fn called(table: &Table, columns: &[usize], what: &str) -> String {
    let columns: Vec<&str> = columns.iter().map(|at| table.columns[*at].name.as_str()).collect();
    format!("{}_{}_{what}", table.name, columns.join("_"))
}

/// This name, or it with a number behind, that no constraint of the table and no index has.
fn free_name(wanted: String, table: &Table, schema: &Schema) -> String {
    let is_taken = |name: &str| {
        let own = table.checks.iter().map(|check| &check.name).chain(table.foreign.iter().map(|key| &key.name));
        let indexes = schema.tables.values().flat_map(|table| &table.indexes).chain(&table.indexes).map(|index| &index.name);
        own.chain(&table.primary_name).chain(indexes).any(|other| other.eq_ignore_ascii_case(name))
    };
    if !is_taken(&wanted) {
        return wanted;
    }
    let mut numbered = (2u32..).map(|number| format!("{wanted}_{number}"));
    numbered.find(|name| !is_taken(name)).expect("a schema has fewer names than there are numbers")
}
