//! Objects and buckets, on both backends.

use crate::support::{Store, ramp};
use osseal_wire::oss::Crc64;

#[tokio::test]
async fn an_object_comes_back_as_it_was_stored() {
    for store in Store::both().await {
        let body = ramp(300_000);
        let put = store
            .ask("PUT /box/a%20b", &[("x-oss-meta-colour", "red"), ("content-type", "text/plain")], &body)
            .await;
        assert_eq!(put.status, 200, "{}", put.text());
        let crc = Crc64::of(&body).to_string();
        assert_eq!(put.header("x-oss-hash-crc64ecma"), crc);
        assert_eq!(put.header("etag").len(), 34);
        let get = store.ask("GET /box/a%20b", &[], b"").await;
        assert_eq!((get.status.as_u16(), &get.body[..]), (200, &body[..]));
        for (name, value) in [
            ("x-oss-meta-colour", "red"),
            ("content-type", "text/plain"),
            ("x-oss-hash-crc64ecma", &crc),
            ("x-oss-object-type", "Normal"),
        ] {
            assert_eq!(get.header(name), value);
        }
        assert_eq!(get.header("x-oss-request-id").len(), 24);
        let head = store.ask("HEAD /box/a%20b", &[], b"").await;
        assert_eq!((head.header("content-length"), head.body.len()), ("300000", 0));
        assert_eq!(head.header("etag"), put.header("etag"));
        assert_eq!(store.ask("DELETE /box/a%20b", &[], b"").await.status, 204);
        assert_eq!(store.ask("DELETE /box/a%20b", &[], b"").await.status, 204, "a second time");
        assert_eq!(
            store.ask("GET /box/a%20b", &[], b"").await.refusal(),
            (404, "NoSuchKey", "0026-00000001")
        );
    }
}

#[tokio::test]
async fn the_etag_of_a_put_is_the_md5_in_upper_case() {
    for store in Store::both().await {
        let put = store.ask("PUT /box/a", &[], b"hello").await;
        assert_eq!(put.header("etag"), "\"5D41402ABC4B2A76B9719D911017C592\"");
    }
}

/// Status, first byte, length.
type Answer = (u16, usize, usize);

