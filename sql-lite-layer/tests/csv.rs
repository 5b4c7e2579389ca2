//! Rows as CSV.

mod checked;

use checked::Checked;
use treering_sql::{CsvOptions, CsvWriter, ErrorKind, Value};

const TABLE: &str = "CREATE TABLE t (n INTEGER, \"a \"\"b\"\"\" VARCHAR, x DOUBLE, d DATE, b BLOB, f BOOLEAN);
    INSERT INTO t VALUES (1, 'plain text', 0.5, '2024-02-29', X'0A', TRUE), (2, 'a, \"b\"', NULL, NULL, NULL, NULL), (3, '', NULL, NULL, X'', NULL), (NULL, NULL, 1e300, NULL, NULL, FALSE), (5, 'two\r\nlines', NULL, NULL, NULL, NULL)";

fn csv(options: &CsvOptions) -> String {
    let database = Checked::in_memory();
    let connection = database.0.connect();
    connection.execute_batch(TABLE).unwrap();
    let mut out = Vec::new();
    let count = connection.prepare("SELECT * FROM t").unwrap().write_csv((), &mut out, options).unwrap();
    assert_eq!(count, 5);
    String::from_utf8(out).unwrap()
}

/// Quotes stand where they are needed, and NULL is never an empty text, whatever it is written as.
#[test]
fn null_and_empty_text_are_told_apart() {
    let expected = "n,\"a \"\"b\"\"\",x,d,b,f\r\n1,plain text,0.5,2024-02-29,X'0A',TRUE\r\n2,\"a, \"\"b\"\"\",,,,\r\n3,\"\",,,X'',\r\n,,1e300,,,FALSE\r\n5,\"two\r\nlines\",,,,\r\n";
    assert_eq!(csv(&CsvOptions::default()), expected);
    let options = CsvOptions { header: false, delimiter: '\t', null: "TRUE".into(), line_end: "\n" };
    let first = "1\tplain text\t0.5\t2024-02-29\tX'0A'\t\"TRUE\"\n2\t\"a, \"\"b\"\"\"\tTRUE\tTRUE\tTRUE\tTRUE\n3\t\tTRUE\tTRUE\tX''\tTRUE\n";
    assert!(csv(&options).starts_with(first), "{}", csv(&options));
}

/// An independent reader reads the same values.
#[test]
fn another_reader_reads_the_same() {
    let written = csv(&CsvOptions::default());
    let mut reader = csv::Reader::from_reader(written.as_bytes());
    assert_eq!(reader.headers().unwrap(), &["n", "a \"b\"", "x", "d", "b", "f"][..]);
    let texts: Vec<String> = reader.records().map(|record| record.unwrap()[1].to_owned()).collect();
    assert_eq!(texts, ["plain text", "a, \"b\"", "", "", "two\r\nlines"]);
}

/// Forms that nobody could read are refused, and so is a stream that fails.
#[test]
fn what_is_no_csv_is_refused() {
    for (delimiter, null) in [('"', ""), ('\n', ""), (',', "a,b"), (',', "\""), (';', "x\n")] {
        let options = CsvOptions { delimiter, null: null.into(), ..CsvOptions::default() };
        assert_eq!(CsvWriter::new(Vec::new(), &options).unwrap_err().kind(), ErrorKind::Data);
    }
    let mut small = [0_u8; 4];
    let database = Checked::in_memory();
    let connection = database.0.connect();
    let error = connection.prepare("SELECT 'longer'").unwrap().write_csv((), &mut small[..], &CsvOptions::default());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Io);
}

/// The rows of a kept result are written as those of a statement.
#[test]
fn rows_that_are_kept_are_written_too() {
    let database = Checked::in_memory();
    let connection = database.0.connect();
    let rows = connection.query("SELECT ? AS a, NULL AS b", [Value::from("x;y")]).unwrap();
    let options = CsvOptions { delimiter: ';', ..CsvOptions::default() };
    let mut writer = CsvWriter::new(Vec::new(), &options).unwrap();
    writer.header(rows.columns()).unwrap();
    rows.iter().try_for_each(|row| writer.row(row)).unwrap();
    assert_eq!(writer.finish().unwrap(), b"a;b\r\n\"x;y\";\r\n");
}
