//! The drill from outside, in small: it keeps its promises, cleans up after itself whatever happens, and says what is wrong with a trace.

use crate::{Folder, program};

const HEADER: &str =
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time";

/// A pod list of `count` good lines, then `more`.
fn pods(count: u32, more: &[&str]) -> String {
    let pod = |i: u32| format!("pod-{i},{},1024,0,0,,LS,Running,{i},9999,{i}", 1000 * (i % 3 + 1));
    let lines: Vec<String> = [HEADER.to_owned()].into_iter().chain((0..count).map(pod)).collect();
    [lines.join("\n"), more.join("\n")].join("\n")
}

/// The whole drill, short, on a trace with bad lines: every promise kept, the figures as JSON, nothing left behind.
#[test]
fn a_short_drill_keeps_every_promise() {
    let mut folder = Folder::new();
    std::fs::create_dir(folder.path().join("here")).expect("a folder");
    folder.write("pods.csv", pods(40, &["pod-7,1,1,0,0,,LS,Running,1,2,1", "worse,x,1,0,0,,LS,Running,1,2,1"]).as_bytes());
    let args = "drill --trace pods.csv --seconds 1 --kills 2 --readers 2 --batch 250 --seed 7 --dir here --json --strict-times";
    let ran = folder.run(&args.split(' ').collect::<Vec<_>>());
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    assert_eq!((&report["kept"], &report["broken"]), (&true.into(), &serde_json::json!([])));
    let met = report["figures"]["bounds"].as_array().expect("bounds").iter().all(|bound| bound["met"] == true);
    assert_eq!(ran.code, Some(i32::from(!met)), "{ran:?}");
    let bad = report["bad_lines"].as_array().expect("bad lines");
    assert_eq!(bad.len(), 2);
    assert!(bad[0].as_str().is_some_and(|line| line.starts_with("pods.csv line 42, column 1 (name): ")), "{bad:?}");
    assert_eq!((&report["readers"], &report["batch"], &report["seed"]), (&2.into(), &250.into(), &7.into()));
    let kill = &report["figures"]["kill"];
    assert!(kill["kills"] == 2 && kill["acknowledged"].as_u64() >= Some(400), "{kill}");
    assert_eq!(report["figures"]["load"]["loaded"]["tasks"], 40 + 4_000);
    assert_eq!(folder.names(), ["here", "pods.csv"]);
    assert_eq!(folder.path().join("here").read_dir().expect("the folder").count(), 0);
}

/// Lists that are none are refused before anything is made.
#[test]
fn wrong_lists_are_refused() {
    let mut folder = Folder::new();
    folder.write("pods.csv", pods(3, &["short,1"]).as_bytes());
    folder.write("nodes.csv", b"sn,cpu_milli,memory_mib,gpu,model\nn,1,1,0,\n");
    folder.write("other.csv", b"a,b,c\n1,2,3\n");
    folder.write("empty.csv", b"");
    let drill = |args: &[&str]| folder.run(&[&["drill", "--dir", "."], args].concat());
    drill(&["--trace", "other.csv"]).fails(2, "other.csv is no pod list: the columns name, ");
    drill(&["--trace", "pods.csv", "--nodes", "other.csv"]).fails(2, "other.csv is no node list");
    drill(&["--trace", "pods.csv", "--on-bad-line", "refuse"]).fails(2, "pods.csv line 5: 2 fields, but the header has 11");
    drill(&["--trace", "empty.csv"]).fails(2, "empty.csv");
    drill(&["--trace", "missing.csv"]).fails(2, "missing.csv");
    drill(&["--trace", "."]).fails(2, "is a directory");
    folder.run(&["drill", "--dir", "missing"]).fails(2, "missing is no folder");
    assert_eq!(folder.names(), ["empty.csv", "nodes.csv", "other.csv", "pods.csv"]);
}

/// Ctrl-C and SIGTERM end it with 130 and nothing left behind, however early or late they come.
#[cfg(unix)]
#[test]
fn an_interrupted_drill_cleans_up() {
    use std::io::Read;
    use std::process::Command;
    use std::time::Duration;

    // In the load, and in the storm: when these files are there.
    for (signal, file) in [("-INT", "cluster.ring"), ("-TERM", "other.ring")] {
        let folder = Folder::new();
        let mut child = program(&["drill", "--dir", ".", "--seconds", "30", "--kills", "1"]);
        let mut child = child.current_dir(folder.path()).spawn().expect("the program starts");
        let is_there = || folder.names().first().is_some_and(|name| folder.path().join(name).join(file).exists());
        while !is_there() {
            assert!(child.try_wait().expect("a child").is_none(), "it ended by itself");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        let code = child.wait().expect("it ends").code();
        let mut said = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert_eq!((code, said.as_str()), (Some(130), "treering: interrupted; nothing is left behind\n"));
        assert_eq!(folder.names(), [""; 0]);
    }
}
