//! The seeds of the corpus: small valid inputs, from which a fuzzer starts.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use treering::disk::Disk;
use treering::{BlobForm, Options, RegionKind, Store};
use treering_tests::hostile::sealed::{SEEDS, seed_path};
use treering_tests::{Change, Durability, Model, SimulatedDisk, drive};

fn insert(table: &str, key: u64, len: usize) -> Change {
    let value = (0..len).map(|i| if i % 8 < 6 { b'v' } else { (key as usize * 31 + i) as u8 }).collect();
    Change::Insert { table: table.into(), key: format!("key-{key:04}").into_bytes(), value }
}

fn commit(store: &Store, model: &mut Model, changes: &[Change]) {
    drive::commit(store, model, Durability::Synced, changes).expect("no promise is broken");
}

fn options(name: &str) -> Options {
    drive::small_options().strict(name == "strict").lz4(name == "compressed")
}

/// One of everything: two tables, leaves, a branch, a large value, records behind the seal.
fn fill(store: &Store, model: &mut Model) {
    let tables = ["t", "u"].map(|table| Change::CreateTable { table: table.into() });
    commit(store, model, &tables);
    let load: Vec<Change> = (0..50).map(|key| insert("t", key, 110)).chain([insert("u", 1, 2500)]).collect();
    commit(store, model, &load);
    store.checkpoint().expect("checkpoint");
    for round in 0..3 {
        commit(store, model, &[insert("t", round * 9, 90), insert("u", round, 20)]);
    }
    commit(
        store,
        model,
        &[Change::Remove { table: "t".into(), key: b"key-0001".to_vec() }, Change::CreateTable { table: "w".into() }],
    );
}

/// The file of a seed. Compacted before its last commits, so that it stays small.
fn store(name: &str) -> Vec<u8> {
    let mut model = Model::new();
    let mut disk = SimulatedDisk::new();
    let open = |disk: &Arc<SimulatedDisk>| options(name).open_on(Arc::clone(disk) as Arc<dyn Disk>).expect("opens");
    let mut store = open(&disk);
    fill(&store, &mut model);
    if name == "blob" {
        let mut blob = Vec::new();
        store.snapshot().write_blob(&mut blob, BlobForm::Plain).expect("blob");
        return blob;
    }
    store.compact().expect("compact");
    commit(&store, &mut model, &[insert("t", 7, 90), insert("u", 7, 20)]);
    match name {
        "closed" | "compressed" => {
            store.compact().expect("compact");
            store.close().expect("close");
        }
        "runs" => {
            // Each open begins a run, and none is closed.
            let next = SimulatedDisk::holding(&disk.bytes());
            drop(std::mem::replace(&mut store, open(&next)));
            disk = next;
            commit(&store, &mut model, &[Change::Remove { table: "t".into(), key: b"key-0002".to_vec() }]);
            return disk.bytes();
        }
        _ => return disk.bytes(),
    }
    disk.bytes()
}

/// The file without the free space at its end: most of it, and all zeros.
fn trimmed(name: &str, mut file: Vec<u8>) -> Vec<u8> {
    let opened = options(name).open_read_only_on(SimulatedDisk::holding(&file)).expect("opens");
    let used = opened.layout().into_iter().filter(|region| !matches!(region.kind, RegionKind::Free));
    let end = used.map(|region| region.offset + region.len).max().expect("headers at least");
    file.truncate(end as usize);
    file
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    fs::create_dir_all(&folder).expect("a folder of the corpus");
    fs::write(folder.join(format!("seed-{name}")), bytes).expect("a seed");
}

/// The first byte of an input chooses; the rest is what it is about.
fn chosen(mode: u8, bytes: &[u8]) -> Vec<u8> {
    [&[mode], bytes].concat()
}

/// Every seed opens as what it is. With `TREERING_BLESS` they are written anew.
#[test]
fn corpus_seeds_are_valid() {
    if std::env::var_os("TREERING_BLESS").is_some() {
        bless();
    }
    for name in SEEDS {
        let file = fs::read(seed_path(name)).expect("a seed; TREERING_BLESS=1 makes it");
        let disk = SimulatedDisk::holding(&file);
        let store = options(name).open_read_only_on(disk).expect("a seed opens");
        assert!(store.check().expect("check").is_sound(), "{name}");
        assert_eq!(
            store.snapshot().reader().table("t").expect("table").get(b"key-0030").expect("get").map(<[u8]>::len),
            Some(110)
        );
    }
}

fn bless() {
    for name in SEEDS {
        write("store", name, &trimmed(name, store(name)));
        sealed(name);
        salvages(name);
    }
    blobs();
    pages();
    structures();
    lives();
    imports();
    #[cfg(feature = "sql")]
    sql();
}

