//! Objects that cannot be opened: four reasons, four texts, each with something to do.

use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use crate::support::{Home, Store, ramp};

const START: &str = "x-oss-meta-client-side-encryption-start";

#[test]
fn four_reasons_have_four_texts() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(1000));
    home.run(&["cp", "f", "oss://box/f"]).ok();
    let config = String::from_utf8(home.read("osseal.toml")).unwrap();
    let read = |target: &str| home.run(&["cp", target, "target"]);
    let mut texts = Vec::new();

    // Another key under the same description.
    home.run(&["keys", "new", "aes", "other.key"]).ok();
    home.write("osseal.toml", config.replace("backup.key", "other.key"));
    texts.push(read("oss://box/f").fails(5, &["oss://box/f", "does not open with this key", "keys check"]));

    // A keyring without the key.
    home.write("osseal.toml", config.replace("purpose", "reason"));
    texts.push(read("oss://box/f").fails(5, &["no key for this object", "purpose", "keys list"]));

    // No envelope.
    home.write("osseal.toml", &config);
    store.put("plain", &[], "plain text");
    texts.push(read("oss://box/plain").fails(5, &["oss://box/plain", "not encrypted"]));

    // Half an envelope.
    let half = Action::ReplyHeader { name: START, value: None };
    store.faults.inject(Fault::new(half).on(Operation::GetObject));
    texts.push(read("oss://box/f").fails(5, &["oss://box/f", START, "restore it from a copy"]));

    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(!home.path().join("target").exists());
    read("oss://box/f").ok();
    assert_eq!(home.read("target"), ramp(1000));
}

#[test]
fn stat_says_which_key_would_fit() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(10));
    home.run(&["cp", "f", "oss://box/f"]).ok();
    assert!(home.run(&["stat", "oss://box/f"]).text().contains("backup"));
    home.write("osseal.toml", "[profile.default]\nregion = \"cn-hangzhou\"\n");
    let text = home.run(&["stat", "oss://box/f"]).text();
    assert!(text.contains("none of this keyring"), "{text}");
    // Listing, copying and deleting take no keys either; reading and writing do.
    home.run(&["ls", "oss://box"]).ok();
    home.run(&["cp", "oss://box/f", "oss://box/g"]).ok();
    home.run(&["rm", "oss://box/g"]).ok();
    home.run(&["cat", "oss://box/f"]).fails(2, &["no keyring", "keys new"]);
    home.run(&["cp", "f", "oss://box/h"]).fails(2, &["no keyring"]);
}

#[test]
fn changed_bytes_never_take_the_targets_name() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(1000));
    home.run(&["cp", "f", "oss://box/f"]).ok();
    home.write("target", "what was there before");
    store.faults.inject(Fault::new(Action::FlipReply { at: 500 }).on(Operation::GetObject).always());
    home.run(&["cp", "oss://box/f", "target"]).fails(6, &["oss://box/f"]);
    assert_eq!(home.read("target"), b"what was there before");
    assert_eq!(home.names("."), ["backup.key", "f", "osseal.toml", "target"]);
}
