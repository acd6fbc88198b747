//! The rules about client-side encryption headers, each broken once, and those of copies.

use crate::support::{Reply, Store, ramp};
use osseal_server::cse_rules::RULES;
use osseal_server::quirks::{Quirks, RepeatedEnvelope, SelfCopy};

const PREFIX: &str = "x-oss-meta-client-side-encryption-";
const PART: usize = 102_400;

type Pairs = Vec<(String, String)>;

/// An envelope as the service sees it: opaque text.
fn envelope(sizes: Option<(u64, u64)>) -> Pairs {
    let mut pairs: Pairs = [
        ("key", "AAAA"),
        ("start", "BBBB"),
        ("cek-alg", "AES/CTR/NoPadding"),
        ("wrap-alg", "KMS/ALICLOUD"),
        ("matdesc", "{}"),
    ]
    .iter()
    .map(|(name, value)| (format!("{PREFIX}{name}"), (*value).to_owned()))
    .collect();
    if let Some((data, part)) = sizes {
        pairs.push((format!("{PREFIX}data-size"), data.to_string()));
        pairs.push((format!("{PREFIX}part-size"), part.to_string()));
    }
    pairs
}

fn with(mut pairs: Pairs, name: &str, value: Option<&str>) -> Pairs {
    pairs.retain(|(known, _)| known != &format!("{PREFIX}{name}"));
    if let Some(value) = value {
        pairs.push((format!("{PREFIX}{name}"), value.to_owned()));
    }
    pairs
}

async fn ask(store: &Store, line: &str, pairs: &Pairs, body: &[u8]) -> Reply {
    let headers: Vec<(&str, &str)> =
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    store.ask(line, &headers, body).await
}

async fn initiate(store: &Store, pairs: &Pairs) -> String {
    let reply = ask(store, "POST /box/k?uploads", pairs, b"").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.element("UploadId").to_owned()
}

async fn complete(store: &Store, id: &str, parts: &[(u32, String)], pairs: &Pairs) -> Reply {
    let parts: String = parts
        .iter()
        .map(|(n, etag)| format!("<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>"))
        .collect();
    let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    ask(store, &format!("POST /box/k?uploadId={id}"), pairs, document.as_bytes()).await
}

#[tokio::test]
async fn every_rule_of_the_table_is_broken_once() {
    for store in Store::both().await {
        let mut broken = Vec::new();
        let mut expect = |reply: Reply, ec: &str| {
            assert_eq!(reply.refusal(), (400, "InvalidEncryptionRequest", ec), "{}", reply.text());
            broken.push(ec.to_owned());
        };
        let sizes = Some((250_000, PART as u64));
        assert_eq!(ask(&store, "PUT /box/k", &envelope(None), b"x").await.status, 200);
        for (name, ec) in [("key", "401"), ("start", "402"), ("cek-alg", "403"), ("wrap-alg", "404")] {
            let ec = format!("0005-00000{ec}");
            expect(ask(&store, "PUT /box/k", &with(envelope(None), name, None), b"x").await, &ec);
            expect(ask(&store, "POST /box/k?uploads", &with(envelope(sizes), name, None), b"").await, &ec);
        }
        let rsa = with(envelope(None), "wrap-alg", Some("rsa"));
        expect(ask(&store, "PUT /box/k", &rsa, b"x").await, "0005-00000405");
        assert_eq!(
            ask(&store, "PUT /box/k", &with(rsa, "magic-number-hmac", Some("m")), b"x").await.status,
            200
        );
        let initiate_with = async |name: &str, value: Option<&str>| {
            ask(&store, "POST /box/k?uploads", &with(envelope(sizes), name, value), b"").await
        };
        expect(initiate_with("data-size", None).await, "0005-00000406");
        expect(initiate_with("part-size", None).await, "0005-00000407");
        expect(initiate_with("data-size", Some("9x5.2")).await, "0005-00000408");
        expect(initiate_with("part-size", Some("-16")).await, "0005-00000409");
        expect(initiate_with("part-size", Some("102401")).await, "0005-00000409");
        expect(initiate_with("data-size", Some("1024000001")).await, "0005-00000410");

        let id = initiate(&store, &envelope(sizes)).await;
        let body = ramp(PART);
        let part = async |number: u32, pairs: &Pairs, body: &[u8]| {
            ask(&store, &format!("PUT /box/k?partNumber={number}&uploadId={id}"), pairs, body).await
        };
        for (name, value, ec) in [
            ("key", "CCCC", "412"),
            ("start", "CCCC", "413"),
            ("cek-alg", "x", "414"),
            ("wrap-alg", "x", "415"),
            ("data-size", "250001", "417"),
            ("part-size", "102416", "418"),
        ] {
            expect(
                part(1, &with(envelope(sizes), name, Some(value)), &body).await,
                &format!("0005-00000{ec}"),
            );
        }
        expect(part(4, &envelope(sizes), b"x").await, "0005-00000422");
        expect(part(1, &envelope(sizes), &body[1..]).await, "0005-00000419");
        expect(part(3, &envelope(sizes), &body).await, "0005-00000420");
        let bare = part(1, &Pairs::new(), &body[1..]).await;
        expect(bare, "0005-00000419");

        let mut parts = Vec::new();
        for (number, length) in [(1, PART), (2, PART), (3, 250_000 - 2 * PART)] {
            let reply = part(number, &envelope(sizes), &body[..length]).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            parts.push((number, reply.header("etag").to_owned()));
        }
        expect(complete(&store, &id, &parts[..2], &Pairs::new()).await, "0005-00000411");
        let odd = vec![(format!("{PREFIX}data-size"), "x".to_owned())];
        expect(complete(&store, &id, &parts, &odd).await, "0005-00000408");
        assert_eq!(complete(&store, &id, &parts, &Pairs::new()).await.status, 200);
        let get = store.ask("GET /box/k", &[], b"").await;
        assert_eq!((get.body.len(), get.header(&format!("{PREFIX}key"))), (250_000, "AAAA"));

        let rsa = with(with(envelope(sizes), "wrap-alg", Some("rsa")), "magic-number-hmac", Some("m"));
        let id = initiate(&store, &rsa).await;
        let other = with(rsa, "magic-number-hmac", Some("n"));
        expect(
            ask(&store, &format!("PUT /box/k?partNumber=1&uploadId={id}"), &other, &body).await,
            "0005-00000416",
        );

        let untested: Vec<_> =
            RULES.iter().filter(|rule| !broken.iter().any(|ec| ec == rule.ec)).map(|rule| rule.ec).collect();
        assert!(untested.is_empty(), "{untested:?}");
    }
}

