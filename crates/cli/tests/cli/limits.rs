//! Limits of a command, and what it says of how far it is.

use std::time::{Duration, Instant};

use osseal_server::Operation;
use osseal_server::faults::{Action, Fault};
use serde_json::Value;

use crate::support::{Home, Store, ramp};

#[test]
fn bandwidth_is_kept_and_progress_is_told() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(5 << 19));
    let limited = ["--bandwidth", "1MiB", "--json"];
    let run = |arguments: &[&str]| {
        let begin = Instant::now();
        let ended = home.run(&[&limited[..], arguments].concat());
        // 50 ms of it may come at once.
        assert!(begin.elapsed() > Duration::from_millis(2300), "{:?}", begin.elapsed());
        ended
    };
    // In one request, in parts, and down.
    let parts = ["--part-size", "1MiB", "--multipart-threshold", "1MiB"];
    for arguments in
        [&["cp", "f", "oss://box/one"][..], &[&["cp", "f", "oss://box/parts"], &parts[..]].concat()]
    {
        run(arguments).ok();
    }
    assert_eq!(store.faults.calls(Operation::PutObject), 1);
    assert_eq!(store.faults.calls(Operation::UploadPart), 3);
    let ended = run(&["cp", "oss://box/parts", "down"]);
    assert_eq!(home.read("down"), ramp(5 << 19));
    let events: Vec<Value> = ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(matches!(events.len(), 1..=3), "{events:?}");
    for event in events {
        assert_eq!(event["event"], "progress");
        assert_eq!(event["total"], 5 << 19);
        assert!((1..5 << 19).contains(&event["bytes"].as_u64().unwrap()), "{event}");
        assert!((500_000..2_000_000).contains(&event["bytes_per_second"].as_u64().unwrap()), "{event}");
    }
    let report: Value = serde_json::from_slice(&ended.ok()).unwrap();
    assert_eq!(report["size"], 5 << 19);
    for silent in ["--quiet", "--no-progress"] {
        assert_eq!(run(&["cp", "oss://box/one", "down", silent]).stderr, "", "{silent}");
    }
}

#[test]
fn a_command_takes_no_longer_than_it_may() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(1 << 20));
    store.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart));
    let begin = Instant::now();
    home.run(&[
        "--timeout",
        "1s",
        "cp",
        "f",
        "oss://box/f",
        "--part-size",
        "200KiB",
        "--multipart-threshold",
        "200KiB",
        "--no-resume",
    ])
    .fails(7, &["not done after 1 s"]);
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    assert_eq!(store.faults.calls(Operation::AbortMultipartUpload), 1);
    home.run(&["--timeout", "50s", "cp", "f", "oss://box/f"]).ok();
    home.run(&["--timeout", "0s", "ls"]).fails(2, &["takes some time"]);
}

#[test]
fn a_profile_has_limits() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    let profile = String::from_utf8(home.read("osseal.toml")).unwrap();
    let limited = |lines: &str| {
        home.write(
            "osseal.toml",
            profile.replace("[profile.default]\n", &format!("[profile.default]\n{lines}\n")),
        );
    };
    for n in 0..8 {
        home.write(&format!("tree/{n}"), ramp(300_000 + n));
    }
    // Less than one part: one after the other.
    limited("jobs = 2\nmemory = \"4KiB\"\nbandwidth = \"1GiB\"");
    let parts = ["--part-size", "100KiB", "--multipart-threshold", "100KiB", "-j", "8"];
    home.run(&[&["cp", "-r", "tree", "oss://box/t"], &parts[..]].concat()).ok();
    home.run(&["--memory", "1MiB", "cp", "-r", "oss://box/t", "down"]).ok();
    for n in 0..8 {
        assert_eq!(home.read(&format!("down/{n}")), ramp(300_000 + n));
    }
    for (lines, words) in [
        ("memory = \"4KB\"", ["memory", "8MiB"]),
        ("memory = 4096", ["memory", "string"]),
        ("jobs = 0", ["jobs", "nonzero"]),
        ("bandwidth = \"1KiB\"", ["bandwidth", "at least 8KiB"]),
    ] {
        limited(lines);
        home.run(&["ls"]).fails(2, &words);
    }
    home.run(&["--local=x", "--bandwidth", "1MiB", "ls"]).fails(2, &["--bandwidth"]);
}
