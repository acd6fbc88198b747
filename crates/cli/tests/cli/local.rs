//! The whole round on the embedded store.

use std::process::Stdio;

use crate::support::{Home, finish, ramp, until};

#[test]
fn what_goes_up_comes_down() {
    let home = Home::new();
    let plain = ramp(300_000);
    home.write("report.bin", &plain);
    home.local(&["mb", "oss://box"]).ok();
    home.local(&["cp", "report.bin", "oss://box/"]).ok();
    home.local(&[
        "cp",
        "report.bin",
        "oss://box/folder/report",
        "--meta",
        "owner=me",
        "--content-type",
        "text/plain",
    ])
    .ok();

    home.local(&["cp", "oss://box/report.bin", "copy.bin"]).ok();
    assert_eq!(home.read("copy.bin"), plain);
    std::fs::create_dir(home.path().join("into")).unwrap();
    home.local(&["cp", "oss://box/folder/report", "into"]).ok();
    home.local(&["cp", "oss://box/report.bin", "into/"]).ok();
    assert_eq!(home.read("into/report"), plain);
    assert_eq!(home.names("into"), ["report", "report.bin"]);
    assert_eq!(home.local(&["cat", "oss://box/report.bin"]).ok(), plain);
    assert_eq!(home.local(&["cp", "oss://box/report.bin", "-"]).ok(), plain);

    home.feed(&["--local=store", "cp", "-", "oss://box/stdin"], &plain).ok();
    assert_eq!(home.local(&["cat", "oss://box/stdin"]).ok(), plain);

    home.local(&["cp", "oss://box/stdin", "oss://box/folder/"]).ok();
    assert_eq!(home.local(&["cat", "oss://box/folder/stdin"]).ok(), plain);
}

#[test]
fn ranges_count_plaintext_bytes_with_both_ends() {
    let home = Home::new();
    let plain = ramp(1000);
    home.write("f", &plain);
    home.local(&["mb", "oss://box"]).ok();
    home.local(&["cp", "f", "oss://box/f"]).ok();
    home.write("empty", "");
    home.local(&["cp", "empty", "oss://box/empty"]).ok();
    for (range, wanted) in [
        ("--range=0-99", &plain[..100]),
        ("--range=17-17", &plain[17..18]),
        ("--range=990-", &plain[990..]),
        ("--range=-50", &plain[950..]),
        ("--range=-5000", &plain[..]),
        ("--range=900-5000", &plain[900..]),
        ("--range=33-18446744073709551615", &plain[33..]),
    ] {
        assert_eq!(home.local(&["cat", range, "oss://box/f"]).ok(), wanted, "{range}");
    }
    assert_eq!(home.local(&["cat", "--range", "-50", "oss://box/f"]).ok(), &plain[950..]);
    assert_eq!(home.local(&["cat", "--range", "0-", "oss://box/empty"]).ok(), b"");
    for (range, object) in [
        ("--range=1000-", "oss://box/f"),
        ("--range=1000-2000", "oss://box/f"),
        ("--range=-0", "oss://box/f"),
        ("--range=0-0", "oss://box/empty"),
        ("--range=-1", "oss://box/empty"),
    ] {
        let ended = home.local(&["cat", range, object]);
        assert_eq!(ended.stdout, b"", "{range}");
        ended.fails(2, &["range", object]);
    }
}

