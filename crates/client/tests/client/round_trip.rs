//! What is put is what is got: sizes, ranges, bodies, transports.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::{PART, TestStore, keyring, ramp};
use osseal::{
    Authenticity, ByteRange, CopyOptions, EncryptedBucket, Endpoint, ErrorKind, GetOptions, HeadOptions,
    ListOptions, ObjectHeaders, PutBody, PutOptions, RsaKey, RsaPadding, Store, Suite, WrapAlgorithm,
};
use osseal_server::Operation;
use osseal_server::fault::Action;
use osseal_wire::oss::Crc64;
use osseal_wire::oss::request::GetObject;
use proptest::prelude::*;

const SIZES: [u64; 23] = [
    0,
    1,
    15,
    16,
    17,
    4103,
    PART - 1,
    PART,
    PART + 1,
    2 * PART - 1,
    2 * PART,
    2 * PART + 1,
    3 * PART - 1,
    3 * PART,
    3 * PART + 16,
    // Around chunks of the sealed suite and around its parts of seven; the last part of 21 chunks is one empty chunk.
    16_383,
    16_384,
    16_385,
    14 * 16_384 - 1,
    14 * 16_384,
    21 * 16_384,
    21 * 16_384 + 1,
    1_000_003,
];

#[tokio::test]
async fn every_size_comes_back_from_every_kind_of_body() {
    for suite in Suite::ALL {
        every_size_comes_back(suite).await;
    }
}

async fn every_size_comes_back(suite: Suite) {
    let world = TestStore::of(suite).await;
    let bucket = world.bucket();
    for size in SIZES {
        let plain = ramp(size);
        let cursor = || std::io::Cursor::new(plain.clone());
        let bodies = [
            ("bytes", PutBody::from(plain.clone())),
            ("reader", PutBody::reader(cursor(), size)),
            ("stream", PutBody::unknown_length(cursor())),
        ];
        let (stored, part) = match suite {
            Suite::Sealed => (size + 16 * (size / 16_384 + 1), 7 * 16_400),
            _ => (size, PART),
        };
        for (kind, body) in bodies {
            let report = bucket.put("k", body, PutOptions::default()).await.unwrap();
            assert_eq!((report.plain_size, report.stored_size), (size, stored), "{kind}");
            let parts = if size > 2 * PART && kind != "stream" { stored.div_ceil(part) } else { 1 };
            assert_eq!(u64::from(report.parts), parts, "{kind} {size}");
            let object = bucket.get("k", GetOptions::default()).await.unwrap();
            assert_eq!(object.info().plain_size, size);
            assert_eq!(object.info().crc64, Some(report.crc64));
            assert_eq!(object.bytes().await.unwrap(), plain, "{kind} {size}");
        }
    }
    assert_eq!(world.calls(Operation::HeadObject), 0, "neither put nor get asks twice");
}

