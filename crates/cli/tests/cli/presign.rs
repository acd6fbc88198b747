//! Presigned URLs: created, read, and never printed with their signature.

use crate::support::{Home, Store, ramp};

/// A home with an object of 1,000 bytes in it, and a URL of that.
fn shared(store: &Store) -> (Home, String) {
    let home = Home::with_store(&store.endpoint);
    home.write("ramp.bin", ramp(1000));
    home.run(&["cp", "ramp.bin", "oss://box/dir/a b+c"]).ok();
    let made = home.run(&["presign", "oss://box/dir/a b+c", "--expires-duration", "1h"]);
    assert!(made.stderr.contains("as ciphertext"), "{made:?}");
    let url = made.text().trim().to_owned();
    (home, url)
}

#[test]
fn a_url_is_read_without_credentials() {
    let store = Store::new();
    let (home, url) = shared(&store);
    let reader = Home::new();
    std::fs::copy(home.path().join("backup.key"), reader.path().join("backup.key")).unwrap();
    reader.write("osseal.toml", home.read("osseal.toml"));
    reader.write("url", format!("{url}\n"));

    let read = reader.run(&["cat", &url]);
    assert!(read.stderr.contains("other users"), "{read:?}");
    assert_eq!(read.ok(), ramp(1000));
    let quiet = reader.run(&["cat", "url-file:url", "--range", "10-19"]);
    assert_eq!(quiet.stderr, "");
    assert_eq!(quiet.ok(), ramp(1000)[10..20]);
    assert_eq!(reader.feed(&["cat", "url-file:-"], url.as_bytes()).ok(), ramp(1000));
    reader.run(&["cp", "url-file:url", "out.bin"]).ok();
    assert_eq!(reader.read("out.bin"), ramp(1000));
    assert_eq!(reader.run(&["cp", "url-file:url", "-"]).ok(), ramp(1000));

    let json = home.run(&["presign", "oss://box/dir/a b+c", "--json"]).text();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["source"], "oss://box/dir/a b+c");
    assert_eq!(
        reader.feed(&["cat", "url-file:-"], json["url"].as_str().unwrap().as_bytes()).ok(),
        ramp(1000)
    );
}

#[test]
fn what_a_url_allows_is_never_printed() {
    let store = Store::new();
    let (home, url) = shared(&store);
    let address = url.split('?').next().unwrap();
    let other = Home::new();
    for (made, code) in [
        (home.run(&["cat", &url.replace("a%20b", "b%20a")]), 4),
        (home.run(&["cat", &format!("{url}&x-oss-process=image/resize")]), 5),
        (home.run(&["cat", &url, "--version-id", "1"]), 2),
        (home.run(&["cp", &url, "."]), 2),
        (home.run(&["cp", &url, "oss://box/other"]), 2),
        (home.run(&["cp", &url, "file", "--update"]), 2),
        (home.run(&["cp", "osseal.toml", &url]), 2),
        (home.run(&["cat", &url.replace("127.0.0.1", "192.0.2.1")]), 2),
        (home.run(&["cat", "--local=x", &url]), 2),
        (other.run(&["cat", &url]), 2),
    ] {
        let text = made.fails(code, &[]);
        assert!(!text.contains("ignature="), "{text}");
        assert!(!text.contains('?') || !text.contains(address), "{text}");
    }
}

#[test]
fn what_cannot_be_presigned() {
    let store = Store::new();
    let home = Home::with_store(&store.endpoint);
    home.run(&["presign", "oss://box"]).fails(2, &["names no object"]);
    home.run(&["presign", "oss://box/k", "--expires-duration", "8d"]).fails(2, &["7 days"]);
    home.run(&["presign", "oss://box/k", "--expires-duration", "0s"]).fails(2, &["1 second"]);
    home.run(&["presign", "oss://box/k", "--expires-duration", "soon"]).fails(2, &["15m"]);
    home.local(&["presign", "oss://box/k"]).fails(2, &["osseal serve"]);
    home.write("two", "https://a/b\nhttps://c/d\n");
    home.write("none", "oss://box/k\n");
    home.write("long", vec![b'h'; 40 << 10]);
    for file in ["two", "none", "long", "missing", "."] {
        home.run(&["cat", &format!("url-file:{file}")]).fails(2, &[]);
    }
    home.feed(&["cat", "url-file:-"], b"").fails(2, &["empty"]);
}
