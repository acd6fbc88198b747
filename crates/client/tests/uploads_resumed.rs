//! Uploads that go on in another process: with the same bytes under the same key, or from the beginning under another one, whatever was changed between.
//! The ledger of every store is checked when its test ends.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(unused, reason = "each test program uses its share of the support module")]

mod support;

use std::fs::{File, OpenOptions, Permissions};
use std::num::NonZeroU16;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use osseal::{
    EncryptedBucket, EncryptedBucketBuilder, Error, ErrorKind, GetOptions, ObjectHeaders, PutBody,
    PutOptions, StateDir, Store, Suite,
};
use osseal_server::Operation;
use osseal_server::faults::{Action, Fault};
use osseal_wire::oss::Call;
use support::{PART, World, ramp};
use tempfile::TempDir;

const PARTS: u64 = 8;

/// A store, a file of [`PARTS`] parts less a bit, and a state directory.
struct Bench {
    world: World,
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
        let world = World::of(suite).await;
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

    fn with(world: World, bucket: EncryptedBucket) -> Bench {
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
            Call::ListUploads(osseal_wire::oss::request::ListUploads::default()),
            None,
            vec![],
        );
        let list = osseal_wire::oss::xml::ListUploadsResult::from_xml(list.await.body()).unwrap();
        for upload in &list.uploads {
            let abort = Call::Abort { upload_id: upload.upload_id.clone() };
            self.world.raw(abort, Some(&upload.key), vec![]).await;
        }
        list.uploads.len()
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_not_sent_again() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        // The refused part was sent, too.
        assert_eq!(bench.broken(3).await, Took { parts: 4, beginnings: 1 });
        assert_eq!(bench.broken(2).await, Took { parts: 3, beginnings: 0 });
        let (outcome, took) = bench.run().await;
        outcome.unwrap();
        assert_eq!(took, Took { parts: PARTS - 5, beginnings: 0 }, "{suite:?}");
        bench.check(0).await;
        // One that nobody disturbs, and one whose last request alone failed.
        assert_eq!(bench.run().await.1, STARTS_OVER);
        bench.check(0).await;
        let denied = Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::CompleteMultipartUpload);
        bench.world.faults.inject(denied);
        bench.run().await.0.unwrap_err();
        assert_eq!(bench.run().await.1, Took { parts: 0, beginnings: 0 });
        bench.check(0).await;
    }
}

#[tokio::test]
async fn progress_counts_what_a_former_process_sent() {
    let bench = Bench::new(Suite::Sealed).await;
    bench.broken(3).await;
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = told.clone();
    let progress: osseal::Progress = Arc::new(move |bytes| log.lock().unwrap().push(bytes));
    let options = PutOptions { progress: Some(progress), ..PutOptions::default() };
    bench.run_with(&bench.state(), options).await.0.unwrap();
    assert_eq!(told.lock().unwrap().iter().sum::<u64>(), PARTS * bench.part - 5);
    bench.check(0).await;
}

/// A hundred polls and more are each the last one once; the put after it ends with the object, and no upload is left.
#[tokio::test]
async fn a_put_that_is_dropped_at_any_poll_goes_on() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        let (mut polls, mut resumed, mut is_done) = (0, 0, false);
        while !is_done {
            {
                let mut put = Box::pin(bench.run());
                for _ in 0..polls {
                    let polled =
                        std::future::poll_fn(|cx| std::task::Poll::Ready(put.as_mut().poll(cx))).await;
                    if let std::task::Poll::Ready((outcome, _)) = polled {
                        outcome.unwrap();
                        is_done = true;
                        break;
                    }
                    // Everything else gets its turn.
                    tokio::time::sleep(std::time::Duration::from_micros(300)).await;
                }
            }
            polls += 1;
            bench.store.idle().await;
            bench.until_free().await;
            let (outcome, took) = bench.run().await;
            outcome.unwrap();
            resumed += u64::from(took.beginnings == 0);
            bench.check(0).await;
        }
        assert!(resumed > 3 && polls > 10, "{suite:?}: {resumed} of {polls}");
    }
}

/// Something done to the source.
type Change<'a> = &'a dyn Fn(&Path);

