//! The sealed suite through the client: what reads cost, what is bound, what the policy keeps out, what a lying store achieves.

use std::sync::Arc;

use crate::support::{TestStore, keyring, ramp};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use osseal::{
    Authenticity, Bind, Binding, ByteRange, CopyOptions, EncryptedBucket, EncryptionContext, Error,
    ErrorKind, GetOptions, HeadOptions, Keyring, NamedKey, PutOptions, ReadPolicy, RsaKey, RsaPadding, Suite,
    dangerous,
};
use osseal_server::Operation;

const CHUNK: u64 = 16_384;
const STORED: u64 = 16_400;

async fn sealed(size: u64) -> TestStore {
    let world = TestStore::of(Suite::Sealed).await;
    world.bucket().put("k", ramp(size), PutOptions::default()).await.unwrap();
    world
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> EncryptionContext {
    let mut context = EncryptionContext::empty();
    for (key, value) in pairs {
        context.insert(key, value).unwrap();
    }
    context
}

async fn read(bucket: &EncryptedBucket, key: &str, options: GetOptions) -> Result<Bytes, Error> {
    bucket.get(key, options).await?.bytes().await
}

async fn refusal(bucket: &EncryptedBucket, key: &str) -> ErrorKind {
    read(bucket, key, GetOptions::default()).await.unwrap_err().kind()
}

fn range(range: ByteRange) -> GetOptions {
    GetOptions { range, ..GetOptions::default() }
}

/// Requests and the stored bytes that their replies carried, by Content-Length.
type Seen = Arc<std::sync::Mutex<Vec<(Method, u64)>>>;

/// A bucket whose requests are written down.
fn metered(world: &TestStore) -> (EncryptedBucket, Seen) {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = seen.clone();
    let bucket = world.map_reply(move |head, reply| {
        let length = reply.headers().get("content-length").unwrap().to_str().unwrap().parse().unwrap();
        log.lock().unwrap().push((head.method.clone(), length));
    });
    (bucket, seen)
}

#[tokio::test]
async fn a_range_inside_takes_its_chunks_in_one_request() {
    let world = sealed(10 * CHUNK + 5).await;
    let (bucket, seen) = metered(&world);
    for (asked, chunks) in [(0..1, 1), (CHUNK - 1..CHUNK, 1), (CHUNK - 1..CHUNK + 1, 2), (5..3 * CHUNK, 3)] {
        let got = read(&bucket, "k", range(asked.clone().into())).await.unwrap();
        assert_eq!(got, ramp(asked.end)[usize::try_from(asked.start).unwrap()..]);
        let requests = std::mem::take(&mut *seen.lock().unwrap());
        assert_eq!(requests, [(Method::GET, chunks * STORED)], "{asked:?}");
    }
    assert_eq!(world.calls(Operation::HeadObject), 0);
}

#[tokio::test]
async fn the_end_is_proven_before_anything_is_said_about_it() {
    // Whole chunks, so that the last one is empty and no range of plaintext asks for it.
    let world = sealed(2 * CHUNK).await;
    let (bucket, seen) = metered(&world);
    let proof = (Method::GET, 16);
    let wanted = |from: u64| ramp(2 * CHUNK)[usize::try_from(from).unwrap()..].to_vec();
    assert_eq!(read(&bucket, "k", range((5..2 * CHUNK).into())).await.unwrap(), wanted(5));
    assert_eq!(std::mem::take(&mut *seen.lock().unwrap()), [(Method::GET, 2 * STORED), proof]);
    for open in [ByteRange::From(CHUNK), ByteRange::Suffix(CHUNK), (CHUNK..9 * CHUNK).into()] {
        assert_eq!(read(&bucket, "k", range(open)).await.unwrap(), wanted(CHUNK));
        assert_eq!(std::mem::take(&mut *seen.lock().unwrap()).len(), 1, "the last chunk comes along");
    }
    for past in [ByteRange::From(2 * CHUNK), ByteRange::From(u64::MAX), (3 * CHUNK..4 * CHUNK).into()] {
        let error = bucket.get("k", range(past.clone())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Range, "{past:?}");
        assert!(error.to_string().contains("32768 bytes"), "{error}");
    }
}

#[tokio::test]
async fn a_store_that_lies_about_the_end() {
    let world = sealed(3 * CHUNK + 100).await;
    // It says that the range lies past the end.
    let refusing = world.map_reply(|head, reply| {
        if head.headers.get("range").is_some_and(|range| range == "bytes=16400-") {
            *reply = http::Response::builder().status(416).body(Bytes::new()).unwrap();
        }
    });
    let error = refusing.get("k", range(ByteRange::From(CHUNK + 1))).await;
    let error = match error {
        Err(error) => error.kind(),
        Ok(object) => panic!("{object:?}"),
    };
    assert_eq!(error, ErrorKind::Protocol, "neither bytes nor a size that is not so");

    // It cuts the object after whole chunks, with a total that agrees.
    for kept in 1..=3 {
        let cut = move |head: &http::request::Parts, reply: &mut http::Response<Bytes>| {
            if head.method != Method::GET || !reply.status().is_success() {
                return;
            }
            let total = kept * STORED + 16;
            let (start, end) = content_range(reply).unwrap_or((0, reply.body().len() as u64));
            let end = end.min(total);
            let body = reply.body().slice(..usize::try_from(end - start.min(end)).unwrap());
            set(reply, "content-length", body.len().to_string());
            if reply.status() == StatusCode::PARTIAL_CONTENT {
                set(reply, "content-range", format!("bytes {start}-{}/{total}", end - 1));
            }
            reply.headers_mut().remove("x-oss-hash-crc64ecma");
            *reply.body_mut() = body;
        };
        let lying = world.map_reply(cut);
        assert!(read(&lying, "k", GetOptions::default()).await.is_err(), "{kept}");
        // Chunks inside are what they are.
        let inside = read(&lying, "k", range((10..20).into())).await.unwrap();
        assert_eq!(inside, ramp(20)[10..]);
    }
}

fn content_range(reply: &http::Response<Bytes>) -> Option<(u64, u64)> {
    let value = reply.headers().get("content-range")?.to_str().ok()?.strip_prefix("bytes ")?;
    let (first, last) = value.split_once('/')?.0.split_once('-')?;
    Some((first.parse().ok()?, last.parse::<u64>().ok()? + 1))
}

fn set(reply: &mut http::Response<Bytes>, name: &'static str, value: String) {
    reply.headers_mut().insert(name, HeaderValue::try_from(value).unwrap());
}

#[tokio::test]
async fn a_changed_bit_is_noticed_in_its_chunk() {
    let world = sealed(3 * CHUNK).await;
    let flipped = world.map_reply(|head, reply| {
        if head.method == Method::GET && reply.body().len() > 20_000 {
            let mut body = reply.body().to_vec();
            body[20_000] ^= 1;
            *reply.body_mut() = body.into();
        }
    });
    let mut object = flipped.get("k", GetOptions::default()).await.unwrap();
    let mut released = Vec::new();
    let error = loop {
        match object.next_chunk().await {
            Ok(Some(chunk)) => released.extend_from_slice(&chunk.bytes),
            Ok(None) => panic!("the change went unnoticed"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(released.len() as u64 <= CHUNK && ramp(CHUNK).starts_with(&released));
    assert!(object.next_chunk().await.unwrap().is_none(), "nothing comes after a failure");
}

#[tokio::test]
async fn what_is_bound_is_required() {
    let world = TestStore::of(Suite::Sealed).await;
    let bind = |bind| world.builder().bind(bind).build().unwrap();
    let tenant = |name| world.builder().encryption_context(pairs([("tenant", name)])).build().unwrap();
    world.bucket().put("none", ramp(10), PutOptions::default()).await.unwrap();
    bind(Bind::Key).put("key", ramp(10), PutOptions::default()).await.unwrap();
    bind(Bind::BucketKey).put("both", ramp(10), PutOptions::default()).await.unwrap();
    let more = PutOptions { encryption_context: pairs([("app", "x")]), ..PutOptions::default() };
    tenant("acme").put("acme", ramp(10), more).await.unwrap();

    for (reader, good, bad) in [
        (world.bucket(), &["none", "key", "both", "acme"][..], &[][..]),
        (bind(Bind::Key), &["key", "both"], &["none", "acme"]),
        (bind(Bind::BucketKey), &["both"], &["key", "none", "acme"]),
        (tenant("acme"), &["acme"], &["none", "key"]),
        (tenant("other"), &[], &["acme", "none"]),
    ] {
        for key in good {
            assert_eq!(read(&reader, key, GetOptions::default()).await.unwrap(), ramp(10), "{key}");
        }
        for key in bad {
            assert_eq!(refusal(&reader, key).await, ErrorKind::NotBound, "{key}");
            // A policy for the call takes nothing away from what the bucket requires.
            let loose = Some(ReadPolicy::ALSO_UNAUTHENTICATED.with_moved());
            let options = GetOptions { read_policy: loose, ..GetOptions::default() };
            assert_eq!(read(&reader, key, options).await.unwrap_err().kind(), ErrorKind::NotBound);
        }
    }
    let required = ReadPolicy::AUTHENTICATED.requiring_pairs(pairs([("app", "x"), ("tenant", "acme")]));
    let options = GetOptions { read_policy: Some(required), ..GetOptions::default() };
    assert_eq!(read(&world.bucket(), "acme", options).await.unwrap(), ramp(10));

    let info = tenant("acme").head("acme", HeadOptions::default()).await.unwrap();
    let encryption = info.encryption.unwrap();
    assert_eq!(encryption.context.unwrap().pairs, pairs([("app", "x"), ("tenant", "acme")]));
    assert_eq!(encryption.authenticity, Authenticity::KeyHolders);
    let info = bind(Bind::BucketKey).head("both", HeadOptions::default()).await.unwrap();
    let binding = info.encryption.unwrap().context.unwrap().binding;
    assert_eq!(binding, Binding::BucketKey { bucket: "box".into(), key: "both".into() });
}

#[tokio::test]
async fn bound_objects_stay_where_they_are() {
    let world = TestStore::of(Suite::Sealed).await;
    let bucket = world.builder().bind(Bind::Key).build().unwrap();
    bucket.put("a", ramp(100), PutOptions::default()).await.unwrap();
    let error = bucket.copy("a", "b", CopyOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongLocation);
    assert!(error.to_string().contains("\"a\"") && error.to_string().contains("\"b\""), "{error}");
    assert_eq!(bucket.head("b", HeadOptions::default()).await.unwrap_err().kind(), ErrorKind::NotFound);
    let moved = CopyOptions { allow_moved: true, ..CopyOptions::default() };
    bucket.copy("a", "b", moved).await.unwrap();
    let error = read(&bucket, "b", GetOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongLocation);
    assert!(error.to_string().contains("sealed as \"a\""), "{error}");
    let allowed =
        GetOptions { read_policy: Some(ReadPolicy::AUTHENTICATED.with_moved()), ..GetOptions::default() };
    assert_eq!(read(&bucket, "b", allowed).await.unwrap(), ramp(100));

    // A header change in place moves nothing; and what binds nothing may go anywhere.
    bucket.copy("a", "a", CopyOptions::default()).await.unwrap();
    world.bucket().put("free", ramp(1), PutOptions::default()).await.unwrap();
    world.bucket().copy("free", "elsewhere", CopyOptions::default()).await.unwrap();
    assert_eq!(read(&world.bucket(), "elsewhere", GetOptions::default()).await.unwrap(), ramp(1));
}

#[tokio::test]
async fn the_policy_is_the_buckets_or_the_calls() {
    let world = TestStore::of(Suite::Sealed).await;
    let ctr = world.builder().suite(Suite::AesCtr).build().unwrap();
    ctr.put("ctr", ramp(10), PutOptions::default()).await.unwrap();
    world.bucket().put("sealed", ramp(10), PutOptions::default()).await.unwrap();
    let plain = osseal_wire::oss::Call::PutObject(osseal_wire::oss::request::PutObject::default());
    world.raw(plain, Some("plain"), ramp(10)).await;

    assert_eq!(refusal(&world.bucket(), "ctr").await, ErrorKind::Unauthenticated);
    assert_eq!(refusal(&world.bucket(), "plain").await, ErrorKind::NotEncrypted);
    let unauthenticated = ReadPolicy::ALSO_UNAUTHENTICATED;
    let plaintext = unauthenticated.clone().with_plaintext(dangerous::AllowPlaintextObjects);
    for (policy, readable) in
        [(unauthenticated, &["ctr", "sealed"][..]), (plaintext, &["ctr", "sealed", "plain"])]
    {
        let options = GetOptions { read_policy: Some(policy), ..GetOptions::default() };
        for key in readable {
            assert_eq!(read(&world.bucket(), key, options.clone()).await.unwrap(), ramp(10), "{key}");
        }
    }
    for key in ["ctr", "sealed", "plain"] {
        let info = world.bucket().head(key, HeadOptions::default()).await.unwrap();
        assert_eq!(info.plain_size, 10, "{key}");
    }
    assert_eq!(refusal(&ctr, "plain").await, ErrorKind::NotEncrypted);
    assert_eq!(read(&ctr, "sealed", GetOptions::default()).await.unwrap(), ramp(10), "of the same policy");
}

#[tokio::test]
async fn size_and_context_are_proven_without_reading() {
    let world = sealed(5 * CHUNK + 1).await;
    let (bucket, seen) = metered(&world);
    let proof = bucket.verify("k", GetOptions::default()).await.unwrap();
    assert_eq!((proof.is_verified, proof.info.plain_size), (true, 5 * CHUNK + 1));
    let requests = std::mem::take(&mut *seen.lock().unwrap());
    assert!(matches!(requests[..], [(Method::GET, 1..=16_399)]), "{requests:?}");

    let cut = world.map_reply(|_, reply| {
        set(reply, "content-range", format!("bytes 0-{}/{}", STORED + 15, STORED + 16));
        set(reply, "content-length", (STORED + 16).to_string());
        *reply.body_mut() = vec![0; usize::try_from(STORED + 16).unwrap()].into();
    });
    assert_eq!(cut.verify("k", GetOptions::default()).await.unwrap_err().kind(), ErrorKind::Integrity);
    let ctr = world.builder().suite(Suite::AesCtr).build().unwrap();
    ctr.put("ctr", ramp(10), PutOptions::default()).await.unwrap();
    assert!(!ctr.verify("ctr", GetOptions::default()).await.unwrap().is_verified);
}

#[tokio::test]
async fn what_cannot_be_sealed() {
    let world = TestStore::of(Suite::Sealed).await;
    let put = async |bucket: EncryptedBucket, options| bucket.put("k", ramp(1), options).await.unwrap_err();
    let many = (0..200).map(|i| (format!("key {i}"), "v".repeat(40)));
    let mut long = EncryptionContext::empty();
    many.for_each(|(key, value)| long.insert(key, value).unwrap());
    let error = put(world.bucket(), PutOptions { encryption_context: long, ..PutOptions::default() }).await;
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("8192"), "{error}");
    let twice = world.builder().encryption_context(pairs([("a", "1")])).build().unwrap();
    let options = PutOptions { encryption_context: pairs([("a", "2")]), ..PutOptions::default() };
    assert_eq!(put(twice, options).await.kind(), ErrorKind::Usage);
    let ctr = || world.builder().suite(Suite::AesCtr);
    assert_eq!(ctr().bind(Bind::Key).build().unwrap_err().kind(), ErrorKind::Usage);
    let options = PutOptions { encryption_context: pairs([("a", "2")]), ..PutOptions::default() };
    assert_eq!(put(ctr().build().unwrap(), options).await.kind(), ErrorKind::Usage);

    let pem = include_bytes!("../../../../vectors/official/keys/rsaA_private_pkcs8.pem");
    let rsa = |padding| {
        let key = Arc::new(RsaKey::from_pem(pem, padding).unwrap());
        let named =
            NamedKey::new("rsa", osseal::MaterialDescription::empty()).wrapping(key.clone()).unwrapping(key);
        world.builder().keyring(Keyring::new(vec![named]).unwrap()).build().unwrap()
    };
    let error = put(rsa(RsaPadding::Pkcs1), PutOptions::default()).await;
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("oaep-sha256"), "{error}");
    assert_eq!(world.calls(Operation::PutObject), 0);
    rsa(RsaPadding::OaepSha256).put("k", ramp(1), PutOptions::default()).await.unwrap();
    let info = rsa(RsaPadding::OaepSha256).head("k", HeadOptions::default()).await.unwrap();
    assert_eq!(info.encryption.unwrap().authenticity, Authenticity::PublicKeyHolders);
}

#[tokio::test]
async fn a_url_tells_the_place_that_it_leads_to() {
    let world = TestStore::of(Suite::Sealed).await;
    let bucket = world.builder().bind(Bind::BucketKey).build().unwrap();
    let key = "dir/a b+c%2F对";
    bucket.put(key, ramp(10), PutOptions::default()).await.unwrap();
    bucket.copy(key, "moved", CopyOptions { allow_moved: true, ..CopyOptions::default() }).await.unwrap();
    let reader = osseal::PresignedReader::new(keyring(&["test"]), Suite::Sealed)
        .transport(Arc::new(world.transport()));
    let url = async |key: &str| bucket.presign(key, &osseal::PresignOptions::default()).await.unwrap().url;
    let got = reader.get(&url(key).await, GetOptions::default()).await.unwrap().bytes().await.unwrap();
    assert_eq!(got, ramp(10));
    let error = reader.get(&url("moved").await, GetOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongLocation);
}