#[tokio::test]
async fn what_is_stored_is_not_what_was_put() {
    let world = TestStore::new().await;
    let plain = ramp(10_000);
    let report = world.bucket().put("k", plain.clone(), PutOptions::default()).await.unwrap();
    let call = osseal_wire::oss::Call::GetObject(GetObject::default());
    let stored = world.raw(call, Some("k"), vec![]).await.into_body();
    assert_eq!(stored.len(), plain.len());
    assert_eq!(Crc64::of(&stored), report.crc64);
    let windows = stored.windows(8).filter(|window| plain.windows(8).any(|known| known == *window)).count();
    assert_eq!(windows, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_range_is_the_slice(
        size in prop_oneof![0..100_u64, 4000..5000_u64, 300_000..320_000_u64],
        ranges in prop::collection::vec((any::<u64>(), any::<u64>(), 0..3_u8), 8),
        suite in prop::sample::select(&Suite::ALL[..]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = TestStore::of(suite).await;
            let bucket = world.bucket();
            let plain = ramp(size);
            bucket.put("k", plain.clone(), PutOptions::default()).await.unwrap();
            for (a, b, kind) in ranges {
                let (a, b) = (a % (size + 20), b % (size + 20));
                let range = match kind {
                    0 => ByteRange::From(a),
                    1 => ByteRange::Suffix(a),
                    _ => ByteRange::Bounded(a.min(b)..a.max(b)),
                };
                let before = world.calls(Operation::GetObject);
                let got = bucket.get("k", GetOptions::default().range(range.clone())).await;
                let outside = range.resolve(size).is_err();
                match range.resolve(size) {
                    Ok(slice) => {
                        let got = got.unwrap();
                        assert_eq!(got.range(), slice);
                        let wanted = &plain[usize::try_from(slice.start).unwrap()..usize::try_from(slice.end).unwrap()];
                        assert_eq!(got.bytes().await.unwrap(), wanted, "{range:?} of {size}");
                    }
                    Err(_) => assert_eq!(got.unwrap_err().kind(), ErrorKind::Range, "{range:?} of {size}"),
                }
                // A bounded range up to the end of whole chunks takes the empty chunk behind them, which nobody could know of before; and that a
                // range lies past the end takes the last chunk, where the suite can prove it.
                // An empty object refuses every range, the last bytes among them: it has to be asked for whole.
                let most =
                    1 + u64::from(outside || (suite == Suite::Sealed && kind == 2)) + u64::from(outside && size == 0);
                let requests = world.calls(Operation::GetObject) - before;
                assert!((1..=most).contains(&requests), "{requests} requests for {range:?} of {size}");
            }
        });
    }
}

#[tokio::test]
async fn r07_ranges_at_the_edges() {
    for suite in Suite::ALL {
        ranges_at_the_edges(suite).await;
    }
}

