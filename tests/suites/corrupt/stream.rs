//! Damage to a blob as an LZ4 stream: it is refused, or restored as it was; and what stands before the damage is salvaged.

use treering::{BlobForm, Options};
use treering_tests::{Folder, drive};

use crate::small::{Flavour, build};

/// L8: no byte of a stream makes a wrong store, and no length of it.
#[test]
fn corrupt_lz4_stream() {
    let built = build(Flavour::Twins);
    let store = built.options.in_memory().expect("a store");
    let txn = store.begin_write().expect("the turn");
    for name in built.state.tables() {
        let mut table = txn.create_table(name).expect("a table");
        table.load_sorted(built.state.table(name).expect("its own")).expect("entries");
    }
    txn.commit().expect("a commit");
    let mut stream = Vec::new();
    store.snapshot().write_blob(&mut stream, BlobForm::Lz4).expect("a stream");
    let folder = Folder::new();
    let (mut right, mut refused) = (0, 0);
    let flips = (0..stream.len()).step_by(stream.len() / 400 + 1).map(|at| (at, stream.len()));
    let cuts = (0..stream.len()).step_by(stream.len() / 60 + 1).map(|len| (usize::MAX, len));
    for (n, (at, len)) in flips.chain(cuts).enumerate() {
        let mut bad = stream[..len].to_vec();
        if let Some(byte) = bad.get_mut(at) {
            *byte ^= 0x11;
        }
        let (blob, to) = (folder.write("bad.blob", &bad), folder.file("new.ring"));
        match treering::restore(&blob, &to) {
            Ok(_) => {
                let restored = Options::new().open_read_only(&to).expect("it was checked");
                drive::compare(&restored.snapshot(), &built.state).unwrap_or_else(|e| panic!("byte {at} of {len}: {e}"));
                right += 1;
            }
            Err(_) => refused += 1,
        }
        let _ = std::fs::remove_file(&to);
        if n % 5 == 0
            && let Ok(report) = treering::salvage(&blob, &to, |_| {})
        {
            let mended = Options::new().open_read_only(&to).expect("it was made whole");
            let snapshot = mended.snapshot();
            let reader = snapshot.reader();
            for table in report.tables.iter().filter(|table| table.entries > 0) {
                let entries = built.state.table(&table.name).expect("a table of the store");
                for entry in reader.table(&table.name).and_then(|table| table.iter()).expect("a table") {
                    let (key, value) = entry.expect("a new store");
                    assert_eq!(entries.get(&*key).map(Vec::as_slice), Some(value), "byte {at} of {len}: {report}");
                }
            }
            drop(reader);
            drop((snapshot, mended));
            std::fs::remove_file(&to).expect("it was made");
        }
    }
    assert!(refused > 100 && right + refused > 300, "{right} right, {refused} refused");
}
