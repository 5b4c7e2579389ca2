//! Lists with good and bad lines, and the published ones where they are at hand.

use super::*;
use crate::error::ErrorKind;

const PODS: &str =
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n";
const NODES: &str = "sn,cpu_milli,memory_mib,gpu,model\n";
const GOOD: &str = "a,12000,16384,1,1000,V100M16|V100M32,LS,Running,5,12,7\n";

fn pods(text: &[u8], on_bad_line: OnBadLine) -> Result<List<Pod>> {
    parse_pods(text, Path::new("pods.csv"), on_bad_line)
}

/// A good line gives all its fields, times as milliseconds.
#[test]
fn a_good_line_is_read() {
    let list = pods(format!("{PODS}{GOOD}").as_bytes(), OnBadLine::Refuse).unwrap();
    let requests = Requests { cpu_milli: 12000, memory_mib: 16384, num_gpu: 1, gpu_milli: 1000 };
    let pod = Pod {
        name: "a".into(),
        requests,
        gpu_spec: "V100M16|V100M32".into(),
        qos: Qos::LatencySensitive,
        phase: Phase::Running,
        created: Millis(5000),
        deleted: Some(Millis(12000)),
        scheduled: Some(Millis(7000)),
    };
    assert_eq!(list, List { items: vec![pod], bad_lines: vec![] });
    let nodes = parse_nodes(format!("{NODES}n,1,2,3,T4\r\nm,1,2,0,").as_bytes(), Path::new("n"), OnBadLine::Refuse).unwrap();
    assert_eq!(nodes.items[0], Node { name: "n".into(), cpu_milli: 1, memory_mib: 2, num_gpu: 3, model: "T4".into() });
    assert_eq!(nodes.items[1].model, "");
}

/// Each kind of bad line is reported with file, line and column, skipped or refused as asked, and costs no other line.
#[test]
fn bad_lines_are_named_and_skipped_or_refused() {
    let cases: &[(&[u8], &str)] = &[
        (b"b,x,1,1,1,,LS,Running,5,12,7", "column 2 (cpu_milli): 'x' is not a whole number from 0 to 281474976710656"),
        (b"b,-1,1,1,1,,LS,Running,5,12,7", "column 2 (cpu_milli): '-1' is not"),
        (b"b,+1,1,1,1,,LS,Running,5,12,7", "column 2 (cpu_milli): '+1' is not"),
        (b"b,99999999999999999999,1,1,1,,LS,Running,5,12,7", "column 2 (cpu_milli): '99999999999999999999' is not"),
        (b"b,1,281474976710657,1,1,,LS,Running,5,12,7", "column 3 (memory_mib): '281474976710657' is not"),
        (b"b,1,1,4294967296,1,,LS,Running,5,12,7", "column 4 (num_gpu): 4294967296 is more than 4294967295"),
        (b"b,1,1,1,,,LS,Running,5,12,7", "column 5 (gpu_milli): empty, a whole number is needed"),
        (b"b,1,1,1,1,\xff,LS,Running,5,12,7", "column 6 (gpu_spec): '\u{fffd}' is not UTF-8"),
        (b"b,1,1,1,1,,XX,Running,5,12,7", "column 7 (qos): 'XX' is none of LS, BE, Burstable, Guaranteed"),
        (b"b,1,1,1,1,,LS,Walking,5,12,7", "column 8 (pod_phase): 'Walking' is none of Pending, Running, Succeeded, Failed"),
        (b"b,1,1,1,1,,LS,Running,5,4,7", "column 10 (deletion_time): 4 is before the creation time 5"),
        (b"b,1,1,1,1,,LS,Running,5,12,4", "column 11 (scheduled_time): 4 is before the creation time 5"),
        (b"b,1,1,1,1,,LS,Running,5,12,", "column 11 (scheduled_time): empty, but the pod is Running"),
        (b",1,1,1,1,,LS,Running,5,12,7", "column 1 (name): empty, a name is needed"),
        (b"a,1,1,1,1,,LS,Running,5,12,7", "column 1 (name): 'a' stands on an earlier line too"),
        (b"b,1,1", "3 fields, but the header has 11"),
        (b"b,1,1,1,1,,LS,Running,5,12,7,8", "12 fields, but the header has 11"),
    ];
    for (bad, message) in cases {
        // Blank lines and a quoted line break stand before the bad line: it is line 7.
        let quoted = "\"q\n\",12000,16384,1,1000,,LS,Running,5,12,7\n";
        let text =
            [PODS.as_bytes(), GOOD.as_bytes(), quoted.as_bytes(), b"\n\r\n", bad, b"\nz,1,1,0,0,,BE,Pending,5,,\n"].concat();
        let list = pods(&text, OnBadLine::Skip).unwrap();
        let names: Vec<&str> = list.items.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["a", "q\n", "z"]);
        assert_eq!(list.bad_lines.len(), 1);
        let said = list.bad_lines[0].to_string();
        assert!(said.starts_with("pods.csv line 7") && said.contains(message), "{said}\nlacks {message}");
        let error = pods(&text, OnBadLine::Refuse).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Input, said));
    }
}

