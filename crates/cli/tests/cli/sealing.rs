//! Suites, binding and policies, by flag and by configuration.

use osseal_server::Operation;
use serde_json::{Value, json};

use crate::support::{Home, Store, ramp};

fn stat(home: &Home, object: &str) -> Value {
    serde_json::from_slice(&home.run(&["--json", "stat", object]).ok()).unwrap()
}

/// A home with an object of each kind: sealed, of AES/CTR, without encryption.
fn home(store: &Store) -> Home {
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(100));
    home.run(&["cp", "f", "oss://box/sealed"]).ok();
    home.run(&["cp", "f", "oss://box/ctr", "--suite", "aes-ctr"]).ok();
    store.put("plain", &[], "words");
    home
}

/// The configuration with more lines in the profile, and more sections behind it.
fn configure(home: &Home, profile: &str, sections: &str) {
    home.write("osseal.toml", format!("[profile.default]\nregion = \"cn-hangzhou\"\nkeyring = [\"backup\"]\n{profile}\n\n{sections}\n[key.backup]\nkind = \"aes\"\nfile = \"backup.key\"\ndescription = {{ purpose = \"backup\" }}\n"));
}

#[test]
fn what_is_not_authenticated_takes_a_word() {
    let store = Store::new();
    let home = home(&store);
    assert_eq!(home.run(&["cat", "oss://box/sealed"]).ok(), ramp(100));
    home.run(&["cat", "oss://box/ctr"])
        .fails(5, &["--allow-unauthenticated", "read = \"aes-ctr\"", "bucket.box"]);
    home.run(&["cat", "oss://box/plain"]).fails(5, &["--allow-plaintext"]);
    assert_eq!(home.run(&["cat", "--allow-unauthenticated", "oss://box/ctr"]).ok(), ramp(100));
    home.run(&["cat", "--allow-unauthenticated", "oss://box/plain"]).fails(5, &["not encrypted"]);
    assert_eq!(home.run(&["cat", "--allow-plaintext", "oss://box/plain"]).ok(), b"words");
    home.run(&["cp", "oss://box/ctr", "out"]).fails(5, &["oss://box/ctr"]);
    home.run(&["cp", "--allow-unauthenticated", "oss://box/ctr", "out"]).ok();
    assert_eq!(home.read("out"), ramp(100));
    // Looking does not depend on it.
    for (object, suite) in [("sealed", json!("sealed")), ("ctr", json!("aes-ctr")), ("plain", Value::Null)] {
        assert_eq!(stat(&home, &format!("oss://box/{object}"))["suite"], suite);
    }

    for (profile, sections, readable) in [
        ("read = \"aes-ctr\"", "", &["sealed", "ctr"][..]),
        ("read = \"plaintext\"", "", &["sealed", "ctr", "plain"]),
        ("suite = \"aes-ctr\"", "", &["sealed", "ctr"]),
        ("", "[profile.default.bucket.box]\nread = \"aes-ctr\"\n", &["sealed", "ctr"]),
        ("", "[profile.default.bucket.other]\nread = \"aes-ctr\"\n", &["sealed"]),
        ("read = \"plaintext\"", "[profile.default.bucket.box]\nread = \"sealed\"\n", &["sealed"]),
        ("read = \"plaintext\"\nrequire-bind = \"key\"", "", &[]),
    ] {
        configure(&home, profile, sections);
        for object in ["sealed", "ctr", "plain"] {
            let ended = home.run(&["cat", &format!("oss://box/{object}")]);
            assert_eq!(
                ended.code == 0,
                readable.contains(&object),
                "{profile} {sections} {object}: {ended:?}"
            );
        }
    }
}

