//! Versioning and the removal of many objects, on both backends.

use crate::support::{Reply, Store};
use md5::{Digest, Md5};

impl Store {
    async fn delete_many(&self, query: &str, body: &str) -> Reply {
        let md5 = data_encoding::BASE64.encode(&Md5::digest(body));
        self.ask(&format!("POST /box?delete{query}"), &[("content-md5", &md5)], body.as_bytes()).await
    }

    async fn keys(&self) -> Vec<String> {
        let reply = self.ask("GET /box?list-type=2&max-keys=1000", &[], b"").await;
        let keys: Vec<_> = reply.text().split("<Key>").skip(1).collect();
        keys.iter().map(|rest| rest.split_once('<').unwrap().0.to_owned()).collect()
    }
}

#[tokio::test]
async fn a_bucket_that_never_had_versions_shows_none() {
    for store in Store::both().await {
        assert_eq!(store.put("a", "1").await, "");
        let state = store.ask("GET /box?versioning", &[], b"").await;
        assert_eq!((state.status.as_u16(), state.element("Status")), (200, ""));
        assert_eq!(store.get("a").await.header("x-oss-version-id"), "");
        assert_eq!(&store.get("a?versionId=null").await.body[..], b"1");
        assert_eq!(store.get("a?versionId=X").await.refusal(), (404, "NoSuchVersion", "0026-00000012"));
        assert_eq!(store.versions("").await.0, ["a:null!"]);
        let removed = store.delete("a?versionId=X").await;
        assert_eq!(removed.header("x-oss-delete-marker"), "");
        assert_eq!(store.get("a").await.status, 200, "another version was removed");
        assert_eq!(store.delete("a").await.header("x-oss-version-id"), "");
        assert_eq!(store.versions("").await.0, [""; 0]);
        let missing = store.ask("GET /none?versioning", &[], b"").await;
        assert_eq!(missing.refusal().1, "NoSuchBucket");
        assert_eq!(store.ask("GET /none?versions", &[], b"").await.refusal().1, "NoSuchBucket");
    }
}

#[tokio::test]
async fn every_write_makes_a_version_and_every_removal_a_marker() {
    for store in Store::both().await {
        store.put("a", "0").await;
        store.versioning("Enabled").await;
        assert_eq!(store.ask("GET /box?versioning", &[], b"").await.element("Status"), "Enabled");
        assert_eq!(store.get("a").await.header("x-oss-version-id"), "null");
        let one = store.put("a", "1").await;
        let two = store.put("a", "2").await;
        assert!(one != two && ![&one, &two].iter().any(|id| id.is_empty() || *id == "null"));
        assert_eq!(store.versions("").await.0, [format!("a:{two}!"), format!("a:{one}"), "a:null".into()]);
        for (path, body, id) in [
            ("a".to_owned(), "2", &*two),
            (format!("a?versionId={two}"), "2", &two),
            (format!("a?versionId={one}"), "1", &one),
            ("a?versionId=null".to_owned(), "0", "null"),
        ] {
            let get = store.get(&path).await;
            assert_eq!((get.text(), get.header("x-oss-version-id")), (body, id), "{path}");
            let head = store.ask(&format!("HEAD /box/{path}"), &[], b"").await;
            assert_eq!((head.header("content-length"), head.header("x-oss-version-id")), ("1", id));
        }
        let part = store.ask(&format!("GET /box/a?versionId={one}"), &[("range", "bytes=0-0")], b"").await;
        assert_eq!((part.status.as_u16(), part.header("x-oss-version-id")), (206, &*one));

        let removed = store.delete("a").await;
        let marker = removed.header("x-oss-version-id").to_owned();
        assert_eq!(removed.header("x-oss-delete-marker"), "true");
        let gone = store.get("a").await;
        assert_eq!(gone.refusal(), (404, "NoSuchKey", "0026-00000001"));
        let headers = (gone.header("x-oss-delete-marker"), gone.header("x-oss-version-id"));
        assert_eq!(headers, ("true", &*marker));
        let head = store.ask("HEAD /box/a", &[], b"").await;
        assert_eq!((head.status.as_u16(), head.header("x-oss-delete-marker")), (404, "true"));
        let never = store.get("b").await;
        assert_eq!((never.refusal().1, never.header("x-oss-delete-marker")), ("NoSuchKey", ""));
        for method in ["GET", "HEAD"] {
            let asked = store.ask(&format!("{method} /box/a?versionId={marker}"), &[], b"").await;
            assert_eq!((asked.status.as_u16(), asked.header("x-oss-delete-marker")), (405, "true"));
        }
        let asked = store.get(&format!("a?versionId={marker}")).await;
        assert_eq!(asked.refusal(), (405, "MethodNotAllowed", "0017-00000002"));
        assert!(store.keys().await.is_empty(), "an object that was deleted is not listed");
        assert_eq!(store.versions("").await.0[0], format!("a:{marker}-!"));
        assert_eq!(store.get(&format!("a?versionId={two}")).await.text(), "2", "old versions can be read");

        // A marker on a marker, and one where nothing was.
        let second = store.delete("a").await.header("x-oss-version-id").to_owned();
        assert!(second != marker);
        assert_eq!(store.delete("c").await.header("x-oss-delete-marker"), "true");
        // Removing markers for good brings the object back.
        for marker in [&second, &marker] {
            let removed = store.delete(&format!("a?versionId={marker}")).await;
            let headers = (removed.header("x-oss-delete-marker"), removed.header("x-oss-version-id"));
            assert_eq!(headers, ("true", &**marker));
        }
        assert_eq!(store.get("a").await.text(), "2");
        let removed = store.delete(&format!("a?versionId={two}")).await;
        let headers = (removed.header("x-oss-delete-marker"), removed.header("x-oss-version-id"));
        assert_eq!(headers, ("", &*two));
        assert_eq!(store.get("a").await.text(), "1", "the one before is the latest now");
        assert_eq!(store.get(&format!("a?versionId={two}")).await.refusal().1, "NoSuchVersion");
        store.delete(&format!("a?versionId={two}")).await;
    }
}