#[test]
fn listings_and_reports() {
    let home = Home::new();
    home.write("f", ramp(40));
    home.local(&["mb", "oss://box"]).ok();
    home.local(&["mb", "oss://another"]).ok();
    for key in ["a", "b/c", "b/d", "控制\u{1b}[31m"] {
        home.local(&["cp", "f", &format!("oss://box/{key}")]).ok();
    }
    let buckets = home.local(&["ls", "--json"]).text();
    assert!(buckets.contains("\"bucket\":\"another\"") && buckets.lines().count() == 2, "{buckets}");

    let grouped = home.local(&["ls", "oss://box"]).text();
    assert!(
        grouped.contains("stored bytes") && grouped.contains("b/") && !grouped.contains("b/c"),
        "{grouped}"
    );
    assert!(!grouped.contains('\u{1b}') && grouped.contains("控制\\u{1b}[31m"), "{grouped}");
    let under = home.local(&["ls", "oss://box/b/", "--json"]).text();
    let lines: Vec<serde_json::Value> =
        under.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["key"], &lines[0]["stored_size"]), (&"b/c".into(), &56.into()));
    assert_eq!(home.local(&["ls", "-r", "oss://box", "--json"]).text().lines().count(), 4);

    home.local(&["cp", "f", "oss://box/g", "--meta", "owner=me", "--content-type", "text/plain"]).ok();
    let stat: serde_json::Value =
        serde_json::from_slice(&home.local(&["stat", "--json", "oss://box/g"]).ok()).unwrap();
    for (field, wanted) in [
        ("key", "g".into()),
        ("size", 40.into()),
        ("stored_size", 56.into()),
        ("suite", "sealed".into()),
        ("wrap", "RSA/NONE/OAEPWithSHA-256AndMGF1Padding".into()),
        ("description", "{\"purpose\":\"local\"}".into()),
        ("key_name", "local".into()),
        ("authenticated", true.into()),
        ("authenticity", "intact".into()),
        ("bind", "none".into()),
        ("bound_to", serde_json::Value::Null),
        ("context", serde_json::json!({})),
        ("content_type", "text/plain".into()),
        ("metadata", serde_json::json!({ "owner": "me" })),
    ] {
        assert_eq!(stat[field], wanted, "{field}");
    }
    assert!(stat["crc64"].is_string() && stat["etag"].is_string() && stat["last_modified"].is_string());
    let words = home.local(&["stat", "oss://box/g"]).text();
    assert!(
        words.contains("40 bytes (claimed by the store)") && words.contains("anyone with the public key"),
        "{words}"
    );

    let report = home.local(&["--json", "cp", "f", "oss://box/h"]).text();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        (&report["size"], &report["parts"], &report["key_name"]),
        (&40.into(), &1.into(), &"local".into())
    );
    assert_eq!(home.local(&["--quiet", "cp", "f", "oss://box/h"]).stderr, "");

    home.local(&["rb", "oss://box"]).fails(3, &["oss://box", "delete its objects"]);
    home.local(&["rm", "oss://box/a", "oss://box/b/c", "oss://box/b/d", "oss://box/g", "oss://box/h"]).ok();
    home.local(&["rm", "oss://box/控制\u{1b}[31m", "oss://box/was-never-there"]).ok();
    home.local(&["rb", "oss://box"]).ok();
    home.local(&["ls", "oss://box"]).fails(3, &["oss://box"]);
}

#[test]
fn large_files_go_in_parts() {
    let home = Home::new();
    let plain = ramp((5 << 20) + 3);
    home.write("f", &plain);
    home.local(&["mb", "oss://box"]).ok();
    let up = ["--json", "cp", "f", "oss://box/f", "--part-size", "1MiB", "--multipart-threshold", "1MiB"];
    let report: serde_json::Value = serde_json::from_slice(&home.local(&up).ok()).unwrap();
    assert_eq!((&report["parts"], &report["size"]), (&6.into(), &plain.len().into()));
    home.local(&["cp", "oss://box/f", "g"]).ok();
    assert_eq!(home.read("g"), plain);
    assert_eq!(
        home.local(&["cat", "--range=1048570-1048590", "oss://box/f"]).ok(),
        &plain[1_048_570..=1_048_590]
    );
}

#[test]
fn nothing_is_replaced_when_that_is_forbidden() {
    let home = Home::new();
    home.write("f", "first");
    home.write("g", "second");
    home.local(&["mb", "oss://box"]).ok();
    home.local(&["cp", "f", "oss://box/f"]).ok();
    home.local(&["cp", "--forbid-overwrite", "g", "oss://box/f"]).fails(3, &["oss://box/f"]);
    home.local(&["cp", "--forbid-overwrite", "oss://box/f", "g"]).fails(3, &["g exists"]);
    assert_eq!(home.read("g"), b"second");
    assert_eq!(home.local(&["cat", "oss://box/f"]).ok(), b"first");
    home.local(&["cp", "--if-match", "\"0\"", "oss://box/f", "g"]).fails(6, &["oss://box/f"]);
    assert_eq!(home.read("g"), b"second");
    let stat: serde_json::Value =
        serde_json::from_slice(&home.local(&["stat", "--json", "oss://box/f"]).ok()).unwrap();
    let etag = stat["etag"].as_str().unwrap();
    home.local(&["cp", "--if-match", etag, "oss://box/f", "g"]).ok();
    home.local(&["cp", "--if-match", etag.trim_matches('"'), "oss://box/f", "g"]).ok();
    assert_eq!(home.read("g"), b"first");
}

