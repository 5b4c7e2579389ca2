//! Tests of the model: a witness must be heard itself.

use super::*;

fn table() -> String {
    "t".into()
}

fn insert(key: &str, value: &str) -> Change {
    Change::Insert { table: table(), key: key.into(), value: value.into() }
}

fn create() -> Change {
    Change::CreateTable { table: table() }
}

fn drafted(changes: &[Change]) -> (Draft, Vec<Outcome>) {
    let mut draft = Model::new().begin();
    let outcomes = changes.iter().map(|change| draft.apply(change)).collect();
    (draft, outcomes)
}

/// Each change answers as its doc says.
#[test]
fn model_answers_changes() {
    let key = || b"k".to_vec();
    let cases: Vec<(Change, Outcome)> = vec![
        (insert("k", "v"), Outcome::NotFound),
        (create(), Outcome::Done),
        (create(), Outcome::Exists),
        (insert("k", "v"), Outcome::Done),
        (Change::Replace { table: table(), key: key(), value: b"w".to_vec() }, Outcome::Value(Some(b"v".to_vec()))),
        (Change::Update { table: table(), key: key(), suffix: b"x".to_vec(), limit: 2 }, Outcome::Done),
        (Change::Take { table: table(), key: key() }, Outcome::Value(Some(b"wx".to_vec()))),
        (Change::Remove { table: table(), key: key() }, Outcome::Was(false)),
        (insert("a", "1"), Outcome::Done),
        (insert("b", "2"), Outcome::Done),
        (insert("c", "3"), Outcome::Done),
        (Change::PopFirst { table: table() }, Outcome::Entry(Some((b"a".to_vec(), b"1".to_vec())))),
        (Change::PopLast { table: table() }, Outcome::Entry(Some((b"c".to_vec(), b"3".to_vec())))),
        (Change::RemoveRange { table: table(), start: Bound::Unbounded, end: Bound::Excluded(b"b".to_vec()) }, Outcome::Count(0)),
        (
            Change::RemoveRange { table: table(), start: Bound::Included(b"z".to_vec()), end: Bound::Included(b"a".to_vec()) },
            Outcome::Count(0),
        ),
        (Change::RemoveRange { table: table(), start: Bound::Excluded(b"a".to_vec()), end: Bound::Unbounded }, Outcome::Count(1)),
        (Change::PopFirst { table: table() }, Outcome::Entry(None)),
        (Change::RenameTable { old: table(), new: table() }, Outcome::Exists),
        (Change::RenameTable { old: table(), new: "u".into() }, Outcome::Done),
        (Change::RenameTable { old: table(), new: "u".into() }, Outcome::NotFound),
        (Change::DropTable { table: "u".into() }, Outcome::Done),
        (Change::DropTable { table: "u".into() }, Outcome::NotFound),
    ];
    let mut draft = Model::new().begin();
    for (change, expected) in cases {
        assert_eq!(draft.apply(&change), expected, "{change:?}");
    }
}

/// An update that outgrows its limit removes the entry.
#[test]
fn model_update_can_remove() {
    let update = Change::Update { table: table(), key: b"k".to_vec(), suffix: b"xyz".to_vec(), limit: 3 };
    let (draft, _) = drafted(&[create(), update.clone()]);
    assert_eq!(draft.state().len(), 1);
    let (draft, _) = drafted(&[create(), update.clone(), update]);
    assert_eq!(draft.state().len(), 0);
}

/// Rolling back makes later savepoints invalid and leaves the one it went to.
#[test]
fn model_savepoints_nest() {
    let changes = [create(), Change::Savepoint, insert("a", "1"), Change::Savepoint, insert("b", "2")];
    let (mut draft, _) = drafted(&changes);
    assert_eq!(draft.savepoint_count(), 2);
    draft.apply(&Change::RollBack { to: 1 });
    assert_eq!((draft.state().len(), draft.savepoint_count()), (1, 2));
    draft.apply(&Change::RollBack { to: 2 });
    assert_eq!((draft.state().len(), draft.savepoint_count()), (0, 1));
    draft.apply(&insert("c", "3"));
    draft.apply(&Change::RollBack { to: 0 });
    assert_eq!(draft.state().len(), 0);
    let (draft, _) = drafted(&[create(), Change::RollBack { to: 3 }]);
    assert_eq!(draft.state().tables().count(), 1, "without a savepoint nothing is rolled back");
}

/// Each version keeps what it held; a difference is found wherever it is.
#[test]
fn model_keeps_versions_apart() {
    let mut model = Model::new();
    for (version, value) in [(1, "one"), (2, "two"), (5, "five")] {
        let mut draft = model.begin();
        draft.apply(&create());
        draft.apply(&insert("k", value));
        model.commit(version, draft);
    }
    assert_eq!(model.at(1).table("t").and_then(|t| t.get(b"k".as_slice())), Some(&b"one".to_vec()));
    assert_eq!(model.at(1).difference(model.at(1)), None);
    assert_eq!(model.at(1).difference(model.at(2)).as_deref(), Some("table t: key \"k\" holds \"two\" instead of \"one\""));
    assert_eq!(model.at(0).difference(model.at(1)).as_deref(), Some("table t should not be there"));
    assert_eq!(model.at(1).difference(model.at(0)).as_deref(), Some("table t is missing"));
    let (mut more, mut fewer) = (model.at(1).clone(), model.at(1).clone());
    more.set_table("t", Entries::from([(b"k".to_vec(), b"one".to_vec()), (b"l".to_vec(), vec![])]));
    fewer.set_table("t", Entries::new());
    assert_eq!(model.at(1).difference(&more).as_deref(), Some("table t: key \"l\" should not be there"));
    assert_eq!(model.at(1).difference(&fewer).as_deref(), Some("table t: key \"k\" is missing"));
}

/// L3 as the model states it: what was durable is there, what was never written is not, and what was dropped stays dropped.
#[test]
fn model_bounds_recovery() {
    let mut model = Model::new();
    for version in 1..=6 {
        model.commit(version, model.begin());
    }
    model.synced(3);
    assert!(model.clone().recovered(2).is_err());
    assert!(model.clone().recovered(7).is_err());
    assert!(model.clone().recovered(3).is_ok() && model.clone().recovered(6).is_ok());
    assert!(model.recovered(4).is_ok());
    assert_eq!((model.newest().0, model.floor()), (4, 4));
    assert!(model.recovered(3).is_err(), "a version that was opened once is never lost again");
    model.commit(5, model.begin());
    model.keep_only(&[1]);
    assert!(std::panic::catch_unwind(|| model.at(2).len()).is_err(), "forgotten");
    assert_eq!((model.at(1).len(), model.at(4).len(), model.at(5).len()), (0, 0, 0));
}

/// Versions go up.
#[test]
#[should_panic(expected = "was there already")]
fn model_refuses_a_version_twice() {
    let mut model = Model::new();
    model.commit(1, model.begin());
    model.commit(1, model.begin());
}
