//! What is known about a bucket, and who may read it; on both backends.

use crate::support::{Store, ramp};
use osseal_server::Service;
use osseal_wire::oss::Credentials;

#[tokio::test]
async fn description_region_and_access_control() {
    for store in Store::both().await {
        let info = store.ask("GET /box?bucketInfo", &[], b"").await;
        for (element, value) in [
            ("Name", "box"),
            ("Location", "oss-cn-hangzhou"),
            ("ExtranetEndpoint", "oss-cn-hangzhou.aliyuncs.com"),
            ("IntranetEndpoint", "oss-cn-hangzhou-internal.aliyuncs.com"),
            ("StorageClass", "Standard"),
            ("Grant", "private"),
        ] {
            assert_eq!(info.element(element), value, "{element}");
        }
        let location = store.ask("GET /box?location", &[], b"").await;
        assert_eq!(location.element("LocationConstraint"), "oss-cn-hangzhou");
        for acl in ["public-read", "public-read-write", "private"] {
            assert_eq!(store.ask("PUT /box?acl", &[("x-oss-acl", acl)], b"").await.status, 200);
            assert_eq!(store.ask("GET /box?acl", &[], b"").await.element("Grant"), acl);
            assert_eq!(store.ask("GET /box?bucketInfo", &[], b"").await.element("Grant"), acl);
        }
        assert_eq!(store.ask("PUT /crate", &[("x-oss-acl", "public-read")], b"").await.status, 200);
        assert_eq!(store.ask("PUT /crate", &[], b"").await.status, 200, "once more, without a change");
        assert_eq!(store.ask("GET /crate?acl", &[], b"").await.element("Grant"), "public-read");
        for sub in ["bucketInfo", "location", "acl", "stat", "uploads"] {
            let none = store.ask(&format!("GET /none?{sub}"), &[], b"").await;
            assert_eq!(none.refusal(), (404, "NoSuchBucket", "0015-00000101"), "{sub}");
        }
        assert_eq!(
            store.ask("PUT /none?acl", &[("x-oss-acl", "private")], b"").await.refusal().1,
            "NoSuchBucket"
        );
    }
}

#[tokio::test]
async fn access_control_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let builder = Service::builder().anonymous().disk(folder.path().join("store")).unwrap();
        Store::of(builder.build())
    };
    let store = open();
    store.ask("PUT /box", &[], b"").await;
    store.ask("PUT /box?acl", &[("x-oss-acl", "public-read")], b"").await;
    store
        .ask(
            "POST /box/k?append&position=0",
            &[("x-oss-tagging", "a=1"), ("x-oss-object-acl", "private")],
            b"12",
        )
        .await;
    store.ask("POST /box/k?append&position=2", &[], b"34").await;
    store.ask("PUT /box/link?symlink", &[("x-oss-symlink-target", "k")], b"").await;
    store.ask("PUT /box/k?acl", &[("x-oss-object-acl", "public-read-write")], b"").await;
    let id = store.ask("POST /box/m?uploads", &[("x-oss-tagging", "a=1&b=2")], b"").await;
    drop(store);
    let store = open();
    assert_eq!(store.ask("GET /box?acl", &[], b"").await.element("Grant"), "public-read");
    assert_eq!(store.ask("GET /box/k?acl", &[], b"").await.element("Grant"), "public-read-write");
    let get = store.ask("GET /box/link", &[], b"").await;
    assert_eq!((&get.body[..], get.header("x-oss-object-type")), (&b"1234"[..], "Symlink"));
    assert_eq!(store.ask("HEAD /box/k", &[], b"").await.header("x-oss-tagging-count"), "1");
    assert_eq!(store.ask("POST /box/k?append&position=4", &[], b"5").await.status, 200);
    assert_eq!(store.ask("GET /box?uploads", &[], b"").await.element("UploadId"), id.element("UploadId"));
}

#[tokio::test]
async fn statistics_add_up() {
    for store in Store::both().await {
        for (key, class, size) in [
            ("a", "Standard", 10),
            ("b", "Standard", 5),
            ("c", "IA", 100),
            ("d", "Archive", 1000),
            ("e", "ColdArchive", 7),
        ] {
            store.ask(&format!("PUT /box/{key}"), &[("x-oss-storage-class", class)], &ramp(size)).await;
        }
        store.ask("POST /box/m?uploads", &[], b"").await;
        let stat = store.ask("GET /box?stat", &[], b"").await;
        for (element, value) in [
            ("Storage", "1122"),
            ("ObjectCount", "5"),
            ("MultipartUploadCount", "1"),
            ("StandardStorage", "15"),
            ("StandardObjectCount", "2"),
            ("InfrequentAccessStorage", "100"),
            ("InfrequentAccessRealStorage", "100"),
            ("ArchiveObjectCount", "1"),
            ("ColdArchiveStorage", "7"),
            ("DeepColdArchiveStorage", "0"),
        ] {
            assert_eq!(stat.element(element), value, "{element}");
        }
    }
}

