//! Golden records: a configuration, key files and an embedded store as they lie on users' disks are
//! read, and are not changed by it.

use std::fs;
use std::path::Path;

use crate::support::{Home, ramp};

/// A home with a copy of `tests/golden`. Git keeps no file modes, so secrets get theirs here.
fn golden_home() -> Home {
    let home = Home::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    copy(&home, &golden, "");
    // Git keeps no empty folders either.
    for folder in ["objects/temp", "objects/buckets/box/uploads"] {
        fs::create_dir_all(home.path().join("store").join(folder)).unwrap();
    }
    home
}

fn copy(home: &Home, from: &Path, to: &str) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{to}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            copy(home, &entry.path(), &format!("{name}/"));
        } else {
            home.write_secret(&name, fs::read(entry.path()).unwrap());
        }
    }
}

#[test]
fn key_files_of_every_kind_are_read() {
    let home = golden_home();
    let checked = home.run(&["keys", "check"]).text();
    for key in ["backup", "old", "locked"] {
        let line = checked.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        assert!(line.contains("good"), "{checked}");
    }
    // The control: a key file with one changed byte.
    let mut key = home.read("keys/rsa.pem");
    key[200] ^= 1;
    home.write_secret("keys/rsa.pem", key);
    home.run(&["keys", "check"]).fails(2, &["keys/rsa.pem"]);
}

#[test]
fn configuration_is_read() {
    // Without credentials `config show` ends with an error.
    let home = golden_home().set("OSS_ACCESS_KEY_ID", "id").set("OSS_ACCESS_KEY_SECRET", "secret");
    let shown = home.run(&["config", "show"]).text();
    for words in ["oss-cn-hangzhou-internal.aliyuncs.com", "sealed", "aes-ctr", "backup", "locked"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let shown = home.run(&["--profile", "sdk", "config", "show"]).text();
    assert!(shown.contains("aes-ctr") && !shown.contains("locked"), "{shown}");
}

#[test]
fn embedded_store_is_read_and_its_files_stay_as_they_are() {
    let home = golden_home();
    let files = ["store/key.pem", "store/kms-keys", "store/objects/format"];
    let before: Vec<_> = files.iter().map(|file| home.read(file)).collect();
    assert_eq!(home.local(&["cat", "oss://box/sealed"]).ok(), ramp(1000));
    let after: Vec<_> = files.iter().map(|file| home.read(file)).collect();
    assert!(before == after);
}
