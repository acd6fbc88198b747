//! When things go wrong: nothing is lost, nothing is left, nothing is silently wrong.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{self, PART, TestStore, keystream, ramp};
use osseal::{
    CopyOptions, Endpoint, ErrorKind, GetOptions, HeadOptions, ListOptions, PutBody, PutOptions, RetryPolicy,
    Store,
};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};
use osseal_server::ledger::Ledger;

const BIG: u64 = 4 * PART + 33;

#[tokio::test]
async fn a_lost_reply_is_not_a_lost_object() {
    for (operation, size) in [
        (Operation::PutObject, 1000),
        (Operation::UploadPart, BIG),
        (Operation::CompleteMultipartUpload, BIG),
    ] {
        for forbid_overwrite in [false, true] {
            let world = TestStore::new().await;
            let bucket = world.bucket();
            world.order(operation, Action::LoseReply);
            let options = PutOptions { forbid_overwrite, ..PutOptions::default() };
            let report = bucket.put("k", ramp(size), options).await.unwrap();
            assert_eq!(report.plain_size, size);
            assert_eq!(
                bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap(),
                ramp(size),
                "{operation:?}"
            );
            bucket.delete("k").await.unwrap();
            assert!(world.is_empty().await, "{operation:?}");
        }
    }
    let world = TestStore::new().await;
    world.order(Operation::DeleteBucket, Action::LoseReply);
    world.store().delete_bucket("box").await.unwrap();
}

