//! The rules about client-side encryption headers; `osseal_server::cse_rules` names the vendor's pages.
//!
//! The values are opaque to the service; these are no envelope that anything would open.

use futures_util::FutureExt;
use osseal_wire::oss::Metadata;
use osseal_wire::oss::request::{Call, CopyObject, GetObject, ListParts, PutObject, UploadPart};
use osseal_wire::oss::xml::ListPartsResult;

use crate::expect::{Outcome, Stop, readable, same};
use crate::letter::Reply;
use crate::part_copies::part_copy;
use crate::probe::{PART, Probe, numbered, ramp};
use crate::{Case, case};

/// Prefix of the headers of client-side encryption.
const PREFIX: &str = "x-oss-meta-client-side-encryption-";
/// The error code for headers that contradict the rules.
const CODE: &str = "InvalidEncryptionRequest";

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("encryption/put", "An envelope comes back as it was sent, the material description too.", |p| put(p).boxed()),
    case("encryption/put-needs", "A put with one header of the family has all four that are needed.", |p| put_needs(p).boxed()),
    case("encryption/old-rsa", "An envelope wrapped by `rsa` has the magic number, others need none.", |p| old_rsa(p).boxed()),
    case("encryption/free-names", "Other names of the family ask for nothing.", |p| free_names(p).boxed()),
    case("encryption/initiate-needs", "An upload with an envelope declares its sizes.", |p| initiate_needs(p).boxed()),
    case("encryption/sizes", "The sizes are integers, parts multiples of 16, at most 10,000 of them.", |p| sizes(p).boxed()),
    case("encryption/part-headers", "A part repeats the envelope of its upload.", |p| part_headers(p).boxed()),
    case("encryption/part-sizes", "Parts have the declared size, the last one what is left.", |p| part_sizes(p).boxed()),
    case("encryption/part-count", "The end lists as many parts as the sizes make.", |p| part_count(p).boxed()),
    case("encryption/multipart", "An upload that keeps the rules becomes an object with its envelope.", |p| multipart(p).boxed()),
    case("encryption/listed-envelope", "A list of parts, where it gives the envelope back, gives it back as it was.", |p| listed(p).boxed()),
    case("encryption/copy", "A copy has the envelope of its source.", |p| copy(p).boxed()),
    case("encryption/copy-other-headers", "With REPLACE and other metadata a copy in another bucket keeps the envelope.", |p| copy_other_headers(p).boxed()),
    case("encryption/part-copy", "An object with an envelope is no source of parts.", |p| part_copies(p).boxed()),
    case("encryption/copy-other-envelope", "No copy changes an envelope.", |p| copy_other_envelope(p).boxed()),
];

const FOUR: [(&str, &str); 4] = [
    ("key", "a2V5"),
    ("start", "c3RhcnQ="),
    ("cek-alg", "AES/CTR/NoPadding"),
    ("wrap-alg", "RSA/NONE/PKCS1Padding"),
];
const DATA_SIZE: usize = 2 * PART + 48;

type Pairs = Vec<(String, String)>;

