//! Arguments that are wrong in every way we could think of.

use std::ffi::OsString;

use crate::support::{Home, ID, SECRET};

/// Some systems refuse an argument of a megabyte; every system accepts this length.
const HUGE: usize = 100_000;

/// Runs it and asserts that nothing but one short, plain refusal comes out.
#[track_caller]
fn refused<S: AsRef<std::ffi::OsStr> + std::fmt::Debug>(home: &Home, arguments: &[S], code: i32) {
    let before = home.names(".");
    let ended = home.run(arguments);
    let shown: String = format!("{arguments:?}").chars().take(200).collect();
    assert_eq!(ended.code, code, "{shown}: {}", ended.stderr);
    assert!(ended.stdout.is_empty(), "{shown}");
    assert!(ended.stderr.starts_with("osseal: "), "{shown}: {}", ended.stderr);
    assert!(ended.stderr.lines().skip(1).all(|line| line.starts_with("  ")), "{shown}: {}", ended.stderr);
    assert!(ended.stderr.len() < 3 * HUGE, "{shown}");
    assert_eq!(home.names("."), before, "{shown} left something behind");
}

fn home() -> Home {
    let home = Home::new()
        .set("OSS_ACCESS_KEY_ID", &ID)
        .set("OSS_ACCESS_KEY_SECRET", SECRET)
        .set("OSS_ENDPOINT", "http://127.0.0.1:1")
        .set("OSS_REGION", "cn-hangzhou");
    home.write("f", "content");
    home
}

#[test]
fn c1_forms() {
    let home = home();
    for arguments in [
        &["--bogus"][..],
        &["bogus"],
        &["-"],
        &["--", "--"],
        &[""],
        &["cp"],
        &["cp", "f"],
        &["cp", "f", "g", "h"],
        &["cp", "f", "g"],
        &["cp", "-", "-"],
        &["cp", "", "oss://box/k"],
        &["cp", "f", ""],
        &["cp", "-", "oss://box"],
        &["cp", "-", "oss://box/folder/"],
        &["cp", "f", "s3://box/k"],
        &["cp", "f", "oss://"],
        &["cp", "f", "oss:///k"],
        &["cp", "oss://box", "f"],
        &["cp", "oss://box/a/", "."],
        &["cp", "oss://box/..", "."],
        &["cat"],
        &["cat", "f"],
        &["cat", "-"],
        &["cat", "oss://box"],
        &["cat", "oss://box/"],
        &["stat", "oss://box"],
        &["rm"],
        &["rm", "oss://box"],
        &["rm", "oss://box/a", "f"],
        &["mb", "box"],
        &["mb", "oss://box/key"],
        &["rb", "oss://box/key"],
        &["ls", "f"],
        &["ls", "oss://"],
        &["keys", "new"],
        &["keys", "new", "rsa"],
        &["keys", "bogus"],
        &["keys", "public", "f"],
        &["completions", "cobol"],
        &["--color", "sometimes", "ls"],
        &["--local", "--endpoint", "x", "ls"],
        &["--local", "--config", "x", "ls"],
        &["--local=", "ls"],
        &["--path-style", "--cname", "ls"],
        &["--profile", "--json", "ls"],
        &["cp", "--meta", "a=b", "oss://box/k", "g"],
        &["cp", "--multipart-threshold", "8MiB", "oss://box/k", "g"],
        &["cp", "--if-match", "x", "f", "oss://box/k"],
    ] {
        refused(&home, arguments, 2);
    }
}

#[test]
fn c1_values() {
    let home = home();
    let huge = "9".repeat(HUGE);
    for value in [
        "",
        " ",
        "-",
        "--",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "0x10",
        "NaN",
        "１２",
        "1\n2",
        "\u{1b}[31m",
        "../../etc/passwd",
        "18446744073709551616",
        "99999999999999GiB",
        "8MB",
        &huge,
    ] {
        refused(&home, &["cp", &format!("--part-size={value}"), "f", "oss://box/k"], 2);
        refused(&home, &["cp", &format!("--multipart-threshold={value}"), "f", "oss://box/k"], 2);
        if value != "-1" {
            refused(&home, &["cat", &format!("--range={value}"), "oss://box/k"], 2);
        }
        refused(&home, &["keys", "new", "rsa", "k", &format!("--bits={value}")], 2);
        refused(&home, &["serve", &format!("--listen={value}")], 2);
        refused(&home, &["cp", "--meta", value, "f", "oss://box/k"], 2);
    }
    // Sizes that are numbers and still no sizes of parts.
    refused(&home, &["cp", "--part-size=6GiB", "f", "oss://box/k"], 2);
    refused(&home, &["cp", "--multipart-threshold=6GiB", "f", "oss://box/k"], 2);
}