#[tokio::test]
async fn suspended_versioning_replaces_null_only() {
    for store in Store::both().await {
        store.put("a", "0").await;
        store.versioning("Enabled").await;
        let one = store.put("a", "1").await;
        store.versioning("Suspended").await;
        assert_eq!(store.put("a", "2").await, "null");
        assert_eq!(store.versions("").await.0, ["a:null!".to_owned(), format!("a:{one}")]);
        assert_eq!(store.get("a").await.header("x-oss-version-id"), "null");
        let removed = store.delete("a").await;
        let headers = (removed.header("x-oss-delete-marker"), removed.header("x-oss-version-id"));
        assert_eq!(headers, ("true", "null"));
        assert_eq!(store.versions("").await.0, ["a:null-!".to_owned(), format!("a:{one}")]);
        assert_eq!(store.get("a?versionId=null").await.refusal().0, 405);
        store.delete("a").await;
        assert_eq!(store.versions("").await.0.len(), 2, "one null marker in place of another");
        store.put("a", "3").await;
        assert_eq!(store.versions("").await.0, ["a:null!".to_owned(), format!("a:{one}")]);
        assert_eq!(store.get(&format!("a?versionId={one}")).await.text(), "1");
        store.versioning("Enabled").await;
        let four = store.put("a", "4").await;
        assert_eq!(store.versions("").await.0.len(), 3, "null stays: {four}");
    }
}

#[tokio::test]
async fn writes_are_not_forbidden_where_nothing_is_overwritten() {
    let forbid = [("x-oss-forbid-overwrite", "true")];
    for store in Store::both().await {
        store.put("a", "0").await;
        assert_eq!(store.ask("PUT /box/a", &forbid, b"1").await.refusal().1, "FileAlreadyExists");
        for state in ["Enabled", "Suspended"] {
            store.versioning(state).await;
            assert_eq!(store.ask("PUT /box/a", &forbid, b"1").await.status, 200, "{state}");
            let copy = [forbid[0], ("x-oss-copy-source", "/box/a")];
            assert_eq!(store.ask("PUT /box/a", &copy, b"").await.status, 200, "{state}");
            assert_eq!(store.ask("POST /box/a?uploads", &forbid, b"").await.status, 200, "{state}");
        }
    }
}

