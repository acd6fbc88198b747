//! `conformance`: over real HTTP, against a store that conforms and against one that does not.

use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use serde_json::Value;

use crate::support::{Home, ID, SECRET, Store};

fn home(store: &Store) -> Home {
    Home::new()
        .set("OSS_ACCESS_KEY_ID", &ID)
        .set("OSS_ACCESS_KEY_SECRET", SECRET)
        .set("OSS_ENDPOINT", &store.endpoint)
        .set("OSS_REGION", "cn-hangzhou")
}

fn lines(text: &[u8]) -> Vec<Value> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[test]
fn a_store_that_conforms_passes_every_case() {
    let store = Store::new();
    let home = home(&store).set("OSSEAL_SCRATCH_BUCKET", "box");
    let lines = lines(&home.run(&["conformance", "--make-buckets", "--json"]).ok());
    let (summary, findings) = lines.split_last().unwrap();
    assert!(findings.iter().all(|finding| finding["verdict"] == "passed"), "{findings:?}");
    assert_eq!(summary["summary"]["passed"], findings.len());
    assert_eq!(findings.len(), osseal_conformance::cases().count());
    assert!(store.was_empty(), "it cleans up");
}

#[test]
fn a_store_that_does_not_conform_fails_by_name() {
    let store = Store::new();
    let home = home(&store).set("OSSEAL_SCRATCH_BUCKET", "box");
    store.faults.inject(Fault::new(Action::FlipReply { at: 7 }).on(Operation::GetObject).always());
    let ended = home.run(&["conformance"]);
    let out = String::from_utf8(ended.stdout.clone()).unwrap();
    assert!(out.contains("FAILED  object/round-trip: What is stored comes back"), "{out}");
    assert!(out.contains("found    70001 bytes, different from byte 7 on"), "{out}");
    assert!(out.contains("skipped bucket/life: the target lets no buckets be made"), "{out}");
    ended.fails(6, &["cases failed", "requests"]);
    store.faults.clear();
    assert!(store.was_empty(), "it cleans up after failures too");
}

#[test]
fn it_runs_only_where_a_scratch_bucket_is_named() {
    let store = Store::new();
    home(&store).run(&["conformance"]).fails(2, &["OSSEAL_SCRATCH_BUCKET", "may be written to"]);
    let set = |name, value| home(&store).set("OSSEAL_SCRATCH_BUCKET", "box").set(name, value);
    set("OSS_ENDPOINT", "").run(&["conformance"]).fails(2, &["OSS_ENDPOINT"]);
    set("OSS_REGION", "").run(&["conformance"]).fails(2, &["OSS_REGION"]);
    set("OSS_ACCESS_KEY_SECRET", "").run(&["conformance"]).fails(2, &["OSS_ACCESS_KEY_SECRET"]);
    set("OSS_ENDPOINT", "http://store.example").run(&["conformance"]).fails(2, &["not encrypted"]);
    set("OSSEAL_SCRATCH_BUCKET", "none").run(&["conformance"]).fails(4, &["NoSuchBucket"]);
    assert_eq!(store.faults.total(), 1, "the last one alone has asked anything");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_cleans_up() {
    let store = Store::new();
    let home = home(&store).set("OSSEAL_SCRATCH_BUCKET", "box");
    let child = home.command(&["conformance", "--json"]).spawn().unwrap();
    crate::support::until("it has begun", || (store.faults.calls(Operation::PutObject) > 3).then_some(()));
    crate::support::signal(&child, "INT");
    let lines = lines(&crate::support::finish(child).ok());
    assert!(lines.iter().any(|line| line["reason"] == "the run was stopped"), "{lines:?}");
    assert!(store.was_empty());
}

#[test]
fn cases_are_listed() {
    let text = Home::new().run(&["conformance", "--list"]).text();
    assert_eq!(text.lines().count(), osseal_conformance::cases().count());
    assert!(text.starts_with("object/round-trip: What is stored comes back"));
}