/// Edits of each kind of each seed.
fn sealed(name: &str) {
    let seed = SEEDS.iter().position(|seed| *seed == name).expect("one of them") as u8;
    // A field of a seal made larger; a field of a page; a header's run; a body of changes.
    let body = [&[seed, 3, 0, 0, 0, 1, 0, 40][..], &[12, 1, 1, 1, b'x', 3, b'y', b'y', b'y', 2, 1, 1, b'x', 5, 2]].concat();
    write("sealed", &format!("{name}-body"), &body);
    write("sealed", &format!("{name}-fields"), &[seed, 8, 3, 0, 14, 0, 2, 1, 8, 6, 1, 9, 0, 2, 3, 8, 0, 0, 13, 0, 3, 1]);
    write("sealed", &format!("{name}-part"), &[seed, 2, 6, 0, 1, 2, 4, 0, 0]);
}

/// Edits as they are and with right checksums, and sectors that are blanked: both headers, pages, the last chunk's end.
fn salvages(name: &str) {
    let seed = SEEDS.iter().position(|seed| *seed == name).expect("one of them") as u8;
    let fields = [seed, 8, 3, 0, 14, 0, 2, 1, 8, 6, 1, 9, 0, 2, 3, 8, 0, 0, 13, 0, 3, 1];
    write("salvage", &format!("{name}-damaged"), &chosen(1, &fields));
    write("salvage", &format!("{name}-forged"), &chosen(2, &fields));
    let mut sectors = [0; 32];
    for (n, sector) in [0_u8, 8, 16, 40, 60, 70, 90, 98].into_iter().enumerate() {
        sectors[2 * n + 1] = sector;
    }
    write("salvage", &format!("{name}-blanked"), &chosen(3, &[&sectors[..], &[seed]].concat()));
    // Both headers alone: what is left must tell everything.
    sectors[4..].fill(0);
    write("salvage", &format!("{name}-headless"), &chosen(4, &[&sectors[..], &[seed]].concat()));
}

fn blobs() {
    let disk = SimulatedDisk::new();
    let store = options("blob").open_on(disk).expect("opens");
    fill(&store, &mut Model::new());
    for (name, form) in [("plain", BlobForm::Plain), ("lz4", BlobForm::Lz4)] {
        let mut blob = Vec::new();
        store.snapshot().write_blob(&mut blob, form).expect("blob");
        write("blob", name, &blob);
    }
}

/// The pages of two of the stores.
fn pages() {
    use treering::format::chunk::{ChunkTail, TAIL_LEN};
    for name in ["closed", "compressed"] {
        let file = store(name);
        let disk = SimulatedDisk::holding(&file);
        let store = options(name).open_read_only_on(disk).expect("opens");
        let chunks = store.layout().into_iter().filter(|region| matches!(region.kind, RegionKind::Chunk { .. }));
        for region in chunks {
            let extent = &file[region.offset as usize..(region.offset + region.len) as usize];
            let tail = ChunkTail::decode(&extent[extent.len() - TAIL_LEN..], region.len).expect("a tail");
            let directory = tail.directory as usize;
            let directory = tail.check(&extent[directory..directory + tail.directory_len() as usize]).expect("a directory");
            for (ordinal, offset) in directory.pages().take(4) {
                let page = &extent[offset as usize..];
                let len = u32::from_le_bytes([page[4], page[5], page[6], page[7]]) as usize;
                write("page", &format!("{name}-{}-{ordinal}", tail.id), &chosen(1, &page[..len]));
            }
        }
    }
}

fn structures() {
    use treering::format::TableId;
    use treering::format::change::{self, put_commit};
    let file = store("killed");
    write("format", "header", &chosen(0, &file[..216]));
    write("format", "segment", &chosen(3, &file[8192..8256]));
    let (table, mut changes, mut body) = (TableId(1), Vec::new(), Vec::new());
    change::create_table(&mut changes, table, "jobs", true);
    change::put(&mut changes, table, b"key", b"value");
    change::remove(&mut changes, table, b"key");
    change::remove_range(&mut changes, table, std::ops::Bound::Included(b"a"), std::ops::Bound::Unbounded);
    change::rename_table(&mut changes, table, "tasks");
    change::drop_table(&mut changes, table);
    put_commit(&mut body, &changes);
    write("format", "changes", &chosen(5, &changes));
    write("format", "commits", &chosen(6 | 1 << 3, &body));
    write("format", "numbers", &chosen(7, &body));
    let mut at = 8192 + 4096;
    let mut n = 0;
    while let Some((head, bytes)) = treering::format::record::check_record(&file[at..]) {
        let len = head.record_len() as usize;
        write("format", &format!("record-{n}"), &chosen(2, &file[at..at + len.min(600)]));
        if head.kind == treering::format::record::RecordKind::Seal {
            write("format", &format!("seal-{n}"), &chosen(1, bytes));
        }
        (at, n) = ((at + len).next_multiple_of(4096), n + 1);
    }
    let directory: Vec<u8> = [0_u32, 64, u32::MAX].iter().flat_map(|slot| slot.to_le_bytes()).collect();
    let mut tail = vec![0_u8; 64];
    (tail[8], tail[36], tail[40]) = (1, 2, 3);
    tail[48..56].copy_from_slice(&8192_u64.to_le_bytes());
    write("format", "chunk", &chosen(4, &[tail, directory].concat()));
}

