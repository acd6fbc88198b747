//! What belongs to objects beside their bytes: tags, access control, links, short heads.

use futures_util::FutureExt;
use osseal_wire::oss::request::{
    Attributes, Call, CopyObject, PutObject, PutObjectAcl, PutObjectTagging, PutSymlink,
};
use osseal_wire::oss::xml::{AccessControlPolicy, Tagging};
use osseal_wire::oss::{Acl, SymlinkReply, Tags};

use crate::expect::{Outcome, holds, readable, same};
use crate::letter::Reply;
use crate::probe::{Probe, ramp, with_metadata};
use crate::{Case, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("tagging/round-trip", "Tags come with a write or later, are counted, replaced as a whole and removed; the object stays as it is.", |p| round_trip(p).boxed()),
    case("tagging/rules", "An object has at most ten tags, each name once.", |p| rules(p).boxed()),
    case("tagging/copied", "A copy has the tags of its source unless they are replaced.", |p| copied(p).boxed()),
    case("access-control/object", "Access control of an object is set and shown in one word.", |p| access_control(p).boxed()),
    case("link/round-trip", "A link stands for its target, which need not be there before.", |p| link(p).boxed()),
    case("link/no-link", "What is no link has no target.", |p| no_link(p).boxed()),
    case("object-meta/short", "The meta of an object has its size, ETag and time, and none of its headers.", |p| meta(p).boxed()),
];

pub(super) fn tags(text: &str) -> Outcome<Tags> {
    readable("tags", Tags::from_header(text))
}

fn tagged(text: &str) -> Outcome<Attributes> {
    Ok(Attributes { tags: Some(tags(text)?), ..Attributes::default() })
}

/// The tags that a reply shows, by name.
pub(super) fn shown(reply: Reply) -> Outcome<Vec<(String, String)>> {
    let reply = reply.answers(200)?;
    let document = readable("a document of tags", Tagging::from_xml(&reply.body))?;
    let mut tags: Vec<_> = document.tag_set.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    tags.sort();
    Ok(tags)
}

async fn tags_of(probe: &Probe<'_>, key: &str) -> Outcome<Vec<(String, String)>> {
    shown(probe.ask(key, Call::GetObjectTagging { version_id: None }).send().await?)
}

