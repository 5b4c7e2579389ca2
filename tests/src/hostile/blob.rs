//! Any bytes as a blob, or as the LZ4 stream of one: checked, restored, opened in place, its log listed.

use std::ops::ControlFlow;

use super::exercise;
use crate::checked::Sound;
use crate::drive::small_options;
use crate::folder::Folder;

/// Treats the bytes as a blob.
///
/// # Panics
/// If what was restored is not sound, or if something stands where a restore failed.
pub fn run(bytes: &[u8]) {
    let folder = Folder::new();
    let (path, to) = (folder.write("blob", bytes), folder.file("restored"));
    let _ = treering::verify(&path);
    match treering::restore(&path, &to) {
        Ok(_) => {
            let store = small_options().open_read_only(&to).expect("what was restored was checked");
            assert_eq!(store.problems(), Vec::<String>::new(), "what was restored was checked");
        }
        Err(_) => assert_eq!(folder.names(), ["blob"], "a restore that fails leaves nothing"),
    }
    let _ = treering::commits(&path, 0, |commit| {
        let _ = commit.changes.len();
        ControlFlow::Continue(())
    });
    // An LZ4 stream is no store, and says so at once.
    exercise::file(bytes);
}