#[tokio::test]
async fn ranges_with_and_without_standard_behaviour() {
    // range, then (status, first byte, length) without and with `standard`; 416 has no bytes.
    let cases: [(&str, Answer, Answer); 12] = [
        ("bytes=0-9", (206, 0, 10), (206, 0, 10)),
        ("bytes=5-", (206, 5, 95), (206, 5, 95)),
        ("bytes=-7", (206, 93, 7), (206, 93, 7)),
        ("bytes=99-99", (206, 99, 1), (206, 99, 1)),
        ("bytes=90-200", (200, 0, 100), (206, 90, 10)),
        ("bytes=100-", (200, 0, 100), (416, 0, 0)),
        ("bytes=100-120", (200, 0, 100), (416, 0, 0)),
        ("bytes=-200", (200, 0, 100), (206, 0, 100)),
        ("bytes=-0", (200, 0, 100), (416, 0, 0)),
        ("bytes=9-5", (200, 0, 100), (200, 0, 100)),
        ("bytes=0-1,3-4", (200, 0, 100), (200, 0, 100)),
        ("lines=0-1", (200, 0, 100), (200, 0, 100)),
    ];
    for store in Store::both().await {
        let body = ramp(100);
        store.ask("PUT /box/a", &[], &body).await;
        for (range, plain, standard) in cases {
            for (headers, (status, first, length)) in [
                (vec![("range", range)], plain),
                (vec![("range", range), ("x-oss-range-behavior", "standard")], standard),
            ] {
                let get = store.ask("GET /box/a", &headers, b"").await;
                assert_eq!(get.status.as_u16(), status, "{headers:?}");
                if status == 416 {
                    assert_eq!(get.element("Code"), "InvalidRange");
                    continue;
                }
                assert_eq!(&get.body[..], &body[first..first + length], "{headers:?}");
                let placed = format!("bytes {first}-{}/100", first + length - 1);
                assert_eq!(
                    get.header("content-range"),
                    if status == 206 { placed.as_str() } else { "" },
                    "{headers:?}"
                );
                assert_eq!(
                    get.header("x-oss-hash-crc64ecma"),
                    Crc64::of(&body).to_string(),
                    "of the whole object"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_a_request_says_about_its_body_must_be_true() {
    for store in Store::both().await {
        let put = async |headers: &[(&str, &str)]| store.ask("PUT /box/a", headers, b"hello").await;
        assert_eq!(put(&[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")]).await.status, 200);
        assert_eq!(
            put(&[("content-md5", "XUFAKrxLKna5cZ2REBfFkA==")]).await.element("Code"),
            "InvalidDigest"
        );
        assert_eq!(put(&[("content-md5", "hello")]).await.element("Code"), "InvalidDigest");
        assert_eq!(put(&[("x-oss-hash-crc64ecma", &Crc64::of(b"hello").to_string())]).await.status, 200);
        assert_eq!(put(&[("x-oss-hash-crc64ecma", "1")]).await.element("Code"), "InvalidCRC64");
        assert_eq!(put(&[("content-length", "6")]).await.element("Code"), "IncompleteBody");
        let long = put(&[("content-length", "4")]).await;
        assert_eq!(long.status, 200, "bytes beyond the declared length are cut off");
        assert_eq!(&store.ask("GET /box/a", &[], b"").await.body[..], b"hell");
        assert_eq!(put(&[("transfer-encoding", "chunked")]).await.status, 200);
        assert_eq!(&store.ask("GET /box/a", &[], b"").await.body[..], b"hello");
    }
}

#[tokio::test]
async fn a_refused_write_changes_nothing() {
    for store in Store::both().await {
        store.ask("PUT /box/a", &[], b"old").await;
        store.ask("PUT /box/a", &[("x-oss-hash-crc64ecma", "1")], b"new").await;
        assert_eq!(
            store.ask("PUT /box/a", &[("x-oss-forbid-overwrite", "true")], b"new").await.refusal().1,
            "FileAlreadyExists"
        );
        assert_eq!(
            store.ask("PUT /box/a", &[("x-oss-forbid-overwrite", "maybe")], b"new").await.refusal().2,
            "0017-00000279"
        );
        assert_eq!(&store.ask("GET /box/a", &[], b"").await.body[..], b"old");
        assert_eq!(
            store.ask("PUT /none/a", &[], b"new").await.refusal(),
            (404, "NoSuchBucket", "0015-00000101")
        );
    }
}

#[tokio::test]
async fn metadata_has_rules() {
    for store in Store::both().await {
        let value = "v".repeat(8191);
        assert_eq!(store.ask("PUT /box/a", &[("x-oss-meta-a", &value)], b"").await.status, 200);
        let value = "v".repeat(8192);
        assert_eq!(
            store.ask("PUT /box/a", &[("x-oss-meta-a", &value)], b"").await.refusal().2,
            "0011-00000002"
        );
        assert_eq!(
            store.ask("PUT /box/a", &[("x-oss-meta-a_b", "v")], b"").await.refusal().2,
            "0011-00000004"
        );
    }
}

#[tokio::test]
async fn conditions() {
    for store in Store::both().await {
        let etag = store.ask("PUT /box/a", &[], b"x").await.header("etag").to_owned();
        let get = async |name: &str, value: &str| {
            store.ask("GET /box/a", &[(name, value)], b"").await.status.as_u16()
        };
        assert_eq!(get("if-match", &etag).await, 200);
        assert_eq!(get("if-match", etag.trim_matches('"')).await, 200);
        assert_eq!(get("if-match", "\"other\"").await, 412);
        assert_eq!(get("if-none-match", &etag).await, 304);
        assert_eq!(get("if-none-match", "\"other\"").await, 200);
        assert_eq!(get("if-unmodified-since", "Sat, 16 Dec 2023 17:25:12 GMT").await, 412);
        assert_eq!(get("if-modified-since", "Sat, 16 Dec 2023 17:25:12 GMT").await, 200);
        assert_eq!(get("if-modified-since", "Sun, 16 Dec 2198 17:25:12 GMT").await, 304);
    }
}

#[tokio::test]
async fn a_head_is_refused_in_a_header() {
    for store in Store::both().await {
        let head = store.ask("HEAD /box/none", &[], b"").await;
        assert_eq!((head.status.as_u16(), head.body.len()), (404, 0));
        let document = data_encoding::BASE64.decode(head.header("x-oss-err").as_bytes()).unwrap();
        assert!(String::from_utf8(document).unwrap().contains("<Code>NoSuchKey</Code>"));
    }
}

#[tokio::test]
async fn buckets_and_hosts() {
    for store in Store::both().await {
        assert_eq!(store.ask("PUT /Box", &[], b"").await.refusal().1, "InvalidBucketName");
        assert_eq!(store.ask("PUT /box", &[], b"").await.status, 200, "once more");
        assert_eq!(store.ask("PUT /crate", &[], b"").await.status, 200);
        let list = store.ask("GET /?max-keys=1", &[], b"").await;
        assert_eq!(
            (list.element("Name"), list.element("IsTruncated"), list.element("NextMarker")),
            ("box", "true", "box")
        );
        assert_eq!(store.ask("GET /?marker=box", &[], b"").await.element("Name"), "crate");
        store.ask("PUT /box/k", &[], b"virtual").await;
        for host in ["box.localhost:9000", "box.oss-cn-hangzhou.aliyuncs.com"] {
            let request =
                http::Request::get("/k").header("host", host).body(osseal_server::body::empty()).unwrap();
            assert_eq!(store.service.call(request).await.unwrap().status(), 200, "{host}");
        }
        assert_eq!(store.ask("DELETE /box", &[], b"").await.refusal().1, "BucketNotEmpty");
        store.ask("DELETE /box/k", &[], b"").await;
        assert_eq!(store.ask("DELETE /box", &[], b"").await.status, 204);
        assert_eq!(store.ask("DELETE /box", &[], b"").await.refusal().1, "NoSuchBucket");
    }
}

#[tokio::test]
async fn listings_page_group_and_encode() {
    for store in Store::both().await {
        for key in ["a/1", "a/2", "b", "c/1", "c/2", "d%20e", "%E5%AF%B9"] {
            assert_eq!(store.ask(&format!("PUT /box/{key}"), &[], b"x").await.status, 200);
        }
        for version in ["?list-type=2", "?list-type=1"] {
            let (mut seen, mut token) = (Vec::new(), String::new());
            loop {
                let name = if version.ends_with('2') { "continuation-token" } else { "marker" };
                let page = store
                    .ask(
                        &format!("GET /box{version}&delimiter=/&max-keys=2&encoding-type=url&{name}={token}"),
                        &[],
                        b"",
                    )
                    .await;
                assert_eq!(page.status, 200, "{}", page.text());
                for piece in page.text().split("<Contents><Key>").skip(1) {
                    seen.push(piece.split('<').next().unwrap().to_owned());
                }
                for piece in page.text().split("<CommonPrefixes><Prefix>").skip(1) {
                    seen.push(piece.split('<').next().unwrap().to_owned());
                }
                if page.element("IsTruncated") != "true" {
                    break;
                }
                token = page
                    .element(if version.ends_with('2') { "NextContinuationToken" } else { "NextMarker" })
                    .to_owned();
            }
            seen.sort();
            assert_eq!(seen, ["%E5%AF%B9", "a/", "b", "c/", "d%20e"], "{version}");
        }
        let prefix = store.ask("GET /box?list-type=2&prefix=a/", &[], b"").await;
        assert_eq!(prefix.element("KeyCount"), "2");
        assert_eq!(
            store.ask("GET /box?list-type=2&continuation-token=%21", &[], b"").await.refusal().1,
            "InvalidArgument"
        );
        assert_eq!(
            store.ask("GET /box?list-type=2&max-keys=1001", &[], b"").await.refusal().1,
            "InvalidArgument"
        );
        assert_eq!(store.ask("GET /none?list-type=2", &[], b"").await.refusal().1, "NoSuchBucket");
    }
}
