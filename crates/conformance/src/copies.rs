//! Copies inside the service.

use futures_util::FutureExt;
use osseal_wire::oss::request::{Call, Conditions, CopyObject};
use osseal_wire::oss::xml::CopyResult;

use crate::expect::{Outcome, holds, readable, same};
use crate::probe::{Probe, metadata, ramp, with_metadata};
use crate::{Case, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("copy/as-it-is", "A copy has the content and the headers of its source.", |p| as_it_is(p).boxed()),
    case("copy/other-headers", "With REPLACE a copy has the headers of the request and no others.", |p| other_headers(p).boxed()),
    case("copy/headers-ignored", "With COPY the headers of the request are ignored.", |p| headers_ignored(p).boxed()),
    case("copy/onto-itself", "Copied onto itself an object keeps its content and changes its headers.", |p| onto_itself(p).boxed()),
    case("copy/odd-source", "The source is written like a path: escaped once.", |p| odd_source(p).boxed()),
    case("copy/missing-source", "A source that is not there is NoSuchKey, and its bucket NoSuchBucket.", |p| missing_source(p).boxed()),
    case("copy/conditions", "A copy may depend on the ETag of its source.", |p| conditions(p).boxed()),
    case("copy/independent", "Source and copy are two objects.", |p| independent(p).boxed()),
    case("copy/other-bucket", "A copy may go to another bucket.", |p| other_bucket(p).boxed()),
];

const HEADERS: [(&str, &str); 2] = [("content-type", "text/x-ramp"), ("x-oss-meta-colour", "red")];

/// An object with headers, and a key for its copy.
async fn source(probe: &Probe<'_>) -> Outcome<(String, String)> {
    let (source, target) = (probe.key("source"), probe.key("target"));
    probe.put_with(&source, with_metadata(&HEADERS), &ramp(5000)).await?.stored()?;
    Ok((source, target))
}

fn replacing(pairs: &[(&str, &str)]) -> CopyObject {
    CopyObject { replace_metadata: true, metadata: metadata(pairs), ..CopyObject::default() }
}

async fn as_it_is(probe: &Probe<'_>) -> Outcome {
    let (source, target) = source(probe).await?;
    let reply = probe.copy(&source, &target, CopyObject::default()).await?.answers(200)?;
    let result = readable("the result of a copy", CopyResult::from_xml(&reply.body))?;
    let copy = probe.reads(&target, &ramp(5000)).await?;
    same("the ETag", &result.etag, &copy.object()?.etag)?;
    HEADERS.into_iter().try_for_each(|(name, value)| same(name, copy.header(name), value))
}

async fn other_headers(probe: &Probe<'_>) -> Outcome {
    let (source, target) = source(probe).await?;
    let copy = replacing(&[("content-type", "text/plain"), ("x-oss-meta-shape", "round")]);
    probe.copy(&source, &target, copy).await?.answers(200)?;
    let copy = probe.reads(&target, &ramp(5000)).await?;
    same("content-type", copy.header("content-type"), "text/plain")?;
    same("x-oss-meta-shape", copy.header("x-oss-meta-shape"), "round")?;
    same("x-oss-meta-colour", copy.header("x-oss-meta-colour"), "")
}

async fn headers_ignored(probe: &Probe<'_>) -> Outcome {
    let (source, target) = source(probe).await?;
    let copy = CopyObject { metadata: metadata(&[("x-oss-meta-colour", "blue")]), ..CopyObject::default() };
    probe.copy(&source, &target, copy).await?.answers(200)?;
    same("x-oss-meta-colour", probe.head(&target).await?.answers(200)?.header("x-oss-meta-colour"), "red")
}

async fn onto_itself(probe: &Probe<'_>) -> Outcome {
    let (source, _) = source(probe).await?;
    let copy = replacing(&[("x-oss-meta-colour", "blue")]);
    probe.copy(&source, &source, copy).await?.answers(200)?;
    let copy = probe.reads(&source, &ramp(5000)).await?;
    same("x-oss-meta-colour", copy.header("x-oss-meta-colour"), "blue")
}

async fn odd_source(probe: &Probe<'_>) -> Outcome {
    let names = ["a b+c%d&e=f?g#h", "%2F", "中文/ü"];
    for name in names {
        probe.put(&probe.key(name), name.as_bytes()).await?;
    }
    for (index, name) in names.into_iter().enumerate() {
        let target = probe.key(&format!("copy-{index}"));
        probe.copy(&probe.key(name), &target, CopyObject::default()).await?.answers(200)?;
        probe.reads(&target, name.as_bytes()).await?;
    }
    Ok(())
}

async fn missing_source(probe: &Probe<'_>) -> Outcome {
    let (none, target) = (probe.key("never-written"), probe.key("target"));
    probe.copy(&none, &target, CopyObject::default()).await?.refuses(404, "NoSuchKey", "")?;
    let elsewhere =
        CopyObject { source_bucket: probe.traces.bucket('n'), source_key: none, ..CopyObject::default() };
    let reply = probe.ask(&target, Call::CopyObject(elsewhere)).send().await?;
    reply.refuses(404, "NoSuchBucket", "")?;
    probe.lacks(&target).await
}

async fn conditions(probe: &Probe<'_>) -> Outcome {
    let (source, target) = source(probe).await?;
    let etag = probe.head(&source).await?.object()?.etag;
    let other = "\"00000000000000000000000000000000\"".to_owned();
    let matching = |etag| {
        let conditions = Conditions { if_match: Some(etag), ..Conditions::default() };
        CopyObject { conditions, ..CopyObject::default() }
    };
    probe.copy(&source, &target, matching(other)).await?.refuses(412, "PreconditionFailed", "")?;
    probe.lacks(&target).await?;
    probe.copy(&source, &target, matching(etag.clone())).await?.answers(200)?;
    let differing = Conditions { if_none_match: Some(etag), ..Conditions::default() };
    let copy = CopyObject { conditions: differing, ..CopyObject::default() };
    let reply = probe.copy(&source, &target, copy).await?;
    holds("status 304 or 412", matches!(reply.status.as_u16(), 304 | 412), || reply.shown())
}

async fn independent(probe: &Probe<'_>) -> Outcome {
    let (source, target) = source(probe).await?;
    probe.copy(&source, &target, CopyObject::default()).await?.answers(200)?;
    probe.put(&source, b"later").await?;
    probe.reads(&target, &ramp(5000)).await?;
    probe.delete(&source).await?.answers(204)?;
    probe.reads(&target, &ramp(5000)).await.map(drop)
}

async fn other_bucket(probe: &Probe<'_>) -> Outcome {
    let other = probe.own_bucket('c').await?;
    let (source, target) = source(probe).await?;
    let copy = CopyObject {
        source_bucket: probe.target.bucket.clone(),
        source_key: source,
        ..CopyObject::default()
    };
    probe.letter(Some(&other), Some(&target), Call::CopyObject(copy)).send().await?.answers(200)?;
    let get = Call::GetObject(osseal_wire::oss::request::GetObject::default());
    let copy = probe.letter(Some(&other), Some(&target), get).send().await?.answers(200)?;
    same("the size", copy.body.len(), 5000)?;
    same("x-oss-meta-colour", copy.header("x-oss-meta-colour"), "red")
}
