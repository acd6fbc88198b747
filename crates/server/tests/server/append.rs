//! AppendObject, on both backends.

use crate::support::{Store, ramp};
use osseal_server::ledger::Ledger;
use osseal_server::quirks::{AppendableSource, EncryptedAppend, Quirks};
use osseal_wire::oss::Crc64;

const ENVELOPE: [(&str, &str); 4] = [
    ("x-oss-meta-client-side-encryption-key", "a2V5"),
    ("x-oss-meta-client-side-encryption-start", "c3RhcnQ="),
    ("x-oss-meta-client-side-encryption-cek-alg", "AES/CTR/NoPadding"),
    ("x-oss-meta-client-side-encryption-wrap-alg", "RSA/NONE/PKCS1Padding"),
];

#[tokio::test]
async fn an_object_grows_at_its_end() {
    for store in Store::both().await {
        let body = ramp(300_000);
        let mut position = 0;
        for (at, length) in [1, 99_999, 0, 200_000].into_iter().enumerate() {
            let piece = &body[position..position + length];
            let meta = format!("{at}");
            let headers = [
                ("x-oss-meta-at", meta.as_str()),
                ("x-oss-storage-class", if at == 0 { "IA" } else { "Standard" }),
                // Later ones say nothing, not even something wrong.
                ("x-oss-tagging", if at == 0 { "a=1" } else { "a=b=c" }),
            ];
            let append = store.ask(&format!("POST /box/k?append&position={position}"), &headers, piece).await;
            assert_eq!(append.status, 200, "{}", append.text());
            position += length;
            assert_eq!(append.header("x-oss-next-append-position"), position.to_string());
            assert_eq!(append.header("x-oss-hash-crc64ecma"), Crc64::of(&body[..position]).to_string());
            let get = store.ask("GET /box/k", &[], b"").await;
            assert!(get.body[..] == body[..position], "after {position} bytes");
            assert_eq!(get.header("etag"), append.header("etag"));
            for (name, value) in [
                ("x-oss-object-type", "Appendable"),
                ("x-oss-next-append-position", &position.to_string()),
                ("x-oss-hash-crc64ecma", append.header("x-oss-hash-crc64ecma")),
                ("x-oss-meta-at", "0"),
                ("x-oss-storage-class", "IA"),
                ("x-oss-tagging-count", "1"),
            ] {
                assert_eq!(get.header(name), value, "{name}");
            }
        }
        let range = store.ask("GET /box/k", &[("range", "bytes=99990-100010")], b"").await;
        assert_eq!(&range.body[..], &body[99_990..100_011], "across the pieces");
        assert_eq!(store.ask("GET /box?list-type=2", &[], b"").await.element("Type"), "Appendable");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_changes_nothing() {
    for store in Store::both().await {
        let append = async |line: &str, headers: &[(&str, &str)]| {
            store.ask(&format!("POST /box/{line}"), headers, b"more").await
        };
        let early = append("k?append&position=4", &[]).await;
        assert_eq!(early.refusal(), (409, "PositionNotEqualToLength", "0026-00000016"));
        assert_eq!(early.header("x-oss-next-append-position"), "0");
        assert_eq!(store.ask("HEAD /box/k", &[], b"").await.status, 404);
        assert_eq!(append("k?append&position=0", &[]).await.status, 200);
        for position in [0, 3, 5] {
            let refused = append(&format!("k?append&position={position}"), &[]).await;
            assert_eq!(refused.refusal(), (409, "PositionNotEqualToLength", "0026-00000016"), "{position}");
            assert_eq!(refused.header("x-oss-next-append-position"), "4", "{position}");
        }
        for (headers, code) in [
            (vec![("content-md5", "XUFAKrxLKna5cZ2REBfFkA==")], "InvalidDigest"),
            (vec![("content-md5", "x")], "InvalidDigest"),
            (vec![("x-oss-hash-crc64ecma", "1")], "InvalidCRC64"),
            (vec![("content-length", "9")], "IncompleteBody"),
            (vec![("x-oss-meta-a_b", "1")], "InvalidArgument"),
        ] {
            assert_eq!(append("k?append&position=4", &headers).await.refusal().1, code);
        }
        assert_eq!(&store.ask("GET /box/k", &[], b"").await.body[..], b"more");
        store.ask("PUT /box/put", &[], b"").await;
        assert_eq!(
            append("put?append&position=0", &[]).await.refusal(),
            (409, "ObjectNotAppendable", "0026-00000017")
        );
        let forbid = [("x-oss-forbid-overwrite", "true")];
        assert_eq!(append("k?append&position=0", &forbid).await.refusal().1, "FileAlreadyExists");
        assert_eq!(append("k?append&position=4", &forbid).await.status, 200);
        store.ask("PUT /box/k", &[], b"new").await;
        assert_eq!(
            append("k?append&position=3", &[]).await.refusal().1,
            "ObjectNotAppendable",
            "a put made it ordinary"
        );
        assert_eq!(store.ask("POST /none/k?append&position=0", &[], b"").await.refusal().1, "NoSuchBucket");
    }
}

#[tokio::test]
async fn all_of_it_together_has_a_limit() {
    let mut quirks = Quirks::default();
    quirks.largest_body = 10;
    let store = Store::memory(|builder| builder.quirks(quirks.clone()));
    store.ask("PUT /box", &[], b"").await;
    assert_eq!(store.ask("POST /box/k?append&position=0", &[], b"1234567").await.status, 200);
    assert_eq!(store.ask("POST /box/k?append&position=7", &[], b"1234").await.refusal().1, "EntityTooLarge");
    let chunked = [("transfer-encoding", "chunked")];
    assert_eq!(
        store.ask("POST /box/k?append&position=7", &chunked, b"1234").await.refusal().1,
        "EntityTooLarge"
    );
    assert_eq!(store.ask("POST /box/k?append&position=7", &[], b"123").await.status, 200);
}

#[tokio::test]
async fn of_two_at_one_position_one_is_told_where_the_end_is() {
    for store in Store::both().await {
        store.ask("POST /box/k?append&position=0", &[], b"0123").await;
        let one = store.ask("POST /box/k?append&position=4", &[], b"aaaa");
        let other = store.ask("POST /box/k?append&position=4", &[], b"bb");
        let replies = <[_; 2]>::from(tokio::join!(one, other));
        let length = store.ask("HEAD /box/k", &[], b"").await.header("content-length").to_owned();
        let good = replies.iter().filter(|reply| reply.status == 200).count();
        assert_eq!(good, 1, "{replies:?}");
        for reply in replies.iter().filter(|reply| reply.status != 200) {
            assert_eq!(reply.refusal().1, "PositionNotEqualToLength");
            assert_eq!(reply.header("x-oss-next-append-position"), length);
        }
    }
}

#[tokio::test]
async fn appending_under_an_envelope_is_a_switch() {
    for choice in [EncryptedAppend::Refused, EncryptedAppend::Accepted] {
        let mut quirks = Quirks::default();
        quirks.encrypted_append = choice;
        let ledger = Ledger::new();
        for store in [
            Store::memory(|builder| builder.quirks(quirks.clone()).ledger(ledger.clone())),
            Store::disk(|builder| builder.quirks(quirks.clone())),
        ] {
            store.ask("PUT /box", &[], b"").await;
            let first = store.ask("POST /box/k?append&position=0", &ENVELOPE, b"12345678").await;
            if choice == EncryptedAppend::Refused {
                assert_eq!(first.refusal(), (400, "InvalidEncryptionRequest", ""));
                store.ask("PUT /box/k", &ENVELOPE, b"12345678").await;
            } else {
                assert_eq!(first.status, 200);
            }
            let more = store.ask("POST /box/k?append&position=8", &[], b"9").await;
            assert_eq!(more.status == 200, choice == EncryptedAppend::Accepted);
        }
        let records = ledger.records();
        let last = records.last().unwrap();
        assert_eq!(
            (last.stored_start, last.envelope.len()),
            (8, 4),
            "entered where it would be, refused or not"
        );
    }
}

#[tokio::test]
async fn copies_of_what_can_grow_are_a_switch() {
    for choice in [AppendableSource::Refused, AppendableSource::Copied] {
        let mut quirks = Quirks::default();
        quirks.appendable_source = choice;
        let store = Store::memory(|builder| builder.quirks(quirks.clone()));
        store.ask("PUT /box", &[], b"").await;
        store.ask("POST /box/k?append&position=0", &[], b"1234").await;
        let source = ("x-oss-copy-source", "/box/k");
        let copy = store.ask("PUT /box/copy", &[source], b"").await;
        if choice == AppendableSource::Refused {
            assert_eq!(copy.refusal().1, "OperationNotSupported");
        } else {
            assert_eq!(store.ask("HEAD /box/copy", &[], b"").await.header("x-oss-object-type"), "Normal");
        }
        let replace = [source, ("x-oss-metadata-directive", "REPLACE"), ("x-oss-meta-a", "1")];
        assert_eq!(store.ask("PUT /box/k", &replace, b"").await.status, 200, "headers in place");
        let head = store.ask("HEAD /box/k", &[], b"").await;
        assert_eq!((head.header("x-oss-object-type"), head.header("x-oss-meta-a")), ("Appendable", "1"));
        assert_eq!(store.ask("POST /box/k?append&position=4", &[], b"5").await.status, 200);
    }
}
