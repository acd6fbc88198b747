//! Objects whose envelopes or keys are not as they should be, and what may not be written.

use std::sync::Arc;

use crate::support::{PART, TestStore, aes, keyring, ramp};
use osseal::{
    CopyOptions, Error, ErrorKind, GetOptions, HeadOptions, Keyring, MaterialDescription, NamedKey,
    ObjectHeaders, PutBody, PutOptions, ReadPolicy, Suite, dangerous,
};
use osseal_server::Operation;
use osseal_wire::oss::request::{GetObject, PutObject};
use osseal_wire::oss::{Call, Metadata};

const PREFIX: &str = "x-oss-meta-client-side-encryption-";

/// Stores an object as it lies under `k`, with edited headers, under `edited`.
async fn edit(world: &TestStore, change: impl Fn(&mut Metadata)) {
    let headers =
        world.raw(Call::HeadObject(GetObject::default()), Some("k"), vec![]).await.headers().clone();
    let stored =
        world.raw(Call::GetObject(GetObject::default()), Some("k"), vec![]).await.into_body().to_vec();
    let mut metadata = Metadata::from_headers(&headers);
    change(&mut metadata);
    // The server refuses half an envelope, so it is put plain under a name that the reader sees renamed.
    for (name, _) in &mut metadata.0 {
        *name = name.replace("client-side-encryption", "cse");
    }
    world.raw(Call::PutObject(PutObject { metadata, ..PutObject::default() }), Some("edited"), stored).await;
}

/// Reads `edited` with its names as they should be.
fn reader(world: &TestStore) -> osseal::EncryptedBucket {
    world.map_reply(|_, reply| {
        let renamed: Vec<_> = reply
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().replace("x-oss-meta-cse-", PREFIX), value.clone()))
            .collect();
        reply.headers_mut().clear();
        for (name, value) in renamed {
            reply.headers_mut().append(http::HeaderName::try_from(name).unwrap(), value);
        }
    })
}

async fn failure(bucket: &osseal::EncryptedBucket, key: &str) -> Error {
    let get = bucket.get(key, GetOptions::default()).await.unwrap_err();
    let head = bucket.head(key, HeadOptions::default()).await;
    if let Err(head) = head {
        assert_eq!(head.kind(), get.kind());
    }
    get
}

#[tokio::test]
async fn four_errors_that_say_what_to_do() {
    let world = TestStore::new().await;
    world.bucket().put("k", ramp(100), PutOptions::default()).await.unwrap();
    world.raw(Call::PutObject(PutObject::default()), Some("plain"), ramp(100)).await;
    edit(&world, |metadata| metadata.0.retain(|(name, _)| !name.ends_with("-start"))).await;

    let missing = world.builder().keyring(keyring(&["old", "other"])).build().unwrap();
    let wrong_key = Arc::new(aes("old"));
    let mut description = MaterialDescription::empty();
    description.insert("name", "test");
    let wrong = NamedKey::new("wrong", description).wrapping(wrong_key.clone()).unwrapping(wrong_key);
    let wrong = world.builder().keyring(Keyring::new(vec![wrong]).unwrap()).build().unwrap();

    for (error, kind, what, advice) in [
        (failure(&wrong, "k").await, ErrorKind::UnwrapFailed, "\"wrong\"", "not the key"),
        (failure(&missing, "k").await, ErrorKind::NoMatchingKey, "{\"name\":\"test\"}", "add the key"),
        (
            failure(&world.bucket(), "plain").await,
            ErrorKind::NotEncrypted,
            "not encrypted",
            "allow plaintext",
        ),
        (
            failure(&reader(&world), "edited").await,
            ErrorKind::Envelope,
            "client-side-encryption-start",
            "restore",
        ),
    ] {
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{text}");
        let hint = error.hint().unwrap();
        assert!(text.contains(what) && hint.contains(advice), "{text}; {hint}");
        assert!(text.starts_with("cannot get oss://box/"), "{text}");
    }
}

