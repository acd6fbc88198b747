//! `uploads`: unfinished uploads are listed and aborted.
#![cfg(unix)]

use std::time::Duration;

use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use serde_json::{Value, json};

use crate::support::{Ended, Home, Store, finish, ramp, signal, until};
use crate::trees::summary;

const IN_PARTS: [&str; 6] = ["--part-size", "100KiB", "--multipart-threshold", "100KiB", "--jobs", "1"];
/// Bytes of a source: ten parts and a bit.
const LENGTH: usize = (10 << 17) + 1;

fn world() -> (Store, Home) {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(LENGTH));
    (store, home)
}

fn put(home: &Home, key: &str, more: &[&str]) -> Vec<String> {
    let arguments = [&["cp", "f", key][..], &IN_PARTS, more].concat();
    assert!(home.path().exists());
    arguments.into_iter().map(str::to_owned).collect()
}

/// Leaves an upload behind that was interrupted in its fourth part.
fn leave(store: &Store, home: &Home, key: &str) {
    let before = store.faults.calls(Operation::UploadPart);
    store.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart).skip(3));
    let child = home.command(&put(home, key, &[])).spawn().unwrap();
    until("the fourth part is on its way", || {
        (store.faults.calls(Operation::UploadPart) >= before + 4).then_some(())
    });
    signal(&child, "INT");
    finish(child).fails(1, &["interrupted", "the same command again to resume"]);
    store.faults.clear();
}

