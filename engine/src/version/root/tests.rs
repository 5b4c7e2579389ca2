//! Publishing beside readers, without files: what miri can run of the `unsafe` here.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;

fn root(version: u64) -> Root {
    let table = TableEntry { name: format!("table {version}").into(), id: TableId(1), lz4: false };
    let catalogue = Catalogue { tables: vec![table], next_table: TableId(2) };
    let trees = Arc::new([Tree { len: version, ..Tree::default() }]);
    Root { version: Version(version), moment: Moment(version), catalogue: Arc::new(catalogue), trees, since: Instant::now() }
}

/// A root that says nothing but one version.
fn check(root: &Root) -> Version {
    let (entry, tree) = root.table(&format!("table {}", root.version)).expect("its own table");
    assert_eq!((entry.id, tree.len), (TableId(1), root.version.0));
    root.version
}

/// A held root stays while it is held, and no longer: as the reclaimer keeps the books, nothing is read after it was freed.
#[test]
fn held_roots_stay() {
    let versions = Versions::new(root(1));
    let (first, second) = (versions.pin(), versions.pin());
    let clone = versions.repin(&first);
    let mut kept = BTreeMap::new();
    for version in 2..6 {
        let retired = versions.publish(root(version));
        assert!(retired.root().since <= Instant::now());
        kept.insert(Moment(version - 1), retired);
    }
    let mut held = Vec::new();
    versions.registry.registered(&mut held);
    kept.retain(|version, _| held.contains(version));
    assert_eq!((held, kept.len()), (vec![Moment(1)], 1));
    assert_eq!((check(first.root()), check(second.root()), check(clone.root())), (Version(1), Version(1), Version(1)));
    assert_eq!(check(versions.current(&epoch::pin())), Version(5));
    [first, second, clone].iter().for_each(|pinned| versions.unpin(pinned));
}

/// Readers that open and drop snapshots beside a publisher never see a root that was freed, nor versions that go back.
#[test]
fn readers_beside_a_publisher() {
    let versions = Versions::new(root(1));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut before = Version(0);
                while !done.load(Ordering::Acquire) {
                    let pinned = versions.pin();
                    let version = check(pinned.root());
                    assert!(version >= before);
                    before = version;
                    versions.unpin(&pinned);
                }
            });
        }
        let (mut kept, mut held) = (BTreeMap::new(), Vec::new());
        for version in 2..40 {
            kept.insert(Moment(version - 1), versions.publish(root(version)));
            versions.registry.registered(&mut held);
            kept.retain(|version, _| held.binary_search(version).is_ok());
        }
        done.store(true, Ordering::Release);
    });
}