#[tokio::test]
async fn an_unknown_suite_is_refused_before_any_key_is_used() {
    let world = TestStore::new().await;
    world.bucket().put("k", ramp(100), PutOptions::default()).await.unwrap();
    for (header, value, kind) in [
        ("cek-alg", "AES/GCM/NoPadding", ErrorKind::Unsupported),
        ("cek-alg", "aes/ctr/nopadding", ErrorKind::Unsupported),
        ("cek-alg", "", ErrorKind::Envelope),
        ("wrap-alg", "ROT13", ErrorKind::Unsupported),
        ("wrap-alg", "KMS/ALICLOUD", ErrorKind::NoMatchingKey),
        ("key", "AA", ErrorKind::Envelope),
        ("key", "AAAA", ErrorKind::UnwrapFailed),
        ("start", "AAAA", ErrorKind::UnwrapFailed),
        ("matdesc", "{\"name\":\"nobody\"}", ErrorKind::NoMatchingKey),
        ("matdesc", "no json", ErrorKind::NoMatchingKey),
    ] {
        edit(&world, |metadata| {
            for (name, known) in &mut metadata.0 {
                if *name == format!("{PREFIX}{header}") {
                    *known = value.into();
                }
            }
        })
        .await;
        let error = failure(&reader(&world), "edited").await;
        assert_eq!(error.kind(), kind, "{header} {value}: {error}");
    }
}

#[tokio::test]
async fn the_length_that_the_writer_recorded() {
    let world = TestStore::new().await;
    world.bucket().put("k", ramp(100), PutOptions::default()).await.unwrap();
    let header = format!("{PREFIX}unencrypted-content-length");
    for (value, kind) in [
        ("99", ErrorKind::Integrity),
        ("101", ErrorKind::Integrity),
        ("18446744073709551615", ErrorKind::Integrity),
        ("18446744073709551616", ErrorKind::Envelope),
        ("-1", ErrorKind::Envelope),
        ("1e3", ErrorKind::Envelope),
        ("+100", ErrorKind::Envelope),
    ] {
        edit(&world, |metadata| {
            metadata.0.retain(|(name, _)| *name != header);
            metadata.push(header.clone(), value);
        })
        .await;
        assert_eq!(failure(&reader(&world), "edited").await.kind(), kind, "{value}");
    }
}

#[tokio::test]
async fn metadata_that_cannot_be_written() {
    let world = TestStore::new().await;
    let put = async |name: &str, value: &str| {
        let headers =
            ObjectHeaders { metadata: vec![(name.into(), value.into())], ..ObjectHeaders::default() };
        let options = PutOptions { headers, ..PutOptions::default() };
        world.bucket().put("k", ramp(1), options).await.map(drop).map_err(|error| error.kind())
    };
    assert_eq!(put("a", "v").await, Ok(()));
    let usage = Err(ErrorKind::Usage);
    for name in [
        "client-side-encryption-key",
        "Client-Side-Encryption-Start",
        "oss-crypto-key",
        "client-side-encryption-anything",
    ] {
        assert_eq!(put(name, "v").await, usage, "{name}");
    }
    for (name, value) in
        [("a_b", "v"), ("", "v"), ("a", "line\nbreak"), ("a", "中"), ("a", " v"), ("a b", "v")]
    {
        assert_eq!(put(name, value).await, usage, "{name:?} {value:?}");
    }
    assert_eq!(put("a", &"v".repeat(8191)).await, usage, "with the envelope it is too much");
    assert_eq!(put("a", &"v".repeat(7000)).await, Ok(()));
    assert_eq!(world.calls(Operation::PutObject), 2, "nothing else was sent");
}

#[tokio::test]
async fn plain_objects_take_a_policy_with_a_loud_name() {
    let world = TestStore::new().await;
    world.raw(Call::PutObject(PutObject::default()), Some("plain"), ramp(100)).await;
    let policy = ReadPolicy::ALSO_UNAUTHENTICATED.with_plaintext(dangerous::AllowPlaintextObjects);
    let bucket = world.builder().read_policy(policy).build().unwrap();
    assert_eq!(bucket.head("plain", HeadOptions::default()).await.unwrap().encryption, None);
    let range = bucket.get("plain", GetOptions::default().range(10..20)).await.unwrap();
    assert_eq!(range.bytes().await.unwrap(), ramp(100)[10..20]);
    assert_eq!(bucket.get("plain", GetOptions::default()).await.unwrap().bytes().await.unwrap(), ramp(100));
    let strict = world.builder().read_policy(ReadPolicy::AUTHENTICATED).build().unwrap();
    bucket.put("k", ramp(10), PutOptions::default()).await.unwrap();
    assert_eq!(failure(&strict, "k").await.kind(), ErrorKind::Unauthenticated);
}

