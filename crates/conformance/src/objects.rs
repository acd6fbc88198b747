//! Storing, reading, deleting; digests; metadata; forbidden overwrites.

use data_encoding::{BASE64, HEXUPPER};
use futures_util::FutureExt;
use md5::{Digest, Md5};
use osseal_wire::oss::Crc64;
use osseal_wire::oss::request::{Call, CopyObject, GetObject, PutObject};

use crate::expect::{Outcome, holds, same};
use crate::probe::{PART, Probe, completion, ramp, with_metadata};
use crate::{Case, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("object/round-trip", "What is stored comes back: bytes, headers, ETag, checksum.", |p| round_trip(p).boxed()),
    case("object/empty", "An object may have no bytes.", |p| empty(p).boxed()),
    case("object/chunked", "A body may come without its length before it.", |p| chunked(p).boxed()),
    case("object/head", "HEAD has the headers of GET and no body.", |p| head(p).boxed()),
    case("object/replaced", "A write replaces content and headers as a whole.", |p| replaced(p).boxed()),
    case("object/deleted", "A deleted object is gone; deleting it again succeeds.", |p| deleted(p).boxed()),
    case("object/missing", "What is not there is NoSuchKey, in answer to HEAD too.", |p| missing(p).boxed()),
    case("digest/content-md5", "A wrong Content-MD5 is InvalidDigest and stores nothing.", |p| content_md5(p).boxed()),
    case("digest/crc64", "A wrong x-oss-hash-crc64ecma is InvalidCRC64 and stores nothing.", |p| crc64(p).boxed()),
    case("metadata/names", "Names of user metadata are letters, digits and hyphens.", |p| metadata_names(p).boxed()),
    case("metadata/size", "User metadata may have 8 KB.", |p| metadata_size(p).boxed()),
    case("metadata/values", "Values of base64 and JSON come back as they were sent.", |p| metadata_values(p).boxed()),
    case("forbid-overwrite/put", "x-oss-forbid-overwrite protects what is there, and only that.", |p| forbid_put(p).boxed()),
    case("forbid-overwrite/copy", "It does so for copies.", |p| forbid_copy(p).boxed()),
    case("forbid-overwrite/multipart", "It does so at the beginning and at the end of an upload.", |p| forbid_multipart(p).boxed()),
    case("forbid-overwrite/value", "It is true or false, nothing else.", |p| forbid_value(p).boxed()),
];

async fn round_trip(probe: &Probe<'_>) -> Outcome {
    let (key, body) = (probe.key("a"), ramp(70_001));
    let headers = [
        ("content-type", "text/x-ramp"),
        ("cache-control", "no-cache"),
        ("content-disposition", "attachment; filename=\"a\""),
        ("x-oss-meta-colour", "red"),
    ];
    let stored = probe.put_with(&key, with_metadata(&headers), &body).await?.stored()?;
    let etag = format!("\"{}\"", HEXUPPER.encode(&Md5::digest(&body)));
    same("the ETag, the MD5 in upper case,", stored.etag.as_str(), &etag)?;
    same("the CRC64", stored.crc64, Some(Crc64::of(&body)))?;
    let reply = probe.reads(&key, &body).await?;
    for (name, value) in headers {
        same(name, reply.header(name), value)?;
    }
    let object = reply.object()?;
    same("the ETag of the read", object.etag, etag)?;
    same("the CRC64 of the read", object.crc64, Some(Crc64::of(&body)))?;
    same("x-oss-object-type", object.object_type.as_str(), "Normal")?;
    same("x-oss-storage-class", object.storage_class.as_str(), "Standard")?;
    holds("a Last-Modified", !object.last_modified.is_empty(), || "none".into())
}

async fn empty(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let stored = probe.put(&key, b"").await?;
    same("the ETag", stored.etag.as_str(), "\"D41D8CD98F00B204E9800998ECF8427E\"")?;
    same("the CRC64", stored.crc64, Some(0))?;
    let reply = probe.reads(&key, b"").await?;
    same("the size", reply.object()?.range.total, 0)
}