#[tokio::test]
async fn an_object_of_somebody_else_is_not_taken_for_ours() {
    let world = TestStore::new().await;
    let bucket = world.bucket();
    bucket.put("k", ramp(5), PutOptions::default()).await.unwrap();
    world.order(Operation::PutObject, Action::Drop);
    let options = PutOptions { forbid_overwrite: true, ..PutOptions::default() };
    let error = bucket.put("k", ramp(7), options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert_eq!(bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap(), ramp(5));
}

#[tokio::test]
async fn passing_trouble_is_waited_out() {
    for action in [
        Action::refuse(503, "ServiceUnavailable"),
        Action::refuse(500, "InternalError"),
        Action::refuse(429, "QpsLimitExceeded"),
        Action::Drop,
    ] {
        let world = TestStore::new().await;
        let bucket = world.bucket();
        for operation in [
            Operation::PutObject,
            Operation::GetObject,
            Operation::HeadObject,
            Operation::InitiateMultipartUpload,
            Operation::UploadPart,
            Operation::CompleteMultipartUpload,
            Operation::CopyObject,
            Operation::DeleteObject,
            Operation::ListObjectsV2,
        ] {
            world.faults.inject(Fault::new(action.clone()).on(operation).times(2));
        }
        bucket.put("small", ramp(10), PutOptions::default()).await.unwrap();
        bucket.put("big", ramp(BIG), PutOptions::default()).await.unwrap();
        bucket.head("big", HeadOptions::default()).await.unwrap();
        bucket.copy("big", "copy", CopyOptions::default()).await.unwrap();
        assert_eq!(bucket.list(&ListOptions::default()).await.unwrap().objects.len(), 3);
        assert_eq!(
            bucket.get("copy", GetOptions::default()).await.unwrap().bytes().await.unwrap(),
            ramp(BIG)
        );
        bucket.delete("small").await.unwrap();
        assert_eq!(world.calls(Operation::UploadPart), 5 + 2);
    }
}

#[tokio::test]
async fn refusals_are_not_repeated() {
    for (status, code, kind) in [
        (403, "AccessDenied", ErrorKind::Denied),
        (403, "InvalidAccessKeyId", ErrorKind::Denied),
        (403, "InvalidObjectState", ErrorKind::Denied),
        (409, "FileImmutable", ErrorKind::Denied),
        (404, "NoSuchKey", ErrorKind::NotFound),
        (400, "InvalidArgument", ErrorKind::Service),
        (501, "NotImplemented", ErrorKind::Service),
    ] {
        let world = TestStore::new().await;
        world.faults.inject(Fault::new(Action::refuse(status, code)).on(Operation::GetObject).always());
        let error = world.bucket().get("k", GetOptions::default()).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, code));
        assert_eq!(world.calls(Operation::GetObject), 1);
        assert!(error.to_string().starts_with("cannot get oss://box/k: "), "{error}");
        assert_eq!(error.request_id().map(str::len), Some(24));
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_service_is_not_stormed() {
    let world = TestStore::new().await;
    let store =
        world.store_with(Arc::new(world.transport()), |builder| builder.retry(RetryPolicy::default()));
    world.faults.inject(Fault::new(Action::refuse(503, "ServiceUnavailable")).always());
    let before = world.faults.total();
    for _ in 0..200 {
        let error = store.list_buckets().await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
    }
    // 200 calls and no more retries than the budget holds.
    assert_eq!(world.faults.total() - before, 200 + 100);
}

#[tokio::test(start_paused = true)]
async fn nothing_hangs() {
    let world = TestStore::new().await;
    let bucket = world.bucket();
    bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap();
    world.faults.inject(Fault::new(Action::Hang).on(Operation::HeadObject).times(2));
    bucket.head("k", HeadOptions::default()).await.unwrap();
    world.faults.inject(Fault::new(Action::StallReply { after: 1000 }).on(Operation::GetObject));
    assert_eq!(bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap(), ramp(BIG));
    world.faults.inject(Fault::new(Action::Hang).always());
    let error = bucket.head("k", HeadOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_continued() {
    let world = TestStore::new().await;
    let bucket = world.bucket();
    bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap();
    for cut in [0, 1, 15, 16, 17, PART, BIG - 1] {
        world.order(Operation::GetObject, Action::CutReply { after: cut });
        assert_eq!(
            bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap(),
            ramp(BIG),
            "cut at {cut}"
        );
        world.order(Operation::GetObject, Action::CutReply { after: cut.min(99) });
        let range = bucket.get("k", GetOptions::default().range(1000..1100)).await.unwrap();
        assert_eq!(range.bytes().await.unwrap(), ramp(BIG)[1000..1100], "cut at {cut}");
    }
    world.faults.inject(Fault::new(Action::CutReply { after: 0 }).on(Operation::GetObject).always());
    let error = bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient);
}

#[tokio::test]
async fn a_replaced_object_is_never_mixed_with_the_former() {
    let world = TestStore::new().await;
    let bucket = world.bucket();
    bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap();
    world.order(Operation::GetObject, Action::CutReply { after: 1000 });
    let mut object = bucket.get("k", GetOptions::default()).await.unwrap();
    bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap();
    let mut released = 0;
    let error = loop {
        match object.next_chunk().await {
            Ok(Some(chunk)) => {
                let start = usize::try_from(chunk.offset).unwrap();
                assert_eq!(chunk.bytes, ramp(BIG)[start..start + chunk.bytes.len()]);
                released += chunk.bytes.len();
            }
            Ok(None) => panic!("{released} bytes passed for an object"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), released), (ErrorKind::Changed, 1000));
    assert!(object.next_chunk().await.unwrap().is_none(), "an error ends the stream");
}

#[tokio::test]
async fn a_flipped_bit_is_noticed_at_the_end_of_a_whole_read() {
    let world = TestStore::new().await;
    let bucket = world.bucket();
    bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap();
    for at in [0, 1000, BIG - 1] {
        world.order(Operation::GetObject, Action::FlipReply { at });
        let error = bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity);
    }
}

#[tokio::test]
async fn a_wrong_checksum_of_what_was_stored_is_an_error() {
    for operation in [Operation::PutObject, Operation::UploadPart, Operation::CompleteMultipartUpload] {
        let world = TestStore::new().await;
        let size = if operation == Operation::PutObject { 100 } else { BIG };
        let wrong = || Action::ReplyHeader { name: "x-oss-hash-crc64ecma", value: Some("1".into()) };
        if operation != Operation::CompleteMultipartUpload {
            world.order(operation, wrong());
            world.bucket().put("k", ramp(size), PutOptions::default()).await.unwrap();
        }
        world.faults.inject(Fault::new(wrong()).on(operation).always());
        let error = world.bucket().put("k", ramp(size), PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "{operation:?}");
        world.faults.clear();
        let garbage = Action::ReplyHeader { name: "x-oss-hash-crc64ecma", value: Some("x".into()) };
        world.faults.inject(Fault::new(garbage).on(operation).always());
        let outcome = world.bucket().put("k", ramp(size), PutOptions::default()).await;
        if operation == Operation::CompleteMultipartUpload {
            // The reply makes no sense, so a HEAD decides, and it says that the object is there and ours.
            assert_eq!(outcome.unwrap().plain_size, size);
        } else {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Protocol, "{operation:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_reply_to_a_write_that_may_not_replace_is_cleared_up() {
    let world = TestStore::new().await;
    world.order(
        Operation::PutObject,
        Action::ReplyHeader { name: "x-oss-hash-crc64ecma", value: Some("1".into()) },
    );
    let options = PutOptions { forbid_overwrite: true, ..PutOptions::default() };
    let report = world.bucket().put("k", ramp(100), options).await.unwrap();
    assert_eq!(report.plain_size, 100);
    assert_eq!(
        world.bucket().get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap(),
        ramp(100)
    );
}

#[tokio::test]
async fn a_failed_put_leaves_nothing() {
    for (operation, action) in [
        (Operation::PutObject, Action::refuse(403, "AccessDenied")),
        (Operation::PutObject, Action::StopReading { after: 50 }),
        (Operation::InitiateMultipartUpload, Action::refuse(403, "AccessDenied")),
        (Operation::UploadPart, Action::refuse(403, "AccessDenied")),
        (Operation::UploadPart, Action::StopReading { after: 50 }),
        (Operation::CompleteMultipartUpload, Action::refuse(400, "InvalidPart")),
    ] {
        let world = TestStore::new().await;
        world.faults.inject(
            Fault::new(action.clone())
                .on(operation)
                .skip(u64::from(operation == Operation::UploadPart))
                .always(),
        );
        let size = if operation == Operation::PutObject { 100 } else { BIG };
        world.bucket().put("k", ramp(size), PutOptions::default()).await.unwrap_err();
        world.faults.clear();
        assert!(world.is_empty().await, "{operation:?} {action:?}");
    }
}

#[tokio::test]
async fn an_upload_that_cannot_be_dropped_is_named() {
    let world = TestStore::new().await;
    world.faults.inject(Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::UploadPart).always());
    world
        .faults
        .inject(Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::AbortMultipartUpload).always());
    let error = world.bucket().put("k", ramp(BIG), PutOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("the unfinished upload "), "{error}");
}

#[tokio::test]
async fn a_source_must_have_the_length_that_was_declared() {
    for (declared, actual) in [(100, 99), (100, 101), (BIG, BIG - 1), (BIG, BIG + 1), (BIG, 0), (0, 1)] {
        let world = TestStore::new().await;
        let body = PutBody::reader(std::io::Cursor::new(ramp(actual)), declared);
        let error = world.bucket().put("k", body, PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Source, "{error}");
        assert!(world.is_empty().await, "{declared} {actual}");
    }
}

/// A reader that fails after some bytes.
struct Failing(std::io::Cursor<Vec<u8>>);

impl tokio::io::AsyncRead for Failing {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = std::pin::Pin::new(&mut self.0).poll_read(cx, buffer);
        if buffer.filled().len() == before {
            std::task::Poll::Ready(Err(std::io::Error::other("unplugged")))
        } else {
            read
        }
    }
}

