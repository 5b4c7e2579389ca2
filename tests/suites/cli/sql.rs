//! `treering sql`: what statements give in each form, what stops them, and what files they are run on.

use std::io::Write;
use std::process::Stdio;

use crate::{Folder, Ran, program};

/// Two tables, and a value of each type.
pub(crate) const CLUSTER: &str = "
CREATE TABLE jobs (id IDENTITY, name VARCHAR NOT NULL UNIQUE);
CREATE TABLE tasks (
    id IDENTITY, job BIGINT NOT NULL REFERENCES jobs (id), state VARCHAR NOT NULL, note VARCHAR, cpu DECIMAL(6, 2),
    load DOUBLE, at TIMESTAMP, day DATE, ident UUID, bytes BLOB, ok BOOLEAN
);
CREATE INDEX tasks_by_state ON tasks (state, job);
CREATE VIEW running AS SELECT * FROM tasks WHERE state = 'RUNNING';
INSERT INTO jobs (name) VALUES ('web'), ('it''s, \"x\"');
INSERT INTO tasks (job, state, note, cpu, load, at, day, ident, bytes, ok) VALUES
    (1, 'RUNNING', 'größe', 1.50, 0.25, TIMESTAMP '2024-02-29 12:30:00.5', DATE '2024-02-29', '67e55044-10b1-426f-9247-bb680e5fe0c8', X'00ff', TRUE),
    (2, 'LOST', '', NULL, 1e300, NULL, NULL, NULL, NULL, FALSE),
    (2, 'LOST', 'NULL', -3, NULL, NULL, NULL, NULL, NULL, NULL);
";

impl Folder {
    /// A database with [`CLUSTER`].
    pub(crate) fn with_database() -> Folder {
        let folder = Folder::new();
        folder.run(&["sql", "a.ring", "--create", CLUSTER]).ok();
        folder
    }

    /// Runs `treering sql` with a text on its standard input.
    fn pipe(&self, args: &[&str], text: &[u8]) -> Ran {
        let mut child = program(&[&["sql"], args].concat());
        let mut child = child.current_dir(self.path()).stdin(Stdio::piped()).spawn().expect("the program starts");
        let mut input = child.stdin.take().expect("a pipe");
        // One that ends early reads no more: that is its right.
        let _ = input.write_all(text);
        drop(input);
        child.wait_with_output().expect("it ends").into()
    }
}

const QUERY: &str = "SELECT t.id, j.name, note, cpu, load FROM tasks t JOIN jobs j ON t.job = j.id ORDER BY t.id";

/// Statements may name files here, which the library refuses unless it is told otherwise: whoever runs the program may do what it may.
#[test]
fn statements_may_name_files() {
    let folder = Folder::with_database();
    folder.run(&["sql", "a.ring", "SCRIPT TO 'a.sql'"]).ok();
    folder.run(&["sql", "b.ring", "--create", "RUNSCRIPT FROM 'a.sql'"]).ok();
    let rows = |store: &str| folder.run(&["sql", store, "--mode", "csv", QUERY]).ok();
    assert_eq!(rows("b.ring"), rows("a.ring"));
}