#[tokio::test]
async fn copies_and_uploads_make_versions() {
    for store in Store::both().await {
        store.versioning("Enabled").await;
        let one = store.put("a", "1").await;
        let two = store.put("a", "2").await;
        let copied =
            async |source: String| store.ask("PUT /box/b", &[("x-oss-copy-source", &source)], b"").await;
        let copy = copied(format!("/box/a?versionId={one}")).await;
        assert_eq!(copy.header("x-oss-copy-source-version-id"), one);
        assert_eq!(store.get("b").await.header("x-oss-version-id"), copy.header("x-oss-version-id"));
        assert_eq!(store.get("b").await.text(), "1");
        assert_eq!(copied("/box/a".into()).await.header("x-oss-copy-source-version-id"), two);
        assert_eq!(store.get("b").await.text(), "2");
        assert_eq!(store.versions("prefix=b").await.0.len(), 2);
        // An earlier version becomes the latest by a copy onto itself, with its own headers.
        let itself = [("x-oss-copy-source", &*format!("/box/a?versionId={one}")), ("x-oss-meta-x", "y")];
        assert_eq!(store.ask("PUT /box/a", &itself, b"").await.status, 200);
        let restored = store.get("a").await;
        assert_eq!((restored.text(), restored.header("x-oss-meta-x")), ("1", ""));

        let marker = store.delete("a").await.header("x-oss-version-id").to_owned();
        assert_eq!(copied("/box/a".into()).await.refusal().1, "NoSuchKey");
        let of_marker = copied(format!("/box/a?versionId={marker}")).await;
        assert_eq!(of_marker.refusal(), (400, "InvalidArgument", "0016-00000307"));
        assert_eq!(copied("/box/a?versionId=none".into()).await.refusal().1, "NoSuchVersion");
        assert_eq!(copied(format!("/box/a?versionId={two}")).await.status, 200);

        let id = store.ask("POST /box/m?uploads", &[], b"").await.element("UploadId").to_owned();
        store.put("m", "before").await;
        let part = store.ask(&format!("PUT /box/m?partNumber=1&uploadId={id}"), &[], b"part").await;
        let document = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
            part.header("etag")
        );
        let done = store.ask(&format!("POST /box/m?uploadId={id}"), &[], document.as_bytes()).await;
        let versions = store.versions("prefix=m").await.0;
        assert_eq!((versions.len(), &versions[0]), (2, &format!("m:{}!", done.header("x-oss-version-id"))));
        assert_eq!(store.get("m").await.text(), "part");
    }
}

#[tokio::test]
async fn a_bucket_with_versions_or_markers_is_not_empty() {
    for store in Store::both().await {
        store.versioning("Enabled").await;
        let one = store.put("a", "1").await;
        let marker = store.delete("a").await.header("x-oss-version-id").to_owned();
        for version in [one, marker] {
            let refused = store.ask("DELETE /box", &[], b"").await;
            assert_eq!(refused.refusal(), (409, "BucketNotEmpty", "0015-00000301"));
            store.delete(&format!("a?versionId={version}")).await;
        }
        assert_eq!(store.ask("DELETE /box", &[], b"").await.status, 204);
        store.ask("PUT /box", &[], b"").await;
        let state = store.ask("GET /box?versioning", &[], b"").await;
        assert_eq!(state.element("Status"), "", "another bucket of that name");
    }
}

#[tokio::test]
async fn listings_of_versions_page_by_page() {
    for store in Store::both().await {
        store.versioning("Enabled").await;
        for key in ["a", "d/1", "d/2", "e", "z+ %"] {
            for body in ["1", "2", "3"] {
                store.put(&osseal_wire::oss::listing::url_encode(key), body).await;
            }
            store.delete(&osseal_wire::oss::listing::url_encode(key)).await;
        }
        let encode = |text: &str| osseal_wire::oss::escape::query(text);
        for (query, rows) in
            [("", 20), ("delimiter=%2F", 13), ("prefix=d%2F", 8), ("prefix=d%2F&delimiter=2", 5)]
        {
            let (whole, next) = store.versions(&format!("{query}&max-keys=1000")).await;
            assert_eq!((whole.len(), &next), (rows, &None), "{query}");
            for limit in [1, 2, 3, 7] {
                let (mut all, mut marker) = (Vec::new(), String::new());
                loop {
                    let (rows, next) = store.versions(&format!("{query}&max-keys={limit}{marker}")).await;
                    assert!(rows.len() <= limit);
                    all.extend(rows);
                    let Some((key, version)) = next else { break };
                    marker = format!("&key-marker={}&version-id-marker={}", encode(&key), encode(&version));
                }
                assert_eq!(all, whole, "{query} {limit}");
            }
        }
        let (after, _) = store.versions("key-marker=d%2F1").await;
        assert_eq!((after.len(), after[0].starts_with("d/2:")), (12, true));
        let (encoded, _) = store.versions("prefix=z&encoding-type=url").await;
        assert!(encoded[0].starts_with("z%2B%20%25:"), "{encoded:?}");
        // The marker of a page may be gone when the next one is asked for: nothing is left out.
        let (first, next) = store.versions("max-keys=2").await;
        let (key, version) = next.unwrap();
        store.delete(&format!("{key}?versionId={version}")).await;
        let (rest, _) = store.versions(&format!("key-marker={key}&version-id-marker={version}")).await;
        assert!(rest.iter().filter(|row| row.starts_with("a:")).count() >= 2, "{first:?} {rest:?}");
        assert_eq!(store.ask("GET /box?versions&max-keys=0", &[], b"").await.refusal().1, "InvalidArgument");
    }
}

