//! Databases that are sound when their tests are over: tables, indexes, and the store below them.

use std::ops::Deref;

use treering_sql::Database;

/// Derefs to the database and checks it at the end.
pub(crate) struct Checked(pub(crate) Database);

impl Checked {
    /// An empty database in memory.
    pub(crate) fn in_memory() -> Checked {
        Checked(Database::in_memory().expect("a database in memory"))
    }
}

impl Deref for Checked {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.0
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.0.check().expect("a sound catalogue"), Vec::<String>::new());
            let report = self.0.store().check().expect("a sound store");
            assert!(report.is_sound(), "{report}");
        }
    }
}
