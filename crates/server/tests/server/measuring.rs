//! Stores for measurements: content that is only counted, content that is made, ETags that cost nothing.

use std::sync::Arc;

use crate::support::{Store, ramp};
use http_body_util::BodyExt;
use osseal_server::backend::memory::{Memory, Pattern};
use osseal_server::backend::{Attributes, Backend, Kind, Meta, NewObject, Place};
use osseal_server::quirks::{Etag, Quirks};
use osseal_server::{Service, body};
use osseal_wire::oss::Crc64;

#[tokio::test]
async fn what_is_discarded_is_counted_and_summed() {
    let store = Store::memory(osseal_server::ServiceBuilder::discard);
    store.ask("PUT /box", &[], b"").await;
    let body = ramp(300_000);
    let crc64 = Crc64::of(&body).to_string();
    let put = store.ask("PUT /box/k", &[("x-oss-meta-a", "1")], &body).await;
    assert_eq!((put.status.as_u16(), put.header("x-oss-hash-crc64ecma")), (200, crc64.as_str()));
    let head = store.ask("HEAD /box/k", &[], b"").await;
    for (name, value) in [
        ("content-length", "300000"),
        ("x-oss-hash-crc64ecma", &crc64),
        ("etag", put.header("etag")),
        ("x-oss-meta-a", "1"),
    ] {
        assert_eq!(head.header(name), value, "{name}");
    }
    for headers in [&[][..], &[("range", "bytes=0-9")]] {
        let get = store.ask("GET /box/k", headers, b"").await;
        assert_eq!(get.refusal(), (410, "ContentDiscarded", ""));
    }
    let wrong = store.ask("PUT /box/k", &[("x-oss-hash-crc64ecma", "1")], &body).await;
    assert_eq!(wrong.refusal().1, "InvalidCRC64");
    let id = store.ask("POST /box/m?uploads", &[], b"").await.element("UploadId").to_owned();
    let part = store.ask(&format!("PUT /box/m?partNumber=1&uploadId={id}"), &[], &body).await;
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        part.header("etag")
    );
    let done = store.ask(&format!("POST /box/m?uploadId={id}"), &[], list.as_bytes()).await;
    assert_eq!(done.header("x-oss-hash-crc64ecma"), crc64);
    assert_eq!(store.ask("GET /box/m", &[], b"").await.refusal().1, "ContentDiscarded");
    store.ask("PUT /box/empty", &[], b"").await;
    assert_eq!(store.ask("GET /box/empty", &[], b"").await.status, 200, "nothing of it was discarded");
}

#[tokio::test]
async fn an_object_of_any_size_takes_no_memory() {
    const SIZE: u64 = 10 << 30;
    let memory = Memory::new();
    let now = "2026-01-02T03:04:05Z".parse().unwrap();
    memory.create_bucket("box", now).await.unwrap();
    let new = |id: &str| NewObject {
        id: id.to_owned(),
        modified: now,
        meta: Meta(vec![("x-oss-meta-a".into(), b"1".to_vec())]),
        kind: Kind::Normal,
        attributes: Attributes::default(),
    };
    let place = |key| Place { bucket: "box", key };
    memory.synthesise(place("ramp"), new("1"), Pattern::ramp(SIZE)).unwrap();
    let small = Pattern::repeated(b"abc", 10).unwrap();
    memory.synthesise(place("abc"), new("2"), small).unwrap();
    assert!(memory.synthesise(Place { bucket: "none", key: "k" }, new("3"), Pattern::ramp(1)).is_err());
    let store = Store::of(Service::builder().anonymous().backend(Arc::new(memory)).build());
    let abc = store.ask("GET /box/abc", &[], b"").await;
    assert_eq!((&abc.body[..], abc.header("x-oss-meta-a")), (&b"abcabcabca"[..], "1"));
    assert_eq!(abc.header("x-oss-hash-crc64ecma"), Crc64::of(b"abcabcabca").to_string());
    let head = store.ask("HEAD /box/ramp", &[], b"").await;
    assert_eq!(head.header("content-length"), SIZE.to_string());
    for start in [0, 250, 251, 5 << 30, SIZE - 1000] {
        let range = format!("bytes={start}-{}", start + 999);
        let get = store.ask("GET /box/ramp", &[("range", &range)], b"").await;
        let expected: Vec<u8> = (start..start + 1000).map(|i| u8::try_from(i % 251).unwrap()).collect();
        assert_eq!((get.status.as_u16(), &get.body[..]), (206, &expected[..]), "{range}");
    }
    let whole = http::Request::get("/box/ramp").header("host", "127.0.0.1").body(body::empty()).unwrap();
    let mut reply = store.service.call(whole).await.unwrap().into_body();
    let (mut at, mut longest) = (0_u64, 0);
    while at < 64 << 20 {
        let piece = reply.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(piece[0] == u8::try_from(at % 251).unwrap() && !piece.is_empty());
        at += piece.len() as u64;
        longest = longest.max(piece.len());
    }
    assert!(longest <= 256 << 10, "{longest}");
}

#[tokio::test]
async fn etags_without_md5_are_a_switch_and_digests_are_checked_all_the_same() {
    for (choice, is_md5) in [(Etag::Md5, true), (Etag::Crc64, false)] {
        let mut quirks = Quirks::default();
        quirks.etag = choice;
        for store in [
            Store::memory(|builder| builder.quirks(quirks.clone())),
            Store::disk(|builder| builder.quirks(quirks.clone())),
        ] {
            store.ask("PUT /box", &[], b"").await;
            let put = store.ask("PUT /box/k", &[], b"hello").await;
            assert_eq!(put.header("etag") == "\"5D41402ABC4B2A76B9719D911017C592\"", is_md5);
            assert_eq!(put.header("etag").len(), 34);
            assert_eq!(store.ask("HEAD /box/k", &[("if-match", put.header("etag"))], b"").await.status, 200);
            let wrong = [("content-md5", "XUFAKrxLKna5cZ2REBfFkA==")];
            assert_eq!(store.ask("PUT /box/k", &wrong, b"hello").await.refusal().1, "InvalidDigest");
            let right = [("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")];
            assert_eq!(store.ask("PUT /box/k", &right, b"hello").await.status, 200);
        }
    }
}