/// The four headers that every envelope has.
fn envelope() -> Pairs {
    FOUR.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// With the sizes of an upload.
fn sized() -> Pairs {
    with(&with(&envelope(), "data-size", &DATA_SIZE.to_string()), "part-size", &PART.to_string())
}

fn with(pairs: &Pairs, name: &str, value: &str) -> Pairs {
    let mut pairs = without(pairs, name);
    pairs.push((name.to_owned(), value.to_owned()));
    pairs
}

fn without(pairs: &Pairs, name: &str) -> Pairs {
    pairs.iter().filter(|(known, _)| known != name).cloned().collect()
}

fn metadata(pairs: &Pairs) -> Metadata {
    Metadata(
        pairs.iter().map(|(name, value)| (format!("{PREFIX}{name}"), value.clone().into_bytes())).collect(),
    )
}

fn enveloped(pairs: &Pairs) -> PutObject {
    PutObject { metadata: metadata(pairs), ..PutObject::default() }
}

/// Asserts the one code of the family and the EC of one rule, and says which headers it was about.
fn breaks(reply: Reply, ec: &str, what: &str) -> Outcome {
    match reply.refuses(400, CODE, ec) {
        Err(Stop::Differs { expected, found }) => Err(Stop::differs(format!("for {what} {expected}"), found)),
        other => other.map(drop),
    }
}

/// Asserts that an object has these headers of the family and no others.
fn has(reply: &Reply, pairs: &Pairs) -> Outcome {
    let mut expected: Vec<_> =
        pairs.iter().map(|(name, value)| (format!("{PREFIX}{name}"), value.clone())).collect();
    let mut found: Vec<_> = (reply.headers.iter())
        .filter(|(name, _)| name.as_str().starts_with(PREFIX))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    expected.sort();
    found.sort();
    same("the envelope", found, expected)
}

async fn put(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let pairs = with(&envelope(), "matdesc", r#"{"purpose":"backup"}"#);
    let pairs = with(&pairs, "unencrypted-content-length", "4103");
    probe.put_with(&key, enveloped(&pairs), &ramp(4103)).await?.stored()?;
    has(&probe.reads(&key, &ramp(4103)).await?, &pairs)?;
    has(&probe.head(&key).await?.answers(200)?, &pairs)
}

async fn put_needs(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    for ((name, _), ec) in
        FOUR.iter().zip(["0005-00000401", "0005-00000402", "0005-00000403", "0005-00000404"])
    {
        let reply = probe.put_with(&key, enveloped(&without(&envelope(), name)), b"x").await?;
        breaks(reply, ec, &format!("an envelope without {name}"))?;
    }
    probe.lacks(&key).await
}

async fn old_rsa(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let old = with(&envelope(), "wrap-alg", "rsa");
    let reply = probe.put_with(&key, enveloped(&old), b"x").await?;
    breaks(reply, "0005-00000405", "rsa without magic-number-hmac")?;
    probe.put_with(&key, enveloped(&with(&old, "magic-number-hmac", "aG1hYw==")), b"x").await?.stored()?;
    for wrap_alg in ["RSA/NONE/PKCS1Padding", "KMS/ALICLOUD"] {
        probe.put_with(&key, enveloped(&with(&envelope(), "wrap-alg", wrap_alg)), b"x").await?.stored()?;
    }
    Ok(())
}

async fn free_names(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let pairs = vec![("unencrypted-content-length".to_owned(), "1".to_owned())];
    probe.put_with(&key, enveloped(&pairs), b"x").await?.stored()?;
    has(&probe.reads(&key, b"x").await?, &pairs)
}

async fn begins(probe: &Probe<'_>, key: &str, pairs: &Pairs) -> Outcome<Reply> {
    probe.ask(key, Call::InitiateMultipartUpload(enveloped(pairs).into())).send().await
}

async fn initiate_needs(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    for (name, ec) in [
        ("key", "0005-00000401"),
        ("start", "0005-00000402"),
        ("cek-alg", "0005-00000403"),
        ("wrap-alg", "0005-00000404"),
        ("data-size", "0005-00000406"),
        ("part-size", "0005-00000407"),
    ] {
        let reply = begins(probe, &key, &without(&sized(), name)).await?;
        breaks(reply, ec, &format!("an upload without {name}"))?;
    }
    begins(probe, &key, &sized()).await?.answers(200).map(drop)
}

/// No page states the number of the rule about multiples of 16.
async fn sizes(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    for (data_size, part_size, ec) in [
        ("9x5.2", "102400", "0005-00000408"),
        ("204800", "9x5.2", "0005-00000409"),
        ("204800", "102401", ""),
        ("1600160", "160", "0005-00000410"),
    ] {
        let pairs = with(&with(&envelope(), "data-size", data_size), "part-size", part_size);
        let reply = begins(probe, &key, &pairs).await?;
        breaks(reply, ec, &format!("{data_size} bytes in parts of {part_size}"))?;
    }
    Ok(())
}

fn part(upload: &str, number: u32, pairs: &Pairs) -> UploadPart {
    UploadPart { metadata: metadata(pairs), ..numbered(upload, number) }
}

async fn part_headers(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, enveloped(&sized())).await?;
    for (name, value, ec) in [
        ("key", "b3RoZXI=", "0005-00000412"),
        ("start", "b3RoZXI=", "0005-00000413"),
        ("cek-alg", "AES/CBC/PKCS5Padding", "0005-00000414"),
        ("wrap-alg", "KMS/ALICLOUD", "0005-00000415"),
        ("data-size", "204864", "0005-00000417"),
        ("part-size", "102416", "0005-00000418"),
    ] {
        let other = part(&upload, 1, &with(&sized(), name, value));
        breaks(probe.part(&key, other, &ramp(PART)).await?, ec, &format!("a part with another {name}"))?;
    }
    for (name, ec) in [("key", "0005-00000401"), ("start", "0005-00000402"), ("data-size", "0005-00000406")] {
        let fewer = part(&upload, 1, &without(&sized(), name));
        breaks(probe.part(&key, fewer, &ramp(PART)).await?, ec, &format!("a part without {name}"))?;
    }
    probe.part(&key, part(&upload, 1, &sized()), &ramp(PART)).await?.stored().map(drop)
}

/// No page states the number of the rule about part numbers.
async fn part_sizes(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, enveloped(&sized())).await?;
    for (number, size, ec) in [
        (1, PART - 16, "0005-00000419"),
        (2, PART + 16, "0005-00000419"),
        (3, 32, "0005-00000420"),
        (3, 64, "0005-00000420"),
        (4, 48, ""),
    ] {
        let reply = probe.part(&key, part(&upload, number, &sized()), &ramp(size)).await?;
        breaks(reply, ec, &format!("part {number} of {size} bytes"))?;
    }
    Ok(())
}