#[test]
fn what_is_bound_is_shown_and_required() {
    let store = Store::new();
    let home = home(&store);
    home.run(&["cp", "f", "oss://box/a", "--bind", "key", "--context", "tenant=acme", "--context", "app=x"])
        .ok();
    let shown = stat(&home, "oss://box/a");
    for (field, wanted) in [
        ("bind", json!("key")),
        ("bound_to", json!("\"a\"")),
        ("context", json!({ "app": "x", "tenant": "acme" })),
        ("authenticity", json!("authenticated")),
    ] {
        assert_eq!(shown[field], wanted, "{field}");
    }
    assert_eq!(shown["commitment"].as_str().unwrap().len(), 64);
    assert_eq!(home.run(&["cat", "--require-context", "tenant=acme", "oss://box/a"]).ok(), ramp(100));
    home.run(&["cat", "--require-context", "tenant=other", "oss://box/a"]).fails(6, &["tenant"]);
    home.run(&["cat", "--require-context", "tenant=acme", "oss://box/sealed"]).fails(6, &["tenant"]);

    home.run(&["cp", "oss://box/a", "oss://box/b"]).fails(6, &["sealed as \"a\"", "--allow-moved"]);
    home.run(&["cp", "--allow-moved", "oss://box/a", "oss://box/b"]).ok();
    home.run(&["cat", "oss://box/b"]).fails(6, &["sealed as \"a\"", "read as \"b\"", "--allow-moved"]);
    assert_eq!(home.run(&["cat", "--allow-moved", "oss://box/b"]).ok(), ramp(100));

    configure(&home, "bind = \"bucket-key\"\ncontext = { tenant = \"acme\" }", "");
    home.run(&["cp", "f", "oss://box/c"]).ok();
    assert_eq!(home.run(&["cat", "oss://box/c"]).ok(), ramp(100));
    home.run(&["cat", "oss://box/a"]).fails(6, &["bind bucket-key"]);
    home.run(&["cat", "--allow-plaintext", "oss://box/plain"]).fails(5, &[]);
    home.run(&["cp", "f", "oss://box/d", "--context", "tenant=other"]).fails(2, &["tenant"]);
    configure(&home, "context = { tenant = \"other\" }", "");
    home.run(&["cat", "oss://box/c"]).fails(6, &["tenant"]);
}

#[test]
fn rsa_keys_are_padded_as_the_suite_wants() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.write("f", ramp(10));
    home.run(&["keys", "new", "rsa", "k.pem", "--bits", "2048"]).ok();
    let config = |suite: &str, padding: &str| {
        home.write("osseal.toml", format!("[profile.default]\nregion = \"cn-hangzhou\"\nkeyring = [\"k\"]\nsuite = \"{suite}\"\n[key.k]\nkind = \"rsa\"\nprivate = \"k.pem\"\n{padding}\n"));
    };
    for (suite, wrap) in
        [("sealed", "RSA/NONE/OAEPWithSHA-256AndMGF1Padding"), ("aes-ctr", "RSA/NONE/PKCS1Padding")]
    {
        config(suite, "");
        home.run(&["cp", "f", "oss://box/f"]).ok();
        assert_eq!(stat(&home, "oss://box/f")["wrap"], wrap);
        assert_eq!(home.run(&["cat", "oss://box/f"]).ok(), ramp(10));
    }
    config("sealed", "padding = \"pkcs1\"");
    let before = store.faults.calls(Operation::PutObject);
    home.run(&["cp", "f", "oss://box/f"]).fails(2, &["oaep-sha256"]);
    assert_eq!(store.faults.calls(Operation::PutObject), before);
}

#[test]
fn flags_and_lines_that_mean_nothing() {
    let store = Store::new();
    let home = home(&store);
    for arguments in [
        &["cp", "f", "oss://box/x", "--allow-plaintext"][..],
        &["cp", "oss://box/sealed", "out", "--bind", "key"],
        &["cp", "oss://box/sealed", "oss://box/x", "--suite", "aes-ctr"],
        &["cp", "f", "oss://box/x", "--suite", "AES"],
        &["cp", "f", "oss://box/x", "--bind", "name"],
        &["cp", "f", "oss://box/x", "--context", "tenant"],
        &["cp", "f", "oss://box/x", "--context", "a=1", "--context", "a=2"],
        &["cp", "f", "oss://box/x", "--suite", "aes-ctr", "--bind", "key"],
        &["stat", "--verify=some", "oss://box/sealed"],
    ] {
        home.run(arguments).fails(2, &[]);
    }
    for (line, words) in [
        ("read = \"all\"", &["read", "line 4"][..]),
        ("bind = \"name\"", &["bind", "bucket-key"]),
        ("contxt = {}", &["contxt", "context"]),
        ("bucket = { box = { keyring = [] } }", &["keyring"]),
        ("context = { a = 1 }", &["context"]),
    ] {
        configure(&home, line, "");
        home.run(&["ls", "oss://box"]).fails(2, words);
    }
}
