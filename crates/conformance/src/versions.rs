//! Buckets that keep versions. Each case has one of its own.

use futures_util::FutureExt;
use osseal_wire::oss::request::{
    AppendObject, Call, CopyObject, DeleteObject, GetObject, ListObjectVersions, PutObject, PutObjectTagging,
    PutSymlink, Versioning,
};
use osseal_wire::oss::xml::{ListVersionsResult, VersioningConfiguration};
use osseal_wire::oss::{CopyReply, DeleteReply, ErrorDetail};

use crate::expect::{Outcome, holds, readable, same, same_bytes};
use crate::letter::{Letter, Reply};
use crate::probe::Probe;
use crate::properties::{shown, tags};
use crate::{Case, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("versioning/kept", "What is replaced is kept, read by its version, and listed with the latest first.", |p| kept(p).boxed()),
    case("versioning/deleted", "A removal makes a delete marker; removing that brings the object back, and a version is removed for good.", |p| deleted(p).boxed()),
    case("versioning/suspended", "While versioning is suspended the version null is replaced, and the others stay.", |p| suspended(p).boxed()),
    case("versioning/restored", "A version that is copied onto its own key is the latest again.", |p| restored(p).boxed()),
    case("versioning/tags", "Each version has tags of its own, a delete marker none.", |p| own_tags(p).boxed()),
    case("versioning/append", "Growth is of the latest version and makes none.", |p| growth(p).boxed()),
    case("versioning/link", "Each version of a link has a target of its own.", |p| links(p).boxed()),
];

const KEY: &str = "a";

/// A bucket that keeps versions.
struct Keeping<'a> {
    probe: &'a Probe<'a>,
    bucket: String,
}

impl<'a> Keeping<'a> {
    async fn versions(probe: &'a Probe<'a>, letter: char) -> Outcome<Keeping<'a>> {
        let keeping = Keeping { probe, bucket: probe.own_bucket(letter).await? };
        keeping.versioning(Versioning::Enabled).await?;
        Ok(keeping)
    }

    async fn versioning(&self, state: Versioning) -> Outcome {
        let letter = |call| self.probe.letter(Some(&self.bucket), None, call);
        letter(Call::PutBucketVersioning(state)).send().await?.answers(200)?;
        let reply = letter(Call::GetBucketVersioning).send().await?.answers(200)?;
        let document = readable("a versioning state", VersioningConfiguration::from_xml(&reply.body))?;
        same("the versioning state", document.status.as_str(), state.wire_name())
    }

    fn ask(&self, call: Call) -> Letter<'_> {
        self.probe.letter(Some(&self.bucket), Some(KEY), call)
    }

    /// Stores something and gives its version.
    async fn store(&self, call: Call, body: &'static str) -> Outcome<String> {
        version_of(&self.ask(call).body(body).send().await?.answers(200)?)
    }

    async fn put(&self, body: &'static str) -> Outcome<String> {
        self.store(Call::PutObject(PutObject::default()), body).await
    }

    async fn get(&self, version: Option<&str>) -> Outcome<Reply> {
        let version_id = version.map(str::to_owned);
        self.ask(Call::GetObject(GetObject { version_id, ..GetObject::default() })).send().await
    }

    /// Asserts what the object or a version of it holds.
    async fn reads(&self, version: Option<&str>, expected: &str) -> Outcome {
        let reply = self.get(version).await?.answers(200)?;
        same_bytes("the object's bytes", &reply.body, expected.as_bytes())?;
        version.map_or(Ok(()), |version| same("x-oss-version-id", version_of(&reply)?.as_str(), version))
    }

    /// Removes the object or a version of it.
    async fn delete(&self, version: Option<&str>) -> Outcome<DeleteReply> {
        let delete = DeleteObject { version_id: version.map(str::to_owned) };
        let reply = self.ask(Call::DeleteObject(delete)).send().await?.answers(204)?;
        readable("the head of a removal", DeleteReply::from_head(&reply.headers))
    }

    /// Asserts which versions are listed, the latest first; a delete marker is one without content.
    async fn lists(&self, expected: &[(&str, bool)]) -> Outcome {
        let list = ListObjectVersions::default();
        let letter = self.probe.letter(Some(&self.bucket), None, Call::ListObjectVersions(list.clone()));
        let reply = letter.send().await?.answers(200)?;
        let result = readable("a list of versions", ListVersionsResult::from_xml(&reply.body))?;
        let page = readable("a list that fits its request", result.checked(&self.bucket, &list))?;
        let listed: Vec<_> = page
            .versions
            .iter()
            .map(|row| (row.version_id.as_str(), row.stored.is_some(), row.is_latest))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .enumerate()
            .map(|(position, (version, is_object))| (*version, *is_object, position == 0))
            .collect();
        same("the versions", listed, expected)
    }
}

fn version_of(reply: &Reply) -> Outcome<String> {
    let version = reply.header("x-oss-version-id").to_owned();
    holds("a version", !version.is_empty(), || "none".into())?;
    Ok(version)
}

async fn kept(probe: &Probe<'_>) -> Outcome {
    let bucket = Keeping::versions(probe, 'v').await?;
    let (one, two) = (bucket.put("one").await?, bucket.put("two").await?);
    bucket.reads(None, "two").await?;
    bucket.reads(Some(&one), "one").await?;
    bucket.reads(Some(&two), "two").await?;
    bucket.lists(&[(&two, true), (&one, true)]).await?;
    // Nothing is overwritten, so nothing is protected from it.
    let put = PutObject { forbid_overwrite: true, ..PutObject::default() };
    let three = bucket.store(Call::PutObject(put), "three").await?;
    bucket.lists(&[(&three, true), (&two, true), (&one, true)]).await?;
    let delete = probe.letter(Some(&bucket.bucket), None, Call::DeleteBucket);
    delete.send().await?.refuses(409, "BucketNotEmpty", "0015-00000301").map(drop)
}

