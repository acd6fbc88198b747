//! Buckets with versions, and the removal of many objects.

use crate::support::{PART, TestStore, ramp};
use bytes::Bytes;
use osseal::{
    CopyOptions, CopySource, DeleteItem, DeleteReport, EncryptedBucket, ErrorKind, GetOptions, HeadOptions,
    ListOptions, ListVersionsOptions, PutOptions, Versioning,
};
use osseal_server::Operation;
use osseal_server::fault::Action;

async fn versioned() -> TestStore {
    let world = TestStore::new().await;
    world.store().set_versioning("box", Versioning::Enabled).await.unwrap();
    world
}

/// Byte i is `first` + i modulo 251.
fn shifted(first: u64, length: u64) -> Vec<u8> {
    ramp(first + length).split_off(usize::try_from(first).unwrap())
}

async fn put(bucket: &EncryptedBucket, key: &str, body: Vec<u8>) -> String {
    bucket.put(key, body, PutOptions::default()).await.unwrap().version_id.unwrap()
}

fn of(version: &str) -> GetOptions {
    GetOptions { version_id: Some(version.to_owned()), ..GetOptions::default() }
}

async fn content(bucket: &EncryptedBucket, options: GetOptions) -> Bytes {
    bucket.get("k", options).await.unwrap().bytes().await.unwrap()
}

/// Versions as `key:id`, markers with `-`, the latest with `!`, page by page.
async fn listing(bucket: &EncryptedBucket, max_keys: u32) -> Vec<String> {
    let mut options = ListVersionsOptions { max_keys: Some(max_keys), ..ListVersionsOptions::default() };
    let mut rows = Vec::new();
    loop {
        let page = bucket.list_versions(&options).await.unwrap();
        rows.extend(page.versions.into_iter().map(|version| {
            let sign = if version.stored.is_some() { "" } else { "-" };
            let latest = if version.is_latest { "!" } else { "" };
            format!("{}:{}{sign}{latest}", version.key, version.version_id)
        }));
        match page.next {
            Some(next) => options.after = Some(next),
            None => return rows,
        }
    }
}

#[tokio::test]
async fn every_version_opens_whole_and_by_range() {
    let world = versioned().await;
    let bucket = world.bucket();
    assert_eq!(world.store().versioning("box").await.unwrap(), Some(Versioning::Enabled));
    // One request each, and parts.
    let bodies = [shifted(0, 1000), shifted(7, 5000), shifted(9, 3 * PART + 5)];
    let mut versions = Vec::new();
    for body in &bodies {
        versions.push(put(&bucket, "k", body.clone()).await);
    }
    for (version, body) in versions.iter().zip(&bodies) {
        assert_eq!(content(&bucket, of(version)).await, body);
        for range in [0..10, 17..999, 500..1000] {
            let part = content(&bucket, of(version).range(range.clone())).await;
            assert_eq!(
                part,
                body[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
            );
        }
        let head = bucket.head("k", HeadOptions { version_id: Some(version.clone()) }).await.unwrap();
        assert_eq!((head.plain_size, head.version_id.as_ref()), (body.len() as u64, Some(version)));
    }
    assert_eq!(content(&bucket, GetOptions::default()).await, bodies[2]);
    let latest_first: Vec<_> = versions
        .iter()
        .enumerate()
        .rev()
        .map(|(position, id)| format!("k:{id}{}", if position == 2 { "!" } else { "" }))
        .collect();
    assert_eq!(listing(&bucket, 2).await, latest_first);
}

#[tokio::test]
async fn a_body_that_breaks_off_goes_on_in_its_version() {
    let world = versioned().await;
    let bucket = world.bucket();
    let body = shifted(3, 2 * PART);
    let first = put(&bucket, "k", body.clone()).await;
    for options in [GetOptions::default(), GetOptions::default().range(100..PART)] {
        let latest = put(&bucket, "k", body.clone()).await;
        world.order(Operation::GetObject, Action::CutReply { after: PART / 2 });
        let mut get = bucket.get("k", options).await.unwrap();
        let range = get.range();
        let mut read = get.next_chunk().await.unwrap().unwrap().bytes.to_vec();
        // Written while it is read: not what the rest is of.
        put(&bucket, "k", shifted(8, 2 * PART)).await;
        assert_eq!(get.info().version_id.as_ref(), Some(&latest));
        let calls = world.calls(Operation::GetObject);
        while let Some(chunk) = get.next_chunk().await.unwrap() {
            read.extend_from_slice(&chunk.bytes);
        }
        assert_eq!(world.calls(Operation::GetObject), calls + 1);
        assert_eq!(read, body[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]);
    }
    // Once the version is gone the rest cannot come.
    world.order(Operation::GetObject, Action::CutReply { after: PART });
    let mut get = bucket.get("k", of(&first)).await.unwrap();
    get.next_chunk().await.unwrap();
    bucket.delete_version("k", first).await.unwrap();
    let error = loop {
        match get.next_chunk().await {
            Ok(Some(_)) => {}
            other => break other.unwrap_err(),
        }
    };
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "NoSuchVersion"));
}

