//! UploadPartCopy, on both backends.

use crate::support::{Reply, Store, ramp};
use osseal_wire::oss::Crc64;

fn envelope(sizes: bool) -> Vec<(&'static str, &'static str)> {
    let mut headers = vec![
        ("x-oss-meta-client-side-encryption-key", "a2V5"),
        ("x-oss-meta-client-side-encryption-start", "c3RhcnQ="),
        ("x-oss-meta-client-side-encryption-cek-alg", "AES/CTR/NoPadding"),
        ("x-oss-meta-client-side-encryption-wrap-alg", "RSA/NONE/PKCS1Padding"),
    ];
    if sizes {
        headers.push(("x-oss-meta-client-side-encryption-data-size", "250000"));
        headers.push(("x-oss-meta-client-side-encryption-part-size", "102400"));
    }
    headers
}

async fn begin(store: &Store, headers: &[(&str, &str)]) -> String {
    store.ask("POST /box/k?uploads", headers, b"").await.element("UploadId").to_owned()
}

async fn copy(store: &Store, id: &str, number: usize, headers: &[(&str, &str)]) -> Reply {
    store.ask(&format!("PUT /box/k?partNumber={number}&uploadId={id}"), headers, b"").await
}

#[tokio::test]
async fn parts_are_ranges_of_another_object() {
    for store in Store::both().await {
        let body = ramp(250_000);
        store.ask("PUT /box/s%20%2B", &[], &body).await;
        for (headers, sealed) in [(vec![], false), (envelope(true), true)] {
            let id = begin(&store, &headers).await;
            let mut list = String::new();
            for (number, range) in [
                "bytes=0-102399",
                "bytes=102400-204799",
                if sealed { "bytes=-45200" } else { "bytes=204800-" },
            ]
            .iter()
            .enumerate()
            {
                let number = number + 1;
                let part = copy(
                    &store,
                    &id,
                    number,
                    &[("x-oss-copy-source", "/box/s%20%2B"), ("x-oss-copy-source-range", range)],
                )
                .await;
                assert_eq!(part.status, 200, "{}", part.text());
                assert!(part.element("LastModified").contains(".000Z"), "{}", part.text());
                let etag = part.element("ETag");
                assert_eq!(part.header("etag"), etag, "an official SDK reads the header");
                list = format!("{list}<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
            }
            let list = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
            let done = store.ask(&format!("POST /box/k?uploadId={id}"), &[], list.as_bytes()).await;
            assert_eq!(done.status, 200, "{}", done.text());
            assert_eq!(done.header("x-oss-hash-crc64ecma"), Crc64::of(&body).to_string());
            let get = store.ask("GET /box/k", &[], b"").await;
            assert!(get.body[..] == body[..]);
            assert_eq!(!get.header("x-oss-meta-client-side-encryption-key").is_empty(), sealed);
        }
        let id = begin(&store, &[]).await;
        let whole = copy(&store, &id, 1, &[("x-oss-copy-source", "/box/s%20%2B")]).await;
        assert_eq!(whole.status, 200);
        let parts = store.ask(&format!("GET /box/k?uploadId={id}"), &[], b"").await;
        assert_eq!(
            (parts.element("Size"), parts.element("HashCrc64ecma")),
            ("250000", &*Crc64::of(&body).to_string())
        );
    }
}

/// Upload, part number, headers; status, code and EC of the refusal.
type Refused<'a> = (&'a str, usize, Vec<(&'a str, &'a str)>, (u16, &'a str, &'a str));

#[tokio::test]
async fn what_is_refused() {
    for store in Store::both().await {
        store.ask("PUT /box/s", &[], &ramp(250_000)).await;
        store.ask("PUT /box/sealed", &envelope(false), b"x").await;
        store.ask("PUT /box/cold", &[("x-oss-storage-class", "Archive")], b"x").await;
        let (plain, sealed) = (begin(&store, &[]).await, begin(&store, &envelope(true)).await);
        let source = ("x-oss-copy-source", "/box/s");
        #[rustfmt::skip]
        let cases: Vec<Refused<'_>> = vec![
            (&plain, 1, vec![("x-oss-copy-source", "/box/sealed")], (400, "InvalidEncryptionRequest", "0042-00000309")),
            (&plain, 1, vec![("x-oss-copy-source", "/box/cold")], (403, "InvalidObjectState", "0016-00000404")),
            (&plain, 1, vec![("x-oss-copy-source", "/box/none")], (404, "NoSuchKey", "0026-00000001")),
            (&plain, 1, vec![("x-oss-copy-source", "/none/s")], (404, "NoSuchBucket", "0015-00000101")),
            (&plain, 1, vec![("x-oss-copy-source", "box/s")], (400, "InvalidArgument", "0042-00000301")),
            (&plain, 1, vec![("x-oss-copy-source", "/box/s?versionId=7")], (404, "NoSuchVersion", "0026-00000012")),
            (&plain, 1, vec![source, ("x-oss-copy-source-range", "bytes=0-250000")], (400, "InvalidArgument", "0042-00000306")),
            (&plain, 1, vec![source, ("x-oss-copy-source-range", "bytes=250000-")], (400, "InvalidArgument", "0042-00000306")),
            (&plain, 1, vec![source, ("x-oss-copy-source-range", "bytes=-250001")], (400, "InvalidArgument", "0042-00000306")),
            (&plain, 1, vec![source, ("x-oss-copy-source-range", "0-9")], (400, "InvalidArgument", "")),
            (&plain, 0, vec![source], (400, "InvalidArgument", "")),
            (&plain, 10_001, vec![source], (400, "InvalidArgument", "")),
            (&plain, 1, vec![source, ("x-oss-copy-source-if-match", "\"other\"")], (412, "PreconditionFailed", "")),
            (&plain, 1, vec![source, ("x-oss-copy-source-if-unmodified-since", "Sat, 16 Dec 2023 17:25:12 GMT")], (412, "PreconditionFailed", "")),
            (&plain, 1, vec![source, ("x-oss-copy-source-if-none-match", "*")], (304, "", "")),
            ("none", 1, vec![source], (404, "NoSuchUpload", "0042-00000002")),
            // Sizes are those that the upload foretold.
            (&sealed, 1, vec![source], (400, "InvalidEncryptionRequest", "0005-00000419")),
            (&sealed, 1, vec![source, ("x-oss-copy-source-range", "bytes=0-102398")], (400, "InvalidEncryptionRequest", "0005-00000419")),
            (&sealed, 3, vec![source, ("x-oss-copy-source-range", "bytes=0-102399")], (400, "InvalidEncryptionRequest", "0005-00000420")),
            (&sealed, 4, vec![source, ("x-oss-copy-source-range", "bytes=0-9")], (400, "InvalidEncryptionRequest", "0005-00000422")),
        ];
        for (id, number, headers, expected) in cases {
            assert_eq!(copy(&store, id, number, &headers).await.refusal(), expected, "{number} {headers:?}");
        }
        for id in [&plain, &sealed] {
            let parts = store.ask(&format!("GET /box/k?uploadId={id}"), &[], b"").await;
            assert!(!parts.text().contains("<Part>"), "nothing was stored");
        }
        let good = copy(&store, &sealed, 1, &[source, ("x-oss-copy-source-range", "bytes=0-102399")]).await;
        assert_eq!(good.status, 200, "the control: {}", good.text());
    }
}
