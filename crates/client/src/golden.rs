//! Golden records: what is under `tests/golden` is read, and written again with the same bytes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use osseal_core::Suite;

use crate::download::resume_record::DownloadCheckpoint;
use crate::state::StateDir;
use crate::upload::checkpoint::Checkpoint;

/// A copy of a golden state directory. Git keeps no file modes, and a state directory must be private.
fn copy(name: &str) -> tempfile::TempDir {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("a mode");
    for entry in fs::read_dir(golden).expect("the golden folder") {
        let entry = entry.expect("an entry");
        let to = folder.path().join(entry.file_name());
        fs::copy(entry.path(), &to).expect("a copy");
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).expect("a mode");
    }
    folder
}

/// The content of the only record, after it was stored again and its file has the same bytes.
fn content(folder: &Path) -> Vec<u8> {
    let state = StateDir::open(folder).expect("a state directory");
    let names = state.names().expect("names");
    let [name] = names[..] else { panic!("{} records", names.len()) };
    let path: PathBuf = state.file(name, "record");
    let before = fs::read(&path).expect("a record");
    let content = state.load(name).expect("readable").expect("authentic");
    let record = state.take(name).expect("a lock").expect("free");
    fs::remove_file(&path).expect("removed");
    record.store(&content).expect("stored");
    assert!(fs::read(&path).expect("a record") == before, "the record has other bytes");
    content
}

#[test]
fn upload_records_are_read_and_written_alike() {
    for (name, suite) in [("upload", Suite::Sealed), ("upload-aes-ctr", Suite::AesCtr)] {
        let folder = copy(name);
        let content = content(folder.path());
        let checkpoint = Checkpoint::parse(&content).expect("a checkpoint");
        assert!(checkpoint.has_parts() && checkpoint.upload_id.is_some(), "{name}");
        assert_eq!((checkpoint.place.bucket.as_str(), checkpoint.place.key.as_str()), ("box", "k"));
        let envelope = checkpoint.envelope().expect("an envelope");
        assert_eq!(envelope.suite, suite);
        assert_eq!(checkpoint.encode().expect("encodable"), content, "{name}");
    }
}

#[test]
fn download_record_is_read_and_written_alike() {
    let folder = copy("download");
    let content = content(folder.path());
    let checkpoint: DownloadCheckpoint = serde_json::from_slice(&content).expect("a record");
    assert_eq!((checkpoint.object.bucket.as_str(), checkpoint.object.key.as_str()), ("box", "k"));
    assert!(!checkpoint.done.is_empty());
    assert_eq!(serde_json::to_vec(&checkpoint).expect("encodable"), content);
}

/// The control: a record with one changed byte is absent.
#[test]
fn changed_record_is_absent() {
    let folder = copy("upload");
    let state = StateDir::open(folder.path()).expect("a state directory");
    let name = state.names().expect("names")[0];
    let path = state.file(name, "record");
    let mut bytes = fs::read(&path).expect("a record");
    bytes[40] ^= 1;
    fs::write(&path, bytes).expect("written");
    assert!(state.load(name).expect("readable").is_none());
}
