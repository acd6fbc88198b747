//! Golden records: the files under `tests/golden` are read, and written again with the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use osseal_server::Service;
use osseal_server::kms::KmsService;
use osseal_server::kms::keys::KeyState;

use crate::support::Store;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Copies a folder: opening one takes its lock and sweeps its temporary files.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if entry.is_dir() {
            copy(&entry, &to);
        } else {
            fs::copy(&entry, &to).unwrap();
        }
    }
}

#[tokio::test]
async fn disk_folder_is_read_and_its_records_are_written_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    copy(&golden("store"), &path);
    fs::create_dir_all(path.join("temp")).unwrap();
    let record = path.join("buckets/box/bucket");
    let before = fs::read(&record).unwrap();
    let store = Store::of(Service::builder().anonymous().disk(&path).unwrap().build());

    let rows = store.versions("").await.0;
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert!(rows[0].starts_with("a:") && rows[0].ends_with("-!"), "the delete marker: {rows:?}");
    let version = rows[1].strip_prefix("a:").unwrap();
    assert_eq!(store.get(&format!("a?versionId={version}")).await.text(), "second");
    assert_eq!(store.get("a?versionId=null").await.text(), "first");
    let plain = store.get("b").await;
    assert_eq!((plain.text(), plain.header("x-oss-meta-owner")), ("body of b", "me"));
    let uploads = store.ask("GET /box?uploads", &[], b"").await;
    let upload = uploads.element("UploadId");
    let parts = store.ask(&format!("GET /box/c?uploadId={upload}"), &[], b"").await;
    assert_eq!((parts.element("PartNumber"), parts.element("Size")), ("1", "4"));

    store.versioning("Enabled").await;
    assert_eq!(fs::read(&record).unwrap(), before, "the bucket's record");
}

#[test]
fn key_service_file_is_read_and_written_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kms-keys");
    fs::copy(golden("kms-keys"), &path).unwrap();
    let service = KmsService::builder().file(&path).unwrap().build();
    let ids = service.key_ids();
    assert_eq!(ids.len(), 1, "{ids:?}");
    service.set_state(&ids[0], KeyState::Enabled).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(golden("kms-keys")).unwrap());
}

/// The control: one changed byte of a record is noticed.
#[tokio::test]
async fn changed_record_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    copy(&golden("store"), &path);
    fs::create_dir_all(path.join("temp")).unwrap();
    let objects = path.join("buckets/box/objects");
    for entry in fs::read_dir(&objects).unwrap() {
        let entry = entry.unwrap().path();
        let mut content = fs::read(&entry).unwrap();
        *content.last_mut().unwrap() ^= 1;
        fs::write(&entry, content).unwrap();
    }
    let store = Store::of(Service::builder().anonymous().disk(&path).unwrap().build());
    assert_eq!(store.get("b").await.status, 500);
}
