//! Limits of a command, and progress reports.

use std::time::{Duration, Instant};

use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use serde_json::Value;

use crate::support::{Home, Store, ramp, until};

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
    // One event a second: at least one in the 2.5 s that the limit takes, and more on a busy machine.
    assert!(!events.is_empty());
    for event in events {
        assert_eq!(event["event"], "progress");
        assert_eq!(event["total"], 5 << 19);
        assert!((1..5 << 19).contains(&event["bytes"].as_u64().unwrap()), "{event}");
        assert!((1..2_000_000).contains(&event["bytes_per_second"].as_u64().unwrap()), "{event}");
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
    // A command that ignores its limit fails by the deadline of `finish`.
    store.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart));
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
    home.write("f", ramp(2 << 20));
    let parts = ["--part-size", "100KiB", "--multipart-threshold", "100KiB", "--no-resume"];
    // Every part hangs: as many as may be on their way at a time arrive, and no more.
    let arrive = |lines: &str, more: &[&str], wanted: u64| {
        limited(lines);
        store.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart).always());
        let before = store.faults.calls(Operation::UploadPart);
        let arrived = || store.faults.calls(Operation::UploadPart) - before;
        let mut child =
            home.command(&[&["cp", "f", "oss://box/f"], &parts[..], more].concat()).spawn().unwrap();
        until("parts have arrived", || (arrived() >= wanted).then_some(()));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(arrived(), wanted, "{lines} {more:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        store.faults.clear();
    };
    arrive("jobs = 2", &[], 2);
    arrive("jobs = 2", &["-j", "8"], 8);
    // Less than one part: one after the other.
    arrive("jobs = 8\nmemory = \"4KiB\"", &[], 1);
    arrive("jobs = 8\nmemory = \"4KiB\"", &["--memory", "1GiB"], 8);
    // It completes anyway, in both directions.
    limited("jobs = 2\nmemory = \"4KiB\"\nbandwidth = \"1GiB\"");
    home.run(&[&["cp", "f", "oss://box/f"], &parts[..]].concat()).ok();
    home.run(&["cp", "oss://box/f", "down", "--part-size", "100KiB"]).ok();
    assert_eq!(home.read("down"), ramp(2 << 20));
    // Transfers one second's worth within the profile's limit.
    limited("bandwidth = \"2MiB\"");
    let begin = Instant::now();
    home.run(&["cp", "f", "oss://box/f"]).ok();
    assert!(begin.elapsed() > Duration::from_millis(800), "{:?}", begin.elapsed());
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