fn lines(ended: Ended) -> Vec<Value> {
    ended.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn list(home: &Home, arguments: &[&str]) -> Vec<Value> {
    lines(home.run(&[&["--json", "uploads", "list"], arguments].concat()))
}

/// Keys and local status, in the order of the listing.
fn here(lines: &[Value]) -> Vec<(String, Value)> {
    lines.iter().map(|line| (line["key"].as_str().unwrap().to_owned(), line["here"].clone())).collect()
}

fn abort(home: &Home, arguments: &[&str]) -> Ended {
    home.run(&[&["--json", "uploads", "abort"], arguments].concat())
}

#[test]
fn what_was_left_behind_is_listed() {
    let (store, home) = world();
    leave(&store, &home, "oss://box/a/f");
    // Of another machine: a home that is like this one and keeps other things.
    let elsewhere = home.path().join("elsewhere");
    let child = {
        store.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart).skip(1));
        let mut command = home.command(&put(&home, "oss://box/b", &[]));
        command.env("XDG_STATE_HOME", &elsewhere).spawn().unwrap()
    };
    until("the second part is on its way", || (store.faults.calls(Operation::UploadPart) >= 6).then_some(()));
    signal(&child, "INT");
    finish(child).fails(1, &["interrupted"]);
    store.faults.clear();

    let all = list(&home, &["oss://box"]);
    assert_eq!(here(&all), [("a/f".to_owned(), json!("goes-on")), ("b".to_owned(), Value::Null)]);
    let ours = &all[0];
    assert!((2..=3).contains(&ours["parts"].as_u64().unwrap()), "{ours}");
    assert_eq!((&ours["all_parts"], &ours["stored_size"]), (&json!(12), &json!(LENGTH + 81 * 16)));
    assert_eq!(ours["source"], home.path().join("f").canonicalize().unwrap().to_str().unwrap());
    assert!(ours["initiated"].is_string() && ours["recorded"].is_string() && ours["upload_id"].is_string());
    let theirs = &all[1];
    assert_eq!(
        (&theirs["parts"], &theirs["source"], &theirs["all_parts"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(here(&list(&home, &["oss://box/a"])).len(), 1);
    // The service knows more than the record, and of all of them.
    let asked = list(&home, &["oss://box", "--parts"]);
    assert_eq!((&asked[0]["parts"], &asked[0]["stored_bytes"]), (&json!(3), &json!(3 * 7 * 16_400)));
    assert_eq!(asked[1]["parts"], 1);
    // Local checkpoints are listed without a request.
    let before = store.faults.total();
    let kept = list(&home, &[]);
    assert_eq!((here(&kept), store.faults.total()), (vec![("a/f".to_owned(), json!("goes-on"))], before));
    assert_eq!((&kept[0]["bucket"], &kept[0]["initiated"]), (&json!("box"), &Value::Null));
    let text = home.run(&["uploads", "list", "oss://box"]).text();
    let table: Vec<_> = text.lines().collect();
    assert!(table.len() == 3 && table[0].ends_with("object"), "{text}");
    assert!(table[1].contains("goes-on") && table[1].contains("oss://box/a/f from /"), "{text}");
    assert!(table[2].ends_with("oss://box/b"), "{text}");

    std::fs::write(home.path().join("f"), ramp(LENGTH)).unwrap();
    assert_eq!(here(&list(&home, &["oss://box/a"]))[0].1, "starts-over");
    abort(&home, &["--all", "-f", "oss://box"]).ok();
    assert!(store.was_empty());
    assert!(list(&Home::new(), &[]).is_empty());
}

#[test]
fn uploads_are_aborted_by_name() {
    let (store, home) = world();
    for key in ["oss://box/k", "oss://box/k2", "oss://box/l"] {
        leave(&store, &home, key);
    }
    let records =
        || home.names(".local/state/osseal").iter().filter(|name| name.ends_with(".record")).count();
    assert_eq!(records(), 3);
    let id = |key: &str| list(&home, &[key])[0]["upload_id"].as_str().unwrap().to_owned();
    let said = lines(home.run(&["--json", "uploads", "abort", "-n", "oss://box/k"]));
    assert_eq!(said[0], json!({ "would": "abort", "target": "oss://box/k", "upload_id": id("oss://box/k") }));
    assert_eq!(records(), 3);
    // Uploads of one key only, not of keys that start with it.
    let gone = id("oss://box/k");
    let reported = lines(abort(&home, &["oss://box/k"]));
    assert_eq!(reported[0], json!({ "aborted": { "bucket": "box", "key": "k", "upload_id": gone } }));
    assert_eq!(
        here(&list(&home, &["oss://box"])).iter().map(|line| line.0.clone()).collect::<Vec<_>>(),
        ["k2", "l"]
    );
    assert_eq!(records(), 2);
    abort(&home, &["oss://box/k"]).fails(3, &["no unfinished upload of oss://box/k", "uploads list"]);
    abort(&home, &["oss://box/l", "--upload-id", &gone]).fails(3, &["no unfinished upload", &gone]);
    abort(&home, &["oss://box/l", "--upload-id", &id("oss://box/l")]).ok();
    assert_eq!(records(), 1);
    // Recent uploads and unselected uploads are kept.
    let young = summary(abort(&home, &["--all", "-f", "oss://box", "--older-than", "1h"]));
    assert_eq!((&young["done"], records()), (&json!(0), 1));
    abort(&home, &["--all", "oss://box"]).fails(2, &["1 unfinished uploads", "--force"]);
    for (arguments, words) in [
        (&["oss://box"][..], "names no object"),
        (&["oss://box/k", "--force"], "--all"),
        (&["oss://box", "--all", "--upload-id", "x"], "--upload-id"),
    ] {
        abort(&home, arguments).fails(2, &[words]);
    }
    let all = summary(abort(&home, &["--all", "-f", "oss://box", "--older-than", "0s"]));
    assert_eq!((&all["done"], &all["failed"], records()), (&json!(1), &json!(0), 0));
    assert!(store.was_empty());
    // An aborted upload restarts.
    store.put("", &[], "");
    home.run(&put(&home, "oss://box/k", &[])).ok();
    assert_eq!(home.run(&["cat", "oss://box/k"]).ok(), ramp(LENGTH));
}

#[test]
fn an_upload_under_way_is_left_alone() {
    let (store, home) = world();
    leave(&store, &home, "oss://box/left");
    let hang = || store.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart).skip(2));
    hang();
    let before = store.faults.calls(Operation::UploadPart);
    let mut child = home.command(&put(&home, "oss://box/busy", &[])).spawn().unwrap();
    until("a part hangs", || (store.faults.calls(Operation::UploadPart) >= before + 3).then_some(()));
    assert_eq!(
        here(&list(&home, &["oss://box"])),
        [("busy".to_owned(), json!("in-use")), ("left".to_owned(), json!("goes-on"))]
    );
    abort(&home, &["oss://box/busy"]).fails(1, &["at work", "--in-use"]);
    abort(&home, &["-n", "oss://box/busy"]).fails(1, &["at work", "--in-use"]);
    let ended = abort(&home, &["--all", "-f", "oss://box"]);
    assert!(ended.stderr.contains("busy") && ended.stderr.contains("left as it is"), "{ended:?}");
    let counts = summary(ended);
    assert_eq!((&counts["done"], &counts["skipped"], &counts["failed"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!(store.faults.calls(Operation::AbortMultipartUpload), 1);
    // A state directory that cannot be trusted says of nothing that it is free.
    let state = home.path().join(".local/state/osseal");
    let mode = |bits| std::os::unix::fs::PermissionsExt::from_mode(bits);
    std::fs::set_permissions(&state, mode(0o755)).unwrap();
    abort(&home, &["--all", "-f", "oss://box"]).fails(1, &["cannot be read", "0700", "--in-use"]);
    assert_eq!(list(&home, &["oss://box"])[0]["here"], Value::Null);
    std::fs::set_permissions(&state, mode(0o700)).unwrap();
    assert_eq!(store.faults.calls(Operation::AbortMultipartUpload), 1);
    // Killed, it is nobody's.
    child.kill().unwrap();
    child.wait().unwrap();
    until("the lock is free", || (list(&home, &["oss://box"])[0]["here"] == "goes-on").then_some(()));
    abort(&home, &["oss://box/busy"]).ok();

    // Forced, the process begins again, and is none the worse for it.
    store.faults.clear();
    store.faults.inject(
        Fault::new(Action::Delay(Duration::from_secs(3))).on(Operation::UploadPart).key("busy").skip(2),
    );
    let (parts, begun) =
        (store.faults.calls(Operation::UploadPart), store.faults.calls(Operation::InitiateMultipartUpload));
    let child = home.command(&put(&home, "oss://box/busy", &[])).spawn().unwrap();
    until("a part waits", || (store.faults.calls(Operation::UploadPart) >= parts + 3).then_some(()));
    abort(&home, &["--in-use", "oss://box/busy"]).ok();
    finish(child).ok();
    assert_eq!(store.faults.calls(Operation::InitiateMultipartUpload) - begun, 2);
    assert_eq!(home.run(&["cat", "oss://box/busy"]).ok(), ramp(LENGTH));
    home.run(&["rm", "oss://box/busy"]).ok();
    assert!(store.was_empty());
}