async fn chunked(probe: &Probe<'_>) -> Outcome {
    let (key, body) = (probe.key("a"), ramp(4103));
    let letter = probe.ask(&key, Call::PutObject(PutObject::default()));
    let stored = letter.body(body.clone()).chunked().send().await?.stored()?;
    same("the CRC64", stored.crc64, Some(Crc64::of(&body)))?;
    probe.reads(&key, &body).await.map(drop)
}

async fn head(probe: &Probe<'_>) -> Outcome {
    let (key, body) = (probe.key("a"), ramp(4103));
    let put = with_metadata(&[("content-type", "text/x-ramp"), ("x-oss-meta-colour", "red")]);
    probe.put_with(&key, put, &body).await?.stored()?;
    let (get, head) = (probe.reads(&key, &body).await?, probe.head(&key).await?.answers(200)?);
    for name in [
        "content-length",
        "content-type",
        "etag",
        "last-modified",
        "x-oss-hash-crc64ecma",
        "x-oss-meta-colour",
        "x-oss-object-type",
    ] {
        holds("a header in both replies", !get.header(name).is_empty(), || format!("no {name}"))?;
        same(name, head.header(name), get.header(name))?;
    }
    same("the bytes of the body of HEAD,", head.body.len(), 0)
}

async fn replaced(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let put = with_metadata(&[("x-oss-meta-colour", "red"), ("cache-control", "no-cache")]);
    probe.put_with(&key, put, &ramp(5000)).await?.stored()?;
    let put = with_metadata(&[("x-oss-meta-shape", "round")]);
    probe.put_with(&key, put, b"short").await?.stored()?;
    let reply = probe.reads(&key, b"short").await?;
    same("x-oss-meta-shape", reply.header("x-oss-meta-shape"), "round")?;
    for name in ["x-oss-meta-colour", "cache-control"] {
        holds("no header of the write before", !reply.headers.contains_key(name), || name.into())?;
    }
    Ok(())
}

async fn deleted(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    probe.put(&key, b"here").await?;
    probe.reads(&key, b"here").await?;
    for _ in 0..2 {
        probe.delete(&key).await?.answers(204)?;
        probe.lacks(&key).await?;
    }
    Ok(())
}

async fn missing(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("never-written");
    probe.lacks(&key).await?;
    probe.head(&key).await?.refuses(404, "NoSuchKey", "0026-00000001").map(drop)
}

async fn content_md5(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let put = |body: &[u8]| {
        let content_md5 = Some(BASE64.encode(&Md5::digest(body)));
        PutObject { content_md5, ..PutObject::default() }
    };
    probe.put_with(&key, put(b"good"), b"good").await?.stored()?;
    probe.put_with(&key, put(b"good"), b"evil").await?.refuses(400, "InvalidDigest", "")?;
    let garbage = PutObject { content_md5: Some("good".into()), ..PutObject::default() };
    probe.put_with(&key, garbage, b"evil").await?.refuses(400, "InvalidDigest", "")?;
    probe.reads(&key, b"good").await.map(drop)
}

async fn crc64(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let put = |crc64| PutObject { crc64: Some(crc64), ..PutObject::default() };
    let sum = Crc64::of(b"good");
    probe.put_with(&key, put(sum), b"good").await?.stored()?;
    probe.put_with(&key, put(sum), b"evil").await?.refuses(400, "InvalidCRC64", "")?;
    probe.reads(&key, b"good").await.map(drop)
}

async fn metadata_names(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    probe.put_with(&key, with_metadata(&[("x-oss-meta-a-1", "v")]), b"").await?.stored()?;
    same("x-oss-meta-a-1", probe.head(&key).await?.answers(200)?.header("x-oss-meta-a-1"), "v")?;
    let put = with_metadata(&[("x-oss-meta-a_1", "v")]);
    probe.put_with(&key, put, b"").await?.refuses(400, "InvalidArgument", "0011-00000004").map(drop)
}