/// Sends the parts that the sizes make, the last one first.
async fn parts(probe: &Probe<'_>, key: &str, upload: &str) -> Outcome<Vec<(u32, String)>> {
    let mut parts = Vec::new();
    for (number, bytes) in [1, 2, 3].into_iter().zip(ramp(DATA_SIZE).chunks(PART)).rev() {
        let stored = probe.part(key, part(upload, number, &sized()), bytes).await?.stored()?;
        parts.insert(0, (number, stored.etag));
    }
    Ok(parts)
}

async fn part_count(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, enveloped(&sized())).await?;
    let parts = parts(probe, &key, &upload).await?;
    breaks(probe.complete(&key, &upload, &parts[..2]).await?, "0005-00000411", "an end with too few parts")?;
    let more = [&parts[..], &[(4, parts[2].1.clone())]].concat();
    breaks(probe.complete(&key, &upload, &more).await?, "0005-00000411", "an end with too many parts")?;
    probe.lacks(&key).await
}

async fn multipart(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let pairs = with(&sized(), "matdesc", r#"{"purpose":"backup"}"#);
    let upload = probe.initiate(&key, enveloped(&pairs)).await?;
    let parts = parts(probe, &key, &upload).await?;
    probe.completed(&key, &upload, &parts).await?;
    has(&probe.reads(&key, &ramp(DATA_SIZE)).await?, &pairs)
}

async fn listed(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, enveloped(&sized())).await?;
    let list = ListParts { upload_id: upload, ..ListParts::default() };
    let reply = probe.ask(&key, Call::ListParts(list)).send().await?.answers(200)?;
    let result = readable("a list of parts", ListPartsResult::from_xml(&reply.body))?;
    if result.encryption_key.is_empty() {
        return Err(Stop::skip(
            "the list of parts gives no envelope back, which the vendor does not document",
        ));
    }
    let found = [
        result.encryption_key,
        result.encryption_start,
        result.encryption_cek_alg,
        result.encryption_wrap_alg,
        result.encryption_data_size,
        result.encryption_part_size,
    ];
    same("the listed envelope", found.to_vec(), sized().into_iter().map(|(_, value)| value).collect())
}

async fn source(probe: &Probe<'_>) -> Outcome<(String, String)> {
    let (source, target) = (probe.key("source"), probe.key("target"));
    probe.put_with(&source, enveloped(&envelope()), b"sealed").await?.stored()?;
    Ok((source, target))
}

async fn copy(probe: &Probe<'_>) -> Outcome {
    let (source, target) = source(probe).await?;
    probe.copy(&source, &target, CopyObject::default()).await?.answers(200)?;
    has(&probe.reads(&target, b"sealed").await?, &envelope())
}

async fn copy_other_headers(probe: &Probe<'_>) -> Outcome {
    let other = probe.own_bucket('e').await?;
    let (source, target) = source(probe).await?;
    let copy = CopyObject {
        source_bucket: probe.target.bucket.clone(),
        source_key: source,
        replace_metadata: true,
        metadata: super::probe::metadata(&[("x-oss-meta-colour", "red")]),
        ..CopyObject::default()
    };
    probe.letter(Some(&other), Some(&target), Call::CopyObject(copy)).send().await?.answers(200)?;
    let get = Call::GetObject(GetObject::default());
    let reply = probe.letter(Some(&other), Some(&target), get).send().await?.answers(200)?;
    same("x-oss-meta-colour", reply.header("x-oss-meta-colour"), "red")?;
    has(&reply, &envelope())
}

async fn part_copies(probe: &Probe<'_>) -> Outcome {
    let (source, target) = source(probe).await?;
    let upload = probe.initiate(&target, PutObject::default()).await?;
    let reply = part_copy(probe, &target, &upload, 1, (&source, None)).await?;
    breaks(reply, "0042-00000309", "a part of an object with an envelope")
}

async fn copy_other_envelope(probe: &Probe<'_>) -> Outcome {
    let (source, target) = source(probe).await?;
    for (name, _) in FOUR {
        let copy = CopyObject {
            replace_metadata: true,
            metadata: metadata(&with(&envelope(), name, "b3RoZXI=")),
            ..CopyObject::default()
        };
        let reply = probe.copy(&source, &target, copy).await?;
        breaks(reply, "0005-00000421", &format!("a copy with another {name}"))?;
    }
    probe.lacks(&target).await?;
    has(&probe.head(&source).await?.answers(200)?, &envelope())
}