/// Every form of a result, byte for byte: NULL, an empty text and the text NULL are told apart wherever the form can.
#[test]
fn each_mode_has_its_form() {
    let folder = Folder::with_database();
    let check = |mode: &str, expected: &str| {
        assert_eq!(folder.run(&["sql", "a.ring", "--mode", mode, QUERY]).ok(), expected, "{mode}");
    };
    check(
        "table",
        concat!(
            "  id   name        note       cpu    load\n",
            " ─────────────────────────────────────────\n",
            "   1   web         größe     1.50    0.25\n",
            "   2   it's, \"x\"             NULL   1e300\n",
            "   3   it's, \"x\"   'NULL'   -3.00    NULL\n",
        ),
    );
    check(
        "csv",
        "id,name,note,cpu,load\n1,web,größe,1.50,0.25\n2,\"it's, \"\"x\"\"\",\"\",,1e300\n3,\"it's, \"\"x\"\"\",NULL,-3.00,\n",
    );
    check(
        "json",
        concat!(
            "{\"id\":1,\"name\":\"web\",\"note\":\"größe\",\"cpu\":\"1.50\",\"load\":0.25}\n",
            "{\"id\":2,\"name\":\"it's, \\\"x\\\"\",\"note\":\"\",\"cpu\":null,\"load\":1e+300}\n",
            "{\"id\":3,\"name\":\"it's, \\\"x\\\"\",\"note\":\"NULL\",\"cpu\":\"-3.00\",\"load\":null}\n",
        ),
    );
    check(
        "line",
        concat!(
            "  id = 1\nname = web\nnote = größe\n cpu = 1.50\nload = 0.25\n\n",
            "  id = 2\nname = it's, \"x\"\nnote = \n cpu = NULL\nload = 1e300\n\n",
            "  id = 3\nname = it's, \"x\"\nnote = 'NULL'\n cpu = -3.00\nload = NULL\n",
        ),
    );
    check(
        "list",
        "id\tname\tnote\tcpu\tload\n1\tweb\tgröße\t1.50\t0.25\n2\tit's, \"x\"\t\t\\N\t1e300\n3\tit's, \"x\"\tNULL\t-3.00\t\\N\n",
    );
    check(
        "insert",
        concat!(
            "INSERT INTO \"result\" (\"id\", \"name\", \"note\", \"cpu\", \"load\") VALUES (1, 'web', 'größe', 1.50, 0.25);\n",
            "INSERT INTO \"result\" (\"id\", \"name\", \"note\", \"cpu\", \"load\") VALUES (2, 'it''s, \"x\"', '', NULL, 1e300);\n",
            "INSERT INTO \"result\" (\"id\", \"name\", \"note\", \"cpu\", \"load\") VALUES (3, 'it''s, \"x\"', 'NULL', -3.00, NULL);\n",
        ),
    );
    check(
        "markdown",
        concat!(
            "| id | name | note | cpu | load |\n|--:|---|---|--:|--:|\n| 1 | web | größe | 1.50 | 0.25 |\n",
            "| 2 | it's, \"x\" |  | NULL | 1e300 |\n| 3 | it's, \"x\" | 'NULL' | -3.00 | NULL |\n",
        ),
    );
    let json =
        folder.run(&["sql", "a.ring", "--json", "SELECT id, at, day, ident, bytes, ok, id FROM tasks WHERE id = 1"]).json();
    let expected = serde_json::json!({
        "id": 1, "at": "2024-02-29 12:30:00.5", "day": "2024-02-29", "ident": "67e55044-10b1-426f-9247-bb680e5fe0c8", "bytes": "00ff", "ok": true, "id_2": 1
    });
    assert_eq!(json, expected);
}

/// The text of NULL and the header are the user's to choose; a text that reads like NULL's stands in quotes.
#[test]
fn null_and_header_are_chosen() {
    let folder = Folder::with_database();
    let run = |args: &[&str]| folder.run(&[&["sql", "a.ring", "SELECT note, cpu FROM tasks ORDER BY id"], args].concat()).ok();
    assert_eq!(run(&["--mode", "csv", "--header", "off"]), "größe,1.50\n\"\",\nNULL,-3.00\n");
    assert_eq!(run(&["--mode", "csv", "--null", "NULL"]), "note,cpu\ngröße,1.50\n,NULL\n\"NULL\",-3.00\n");
    assert_eq!(run(&["--mode", "list", "--null", "-", "--header", "off"]), "größe\t1.50\n\t-\nNULL\t-3.00\n");
    assert_eq!(run(&["--header", "off", "--null", ""]), "  größe    1.50\n  ''\n  NULL    -3.00\n");
    folder.run(&["sql", "a.ring", "--mode", "csv", "--null", "a,b", "SELECT 1"]).fails(2, "NULL cannot be written as \"a,b\"");
    let script = b".mode csv\n.headers off\n.null none\nSELECT note, cpu FROM tasks WHERE id = 2;\n.null\nSELECT cpu FROM tasks WHERE id = 2;\n";
    assert_eq!(folder.pipe(&["a.ring"], script).ok(), ",none\n\n");
}