#[tokio::test]
async fn b7_a_source_that_changed_between_is_put_from_the_beginning() {
    let rewrite = |path: &Path| {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.write_all_at(b"other", 70_000).unwrap();
        file.set_modified(modified).unwrap();
    };
    let changes: [(&str, Change<'_>); 5] = [
        ("rewritten, with its old time", &rewrite),
        ("cut", &|path| {
            OpenOptions::new().write(true).open(path).unwrap().set_len(3 * PART).unwrap();
        }),
        ("longer", &|path| {
            let file = OpenOptions::new().write(true).open(path).unwrap();
            let length = file.metadata().unwrap().len();
            file.write_all_at(b"more", length).unwrap();
        }),
        ("replaced by its like", &|path| {
            let copy = path.with_extension("copy");
            std::fs::write(&copy, std::fs::read(path).unwrap()).unwrap();
            let modified = path.metadata().unwrap().modified().unwrap();
            File::open(&copy).unwrap().set_modified(modified).unwrap();
            std::fs::rename(copy, path).unwrap();
        }),
        ("touched", &|path| {
            let file = OpenOptions::new().write(true).open(path).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }),
    ];
    for suite in Suite::ALL {
        for (what, change) in changes {
            let bench = Bench::new(suite).await;
            bench.broken(3).await;
            change(&bench.source());
            let (outcome, took) = bench.run().await;
            outcome.unwrap();
            let parts = bench.source().metadata().unwrap().len().div_ceil(bench.part);
            assert_eq!(took, Took { parts, beginnings: 1 }, "{suite:?} {what}");
            bench.check(0).await;
        }
        // The control.
        let bench = Bench::new(suite).await;
        bench.broken(3).await;
        assert_eq!(bench.run().await.1, GOES_ON_AFTER_THREE);
        bench.check(0).await;
    }
}

/// A bench whose source gets another byte whenever the service is sent one of these parts of a run, counted over all beginnings.
async fn changing(suite: Suite, when: impl Fn(u32) -> bool + Send + Sync + 'static) -> Bench {
    let world = World::of(suite).await;
    let path = Arc::new(std::sync::OnceLock::<PathBuf>::new());
    let (source, seen) = (path.clone(), AtomicU32::new(0));
    let change = move |head: &mut http::request::Parts| {
        if head.method == http::Method::PUT
            && head.uri.query().is_some_and(|query| query.contains("partNumber"))
        {
            let number = seen.fetch_add(1, Ordering::Relaxed) + 1;
            if when(number) {
                let file = OpenOptions::new().write(true).open(source.get().unwrap()).unwrap();
                file.write_all_at(&number.to_be_bytes(), 5).unwrap();
            }
        }
    };
    let bucket = world.between(change, |_, _| ());
    let bench = Bench::with(world, bucket);
    path.set(bench.source()).unwrap();
    bench
}

#[tokio::test]
async fn b7_a_source_that_changes_meanwhile_is_put_from_the_beginning_a_few_times() {
    for suite in Suite::ALL {
        let bench = changing(suite, |number| number == 3).await;
        let (outcome, took) = bench.run().await;
        outcome.unwrap();
        assert_eq!(took.beginnings, 2, "{suite:?}");
        bench.check(0).await;
        let bench = changing(suite, |_| true).await;
        let (outcome, took) = bench.run().await;
        let error = outcome.unwrap_err();
        assert!(error.kind() == ErrorKind::Local && error.to_string().contains("changed"), "{error}");
        assert_eq!(took.beginnings, 3);
        assert!(!bench.record().exists() && bench.world.is_empty().await, "{suite:?}");
    }
}

#[tokio::test]
async fn a_record_that_is_older_than_the_upload_is_not_gone_on_with() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        bench.broken(2).await;
        let old = std::fs::read(bench.record()).unwrap();
        bench.broken(2).await;
        let good = std::fs::read(bench.record()).unwrap();
        std::fs::write(bench.record(), old).unwrap();
        assert_eq!(bench.run().await.1, STARTS_OVER, "{suite:?}");
        bench.check(0).await;
        // Nor is one of an upload that is over.
        std::fs::write(bench.record(), good).unwrap();
        std::fs::set_permissions(bench.record(), Permissions::from_mode(0o600)).unwrap();
        assert_eq!(bench.run().await.1, STARTS_OVER);
        bench.check(0).await;
    }
}

#[tokio::test]
async fn a_copy_of_the_state_directory_starts_over() {
    let bench = Bench::new(Suite::Sealed).await;
    bench.broken(3).await;
    let copy = bench.folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    std::fs::set_permissions(&copy, Permissions::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(bench.folder.path().join("state")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let copy = StateDir::open(&copy).unwrap();
    let (outcome, took) = bench.run_with(&copy, PutOptions::default()).await;
    outcome.unwrap();
    assert_eq!(took, STARTS_OVER);
    // The copy's put aborted what both tell of.
    assert_eq!(bench.run().await.1, STARTS_OVER);
    bench.check(0).await;
}

#[tokio::test]
async fn of_two_at_once_the_second_uses_another_key_and_keeps_nothing() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        bench.broken(2).await;
        bench.world.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart).skip(1));
        let mut first = Box::pin(bench.run());
        let is_held = async {
            let before = bench.world.calls(Operation::UploadPart);
            while bench.world.calls(Operation::UploadPart) < before + 2 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        tokio::select! { _ = &mut first => panic!("it hangs"), () = is_held => {} }
        let (outcome, took) = bench.run().await;
        outcome.unwrap();
        assert_eq!(took, STARTS_OVER);
        assert!(bench.record().exists(), "the first one's");
        drop(first);
        bench.store.idle().await;
        // What the first one did is gone on with.
        assert_eq!(bench.run().await.1, GOES_ON_AFTER_THREE, "{suite:?}");
        bench.check(0).await;
    }
}

