//! Versioned buckets: `ls --all-versions`, `rm` with delete markers, reads of old versions.

use osseal_server::Operation;
use serde_json::Value;

use crate::support::{Home, Store};

const ENABLED: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn versions_are_listed_read_and_removed() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    store.put("?versioning", &[], ENABLED);
    for (file, key) in [("one", "a"), ("two!", "a"), ("deep", "dir/b")] {
        home.write("f", file);
        home.run(&["cp", "f", &format!("oss://box/{key}")]).ok();
    }
    let report = lines(&home.run(&["--json", "rm", "oss://box/a"]).text());
    let marker = report[0]["deleted"]["version_id"].as_str().unwrap().to_owned();
    assert_eq!(report[0]["deleted"]["delete_marker"], true);
    home.run(&["cat", "oss://box/a"]).fails(3, &["is a delete marker"]);

    let listed = lines(&home.run(&["--json", "ls", "--all-versions", "oss://box"]).text());
    assert_eq!(listed.len(), 4, "{listed:?}");
    assert_eq!((&listed[0]["key"], &listed[0]["version_id"]), (&"a".into(), &marker.as_str().into()));
    let fields = |name: &str| listed.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    assert_eq!(fields("latest"), [true.into(), false.into(), false.into(), Value::Null]);
    assert_eq!(fields("delete_marker"), [true.into(), false.into(), false.into(), Value::Null]);
    assert_eq!(fields("stored_size"), [Value::Null, 20.into(), 19.into(), Value::Null]);
    assert_eq!(fields("prefix"), [Value::Null, Value::Null, Value::Null, "dir/".into()]);
    let all = lines(&home.run(&["--json", "ls", "-r", "--all-versions", "oss://box/"]).text());
    assert_eq!(all[3]["key"], "dir/b");
    let words = home.run(&["ls", "--all-versions", "oss://box"]).text();
    assert!(words.contains("deleted") && words.contains(&marker) && words.contains("latest"), "{words}");

    let first = listed[2]["version_id"].as_str().unwrap();
    assert_eq!(home.run(&["cat", "--version-id", first, "oss://box/a"]).ok(), b"one");
    home.run(&["cp", "--version-id", first, "oss://box/a", "old"]).ok();
    assert_eq!(home.read("old"), b"one");
    // The object reappears when its delete marker is deleted.
    let gone = lines(&home.run(&["--json", "rm", "--version-id", &marker, "oss://box/a"]).text());
    assert_eq!(gone[0]["deleted"]["delete_marker"], true);
    assert_eq!(home.run(&["cat", "oss://box/a"]).ok(), b"two!");
}

#[test]
fn many_objects_are_removed_with_few_requests() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    for n in 0..1005 {
        store.put(&format!("t/{n}"), &[], "");
    }
    store.put("kept", &[], "");
    let report = lines(&home.run(&["--json", "rm", "-rf", "oss://box/t/"]).text());
    assert_eq!((report.len(), &report[1005]["summary"]["done"]), (1006, &1005.into()));
    assert_eq!(report[0]["deleted"].as_object().unwrap().len(), 2, "no version where there are none");
    assert_eq!(store.faults.calls(Operation::DeleteMultipleObjects), 2);
    assert_eq!(store.faults.calls(Operation::DeleteObject), 0);
    let left = lines(&home.run(&["--json", "ls", "-r", "oss://box"]).text());
    assert_eq!(left.iter().map(|line| line["key"].clone()).collect::<Vec<_>>(), ["kept"]);
    home.run(&["ls", "--all-versions", "--plain", "oss://box"]).fails(2, &["--plain"]);
    home.run(&["ls", "--all-versions"]).fails(2, &["PLACE"]);
}
