//! What the schema has, asked of INFORMATION_SCHEMA: for commands that list it, and for completion.

use treering_sql::{Connection, Result};

/// Tables and views by name, and by kind.
pub(super) fn tables(like: Option<&str>) -> String {
    let filter = like.map_or(String::new(), |like| format!(" WHERE LOWER(TABLE_NAME) LIKE {}", lower(like)));
    format!(
        "SELECT TABLE_NAME AS \"name\", CASE TABLE_TYPE WHEN 'VIEW' THEN 'view' ELSE 'table' END AS \"kind\", REMARKS AS \"comment\" \
         FROM INFORMATION_SCHEMA.TABLES{filter} ORDER BY TABLE_NAME"
    )
}

/// Indexes, of one table or of all.
pub(super) fn indexes(table: Option<&str>) -> String {
    let filter = table.map_or(String::new(), |table| format!(" WHERE LOWER(TABLE_NAME) = {}", lower(table)));
    format!(
        "SELECT TABLE_NAME AS \"table\", INDEX_NAME AS \"name\", GROUP_CONCAT(COLUMN_NAME ORDER BY ORDINAL_POSITION SEPARATOR ', ') AS \"columns\", \
         IS_UNIQUE AS \"unique\" FROM INFORMATION_SCHEMA.INDEX_COLUMNS{filter} GROUP BY TABLE_NAME, INDEX_NAME, IS_UNIQUE ORDER BY 1, 2"
    )
}

fn lower(text: &str) -> String {
    format!("'{}'", text.to_lowercase().replace('\'', "''"))
}

/// The names of a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// Each table and view with its columns.
    pub(crate) tables: Vec<(String, Vec<String>)>,
    pub(crate) indexes: Vec<String>,
    pub(crate) sequences: Vec<String>,
}

impl Names {
    /// Reads them as the connection's next statement would meet them.
    pub(crate) fn read(connection: &Connection) -> Result<Names> {
        let list = |sql: &str| connection.prepare(sql)?.query_map((), |row| row.get::<String>(0));
        let mut names = Names {
            tables: Vec::new(),
            indexes: list(
                "SELECT DISTINCT INDEX_NAME FROM INFORMATION_SCHEMA.INDEXES WHERE INDEX_NAME IS NOT NULL ORDER BY INDEX_NAME",
            )?,
            sequences: list("SELECT SEQUENCE_NAME FROM INFORMATION_SCHEMA.SEQUENCES ORDER BY SEQUENCE_NAME")?,
        };
        let columns = "SELECT TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS ORDER BY TABLE_NAME, ORDINAL_POSITION";
        connection.prepare(columns)?.query_each((), |row| {
            let (table, column): (&str, &str) = (row.get(0)?, row.get(1)?);
            match names.tables.last_mut() {
                Some((last, columns)) if last == table => columns.push(column.to_owned()),
                _ => names.tables.push((table.to_owned(), vec![column.to_owned()])),
            }
            Ok::<(), treering_sql::Error>(())
        })?;
        Ok(names)
    }

    /// The table's name as it was written, for a name in whatever case.
    pub(crate) fn table(&self, name: &str) -> Option<&(String, Vec<String>)> {
        self.tables.iter().find(|(table, _)| table.eq_ignore_ascii_case(name))
    }
}