/// Lives drawn from a few numbers: a fuzzer grows them.
fn lives() {
    for n in 0..8_u64 {
        let mut rng = fastrand::Rng::with_seed(n);
        let len = 200 + 150 * n as usize;
        let mut bytes: Vec<u8> = (0..len).map(|_| rng.u8(..)).collect();
        // Options and fault: each of the first is tried once.
        (bytes[0], bytes[1]) = (n as u8, n as u8);
        write("life", &n.to_string(), &bytes);
    }
}

fn imports() {
    let pods = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n\
                pod-0,12000,16384,1,1000,,LS,Running,0,12537496,0\n\n\"pod-1\",1,2,0,0,V100,BE,Pending,5,,\nbad,line\npod-0,1,1,0,0,,LS,Running,1,,1\n";
    let nodes = "sn,cpu_milli,memory_mib,gpu,model\nnode-0,96000,786432,8,G2\nnode-1,64000,262144,0,\nnode-1,1,1,1,\n";
    write("import", "pods", &chosen(0, pods.as_bytes()));
    write("import", "nodes", &chosen(3, nodes.as_bytes()));
    write("import", "escape", &chosen(5, "jobs/größe\0\x1b[31m\u{202e}\\".as_bytes()));
    write("import", "unescape", &chosen(6, b"a\\x00\\t\\\\\\xff"));
    write("import", "hex", &chosen(7, b"00ffAb"));
}

/// Statements of each kind, and lives drawn from a few numbers.
#[cfg(feature = "sql")]
fn sql() {
    let texts = [
        (
            "select",
            "SELECT t.a, count(*) FILTER (WHERE d) AS n FROM t LEFT JOIN u ON u.b = t.id WHERE t.b LIKE 'o%' GROUP BY t.a HAVING n > 0 ORDER BY 1 DESC NULLS LAST LIMIT 5 OFFSET 1",
        ),
        (
            "joins",
            "SELECT * FROM t JOIN u USING (a) FULL JOIN key ON f > t.c, v WHERE v.a = t.a OR EXISTS (SELECT 1 FROM t x WHERE x.a = u.b)",
        ),
        (
            "set",
            "WITH w (k) AS (SELECT a FROM t) SELECT k FROM w UNION ALL (VALUES (1), (2.5)) EXCEPT SELECT b FROM u INTERSECT SELECT 3 ORDER BY 1",
        ),
        ("in", "SELECT (a, b) IN (SELECT a, b FROM u), a NOT IN (1, NULL, ?), :x BETWEEN a AND 5 FROM t // note\n"),
        (
            "case",
            "SELECT CASE a WHEN 1 THEN 'one' ELSE coalesce(b, '-') END || substring(b FROM 2 FOR 1), CAST(c AS INT) % 3, -c * 1.5e0 FROM t",
        ),
        ("times", "SELECT c + INTERVAL '1' DAY, extract(YEAR FROM c), datediff('DAY', c, now()), day - 1 FROM u, key"),
        (
            "insert",
            "INSERT INTO t (a, b,) VALUES (1, DEFAULT), ((SELECT max(a) FROM u), 'x') ON CONFLICT (id) DO UPDATE SET a = excluded.a WHERE t.a > 1 RETURNING *",
        ),
        ("merge", "MERGE INTO u (a, b, c) KEY (a, b) VALUES (1, 2, NULL)"),
        ("update", "UPDATE t SET (a, b) = (1, 'x'), c = c + 1 FROM u WHERE u.b = t.id AND CASEWHEN(t.d, 1, 0) = 1"),
        (
            "create",
            "CREATE TABLE IF NOT EXISTS n (id IDENTITY, k VARCHAR(5) NOT NULL UNIQUE REFERENCES key (name) ON DELETE SET NULL, CONSTRAINT q CHECK (k <> ''), UNIQUE (id, k),)",
        ),
        (
            "alter",
            "ALTER TABLE IF EXISTS t DROP CONSTRAINT IF EXISTS c; ALTER TABLE t ADD COLUMN z DECIMAL(5, 2) DEFAULT 0 NOT NULL",
        ),
    ];
    for (name, text) in texts {
        write("sql_text", name, text.as_bytes());
    }
    for n in 0..10_u64 {
        let mut rng = fastrand::Rng::with_seed(n);
        let bytes: Vec<u8> = (0..300 + 60 * n as usize).map(|_| rng.u8(..)).collect();
        write("sql_store", &n.to_string(), &bytes);
    }
}