#[tokio::test]
async fn many_objects_are_removed_at_once() {
    let names = |names: &[&str]| -> String {
        names.iter().map(|name| format!("<Object><Key>{name}</Key></Object>")).collect()
    };
    for store in Store::both().await {
        for key in ["a", "b", "c%01%26"] {
            store.put(key, "1").await;
        }
        let document = format!("<Delete>{}</Delete>", names(&["a", "c&#1;&amp;", "none"]));
        let reply = store.delete_many("&encoding-type=url", &document).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let deleted: Vec<_> =
            reply.text().split("<Key>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
        assert_eq!((deleted, reply.element("EncodingType")), (vec!["a", "c%01%26", "none"], "url"));
        assert_eq!(store.keys().await, ["b"]);
        let quiet =
            store.delete_many("", &format!("<Delete><Quiet>true</Quiet>{}</Delete>", names(&["b"]))).await;
        assert!(!quiet.text().contains("Deleted"), "{}", quiet.text());
        assert!(store.keys().await.is_empty());

        store.versioning("Enabled").await;
        let one = store.put("a", "1").await;
        let reply = store.delete_many("", &format!("<Delete>{}</Delete>", names(&["a"]))).await;
        let marker = reply.element("DeleteMarkerVersionId").to_owned();
        assert_eq!((reply.element("DeleteMarker"), reply.element("VersionId")), ("true", ""));
        assert_eq!(store.versions("").await.0, [format!("a:{marker}-!"), format!("a:{one}")]);
        let both = format!(
            "<Delete><Object><Key>a</Key><VersionId>{marker}</VersionId></Object><Object><Key>a</Key><VersionId>{one}</VersionId></Object></Delete>"
        );
        let reply = store.delete_many("", &both).await;
        assert_eq!(
            (reply.element("VersionId"), reply.element("DeleteMarkerVersionId")),
            (&*marker, &*marker)
        );
        assert_eq!(store.versions("").await.0, [""; 0]);

        let refused = store.ask("POST /box?delete", &[], document.as_bytes()).await;
        assert_eq!(refused.refusal(), (400, "MissingArgument", "0016-00000606"));
        let wrong = store.ask("POST /box?delete", &[("content-md5", "AAAA")], document.as_bytes()).await;
        assert_eq!(wrong.refusal().1, "InvalidDigest");
        let md5 = data_encoding::BASE64.encode(&Md5::digest(&document));
        let missing = store.ask("POST /none?delete", &[("content-md5", &md5)], document.as_bytes()).await;
        assert_eq!(missing.refusal().1, "NoSuchBucket");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_and_removals_at_the_same_time_all_stay() {
    const WRITERS: usize = 16;
    for store in Store::both().await {
        store.versioning("Enabled").await;
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let service = store.service.clone();
            tasks.spawn(async move {
                let store = Store::of(service);
                let version = store.put("a", &writer.to_string()).await;
                let marker = store.delete("a").await.header("x-oss-version-id").to_owned();
                if writer % 2 == 0 {
                    store.delete(&format!("a?versionId={marker}")).await;
                }
                (version, writer)
            });
        }
        let written = tasks.join_all().await;
        let (rows, _) = store.versions("max-keys=1000").await;
        let markers = rows.iter().filter(|row| row.contains('-')).count();
        assert_eq!((rows.len(), markers), (WRITERS * 3 / 2, WRITERS / 2));
        for (version, writer) in written {
            assert_eq!(store.get(&format!("a?versionId={version}")).await.text(), writer.to_string());
        }
    }
}