/// What INSERT mode prints makes the same rows again, of every type.
#[test]
fn inserts_make_the_same_rows() {
    let folder = Folder::with_database();
    let all = "SELECT * FROM tasks ORDER BY id";
    let inserts = folder.run(&["sql", "a.ring", "--mode", "insert", "--into", "copies", all]).ok();
    let table = "CREATE TABLE copies AS SELECT * FROM tasks WHERE FALSE;";
    folder.pipe(&["a.ring"], format!("{table}\n{inserts}").as_bytes()).ok();
    let rows = |query: &str| folder.run(&["sql", "a.ring", "--mode", "list", query]).ok();
    assert_eq!(rows("SELECT * FROM copies ORDER BY id"), rows(all));
}

/// A table's text can hold nothing that a terminal obeys; lines of a text stand below each other.
#[test]
fn tables_show_what_terminals_would_obey() {
    let folder = Folder::with_database();
    let text = "INSERT INTO jobs (name) VALUES ('\u{1b}[31mred\ttab\ntwo');";
    folder.pipe(&["a.ring"], text.as_bytes()).ok();
    let out = folder.run(&["sql", "a.ring", "SELECT id, name FROM jobs WHERE id = 3"]).ok();
    assert_eq!(out, "  id   name\n ─────────────────────────\n   3   \\u{1b}[31mred\\ttab\n       two\n");
}

/// A message that names a value shows it as a table does.
#[test]
fn messages_hold_nothing_that_terminals_obey() {
    let folder = Folder::with_database();
    let insert = "INSERT INTO jobs (name) VALUES ('\u{1b}[2J');";
    folder.pipe(&["a.ring"], insert.as_bytes()).ok();
    let ran = folder.pipe(&["a.ring"], insert.as_bytes());
    assert!(ran.code == Some(1) && ran.err.contains("(name) = (\\u{1b}[2J) is there already"), "{ran:?}");
    assert!(!ran.err.contains('\u{1b}'), "{ran:?}");
}

/// A result of any length is drawn in windows: the header is repeated only where columns become wider.
#[test]
fn long_tables_are_drawn_in_windows() {
    let folder = Folder::with_database();
    let digits = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))";
    let from = ["a", "b", "c", "d"].map(|name| format!("{digits} {name}(n)")).join(", ");
    let make = format!("CREATE TABLE numbers AS SELECT a.n * 1000 + b.n * 100 + c.n * 10 + d.n AS number FROM {from}");
    folder.run(&["sql", "a.ring", &make]).ok();
    let out = folder.run(&["sql", "a.ring", "SELECT number FROM numbers ORDER BY number"]).ok();
    let rows: Vec<u32> = out.lines().filter_map(|line| line.trim().parse().ok()).collect();
    assert!(rows.into_iter().eq(0..10_000), "{out}");
    assert_eq!(out.matches("number").count(), 1);
    let out = folder.run(&["sql", "a.ring", "SELECT 'x' || number * number AS square FROM numbers ORDER BY number"]).ok();
    assert!(out.matches("square").count() > 1 && out.matches("square").count() < 5, "{}", out.matches("square").count());
    assert_eq!(out.lines().filter(|line| line.trim().starts_with('x')).count(), 10_000);
}

