//! Key files that are none: refused by name, without waiting, and listed as what they are.

use crate::support::Home;

fn home(kind: &str) -> Home {
    let home = Home::new();
    let entry = if kind == "rsa" { "private = \"keys/k\"" } else { "file = \"keys/k\"" };
    std::fs::create_dir(home.path().join("keys")).unwrap();
    home.write(
        "osseal.toml",
        format!("[profile.default]\nkeyring = [\"k\"]\n[key.k]\nkind = \"{kind}\"\n{entry}\n"),
    );
    home
}

#[test]
fn k01_files_that_are_no_keys() {
    for kind in ["rsa", "aes"] {
        let home = home(kind);
        let refused = |word: &str| {
            home.run(&["keys", "check"]).fails(2, &["the key \"k\"", "keys/k", word]);
            let listed = home.run(&["keys", "list"]).text();
            assert!(listed.contains("keys/k") && listed.contains(word), "{listed}");
        };
        refused("No such file");
        home.write("keys/k", "");
        refused("is empty");
        home.write("keys/k", vec![b'a'; (64 << 10) + 1]);
        refused("larger than 64.0 KiB");
        home.write("keys/k", "something else");
        refused("cannot use the key file");
        std::fs::remove_file(home.path().join("keys/k")).unwrap();
        std::fs::create_dir(home.path().join("keys/k")).unwrap();
        refused("is a directory");
    }
}

#[cfg(unix)]
#[test]
fn k01_pipes_and_links() {
    let home = home("aes");
    let path = home.path().join("keys/k");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    home.run(&["keys", "check"]).fails(2, &["keys/k", "not a regular file"]);
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("k", &path).unwrap();
    home.run(&["keys", "check"]).fails(2, &["keys/k"]);
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    home.run(&["keys", "check"]).fails(2, &["keys/k", "not a regular file"]);
}

#[test]
fn k04_the_wrong_half() {
    let home = home("rsa");
    home.run(&["keys", "new", "rsa", "keys/a.pem", "--bits", "2048"]).ok();
    home.write("keys/k", home.read("keys/a.pub.pem"));
    home.run(&["keys", "check"]).fails(2, &["keys/k", "public half only", "private key is needed"]);
}

#[cfg(unix)]
#[test]
fn k16_a_private_key_that_everybody_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let home = home("rsa");
    home.run(&["keys", "new", "rsa", "keys/k", "--bits", "2048"]).ok();
    let quiet = home.run(&["keys", "check"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
    std::fs::set_permissions(home.path().join("keys/k"), PermissionsExt::from_mode(0o644)).unwrap();
    let warned = home.run(&["--quiet", "keys", "check"]);
    assert_eq!(warned.code, 0);
    assert!(warned.stderr.contains("warning") && warned.stderr.contains("chmod 600"), "{}", warned.stderr);
}
