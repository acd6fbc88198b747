//! Where versions are kept: every way to write makes one, and what can be asked of an object can be asked of each; on both backends.

use crate::support::{Reply, Store, ramp};
use osseal_server::Service;
use osseal_wire::oss::xml::{ListVersionsResult, VersionsEntry};

const VERSION: &str = "x-oss-version-id";

impl Store {
    /// Asks for what must succeed.
    async fn well(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let reply = self.ask(line, headers, body).await;
        assert!(reply.status.is_success(), "{line}: {} {}", reply.status, reply.text());
        reply
    }

    /// Key, version, type and storage class; of delete markers key and version.
    async fn rows(&self) -> Vec<(String, String, String, String)> {
        let reply = self.well("GET /box?versions&max-keys=1000", &[], b"").await;
        let result = ListVersionsResult::from_xml(&reply.body).unwrap();
        let rows = result.entries.into_iter().filter_map(|entry| match entry {
            VersionsEntry::Version(row) => {
                Some((row.key, row.version_id, row.object_type, row.storage_class))
            }
            VersionsEntry::DeleteMarker(row) => Some((row.key, row.version_id, String::new(), String::new())),
            _ => None,
        });
        rows.collect()
    }
}

/// One store of each kind, whose bucket keeps versions.
async fn stores() -> [Store; 2] {
    let stores = Store::both().await;
    for store in &stores {
        store.versioning("Enabled").await;
    }
    stores
}

fn tags(value: &str) -> Vec<u8> {
    format!("<Tagging><TagSet><Tag><Key>k</Key><Value>{value}</Value></Tag></TagSet></Tagging>").into_bytes()
}

#[tokio::test]
async fn every_way_to_write_makes_a_version() {
    for store in stores().await {
        store.put("source", b"x").await;
        let id = store.well("POST /box/k?uploads", &[], b"").await.element("UploadId").to_owned();
        let part = store.well(&format!("PUT /box/k?partNumber=1&uploadId={id}"), &[], b"part").await;
        let list = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
            part.header("etag")
        );
        let upload = format!("POST /box/k?uploadId={id}");
        let mut expected = Vec::new();
        for (line, header, body, kind, class) in [
            ("PUT /box/k", ("x-oss-storage-class", "IA"), "put", "Normal", "IA"),
            ("PUT /box/k", ("x-oss-copy-source", "/box/source"), "", "Normal", "Standard"),
            (&upload, ("content-type", "application/xml"), &list, "Multipart", "Standard"),
            ("PUT /box/k?symlink", ("x-oss-symlink-target", "source"), "", "Symlink", "Standard"),
        ] {
            // What is there is no hindrance: nothing is overwritten.
            let headers = [header, ("x-oss-forbid-overwrite", "true")];
            let version = store.well(line, &headers, body.as_bytes()).await.header(VERSION).to_owned();
            assert!(!version.is_empty(), "{line}");
            let head = store.well(&format!("HEAD /box/k?versionId={version}"), &[], b"").await;
            assert_eq!((head.header(VERSION), head.header("x-oss-object-type")), (&*version, kind), "{line}");
            expected.insert(0, ("k".to_owned(), version, kind.to_owned(), class.to_owned()));
        }
        let mut rows = store.rows().await;
        rows.pop();
        assert_eq!(rows, expected);
    }
}