fn pairs(tags: &[(&str, &str)]) -> Vec<(String, String)> {
    tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn round_trip(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let put = PutObject { attributes: tagged("a%20b=1%2B1&c=")?, ..PutObject::default() };
    probe.put_with(&key, put, b"content").await?.stored()?;
    let before = probe.head(&key).await?.object()?;
    same("x-oss-tagging-count", before.tag_count, Some(2))?;
    same("the tags", tags_of(probe, &key).await?, pairs(&[("a b", "1+1"), ("c", "")]))?;
    let put = Call::PutObjectTagging(PutObjectTagging { version_id: None, tags: tags("d=4")? });
    probe.ask(&key, put).send().await?.answers(200)?;
    same("the tags", tags_of(probe, &key).await?, pairs(&[("d", "4")]))?;
    let after = probe.reads(&key, b"content").await?.object()?;
    same("x-oss-tagging-count", after.tag_count, Some(1))?;
    same("the ETag", after.etag, before.etag)?;
    same("the time", after.last_modified, before.last_modified)?;
    probe.ask(&key, Call::DeleteObjectTagging { version_id: None }).send().await?.answers(204)?;
    same("the tags", tags_of(probe, &key).await?, Vec::new())
}

async fn rules(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    probe.put(&key, b"content").await?;
    let document = |names: &[String]| {
        let tag = |name: &String| format!("<Tag><Key>{name}</Key><Value>v</Value></Tag>");
        format!("<Tagging><TagSet>{}</TagSet></Tagging>", names.iter().map(tag).collect::<String>())
    };
    let many: Vec<_> = (0..11).map(|number| format!("k{number}")).collect();
    let twice = vec!["a".to_owned(); 2];
    let put = || Call::PutObjectTagging(PutObjectTagging::default());
    for names in [&many, &twice] {
        probe.ask(&key, put()).body(document(names)).send().await?.refuses(400, "InvalidTag", "")?;
    }
    same("the tags", tags_of(probe, &key).await?, Vec::new())?;
    probe.ask(&key, put()).body(document(&many[..10])).send().await?.answers(200)?;
    same("the number of tags", tags_of(probe, &key).await?.len(), 10)
}

async fn copied(probe: &Probe<'_>) -> Outcome {
    let (source, target) = (probe.key("source"), probe.key("target"));
    let put = PutObject { attributes: tagged("a=1")?, ..PutObject::default() };
    probe.put_with(&source, put, b"content").await?.stored()?;
    probe.copy(&source, &target, CopyObject::default()).await?.answers(200)?;
    same("the tags", tags_of(probe, &target).await?, pairs(&[("a", "1")]))?;
    let copy = CopyObject { attributes: tagged("b=2")?, replace_tags: true, ..CopyObject::default() };
    probe.copy(&source, &target, copy).await?.answers(200)?;
    same("the tags", tags_of(probe, &target).await?, pairs(&[("b", "2")]))
}

/// Words that open nothing: accounts may forbid the others.
async fn access_control(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    probe.put(&key, b"content").await?;
    for acl in [Acl::Private, Acl::Default] {
        let put = Call::PutObjectAcl(PutObjectAcl { version_id: None, acl });
        probe.ask(&key, put).send().await?.answers(200)?;
        let reply = probe.ask(&key, Call::GetObjectAcl { version_id: None }).send().await?.answers(200)?;
        let policy = readable("access control", AccessControlPolicy::from_xml(&reply.body))?;
        same("the access control", policy.list.grant.as_str(), acl.wire_name())?;
    }
    let put = Call::PutObjectAcl(PutObjectAcl::default());
    let letter = probe.ask(&key, put).header("x-oss-object-acl", "everybody");
    letter.send().await?.refuses(400, "InvalidArgument", "").map(drop)
}

async fn link(probe: &Probe<'_>) -> Outcome {
    let (link, target, body) = (probe.key("link"), probe.key("t +/对"), ramp(1000));
    let put = PutSymlink { target: target.clone(), ..PutSymlink::default() };
    probe.ask(&link, Call::PutSymlink(put)).send().await?.answers(200)?;
    probe.get(&link).await?.refuses(404, "SymlinkTargetNotExist", "")?;
    let reply = probe.ask(&link, Call::GetSymlink { version_id: None }).send().await?.answers(200)?;
    let shown = readable("the head of a link", SymlinkReply::from_head(&reply.headers))?;
    same("the target", shown.target, target.clone())?;
    let etag = probe.put(&target, &body).await?.etag;
    let object = probe.reads(&link, &body).await?.object()?;
    same("the ETag of the target", object.etag, etag)?;
    same("x-oss-object-type", object.object_type.as_str(), "Symlink")?;
    probe.delete(&link).await?.answers(204)?;
    probe.reads(&target, &body).await.map(drop)
}

async fn no_link(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    probe.put(&key, b"content").await?;
    let reply = probe.ask(&key, Call::GetSymlink { version_id: None }).send().await?;
    reply.refuses(400, "NotSymlink", "").map(drop)
}

async fn meta(probe: &Probe<'_>) -> Outcome {
    let (key, body) = (probe.key("a"), ramp(4103));
    let put = with_metadata(&[("x-oss-meta-colour", "red")]);
    let stored = probe.put_with(&key, put, &body).await?.stored()?;
    let reply = probe.ask(&key, Call::GetObjectMeta { version_id: None }).send().await?.answers(200)?;
    same("content-length", reply.header("content-length"), "4103")?;
    same("the ETag", reply.header("etag"), &stored.etag)?;
    holds("a Last-Modified", !reply.header("last-modified").is_empty(), || "none".into())?;
    same("x-oss-meta-colour", reply.header("x-oss-meta-colour"), "")?;
    let none = probe.ask(&probe.key("never-written"), Call::GetObjectMeta { version_id: None });
    none.send().await?.refuses(404, "NoSuchKey", "").map(drop)
}