/// The first statement that fails ends a script: exit code 1, the text, the line and the column, the line itself with a mark; what came before it stays.
#[test]
fn a_failure_says_where() {
    let mut folder = Folder::with_database();
    let script = "INSERT INTO jobs (name) VALUES ('kept');\n\nSELECT id FROM jobs WHERE\n    größe = 1 AND nmae = 'x';\nINSERT INTO jobs (name) VALUES ('not reached');\n";
    folder.write("load.sql", script.as_bytes());
    let ran = folder.run(&["sql", "a.ring", "--file", "load.sql"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert_eq!(ran.err, "treering: load.sql, line 4, column 5: there is no column größe\n  größe = 1 AND nmae = 'x'\n  ^\n");
    let ran = folder.pipe(&["a.ring"], b"SELECT 1 AS one;\nINSERT INTO jobs (name) VALUES\n ('kept');");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "  one\n ─────\n    1\n"));
    assert!(ran.err.starts_with("treering: standard input, line 2: unique key \"jobs_name_key\""), "{}", ran.err);
    assert!(ran.err.ends_with("\n  INSERT INTO jobs (name) VALUES\n"), "{}", ran.err);
    let ran = folder.run(&["sql", "a.ring", "SELECT 1", "SELECT nmae FROM jobs", "SELECT 3"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.err, "treering: argument 2, line 1, column 8: there is no column nmae\n  SELECT nmae FROM jobs\n         ^\n");
    let count = folder.run(&["sql", "a.ring", "--mode", "list", "--header", "off", "SELECT COUNT(*) FROM jobs"]).ok();
    assert_eq!(count, "3\n");
}

/// With --keep-going everything is tried, each failure is told, and the exit code is that of the first.
#[test]
fn keep_going_goes_on() {
    let folder = Folder::with_database();
    let script = b"SELECT 1 AS a;\nSELECT nope;\n.nope\nSELECT 2 AS a;\n";
    let ran = folder.pipe(&["a.ring", "--keep-going", "--mode", "csv"], script);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "a\n1\na\n2\n"));
    assert!(ran.err.contains("line 2, column 8: there is no column nope"), "{}", ran.err);
    assert!(ran.err.contains("line 3: there is no command '.nope'; .help lists them\n  .nope\n"), "{}", ran.err);
}

/// Statements go over lines, several stand on one, comments and literals hide their ends, and the last may go without a `;`.
#[test]
fn texts_are_cut_into_statements() {
    let folder = Folder::with_database();
    let script = "-- a comment; with an end\nSELECT 'a;\n.b' AS\n  text; SELECT /* ; \n.tables */ 2 AS two; // three;\n;;\nSELECT 3 AS three";
    let out = folder.pipe(&["a.ring", "--mode", "csv"], script.as_bytes()).ok();
    assert_eq!(out, "text\n\"a;\n.b\"\ntwo\n2\nthree\n3\n");
    for (text, message) in [
        ("SELECT 1;\nSELECT 'a\nb", "line 2, column 8: a text literal begins here and never ends\n  SELECT 'a\n         ^\n"),
        ("SELECT 1;\n/* a", "line 2, column 1: a comment begins here and never ends\n"),
        ("SELECT 1;\nSELECT 1 +", "line 2"),
    ] {
        let ran = folder.pipe(&["a.ring"], text.as_bytes());
        assert_eq!((ran.code, ran.out.is_empty()), (Some(1), false), "{text}: {ran:?}");
        assert!(ran.err.contains(message), "{text}: {}", ran.err);
    }
    assert_eq!(folder.pipe(&["a.ring"], b"\xef\xbb\xbf").ok(), "");
    assert_eq!(
        folder.pipe(&["a.ring", "--mode", "csv"], b"\xef\xbb\xbfSELECT 1 AS a;\r\nSELECT 2 AS a;\r\n").ok(),
        "a\n1\na\n2\n"
    );
    folder.pipe(&["a.ring"], b"\n\xff;").fails(2, "standard input, line 2: this is no text in UTF-8");
}

