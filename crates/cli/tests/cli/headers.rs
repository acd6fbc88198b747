//! What is kept in the clear beside an object: `cp --meta …`, `set-meta`, `stat`; and `stat --verify`.

use osseal_server::Operation;
use osseal_server::faults::{Action, Fault};
use serde_json::{Value, json};

use crate::support::{Home, Store, ramp};

fn stat(home: &Home, arguments: &[&str]) -> Value {
    serde_json::from_slice(&home.local(&[&["--json", "stat"], arguments].concat()).ok()).unwrap()
}

#[test]
fn headers_are_set_kept_and_changed() {
    let home = Home::new();
    let plain = ramp(5000);
    home.write("f", &plain);
    home.local(&["mb", "oss://box"]).ok();
    let headers = [
        "--meta",
        "owner=me",
        "--metadata",
        "n=1",
        "--cache-control",
        "no-cache",
        "--content-type",
        "text/x",
    ];
    home.local(&[&["cp", "f", "oss://box/f"], &headers[..]].concat()).ok();
    let info = stat(&home, &["oss://box/f"]);
    assert_eq!(info["metadata"], json!({ "owner": "me", "n": "1" }));
    assert_eq!(
        (&info["content_type"], &info["headers"]),
        (&json!("text/x"), &json!({ "cache-control": "no-cache" }))
    );

    home.local(&["cp", "oss://box/f", "oss://box/kept"]).ok();
    assert_eq!(stat(&home, &["oss://box/kept"])["metadata"], info["metadata"]);
    home.local(&["cp", "oss://box/f", "oss://box/edited", "--meta", "owner=you"]).ok();
    assert_eq!(stat(&home, &["oss://box/edited"])["metadata"], json!({ "owner": "you", "n": "1" }));

    home.local(&[
        "set-meta",
        "oss://box/f",
        "--meta",
        "colour=red",
        "--remove",
        "N",
        "--remove",
        "Cache-Control",
    ])
    .ok();
    let info = stat(&home, &["oss://box/f"]);
    assert_eq!(
        (&info["metadata"], &info["headers"]),
        (&json!({ "owner": "me", "colour": "red" }), &json!({}))
    );
    home.local(&["set-meta", "oss://box/f", "--replace", "--meta", "only=this"]).ok();
    assert_eq!(stat(&home, &["oss://box/f"])["metadata"], json!({ "only": "this" }));
    assert_eq!(home.local(&["cat", "oss://box/f"]).ok(), plain);

    home.local(&["set-meta", "oss://box/f"]).fails(2, &["nothing to set"]);
    home.local(&["set-meta", "oss://box/none", "--meta", "a=b"]).fails(3, &["oss://box/none"]);
    let reserved = "client-side-encryption-key";
    home.local(&["set-meta", "oss://box/f", "--remove", reserved]).fails(2, &["reserved for encryption"]);
    home.local(&["set-meta", "oss://box/f", "--meta", &format!("{reserved}=x")]).fails(2, &["reserved"]);
    home.local(&["cp", "f", "oss://box/g", "--tag", "a<=b"]).fails(2, &["a<"]);
    assert_eq!(home.local(&["cat", "oss://box/f"]).ok(), plain);
}

#[test]
fn verify_reads_all_of_it() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(100_000));
    home.run(&["cp", "f", "oss://box/f"]).ok();
    let gets = || store.faults.calls(Operation::GetObject);
    assert_eq!((home.run(&["stat", "oss://box/f"]).code, gets()), (0, 0));
    let info: Value =
        serde_json::from_slice(&home.run(&["--json", "stat", "--verify", "oss://box/f"]).ok()).unwrap();
    assert_eq!((&info["verified"], &info["authenticated"], gets()), (&json!("checksum"), &json!(false), 1));
    assert!(home.run(&["stat", "--verify", "oss://box/f"]).text().contains("cannot prove more"));
    store.faults.inject(Fault::new(Action::FlipReply { at: 70_000 }).on(Operation::GetObject).always());
    let ended = home.run(&["stat", "--verify", "oss://box/f"]);
    assert!(ended.stdout.is_empty(), "nothing is said about an object that is not what it should be");
    ended.fails(6, &["oss://box/f"]);
}