#[tokio::test]
async fn a_list_of_parts_gives_the_envelope_back() {
    for store in Store::both().await {
        let id = initiate(&store, &envelope(Some((250_000, PART as u64)))).await;
        let list = store.ask(&format!("GET /box/k?uploadId={id}"), &[], b"").await;
        for (element, value) in [
            ("ClientEncryptionKey", "AAAA"),
            ("ClientEncryptionStart", "BBBB"),
            ("ClientEncryptionCekAlg", "AES/CTR/NoPadding"),
            ("ClientEncryptionWrapAlg", "KMS/ALICLOUD"),
            ("ClientEncryptionDataSize", "250000"),
            ("ClientEncryptionPartSize", "102400"),
        ] {
            assert_eq!(list.element(element), value);
        }
    }
}

fn copy(source: &str, more: &[(&str, &str)]) -> Pairs {
    let mut pairs: Pairs = vec![("x-oss-copy-source".to_owned(), source.to_owned())];
    pairs.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    pairs
}

#[tokio::test]
async fn a_copy_keeps_the_envelope() {
    let key = format!("{PREFIX}key");
    for store in Store::both().await {
        store.ask("PUT /crate", &[], b"").await;
        let mut pairs = envelope(None);
        pairs.push(("x-oss-meta-colour".into(), "red".into()));
        ask(&store, "PUT /box/a", &pairs, b"sealed").await;
        let headers = async |path: &str| store.ask(&format!("HEAD {path}"), &[], b"").await;

        assert_eq!(ask(&store, "PUT /box/b", &copy("/box/a", &[]), b"").await.status, 200);
        let head = headers("/box/b").await;
        assert_eq!((head.header(&key), head.header("x-oss-meta-colour")), ("AAAA", "red"));

        let with_other = copy("/box/a", &[(&key, "OTHER"), ("x-oss-meta-colour", "blue")]);
        assert_eq!(
            ask(&store, "PUT /box/c", &with_other, b"").await.status,
            200,
            "COPY ignores the request's headers"
        );
        assert_eq!(headers("/box/c").await.header(&key), "AAAA");

        let replace =
            copy("/box/a", &[("x-oss-metadata-directive", "REPLACE"), ("x-oss-meta-colour", "blue")]);
        assert_eq!(ask(&store, "PUT /crate/d", &replace, b"").await.status, 200);
        let head = headers("/crate/d").await;
        assert_eq!((head.header(&key), head.header("x-oss-meta-colour")), ("AAAA", "blue"));
        assert_eq!(&store.ask("GET /crate/d", &[], b"").await.body[..], b"sealed");

        let change = copy("/box/a", &[("x-oss-metadata-directive", "REPLACE"), (&key, "OTHER")]);
        let refused = ask(&store, "PUT /box/e", &change, b"").await;
        assert_eq!(refused.refusal(), (400, "InvalidEncryptionRequest", "0005-00000421"));
        assert_eq!(headers("/box/e").await.status, 404);
        let missing = ask(&store, "PUT /box/e", &copy("/box/none", &[]), b"").await;
        assert_eq!(missing.refusal().1, "NoSuchKey");
        let forbidden = copy("/box/a", &[("x-oss-forbid-overwrite", "true")]);
        assert_eq!(ask(&store, "PUT /box/b", &forbidden, b"").await.refusal().1, "FileAlreadyExists");
        let condition = copy("/box/a", &[("x-oss-copy-source-if-match", "\"other\"")]);
        assert_eq!(ask(&store, "PUT /box/b", &condition, b"").await.refusal().1, "PreconditionFailed");
    }
}

