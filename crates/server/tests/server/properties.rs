//! What belongs to an object without being its content: tags, access control, storage class, links; on both backends.

use crate::support::{Store, ramp};

const TWO_TAGS: &[u8] = b"<Tagging><TagSet><Tag><Key>a b</Key><Value>1+1</Value></Tag><Tag><Key>c</Key><Value></Value></Tag></TagSet></Tagging>";

#[tokio::test]
async fn tags_are_set_shown_and_removed() {
    for store in Store::both().await {
        store.ask("PUT /box/k", &[], b"content").await;
        let before = store.ask("HEAD /box/k", &[], b"").await;
        assert_eq!(before.header("x-oss-tagging-count"), "");
        let none = store.ask("GET /box/k?tagging", &[], b"").await;
        assert_eq!((none.status.as_u16(), none.element("TagSet")), (200, ""));
        assert_eq!(store.ask("PUT /box/k?tagging", &[], TWO_TAGS).await.status, 200);
        let tags = store.ask("GET /box/k?tagging", &[], b"").await;
        assert_eq!(
            tags.element("TagSet"),
            "<Tag><Key>a b</Key><Value>1+1</Value></Tag><Tag><Key>c</Key><Value/></Tag>"
        );
        let after = store.ask("GET /box/k", &[], b"").await;
        assert_eq!((after.header("x-oss-tagging-count"), &after.body[..]), ("2", &b"content"[..]));
        for same in ["etag", "last-modified", "x-oss-hash-crc64ecma"] {
            assert_eq!(after.header(same), before.header(same), "{same}");
        }
        assert_eq!(store.ask("DELETE /box/k?tagging", &[], b"").await.status, 204);
        assert_eq!(store.ask("DELETE /box/k?tagging", &[], b"").await.status, 204, "once more");
        assert_eq!(store.ask("HEAD /box/k", &[], b"").await.header("x-oss-tagging-count"), "");
        for (line, body) in [
            ("PUT /box/none?tagging", TWO_TAGS),
            ("GET /box/none?tagging", b""),
            ("DELETE /box/none?tagging", b""),
        ] {
            assert_eq!(
                store.ask(line, &[], body).await.refusal(),
                (404, "NoSuchKey", "0026-00000001"),
                "{line}"
            );
        }
        assert_eq!(store.ask("GET /box/k?tagging&versionId=1", &[], b"").await.refusal().1, "NoSuchVersion");
    }
}

#[tokio::test]
async fn every_way_to_write_takes_tags_and_copies_keep_or_replace_them() {
    for store in Store::both().await {
        let tagged = [("x-oss-tagging", "a=1&b=2")];
        let count = async |key: &str| {
            store.ask(&format!("HEAD /box/{key}"), &[], b"").await.header("x-oss-tagging-count").to_owned()
        };
        store.ask("PUT /box/put", &tagged, b"x").await;
        store.ask("POST /box/append?append&position=0", &tagged, b"x").await;
        store.ask("POST /box/append?append&position=1", &[("x-oss-tagging", "c=3")], b"x").await;
        let id = store.ask("POST /box/parts?uploads", &tagged, b"").await.element("UploadId").to_owned();
        let part = store.ask(&format!("PUT /box/parts?partNumber=1&uploadId={id}"), &[], b"x").await;
        let list = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
            part.header("etag")
        );
        assert_eq!(
            store.ask(&format!("POST /box/parts?uploadId={id}"), &[], list.as_bytes()).await.status,
            200
        );
        store.ask("PUT /box/link?symlink", &[("x-oss-symlink-target", "put"), tagged[0]], b"").await;
        for key in ["put", "append", "parts", "link"] {
            assert_eq!(count(key).await, "2", "{key}");
        }
        let source = ("x-oss-copy-source", "/box/put");
        for (headers, expected) in [
            (vec![source], "2"),
            (vec![source, ("x-oss-tagging", "c=3")], "2"),
            (vec![source, ("x-oss-tagging", "c=3"), ("x-oss-tagging-directive", "Replace")], "1"),
            (vec![source, ("x-oss-tagging-directive", "Replace")], ""),
        ] {
            assert_eq!(store.ask("PUT /box/copy", &headers, b"").await.status, 200, "{headers:?}");
            assert_eq!(count("copy").await, expected, "{headers:?}");
        }
        store.ask("PUT /box/put", &[], b"x").await;
        assert_eq!(count("put").await, "", "a new object has its own tags");
        assert_eq!(
            store.ask("PUT /box/put", &[("x-oss-tagging", "a=b=c")], b"x").await.refusal(),
            (400, "InvalidTag", "0010-00000219")
        );
    }
}

