//! Presigned URLs, made and read, of both versions of signatures.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{TestStore, detached_store, keyring, ramp};
use http::Response;
use osseal::transport::{BoxError, InProcess};
use osseal::{
    EncryptedBucket, ErrorKind, GetOptions, PresignOptions, PresignedReader, PutOptions, SignatureVersion,
    StoreBuilder, Suite,
};
use osseal_server::Operation;
use osseal_server::fault::Action;

const VERSIONS: [SignatureVersion; 2] = [SignatureVersion::V1, SignatureVersion::V4];

fn bucket(world: &TestStore, version: SignatureVersion) -> EncryptedBucket {
    let store = world.store_with(Arc::new(world.transport()), |builder| builder.signature(version));
    EncryptedBucket::builder(store, "box").keyring(keyring(&["test"])).suite(Suite::AesCtr).build().unwrap()
}

fn reader(world: &TestStore) -> PresignedReader {
    PresignedReader::new(keyring(&["test"]), Suite::AesCtr).transport(Arc::new(world.transport()))
}

async fn read(world: &TestStore, url: &str, options: GetOptions) -> Result<Vec<u8>, osseal::Error> {
    Ok(reader(world).get(url, options).await?.bytes().await?.to_vec())
}

#[tokio::test]
async fn a_url_is_read_whole_and_by_range() {
    let world = TestStore::new().await;
    for version in VERSIONS {
        let bucket = bucket(&world, version);
        for key in ["k", "dir/a b+c%d&e=f?g#h", "对象"] {
            bucket.put(key, ramp(1000), PutOptions::default()).await.unwrap();
            let url = bucket.presign(key, &PresignOptions::default()).await.unwrap().url;
            assert_eq!(read(&world, &url, GetOptions::default()).await.unwrap(), ramp(1000));
            for (first, end) in [(0, 1), (17, 300), (990, 1000)] {
                let part = read(&world, &url, GetOptions::default().range(first..end)).await.unwrap();
                assert_eq!(part, ramp(1000)[usize::try_from(first).unwrap()..usize::try_from(end).unwrap()]);
            }
            // Without the standard behaviour of ranges the service sends everything for these.
            let beyond = read(&world, &url, GetOptions::default().range(900..5000)).await.unwrap();
            assert_eq!(beyond, ramp(1000)[900..]);
            let outside = read(&world, &url, GetOptions::default().range(1000..1001)).await.unwrap_err();
            assert_eq!(outside.kind(), ErrorKind::Range);
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_goes_on() {
    let world = TestStore::new().await;
    let bucket = bucket(&world, SignatureVersion::V4);
    bucket.put("k", ramp(100_000), PutOptions::default()).await.unwrap();
    world.order(Operation::GetObject, Action::CutReply { after: 70_001 });
    let url = bucket.presign("k", &PresignOptions::default()).await.unwrap().url;
    assert_eq!(read(&world, &url, GetOptions::default()).await.unwrap(), ramp(100_000));
    assert_eq!(world.calls(Operation::GetObject), 2);
}

#[tokio::test]
async fn altered_and_late_urls_are_refused() {
    let world = TestStore::new().await;
    for version in VERSIONS {
        let bucket = bucket(&world, version);
        bucket.put("k", ramp(10), PutOptions::default()).await.unwrap();
        bucket.put("l", ramp(10), PutOptions::default()).await.unwrap();
        let options = PresignOptions { lifetime: Duration::from_secs(60), ..PresignOptions::default() };
        let made = bucket.presign("k", &options).await.unwrap();
        let other_key = made.url.replacen("/k?", "/l?", 1);
        let versioned = format!("{}&versionId=1", made.url);
        for url in [&other_key, &versioned] {
            let error = read(&world, url, GetOptions::default()).await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "SignatureDoesNotMatch"), "{url}");
            let text = format!("{error} {error:?}");
            assert!(text.contains("http://127.0.0.1/box/") && !text.contains("ignature="), "{text}");
        }
        assert!(!format!("{made:?}").contains('?'));

        let old = world.store_with(Arc::new(world.transport()), |builder| {
            let hour_ago = || jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
            builder.signature(version).clock(Arc::new(hour_ago))
        });
        let old = EncryptedBucket::builder(old, "box").build().unwrap();
        let error = read(&world, &old.presign("k", &options).await.unwrap().url, GetOptions::default())
            .await
            .unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "AccessDenied"));
        assert!(error.to_string().contains("expired"), "{error}");
    }
}

