//! Invalid key files are refused by name, without blocking, and listed with the reason.

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
fn k16_a_private_key_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt;
    for kind in ["rsa", "aes"] {
        let home = home(kind);
        home.run(&["keys", "new", kind, "keys/k"]).ok();
        let mode = |mode| {
            std::fs::set_permissions(home.path().join("keys/k"), PermissionsExt::from_mode(mode)).unwrap();
        };
        for own in [0o600, 0o400, 0o700] {
            mode(own);
            let quiet = home.run(&["keys", "check"]);
            assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""), "{own:o}");
        }
        for shared in [0o604, 0o640, 0o620, 0o602, 0o610, 0o777] {
            mode(shared);
            let shown = format!("mode {shared:04o}");
            let words = ["the key \"k\"", "keys/k", &shown, "chmod 600 keys/k", "allow-shared = true"];
            let named = home.run(&["--config", "osseal.toml", "keys", "check"]);
            named.fails(2, &[&words[..], &["into the key's section"]].concat());
            // A file that lies here may not say it.
            let found = home.run(&["keys", "check"]);
            found.fails(2, &[&words[..], &["in a file that is named with --config"]].concat());
        }
        let config = String::from_utf8(home.read("osseal.toml")).unwrap();
        home.write("osseal.toml", format!("{config}allow-shared = true\n"));
        let quiet = home.run(&["--config", "osseal.toml", "keys", "check"]);
        assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
        // Another user may have written the discovered file.
        let found = home.run(&["keys", "check"]);
        found.fails(2, &["[key.k]", "allow-shared is refused", "working directory", "--config"]);
        home.write("osseal.toml", format!("{config}allow-shared = false\n"));
        home.run(&["keys", "check"]).fails(2, &["mode 0777", "chmod 600 keys/k"]);
        mode(0o600);
        home.run(&["keys", "check"]).ok();
    }
}

#[cfg(unix)]
#[test]
fn k16_where_there_is_no_section_a_flag_allows_it() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    home.run(&["keys", "new", "rsa", "a.pem", "--bits", "2048"]).ok();
    let public = home.read("a.pub.pem");
    std::fs::set_permissions(home.path().join("a.pem"), PermissionsExt::from_mode(0o644)).unwrap();
    home.run(&["keys", "public", "a.pem"]).fails(2, &["a.pem", "mode 0644", "chmod 600", "--allow-shared"]);
    assert_eq!(home.run(&["keys", "public", "a.pem", "--allow-shared"]).ok(), public);
    assert_eq!(home.run(&["keys", "public", "a.pub.pem"]).ok(), public, "a public half is for everybody");
    std::fs::create_dir(home.path().join("store")).unwrap();
    home.local(&["keys", "check"]).ok();
    std::fs::set_permissions(home.path().join("store/key.pem"), PermissionsExt::from_mode(0o640)).unwrap();
    home.local(&["keys", "check"]).fails(2, &["store/key.pem", "mode 0640", "chmod 600"]);
}

/// Needs the right to change the owner of files; skipped without it.
#[cfg(unix)]
#[test]
fn k16_a_private_key_of_another_user() {
    let home = home("aes");
    home.run(&["keys", "new", "aes", "keys/k"]).ok();
    if std::os::unix::fs::chown(home.path().join("keys/k"), Some(12345), None).is_err() {
        return;
    }
    home.run(&["keys", "check"]).fails(2, &["keys/k", "belongs to another user (uid 12345)", "allow-shared"]);
    let config = String::from_utf8(home.read("osseal.toml")).unwrap();
    home.write("osseal.toml", format!("{config}allow-shared = true\n"));
    home.run(&["--config", "osseal.toml", "keys", "check"]).ok();
}