#[tokio::test]
async fn access_control_of_objects() {
    for store in Store::both().await {
        let grant = async |key: &str| {
            store.ask(&format!("GET /box/{key}?acl"), &[], b"").await.element("Grant").to_owned()
        };
        store.ask("PUT /box/k", &[], b"x").await;
        assert_eq!(grant("k").await, "default");
        for acl in ["private", "public-read", "public-read-write", "default"] {
            let put = store.ask("PUT /box/k?acl", &[("x-oss-object-acl", acl)], b"").await;
            assert_eq!((put.status.as_u16(), grant("k").await.as_str()), (200, acl));
        }
        store.ask("PUT /box/k", &[("x-oss-object-acl", "private")], b"x").await;
        assert_eq!(grant("k").await, "private");
        let source = ("x-oss-copy-source", "/box/k");
        store.ask("PUT /box/copy", &[source], b"").await;
        assert_eq!(grant("copy").await, "default", "not copied");
        store.ask("PUT /box/copy", &[source, ("x-oss-object-acl", "public-read")], b"").await;
        assert_eq!(grant("copy").await, "public-read");
        assert_eq!(store.ask("GET /box/none?acl", &[], b"").await.refusal().1, "NoSuchKey");
        let bad = store.ask("PUT /box/k?acl", &[("x-oss-object-acl", "open")], b"").await;
        assert_eq!(bad.refusal().1, "InvalidArgument");
    }
}

#[tokio::test]
async fn storage_classes_are_kept_and_archived_objects_are_not_read() {
    for store in Store::both().await {
        for (class, readable) in [
            ("Standard", true),
            ("IA", true),
            ("Archive", false),
            ("ColdArchive", false),
            ("DeepColdArchive", false),
        ] {
            let put = store.ask("PUT /box/k", &[("x-oss-storage-class", class)], b"content").await;
            assert_eq!(put.status, 200, "{class}");
            let head = store.ask("HEAD /box/k", &[], b"").await;
            assert_eq!((head.status.as_u16(), head.header("x-oss-storage-class")), (200, class));
            assert_eq!(
                store.ask("GET /box?list-type=2&prefix=k", &[], b"").await.element("StorageClass"),
                class
            );
            let get = store.ask("GET /box/k", &[], b"").await;
            let copy = store.ask("PUT /box/copy", &[("x-oss-copy-source", "/box/k")], b"").await;
            if readable {
                assert_eq!((get.status.as_u16(), copy.status.as_u16()), (200, 200));
            } else {
                assert_eq!(get.refusal(), (403, "InvalidObjectState", "0016-00000404"), "{class}");
                assert_eq!(copy.refusal(), (403, "InvalidObjectState", "0016-00000404"), "{class}");
            }
        }
        let lower = store.ask("PUT /box/k", &[("x-oss-storage-class", "ia")], b"").await;
        assert_eq!(lower.status, 200);
        assert_eq!(store.ask("HEAD /box/k", &[], b"").await.header("x-oss-storage-class"), "IA");
        let id = store.ask("POST /box/m?uploads", &[("x-oss-storage-class", "IA")], b"").await;
        assert!(!id.element("UploadId").is_empty());
        assert_eq!(store.ask("GET /box?uploads", &[], b"").await.element("StorageClass"), "IA");
    }
}

