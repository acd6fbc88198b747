//! Uploads that were left behind: what is told of them, and how they are given up. The ledger of every store is checked when its test ends.
#![cfg(unix)]

use std::fs::{File, Permissions};
use std::num::NonZeroU16;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{PART, TestStore, ramp};
use osseal::{
    EncryptedBucket, ErrorKind, ListUploadsOptions, PutBody, PutOptions, ResumeStatus, StateDir, Suite,
    UnfinishedUpload, UploadedParts,
};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use osseal_wire::oss::Call;
use osseal_wire::oss::request::PutObject;
use osseal_wire::oss::xml::InitiateResult;
use tempfile::TempDir;

/// Parts of a source, the last one a bit shorter.
const PARTS: u64 = 6;
/// Plaintext bytes of a part.
const PLAIN: u64 = 7 * 16_384;
/// Stored bytes of a part.
const STORED: u64 = 7 * 16_400;

struct Bench {
    world: TestStore,
    folder: TempDir,
    bucket: EncryptedBucket,
}

impl Bench {
    async fn new() -> Bench {
        let world = TestStore::of(Suite::Sealed).await;
        let bucket = world.builder().multipart_threshold(PART).jobs(NonZeroU16::MIN).build().unwrap();
        Bench { world, folder: tempfile::tempdir().unwrap(), bucket }
    }

    fn state(&self) -> StateDir {
        StateDir::open(&self.folder.path().join("state")).unwrap()
    }

    fn source(&self, key: &str) -> PathBuf {
        let path = self.folder.path().join(key.replace('/', "-"));
        if !path.exists() {
            std::fs::write(&path, ramp(PARTS * PLAIN - 5)).unwrap();
        }
        path
    }

    fn record(&self, key: &str) -> PathBuf {
        self.bucket.upload_record(&self.state(), key, &self.source(key)).unwrap()
    }

    /// A put that keeps what it takes to go on, of a file that is made for it.
    async fn put(&self, key: &str) -> Result<(), osseal::Error> {
        put(self.bucket.clone(), self.state(), key.to_owned(), self.source(key)).await
    }

    /// One that ends when the service has acknowledged so many parts.
    async fn leave(&self, key: &str, parts: u64) {
        let denied = Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::UploadPart);
        self.world.faults.inject(denied.skip(parts).always());
        assert_eq!(self.put(key).await.unwrap_err().kind(), ErrorKind::Denied);
        self.world.faults.clear();
        assert!(self.record(key).exists());
    }

    /// One of another program, of which nobody here knows.
    async fn begin_elsewhere(&self, key: &str) -> String {
        let reply = self
            .world
            .raw(Call::InitiateMultipartUpload(PutObject::default().into()), Some(key), vec![])
            .await;
        InitiateResult::from_xml(reply.body()).unwrap().upload_id().unwrap().to_owned()
    }

    async fn unfinished_uploads(&self, prefix: &str) -> Vec<UnfinishedUpload> {
        self.bucket.unfinished_uploads(Some(&self.state()), prefix).await.unwrap()
    }

    async fn only(&self) -> UnfinishedUpload {
        let mut all = self.unfinished_uploads("").await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

async fn put(
    bucket: EncryptedBucket,
    state: StateDir,
    key: String,
    source: PathBuf,
) -> Result<(), osseal::Error> {
    let file = File::open(&source).unwrap();
    let length = file.metadata().unwrap().len();
    let body = PutBody::file(file, length).resumable(&state, source);
    bucket.put(&key, body, PutOptions::default()).await.map(drop)
}

#[tokio::test]
async fn what_is_left_is_told_with_what_is_known_of_it() {
    let bench = Bench::new().await;
    bench.leave("a/kept", 3).await;
    let other = bench.begin_elsewhere("a/other").await;
    bench.leave("b/apart", 2).await;
    let found = bench.unfinished_uploads("a/").await;
    let [ours, theirs] = &found[..] else { panic!("{found:?}") };
    assert_eq!((ours.key.as_str(), ours.status), ("a/kept", ResumeStatus::Resumes));
    assert!(ours.initiated.as_ref().unwrap().parse::<jiff::Timestamp>().is_ok());
    let kept = ours.kept.as_ref().unwrap();
    assert_eq!(kept.source, bench.source("a/kept").canonicalize().unwrap());
    assert_eq!((kept.parts, &kept.upload_id), (PARTS, &ours.upload_id));
    let sent = UploadedParts { parts: 3, stored_bytes: 3 * STORED };
    assert_eq!(kept.sent, sent);
    let id = ours.upload_id.as_deref().unwrap();
    assert_eq!(bench.bucket.uploaded_parts("a/kept", id).await.unwrap(), sent);
    assert_eq!((theirs.key.as_str(), theirs.upload_id.as_ref()), ("a/other", Some(&other)));
    assert!(theirs.kept.is_none() && theirs.status == ResumeStatus::Unknown);
    assert_eq!(bench.bucket.uploaded_parts("a/other", &other).await.unwrap(), UploadedParts::default());
    // Without a state directory all are alike, and without a store those that are kept are there.
    let all = bench.bucket.unfinished_uploads(None, "").await.unwrap();
    assert!(all.len() == 3 && all.iter().all(|upload| upload.status == ResumeStatus::Unknown), "{all:?}");
    let kept = bench.state().uploads().unwrap();
    assert_eq!(kept.iter().map(|kept| kept.key.as_str()).collect::<Vec<_>>(), ["a/kept", "b/apart"]);

    // A source that changed, one that is gone, a record that is damaged.
    let source = bench.source("a/kept");
    std::fs::write(&source, ramp(PARTS * PLAIN - 5)).unwrap();
    assert_eq!(bench.unfinished_uploads("a/").await[0].status, ResumeStatus::StartsOver);
    std::fs::remove_file(&source).unwrap();
    assert_eq!(bench.unfinished_uploads("a/").await[0].status, ResumeStatus::StartsOver);
    let record = std::fs::read_dir(bench.folder.path().join("state")).unwrap();
    for file in record.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some()) {
        if file.extension().unwrap() == "record" {
            std::fs::write(&file, "something else").unwrap();
        }
    }
    let all = bench.unfinished_uploads("").await;
    assert!(all.len() == 3 && all.iter().all(|upload| upload.status == ResumeStatus::Unknown), "{all:?}");
    for upload in &all {
        assert!(bench.bucket.abort_unfinished(upload).await.unwrap());
    }
    assert!(bench.world.is_empty().await);
}

