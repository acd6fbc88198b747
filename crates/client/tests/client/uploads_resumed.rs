//! Uploads that go on in another process: with the same bytes under the same key, or from the beginning under another one, whatever was changed between.
//! The ledger of every store is checked when its test ends.
#![cfg(unix)]

mod lists;
mod records;
mod runs;
mod soak;
mod sources;

use std::fs::File;
use std::num::NonZeroU16;
use std::path::PathBuf;

use crate::support::{self, PART, TestStore, ramp};
use osseal::{
    EncryptedBucket, EncryptedBucketBuilder, Error, ErrorKind, GetOptions, PutBody, PutOptions, StateDir,
    Store, Suite,
};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use osseal_wire::oss::Call;
use tempfile::TempDir;

const PARTS: u64 = 8;

/// A store, a file of [`PARTS`] parts less a bit, and a state directory.
struct Bench {
    world: TestStore,
    folder: TempDir,
    store: Store,
    bucket: EncryptedBucket,
    /// Plaintext bytes of a part.
    part: u64,
}

/// What a put took.
#[derive(Debug, PartialEq, Eq)]
struct Took {
    parts: u64,
    beginnings: u64,
}

const GOES_ON_AFTER_THREE: Took = Took { parts: PARTS - 3, beginnings: 0 };
const STARTS_OVER: Took = Took { parts: PARTS, beginnings: 1 };

impl Bench {
    async fn new(suite: Suite) -> Bench {
        let world = TestStore::of(suite).await;
        let bucket = world.bucket();
        let mut bench = Bench::with(world, bucket);
        bench.bucket = bench.builder().build().unwrap();
        bench
    }

    /// One part at a time.
    fn builder(&self) -> EncryptedBucketBuilder {
        let builder =
            EncryptedBucket::builder(self.store.clone(), "box").keyring(support::keyring(&["test"]));
        let builder = builder.suite(self.world.suite).multipart_threshold(PART);
        builder.part_size(PART).jobs(NonZeroU16::MIN)
    }

    fn with(world: TestStore, bucket: EncryptedBucket) -> Bench {
        let store = world.store();
        let part = if world.suite == Suite::Sealed { 7 * 16_384 } else { PART };
        let bench = Bench { world, folder: tempfile::tempdir().unwrap(), store, bucket, part };
        std::fs::write(bench.source(), ramp(PARTS * part - 5)).unwrap();
        bench
    }

    fn state(&self) -> StateDir {
        StateDir::open(&self.folder.path().join("state")).unwrap()
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    fn record(&self) -> PathBuf {
        self.bucket.upload_record(&self.state(), "k", &self.source()).unwrap()
    }

    /// As a process does that comes to its end, or not.
    async fn run(&self) -> (Result<(), Error>, Took) {
        self.run_with(&self.state(), PutOptions::default()).await
    }

    async fn run_with(&self, state: &StateDir, options: PutOptions) -> (Result<(), Error>, Took) {
        let calls = || {
            let parts = self.world.calls(Operation::UploadPart);
            (parts, self.world.calls(Operation::InitiateMultipartUpload))
        };
        let before = calls();
        let file = File::open(self.source()).unwrap();
        let length = file.metadata().unwrap().len();
        let body = PutBody::file(file, length).resumable(state, self.source());
        let outcome = self.bucket.put("k", body, options).await;
        let after = calls();
        let took = Took { parts: after.0 - before.0, beginnings: after.1 - before.1 };
        (outcome.map(drop), took)
    }

    /// A run that ends when the service has acknowledged so many parts.
    async fn broken(&self, parts: u64) -> Took {
        let denied = Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::UploadPart);
        self.world.faults.inject(denied.skip(parts).always());
        let (outcome, took) = self.run().await;
        self.world.faults.clear();
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Denied);
        assert!(self.record().exists());
        took
    }

    /// Asserts that the object is the file, and that nothing else was left but so many uploads, which nobody knows of any more.
    async fn check(&self, left: usize) {
        let read = self.bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap();
        assert!(read == std::fs::read(self.source()).unwrap(), "other bytes");
        assert!(!self.record().exists());
        self.bucket.delete("k").await.unwrap();
        if left > 0 {
            assert_eq!(self.abort_all().await, left);
        }
        assert!(self.world.is_empty().await);
        self.world.store().create_bucket("box").await.unwrap();
    }

    /// Waits until nobody uses the record: what was on its way to the disk when a put was dropped arrives there.
    async fn until_free(&self) {
        let lock = self.record().with_extension("lock");
        while File::open(&lock).is_ok_and(|lock| lock.try_lock().is_err()) {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    /// Aborts what the service has, at the back.
    async fn abort_all(&self) -> usize {
        let list = self.world.raw(
            Call::ListMultipartUploads(osseal_wire::oss::request::ListMultipartUploads::default()),
            None,
            vec![],
        );
        let list = osseal_wire::oss::xml::ListMultipartUploadsResult::from_xml(list.await.body()).unwrap();
        for upload in &list.uploads {
            let abort = Call::AbortMultipartUpload { upload_id: upload.upload_id.clone() };
            self.world.raw(abort, Some(&upload.key), vec![]).await;
        }
        list.uploads.len()
    }
}