#[tokio::test]
async fn a_source_that_fails_leaves_nothing() {
    for (length, bytes) in [(Some(100), 50), (Some(BIG), 2 * PART), (None, 100), (None, BIG)] {
        let world = TestStore::new().await;
        let source = Failing(std::io::Cursor::new(ramp(bytes)));
        let body = match length {
            Some(length) => PutBody::reader(source, length),
            None => PutBody::unknown_length(source),
        };
        let error = world.bucket().put("k", body, PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Local, "{error}");
        assert!(world.is_empty().await, "{length:?} {bytes}");
    }
}

#[tokio::test]
async fn a_dropped_put_is_cleaned_up() {
    let world = TestStore::new().await;
    let store = world.store();
    let bucket = osseal::EncryptedBucket::builder(store.clone(), "box")
        .keyring(support::keyring(&["test"]))
        .suite(world.suite)
        .multipart_threshold(PART)
        .part_size(PART)
        .build()
        .unwrap();
    for hanging in 0..5 {
        world.faults.inject(Fault::new(Action::Hang).on(Operation::UploadPart).skip(hanging));
        let put = bucket.put("k", ramp(BIG), PutOptions::default());
        assert!(tokio::time::timeout(Duration::from_millis(50), put).await.is_err());
        world.faults.clear();
    }
    store.idle().await;
    assert_eq!(world.calls(Operation::AbortMultipartUpload), 5);
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn a_clock_that_is_off_is_corrected_once() {
    let world = TestStore::new().await;
    for minutes in [20, -20, 60 * 23] {
        let off = jiff::SignedDuration::from_mins(minutes);
        let store = world.store_with(Arc::new(world.transport()), |builder| {
            builder.clock(Arc::new(move || jiff::Timestamp::now() + off))
        });
        let before = world.faults.total();
        store.list_buckets().await.unwrap();
        store.list_buckets().await.unwrap();
        assert_eq!(world.faults.total() - before, 3, "one correction for all calls");
    }
    let store = world.store_with(Arc::new(world.transport()), |builder| {
        builder.clock(Arc::new(|| jiff::Timestamp::now() - jiff::SignedDuration::from_hours(25)))
    });
    let before = world.faults.total();
    let error = store.list_buckets().await.unwrap_err();
    assert_eq!(
        (error.kind(), world.faults.total() - before),
        (ErrorKind::Denied, 1),
        "no clock is moved so far"
    );
    world.faults.inject(Fault::new(Action::refuse(403, "RequestTimeTooSkewed")).always());
    let error = world.store().list_buckets().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn what_a_store_needs() {
    let endpoint = |text| Endpoint::parse(text).unwrap();
    let kind = |builder: osseal::StoreBuilder| builder.build().map(drop).map_err(|error| error.kind());
    let credentials = support::credentials;
    let usage = Err(ErrorKind::Usage);
    assert_eq!(
        kind(Store::builder(endpoint("http://oss.example"), "r").credentials(credentials())),
        usage,
        "plain http to another host"
    );
    assert_eq!(
        kind(
            Store::builder(endpoint("http://oss.example"), "r").credentials(credentials()).allow_plain_http()
        ),
        Ok(())
    );
    assert_eq!(kind(Store::builder(endpoint("http://127.0.0.1"), "r").credentials(credentials())), Ok(()));
    assert_eq!(kind(Store::builder(endpoint("oss.example"), "r")), usage, "no credentials");
    assert_eq!(
        kind(Store::builder(endpoint("oss.example"), "").credentials(credentials())),
        usage,
        "no region"
    );
}

#[tokio::test]
async fn two_texts_under_one_key_stream_are_found() {
    use osseal_wire::oss::{
        Call, Metadata,
        request::{GetObject, PutObject},
    };
    let world = TestStore::new().await;
    let bucket = world.bucket();
    bucket.put("k", ramp(1000), PutOptions::default()).await.unwrap();
    let headers =
        world.raw(Call::HeadObject(GetObject::default()), Some("k"), vec![]).await.headers().clone();
    let mut other =
        world.raw(Call::GetObject(GetObject::default()), Some("k"), vec![]).await.into_body().to_vec();
    let control = Ledger::clone(&world.ledger);
    assert!(keystream::violations(&control).is_empty());
    other[500] ^= 1;
    let put = PutObject { metadata: Metadata::from_headers(&headers), ..PutObject::default() };
    world.raw(Call::PutObject(put), Some("k"), other).await;
    assert_eq!(keystream::violations(&control).len(), 1);
    // The accident was on purpose: it must not fail the test when the world ends.
    std::mem::forget(world);
}
