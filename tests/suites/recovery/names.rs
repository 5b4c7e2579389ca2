//! A file's name is on the medium before anybody is told that the file is there (FORMAT 2, item 3).

use std::path::Path;

use treering::disk::{NameStep, take_name_steps};
use treering::{BlobForm, Create, Store};
use treering_tests::{Checked, Folder, drive};

/// L3: a created store, a backup and a restored one are there after a crash: their directory is synced, behind the naming.
#[test]
#[cfg(unix)]
fn l3_names_are_synced() {
    let folder = Folder::new();
    let (store, backup, restored) = (folder.file("store"), folder.file("backup"), folder.file("restored"));
    let synced = NameStep::Synced(folder.path().to_owned());
    let named = |path: &Path| [NameStep::Named(path.to_owned()), synced.clone()];
    let _ = take_name_steps();
    let store: Store = drive::small_options().create(Create::New).open(store).expect("a new store");
    assert_eq!(take_name_steps(), std::slice::from_ref(&synced), "a new store");
    let store = Checked::new("the store", store);
    store.snapshot().backup_to(&backup, BlobForm::Lz4).expect("a backup");
    assert_eq!(take_name_steps(), named(&backup), "a backup");
    treering::restore(&backup, &restored).expect("a restored store");
    assert_eq!(take_name_steps(), named(&restored), "a restored store");
    let restored = drive::small_options().open(&restored).expect("it opens");
    Checked::new("the restored store", restored).check();
}