#[tokio::test]
async fn statistics_count_more_than_a_page() {
    let store = Store::memory(|builder| builder);
    store.ask("PUT /box", &[], b"").await;
    for number in 0..2001 {
        store.ask(&format!("PUT /box/many/{number}"), &[], b"12").await;
    }
    let stat = store.ask("GET /box?stat", &[], b"").await;
    assert_eq!((stat.element("ObjectCount"), stat.element("Storage")), ("2001", "4002"));
}

#[tokio::test]
async fn unfinished_uploads_page_group_and_encode() {
    for store in Store::both().await {
        let mut all = Vec::new();
        for key in ["a/1", "a/2", "b", "b", "b", "c%01/x", "d+%25", "对"] {
            let id =
                store.ask(&format!("POST /box/{key}?uploads"), &[], b"").await.element("UploadId").to_owned();
            all.push((key, id));
        }
        let names = ["a/1", "a/2", "b", "c%01/x", "d%2B%25", "%E5%AF%B9"];
        for (delimiter, size) in [("", 1), ("", 3), ("", 1000), ("/", 1), ("/", 2)] {
            let (mut keys, mut ids, mut groups) = (Vec::new(), Vec::new(), Vec::new());
            let (mut key_marker, mut id_marker) = (String::new(), String::new());
            for _ in 0..20 {
                let page = store
                    .ask(
                        &format!("GET /box?uploads&max-uploads={size}&delimiter={delimiter}&encoding-type=url&key-marker={key_marker}&upload-id-marker={id_marker}"),
                        &[],
                        b"",
                    )
                    .await;
                assert_eq!(
                    (page.status.as_u16(), page.element("EncodingType")),
                    (200, "url"),
                    "{}",
                    page.text()
                );
                for piece in page.text().split("<Upload>").skip(1) {
                    let of =
                        |name: &str| piece.split(name).nth(1).unwrap().split('<').next().unwrap().to_owned();
                    keys.push(of("<Key>"));
                    ids.push(of("<UploadId>"));
                }
                for piece in page.text().split("<CommonPrefixes><Prefix>").skip(1) {
                    groups.push(piece.split('<').next().unwrap().to_owned());
                }
                if page.element("IsTruncated") != "true" {
                    break;
                }
                page.element("NextKeyMarker").clone_into(&mut key_marker);
                page.element("NextUploadIdMarker").clone_into(&mut id_marker);
            }
            let expected = if delimiter.is_empty() { 8 } else { 5 };
            let unlike: std::collections::BTreeSet<_> = ids.iter().collect();
            assert_eq!((ids.len(), unlike.len()), (expected, expected), "{delimiter} {size}: {keys:?}");
            assert!(keys.iter().all(|key| names.contains(&key.as_str())), "{keys:?}");
            let found: &[&str] = if delimiter.is_empty() { &[] } else { &["a/", "c%01/"] };
            assert_eq!(groups, found, "{delimiter} {size}");
        }
        let b = store.ask("GET /box?uploads&prefix=b", &[], b"").await;
        assert_eq!(b.text().matches("<Upload>").count(), 3);
        let behind = store.ask("GET /box?uploads&key-marker=b", &[], b"").await;
        assert_eq!(behind.text().matches("<Upload>").count(), 3, "without an id all of the key are behind");
        let ignored = store.ask("GET /box?uploads&upload-id-marker=FFFF", &[], b"").await;
        assert_eq!(ignored.text().matches("<Upload>").count(), 8, "an id without a key is ignored");
        store.ask(&format!("DELETE /box/b?uploadId={}", all[2].1), &[], b"").await;
        assert_eq!(
            store.ask("GET /box?uploads&prefix=b", &[], b"").await.text().matches("<Upload>").count(),
            2
        );
    }
}