/// A fuzzer's list had lines that ended with a carriage return alone: records ended there, and lines did not, so that bad lines were
/// reported some lines too early, the first of them on the header's. Lines are counted as records are ended now.
#[test]
fn lone_carriage_returns_end_lines() {
    let text = format!("{}b,ad\r\nm,1,2,0,\rtwo,fields\n\n\rbad\n", NODES.replace('\n', "\r"));
    let list = parse_nodes(text.as_bytes(), Path::new("n"), OnBadLine::Skip).unwrap();
    assert_eq!(list.bad_lines.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2, 4, 7]);
    assert_eq!(list.items.len(), 1);
}

/// Wrong columns end the reading, whatever is asked, and the error names them.
#[test]
fn wrong_columns_are_named() {
    let check = |text: &str, expected: &str| {
        for on_bad_line in [OnBadLine::Refuse, OnBadLine::Skip] {
            let error = parse_nodes(text.as_bytes(), Path::new("n.csv"), on_bad_line).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input);
            assert!(error.to_string().contains(expected), "{error}\nlacks {expected}");
            assert!(error.to_string().contains("sn,cpu_milli,memory_mib,gpu,model"), "{error}");
        }
    };
    check("", "n.csv is no node list: it has no header line");
    check("sn,cpu,memory_mib,gpu\n", "the columns cpu_milli, model are missing (unknown ones are there: cpu)");
    check("sn,cpu_milli,memory_mib,gpu,model,sn\n", "the column sn stands twice");
    check("1,2,3,4,5\n", "the columns sn, cpu_milli, memory_mib, gpu, model are missing");
}

/// Columns are found by name: another order and further columns do no harm.
#[test]
fn columns_are_found_by_name() {
    let text = "\u{feff}rack,model,gpu,memory_mib,cpu_milli,sn\nr,T4,2,3,4,n\n";
    let list = parse_nodes(text.as_bytes(), Path::new("n"), OnBadLine::Refuse).unwrap();
    assert_eq!(list.items, [Node { name: "n".into(), cpu_milli: 4, memory_mib: 3, num_gpu: 2, model: "T4".into() }]);
    let error = parse_nodes(b"rack,model,gpu,memory_mib,cpu_milli,sn\nr,T4,2,3,x,n\n", Path::new("n"), OnBadLine::Refuse);
    assert!(error.unwrap_err().to_string().contains("n line 2, column 5 (cpu_milli): 'x'"));
}

/// A file that is not there is an error that names it.
#[test]
fn a_missing_file_is_named() {
    let error = read_pods(Path::new("no/such/pods.csv"), OnBadLine::Skip).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("no/such/pods.csv"), "{error}");
}

/// The published lists have no bad line, and make a sound store.
#[test]
fn the_published_lists_make_a_sound_store() {
    let Some(folder) = std::env::var_os("TREERING_TRACES").map(PathBuf::from) else {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: TREERING_TRACES does not name the folder of the openb lists");
        }
        return;
    };
    let pods = read_pods(&folder.join("openb_pod_list_default.csv"), OnBadLine::Refuse).unwrap();
    let nodes = read_nodes(&folder.join("openb_node_list_all_node.csv"), OnBadLine::Refuse).unwrap();
    assert_eq!((pods.items.len(), nodes.items.len()), (8152, 1523));
    let cluster = crate::cluster::Cluster::from_trace(&pods.items, &nodes.items, 10_240).unwrap();
    assert_eq!(cluster.tasks.len(), 8152);
    assert_eq!(cluster.jobs.len(), 162);
    assert_eq!(cluster.tasks.iter().filter(|(_, t, _)| t.host.is_none()).count(), 897);
    let store = crate::tasks::TaskStore::on(treering::Store::in_memory().unwrap()).unwrap();
    let loaded = store.load(&cluster, &mut |_| Ok(())).unwrap();
    assert_eq!((loaded.tasks, loaded.configurations), (8152, 162));
    assert_eq!(crate::tasks::verify(&store.snapshot()).unwrap().problems, [""; 0]);
    assert_eq!(store.engine().check().unwrap().problems(), [""; 0]);
}
