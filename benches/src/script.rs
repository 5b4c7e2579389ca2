//! Dump and load: a database as a script and back, beside what the tool `sqlite3` does for `.dump` and `.read`.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use rusqlite::types::ValueRef;
use treering_benches::engine::Outcome;
use treering_sql::{Compression, ScriptOptions};

/// Writes our script.
pub(crate) fn dump_ours(connection: &treering_sql::Connection, to: &Path) -> Outcome<()> {
    Ok(connection.write_script(File::create(to)?, &ScriptOptions::default())?)
}

/// Runs it in an empty database.
pub(crate) fn load_ours(connection: &treering_sql::Connection, from: &Path) -> Outcome<()> {
    connection.run_script(File::open(from)?, Compression::None)?;
    Ok(())
}

/// The same lines as `.dump` gives: tables, an INSERT for each row, then indexes, in one transaction.
pub(crate) fn dump_theirs(connection: &rusqlite::Connection, to: &Path) -> Outcome<()> {
    let mut to = BufWriter::with_capacity(64 << 10, File::create(to)?);
    writeln!(to, "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;")?;
    connection.execute_batch("BEGIN")?;
    for (name, sql) in definitions(connection, "type = 'table'")? {
        writeln!(to, "{sql};")?;
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{name}\""))?;
        let width = statement.column_count();
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            write!(to, "INSERT INTO {name} VALUES(")?;
            for at in 0..width {
                if at > 0 {
                    to.write_all(b",")?;
                }
                match row.get_ref(at)? {
                    ValueRef::Null => to.write_all(b"NULL")?,
                    ValueRef::Integer(v) => write!(to, "{v}")?,
                    ValueRef::Real(v) => write!(to, "{v:?}")?,
                    ValueRef::Text(v) => {
                        let text = std::str::from_utf8(v)?;
                        match text.contains('\'') {
                            true => write!(to, "'{}'", text.replace('\'', "''"))?,
                            false => write!(to, "'{text}'")?,
                        }
                    }
                    ValueRef::Blob(_) => return Err("no bytes are measured here".into()),
                }
            }
            to.write_all(b");\n")?;
        }
    }
    for (_, sql) in definitions(connection, "type = 'index' AND sql IS NOT NULL")? {
        writeln!(to, "{sql};")?;
    }
    connection.execute_batch("COMMIT")?;
    writeln!(to, "COMMIT;")?;
    Ok(to.flush()?)
}

/// Runs that, a line at a time: given the whole text SQLite would copy what is left of it for each statement.
pub(crate) fn load_theirs(connection: &rusqlite::Connection, from: &Path) -> Outcome<()> {
    let mut from = BufReader::with_capacity(64 << 10, File::open(from)?);
    let mut statement = String::new();
    while from.read_line(&mut statement)? > 0 {
        if statement.trim_end().ends_with(';') {
            connection.execute_batch(&statement)?;
            statement.clear();
        }
    }
    Ok(())
}

fn definitions(connection: &rusqlite::Connection, which: &str) -> Outcome<Vec<(String, String)>> {
    let mut statement = connection.prepare(&format!("SELECT name, sql FROM sqlite_schema WHERE {which} ORDER BY rowid"))?;
    let all = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(all.collect::<Result<_, _>>()?)
}