#[tokio::test]
async fn a_removal_says_whether_it_left_a_marker() {
    let world = TestStore::new().await;
    let bucket = world.bucket();
    bucket.put("k", ramp(10), PutOptions::default()).await.unwrap();
    assert_eq!(world.store().versioning("box").await.unwrap(), None);
    assert_eq!(bucket.delete("k").await.unwrap(), DeleteReport::default());
    world.store().set_versioning("box", Versioning::Enabled).await.unwrap();
    let version = put(&bucket, "k", ramp(10)).await;
    let made = bucket.delete("k").await.unwrap();
    let marker = made.version_id.clone().unwrap();
    assert!(made.is_marker && marker != version);
    for (options, code) in [(GetOptions::default(), "NoSuchKey"), (of(&marker), "MethodNotAllowed")] {
        let error = bucket.get("k", options).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, code));
        assert!(error.hint().unwrap().contains("is a delete marker"), "{error}");
    }
    let never = bucket.get("other", GetOptions::default()).await.unwrap_err();
    assert!(!never.to_string().contains("marker") && never.hint().is_none(), "{never}");
    assert!(bucket.list(&ListOptions::default()).await.unwrap().objects.is_empty());
    assert_eq!(listing(&bucket, 10).await, [format!("k:{marker}-!"), format!("k:{version}")]);
    assert_eq!(bucket.delete_version("k", marker).await.unwrap(), made, "the marker is gone");
    assert_eq!(content(&bucket, GetOptions::default()).await, ramp(10));
    let gone = bucket.delete_version("k", version.as_str()).await.unwrap();
    assert_eq!(gone, DeleteReport { version_id: Some(version), is_marker: false });
    assert!(world.is_empty().await);

    world.store().create_bucket("box").await.unwrap();
    let odd = world
        .map_reply(|_, reply| drop(reply.headers_mut().insert("x-oss-delete-marker", "so".parse().unwrap())));
    assert_eq!(odd.delete("k").await.unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn an_earlier_version_is_copied() {
    let world = versioned().await;
    let bucket = world.bucket();
    let first = put(&bucket, "k", shifted(1, 1000)).await;
    put(&bucket, "k", shifted(2, 2000)).await;
    let source = || CopySource { version_id: Some(first.clone()), ..CopySource::from("k") };
    let copy = bucket.copy(source(), "copy", CopyOptions::default()).await.unwrap();
    assert_eq!(copy.plain_size, 1000);
    // Onto its own key it becomes the latest again.
    let back = bucket.copy(source(), "k", CopyOptions::default()).await.unwrap();
    assert_eq!(content(&bucket, GetOptions::default()).await, shifted(1, 1000));
    assert_eq!(content(&bucket, of(&back.version_id.unwrap())).await, shifted(1, 1000));
    assert_eq!(listing(&bucket, 1).await.len(), 4);
    let none = CopySource { version_id: Some("none".into()), ..CopySource::from("k") };
    let error = bucket.copy(none, "copy", CopyOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn another_version_than_was_asked_for_is_refused() {
    let world = versioned().await;
    let first = put(&world.bucket(), "k", shifted(1, 1000)).await;
    put(&world.bucket(), "k", shifted(2, 1000)).await;
    // A store that leaves the version out of account.
    let latest = world.map_reply(|_, reply| {
        if reply.headers().contains_key("x-oss-version-id") {
            reply.headers_mut().insert("x-oss-version-id", "another".parse().unwrap());
        }
    });
    let error = latest.get("k", of(&first)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("another version"), "{error}");
    assert!(latest.get("k", GetOptions::default()).await.is_ok(), "only what was asked for is compared");
}

#[tokio::test]
async fn many_objects_are_removed_in_batches() {
    let world = TestStore::new().await;
    let bucket = world.bucket();
    for key in ["a", "b \u{1}&%+", "c"] {
        bucket.put(key, ramp(10), PutOptions::default()).await.unwrap();
    }
    let keys: Vec<String> =
        (0..2345).map(|i| format!("none/{i}")).chain(["b \u{1}&%+".into(), "a".into()]).collect();
    let outcomes = bucket.delete_many(keys.clone()).await;
    assert_eq!(world.calls(Operation::DeleteMultipleObjects), 3);
    let reports: Vec<_> = outcomes.iter().map(|outcome| outcome.result.as_ref().unwrap().clone()).collect();
    assert_eq!(reports, vec![DeleteReport::default(); keys.len()]);
    assert!(outcomes.iter().map(|outcome| &outcome.item.key).eq(&keys), "in the order of the call");
    let left: Vec<_> = bucket
        .list(&ListOptions::default())
        .await
        .unwrap()
        .objects
        .into_iter()
        .map(|object| object.key)
        .collect();
    assert_eq!(left, ["c"]);
    assert!(bucket.delete_many([""; 0]).await.is_empty());
    assert_eq!(world.calls(Operation::DeleteMultipleObjects), 3, "nothing was asked of the service");

    world.store().set_versioning("box", Versioning::Enabled).await.unwrap();
    let version = put(&bucket, "c", ramp(20)).await;
    let outcomes = bucket
        .delete_many([
            DeleteItem::from("c"),
            DeleteItem { key: "c".into(), version_id: Some(version.clone()) },
        ])
        .await;
    let [marked, gone] = &outcomes[..] else { panic!("{outcomes:?}") };
    let marked = marked.result.as_ref().unwrap();
    assert!(marked.is_marker && marked.version_id.is_some());
    let wanted = DeleteReport { version_id: Some(version), is_marker: false };
    assert_eq!(gone.result.as_ref().unwrap(), &wanted);
    assert_eq!(
        listing(&bucket, 10).await,
        [format!("c:{}-!", marked.version_id.as_ref().unwrap()), "c:null".into()]
    );
}

#[tokio::test]
async fn outcomes_are_reported_for_each_object() {
    let world = TestStore::new().await;
    for key in ["a", "b", "c"] {
        world.bucket().put(key, ramp(10), PutOptions::default()).await.unwrap();
    }
    let answering = |document: &'static str| {
        world.map_reply(move |request, reply| {
            if request.uri.query().is_some_and(|query| query.starts_with("delete")) {
                *reply.body_mut() = Bytes::from_static(document.as_bytes());
            }
        })
    };
    let partial = answering(
        "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code><Message>n\x1bo</Message></Error></DeleteResult>",
    );
    let outcomes = partial.delete_many(["a", "b", "c"]).await;
    let kinds: Vec<_> =
        outcomes.iter().map(|outcome| outcome.result.as_ref().err().map(osseal::Error::kind)).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::Denied), Some(ErrorKind::Protocol)]);
    let refused = outcomes[1].result.as_ref().unwrap_err();
    assert_eq!((refused.key(), refused.code()), (Some("b"), "AccessDenied"));
    assert!(refused.to_string().contains("n\u{fffd}o"), "{refused}");
    assert!(outcomes[2].result.as_ref().unwrap_err().to_string().contains("does not mention the object"));
    for document in [
        "<DeleteResult><Deleted><Key>a</Key></Deleted><Deleted><Key>other</Key></Deleted></DeleteResult>",
        "<DeleteResult><Deleted><Key>a</Key>",
        "<!DOCTYPE a><DeleteResult/>",
    ] {
        for outcome in answering(document).delete_many(["a", "b"]).await {
            let error = outcome.result.unwrap_err();
            assert_eq!(
                (error.kind(), error.key()),
                (ErrorKind::Protocol, Some(outcome.item.key.as_str())),
                "{document}"
            );
        }
    }
    // A request that fails fails all that it names, and no other.
    for key in ["a", "b"] {
        world.bucket().put(key, ramp(10), PutOptions::default()).await.unwrap();
    }
    world.order(
        Operation::DeleteMultipleObjects,
        Action::Refuse { status: 403, code: "AccessDenied".into(), headers: Vec::new() },
    );
    let keys = (0..999).map(|i| format!("none/{i}")).chain(["a".into(), "b".into()]);
    let outcomes = world.bucket().delete_many(keys).await;
    let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
    assert_eq!((outcomes.len(), failed), (1001, 1000));
    assert_eq!(outcomes[0].result.as_ref().unwrap_err().kind(), ErrorKind::Denied);
    let left = world.bucket().list(&ListOptions::default()).await.unwrap();
    assert_eq!(left.objects.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[tokio::test]
async fn pages_of_versions_that_contradict_the_request() {
    let world = versioned().await;
    let page = |inside: &'static str| {
        world.map_reply(move |request, reply| {
            if request.uri.query().is_some_and(|query| query.starts_with("versions")) {
                *reply.body_mut() = Bytes::from(format!("<ListVersionsResult>{inside}</ListVersionsResult>"));
            }
        })
    };
    let options = ListVersionsOptions { prefix: "p/".into(), ..ListVersionsOptions::default() };
    for inside in [
        "<DeleteMarker><Key>q</Key><VersionId>1</VersionId></DeleteMarker>",
        "<Name>other</Name>",
        "<IsTruncated>true</IsTruncated>",
        "<Version><Key>p/a</Key><VersionId>1</VersionId><Size>x</Size></Version>",
    ] {
        let error = page(inside).list_versions(&options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{inside}");
    }
    assert!(page("").list_versions(&options).await.is_ok());
}