#[tokio::test]
async fn another_key_other_headers_or_another_part_size_start_over() {
    for change in 0..4 {
        let mut bench = Bench::new(Suite::Sealed).await;
        bench.broken(3).await;
        let builder = bench.builder();
        let mut options = PutOptions::default();
        let builder = match change {
            0 => builder.keyring(support::keyring(&["old", "test"])),
            1 => builder.part_size(8 * 16_400),
            2 => builder.bind(osseal::Bind::Key),
            _ => {
                options.headers =
                    ObjectHeaders { content_type: Some("text/plain".into()), ..Default::default() };
                builder
            }
        };
        bench.bucket = builder.build().unwrap();
        let (outcome, took) = bench.run_with(&bench.state(), options).await;
        outcome.unwrap();
        assert_eq!(took.beginnings, 1, "{change}");
        bench.check(0).await;
    }
}

#[tokio::test]
async fn a_writer_that_cannot_unwrap_keeps_nothing() {
    let mut bench = Bench::new(Suite::Sealed).await;
    let key = osseal::NamedKey::new("test", osseal::MaterialDescription::empty());
    let key = key.wrapping(Arc::new(support::aes("test")));
    let keyring = osseal::Keyring::new(vec![key]).unwrap();
    bench.bucket = bench.builder().keyring(keyring).build().unwrap();
    let denied = Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::UploadPart);
    bench.world.faults.inject(denied.skip(3));
    bench.run().await.0.unwrap_err();
    assert!(!bench.record().exists() && bench.world.is_empty().await);
}

