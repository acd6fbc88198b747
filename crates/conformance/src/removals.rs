//! Removals of many objects at once.

use futures_util::FutureExt;
use osseal_wire::oss::DeleteReply;
use osseal_wire::oss::request::{Call, DeleteMultipleObjects};
use osseal_wire::oss::versions::DeletionResult;
use osseal_wire::oss::xml::{DeleteRequest, DeleteResult, ObjectName};

use crate::expect::{Outcome, readable, same};
use crate::letter::Letter;
use crate::probe::Probe;
use crate::{Case, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("delete-many/named", "What is named is gone, whether it was there or not, and everything else stays.", |p| named(p).boxed()),
    case("delete-many/quiet", "A quiet removal names failures only.", |p| quiet(p).boxed()),
    case("delete-many/refused", "A document with a wrong digest, or that names nothing, removes nothing.", |p| refused(p).boxed()),
];

fn request(keys: &[&String], quiet: bool) -> DeleteMultipleObjects {
    let object = |key: &&String| ObjectName { key: Some((*key).clone()), version_id: None };
    let delete = DeleteRequest { quiet, objects: keys.iter().map(object).collect() };
    DeleteMultipleObjects { delete, url_encoding: true }
}

fn remove<'a>(probe: &'a Probe<'a>, many: DeleteMultipleObjects) -> Letter<'a> {
    probe.letter(Some(&probe.target.bucket), None, Call::DeleteMultipleObjects(many))
}

async fn named(probe: &Probe<'_>) -> Outcome {
    let keys = ["a", "b&<c>", "对 +%2F", "stays"].map(|name| probe.key(name));
    for key in &keys {
        probe.put(key, b"here").await?;
    }
    let [one, two, three, stays] = &keys;
    let many = request(&[one, two, three, &probe.key("never-written")], false);
    let reply = remove(probe, many.clone()).send().await?.answers(200)?;
    let result = readable("the result of a removal", DeleteResult::from_xml(&reply.body))?;
    for removal in readable("a result that fits its request", result.checked(&many.delete))? {
        same("what became of it", removal, DeletionResult::Deleted(DeleteReply::default()))?;
    }
    for key in [one, two, three] {
        probe.lacks(key).await?;
    }
    probe.reads(stays, b"here").await.map(drop)
}

async fn quiet(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    probe.put(&key, b"here").await?;
    let reply = remove(probe, request(&[&key], true)).send().await?.answers(200)?;
    let result = readable("the result of a removal", DeleteResult::from_reply(&reply.body))?;
    same("what is named", (result.deleted.len(), result.errors.len()), (0, 0))?;
    probe.lacks(&key).await
}

async fn refused(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    probe.put(&key, b"here").await?;
    let letter = remove(probe, request(&[&key], false)).header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==");
    letter.send().await?.refuses(400, "InvalidDigest", "")?;
    remove(probe, request(&[], false)).send().await?.refuses(400, "MalformedXML", "")?;
    probe.reads(&key, b"here").await.map(drop)
}
