//! Copies by the service: envelopes stay, headers change, and both are proven.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{TestStore, keyring, ramp};
use osseal::{
    CopyOptions, CopySource, EncryptedBucket, ErrorKind, GetOptions, HeadOptions, HeaderChange,
    ObjectHeaders, PutOptions, StorageClass, Suite,
};
use osseal_server::Operation;
use osseal_server::quirks::{Quirks, RepeatedEnvelope, SelfCopy};

const PREFIX: &str = "x-oss-meta-client-side-encryption-";

fn coloured(colour: &str) -> ObjectHeaders {
    ObjectHeaders {
        content_type: Some("text/plain".into()),
        metadata: vec![("colour".into(), colour.into())],
        ..ObjectHeaders::default()
    }
}

fn with(headers: HeaderChange) -> CopyOptions {
    CopyOptions { headers, ..CopyOptions::default() }
}

async fn put(bucket: &EncryptedBucket, key: &str) {
    let headers = ObjectHeaders { cache_control: Some("no-cache".into()), ..coloured("blue") };
    bucket.put(key, ramp(1000), PutOptions { headers, ..PutOptions::default() }).await.unwrap();
}

async fn content(bucket: &EncryptedBucket, key: &str) -> Vec<u8> {
    bucket.get(key, GetOptions::default()).await.unwrap().bytes().await.unwrap().to_vec()
}

fn quirks(change: impl FnOnce(&mut Quirks)) -> Quirks {
    let mut quirks = Quirks::default();
    change(&mut quirks);
    quirks
}

#[tokio::test]
async fn new_headers_and_the_old_envelope() {
    let repeated = quirks(|quirks| quirks.repeated_envelope = RepeatedEnvelope::Refused);
    for (quirks, requests) in [(Quirks::default(), 1), (repeated, 2)] {
        let world = TestStore::with(quirks).await;
        let bucket = world.bucket();
        put(&bucket, "k").await;
        let info = bucket.copy("k", "copy", with(HeaderChange::Replace(coloured("red")))).await.unwrap();
        assert_eq!(info.metadata, [("colour".to_owned(), b"red".to_vec())]);
        assert_eq!((info.content_type.as_deref(), &info.other_headers[..]), (Some("text/plain"), &[][..]));
        assert_eq!(world.calls(Operation::CopyObject), requests);
        assert_eq!(content(&bucket, "copy").await, ramp(1000));
        assert_eq!(bucket.head("k", HeadOptions::default()).await.unwrap().metadata[0].1, b"blue");
    }
}

#[tokio::test]
async fn a_copy_onto_itself_edits_headers() {
    let world = TestStore::new().await;
    let bucket = world.bucket();
    put(&bucket, "k").await;
    let set = ObjectHeaders { metadata: vec![("Size".into(), "big".into())], ..ObjectHeaders::default() };
    let edit = HeaderChange::Edit { set, remove: vec!["Cache-Control".into()] };
    let info = bucket.copy("k", "k", with(edit)).await.unwrap();
    let mut metadata = info.metadata.clone();
    metadata.sort();
    assert_eq!(metadata, [("colour".to_owned(), b"blue".to_vec()), ("size".to_owned(), b"big".to_vec())]);
    assert_eq!((info.content_type.as_deref(), info.other_headers.len()), (Some("text/plain"), 0));
    assert_eq!(content(&bucket, "k").await, ramp(1000));
}

#[tokio::test]
async fn a_service_that_forbids_it_says_what_to_do() {
    let world = TestStore::with(quirks(|quirks| quirks.self_copy = SelfCopy::Refused)).await;
    let bucket = world.bucket();
    put(&bucket, "k").await;
    let error = bucket.copy("k", "k", with(HeaderChange::Replace(coloured("red")))).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Service, "InvalidEncryptionRequest"));
    assert!(error.hint().unwrap().contains("copy it to another key"), "{error}");
    assert_eq!(content(&bucket, "k").await, ramp(1000));
}

#[tokio::test]
async fn an_envelope_that_vanishes_is_put_back() {
    // Which HEADs after the first say that the envelope is gone, and what the error says then.
    for (lost, words) in [(1..2, "it was put back"), (1..9, "cannot be opened any more")] {
        let world = TestStore::new().await;
        put(&world.bucket(), "k").await;
        let heads = Arc::new(AtomicU32::new(0));
        let losing = world.map_reply(move |request, reply| {
            if request.method == http::Method::HEAD && lost.contains(&heads.fetch_add(1, Ordering::Relaxed)) {
                let names: Vec<_> = reply.headers().keys().cloned().collect();
                for name in names.iter().filter(|name| name.as_str().starts_with(PREFIX)) {
                    reply.headers_mut().remove(name);
                }
            }
        });
        let error = losing.copy("k", "k", with(HeaderChange::Replace(coloured("red")))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        let said = format!("{error}; {}", error.hint().unwrap());
        assert!(said.contains(words), "{said}");
        assert_eq!(world.calls(Operation::CopyObject), 2, "the envelope was sent once more");
        assert_eq!(content(&world.bucket(), "k").await, ramp(1000));
    }
}

#[tokio::test]
async fn from_another_bucket_up_to_the_size_of_one_request() {
    let world = TestStore::new().await;
    world.store().create_bucket("other").await.unwrap();
    let other = EncryptedBucket::builder(world.store(), "other")
        .keyring(keyring(&["test"]))
        .suite(Suite::AesCtr)
        .build()
        .unwrap();
    put(&other, "k").await;
    let source = || CopySource { bucket: Some("other".into()), ..CopySource::from("k") };
    let options =
        CopyOptions { storage_class: Some(StorageClass::Ia), ..with(HeaderChange::Replace(coloured("red"))) };
    let info = world.bucket().copy(source(), "copy", options).await.unwrap();
    assert_eq!((info.plain_size, info.metadata[0].1.as_slice()), (1000, &b"red"[..]));
    assert_eq!(content(&world.bucket(), "copy").await, ramp(1000));

    let huge = world.map_reply(|request, reply| {
        if request.method == http::Method::HEAD {
            reply.headers_mut().insert("content-length", ((5_u64 << 30) + 1).into());
        }
    });
    let copies = world.calls(Operation::CopyObject);
    let error = huge.copy(source(), "copy", CopyOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("part copies"), "{error}");
    assert_eq!(world.calls(Operation::CopyObject), copies, "nothing was asked of the service");
    let missing = CopySource { bucket: Some("other".into()), ..CopySource::from("missing") };
    let error = world.bucket().copy(missing, "copy", CopyOptions::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.bucket()), (ErrorKind::NotFound, Some("other")));
}

#[tokio::test]
async fn headers_that_cannot_be_are_refused_before_anything_is_asked() {
    let world = TestStore::new().await;
    put(&world.bucket(), "k").await;
    let named = |name: &str, value: &str| ObjectHeaders {
        metadata: vec![(name.into(), value.into())],
        ..ObjectHeaders::default()
    };
    for headers in [
        named("client-side-encryption-key", "x"),
        named("a_b", "x"),
        named("a", "line\nbreak"),
        named("a", &"x".repeat(8 << 10)),
        ObjectHeaders { content_type: Some("text/\u{7}".into()), ..ObjectHeaders::default() },
    ] {
        let error = world.bucket().copy("k", "k", with(HeaderChange::Replace(headers))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
    assert_eq!(world.calls(Operation::CopyObject), 0);
}
