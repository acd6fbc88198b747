//! What is known about a bucket, and its unfinished uploads.

use futures_util::FutureExt;
use osseal_wire::oss::request::{Call, ListMultipartUploads, PutObject};
use osseal_wire::oss::xml::{
    AccessControlPolicy, BucketInfo, ListMultipartUploadsResult, LocationConstraint,
};

use crate::expect::{Outcome, readable, same};
use crate::probe::Probe;
use crate::{Case, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("bucket/description", "A bucket is described with its name, region and access control, alike wherever they are asked for.", |p| description(p).boxed()),
    case("uploads/pages", "Unfinished uploads are listed by key and identifier, in pages, without gap or repetition.", |p| pages(p).boxed()),
    case("uploads/groups", "A delimiter makes groups of them, each listed once.", |p| groups(p).boxed()),
    case("uploads/ended", "What has ended is not listed.", |p| ended(p).boxed()),
];

async fn description(probe: &Probe<'_>) -> Outcome {
    let ask = async |call| probe.letter(Some(&probe.target.bucket), None, call).send().await?.answers(200);
    let info = ask(Call::GetBucketInfo).await?;
    let info = readable("a description of the bucket", BucketInfo::from_xml(&info.body))?.bucket;
    same("the name", &info.name, &probe.target.bucket)?;
    same("the location", &info.location, &format!("oss-{}", probe.target.region))?;
    let location = ask(Call::GetBucketLocation).await?;
    let location = readable("a location", LocationConstraint::from_xml(&location.body))?;
    same("the location", location.location, info.location)?;
    let policy = ask(Call::GetBucketAcl).await?;
    let policy = readable("access control", AccessControlPolicy::from_xml(&policy.body))?;
    same("the access control", policy.list.grant, info.list.grant)
}

async fn page(probe: &Probe<'_>, list: ListMultipartUploads) -> Outcome<ListMultipartUploadsResult> {
    let list = ListMultipartUploads { prefix: probe.prefix().to_owned(), ..list };
    let letter = probe.letter(Some(&probe.target.bucket), None, Call::ListMultipartUploads(list));
    let reply = letter.send().await?.answers(200)?;
    readable("a list of uploads", ListMultipartUploadsResult::from_xml(&reply.body))
}

/// Key and identifier of each.
fn named(page: &ListMultipartUploadsResult) -> Vec<(String, String)> {
    page.uploads.iter().map(|upload| (upload.key.clone(), upload.upload_id.clone())).collect()
}

async fn begun(probe: &Probe<'_>, names: &[&str]) -> Outcome<Vec<(String, String)>> {
    let mut uploads = Vec::new();
    for name in names {
        let key = probe.key(name);
        let id = probe.initiate(&key, PutObject::default()).await?;
        uploads.push((key, id));
    }
    uploads.sort();
    Ok(uploads)
}

async fn pages(probe: &Probe<'_>) -> Outcome {
    let expected = begun(probe, &["b", "a", "b", "c", "b"]).await?;
    let (mut list, mut listed) =
        (ListMultipartUploads { max_uploads: Some(2), ..ListMultipartUploads::default() }, Vec::new());
    for _ in 0..3 {
        let page = page(probe, list.clone()).await?;
        listed.extend(named(&page));
        same("IsTruncated", page.is_truncated, listed.len() < expected.len())?;
        (list.key_marker, list.upload_id_marker) = (page.next_key_marker, page.next_upload_id_marker);
    }
    same("the uploads of all pages", listed, expected)
}

async fn groups(probe: &Probe<'_>) -> Outcome {
    let all = begun(probe, &["a", "d/1", "d/2", "e/1"]).await?;
    let page = page(probe, ListMultipartUploads { delimiter: "/".into(), ..ListMultipartUploads::default() })
        .await?;
    same("the uploads", named(&page), all.into_iter().take(1).collect())?;
    let groups: Vec<_> = page.common_prefixes.into_iter().map(|group| group.prefix).collect();
    same("the groups", groups, vec![probe.key("d/"), probe.key("e/")])
}

async fn ended(probe: &Probe<'_>) -> Outcome {
    let uploads = begun(probe, &["aborted", "completed", "open"]).await?;
    let [(aborted, first), (completed, second), open] = &uploads[..] else {
        return same("the number of uploads", uploads.len(), 3);
    };
    probe.ask(aborted, Call::AbortMultipartUpload { upload_id: first.clone() }).send().await?.answers(204)?;
    let part = (1, probe.plain_part(completed, second, 1, b"part").await?);
    probe.completed(completed, second, &[part]).await?;
    same("the uploads", named(&page(probe, ListMultipartUploads::default()).await?), vec![open.clone()])
}