/// A transaction that is open at the end is rolled back, and that is a failure; so is one that a failing statement leaves behind.
#[test]
fn an_open_transaction_is_rolled_back() {
    let folder = Folder::with_database();
    folder
        .pipe(&["a.ring"], b"BEGIN; DELETE FROM tasks;")
        .fails(1, "the text ends within a transaction, which is rolled back: COMMIT is missing");
    let ran = folder.pipe(&["a.ring"], b"BEGIN;\nDELETE FROM tasks;\nSELECT nope;\nCOMMIT;\n");
    assert!(ran.code == Some(1) && ran.err.ends_with("\nthe open transaction is rolled back\n"), "{ran:?}");
    let count = "SELECT COUNT(*) AS n FROM tasks";
    assert_eq!(folder.run(&["sql", "a.ring", "--mode", "csv", count]).ok(), "n\n3\n");
    folder.pipe(&["a.ring"], b"BEGIN; DELETE FROM tasks; COMMIT;").ok();
    assert_eq!(folder.run(&["sql", "a.ring", "--mode", "csv", count]).ok(), "n\n0\n");
}

/// Commands stand among statements: they list, explain, read files and send results to files.
#[test]
fn commands_work_in_scripts() {
    let mut folder = Folder::with_database();
    let csv = |args: &[&str]| folder.run(&[&["sql", "a.ring", "--mode", "csv"], args].concat()).ok();
    assert_eq!(csv(&[".tables"]), "name,kind,comment\njobs,table,\nrunning,view,\ntasks,table,\n");
    assert_eq!(csv(&[".tables TA%"]), "name,kind,comment\ntasks,table,\n");
    let indexes = csv(&[".indexes TASKS"]);
    assert!(
        indexes.starts_with("table,name,columns,unique\n") && indexes.contains("\ntasks,tasks_by_state,\"state, job\",FALSE\n"),
        "{indexes}"
    );
    let plan = folder.run(&["sql", "a.ring", ".explain SELECT id FROM tasks WHERE state = 'LOST'"]).ok();
    assert!(plan.contains("tasks_by_state"), "{plan}");
    let explained = folder.run(&["sql", "a.ring", ".explain on", "SELECT id FROM tasks WHERE state = 'LOST'"]).ok();
    assert!(explained.starts_with(&plan) && explained.ends_with("\n   3\n"), "{explained}");
    assert!(folder.run(&["sql", "a.ring", ".help"]).ok().contains(".tables [PATTERN]"));
    folder.run(&["sql", "a.ring", ".quit", "SELECT nope"]).ok();
    folder.write("two.sql", b"SELECT 2 AS a;\n.read one.sql\n");
    folder.write("one.sql", b"SELECT 1 AS a;\n");
    folder.pipe(&["a.ring", "--mode", "csv"], b".output 'out file'\n.read two.sql\n.output\nSELECT 3 AS a;\n").ok();
    assert_eq!(folder.read("out file"), b"a\n2\na\n1\n");
    folder.write("one.sql", b".read two.sql\n");
    let ran = folder.run(&["sql", "a.ring", ".read one.sql"]);
    assert!(ran.code == Some(1) && ran.err.contains("more than 16 files read each other"), "{ran:?}");
    for (command, message) in [
        (".mode xml", "there is no mode 'xml'; there are: table, csv, json, line, list, insert, markdown"),
        (".output ./a.ring", "./a.ring is the database itself"),
        (".mode csv\n.null ','", "line 2: no CSV: NULL cannot be written as \",\""),
        (".t", "'.t' can be .tables or .timer"),
        (".timer maybe", "on or off is wanted, and not 'maybe'"),
        (".read", "usage: .read FILE"),
        (".read missing.sql", "reading missing.sql: No such file"),
        (".read 'missing", "the closing ' is missing"),
        (".output missing/x", "writing missing/x: No such file"),
        (".indexes nope", "there is no table or view 'nope'; .tables lists them"),
        (".explain SELECT nope", "column 17: there is no column nope"),
    ] {
        let ran = folder.run(&["sql", "a.ring", command]);
        assert!(ran.code == Some(1) && ran.err.contains(message), "{command}: {ran:?}");
    }
}

