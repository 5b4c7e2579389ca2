//! Tables, rows and indexes, drawn small so that values meet.

use std::fmt::Write;

use fastrand::Rng;

use crate::draw::Draw;
use crate::query::{Named, Type};

/// What both engines are filled with.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) tables: Vec<Table>,
    /// Statements that make indexes.
    pub(crate) indexes: Vec<String>,
    /// Each may read those before it.
    pub(crate) views: Vec<Named>,
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// Columns of the primary key, if it has one.
    primary: Vec<usize>,
    /// Literals.
    pub(crate) rows: Vec<Vec<String>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) data_type: Type,
    /// Stands in a key that must be unique.
    pub(crate) unique: bool,
}

/// A value of this type that is not NULL.
pub(crate) fn literal(rng: &mut Rng, data_type: Type) -> String {
    match data_type {
        Type::Int => rng.i64(-2..6).to_string(),
        // Quarters are exact, and so are their sums.
        Type::Double => format!("{:?}e0", rng.i64(-6..13) as f64 / 4.0),
        Type::Decimal => format!("{:.2}", rng.i64(-6..13) as f64 / 4.0),
        Type::Text => format!("'{}'", rng.choice(["", "a", "b", "ab", "aB", "B", "ba", "abc", "a%", "_b", "é"]).unwrap_or("a")),
        Type::Bool => if rng.bool() { "TRUE" } else { "FALSE" }.to_owned(),
    }
}

impl Scene {
    pub(crate) fn draw(rng: &mut Rng) -> Scene {
        let mut scene = Scene { tables: Vec::new(), indexes: Vec::new(), views: Vec::new() };
        for at in 0..rng.usize(1..4) {
            let table = Table::draw(rng, format!("t{at}"));
            scene.tables.push(table);
        }
        for at in 0..scene.tables.len() {
            for number in 0..rng.usize(0..4) {
                let index = scene.tables[at].draw_index(rng, number);
                scene.indexes.push(index);
            }
        }
        for at in 0..rng.usize(..3) {
            let view = Draw::new(rng.fork(), &scene).view(format!("v{at}"));
            scene.views.push(view);
        }
        scene
    }

    /// The statements that make the tables, their rows and the views.
    pub(crate) fn statements(&self) -> Vec<String> {
        let views = self.views.iter().map(|view| {
            let names: Vec<&str> = view.columns.iter().map(|(name, _)| name.as_str()).collect();
            format!("CREATE VIEW {} ({}) AS {}", view.name, names.join(", "), view.query)
        });
        self.tables.iter().flat_map(Table::statements).chain(views).collect()
    }
}

impl Table {
    fn draw(rng: &mut Rng, name: String) -> Table {
        let mut columns = vec![Column { name: "k".into(), data_type: Type::Int, unique: false }];
        for at in 0..rng.usize(1..5) {
            let data_type = rng.choice([Type::Int, Type::Double, Type::Text, Type::Decimal]).unwrap_or(Type::Int);
            columns.push(Column { name: format!("x{at}"), data_type, unique: false });
        }
        let mut primary = Vec::new();
        if rng.u8(..3) > 0 {
            primary.push(rng.usize(..columns.len()));
            let second = rng.usize(..columns.len());
            if rng.u8(..3) == 0 && !primary.contains(&second) {
                primary.push(second);
            }
        }
        primary.iter().for_each(|at| columns[*at].unique = true);
        let mut rows: Vec<Vec<String>> = Vec::new();
        for _ in 0..rng.choice([0, 1, 5, 9, 14]).unwrap_or(5) {
            let cell = |rng: &mut Rng, at: usize| match rng.u8(..5) == 0 && !primary.contains(&at) {
                true => "NULL".to_owned(),
                false => literal(rng, columns[at].data_type),
            };
            let row: Vec<String> = (0..columns.len()).map(|at| cell(rng, at)).collect();
            let is_known = |other: &Vec<String>| !primary.is_empty() && primary.iter().all(|at| other[*at] == row[*at]);
            if !rows.iter().any(is_known) {
                rows.push(row);
            }
        }
        Table { name, columns, primary, rows }
    }

    fn draw_index(&mut self, rng: &mut Rng, number: usize) -> String {
        let mut of: Vec<usize> = (0..self.columns.len()).collect();
        rng.shuffle(&mut of);
        of.truncate(rng.usize(1..3));
        let key = |row: &Vec<String>| of.iter().map(|at| row[*at].clone()).collect::<Vec<String>>();
        let keys: Vec<Vec<String>> = self.rows.iter().map(key).filter(|key| key.iter().all(|value| value != "NULL")).collect();
        let distinct = keys.iter().enumerate().all(|(at, key)| !keys[..at].contains(key));
        let unique = distinct && rng.bool();
        if unique {
            of.iter().for_each(|at| self.columns[*at].unique = true);
        }
        let names: Vec<&str> = of.iter().map(|at| self.columns[*at].name.as_str()).collect();
        let word = if unique { "UNIQUE INDEX" } else { "INDEX" };
        format!("CREATE {word} {0}_i{number} ON {0} ({1})", self.name, names.join(", "))
    }

    fn statements(&self) -> Vec<String> {
        let mut create = format!("CREATE TABLE {} (", self.name);
        for (at, column) in self.columns.iter().enumerate() {
            let word = match column.data_type {
                Type::Double => "DOUBLE",
                // Room for what changes make of it: always quarters.
                Type::Decimal => "DECIMAL(20, 2)",
                Type::Text => "VARCHAR",
                // An INTEGER PRIMARY KEY would number its rows by itself in SQLite.
                _ => "INT",
            };
            let not_null = if self.primary.contains(&at) { " NOT NULL" } else { "" };
            let _ = write!(create, "{}{} {word}{not_null}", if at > 0 { ", " } else { "" }, column.name);
        }
        if !self.primary.is_empty() {
            let names: Vec<&str> = self.primary.iter().map(|at| self.columns[*at].name.as_str()).collect();
            let _ = write!(create, ", PRIMARY KEY ({})", names.join(", "));
        }
        create.push(')');
        let mut all = vec![create];
        if !self.rows.is_empty() {
            let rows: Vec<String> = self.rows.iter().map(|row| format!("({})", row.join(", "))).collect();
            all.push(format!("INSERT INTO {} VALUES {}", self.name, rows.join(", ")));
        }
        all
    }
}
