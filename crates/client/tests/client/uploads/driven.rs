//! Uploads whose parts the application drives.

use std::time::Duration;

use osseal::{Error, ErrorKind, GetOptions, MultipartUpload, PutOptions, Suite};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

use super::parts::watched;
use super::{part_plain, part_stored};
use crate::support::{PART, TestStore, ramp};

fn text(upload: &MultipartUpload, number: u32) -> Vec<u8> {
    let range = upload.plain_range(number).unwrap();
    ramp(range.end).split_off(usize::try_from(range.start).unwrap())
}

fn kind<T>(outcome: Result<T, Error>) -> Option<ErrorKind> {
    outcome.err().map(|error| error.kind())
}

#[tokio::test]
async fn parts_in_any_order_and_at_a_time() {
    for suite in [Suite::AesCtr, Suite::Sealed] {
        for tail in [0, 1, 16_384] {
            let world = TestStore::of(suite).await;
            let bucket = world.bucket();
            let size = 3 * part_plain(suite) + tail;
            let upload =
                bucket.begin_upload("k", size, part_stored(suite), PutOptions::default()).await.unwrap();
            let parts = u64::from(upload.parts());
            assert_eq!(parts, suite.layout().stored_len(size).unwrap().div_ceil(part_stored(suite)));
            assert_eq!(upload.missing().len() as u64, parts);
            let sends =
                (1..=upload.parts()).rev().map(|number| upload.upload_part(number, text(&upload, number)));
            futures_util::future::try_join_all(sends).await.unwrap();
            assert!(upload.missing().is_empty());
            let report = upload.complete().await.unwrap();
            assert_eq!((report.plain_size, u64::from(report.parts)), (size, parts));
            let read = bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap();
            assert_eq!(read, ramp(size), "{suite:?} {tail}");
        }
    }
}

#[tokio::test]
async fn wrong_sizes_are_refused_before_anything_is_sent() {
    for suite in [Suite::AesCtr, Suite::Sealed] {
        let world = TestStore::of(suite).await;
        let (bucket, before) = (world.bucket(), world.faults.total());
        let unit = if suite == Suite::Sealed { 16_400 } else { 16 };
        for part_size in
            [0, 1, unit, part_stored(suite) - unit, part_stored(suite) + 1, 5 << 30 | 1, u64::MAX]
        {
            let upload = bucket.begin_upload("k", 5, part_size, PutOptions::default()).await;
            assert_eq!(kind(upload), Some(ErrorKind::Usage), "{part_size}");
        }
        let most = 10_000 * part_plain(suite);
        let many = bucket.begin_upload("k", most + 1, part_stored(suite), PutOptions::default()).await;
        assert_eq!(kind(many), Some(ErrorKind::Usage));
        assert_eq!(world.faults.total(), before);
        let upload =
            bucket.begin_upload("k", 2 * PART, part_stored(suite), PutOptions::default()).await.unwrap();
        let begun = world.faults.total();
        let text = text(&upload, 1);
        for (number, length) in
            [(1, text.len() - 1), (1, text.len() + 1), (2, 5), (0, 5), (3, 5), (u32::MAX, 0)]
        {
            let error = upload.upload_part(number, ramp(length as u64)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        }
        assert_eq!(kind(upload.plain_range(3)), Some(ErrorKind::Usage));
        assert_eq!(world.faults.total(), begun);
        // What was refused can be done right.
        upload.upload_part(1, text).await.unwrap();
        upload.abort().await.unwrap();
        assert!(world.is_empty().await);
    }
}

#[tokio::test]
async fn a_part_is_sealed_once_and_sent_as_often_as_it_takes() {
    let world = TestStore::of(Suite::Sealed).await;
    let bucket = world.bucket();
    let begin = || bucket.begin_upload("k", 2 * PART, part_stored(Suite::Sealed), PutOptions::default());
    let (upload, other) = (begin().await.unwrap(), begin().await.unwrap());
    let sealed = upload.seal_part(1, text(&upload, 1)).unwrap();
    assert_eq!((sealed.number(), sealed.stored_len()), (1, part_stored(Suite::Sealed)));
    let again = upload.seal_part(1, text(&upload, 1)).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Usage);
    assert!(again.to_string().contains("send again what was sealed"), "{again}");
    let error = other.send_part(&sealed).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    world.faults.inject(Fault::new(Action::StopReading { after: 50_000 }).on(Operation::UploadPart).times(7));
    while let Err(error) = upload.send_part(&sealed).await {
        assert!(error.is_retryable(), "{error}");
    }
    upload.send_part(&sealed).await.unwrap();
    upload.upload_part(2, text(&upload, 2)).await.unwrap();
    other.abort().await.unwrap();
    assert_eq!(upload.complete().await.unwrap().parts, 2);
}

#[tokio::test]
async fn an_upload_without_all_parts_is_not_completed() {
    let world = TestStore::new().await;
    let upload = world.bucket().begin_upload("k", 3 * PART, PART, PutOptions::default()).await.unwrap();
    upload.upload_part(2, text(&upload, 2)).await.unwrap();
    assert_eq!(upload.missing(), [1, 3]);
    let error = upload.complete().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("2 of 3 parts were not sent, part 1 first"), "{error}");
    assert_eq!(world.calls(Operation::CompleteMultipartUpload), 0);
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn an_empty_object_is_one_part() {
    for suite in [Suite::AesCtr, Suite::Sealed] {
        let world = TestStore::of(suite).await;
        let bucket = world.bucket();
        let report = bucket.put("k", Vec::new(), PutOptions::default()).await.unwrap();
        assert_eq!((report.parts, world.calls(Operation::InitiateMultipartUpload)), (1, 0));
        assert!(bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_is_dropped_is_aborted() {
    let world = TestStore::new().await;
    let (bucket, store, _) = watched(&world, Duration::ZERO, |builder| builder);
    let upload = bucket.begin_upload("k", 3 * PART, None, PutOptions::default()).await.unwrap();
    upload.upload_part(1, text(&upload, 1)).await.unwrap();
    drop(upload);
    store.idle().await;
    assert_eq!(world.calls(Operation::AbortMultipartUpload), 1);
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn an_upload_that_cannot_be_aborted_is_named() {
    let world = TestStore::new().await;
    let upload = world.bucket().begin_upload("k", 5, None, PutOptions::default()).await.unwrap();
    let id = upload.upload_id().to_owned();
    world.order(Operation::AbortMultipartUpload, Action::refuse(403, "AccessDenied"));
    let error = upload.abort().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains(&format!("the unfinished upload {id} is left")), "{error}");
}

/// An upload of somebody else under the same key stays.
#[tokio::test]
async fn other_uploads_of_the_key_are_left_alone() {
    let world = TestStore::new().await;
    let (bucket, ..) = watched(&world, Duration::ZERO, |builder| builder);
    let theirs = bucket.begin_upload("k", 5, None, PutOptions::default()).await.unwrap();
    world.order(Operation::InitiateMultipartUpload, Action::LoseReply);
    bucket.put("k", ramp(6 * PART), PutOptions::default()).await.unwrap();
    assert_eq!(world.calls(Operation::AbortMultipartUpload), 1, "the one whose reply was lost");
    theirs.upload_part(1, ramp(5)).await.unwrap();
    theirs.complete().await.unwrap();
}