/// .dump prints what makes the same database again, of all tables or of some, whatever the mode; .schema prints the definitions alone.
#[test]
fn a_dump_makes_the_same_database() {
    let folder = Folder::with_database();
    let dump = folder.run(&["sql", "a.ring", ".dump"]).ok();
    assert!(dump.contains("größe"), "{dump}");
    assert_eq!(folder.run(&["sql", "a.ring", "--mode", "csv", ".dump"]).ok(), dump);
    folder.pipe(&["b.ring", "--create"], dump.as_bytes()).ok();
    assert_eq!(folder.run(&["sql", "b.ring", ".dump"]).ok(), dump);
    let rows = |name: &str| folder.run(&["sql", name, "--json", "SELECT * FROM running"]).ok();
    assert_eq!(rows("a.ring"), rows("b.ring"));
    let schema = folder.run(&["sql", "a.ring", ".schema"]).ok();
    assert!(schema.contains("CREATE TABLE \"tasks\"") && !schema.contains("größe"), "{schema}");
    let jobs = folder.run(&["sql", "a.ring", ".schema JOBS"]).ok();
    assert!(jobs.contains("CREATE TABLE \"jobs\"") && !jobs.contains("tasks"), "{jobs}");
    let ran = folder.run(&["sql", "a.ring", ".dump nope"]);
    assert!(ran.code == Some(1) && ran.err.contains("there is no table or view 'nope'"), "{ran:?}");
}

/// A file that takes no more fails the statement alone: the transaction goes on, and results go where they went before.
#[cfg(target_os = "linux")]
#[test]
fn a_full_file_fails_the_statement_alone() {
    let folder = Folder::with_database();
    let script = b"BEGIN;\nDELETE FROM tasks WHERE id = 1;\n.output /dev/full\nSELECT 1 AS lost;\nSELECT 2 AS shown;\nCOMMIT;\n";
    let ran = folder.pipe(&["a.ring", "--mode", "csv", "--keep-going"], script);
    assert_eq!((ran.code, ran.out.as_str()), (Some(5), "shown\n2\n"));
    assert_eq!(
        ran.err,
        "treering: writing /dev/full: No space left on device (os error 28); results go to standard output again\n"
    );
    assert_eq!(folder.run(&["sql", "a.ring", "--mode", "csv", "SELECT COUNT(*) AS n FROM tasks"]).ok(), "n\n2\n");
}

/// --timer says the time on standard error: the output is the results' alone.
#[test]
fn the_timer_is_beside_the_output() {
    let folder = Folder::with_database();
    let ran = folder.run(&["sql", "a.ring", "--timer", "--mode", "csv", "SELECT 1 AS a"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "a\n1\n"));
    assert!(ran.err.trim_end().ends_with('s') && ran.err.lines().count() == 1, "{}", ran.err);
}