#[tokio::test]
async fn links_stand_for_their_targets() {
    for store in Store::both().await {
        let body = ramp(1000);
        let link = [("x-oss-symlink-target", "t%20%2B/%E5%AF%B9"), ("x-oss-meta-of", "link")];
        let put = store.ask("PUT /box/link?symlink", &link, b"").await;
        assert_eq!(put.status, 200, "the target need not exist: {}", put.text());
        for line in ["GET /box/link", "HEAD /box/link"] {
            let reply = store.ask(line, &[], b"").await;
            assert_eq!((reply.status.as_u16(), reply.header("x-oss-ec")), (404, "0026-00000012"), "{line}");
        }
        assert_eq!(store.ask("GET /box/link", &[], b"").await.element("Code"), "SymlinkTargetNotExist");
        let target = store
            .ask("PUT /box/t%20%2B/%E5%AF%B9", &[("x-oss-meta-of", "target"), ("content-type", "a/b")], &body)
            .await;
        let shown = store.ask("GET /box/link?symlink", &[], b"").await;
        assert_eq!((shown.status.as_u16(), shown.body.len()), (200, 0));
        assert_eq!(shown.header("x-oss-symlink-target"), "t%20%2B/%E5%AF%B9");
        assert_eq!(shown.header("etag"), put.header("etag"), "the link's own");
        let get = store.ask("GET /box/link", &[("range", "bytes=10-19")], b"").await;
        assert_eq!((get.status.as_u16(), &get.body[..]), (206, &body[10..20]));
        for line in ["GET /box/link", "HEAD /box/link"] {
            let reply = store.ask(line, &[], b"").await;
            for (name, value) in [
                ("content-length", "1000"),
                ("etag", target.header("etag")),
                ("x-oss-hash-crc64ecma", target.header("x-oss-hash-crc64ecma")),
                ("x-oss-object-type", "Symlink"),
                ("x-oss-meta-of", "link"),
                ("content-type", "application/octet-stream"),
            ] {
                assert_eq!(reply.header(name), value, "{line} {name}");
            }
        }
        assert_eq!(
            store.ask("GET /box/t%20%2B/%E5%AF%B9?symlink", &[], b"").await.refusal(),
            (400, "NotSymlink", "0043-00000101")
        );
        store.ask("PUT /box/second?symlink", &[("x-oss-symlink-target", "link")], b"").await;
        assert_eq!(store.ask("GET /box/second", &[], b"").await.refusal().1, "InvalidTargetType");
        let copy = store.ask("PUT /box/copy", &[("x-oss-copy-source", "/box/link")], b"").await;
        assert_eq!(copy.status, 200);
        let shown = store.ask("GET /box/copy?symlink", &[], b"").await;
        assert_eq!(
            shown.header("x-oss-symlink-target"),
            "t%20%2B/%E5%AF%B9",
            "the link is copied, not what it stands for"
        );
        let list = store.ask("GET /box?list-type=2&prefix=copy", &[], b"").await;
        assert_eq!((list.element("Type"), list.element("Size")), ("Symlink", "0"));
        let again = [("x-oss-symlink-target", "x"), ("x-oss-forbid-overwrite", "true")];
        assert_eq!(store.ask("PUT /box/link?symlink", &again, b"").await.refusal().1, "FileAlreadyExists");
        store.ask("PUT /box/t%20%2B/%E5%AF%B9", &[("x-oss-storage-class", "Archive")], &body).await;
        assert_eq!(store.ask("GET /box/link", &[], b"").await.refusal().1, "InvalidObjectState");
        assert_eq!(store.ask("HEAD /box/link", &[], b"").await.status, 200);
    }
}

#[tokio::test]
async fn the_meta_of_an_object_is_short() {
    for store in Store::both().await {
        let put = store.ask("PUT /box/k", &[("x-oss-meta-a", "1"), ("x-oss-tagging", "a=1")], b"12345").await;
        let meta = store.ask("HEAD /box/k?objectMeta", &[], b"").await;
        assert_eq!((meta.status.as_u16(), meta.body.len()), (200, 0));
        for (name, value) in [
            ("content-length", "5"),
            ("etag", put.header("etag")),
            ("x-oss-hash-crc64ecma", put.header("x-oss-hash-crc64ecma")),
            ("x-oss-meta-a", ""),
            ("x-oss-object-type", ""),
            ("x-oss-storage-class", ""),
            ("x-oss-tagging-count", ""),
            ("content-type", ""),
        ] {
            assert_eq!(meta.header(name), value, "{name}");
        }
        assert!(!meta.header("last-modified").is_empty());
        assert_eq!(store.ask("HEAD /box/none?objectMeta", &[], b"").await.status, 404);
    }
}