#[tokio::test]
async fn strictness_about_copies_is_a_switch() {
    let key = format!("{PREFIX}key");
    let in_place = copy("/box/a", &[("x-oss-metadata-directive", "REPLACE"), ("x-oss-meta-colour", "blue")]);
    let repeated = copy("/box/a", &[("x-oss-metadata-directive", "REPLACE"), (&key, "AAAA")]);
    for strict in [false, true] {
        let store = Store::memory(|builder| {
            let mut quirks = Quirks::default();
            if strict {
                (quirks.self_copy, quirks.repeated_envelope) = (SelfCopy::Refused, RepeatedEnvelope::Refused);
            }
            builder.quirks(quirks)
        });
        store.ask("PUT /box", &[], b"").await;
        ask(&store, "PUT /box/a", &envelope(None), b"sealed").await;
        let status = if strict { 400 } else { 200 };
        assert_eq!(ask(&store, "PUT /box/a", &in_place, b"").await.status, status);
        assert_eq!(ask(&store, "PUT /box/b", &repeated, b"").await.status, status);
    }
}

#[tokio::test]
async fn ordinary_multipart_rules_still_hold() {
    for store in Store::both().await {
        let id = initiate(&store, &Pairs::new()).await;
        let part = async |number: u32, body: &[u8]| {
            let reply = store.ask(&format!("PUT /box/k?partNumber={number}&uploadId={id}"), &[], body).await;
            (number, reply.header("etag").to_owned())
        };
        let (one, two) = (part(1, &ramp(10)).await, part(2, &ramp(10)).await);
        let none = Pairs::new();
        assert_eq!(
            complete(&store, &id, &[one.clone(), two.clone()], &none).await.refusal().2,
            "0042-00000213"
        );
        assert_eq!(
            complete(&store, &id, &[two.clone(), one.clone()], &none).await.refusal().1,
            "InvalidPartOrder"
        );
        assert_eq!(
            complete(&store, &id, &[(1, two.1.clone() + "x")], &none).await.refusal().1,
            "InvalidPart"
        );
        assert_eq!(complete(&store, &id, &[], &none).await.refusal().1, "MalformedXML");
        assert_eq!(
            complete(&store, "none", std::slice::from_ref(&one), &none).await.refusal().1,
            "NoSuchUpload"
        );
        assert_eq!(
            store.ask(&format!("PUT /box/k?partNumber=10001&uploadId={id}"), &[], b"").await.refusal().1,
            "InvalidArgument"
        );
        assert_eq!(
            complete(&store, &id, std::slice::from_ref(&one), &none).await.status,
            200,
            "some parts may be left out"
        );
        assert_eq!(complete(&store, &id, &[one], &none).await.refusal().1, "NoSuchUpload");
        let id = initiate(&store, &none).await;
        assert_eq!(store.ask(&format!("DELETE /box/k?uploadId={id}"), &[], b"").await.status, 204);
        assert_eq!(
            store.ask(&format!("DELETE /box/k?uploadId={id}"), &[], b"").await.refusal().1,
            "NoSuchUpload"
        );
    }
}
