//! `keys`: made, listed, checked, given away.

use crate::support::{Home, Store};

#[test]
fn keys_are_made_once_and_for_their_owner() {
    let home = Home::new();
    home.run(&["keys", "new", "rsa", "a.pem", "--bits", "2048"]).ok();
    home.run(&["keys", "new", "aes", "b.key"]).ok();
    assert_eq!(home.names("."), ["a.pem", "a.pub.pem", "b.key"]);
    let (private, public) = (home.read("a.pem"), home.read("a.pub.pem"));
    assert!(
        private.starts_with(b"-----BEGIN PRIVATE KEY-----")
            && public.starts_with(b"-----BEGIN PUBLIC KEY-----")
    );
    assert_eq!(home.run(&["keys", "public", "a.pem"]).ok(), public);
    assert_eq!(home.run(&["keys", "public", "a.pub.pem"]).ok(), public);
    assert_eq!(home.read("b.key").len(), 65);
    #[cfg(unix)]
    for name in ["a.pem", "b.key"] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(home.path().join(name).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }

    home.run(&["keys", "new", "aes", "a.pem"]).fails(1, &["a.pem exists"]);
    home.run(&["keys", "new", "rsa", "b.key", "--bits", "2048"]).fails(1, &["b.key exists"]);
    home.run(&["keys", "new", "rsa", "a"]).ok();
    std::fs::remove_file(home.path().join("a")).unwrap();
    home.run(&["keys", "new", "rsa", "a"]).fails(1, &["a.pub exists"]);
    assert_eq!(home.read("a.pem"), private);
    home.run(&["keys", "new", "aes", "a.pem/c.key"]).fails(1, &["cannot make the folder a.pem"]);
    home.run(&["keys", "new", "rsa", "c", "--bits", "1024"]).fails(2, &["1024"]);
    home.run(&["keys", "new", "aes", "c", "--bits", "2048"]).fails(2, &["--bits"]);
    home.run(&["keys", "new", "dsa", "c"]).fails(2, &["dsa"]);
    assert_eq!(home.names("."), ["a.pem", "a.pub", "a.pub.pem", "b.key"]);
}

#[test]
fn new_keys_create_a_missing_folder_for_their_owner() {
    let home = Home::new();
    home.run(&["keys", "new", "aes", "keys/deep/c.key"]).ok();
    home.run(&["keys", "new", "rsa", "keys/backup.pem", "--bits", "2048"]).ok();
    assert_eq!(home.names("keys"), ["backup.pem", "backup.pub.pem", "deep"]);
    #[cfg(unix)]
    for name in ["keys", "keys/deep"] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(home.path().join(name).metadata().unwrap().permissions().mode() & 0o777, 0o700, "{name}");
    }
}

#[test]
fn a_public_half_writes_and_its_private_half_reads() {
    let store = Store::new();
    let writer = Home::with_store(&store.endpoint);
    let reader = Home::with_store(&store.endpoint);
    reader.run(&["keys", "new", "rsa", "k/a.pem", "--bits", "2048"]).ok();
    writer.write("a.pub.pem", reader.read("k/a.pub.pem"));
    for (padding, suite) in [("pkcs1", "aes-ctr"), ("oaep-sha1", "sealed"), ("oaep-sha256", "sealed")] {
        let config = |half: &str| {
            format!(
                "[profile.default]\nregion = \"cn-hangzhou\"\nsuite = \"{suite}\"\nkeyring = [\"a\", \"b\"]\n\n[key.a]\nkind = \"rsa\"\n{half}\npadding = \"{padding}\"\ndescription = {{ purpose = \"backup\" }}\n\n[key.b]\nkind = \"aes\"\nfile = \"backup.key\"\n"
            )
        };
        writer.write("osseal.toml", config("public = \"a.pub.pem\""));
        reader.write("osseal.toml", config("private = \"k/a.pem\""));
        writer.write("f", "words");
        writer.run(&["cp", "f", "oss://box/f"]).ok();
        writer.run(&["cat", "oss://box/f"]).fails(5, &["public half"]);
        assert_eq!(reader.run(&["cat", "oss://box/f"]).ok(), b"words", "{padding}");
    }
    let checked = writer.run(&["keys", "check"]).text();
    assert!(
        checked.contains("a  ") && checked.contains("cannot read") && checked.lines().count() == 2,
        "{checked}"
    );
    let checked = reader.run(&["keys", "check"]).text();
    assert!(!checked.contains("cannot read") && checked.matches("good").count() == 2, "{checked}");
    let listed = writer.run(&["keys", "list", "--json"]).text();
    let first: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!(
        first,
        serde_json::json!({
            "name": "a", "kind": "rsa", "role": "writes", "description": { "purpose": "backup" },
            "usable": true, "can_read": false, "state": "RSA-2048, oaep-sha256, public half only"
        })
    );
    assert_eq!(reader.run(&["keys", "public", "a"]).ok(), writer.read("a.pub.pem"));
    reader.run(&["keys", "public", "b"]).fails(2, &["AES"]);
}
