//! Sources of unknown length, with a spool and without.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use osseal::{EncryptedBucket, ErrorKind, GetOptions, PutBody, PutOptions, Suite};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use super::parts::watched;
use super::{part_plain, part_stored};
use crate::support::{PART, TestStore, keyring, ramp};

/// What one request may carry in these tests, stored bytes.
const LIMIT: u64 = 1 << 20;

fn endless(size: u64) -> PutBody {
    PutBody::unknown_length(std::io::Cursor::new(ramp(size)))
}

/// The largest plaintext that one request carries.
fn most(suite: Suite) -> u64 {
    let fits = |plain: &u64| suite.layout().stored_len(*plain).is_some_and(|stored| stored <= LIMIT);
    (0..=LIMIT).rev().find(fits).unwrap()
}

async fn read(bucket: &EncryptedBucket) -> Vec<u8> {
    bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap().to_vec()
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[tokio::test]
async fn what_one_request_carries_is_one_and_more_is_parts() {
    let folder = tempfile::tempdir().unwrap();
    for suite in [Suite::AesCtr, Suite::Sealed] {
        let most = most(suite);
        for (size, is_one) in
            [(0, true), (10, true), (most - 1, true), (most, true), (most + 1, false), (3 * most, false)]
        {
            let world = TestStore::of(suite).await;
            let (bucket, ..) =
                watched(&world, Duration::ZERO, |builder| builder.dangerous_single_limit(LIMIT));
            let report = bucket
                .put("k", endless(size).spooled_in(folder.path()), PutOptions::default())
                .await
                .unwrap();
            let stored = suite.layout().stored_len(size).unwrap();
            assert_eq!((report.plain_size, report.stored_size), (size, stored), "{suite:?}");
            let parts = if is_one { 1 } else { stored.div_ceil(part_stored(suite)) };
            assert_eq!(u64::from(report.parts), parts, "{suite:?} {size}");
            assert_eq!(world.calls(Operation::InitiateMultipartUpload) == 0, is_one);
            assert_eq!(read(&bucket).await, ramp(size), "{suite:?} {size}");
            bucket.delete("k").await.unwrap();
            assert!(world.is_empty().await);

            // Without a spool what is longer is an error.
            let world = TestStore::of(suite).await;
            let (bucket, ..) =
                watched(&world, Duration::ZERO, |builder| builder.dangerous_single_limit(LIMIT));
            let outcome = bucket.put("k", endless(size), PutOptions::default()).await;
            assert_eq!(outcome.is_ok(), is_one, "{suite:?} {size}");
            if let Err(error) = outcome {
                assert_eq!(error.kind(), ErrorKind::Local);
                assert!(error.to_string().contains("without a spool"), "{error}");
            }
        }
    }
    assert!(is_empty(folder.path()));
}

/// Wherever the request breaks, the spool has the rest; without it there is one error, and nothing is stored.
#[tokio::test]
async fn a_request_that_breaks_goes_on_from_the_spool() {
    let folder = tempfile::tempdir().unwrap();
    for suite in [Suite::AesCtr, Suite::Sealed] {
        let size = 7 * part_plain(suite) + 33;
        for action in [
            Action::Drop,
            Action::refuse(503, "ServiceUnavailable"),
            Action::StopReading { after: 1 },
            Action::StopReading { after: 300_000 },
            Action::StopReading { after: size },
            Action::LoseReply,
            Action::RefuseAfter { status: 500, code: "InternalError".into() },
            Action::ReplyHeader { name: "x-oss-hash-crc64ecma", value: Some("1".into()) },
        ] {
            for forbid_overwrite in [false, true] {
                let world = TestStore::of(suite).await;
                let (bucket, ..) = watched(&world, Duration::ZERO, |builder| builder);
                let options = || PutOptions { forbid_overwrite, ..PutOptions::default() };
                world.order(Operation::PutObject, action.clone());
                let report =
                    bucket.put("k", endless(size).spooled_in(folder.path()), options()).await.unwrap();
                assert_eq!(report.plain_size, size);
                assert_eq!(read(&bucket).await, ramp(size), "{suite:?} {action:?}");
                bucket.delete("k").await.unwrap();
                assert!(world.is_empty().await, "{suite:?} {action:?}");

                let world = TestStore::of(suite).await;
                let (bucket, ..) = watched(&world, Duration::ZERO, |builder| builder);
                world.order(Operation::PutObject, action.clone());
                let error = bucket.put("k", endless(size), options()).await.unwrap_err();
                let is_there = bucket.get("k", GetOptions::default()).await.is_ok();
                // What broke off before its end is not there, and damage has its own words.
                let says_so = error.kind() == ErrorKind::Integrity || error.outcome().is_unknown();
                assert!(says_so || !is_there, "{suite:?} {action:?}: {error}");
                if matches!(action, Action::StopReading { after: 1 } | Action::Refuse { .. }) {
                    assert!(!says_so, "{suite:?} {action:?}: {error}");
                }
                assert_eq!(world.calls(Operation::PutObject), 1);
                assert_eq!(world.calls(Operation::InitiateMultipartUpload), 0);
            }
        }
    }
    assert!(is_empty(folder.path()));
}

#[tokio::test]
async fn a_refusal_is_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let world = TestStore::new().await;
    let (bucket, ..) = watched(&world, Duration::ZERO, |builder| builder);
    world.order(Operation::PutObject, Action::refuse(403, "AccessDenied"));
    let body = endless(5 * PART).spooled_in(folder.path());
    let error = bucket.put("k", body, PutOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(world.calls(Operation::InitiateMultipartUpload), 0);
}

/// Parts of the spool are retried like others, and given up like others.
#[tokio::test]
async fn parts_of_a_spool_fail_like_others() {
    let folder = tempfile::tempdir().unwrap();
    for suite in [Suite::AesCtr, Suite::Sealed] {
        let world = TestStore::of(suite).await;
        let (bucket, ..) = watched(&world, Duration::ZERO, |builder| builder.dangerous_single_limit(LIMIT));
        let body = || endless(2 * LIMIT).spooled_in(folder.path());
        for operation in
            [Operation::InitiateMultipartUpload, Operation::UploadPart, Operation::CompleteMultipartUpload]
        {
            world.faults.inject(Fault::new(Action::LoseReply).on(operation));
        }
        bucket.put("k", body(), PutOptions::default()).await.unwrap();
        assert_eq!(read(&bucket).await, ramp(2 * LIMIT));
        bucket.delete("k").await.unwrap();
        world
            .faults
            .inject(Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::UploadPart).skip(4));
        let error = bucket.put("k", body(), PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(world.is_empty().await);
    }
    assert!(is_empty(folder.path()));
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_an_error_before_anything_is_sent() {
    let world = TestStore::new().await;
    let (bucket, ..) = watched(&world, Duration::ZERO, |builder| builder);
    let body = endless(5 * PART).spooled_in("/nowhere/at/all");
    let error = bucket.put("k", body, PutOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Local);
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    assert_eq!(world.calls(Operation::PutObject), 0);
    // What one request carries needs no spool, and a body of known length has none.
    bucket.put("k", endless(5).spooled_in("/nowhere/at/all"), PutOptions::default()).await.unwrap();
    let known = PutBody::from(ramp(2 * PART)).spooled_in("/nowhere/at/all");
    bucket.put("k", known, PutOptions::default()).await.unwrap();
}

/// The request that finds out that the clock is off cannot be sent again; its bytes can.
#[tokio::test]
async fn a_clock_that_is_off_does_not_end_a_spooled_put() {
    let folder = tempfile::tempdir().unwrap();
    for suite in Suite::ALL {
        let world = TestStore::of(suite).await;
        let store = world.store_with(Arc::new(world.transport()), |builder| {
            builder.clock(Arc::new(|| jiff::Timestamp::now() + jiff::SignedDuration::from_mins(20)))
        });
        let builder = EncryptedBucket::builder(store, "box").keyring(keyring(&["test"])).suite(suite);
        let bucket = builder.multipart_threshold(PART).part_size(PART).build().unwrap();
        let body = endless(5 * PART).spooled_in(folder.path());
        bucket.put("k", body, PutOptions::default()).await.unwrap();
        assert_eq!(read(&bucket).await, ramp(5 * PART), "{suite:?}");
        assert!(is_empty(folder.path()));
    }
}

/// A source that is slow is waited for while the request lasts, and a put that is dropped leaves neither object nor file.
#[tokio::test(start_paused = true)]
async fn a_spooled_put_may_be_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let world = TestStore::of(Suite::Sealed).await;
    let (bucket, store, _) = watched(&world, Duration::ZERO, |builder| builder.dangerous_single_limit(LIMIT));
    let (mut writer, reader) = tokio::io::duplex(1 << 20);
    let body = PutBody::unknown_length(reader).spooled_in(folder.path());
    let feed = async {
        for _ in 0..30 {
            tokio::io::AsyncWriteExt::write_all(&mut writer, &ramp(PART)).await.unwrap();
            tokio::time::sleep(Duration::from_secs(100)).await;
        }
    };
    tokio::select! {
        () = feed => {}
        outcome = bucket.put("k", body, PutOptions::default()) => panic!("{outcome:?}"),
    }
    store.idle().await;
    assert!(is_empty(folder.path()) && world.is_empty().await);
}
