//! A store that is checked when its test ends.
//!
//! Wraps whatever can say what is wrong with itself. The check runs at [`Checked::close`] and, for a test that forgets, on drop;
//! not while the test is failing already, for its first failure tells more than the ruins.

use std::ops::{Deref, DerefMut};
use std::thread;

/// Can say what is wrong with itself.
pub trait Sound {
    /// Every problem that a full check finds; none if it is sound. A check that cannot run is a problem too.
    fn problems(&self) -> Vec<String>;
}

impl Sound for treering::Store {
    fn problems(&self) -> Vec<String> {
        match self.check() {
            Ok(report) => report.problems().to_vec(),
            Err(e) => vec![format!("the check cannot run: {e:?}")],
        }
    }
}

/// The store, and in it rows, indexes and constraints.
#[cfg(feature = "sql")]
impl Sound for treering_sql::Database {
    fn problems(&self) -> Vec<String> {
        let mut problems = self.store().problems();
        match self.check() {
            Ok(found) => problems.extend(found),
            Err(e) => problems.push(format!("the check of the tables cannot run: {e:?}")),
        }
        problems
    }
}

/// Derefs to the store and checks it at the end.
#[derive(Debug)]
pub struct Checked<S: Sound> {
    /// Taken only by `close` and `unchecked`.
    store: Option<S>,
    name: String,
}

impl<S: Sound> Checked<S> {
    /// Checks `store` when the wrapper ends; `name` says which one it was.
    pub fn new(name: impl Into<String>, store: S) -> Checked<S> {
        Checked { store: Some(store), name: name.into() }
    }

    /// Checks now and goes on.
    ///
    /// # Panics
    /// If the store is not sound.
    #[track_caller]
    pub fn check(&self) {
        let problems = self.problems();
        assert!(problems.is_empty(), "{} is not sound:\n{}", self.name, problems.join("\n"));
    }

    /// Checks, and gives the store back for a close or a drop of the test's own.
    ///
    /// # Panics
    /// If the store is not sound.
    #[must_use]
    #[track_caller]
    pub fn close(self) -> S {
        self.check();
        self.unchecked()
    }

    /// Gives the store back without a check: for one that was damaged on purpose.
    ///
    /// # Panics
    /// Never: the store is there until this takes it.
    #[must_use]
    pub fn unchecked(mut self) -> S {
        self.store.take().expect("the store is there until the wrapper ends")
    }
}

impl<S: Sound> Deref for Checked<S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.store.as_ref().expect("the store is there until the wrapper ends")
    }
}

impl<S: Sound> DerefMut for Checked<S> {
    fn deref_mut(&mut self) -> &mut S {
        self.store.as_mut().expect("the store is there until the wrapper ends")
    }
}

impl<S: Sound> Drop for Checked<S> {
    fn drop(&mut self) {
        if self.store.is_some() && !thread::panicking() {
            self.check();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    struct Claims(Vec<String>);

    impl Sound for Claims {
        fn problems(&self) -> Vec<String> {
            self.0.clone()
        }
    }

    fn ill() -> Checked<Claims> {
        Checked::new("ill", Claims(vec!["page 3 is not reached".into()]))
    }

    /// A store that is not sound fails its test, whichever way the test ends.
    #[test]
    fn checked_catches_an_unsound_store() {
        assert!(catch_unwind(|| drop(ill())).is_err());
        assert!(catch_unwind(|| ill().close().0.len()).is_err());
        assert!(catch_unwind(|| ill().check()).is_err());
        assert_eq!(ill().unchecked().0.len(), 1);
    }

    /// A failing test is not turned into an abort by a second panic.
    #[test]
    fn checked_keeps_quiet_while_the_test_fails() {
        let failed = catch_unwind(|| {
            let _store = ill();
            panic!("first");
        });
        assert_eq!(failed.unwrap_err().downcast_ref::<&str>(), Some(&"first"));
    }

    /// A sound store passes.
    #[test]
    fn checked_lets_a_sound_store_pass() {
        let store = Checked::new("well", Claims(Vec::new()));
        store.check();
        assert!(store.close().0.is_empty());
    }
}