#[tokio::test]
async fn an_aborted_upload_is_forgotten() {
    let bench = Bench::new().await;
    bench.leave("k", 3).await;
    bench.leave("l", 3).await;
    let found = bench.unfinished_uploads("k").await;
    // What the service does not abort stays as it is.
    bench.world.order(Operation::AbortMultipartUpload, Action::refuse(403, "AccessDenied"));
    let failed = bench.bucket.abort_unfinished(&found[0]).await.unwrap_err();
    assert_eq!((failed.kind(), failed.key()), (ErrorKind::Denied, Some("k")));
    assert_eq!(bench.unfinished_uploads("k").await[0].status, ResumeStatus::Resumes);
    assert!(bench.bucket.abort_unfinished(&found[0]).await.unwrap());
    assert!(!bench.record("k").exists() && !bench.record("k").with_extension("lock").exists());
    assert!(bench.unfinished_uploads("k").await.is_empty());
    // A second time does no harm, and the other one goes on.
    assert!(bench.bucket.abort_unfinished(&found[0]).await.unwrap());
    let before = bench.world.calls(Operation::UploadPart);
    bench.put("l").await.unwrap();
    assert_eq!(bench.world.calls(Operation::UploadPart) - before, PARTS - 3);
    bench.bucket.delete("l").await.unwrap();

    // The service has dropped it, by a rule of the bucket: the record is what there is to forget.
    bench.leave("k", 2).await;
    let id = bench.only().await.upload_id.unwrap();
    bench.bucket.abort_upload("k", &id).await.unwrap();
    bench.bucket.abort_upload("k", &id).await.unwrap();
    let left = bench.only().await;
    assert!(left.initiated.is_none() && left.status == ResumeStatus::StartsOver, "{left:?}");
    assert_eq!(bench.bucket.uploaded_parts("k", &id).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(bench.bucket.abort_unfinished(&left).await.unwrap());
    assert!(!bench.record("k").exists());
    assert!(bench.world.is_empty().await);
    let gone = bench.bucket.abort_upload("k", &id).await.unwrap_err();
    assert_eq!(gone.code(), "NoSuchBucket");
}

#[tokio::test]
async fn what_a_process_is_at_work_on_stays() {
    let bench = Bench::new().await;
    bench.leave("k", 3).await;
    let before = bench.only().await;
    let lock = File::open(bench.record("k").with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let found = bench.only().await;
    assert_eq!(found.status, ResumeStatus::InUse);
    // As it was when it was listed, and when it was listed before.
    assert!(!bench.bucket.abort_unfinished(&found).await.unwrap());
    assert!(!bench.bucket.abort_unfinished(&before).await.unwrap());
    assert_eq!(bench.world.calls(Operation::AbortMultipartUpload), 0);
    drop(lock);
    assert_eq!(bench.only().await.status, ResumeStatus::Resumes);
    // One that came to its end after it was listed, and one that began again.
    bench.put("k").await.unwrap();
    assert!(bench.bucket.abort_unfinished(&before).await.unwrap());
    std::fs::write(bench.source("k"), ramp(PARTS * PLAIN - 5)).unwrap();
    bench.leave("k", 1).await;
    assert!(bench.bucket.abort_unfinished(&before).await.unwrap());
    let again = bench.only().await;
    assert_eq!(again.status, ResumeStatus::Resumes);
    assert!(bench.bucket.abort_unfinished(&again).await.unwrap());
    bench.bucket.delete("k").await.unwrap();
    assert!(bench.world.is_empty().await);
}

#[tokio::test]
async fn an_upload_that_loses_its_parts_begins_again() {
    let bench = Bench::new().await;
    let slow = Fault::new(Action::Delay(Duration::from_millis(300))).on(Operation::UploadPart).skip(2);
    bench.world.faults.inject(slow);
    let source = bench.source("k");
    let task = tokio::spawn(put(bench.bucket.clone(), bench.state(), "k".to_owned(), source));
    while bench.world.calls(Operation::UploadPart) < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let found = bench.only().await;
    assert_eq!(found.status, ResumeStatus::InUse);
    assert!(!bench.bucket.abort_unfinished(&found).await.unwrap());
    bench.bucket.abort_upload("k", found.upload_id.as_deref().unwrap()).await.unwrap();
    task.await.unwrap().unwrap();
    assert_eq!(bench.world.calls(Operation::InitiateMultipartUpload), 2);
    assert!(bench.unfinished_uploads("").await.is_empty());
    bench.bucket.delete("k").await.unwrap();
    assert!(bench.world.is_empty().await);
}

/// A process dies while the service begins its upload: nobody knows the upload's name, but the record knows its wrapped key.
#[tokio::test]
async fn an_upload_without_a_name_is_found_by_its_envelope() {
    let bench = Bench::new().await;
    let others = bench.begin_elsewhere("k").await;
    bench.world.order(Operation::InitiateMultipartUpload, Action::StallReply { after: 0 });
    let source = bench.source("k");
    let task = tokio::spawn(put(bench.bucket.clone(), bench.state(), "k".to_owned(), source));
    while bench.bucket.unfinished_uploads(None, "").await.unwrap().len() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Any of the key may be the one that is under way.
    let found = bench.unfinished_uploads("").await;
    assert_eq!(found.len(), 3, "{found:?}");
    for upload in &found {
        assert_eq!(upload.status, ResumeStatus::InUse, "{upload:?}");
        assert!(!bench.bucket.abort_unfinished(upload).await.unwrap());
    }
    assert_eq!(bench.world.calls(Operation::AbortMultipartUpload), 0);
    let record = std::fs::read(bench.record("k")).unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    while bench.record("k").exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    std::fs::write(bench.record("k"), record).unwrap();
    std::fs::set_permissions(bench.record("k"), Permissions::from_mode(0o600)).unwrap();
    let found = bench.unfinished_uploads("").await;
    assert_eq!(found.len(), 3, "{found:?}");
    let nameless = found.iter().find(|upload| upload.upload_id.is_none()).unwrap();
    assert_eq!(nameless.status, ResumeStatus::StartsOver);
    assert!(bench.bucket.abort_unfinished(nameless).await.unwrap());
    // The other one, which has no envelope, is nobody's here.
    let left = bench.only().await;
    assert_eq!((left.upload_id.as_ref(), left.status), (Some(&others), ResumeStatus::Unknown));
    assert!(bench.bucket.abort_unfinished(&left).await.unwrap());
    assert!(bench.world.is_empty().await);
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_ended() {
    let bench = Bench::new().await;
    let mut begun = Vec::new();
    for n in 0..12 {
        let key = ["p/a", "p/a b+%", "p/ü", "q"][n % 4];
        begun.push((key.to_owned(), bench.begin_elsewhere(key).await));
    }
    begun.sort();
    for size in [1, 2, 5, 12, 1000] {
        let mut options = ListUploadsOptions { max_uploads: Some(size), ..ListUploadsOptions::default() };
        let mut listed = Vec::new();
        loop {
            let page = bench.bucket.list_uploads(&options).await.unwrap();
            assert!(page.uploads.len() <= size as usize);
            listed.extend(page.uploads.into_iter().map(|upload| (upload.key, upload.upload_id)));
            match page.next {
                Some(next) => options.after = Some(next),
                None => break,
            }
        }
        listed.sort();
        assert_eq!(listed, begun, "{size}");
    }
    assert_eq!(bench.unfinished_uploads("p/a").await.len(), 6);
    for (key, id) in begun {
        bench.bucket.abort_upload(&key, &id).await.unwrap();
    }
    assert!(bench.world.is_empty().await);
}

#[tokio::test]
async fn a_record_of_another_bucket_is_refused() {
    let bench = Bench::new().await;
    bench.leave("k", 1).await;
    bench.world.store().create_bucket("other").await.unwrap();
    let other = EncryptedBucket::builder(bench.world.store(), "other").build().unwrap();
    assert!(other.unfinished_uploads(Some(&bench.state()), "").await.unwrap().is_empty());
    let found = bench.only().await;
    let refused = other.abort_unfinished(&found).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Usage);
    assert_eq!(bench.only().await.status, ResumeStatus::Resumes);
    assert!(bench.bucket.abort_unfinished(&found).await.unwrap());
    assert!(bench.world.is_empty().await);
}