/// A blob, a restored one too, and a file opened with --read-only are queried in place and not changed by a byte; --write makes a store of a blob, and a stream is refused.
#[test]
fn blobs_are_read_in_place() {
    let folder = Folder::with_database();
    folder.run(&["backup", "a.ring", "plain.blob"]).ok();
    folder.run(&["backup", "a.ring", "lz4.blob", "--lz4"]).ok();
    folder.run(&["restore", "lz4.blob", "restored.ring"]).ok();
    let hint = "; with --write the blob becomes a store";
    for (name, args, hint) in [
        ("plain.blob", &[][..], hint),
        ("plain.blob", &["--copied"], hint),
        ("restored.ring", &[], hint),
        ("a.ring", &["--read-only"], ""),
    ] {
        let before = folder.read(name);
        let run = |text: &str| folder.run(&[&["sql", name, "--mode", "csv", text], args].concat());
        assert_eq!(run("SELECT name FROM jobs WHERE id = 1").ok(), "name\nweb\n", "{name}");
        for text in ["DELETE FROM tasks", "CREATE TABLE t (a INT)", "BEGIN"] {
            let ran = run(text);
            let message = format!("the statement, line 1: {name} was opened for reading only{hint}\n  {text}\n");
            assert!(ran.code == Some(5) && ran.err.ends_with(&message), "{ran:?}\nlacks: {message}");
        }
        assert!(before == folder.read(name), "{name} was changed");
    }
    folder.run(&["sql", "restored.ring", "--write", "DELETE FROM tasks"]).ok();
    assert_eq!(folder.run(&["sql", "restored.ring", "--mode", "csv", "SELECT COUNT(*) AS n FROM tasks"]).ok(), "n\n0\n");
    folder.run(&["sql", "lz4.blob", "SELECT 1"]).fails(5, "lz4.blob: an LZ4 blob stream; restore it first");
}

/// A file that is not there is not made unasked; one that holds no database is not made one, and the message says what looks into it.
#[test]
fn only_create_makes_a_database() {
    let folder = Folder::with_tasks(2);
    let before = folder.read("a.ring");
    for command in ["sql", "shell"] {
        folder
            .run(&[command, "missing.ring"])
            .fails(2, "missing.ring: No such file or directory (os error 2); check the path; --create makes a new store");
        let message = "a.ring is a store, but holds no SQL tables: what is in it ('jobs', 'tasks') was written by a program through the engine. \
                       Look at it with `treering info`, `treering scan a.ring 'jobs'` or `treering dump`";
        folder.run(&[command, "a.ring"]).fails(2, message);
    }
    folder.run(&["sql", "a.ring", "--read-only", "SELECT 1"]).fails(2, "holds no SQL tables");
    assert!(before == folder.read("a.ring") && folder.names() == ["a.ring"]);
    folder.run(&["sql", "a.ring", "--create", "CREATE TABLE tasks (id IDENTITY)"]).ok();
    assert_eq!(folder.run(&["sql", "a.ring", "--mode", "csv", ".tables"]).ok(), "name,kind,comment\ntasks,table,\n");
    assert_eq!(folder.run(&["get", "a.ring", "tasks", "task-001"]).ok(), "RUNNING on host 2\n");
}

/// Damage that a statement meets is exit code 3, with the place in the file.
#[test]
fn damage_has_its_exit_code() {
    let mut folder = Folder::with_database();
    let text = "x".repeat(6000);
    folder
        .pipe(&["a.ring"], format!("CREATE TABLE long AS SELECT '{text}' AS t FROM tasks a, tasks b, tasks c;").as_bytes())
        .ok();
    let map = folder.run(&["chunks", "a.ring", "--json"]).json();
    let regions = map["regions"].as_array().expect("regions");
    let mut bytes = folder.read("a.ring");
    let needle = [b'x'; 64];
    for chunk in regions.iter().filter(|region| region["kind"] == "chunk") {
        let at = |name: &str| chunk[name].as_u64().expect("a number") as usize;
        let (from, to) = (at("offset"), at("offset") + at("len"));
        if let Some(found) = bytes[from..to].windows(64).position(|window| window == needle) {
            bytes[from + found] ^= 1;
        }
    }
    folder.write("bad.ring", &bytes);
    let ran = folder.run(&[
        "sql",
        "bad.ring",
        "--read-only",
        "--mode",
        "csv",
        "SELECT id FROM jobs WHERE id = 1",
        "SELECT * FROM long",
    ]);
    assert!(ran.code == Some(3) && ran.err.contains("argument 2, line 1: damaged"), "{ran:?}");
    assert!(ran.out.starts_with("id\n1\n"), "{}", ran.out.len());
}