#[tokio::test]
async fn what_is_refused_before_anything_is_sent() {
    let world = TestStore::new().await;
    let bucket = bucket(&world, SignatureVersion::V4);
    for lifetime in
        [Duration::ZERO, Duration::from_millis(1500), Duration::from_secs(7 * 24 * 3600 + 1), Duration::MAX]
    {
        let options = PresignOptions { lifetime, ..PresignOptions::default() };
        assert_eq!(bucket.presign("k", &options).await.unwrap_err().kind(), ErrorKind::Usage, "{lifetime:?}");
    }
    assert_eq!(
        bucket.presign("a/../b", &PresignOptions::default()).await.unwrap_err().kind(),
        ErrorKind::Usage
    );
    let none = world.store_with(Arc::new(world.transport()), StoreBuilder::anonymous);
    let none = EncryptedBucket::builder(none, "box").build().unwrap();
    assert_eq!(none.presign("k", &PresignOptions::default()).await.unwrap_err().kind(), ErrorKind::Usage);

    let url = bucket.presign("k", &PresignOptions::default()).await.unwrap().url;
    let calls = world.calls(Operation::GetObject);
    for (bad, kind) in [
        (format!("{url}&x-oss-process=image/resize,w_10"), ErrorKind::Unsupported),
        (format!("{url}&X-Oss-Async-Process=x"), ErrorKind::Unsupported),
        (url.replace("http://127.0.0.1", "http://oss.example.com"), ErrorKind::Usage),
        (url.replace("http://", "ftp://"), ErrorKind::Usage),
        (url.replace("http://127.0.0.1", ""), ErrorKind::Usage),
        ("not a url".to_owned(), ErrorKind::Usage),
        (String::new(), ErrorKind::Usage),
    ] {
        assert_eq!(read(&world, &bad, GetOptions::default()).await.unwrap_err().kind(), kind, "{bad}");
    }
    let versioned = GetOptions { version_id: Some("v".into()), ..GetOptions::default() };
    assert_eq!(read(&world, &url, versioned).await.unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(world.calls(Operation::GetObject), calls);
}

/// R: whoever redirects us gets neither another request nor a signature.
#[tokio::test]
async fn redirects_are_not_followed() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = asked.clone();
    let transport = InProcess::new(move |request: http::Request<_>| {
        seen.lock().unwrap().push(request.uri().to_string());
        async move {
            let reply = Response::builder().status(307).header("location", "https://evil.example/k");
            Ok::<_, BoxError>(reply.body(osseal_server::body::empty()).unwrap())
        }
    });
    let transport = Arc::new(transport);
    let store = detached_store(transport.clone(), |builder| builder);
    let bucket = EncryptedBucket::builder(store, "box")
        .keyring(keyring(&["test"]))
        .suite(Suite::AesCtr)
        .build()
        .unwrap();
    let url = bucket.presign("k", &PresignOptions::default()).await.unwrap().url;
    let reader = PresignedReader::new(keyring(&["test"]), Suite::AesCtr).transport(transport);
    for error in [
        bucket.get("k", GetOptions::default()).await.unwrap_err(),
        bucket.put("k", ramp(10), PutOptions::default()).await.unwrap_err(),
        reader.get(&url, GetOptions::default()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.to_string().contains("redirects are not followed"), "{error}");
    }
    assert_eq!(asked.lock().unwrap().len(), 3);
}