#[test]
fn c4_names_of_buckets_and_keys() {
    let home = home();
    let long = "b".repeat(64);
    for bucket in ["bo", "Box", "b.ox", "-box", "box-", "b_ox", "böx", "b ox", "b\nox", "..", &long] {
        refused(&home, &["mb", &format!("oss://{bucket}")], 2);
        refused(&home, &["cp", "f", &format!("oss://{bucket}/k")], 2);
        refused(&home, &["ls", &format!("oss://{bucket}")], 2);
    }
    let long = "k".repeat(1024);
    for key in ["/k", "\\k", "a/../b", "./a", &long] {
        refused(&home, &["stat", &format!("oss://box/{key}")], 2);
        refused(&home, &["rm", &format!("oss://box/{key}")], 2);
    }
}

#[cfg(unix)]
#[test]
fn c1_bytes_that_are_no_text() {
    use std::os::unix::ffi::OsStringExt;
    let home = home();
    let bytes = |before: &str| OsString::from_vec([before.as_bytes(), b"\xff\xfe"].concat());
    let word = |text: &str| OsString::from(text);
    for arguments in [
        vec![bytes("")],
        vec![word("cat"), bytes("oss://box/")],
        vec![word("stat"), bytes("oss://")],
        vec![word("cp"), word("f"), bytes("oss://box/")],
        vec![word("ls"), bytes("oss://box/")],
        vec![word("cat"), bytes("--range="), word("oss://box/k")],
        vec![word("--profile"), bytes(""), word("ls")],
        vec![word("--config"), bytes(""), word("ls")],
        vec![word("keys"), word("public"), bytes("")],
    ] {
        refused(&home, &arguments, 2);
    }
    refused(&home, &[word("cp"), bytes("missing"), word("oss://box/k")], 1);
}

#[test]
fn files_that_cannot_be_read() {
    let home = home();
    refused(&home, &["cp", "missing", "oss://box/k"], 1);
    refused(&home, &["cp", &"m".repeat(5000), "oss://box/k"], 1);
    refused(&home, &["cp", ".", "oss://box/k"], 2);
    refused(&home, &["cp", "f/g", "oss://box/k"], 1);
}

#[test]
fn p08_what_cannot_be_done_with_ciphertext_says_why() {
    let home = home();
    for (command, words) in [
        ("append", "key stream"),
        ("appendfromfile", "key stream"),
        ("process", "ciphertext"),
        ("select", "ciphertext"),
        ("sign", "presign"),
    ] {
        home.run(&[command, "oss://box/k"]).fails(2, &[command, words]);
    }
}

#[test]
fn help_version_and_scripts() {
    let home = home();
    let help = home.run(&["--help"]).text();
    assert!(help.contains("Exit codes:") && help.contains("  7  "), "{help}");
    assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
    assert!(home.run(&["--version"]).text().starts_with("osseal "));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(home.run(&["completions", shell]).text().contains("sync"), "{shell}");
    }
    assert!(home.run(&["man"]).text().contains(".TH osseal"));
    assert!(home.run(&["man", "keys", "new"]).text().contains("\\-\\-bits"));
    assert!(home.run(&["man", "sync"]).text().contains("\\-\\-checksum"));
    home.run(&["man", "keys", "old"]).fails(2, &["no command \"old\" in"]);
    std::fs::create_dir(home.path().join("man")).unwrap();
    home.run(&["man", "--dir", "man"]).ok();
    let pages = home.names("man");
    assert!(
        pages.contains(&"osseal-cp.1".into()) && pages.contains(&"osseal-keys-new.1".into()),
        "{pages:?}"
    );
    home.run(&["man", "--dir", "missing"]).fails(1, &["manual"]);
    let nothing = home.run(&[""; 0]);
    assert!(nothing.code == 2 && nothing.stderr.contains("Usage:"), "{nothing:?}");
}