/// Everything is stored by whoever holds the key, and read by everybody else.
#[tokio::test]
async fn everybody_does_what_is_public_and_nothing_else() {
    let backend = std::sync::Arc::new(osseal_server::backend::memory::Memory::new());
    let owner = Store::of(Service::builder().backend(backend.clone()).anonymous().build());
    let credentials = vec![Credentials::new("ak", "sk")];
    let public = Store::of(Service::builder().backend(backend).credentials(credentials).build());
    owner.ask("PUT /box", &[], b"").await;
    owner.ask("PUT /box/k", &[("content-type", "text/plain")], b"content").await;
    owner
        .ask(
            "PUT /box/link?symlink",
            &[("x-oss-symlink-target", "k"), ("x-oss-object-acl", "public-read")],
            b"",
        )
        .await;
    let status = async |line: &str| public.ask(line, &[], b"").await.status.as_u16();
    for (bucket, object, expected) in [
        ("private", "default", 403),
        ("private", "public-read", 200),
        ("private", "public-read-write", 200),
        ("public-read", "private", 403),
        ("public-read", "default", 200),
        ("public-read-write", "default", 200),
    ] {
        owner.ask("PUT /box?acl", &[("x-oss-acl", bucket)], b"").await;
        owner.ask("PUT /box/k?acl", &[("x-oss-object-acl", object)], b"").await;
        for line in ["GET /box/k", "HEAD /box/k", "GET /box/link"] {
            assert_eq!(status(line).await, expected, "{line} {bucket} {object}");
        }
        let missing = if bucket == "private" { 403 } else { 404 };
        assert_eq!(status("GET /box/none").await, missing, "{bucket}");
        for line in [
            "POST /box/k?uploads",
            "PUT /box/k?acl",
            "GET /box/k?acl",
            "GET /box/k?tagging",
            "GET /box?list-type=2",
            "GET /box?acl",
            "GET /",
            "PUT /crate",
        ] {
            assert_eq!(
                public.ask(line, &[("x-oss-object-acl", object)], b"").await.refusal().1,
                "AccessDenied",
                "{line} {bucket} {object}"
            );
        }
        let open = object == "public-read-write" || (object, bucket) == ("default", "public-read-write");
        for (line, good) in
            [("POST /box/k?append&position=0", 409), ("PUT /box/k", 200), ("DELETE /box/k", 204)]
        {
            owner.ask("PUT /box/k", &[("x-oss-object-acl", object)], b"content").await;
            let reply = public.ask(line, &[("x-oss-object-acl", object)], b"other").await;
            assert_eq!(reply.status.as_u16(), if open { good } else { 403 }, "{line} {bucket} {object}");
        }
        let new = if bucket == "public-read-write" { 200 } else { 403 };
        let put = public.ask("PUT /box/new", &[], b"").await;
        assert_eq!(put.status.as_u16(), new, "{bucket}");
        let copy = public.ask("PUT /box/copy", &[("x-oss-copy-source", "/box/new")], b"").await;
        assert_eq!(copy.status, 403, "{bucket}");
        owner.ask("PUT /box/k", &[], b"content").await;
    }
    assert_eq!(&public.ask("GET /box/k", &[], b"").await.body[..], b"content");
    let dressed = public.ask("GET /box/k?response-content-type=text%2Fhtml", &[], b"").await;
    assert_eq!(dressed.refusal().1, "InvalidRequest");
    let wrong = [("authorization", "OSS ak:AAAA"), ("date", "Sat, 16 Dec 2023 17:25:12 GMT")];
    let signed = public.ask("GET /box/k", &wrong, b"").await;
    assert_eq!(signed.status, 403, "a wrong signature is no missing one");
}

#[tokio::test]
async fn everybody_reads_the_versions_that_are_public_and_removes_none() {
    let backend = std::sync::Arc::new(osseal_server::backend::memory::Memory::new());
    let owner = Store::of(Service::builder().backend(backend.clone()).anonymous().build());
    let credentials = vec![Credentials::new("ak", "sk")];
    let public = Store::of(Service::builder().backend(backend).credentials(credentials).build());
    owner.ask("PUT /box", &[], b"").await;
    owner.versioning("Enabled").await;
    let hidden = owner.put("k", "hidden").await;
    let shown = owner.ask("PUT /box/k", &[("x-oss-object-acl", "public-read-write")], b"shown").await;
    let shown = shown.header("x-oss-version-id");
    let get = async |version: &str| public.get(&format!("k?versionId={version}")).await;
    assert_eq!((get(shown).await.text(), get(&hidden).await.status.as_u16()), ("shown", 403));
    assert_eq!(get("none").await.status, 403, "whether there is one is not for everybody to know");
    let purge = public.ask(&format!("DELETE /box/k?versionId={shown}"), &[], b"").await;
    assert_eq!(purge.refusal().1, "AccessDenied");
    assert_eq!(public.ask("DELETE /box/k", &[], b"").await.header("x-oss-delete-marker"), "true");
    assert_eq!(public.get("k").await.status, 403, "what is left is the bucket's access control");
    assert_eq!(get(shown).await.text(), "shown");
    assert_eq!(owner.get(&format!("k?versionId={hidden}")).await.text(), "hidden");
}