#[tokio::test]
async fn growth_is_of_the_latest_version_and_makes_none() {
    for store in stores().await {
        let grow = async |position: usize, body: &str| {
            store.ask(&format!("POST /box/k?append&position={position}"), &[], body.as_bytes()).await
        };
        let first = grow(0, "ab").await;
        let version = first.header(VERSION).to_owned();
        assert!(!version.is_empty());
        assert_eq!(grow(2, "cd").await.header(VERSION), version);
        // Suspended or not: what was made with versions grows as the version it is.
        store.versioning("Suspended").await;
        assert_eq!(grow(4, "ef").await.header(VERSION), version);
        store.versioning("Enabled").await;
        assert_eq!(store.rows().await.len(), 1);

        let forbidden = [("x-oss-forbid-overwrite", "true")];
        let again = store.ask("POST /box/k?append&position=0", &forbidden, b"x").await;
        assert_eq!(again.refusal().1, "PositionNotEqualToLength", "versions take the protection's place");
        assert_eq!(again.header("x-oss-next-append-position"), "6");
        let other = store.ask(&format!("POST /box/k?append&position=6&versionId={version}"), &[], b"x").await;
        assert_eq!(other.refusal(), (400, "InvalidArgument", "0016-00000504"));

        store.put("k", b"normal").await;
        assert_eq!(grow(6, "x").await.refusal().1, "ObjectNotAppendable", "an earlier version grows no more");
        store.well("DELETE /box/k", &[], b"").await;
        assert_eq!(grow(6, "x").await.header("x-oss-next-append-position"), "0", "a marker has no bytes");
        let anew = grow(0, "anew").await.header(VERSION).to_owned();
        assert!(anew != version && !anew.is_empty());
        let rows = store.rows().await;
        let kinds: Vec<_> = rows.iter().map(|(_, _, kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["Appendable", "", "Normal", "Appendable"]);

        // With everything above it gone, the first one is the latest, whole, and grows on.
        for (_, gone, _, _) in &rows[..3] {
            store.well(&format!("DELETE /box/k?versionId={gone}"), &[], b"").await;
        }
        assert_eq!(store.well("GET /box/k", &[], b"").await.text(), "abcdef");
        assert_eq!(grow(6, "gh").await.header(VERSION), version);
        let whole = store.well("GET /box/k", &[], b"").await;
        assert_eq!((whole.text(), whole.header("x-oss-next-append-position")), ("abcdefgh", "8"));

        let onto_itself = store.ask("PUT /box/k", &[("x-oss-copy-source", "/box/k")], b"").await;
        assert_eq!(onto_itself.refusal().1, "OperationNotSupported", "it would be a copy, not an edit");
    }
}

#[tokio::test]
async fn tags_and_access_control_belong_to_a_version() {
    for store in stores().await {
        let (one, two) = (store.put("k", b"1").await, store.put("k", b"2").await);
        let before = store.rows().await;
        for (version, body) in [(&one, "1"), (&two, "2")] {
            let put = store.well(&format!("PUT /box/k?tagging&versionId={version}"), &[], &tags(body)).await;
            assert_eq!(put.header(VERSION), version);
        }
        let acl = [("x-oss-object-acl", "public-read")];
        let put = store.well(&format!("PUT /box/k?acl&versionId={one}"), &acl, b"").await;
        assert_eq!(put.header(VERSION), one);
        let untagged = store.well(&format!("DELETE /box/k?tagging&versionId={two}"), &[], b"").await;
        assert_eq!((untagged.status.as_u16(), untagged.header(VERSION)), (204, &*two));
        for (query, version, value, grant, text) in [
            (format!("&versionId={one}"), &one, "1", "public-read", "1"),
            (format!("&versionId={two}"), &two, "", "default", "2"),
            (String::new(), &two, "", "default", "2"),
        ] {
            let tagging = store.well(&format!("GET /box/k?tagging{query}"), &[], b"").await;
            assert_eq!((tagging.element("Value"), tagging.header(VERSION)), (value, &**version));
            let policy = store.well(&format!("GET /box/k?acl{query}"), &[], b"").await;
            assert_eq!((policy.element("Grant"), policy.header(VERSION)), (grant, &**version));
            let meta = store.well(&format!("HEAD /box/k?objectMeta{query}"), &[], b"").await;
            assert_eq!((meta.header("content-length"), meta.header(VERSION)), ("1", &**version));
            assert_eq!(store.well(&format!("GET /box/k?{query}"), &[], b"").await.text(), text);
        }
        assert_eq!(store.rows().await, before, "no version came or went, and none changed its place");
    }
}

#[tokio::test]
async fn a_delete_marker_has_nothing_that_could_be_asked_for() {
    for store in stores().await {
        store.put("k", b"1").await;
        let marker = store.well("DELETE /box/k", &[], b"").await.header(VERSION).to_owned();
        let acl = [("x-oss-object-acl", "private")];
        for (line, headers, body) in [
            ("GET /box/k?tagging", &[][..], &b""[..]),
            ("PUT /box/k?tagging", &[], &tags("v")),
            ("DELETE /box/k?tagging", &[], b""),
            ("GET /box/k?acl", &[], b""),
            ("PUT /box/k?acl", &acl, b""),
            ("GET /box/k?symlink", &[], b""),
            ("HEAD /box/k?objectMeta", &[], b""),
        ] {
            let marked = [("true", &*marker); 2];
            let latest = store.ask(line, headers, body).await;
            let named = store.ask(&format!("{line}&versionId={marker}"), headers, body).await;
            let none = store.ask(&format!("{line}&versionId=none"), headers, body).await;
            let of = |reply: &Reply| (reply.status.as_u16(), reply.header("x-oss-ec").to_owned());
            assert_eq!(of(&latest), (404, "0026-00000001".into()), "{line}");
            assert_eq!(of(&named), (405, "0017-00000002".into()), "{line}");
            assert_eq!(of(&none), (404, "0026-00000012".into()), "{line}");
            let markers = [&latest, &named].map(|r| (r.header("x-oss-delete-marker"), r.header(VERSION)));
            assert_eq!(markers, marked, "{line}");
        }
    }
}

#[tokio::test]
async fn each_version_of_a_link_has_a_target_of_its_own() {
    for store in stores().await {
        store.put("a", b"old").await;
        let new = store.put("a", b"new").await;
        store.put("b", b"other").await;
        let mut links = Vec::new();
        for target in ["a", "b"] {
            let put = store.well("PUT /box/link?symlink", &[("x-oss-symlink-target", target)], b"").await;
            links.push((put.header(VERSION).to_owned(), target));
        }
        for ((version, target), content) in links.iter().zip(["new", "other"]) {
            let shown = store.well(&format!("GET /box/link?symlink&versionId={version}"), &[], b"").await;
            assert_eq!((shown.header("x-oss-symlink-target"), shown.header(VERSION)), (*target, &**version));
            for method in ["GET", "HEAD"] {
                let read = store.well(&format!("{method} /box/link?versionId={version}"), &[], b"").await;
                let length = content.len().to_string();
                assert_eq!((read.header(VERSION), read.header("content-length")), (&**version, &*length));
                assert!(method == "HEAD" || read.text() == content);
            }
        }
        assert_eq!(store.well("GET /box/link", &[], b"").await.text(), "other", "the latest");
        store.well("DELETE /box/b", &[], b"").await;
        let gone = store.ask("GET /box/link", &[], b"").await;
        assert_eq!(gone.refusal().1, "SymlinkTargetNotExist");
        assert_eq!(gone.header("x-oss-delete-marker"), "", "the link itself is not deleted");
        store.well(&format!("DELETE /box/a?versionId={new}"), &[], b"").await;
        let first = format!("GET /box/link?versionId={}", links[0].0);
        assert_eq!(store.well(&first, &[], b"").await.text(), "old", "a target is met as it is now");
    }
}

#[tokio::test]
async fn copies_and_part_copies_take_the_version_they_name() {
    for store in stores().await {
        let one = store.put("k", &ramp(1000)).await;
        store.put("k", b"short").await;
        store.well(&format!("PUT /box/k?tagging&versionId={one}"), &[], &tags("v")).await;
        let marker = store.well("DELETE /box/k", &[], b"").await.header(VERSION).to_owned();
        let of_one = format!("/box/k?versionId={one}");

        let copy = store.well("PUT /box/copy", &[("x-oss-copy-source", &of_one)], b"").await;
        assert_eq!(copy.header("x-oss-copy-source-version-id"), one);
        let read = store.well("GET /box/copy", &[], b"").await;
        assert_eq!((&read.body[..], read.header("x-oss-tagging-count")), (&ramp(1000)[..], "1"));
        assert_eq!(read.header(VERSION), copy.header(VERSION));

        let id = store.well("POST /box/parts?uploads", &[], b"").await.element("UploadId").to_owned();
        let part = format!("PUT /box/parts?partNumber=1&uploadId={id}");
        let range = ("x-oss-copy-source-range", "bytes=10-19");
        let copied = store.well(&part, &[("x-oss-copy-source", &of_one), range], b"").await;
        assert_eq!((copied.header("x-oss-copy-source-version-id"), copied.header(VERSION)), (&*one, ""));
        let etag = copied.element("ETag").replace("&quot;", "\"");
        for line in ["PUT /box/copy", &part] {
            for (source, refusal) in [
                ("/box/k".to_owned(), (404, "NoSuchKey", "0026-00000001")),
                (format!("/box/k?versionId={marker}"), (400, "InvalidArgument", "0016-00000307")),
                ("/box/k?versionId=none".to_owned(), (404, "NoSuchVersion", "0026-00000012")),
            ] {
                let refused = store.ask(line, &[("x-oss-copy-source", &source)], b"").await;
                assert_eq!(refused.refusal(), refusal, "{line} {source}");
            }
        }
        let list = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
        );
        let complete = store.well(&format!("POST /box/parts?uploadId={id}"), &[], list.as_bytes()).await;
        assert!(!complete.header(VERSION).is_empty());
        assert_eq!(&store.well("GET /box/parts", &[], b"").await.body[..], &ramp(1000)[10..20]);

        // An archived version is copied no more than read, not even to its own key, where that makes a version.
        let archived = store.well("PUT /box/cold", &[("x-oss-storage-class", "Archive")], b"x").await;
        let source = format!("/box/cold?versionId={}", archived.header(VERSION));
        let refused = store.ask("PUT /box/cold", &[("x-oss-copy-source", &source)], b"").await;
        assert_eq!(refused.refusal().1, "InvalidObjectState");
    }
}