#[tokio::test]
async fn an_upload_that_is_gone_begins_again_and_one_that_was_completed_is_done() {
    for suite in Suite::ALL {
        let bench = Bench::new(suite).await;
        bench.broken(3).await;
        assert_eq!(bench.abort_all().await, 1);
        assert_eq!(bench.run().await.1, STARTS_OVER);
        bench.check(0).await;
        // Killed between the service's last answer and the removal of the record.
        let hang = Fault::new(Action::Hang).on(Operation::HeadObject).always();
        bench
            .world
            .faults
            .inject(Fault::new(Action::LoseReply).on(Operation::CompleteMultipartUpload).always());
        bench.world.faults.inject(hang);
        let is_there = async {
            while bench.world.calls(Operation::HeadObject) == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        tokio::select! { _ = bench.run() => panic!("it hangs"), () = is_there => {} }
        bench.store.idle().await;
        bench.world.faults.clear();
        assert_eq!(bench.run().await.1, Took { parts: 0, beginnings: 0 }, "{suite:?}");
        bench.check(0).await;
    }
}

/// A page of parts, edited.
type Lie = fn(&str) -> String;

fn replaced(page: &str, element: &str, with: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let begin = page.find(&open).unwrap() + open.len();
    let end = begin + page[begin..].find(&close).unwrap();
    format!("{}{with}{}", &page[..begin], &page[end..])
}

/// The last part of a page.
fn last(page: &str) -> &str {
    let (begin, end) = (page.rfind("<Part>").unwrap(), page.rfind("</Part>").unwrap() + "</Part>".len());
    &page[begin..end]
}

/// Edits a page of parts; other replies stay what they are.
fn edit_list(head: &http::request::Parts, reply: &mut http::Response<Bytes>, lie: Lie) {
    let is_of_upload = head.uri.query().is_some_and(|query| query.contains("uploadId"));
    if head.method == http::Method::GET && is_of_upload && reply.status() == 200 {
        let page = lie(std::str::from_utf8(reply.body()).unwrap());
        reply.headers_mut().remove("content-length");
        *reply.body_mut() = Bytes::from(page);
    }
}

#[tokio::test]
async fn b19_a_list_of_parts_that_is_not_of_this_upload_starts_over() {
    let lies: [(&str, Lie); 11] = [
        ("a part more", |page| {
            page.replace(last(page), &format!("{}{}", last(page), replaced(last(page), "PartNumber", "7")))
        }),
        ("a part beyond the last", |page| {
            page.replace(last(page), &format!("{}{}", last(page), replaced(last(page), "PartNumber", "900")))
        }),
        ("part 0", |page| replaced(page, "PartNumber", "0")),
        ("a part twice", |page| page.replace(last(page), &last(page).repeat(2))),
        ("another size", |page| replaced(page, "Size", "102401")),
        ("no bytes", |page| replaced(page, "Size", "0")),
        ("another ETag", |page| replaced(page, "ETag", "\"0123456789ABCDEF0123456789ABCDEF\"")),
        ("another key", |page| replaced(page, "ClientEncryptionKey", "AAAA")),
        ("another start", |page| replaced(page, "ClientEncryptionStart", "AAAA")),
        ("a page that leads to itself", |page| replaced(page, "IsTruncated", "true")),
        ("no page", |_| "nonsense".into()),
    ];
    for suite in Suite::ALL {
        for (what, lie) in lies {
            let mut bench = Bench::new(suite).await;
            bench.broken(4).await;
            bench.bucket = bench.world.edited(move |head, reply| edit_list(head, reply, lie));
            let before = bench.world.calls(Operation::ListParts);
            let (outcome, took) = bench.run().await;
            outcome.unwrap();
            assert!(bench.world.calls(Operation::ListParts) > before, "{what}");
            assert_eq!(took, STARTS_OVER, "{suite:?} {what}");
            bench.check(0).await;
        }
    }
}

#[tokio::test]
async fn parts_that_the_store_does_not_have_any_more_are_sent_again() {
    for suite in Suite::ALL {
        let mut bench = Bench::new(suite).await;
        bench.broken(4).await;
        bench.bucket =
            bench.world.edited(|head, reply| edit_list(head, reply, |page| page.replace(last(page), "")));
        let (outcome, took) = bench.run().await;
        outcome.unwrap();
        assert_eq!(took, Took { parts: PARTS - 3, beginnings: 0 }, "{suite:?}");
        bench.check(0).await;
    }
}

/// Truncations, changes of a byte (the state directory's own tests have all of them), another version, a link, a mode: the record of each is replaced, and its lock is the same file.
#[tokio::test]
async fn b37_a_record_that_is_not_what_was_written_starts_over() {
    let bench = Bench::new(Suite::Sealed).await;
    // Two parts alone.
    std::fs::write(bench.source(), ramp(2 * PART + 5)).unwrap();
    bench.broken(1).await;
    let (record, lock) = (bench.record(), bench.record().with_extension("lock"));
    let (good, kept) = (std::fs::read(&record).unwrap(), bench.folder.path().join("lock"));
    std::fs::hard_link(&lock, &kept).unwrap();
    let restore = |content: &[u8], mode: u32| {
        drop(std::fs::remove_file(&record));
        drop(std::fs::remove_file(&lock));
        std::fs::hard_link(&kept, &lock).unwrap();
        std::fs::write(&record, content).unwrap();
        std::fs::set_permissions(&record, Permissions::from_mode(mode)).unwrap();
    };
    let over = async |what: &dyn std::fmt::Display| {
        let (outcome, took) = bench.run().await;
        outcome.unwrap();
        assert_eq!(took.beginnings, 1, "{what}");
        let read = bench.bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap();
        assert_eq!(read, ramp(2 * PART + 5), "{what}");
    };
    for cut in (0..good.len()).step_by(3) {
        restore(&good[..cut], 0o600);
        over(&format!("cut at {cut}")).await;
    }
    let mut seed = 1_u64;
    for number in 0..500 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut bad = good.clone();
        let at = usize::try_from(seed >> 33).unwrap() % bad.len();
        bad[at] = bad[at].wrapping_add(u8::try_from(seed >> 25 & 0xff).unwrap().max(1));
        restore(&bad, 0o600);
        over(&format!("mutation {number}")).await;
    }
    let mut foreign = good.clone();
    foreign[12] = 2;
    restore(&foreign, 0o600);
    over(&"another version").await;
    restore(&good, 0o644);
    over(&"a file that others can read").await;
    restore(&good, 0o600);
    let elsewhere = bench.folder.path().join("elsewhere");
    std::fs::rename(&record, &elsewhere).unwrap();
    symlink(&elsewhere, &record).unwrap();
    over(&"a link").await;
    assert_eq!(std::fs::read(&elsewhere).unwrap(), good, "what a link led to is as it was");
    // The control.
    restore(&good, 0o600);
    let (outcome, took) = bench.run().await;
    outcome.unwrap();
    assert_eq!(took.beginnings, 0);
    bench.check(0).await;
}
