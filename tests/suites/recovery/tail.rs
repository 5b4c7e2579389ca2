//! The file cut at each length: a clear error, or a version that the model knows, whole.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use treering::ErrorKind;
use treering::disk::Disk;
use treering_tests::life::said;
use treering_tests::{Chronicle, Seed, Shape, SimulatedDisk, drive};

use crate::steps;

/// L3, L8: every length of a small file.
#[test]
fn l3_file_cut_at_every_length() {
    let seed = Seed::of("l3_file_cut_at_every_length");
    let options = drive::small_options();
    let mut chronicle = Chronicle::begin(&options).expect("a new store");
    chronicle.live(&steps(seed, &Shape::tiny(), 20)).expect("no promise is broken");
    let file = chronicle.disk().bytes();
    let model = chronicle.model_at(usize::MAX);
    let mut opened = 0;
    for len in 0..=file.len() {
        let disk = SimulatedDisk::holding(&file[..len]) as Arc<dyn Disk>;
        let looked = catch_unwind(AssertUnwindSafe(|| match options.open_read_only_on(disk) {
            Ok(store) => {
                let version = store.version();
                let expected = model.clone().recovered(version).cloned()?;
                drive::compare(&store.snapshot(), &expected).map(|()| true)
            }
            Err(e) if [ErrorKind::Corrupt, ErrorKind::NotAStore].contains(&e.kind()) && e.to_string().len() > 20 => Ok(false),
            Err(e) => Err(format!("{e:?}")),
        }));
        match looked.unwrap_or_else(|panic| Err(said(&*panic))) {
            Ok(is_open) => opened += usize::from(is_open),
            Err(what) => panic!("TREERING_SEED={}, cut to {len} of {} bytes: {what}", seed.number(), file.len()),
        }
    }
    assert!(opened > 0, "the whole file opens");
}