#[tokio::test]
async fn a_bucket_says_whether_it_keeps_versions_and_counts_them() {
    for store in Store::both().await {
        let info = store.well("GET /box?bucketInfo", &[], b"").await;
        assert!(!info.text().contains("<Versioning>"));
        store.put("k", b"1").await;
        store.versioning("Enabled").await;
        store.put("k", b"22").await;
        store.well("DELETE /box/k", &[], b"").await;
        store.versioning("Suspended").await;
        let info = store.well("GET /box?bucketInfo", &[], b"").await;
        assert_eq!(info.element("Versioning"), "Suspended");
        let stat = store.well("GET /box?stat", &[], b"").await;
        let counted = ["Storage", "ObjectCount", "DeleteMarkerCount"].map(|name| stat.element(name));
        assert_eq!(counted, ["3", "2", "1"]);
    }
}

#[tokio::test]
async fn all_of_it_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::of(Service::builder().anonymous().disk(folder.path()).unwrap().build());
    let store = open();
    store.well("PUT /box", &[("x-oss-acl", "public-read")], b"").await;
    store.versioning("Enabled").await;
    let grown = store.well("POST /box/k?append&position=0", &[], b"ab").await.header(VERSION).to_owned();
    store.well("POST /box/k?append&position=2", &[], b"cd").await;
    let link = [("x-oss-symlink-target", "k"), ("x-oss-storage-class", "IA")];
    store.well("PUT /box/link?symlink", &link, b"").await;
    let put = store.put("k", b"put").await;
    store.well(&format!("PUT /box/k?tagging&versionId={grown}"), &[], &tags("v")).await;
    store.well("PUT /box/k?acl", &[("x-oss-object-acl", "private")], b"").await;
    let before = store.rows().await;
    drop(store);

    let store = open();
    assert_eq!(store.rows().await, before);
    assert_eq!(store.well("GET /box?acl", &[], b"").await.element("Grant"), "public-read");
    assert_eq!(store.well("GET /box?versioning", &[], b"").await.element("Status"), "Enabled");
    assert_eq!(store.well(&format!("GET /box/k?versionId={grown}"), &[], b"").await.text(), "abcd");
    let tagging = format!("GET /box/k?tagging&versionId={grown}");
    assert_eq!(store.well(&tagging, &[], b"").await.element("Value"), "v");
    assert_eq!(store.well("GET /box/k?acl", &[], b"").await.element("Grant"), "private");
    assert_eq!(store.well("GET /box/link", &[], b"").await.text(), "put");
    store.well(&format!("DELETE /box/k?versionId={put}"), &[], b"").await;
    assert_eq!(store.well("POST /box/k?append&position=4", &[], b"ef").await.header(VERSION), grown);
    assert_eq!(store.well("GET /box/k", &[], b"").await.text(), "abcdef");
}