#[tokio::test]
async fn many_keys_read_and_the_first_writes() {
    let world = TestStore::new().await;
    let old = world.builder().keyring(keyring(&["old"])).build().unwrap();
    old.put("from-old", ramp(10), PutOptions::default()).await.unwrap();
    let both = world.builder().keyring(keyring(&["test", "old"])).build().unwrap();
    assert_eq!(both.get("from-old", GetOptions::default()).await.unwrap().bytes().await.unwrap(), ramp(10));
    assert_eq!(both.put("k", ramp(10), PutOptions::default()).await.unwrap().key_name, "test");
    assert_eq!(failure(&old, "k").await.kind(), ErrorKind::NoMatchingKey);
    let none = osseal::EncryptedBucket::builder(world.store(), "box").build().unwrap();
    assert_eq!(none.put("k", ramp(1), PutOptions::default()).await.unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(none.get("k", GetOptions::default()).await.unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(none.head("k", HeadOptions::default()).await.unwrap().plain_size, 10, "looking takes no key");
}

#[tokio::test]
async fn a_copy_that_lost_its_envelope_is_an_error() {
    let world = TestStore::new().await;
    world.bucket().put("k", ramp(10), PutOptions::default()).await.unwrap();
    world.bucket().copy("k", "good", CopyOptions::default()).await.unwrap();
    let losing = world.map_reply(|request, reply| {
        if request.method == http::Method::HEAD && request.uri.path().ends_with("target") {
            let names: Vec<_> =
                reply.headers().keys().filter(|name| name.as_str().starts_with(PREFIX)).cloned().collect();
            for name in names {
                reply.headers_mut().remove(name);
            }
        }
    });
    let error = losing.copy("k", "target", CopyOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.hint().unwrap().contains("do not rely on the copy"), "{error}");
    world.raw(Call::PutObject(PutObject::default()), Some("plain"), ramp(10)).await;
    assert_eq!(
        world.bucket().copy("plain", "x", CopyOptions::default()).await.unwrap_err().kind(),
        ErrorKind::NotEncrypted
    );
}

#[tokio::test]
async fn an_encrypted_object_that_grew_by_appending() {
    let world = TestStore::new().await;
    world.bucket().put("k", ramp(100), PutOptions::default()).await.unwrap();
    world.raw(Call::PutObject(PutObject::default()), Some("plain"), ramp(100)).await;
    let appended = world.map_reply(|_, reply| {
        reply.headers_mut().insert("x-oss-object-type", http::HeaderValue::from_static("Appendable"));
    });
    let error = appended.get("k", GetOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("appending"), "{error}");
    assert_eq!(appended.head("k", HeadOptions::default()).await.unwrap().object_type, "Appendable");
    let error = appended.get("plain", GetOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotEncrypted);
}

#[tokio::test]
async fn refused_and_empty_writes() {
    let world = TestStore::new().await;
    let tiny = world.builder().multipart_threshold(0).build().unwrap();
    tiny.put("k", PutBody::reader(tokio::io::empty(), 0), PutOptions::default()).await.unwrap();
    assert_eq!(world.calls(Operation::InitiateMultipartUpload), 0, "nothing to cut into parts");
    let options = || PutOptions { forbid_overwrite: true, ..PutOptions::default() };
    for size in [10, 5 * PART] {
        let error = world.bucket().put("k", ramp(size), options()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exists);
    }
    assert_eq!(world.bucket().get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap(), "");
}

#[tokio::test]
async fn part_sizes_are_made_possible_or_refused() {
    let world = TestStore::new().await;
    for preferred in [1, 17, PART, PART + 1] {
        let bucket = world.builder().part_size(preferred).build().unwrap();
        let report = bucket.put("k", ramp(5 * PART + 1), PutOptions::default()).await.unwrap();
        assert!(report.parts >= 5, "{preferred}");
        assert_eq!(
            bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap(),
            ramp(5 * PART + 1)
        );
    }
    for bad in [0, osseal_core::MAX_PART + 1] {
        assert_eq!(world.builder().part_size(bad).build().unwrap_err().kind(), ErrorKind::Usage);
    }
    // What one request carries are stored bytes.
    for (suite, threshold, fits) in [
        (Suite::AesCtr, 5 << 30, true),
        (Suite::AesCtr, (5 << 30) + 1, false),
        (Suite::Sealed, 5 << 30, false),
        (Suite::Sealed, (5 << 30) - (6 << 20), true),
    ] {
        let built = world.builder().suite(suite).multipart_threshold(threshold).build();
        assert_eq!(built.err().map(|error| error.kind()), (!fits).then_some(ErrorKind::Usage));
    }
}
