//! Folders of the disk backend as they may be found: of earlier layouts, damaged.

use crate::support::Store;
use aws_lc_rs::digest::{SHA256, digest};
use osseal_server::Service;

fn open(path: &std::path::Path) -> Store {
    Store::of(Service::builder().anonymous().disk(path).unwrap().build())
}

/// A record as the disk backend writes it.
fn record(json: &str) -> String {
    format!(
        "osseal-record-1 {}\n{json}",
        data_encoding::HEXLOWER.encode(digest(&SHA256, json.as_bytes()).as_ref())
    )
}

#[tokio::test]
async fn a_folder_of_the_layout_without_versions_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let key = data_encoding::HEXLOWER.encode(digest(&SHA256, b"a").as_ref());
    for (name, content) in [
        ("format", "osseal-store-1\n".to_owned()),
        ("data/BLOB", "hello".to_owned()),
        ("buckets/box/bucket", record(r#"{"created":1702743657000}"#)),
        (
            &format!("buckets/box/objects/{key}"),
            record(
                r#"{"key":"a","object":{"id":"W","size":5,"etag":"\"5D41402ABC4B2A76B9719D911017C592\"","crc64":18446744073709551615,"md5":[93,65,64,42,188,75,42,118,185,113,157,145,16,23,197,146],"modified":1702743657123,"kind":"Normal","upload":null,"meta":[["x-oss-meta-a","é"]]},"blobs":[["BLOB",5]]}"#,
            ),
        ),
    ] {
        std::fs::create_dir_all(path.join(name).parent().unwrap()).unwrap();
        std::fs::write(path.join(name), content).unwrap();
    }
    std::fs::create_dir_all(path.join("buckets/box/uploads")).unwrap();
    let store = open(&path);
    let get = store.get("a").await;
    assert_eq!((get.text(), get.header("x-oss-version-id")), ("hello", ""));
    assert_eq!(get.header("x-oss-hash-crc64ecma"), "18446744073709551615");
    assert_eq!(store.versions("").await.0, ["a:null!"]);
    store.versioning("Enabled").await;
    let one = store.put("a", "1").await;
    drop(store);
    // Who knows the first layout only must not sweep the bodies of earlier versions.
    assert_eq!(std::fs::read_to_string(path.join("format")).unwrap(), "osseal-store-2\n");
    let store = open(&path);
    assert_eq!(store.versions("").await.0, [format!("a:{one}!"), "a:null".to_owned()]);
    assert_eq!(store.get("a?versionId=null").await.text(), "hello");
    store.delete("a?versionId=null").await;
    assert!(!path.join("data/BLOB").exists(), "a body that no version names is removed");
}

#[tokio::test]
async fn records_that_say_nothing_of_attributes_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let key = data_encoding::HEXLOWER.encode(digest(&SHA256, b"a").as_ref());
    let object = |id: &str, size: u64| {
        format!(
            r#""object":{{"id":"{id}","version":"{id}","size":{size},"etag":"\"E\"","crc64":1,"md5":null,"modified":1702743657123,"kind":"Multipart","upload":"U","meta":[]}},"blobs":[["{id}",{size}]]"#
        )
    };
    let marker = r#"{"marker":{"id":"M","version":"M","modified":1702743657123}}"#;
    for (name, content) in [
        ("format", "osseal-store-2\n".to_owned()),
        ("data/ONE", "1".to_owned()),
        ("data/TWO", "22".to_owned()),
        ("buckets/box/bucket", record(r#"{"created":1702743657000,"versioning":"Enabled"}"#)),
        (
            &format!("buckets/box/objects/{key}"),
            record(&format!(
                r#"{{"key":"a",{},"earlier":[{marker},{{{}}}]}}"#,
                object("TWO", 2),
                object("ONE", 1)
            )),
        ),
        (
            "buckets/box/uploads/OPEN/upload",
            record(r#"{"id":"OPEN","key":"b","initiated":1702743657123,"meta":[],"forbid_overwrite":false}"#),
        ),
    ] {
        std::fs::create_dir_all(path.join(name).parent().unwrap()).unwrap();
        std::fs::write(path.join(name), content).unwrap();
    }
    std::fs::create_dir_all(path.join("buckets/box/uploads/OPEN/parts")).unwrap();
    let store = open(&path);
    assert_eq!(store.versions("").await.0, ["a:TWO!", "a:M-", "a:ONE"]);
    assert_eq!(store.get("a").await.text(), "22");
    let one = store.get("a?versionId=ONE").await;
    assert_eq!((one.text(), one.header("x-oss-storage-class")), ("1", "Standard"));
    assert_eq!(store.get("a?tagging&versionId=ONE").await.element("TagSet"), "");
    assert_eq!(store.get("a?acl").await.element("Grant"), "default");
    assert_eq!(store.ask("GET /box?acl", &[], b"").await.element("Grant"), "private");
    assert_eq!(store.ask("GET /box?uploads", &[], b"").await.element("UploadId"), "OPEN");
}

#[tokio::test]
async fn a_damaged_record_is_not_written_over_where_versions_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path);
    store.ask("PUT /box", &[], b"").await;
    store.versioning("Enabled").await;
    store.put("a", "1").await;
    store.put("a", "2").await;
    drop(store);
    let record = std::fs::read_dir(path.join("buckets/box/objects")).unwrap().next().unwrap().unwrap().path();
    let sound = std::fs::read(&record).unwrap();
    let mut damaged = sound.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(&record, &damaged).unwrap();
    let store = open(&path);
    for (line, body) in [
        ("GET /box/a", &b""[..]),
        ("PUT /box/a", b"3"),
        ("DELETE /box/a", b""),
        ("DELETE /box/a?versionId=null", b""),
        ("GET /box?versions", b""),
    ] {
        assert_eq!(store.ask(line, &[], body).await.status, 500, "{line}");
    }
    drop(store);
    assert_eq!(std::fs::read(&record).unwrap(), damaged);
    std::fs::write(&record, &sound).unwrap();
    let store = open(&path);
    assert_eq!(
        (store.get("a").await.text(), store.versions("").await.0.len()),
        ("2", 2),
        "nothing was swept"
    );
}
