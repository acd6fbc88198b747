//! Headers and metadata, stored in the clear: `cp --meta …`, `set-meta`, `stat`; and `stat --verify`.

use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
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
fn verify_proves_the_end_or_reads_all() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(100_000));
    home.run(&["cp", "f", "oss://box/sealed"]).ok();
    home.run(&["cp", "--suite", "aes-ctr", "f", "oss://box/ctr"]).ok();
    let stat = |arguments: &[&str]| -> Value {
        serde_json::from_slice(&home.run(&[&["--json", "stat"], arguments].concat()).ok()).unwrap()
    };
    let info = stat(&["oss://box/sealed"]);
    assert_eq!(store.faults.calls(Operation::GetObject), 0);
    assert_eq!((&info["verified"], &info["size_proven"]), (&Value::Null, &json!(false)));
    for (arguments, verified, proven) in [
        (&["--verify", "oss://box/sealed"][..], "end", true),
        (&["--verify=all", "oss://box/sealed"], "authentic", true),
        (&["--verify", "--allow-unauthenticated", "oss://box/ctr"], "checksum", false),
    ] {
        let info = stat(arguments);
        assert_eq!(
            (&info["verified"], &info["size_proven"]),
            (&json!(verified), &json!(proven)),
            "{arguments:?}"
        );
    }
    home.run(&["stat", "--verify", "oss://box/ctr"])
        .fails(5, &["--allow-unauthenticated", "read = \"aes-ctr\""]);
    store.faults.inject(Fault::new(Action::FlipReply { at: 70_000 }).on(Operation::GetObject).always());
    home.run(&["stat", "--verify", "oss://box/sealed"]).ok();
    for object in ["oss://box/sealed", "oss://box/ctr"] {
        let ended = home.run(&["stat", "--verify=all", "--allow-unauthenticated", object]);
        assert!(ended.stdout.is_empty(), "nothing is said about an object that is not what it should be");
        ended.fails(6, &[object]);
    }
}