async fn ranges_at_the_edges(suite: Suite) {
    let world = TestStore::of(suite).await;
    let bucket = world.bucket();
    bucket.put("k", ramp(100), PutOptions::default()).await.unwrap();
    bucket.put("empty", ramp(0), PutOptions::default()).await.unwrap();
    let get = async |key: &str, range: ByteRange| {
        let object =
            bucket.get(key, GetOptions::default().range(range)).await.map_err(|error| error.kind())?;
        object.bytes().await.map_err(|error| error.kind())
    };
    let slice = |range: std::ops::Range<usize>| Ok(bytes::Bytes::from(ramp(100)[range].to_vec()));
    assert_eq!(get("k", ByteRange::Bounded(5..5)).await, slice(5..5));
    assert_eq!(get("k", ByteRange::Bounded(99..u64::MAX)).await, slice(99..100));
    assert_eq!(get("k", ByteRange::Suffix(1000)).await, slice(0..100));
    for nothing in
        [ByteRange::Suffix(0), ByteRange::From(100), ByteRange::From(u64::MAX), ByteRange::Bounded(100..101)]
    {
        assert_eq!(get("k", nothing.clone()).await, Err(ErrorKind::Range), "{nothing:?}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "the mistake under test")]
    let inverted = ByteRange::Bounded(9..5);
    assert_eq!(get("k", inverted).await, Err(ErrorKind::Range));
    assert_eq!(get("empty", ByteRange::From(0)).await, slice(0..0));
    assert_eq!(get("empty", ByteRange::Suffix(5)).await, Err(ErrorKind::Range));
}

#[tokio::test]
async fn head_list_copy_and_delete() {
    let world = TestStore::new().await;
    let bucket = world.bucket();
    let options = PutOptions {
        headers: ObjectHeaders {
            content_type: Some("text/plain".into()),
            metadata: vec![("Colour".into(), "red".into())],
            ..ObjectHeaders::default()
        },
        ..PutOptions::default()
    };
    bucket.put("dir/a", ramp(100), options).await.unwrap();
    let info = bucket.head("dir/a", HeadOptions::default()).await.unwrap();
    assert_eq!(
        (info.plain_size, info.stored_size, info.content_type.as_deref()),
        (100, 100, Some("text/plain"))
    );
    assert_eq!(info.metadata, [("colour".to_owned(), b"red".to_vec())]);
    let encryption = info.encryption.unwrap();
    assert_eq!(
        (encryption.key_name.as_deref(), encryption.wrap, encryption.authenticity),
        (Some("test"), WrapAlgorithm::AesKw, Authenticity::Anybody)
    );
    assert_eq!(encryption.description, "{\"name\":\"test\"}");

    bucket.copy("dir/a", "dir/b", CopyOptions::default()).await.unwrap();
    let refused = bucket
        .copy("dir/a", "dir/b", CopyOptions { forbid_overwrite: true, ..CopyOptions::default() })
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Exists);
    assert_eq!(bucket.get("dir/b", GetOptions::default()).await.unwrap().bytes().await.unwrap(), ramp(100));
    bucket.put("z", ramp(0), PutOptions::default()).await.unwrap();

    let page = bucket.list(&ListOptions { delimiter: "/".into(), ..ListOptions::default() }).await.unwrap();
    assert_eq!((page.prefixes, page.objects.len(), page.next), (vec!["dir/".to_owned()], 1, None));
    let mut options = ListOptions { max_keys: Some(1), ..ListOptions::default() };
    let mut keys = Vec::new();
    loop {
        let page = bucket.list(&options).await.unwrap();
        keys.extend(page.objects.into_iter().map(|object| (object.key, object.stored_size)));
        match page.next {
            Some(next) => options.continuation = Some(next),
            None => break,
        }
    }
    assert_eq!(keys, [("dir/a".to_owned(), 100), ("dir/b".to_owned(), 100), ("z".to_owned(), 0)]);
    for (key, _) in keys {
        bucket.delete(&key).await.unwrap();
    }
    bucket.delete("z").await.unwrap();
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn keys_and_names_of_all_kinds() {
    let world = TestStore::new().await;
    let bucket = world.bucket();
    for key in ["a b", "对象/😀", "%2F+&=?#", "a//b", "trailing/", &"k".repeat(1023), "..a"] {
        bucket.put(key, key.as_bytes().to_vec(), PutOptions::default()).await.unwrap();
        assert_eq!(
            bucket.get(key, GetOptions::default()).await.unwrap().bytes().await.unwrap(),
            key.as_bytes(),
            "{key}"
        );
    }
    let listed = bucket.list(&ListOptions::default()).await.unwrap();
    assert_eq!(listed.objects.len(), 7);
    for bad in ["", "/a", "a/../b", &"k".repeat(1024)] {
        assert_eq!(
            bucket.put(bad, ramp(1), PutOptions::default()).await.unwrap_err().kind(),
            ErrorKind::Usage,
            "{bad}"
        );
    }
    for bad in ["Box", "b", "box_1", ""] {
        assert_eq!(
            EncryptedBucket::builder(world.store(), bad).build().unwrap_err().kind(),
            ErrorKind::Usage,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn progress_is_told_in_plaintext_bytes() {
    let world = TestStore::new().await;
    let told = Arc::new(AtomicU64::new(0));
    let counter = told.clone();
    let progress: osseal::Progress = Arc::new(move |bytes| {
        counter.fetch_add(bytes, Ordering::Relaxed);
    });
    let options = PutOptions { progress: Some(progress), ..PutOptions::default() };
    for body in [
        PutBody::from(ramp(10)),
        PutBody::from(ramp(500_000)),
        PutBody::unknown_length(std::io::Cursor::new(ramp(500_000))),
    ] {
        let before = told.load(Ordering::Relaxed);
        let report = world.bucket().put("k", body, options.clone()).await.unwrap();
        assert_eq!(told.load(Ordering::Relaxed) - before, report.plain_size);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_socket_it_is_the_same() {
    let world = TestStore::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let server = tokio::spawn(osseal_server::serve(listener, world.service.clone(), std::future::pending()));
    let store =
        Store::builder(endpoint, "cn-hangzhou").credentials(world.credentials.clone()).build().unwrap();
    let bucket = EncryptedBucket::builder(store.clone(), "box")
        .keyring(keyring(&["test"]))
        .multipart_threshold(PART)
        .part_size(PART)
        .build()
        .unwrap();
    for size in [0, 1, PART, 3 * PART + 7, 2_000_000] {
        let plain = ramp(size);
        bucket.put("k", plain.clone(), PutOptions::default()).await.unwrap();
        assert_eq!(bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap(), plain);
        bucket
            .put("s", PutBody::unknown_length(std::io::Cursor::new(plain.clone())), PutOptions::default())
            .await
            .unwrap();
        assert_eq!(bucket.get("s", GetOptions::default()).await.unwrap().bytes().await.unwrap(), plain);
        if size > 20 {
            let got =
                bucket.get("k", GetOptions::default().range(7..19)).await.unwrap().bytes().await.unwrap();
            assert_eq!(got, plain[7..19]);
        }
    }
    world.order(Operation::GetObject, Action::CutReply { after: 1_000_001 });
    assert_eq!(
        bucket.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap(),
        ramp(2_000_000),
        "resumed"
    );
    assert_eq!(store.list_buckets().await.unwrap().len(), 1);
    let info = bucket.head("k", HeadOptions::default()).await.unwrap();
    assert_eq!(info.plain_size, 2_000_000);
    server.abort();
    drop(server.await);
    let error = bucket.head("k", HeadOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transient, "{error}");
}

#[tokio::test]
async fn a_public_key_writes_and_a_private_one_reads() {
    let world = TestStore::new().await;
    let pem = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../vectors/official/keys/rsaA_private_pkcs1.pem"
    ));
    let Ok(pem) = pem else { panic!("a key of the official vectors") };
    let private = Arc::new(RsaKey::from_pem(&pem, RsaPadding::OaepSha1).unwrap());
    let public =
        Arc::new(RsaKey::from_pem(private.public_pem().unwrap().as_bytes(), RsaPadding::OaepSha1).unwrap());
    let ring = |key: osseal::NamedKey| osseal::Keyring::new(vec![key]).unwrap();
    let none = osseal::MaterialDescription::empty;
    let writer =
        world.builder().keyring(ring(osseal::NamedKey::new("w", none()).wrapping(public))).build().unwrap();
    writer.put("k", ramp(1000), PutOptions::default()).await.unwrap();
    let error = writer.get("k", GetOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoMatchingKey, "{error}");
    let reader = world
        .builder()
        .keyring(ring(osseal::NamedKey::new("r", none()).unwrapping(private)))
        .build()
        .unwrap();
    assert_eq!(reader.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap(), ramp(1000));
    let error = reader.put("k", ramp(1), PutOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
}

#[tokio::test]
async fn without_encryption_objects_are_stored_as_they_are() {
    let world = TestStore::new().await;
    let plain = EncryptedBucket::builder(world.store(), "box")
        .part_size(PART)
        .without_encryption(osseal::dangerous::AllowPlaintextObjects)
        .build()
        .unwrap();
    for size in [1000, 3 * PART + 5] {
        let report = plain.put("k", ramp(size), PutOptions::default()).await.unwrap();
        assert_eq!((report.suite, report.stored_size, &report.key_name[..]), (None, size, ""));
        assert_eq!(plain.head("k", HeadOptions::default()).await.unwrap().encryption, None);
        let got = plain.get("k", GetOptions::default()).await.unwrap().bytes().await.unwrap();
        assert_eq!(got, ramp(size));
        let error = world.bucket().get("k", GetOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotEncrypted);
    }
}
