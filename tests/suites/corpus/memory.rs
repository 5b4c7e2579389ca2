//! L8: what ends up in a file was written there on purpose.

use std::fs;
use std::path::Path;
use std::process::Command;

use treering::{BlobForm, Options};
use treering_tests::allocation::filled_with;
use treering_tests::drive::small_options;
use treering_tests::{Chronicle, Model, Seed, Shape, SimulatedDisk, Workload};

const TEST: &str = "corpus_files_hold_no_memory_of_the_process";

fn kinds() -> [Options; 3] {
    [small_options(), small_options().lz4(true), small_options().strict(true)]
}

/// L8: memory of the process that nobody wrote does not get into the file, nor into a blob: one life gives the same bytes whatever its memory held before.
///
/// Each life has a process of its own: where chunks are put depends on when the epoch moves on, and that on what else the process does and did.
#[test]
fn corpus_files_hold_no_memory_of_the_process() {
    let seed = Seed::of(TEST);
    let dir = tempfile::tempdir().expect("a folder");
    for kind in 0..kinds().len() {
        let files = [0xA5_u8, 0x5A].map(|byte| life_elsewhere(seed, kind, byte, dir.path()));
        assert!(files[0].0.len() > 1 << 16 && files[0].1.len() > 1 << 13, "there is something to compare");
        let first_other = |a: &[u8], b: &[u8]| a.iter().zip(b).position(|(a, b)| a != b);
        let places = (first_other(&files[0].0, &files[1].0), first_other(&files[0].1, &files[1].1));
        assert!(files[0] == files[1], "kind {kind}: in file and blob at {places:?}");
    }
}

/// The file and the blob of a life in another process, whose new memory is filled with `byte`.
fn life_elsewhere(seed: Seed, kind: usize, byte: u8, dir: &Path) -> (Vec<u8>, Vec<u8>) {
    let mut command = Command::new(std::env::current_exe().expect("this test's program"));
    command.args(["--exact", "memory::corpus_life_in_another_process", "--nocapture"]);
    command.env("TREERING_SEED", seed.number().to_string()).env("TREERING_LIFE", dir);
    command.env("TREERING_KIND", kind.to_string()).env("TREERING_FILL", byte.to_string());
    let output = command.output().expect("the program runs again");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = |name: &str| fs::read(dir.join(format!("{name}-{kind}-{byte}"))).expect("what the other process wrote");
    (file("store"), file("blob"))
}

/// In the other process: lives, and leaves its file and its blob in the folder named by `TREERING_LIFE`. Without that variable there is nothing to do.
#[test]
fn corpus_life_in_another_process() {
    let Some(dir) = std::env::var_os("TREERING_LIFE") else { return };
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok()).expect("a number");
    let (kind, byte) = (number("TREERING_KIND"), number("TREERING_FILL") as u8);
    let seed = Seed::of(TEST);
    let options = kinds().into_iter().nth(kind).expect("one of the kinds");
    let steps = Workload::new(seed.part(kind as u64), Shape::small()).steps(120);
    let (store, blob) = filled_with(byte, || {
        let disk = SimulatedDisk::new();
        disk.repeat_from(seed);
        let mut chronicle = Chronicle::on(&options, disk, Model::new());
        chronicle.open().expect("a new store");
        chronicle.live(&steps).expect("no promise is broken");
        let mut blob = Vec::new();
        chronicle.store().snapshot().write_blob(&mut blob, BlobForm::Plain).expect("a blob");
        (chronicle.disk().bytes(), blob)
    });
    for (name, bytes) in [("store", store), ("blob", blob)] {
        fs::write(Path::new(&dir).join(format!("{name}-{kind}-{byte}")), bytes).expect("the folder can be written to");
    }
}
