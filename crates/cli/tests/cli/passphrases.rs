//! Key files under a passphrase, and where passphrases come from.

use std::process::Command;

use crate::support::{Home, on_a_terminal};

const PASSPHRASE: &str = "correct horse";

/// A home with a protected RSA key `k` as the only one.
fn home() -> Home {
    let home = Home::new();
    home.write_secret("passphrase", format!("{PASSPHRASE}\n"));
    let made = ["keys", "new", "rsa", "k", "--bits", "2048", "--passphrase-file", "passphrase"];
    home.run(&made).ok();
    configure(&home, "");
    home
}

fn configure(home: &Home, more: &str) {
    home.write(
        "osseal.toml",
        format!(
            "[profile.default]\nkeyring = [\"k\"]\n[key.k]\nkind = \"rsa\"\nprivate = \"k\"\npadding = \"pkcs1\"\n{more}\n"
        ),
    );
}

#[test]
fn keys_are_made_under_a_passphrase_of_every_source() {
    let home = Home::new().set("SOME_VARIABLE", PASSPHRASE);
    home.write_secret("passphrase", format!("{PASSPHRASE}\r\n"));
    let new = |name: &'static str| ["keys", "new", "rsa", name, "--bits", "2048"];
    home.run(&[&new("a")[..], &["--passphrase-file", "passphrase"]].concat()).ok();
    home.run(&[&new("b")[..], &["--passphrase-env", "SOME_VARIABLE"]].concat()).ok();
    home.feed(&[&new("c")[..], &["--passphrase-file", "-"]].concat(), PASSPHRASE.as_bytes()).ok();
    let asked = format!("{PASSPHRASE},{PASSPHRASE}");
    let made = on_a_terminal(&home, &asked, &[&new("d")[..], &["--passphrase-prompt"]].concat());
    let shown = made.text();
    assert!(shown.contains("Passphrase of the key file: ") && !shown.contains(PASSPHRASE), "{shown}");
    for name in ["a", "b", "c", "d"] {
        let (private, public) = (home.read(name), home.read(&format!("{name}.pub")));
        assert!(private.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----"), "{name}");
        let said = home.run(&["keys", "public", name, "--passphrase-env", "SOME_VARIABLE"]).ok();
        assert_eq!(said, public, "{name}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = home.path().join(name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
    // OpenSSL checks the key format independently.
    let mut openssl = Command::new("openssl");
    openssl.args(["pkey", "-in", "a", "-passin", &format!("pass:{PASSPHRASE}"), "-pubout"]);
    if let Ok(said) = openssl.current_dir(home.path()).output() {
        assert_eq!(said.stdout, home.read("a.pub"), "{said:?}");
    }
    let differ = on_a_terminal(&home, "one,two", &[&new("e")[..], &["--passphrase-prompt"]].concat());
    assert_eq!(differ.code, 2, "{differ:?}");
    assert!(!home.path().join("e").exists());
    home.run(&[&new("e")[..], &["--passphrase-prompt"]].concat()).fails(2, &["no terminal"]);
    home.run(&[&new("e")[..], &["--passphrase-env", "NOT_SET"]].concat()).fails(2, &["NOT_SET"]);
    home.run(&["keys", "new", "aes", "e", "--passphrase-file", "passphrase"]).fails(2, &["RSA key"]);
    assert!(!home.path().join("e.pub").exists());
}

#[test]
fn a_configuration_names_where_the_passphrase_comes_from() {
    let home = home().set("SOME_VARIABLE", PASSPHRASE);
    for source in ["passphrase-file = \"passphrase\"", "passphrase-env = \"SOME_VARIABLE\""] {
        configure(&home, source);
        assert!(home.run(&["keys", "check"]).text().contains("good"), "{source}");
    }
    configure(&home, "passphrase-command = [\"cat\", \"passphrase\"]");
    home.run(&["keys", "check"]).fails(
        2,
        &["osseal.toml, line 7", "\"passphrase-command\" is refused", "may not name commands", "--config"],
    );
    // No PATH: the program is named by its path. No shell: shell syntax is passed as an argument.
    configure(&home, "passphrase-command = [\"/bin/cat\", \"passphrase\"]");
    assert!(home.run(&["--config", "osseal.toml", "keys", "check"]).text().contains("good"));
    configure(&home, "passphrase-command = [\"/bin/echo\", \"$(cat passphrase)\"]");
    home.run(&["--config", "osseal.toml", "keys", "check"])
        .fails(2, &["the passphrase does not open the key"]);
}

/// Relative to the folder of the file, not to the working directory.
#[cfg(unix)]
#[test]
fn a_program_with_a_place_starts_from_the_folder_of_the_file() {
    let home = home();
    std::os::unix::fs::symlink("/bin/cat", home.path().join("say")).unwrap();
    home.write("elsewhere/say", "not to be run");
    let (config, passphrase) = (home.path().join("osseal.toml"), home.path().join("passphrase"));
    configure(&home, &format!("passphrase-command = [\"./say\", {passphrase:?}]"));
    let mut check = home.command(&["--config", config.to_str().unwrap(), "keys", "check"]);
    let checked = check.current_dir(home.path().join("elsewhere")).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn sources_that_give_nothing_are_named() {
    let home = home();
    home.write_secret("empty", "\n");
    home.write_secret("binary", [0xff, 0xfe]);
    home.write_secret("large", vec![b'x'; 5000]);
    home.write_secret("larger than a pipe", vec![b'x'; 1 << 20]);
    home.write("open", PASSPHRASE);
    for (source, words) in [
        ("passphrase-file = \"missing\"", &["passphrase file missing", "No such file"][..]),
        ("passphrase-file = \"empty\"", &["the passphrase in empty is empty"]),
        ("passphrase-file = \"binary\"", &["the passphrase in binary is not UTF-8"]),
        ("passphrase-file = \"large\"", &["larger than 4.0 KiB"]),
        #[cfg(unix)]
        ("passphrase-file = \"open\"", &["passphrase file open", "mode 0", "chmod 600 open", "allow-shared"]),
        ("passphrase-env = \"NOT_SET\"", &["NOT_SET", "is not set"]),
        ("passphrase-command = []", &["passphrase-command is empty"]),
        ("passphrase-command = [\"/nowhere/program\"]", &["/nowhere/program", "cannot be started"]),
        ("passphrase-command = [\"/bin/false\"]", &["/bin/false", "failed", "exit status: 1"]),
        ("passphrase-command = [\"/bin/cat\", \"large\"]", &["/bin/cat", "more than 4 KiB"]),
        ("passphrase-command = [\"/bin/cat\", \"larger than a pipe\"]", &["/bin/cat", "more than 4 KiB"]),
        ("passphrase-command = [\"/bin/cat\", \"empty\"]", &["the command printed is empty"]),
        ("passphrase-file = \"passphrase\"\npassphrase-env = \"A\"", &["one of them"]),
    ] {
        configure(&home, source);
        home.run(&["--config", "osseal.toml", "keys", "check"]).fails(2, words);
    }
}

#[test]
fn k06_a_wrong_passphrase_is_one_error_and_none_says_what_there_is() {
    let home = home();
    let without = home.run(&["keys", "check"]);
    without.fails(
        2,
        &[
            "the key \"k\"",
            "protected by a passphrase, and none was given",
            "passphrase-file, passphrase-env",
        ],
    );
    home.run(&["keys", "public", "./k"]).fails(2, &["none was given", "--passphrase-file"]);
    home.write_secret("wrong", "Correct horse");
    configure(&home, "passphrase-file = \"wrong\"");
    let said = home.run(&["keys", "check"]).fails(2, &["the passphrase does not open the key"]);
    assert!(!said.contains("orrect horse"), "{said}");
    // A passphrase for a key that has none is a mistake about the key.
    home.run(&["keys", "new", "rsa", "open.pem", "--bits", "2048"]).ok();
    home.run(&["keys", "public", "open.pem", "--passphrase-file", "passphrase"])
        .fails(2, &["not protected", "leave the passphrase out"]);
    configure(
        &home,
        "passphrase-file = \"passphrase\"\n[key.a]\nkind = \"aes\"\nfile = \"a\"\npassphrase-env = \"A\"",
    );
    let listed = home.run(&["keys", "list"]).text();
    assert!(listed.contains("RSA-2048") && listed.contains("an AES key has no passphrase"), "{listed}");
}

#[test]
fn a_terminal_is_asked_when_nothing_else_is_named() {
    let home = home();
    let good = on_a_terminal(&home, PASSPHRASE, &["keys", "check"]).text();
    assert!(good.contains("Passphrase of k: ") && good.contains("good"), "{good}");
    assert!(!good.contains(PASSPHRASE), "{good}");
    let wrong = on_a_terminal(&home, "wrong", &["keys", "check"]);
    assert_eq!(wrong.code, 2);
    let shown = String::from_utf8(wrong.stdout).unwrap();
    assert!(shown.contains("the passphrase does not open the key"), "{shown}");
    let listed = on_a_terminal(&home, "", &["keys", "list"]).text();
    assert!(!listed.contains("Passphrase of") && listed.contains("protected by a passphrase"), "{listed}");
}
