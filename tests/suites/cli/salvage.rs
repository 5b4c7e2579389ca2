//! Salvage: what is whole comes over, what is not is listed, and the damaged file stays as it is.

use serde_json::Value;

use crate::{Folder, Ran};

/// The command's JSON and its exit code.
fn salvage(folder: &Folder, from: &str, to: &str) -> (Value, Option<i32>) {
    let Ran { code, out, err } = folder.run(&["salvage", from, to, "--json"]);
    assert_eq!(err, "", "{out}");
    (serde_json::from_str(&out).expect("JSON"), code)
}

/// The offset and length of each region of this kind.
fn regions(folder: &Folder, name: &str, kind: &str) -> Vec<(usize, usize)> {
    let map = folder.run(&["chunks", name, "--json"]).json();
    let number = |region: &Value, field: &str| region[field].as_u64().expect("a number") as usize;
    let regions = map["regions"].as_array().expect("regions");
    regions.iter().filter(|r| r["kind"] == kind).map(|r| (number(r, "offset"), number(r, "len"))).collect()
}

/// A sound store comes over entry by entry, and so does a blob of either form.
#[test]
fn salvage_of_a_sound_store_is_equal() {
    let folder = Folder::with_tasks(40);
    folder.run(&["backup", "a.ring", "a.blob"]).ok();
    folder.run(&["backup", "a.ring", "a.lz4", "--lz4"]).ok();
    let before = folder.read("a.ring");
    for (from, to) in [("a.ring", "b.ring"), ("a.blob", "c.ring"), ("a.lz4", "d.ring")] {
        let said = folder.run(&["salvage", from, to]).ok();
        assert!(said.starts_with(&format!("{to}: complete, version 41\n")) && !said.contains("lost"), "{said}");
        for table in ["tasks", "jobs"] {
            assert_eq!(folder.run(&["scan", to, table]).ok(), folder.run(&["scan", "a.ring", table]).ok());
        }
    }
    assert_eq!(folder.read("a.ring"), before, "the damaged file was changed");
}

/// Without both headers everything is still found, and the report says what was believed.
#[test]
fn salvage_without_headers() {
    let mut folder = Folder::with_tasks(40);
    let mut bytes = folder.read("a.ring");
    bytes[..8192].fill(0);
    folder.write("bad.ring", &bytes);
    folder.run(&["info", "bad.ring"]).fails(2, "bad.ring");
    let (report, code) = salvage(&folder, "bad.ring", "b.ring");
    assert_eq!((code, &report["complete"], &report["version"]), (Some(0), &true.into(), &41.into()), "{report}");
    assert!(report["notes"].to_string().contains("no header is whole"), "{report}");
    assert_eq!(folder.run(&["scan", "b.ring", "tasks"]).ok(), folder.run(&["scan", "a.ring", "tasks"]).ok());
    assert_eq!(folder.read("bad.ring"), bytes, "the damaged file was changed");
}

/// A damaged page costs its own keys, which are named; the other table is complete; exit code 1.
#[test]
fn salvage_names_what_is_lost() {
    let mut folder = Folder::with_tasks(3);
    let mut bytes = folder.read("a.ring");
    let find = |bytes: &[u8]| bytes.windows(7).position(|window| window == b"RUNNING");
    let mut chunks = regions(&folder, "a.ring", "chunk").into_iter();
    let at = chunks.find_map(|(start, len)| Some(start + find(&bytes[start..start + len])?)).expect("a chunk with the tasks");
    bytes[at] ^= 1;
    folder.write("bad.ring", &bytes);
    let (report, code) = salvage(&folder, "bad.ring", "b.ring");
    assert_eq!((code, &report["complete"]), (Some(1), &false.into()), "{report}");
    let keys = report["losses"].as_array().expect("losses").iter().find(|loss| loss["kind"] == "keys").expect("keys");
    assert!(keys["table"] == "tasks" && keys["entries"] == 3, "{report}");
    assert_eq!(folder.run(&["scan", "b.ring", "jobs"]).ok(), folder.run(&["scan", "a.ring", "jobs"]).ok());
    let said = folder.run(&["salvage", "bad.ring", "c.ring"]);
    assert!(said.code == Some(1) && said.out.contains("\nlost\n  3 entries of table 'tasks'"), "{said:?}");
}

/// A file cut in the middle gives what is before the cut, and says that more is missing.
#[test]
fn salvage_of_a_truncated_file() {
    let mut folder = Folder::with_tasks(30);
    let whole = folder.read("a.ring");
    for blocks in [6, 12, 24] {
        let cut = whole[..(blocks * 4096).min(whole.len() - 1)].to_vec();
        folder.write("cut.ring", &cut);
        let name = format!("cut-{blocks}.ring");
        let ran = folder.run(&["salvage", "cut.ring", &name, "--json"]);
        assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
        folder.run(&["check", &name]).ok();
        assert_eq!(folder.read("cut.ring"), cut, "the damaged file was changed");
    }
}

/// Nothing is overwritten, nothing is left behind, and what is no store or somebody else's is refused as everywhere.
#[test]
fn salvage_refuses_as_others_do() {
    let mut folder = Folder::with_tasks(2);
    folder.write("there", b"mine");
    folder.write("notes.txt", "The quick brown fox. ".repeat(1000).as_bytes());
    folder.run(&["salvage", "a.ring", "there"]).fails(2, "is there already; it stays as it is");
    folder.run(&["salvage", "a.ring", "a.ring"]).fails(2, "is there already; it stays as it is");
    folder.run(&["salvage", "notes.txt", "b.ring"]).fails(2, "nothing of a store");
    folder.run(&["salvage", "missing", "b.ring"]).fails(2, "missing");
    let store = treering::Store::open(folder.path().join("a.ring")).expect("open");
    folder.run(&["salvage", "a.ring", "b.ring"]).fails(4, "a.ring");
    store.close().expect("close");
    assert_eq!(folder.read("there"), b"mine");
    assert_eq!(folder.names(), ["a.ring", "notes.txt", "there"]);
}