#[test]
fn a_second_process_is_told_to_wait() {
    let home = Home::new();
    home.local(&["mb", "oss://box"]).ok();
    let waiting =
        || home.command(&["--local=store", "cp", "-", "oss://box/f"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut first = waiting();
    let refused = until("the store is in use", || {
        // The first process opens the store some time after its start, and is itself refused when the second was quicker.
        if first.try_wait().unwrap().is_some() {
            first = waiting();
        }
        let second = home.local(&["ls"]);
        (second.code != 0).then_some(second)
    });
    refused.fails(1, &["store", "hint: wait for the other process"]);
    drop(first.stdin.take());
    finish(first).ok();
    home.local(&["ls"]).ok();
}

#[cfg(unix)]
#[test]
fn the_key_of_the_folder_is_private_and_stays() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    home.local(&["keys", "check"]).ok();
    let key = home.path().join("store/key.pem");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let before = home.read("store/key.pem");
    let listed = home.local(&["keys", "list"]).text();
    assert!(listed.contains("local") && listed.contains("writes") && listed.contains("RSA-3072"), "{listed}");
    assert_eq!(home.read("store/key.pem"), before);
}

#[test]
fn the_default_folder_is_the_users() {
    let home = Home::new();
    home.run(&["--local", "mb", "oss://box"]).ok();
    assert!(home.path().join(".local/share/osseal/local/objects").is_dir());
}

#[test]
fn a_key_service_is_beside_the_store() {
    let home = Home::new();
    home.write("f", ramp(50_000));
    home.local(&["mb", "oss://box"]).ok();
    home.local(&["cp", "f", "oss://box/by-file"]).ok();
    assert!(!home.path().join("store/kms-keys").exists(), "nobody asked for one");
    let made: serde_json::Value =
        serde_json::from_str(&home.local(&["keys", "new", "kms", "--json"]).text()).unwrap();
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("key-") && made["kind"] == "kms", "{made}");
    let other: serde_json::Value =
        serde_json::from_str(&home.local(&["keys", "new", "kms", "--json"]).text()).unwrap();
    assert_ne!(made["id"], other["id"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = home.path().join("store/kms-keys");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        home.local(&["keys", "list"]).fails(2, &["store/kms-keys", "mode 0644", "chmod 600"]);
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    }
    for suite in ["sealed", "aes-ctr"] {
        for key in [id, other["id"].as_str().unwrap()] {
            let target = format!("oss://box/{suite}/{key}");
            home.local(&["cp", "f", &target, "--suite", suite, "--key", key]).ok();
            let stat = home.local(&["stat", "--json", &target]).text();
            assert!(stat.contains("KMS/ALICLOUD") && stat.contains(key), "{stat}");
            assert_eq!(
                home.local(&["cat", "--allow-unauthenticated", &target]).ok(),
                ramp(50_000),
                "{suite}"
            );
        }
    }
    assert_eq!(home.local(&["cat", "oss://box/by-file"]).ok(), ramp(50_000));
    home.local(&["cp", "f", "oss://box/by-file-again"]).ok();
    let stat = home.local(&["stat", "oss://box/by-file-again"]).text();
    assert!(stat.contains("OAEP") && !stat.contains("KMS"), "the key file still writes unless said: {stat}");
    let checked = home.local(&["keys", "check"]).text();
    assert_eq!(checked.matches("good").count(), 4, "{checked}");
    let listed = home.local(&["keys", "list"]).text();
    assert!(listed.contains(&format!("KMS, {id}")) && listed.matches(" kms ").count() == 2, "{listed}");
    home.local(&["cp", "f", "oss://box/x", "--key", "key-0"]).fails(2, &["key-0", "there are: local, ", id]);
    home.run(&["keys", "new", "kms"]).fails(2, &["made there", "--local"]);
    home.local(&["keys", "new", "kms", "file"]).fails(2, &["no file"]);
    home.local(&["keys", "new", "rsa"]).fails(2, &["FILE"]);
}