/// A store that another program has open is refused with exit code 4, and read beside readers with --read-only.
#[test]
fn an_open_store_is_locked() {
    let folder = Folder::with_database();
    let path = folder.path().join("a.ring");
    let store = treering::Store::open(&path).expect("open");
    folder.run(&["sql", "a.ring", "SELECT 1"]).fails(4, "a.ring is in use");
    store.close().expect("close");
    let store = treering::Options::new().open_read_only(&path).expect("open");
    folder.run(&["sql", "a.ring", "SELECT 1"]).fails(4, "; --read-only looks at it beside other readers");
    folder.run(&["sql", "a.ring", "--read-only", "SELECT 1"]).ok();
    drop(store);
}

/// The shell without a terminal is `sql` on standard input.
#[test]
fn a_shell_without_a_terminal_is_sql() {
    let folder = Folder::with_database();
    let mut child = program(&["shell", "a.ring", "--mode", "csv"]);
    let mut child = child.current_dir(folder.path()).stdin(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(b"SELECT 1 AS a;\nSELECT nope;").expect("it reads");
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "a\n1\n"));
    assert!(ran.err.starts_with("treering: standard input, line 2, column 8: there is no column nope\n"), "{}", ran.err);
}

/// Results come as they are found: a reader that has seen enough ends the query, and that is no failure.
#[test]
fn a_reader_that_has_seen_enough_ends_the_query() {
    use std::io::Read;

    let folder = Folder::with_database();
    let endless = "SELECT a.id FROM tasks a, tasks b, tasks c, tasks d, tasks e, tasks f, tasks g, tasks h, tasks i, tasks j, tasks k, tasks l, tasks m, tasks n, \
                   tasks o, tasks p, tasks q, tasks r, tasks s, tasks t, tasks u, tasks v, tasks w, tasks x, tasks y, tasks z";
    for mode in ["csv", "table"] {
        let mut child =
            program(&["sql", "a.ring", "--mode", mode, endless]).current_dir(folder.path()).spawn().expect("the program starts");
        let mut some = [0; 4096];
        child.stdout.take().expect("a pipe").read_exact(&mut some).expect("rows");
        let ended = child.wait_with_output().expect("it ends");
        assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]), "{mode}");
    }
    // But a transaction that is lost by it is one.
    let script = format!("BEGIN; DELETE FROM tasks; ROLLBACK; BEGIN; INSERT INTO jobs (name) VALUES ('new'); {endless}; COMMIT");
    let mut child = program(&["sql", "a.ring", &script]).current_dir(folder.path()).spawn().expect("the program starts");
    drop(child.stdout.take());
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (Some(1), "treering: whoever read the output went away; the open transaction is rolled back\n")
    );
}

/// Ctrl-C ends a statement that would run for ever: exit code 130, and the open transaction is rolled back.
#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_statement() {
    use std::io::{BufRead, BufReader};
    use std::process::Command;

    let folder = Folder::with_database();
    let from = (0..26).map(|i| format!("tasks t{i}")).collect::<Vec<_>>().join(", ");
    let script = format!("BEGIN; DELETE FROM tasks WHERE id = 1; SELECT 'begun' AS a; SELECT COUNT(*) FROM {from};");
    let mut child =
        program(&["sql", "a.ring", "--mode", "csv", &script]).current_dir(folder.path()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    // The rows of a statement are shown when it ends: the next one runs, or is about to.
    assert!(lines.by_ref().any(|line| line.expect("text") == "begun"));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill runs").success());
    let ended = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!((ended.code, ended.err.as_str()), (Some(130), "treering: interrupted; the open transaction is rolled back\n"));
    assert_eq!(folder.run(&["sql", "a.ring", "--mode", "csv", "SELECT COUNT(*) AS n FROM tasks"]).ok(), "n\n3\n");
}