async fn deleted(probe: &Probe<'_>) -> Outcome {
    let bucket = Keeping::versions(probe, 'd').await?;
    let one = bucket.put("one").await?;
    let marker = bucket.delete(None).await?;
    same("whether a marker was made", marker.is_marker, true)?;
    let marker = marker.version_id.unwrap_or_default();
    bucket.lists(&[(&marker, false), (&one, true)]).await?;
    let gone = bucket.get(None).await?.refuses(404, "NoSuchKey", "0026-00000001")?;
    same("the marker", gone.detail.as_deref(), Some(&ErrorDetail::DeleteMarker(marker.clone())))?;
    bucket.get(Some(&marker)).await?.refuses(405, "MethodNotAllowed", "0017-00000002")?;
    bucket.reads(Some(&one), "one").await?;
    same("whether a marker was removed", bucket.delete(Some(&marker)).await?.is_marker, true)?;
    bucket.reads(None, "one").await?;
    same("whether a marker was removed", bucket.delete(Some(&one)).await?.is_marker, false)?;
    bucket.get(Some(&one)).await?.refuses(404, "NoSuchVersion", "")?;
    bucket.lists(&[]).await
}

async fn suspended(probe: &Probe<'_>) -> Outcome {
    let bucket = Keeping::versions(probe, 's').await?;
    let one = bucket.put("one").await?;
    bucket.versioning(Versioning::Suspended).await?;
    for body in ["two", "three"] {
        same("the version", bucket.put(body).await?.as_str(), "null")?;
    }
    bucket.lists(&[("null", true), (&one, true)]).await?;
    bucket.reads(Some("null"), "three").await?;
    bucket.reads(Some(&one), "one").await?;
    let marker = bucket.delete(None).await?;
    same("the marker", (marker.is_marker, marker.version_id.as_deref()), (true, Some("null")))?;
    bucket.lists(&[("null", false), (&one, true)]).await
}

async fn restored(probe: &Probe<'_>) -> Outcome {
    let bucket = Keeping::versions(probe, 'r').await?;
    let (one, two) = (bucket.put("one").await?, bucket.put("two").await?);
    let copy = CopyObject {
        source_bucket: bucket.bucket.clone(),
        source_key: KEY.into(),
        source_version: Some(one.clone()),
        ..CopyObject::default()
    };
    let reply = bucket.ask(Call::CopyObject(copy)).send().await?.answers(200)?;
    let copied = readable("the head of a copy", CopyReply::from_head(&reply.headers))?;
    same("the version of the source", copied.source_version_id.as_ref(), Some(&one))?;
    let three = copied.version_id.unwrap_or_default();
    bucket.lists(&[(&three, true), (&two, true), (&one, true)]).await?;
    bucket.reads(None, "one").await
}

async fn own_tags(probe: &Probe<'_>) -> Outcome {
    let bucket = Keeping::versions(probe, 't').await?;
    let (one, two) = (bucket.put("one").await?, bucket.put("two").await?);
    let put = PutObjectTagging { version_id: Some(one.clone()), tags: tags("a=1")? };
    bucket.ask(Call::PutObjectTagging(put)).send().await?.answers(200)?;
    let tagging = async |version: Option<&str>| {
        let version_id = version.map(str::to_owned);
        bucket.ask(Call::GetObjectTagging { version_id }).send().await
    };
    same("the tags", shown(tagging(Some(&one)).await?)?, vec![("a".into(), "1".into())])?;
    same("the tags of the other", shown(tagging(None).await?)?, Vec::new())?;
    bucket.lists(&[(&two, true), (&one, true)]).await?;
    let marker = bucket.delete(None).await?.version_id.unwrap_or_default();
    let gone = tagging(None).await?;
    same("the status, of a delete marker", gone.status.as_u16(), 404)?;
    same("x-oss-version-id", gone.header("x-oss-version-id"), &marker)
}

async fn growth(probe: &Probe<'_>) -> Outcome {
    let bucket = Keeping::versions(probe, 'g').await?;
    let append = |position| Call::AppendObject(AppendObject { position, object: PutObject::default() });
    let one = bucket.store(append(0), "one").await?;
    same("the version", &bucket.store(append(3), "more").await?, &one)?;
    bucket.lists(&[(&one, true)]).await?;
    bucket.reads(None, "onemore").await?;
    let two = bucket.put("two").await?;
    let refused = bucket.ask(append(7)).body("x").send().await?;
    refused.refuses(409, "ObjectNotAppendable", "0026-00000017")?;
    bucket.lists(&[(&two, true), (&one, true)]).await
}

async fn links(probe: &Probe<'_>) -> Outcome {
    let bucket = Keeping::versions(probe, 'l').await?;
    let mut versions = Vec::new();
    for target in ["x", "y"] {
        let put = Call::PutObject(PutObject::default());
        let letter = probe.letter(Some(&bucket.bucket), Some(target), put).body(target);
        letter.send().await?.stored()?;
        let link = PutSymlink { target: target.into(), ..PutSymlink::default() };
        versions.push((bucket.store(Call::PutSymlink(link), "").await?, target));
    }
    bucket.reads(None, "y").await?;
    for (version, target) in versions {
        bucket.reads(Some(&version), target).await?;
    }
    Ok(())
}