/// Whether prefixes count is not documented, so the sizes keep away from the limit.
async fn metadata_size(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let value = "v".repeat(7 << 10);
    probe.put_with(&key, with_metadata(&[("x-oss-meta-a", &value)]), b"").await?.stored()?;
    same("x-oss-meta-a", probe.head(&key).await?.answers(200)?.header("x-oss-meta-a"), &value)?;
    let put = with_metadata(&[("x-oss-meta-a", &value), ("x-oss-meta-b", &value)]);
    probe.put_with(&key, put, b"").await?.refuses(400, "InvalidArgument", "0011-00000002").map(drop)
}

async fn metadata_values(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let pairs = [
        ("x-oss-meta-base64", "nyXOp7delQ/MQLjKQMhHLaT0w7u2yQoDLkSnK8MFg/MwYdh4na4/LS8LLbLcM18m8I/Qb28=="),
        ("x-oss-meta-json", r#"{"path":"a/b<c>&'q'\\","tag":"value"}"#),
        ("x-oss-meta-blanks", "two  blanks, a comma"),
    ];
    probe.put_with(&key, with_metadata(&pairs), b"").await?.stored()?;
    let reply = probe.head(&key).await?.answers(200)?;
    pairs.into_iter().try_for_each(|(name, value)| same(name, reply.header(name), value))
}

fn forbidden() -> PutObject {
    PutObject { forbid_overwrite: true, ..PutObject::default() }
}

async fn forbid_put(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    probe.put_with(&key, forbidden(), b"first").await?.stored()?;
    probe.put_with(&key, forbidden(), b"second").await?.refuses(409, "FileAlreadyExists", "")?;
    probe.reads(&key, b"first").await?;
    probe
        .ask(&key, Call::PutObject(PutObject::default()))
        .header("x-oss-forbid-overwrite", "false")
        .body("third")
        .send()
        .await?
        .stored()?;
    probe.reads(&key, b"third").await.map(drop)
}

async fn forbid_copy(probe: &Probe<'_>) -> Outcome {
    let (source, target) = (probe.key("source"), probe.key("target"));
    probe.put(&source, b"source").await?;
    let copy = || CopyObject { forbid_overwrite: true, ..CopyObject::default() };
    probe.copy(&source, &target, copy()).await?.answers(200)?;
    probe.reads(&target, b"source").await?;
    probe.put(&source, b"other").await?;
    probe.copy(&source, &target, copy()).await?.refuses(409, "FileAlreadyExists", "")?;
    probe.reads(&target, b"source").await.map(drop)
}

async fn forbid_multipart(probe: &Probe<'_>) -> Outcome {
    let (early, late) = (probe.key("early"), probe.key("late"));
    probe.put(&early, b"here").await?;
    probe.ask(&early, Call::InitiateMultipartUpload(forbidden().into())).send().await?.refuses(
        409,
        "FileAlreadyExists",
        "",
    )?;

    let upload = probe.initiate(&late, PutObject::default()).await?;
    let parts = [(1, probe.plain_part(&late, &upload, 1, &ramp(PART)).await?)];
    probe.put(&late, b"in between").await?;
    let mut complete = completion(&upload, &parts);
    complete.forbid_overwrite = true;
    probe.ask(&late, Call::CompleteMultipartUpload(complete)).send().await?.refuses(
        409,
        "FileAlreadyExists",
        "",
    )?;
    probe.reads(&late, b"in between").await.map(drop)
}

async fn forbid_value(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let letter = probe.ask(&key, Call::PutObject(PutObject::default()));
    let reply = letter.header("x-oss-forbid-overwrite", "maybe").body("x").send().await?;
    reply.refuses(400, "InvalidArgument", "0017-00000279")?;
    probe.get_with(&key, GetObject::default()).await?.refuses(404, "NoSuchKey", "").map(drop)
}
