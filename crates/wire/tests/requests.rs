//! Requests round-trip: servers parse the requests that clients build.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use osseal_wire::oss::request::*;
use osseal_wire::oss::xml::{CompletePart, CompleteRequest, DeleteRequest, ObjectName};
use osseal_wire::oss::{
    Acl, Addressing, Call, Endpoint, Hosts, Metadata, NameError, RangeSpec, Request, StorageClass, Tags,
};
use proptest::prelude::*;

fn endpoints() -> impl Strategy<Value = Endpoint> {
    let endpoint = |text: &str| Endpoint::parse(text).unwrap();
    prop_oneof![
        Just(endpoint("oss-cn-hangzhou.aliyuncs.com")),
        Just(endpoint("http://127.0.0.1:9000")),
        Just(endpoint("http://localhost:1").with_addressing(Addressing::VirtualHost)),
        Just(endpoint("http://[::1]:80")),
    ]
}

fn keys() -> impl Strategy<Value = String> {
    "[^/\\\\\\x00][^\\x00]{0,40}"
        .prop_filter("a legal key", |key| osseal_wire::oss::names::check_key(key).is_ok())
}

fn token() -> impl Strategy<Value = String> {
    "[!-~]([ -~]{0,20}[!-~])?"
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let user = prop::collection::btree_map(
        "x-oss-meta-[a-z0-9-]{1,8}",
        prop::collection::vec(0x21..=0xff_u8, 0..20),
        0..5,
    );
    user.prop_map(|pairs| {
        let legal = |value: &Vec<u8>| value.iter().all(|byte| *byte != 0x7f);
        Metadata(pairs.into_iter().filter(|(_, value)| legal(value)).collect())
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let class = prop::sample::select(&StorageClass::ALL[..]);
    let acl = prop::sample::select(&[Acl::Default, Acl::Private, Acl::PublicRead, Acl::PublicReadWrite][..]);
    let tags =
        prop::collection::btree_map("[a-zA-Z0-9 +=._:/\u{4e00}-\u{4fff}-]{1,9}", "[a-z0-9 +=:/]{0,9}", 1..10)
            .prop_map(|tags| Tags::new(tags).unwrap());
    (prop::option::of(class), prop::option::of(acl), prop::option::of(tags))
        .prop_map(|(storage_class, acl, tags)| Attributes { storage_class, acl, tags })
}

fn put() -> impl Strategy<Value = PutObject> {
    (
        metadata(),
        attributes(),
        any::<bool>(),
        any::<Option<u64>>(),
        any::<Option<u64>>(),
        prop::option::of(token()),
    )
        .prop_map(|(metadata, attributes, forbid_overwrite, content_length, crc64, content_md5)| {
            PutObject { metadata, attributes, forbid_overwrite, content_length, content_md5, crc64 }
        })
}

fn conditions() -> impl Strategy<Value = Conditions> {
    prop::array::uniform4(prop::option::of(token())).prop_map(
        |[if_match, if_none_match, if_modified_since, if_unmodified_since]| Conditions {
            if_match,
            if_none_match,
            if_modified_since,
            if_unmodified_since,
        },
    )
}

fn range() -> impl Strategy<Value = RangeSpec> {
    prop_oneof![
        any::<u64>().prop_map(RangeSpec::From),
        any::<u64>().prop_map(RangeSpec::Suffix),
        (any::<u32>(), 1..u64::from(u32::MAX))
            .prop_map(|(start, length)| RangeSpec::Bounded(start.into()..u64::from(start) + length)),
    ]
}

fn get() -> impl Strategy<Value = GetObject> {
    let response =
        prop::collection::vec(prop::option::of(token()), RESPONSE_HEADERS.len()).prop_map(|values| {
            let named = RESPONSE_HEADERS.into_iter().zip(values);
            named.filter_map(|(name, value)| value.map(|value| (name, value))).collect()
        });
    (prop::option::of(range()), any::<bool>(), conditions(), prop::option::of(token()), response).prop_map(
        |(range, standard_range, conditions, version_id, response)| GetObject {
            range,
            standard_range,
            conditions,
            version_id,
            response,
        },
    )
}

fn object_calls() -> impl Strategy<Value = Call> {
    let part = (put(), token(), 1..=10_000_u32).prop_map(|(put, upload_id, part_number)| {
        Call::UploadPart(UploadPart {
            upload_id,
            part_number,
            metadata: put.metadata,
            content_length: put.content_length,
            content_md5: put.content_md5,
            crc64: put.crc64,
        })
    });
    let copy = (
        "[a-z0-9]{3,8}",
        keys(),
        any::<bool>(),
        metadata(),
        (attributes(), any::<bool>()),
        any::<bool>(),
        conditions(),
        prop::option::of(token()),
    )
        .prop_map(
            |(
                source_bucket,
                source_key,
                replace_metadata,
                metadata,
                (attributes, replace_tags),
                forbid_overwrite,
                conditions,
                source_version,
            )| {
                Call::CopyObject(CopyObject {
                    source_bucket,
                    source_key,
                    source_version,
                    replace_metadata,
                    metadata,
                    attributes,
                    replace_tags,
                    forbid_overwrite,
                    conditions,
                })
            },
        );
    let complete =
        (token(), prop::collection::vec((1..=10_000_u32, token()), 0..4), any::<[bool; 2]>(), metadata())
            .prop_map(|(upload_id, parts, [forbid_overwrite, url_encoding], metadata)| {
                let parts =
                    parts.into_iter().map(|(part_number, etag)| CompletePart { part_number, etag }).collect();
                Call::CompleteMultipartUpload(CompleteMultipartUpload {
                    upload_id,
                    parts: CompleteRequest { parts },
                    forbid_overwrite,
                    metadata,
                    url_encoding,
                })
            });
    prop_oneof![
        put().prop_map(Call::PutObject),
        (put(), any::<bool>()).prop_map(|(object, url_encoding)| Call::InitiateMultipartUpload(
            InitiateMultipartUpload { object, url_encoding }
        )),
        get().prop_map(Call::GetObject),
        get().prop_map(Call::HeadObject),
        prop::option::of(token()).prop_map(|version_id| Call::DeleteObject(DeleteObject { version_id })),
        part,
        copy,
        complete,
        token().prop_map(|upload_id| Call::AbortMultipartUpload { upload_id }),
        (token(), any::<Option<u32>>(), any::<Option<u32>>(), any::<bool>()).prop_map(
            |(upload_id, part_number_marker, max_parts, url_encoding)| {
                Call::ListParts(ListParts { upload_id, part_number_marker, max_parts, url_encoding })
            }
        ),
        sub_resources(),
    ]
}

fn sub_resources() -> impl Strategy<Value = Call> {
    let version = || prop::option::of(token());
    let tags = || attributes().prop_map(|attributes| attributes.tags.unwrap_or_default());
    let link = (keys(), metadata(), attributes(), any::<bool>());
    let part = (
        token(),
        1..=10_000_u32,
        "[a-z0-9]{3,8}",
        keys(),
        version(),
        prop::option::of(range()),
        conditions(),
    );
    prop_oneof![
        (any::<u64>(), put())
            .prop_map(|(position, object)| Call::AppendObject(AppendObject { position, object })),
        part.prop_map(
            |(upload_id, part_number, source_bucket, source_key, source_version, range, conditions)| {
                Call::UploadPartCopy(UploadPartCopy {
                    upload_id,
                    part_number,
                    source_bucket,
                    source_key,
                    source_version,
                    range,
                    conditions,
                })
            }
        ),
        version().prop_map(|version_id| Call::GetObjectMeta { version_id }),
        (version(), tags())
            .prop_map(|(version_id, tags)| Call::PutObjectTagging(PutObjectTagging { version_id, tags })),
        version().prop_map(|version_id| Call::GetObjectTagging { version_id }),
        version().prop_map(|version_id| Call::DeleteObjectTagging { version_id }),
        version()
            .prop_map(|version_id| Call::PutObjectAcl(PutObjectAcl { version_id, acl: Acl::PublicRead })),
        version().prop_map(|version_id| Call::GetObjectAcl { version_id }),
        link.prop_map(|(target, metadata, attributes, forbid_overwrite)| {
            Call::PutSymlink(PutSymlink { target, metadata, attributes, forbid_overwrite })
        }),
        version().prop_map(|version_id| Call::GetSymlink { version_id }),
    ]
}

fn requests() -> impl Strategy<Value = Request> {
    let bucket = || "[a-z0-9][a-z0-9-]{1,20}[a-z0-9]";
    let text = || prop_oneof![Just(String::new()), "\\PC{1,10}"];
    let list = (text(), text(), text(), text(), any::<bool>(), prop::option::of(1..=1000_u32), any::<bool>())
        .prop_map(
            |(prefix, delimiter, start_after, continuation_token, version_1, max_keys, url_encoding)| {
                Call::ListObjects(ListObjects {
                    version_1,
                    prefix,
                    delimiter,
                    start_after,
                    continuation_token,
                    max_keys,
                    url_encoding,
                })
            },
        );
    let versions = (text(), text(), token(), text(), prop::option::of(1..=1000_u32), any::<bool>()).prop_map(
        |(prefix, delimiter, key_marker, version_id_marker, max_keys, url_encoding)| {
            Call::ListObjectVersions(ListObjectVersions {
                prefix,
                delimiter,
                key_marker,
                version_id_marker,
                max_keys,
                url_encoding,
            })
        },
    );
    let uploads = (text(), text(), text(), text(), prop::option::of(1..=1000_u32), any::<bool>()).prop_map(
        |(prefix, delimiter, key_marker, upload_id_marker, max_uploads, url_encoding)| {
            Call::ListMultipartUploads(ListMultipartUploads {
                prefix,
                delimiter,
                key_marker,
                upload_id_marker,
                max_uploads,
                url_encoding,
            })
        },
    );
    // A key in a document may have any character but the one that XML cannot name.
    let object = ("[^\\x00]{1,20}", prop::option::of(token()))
        .prop_map(|(key, version_id)| ObjectName { key: Some(key), version_id });
    let delete = (prop::collection::vec(object, 1..9), any::<bool>(), any::<bool>()).prop_map(
        |(objects, quiet, url_encoding)| {
            Call::DeleteMultipleObjects(DeleteMultipleObjects {
                delete: DeleteRequest { quiet, objects },
                url_encoding,
            })
        },
    );
    let acl = || prop::sample::select(&[Acl::Private, Acl::PublicRead, Acl::PublicReadWrite][..]);
    let bucket_call = prop_oneof![
        prop::option::of(acl()).prop_map(|acl| Call::PutBucket(PutBucket { acl })),
        Just(Call::DeleteBucket),
        Just(Call::GetBucketVersioning),
        Just(Call::PutBucketVersioning(Versioning::Enabled)),
        Just(Call::PutBucketVersioning(Versioning::Suspended)),
        list,
        versions,
        delete,
        uploads,
        acl().prop_map(Call::PutBucketAcl),
        Just(Call::GetBucketAcl),
        Just(Call::GetBucketInfo),
        Just(Call::GetBucketLocation),
        Just(Call::GetBucketStat),
    ];
    let account = (text(), text(), any::<Option<u32>>())
        .prop_map(|(prefix, marker, max_keys)| Call::ListBuckets(ListBuckets { prefix, marker, max_keys }));
    prop_oneof![
        1 => account.prop_map(|call| Request { bucket: None, key: None, call }),
        2 => (bucket(), bucket_call).prop_map(|(bucket, call)| Request { bucket: Some(bucket), key: None, call }),
        6 => (bucket(), keys(), object_calls()).prop_map(|(bucket, key, call)| Request { bucket: Some(bucket), key: Some(key), call }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn requests_round_trip(request in requests(), endpoint in endpoints()) {
        let head = request.head(&endpoint).unwrap();
        let body = request.body().unwrap_or_default();
        prop_assert_eq!(Request::from_http(&head, &Hosts::default(), &body).unwrap(), request);
    }

    #[test]
    fn parsing_any_head_never_panics(
        method in prop_oneof![Just("GET"), Just("PUT"), Just("POST"), Just("DELETE"), Just("HEAD"), Just("PATCH")],
        path in "(/[!-~&&[^?#\"<>`\\\\^{|}]]{0,30}){1,2}",
        query in "[a-zA-Z=&%+-]{0,30}",
        host in "[a-z0-9.:-]{0,20}",
        headers in prop::collection::vec(("(x-oss-[a-z-]{1,20}|range|content-length|x-oss-copy-source)", "[ -~]{0,20}"), 0..5),
        body in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut builder = http::Request::builder().method(method).uri(format!("{path}?{query}")).header("host", host);
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        if let Ok(request) = builder.body(())
            && let Err(error) = Request::from_http(&request.into_parts().0, &Hosts::default(), &body)
        {
            prop_assert!((400..=501).contains(&error.status), "{:?}", error);
        }
    }
}

#[test]
fn c04_keys_that_urls_would_normalize_are_refused() {
    let endpoint = Endpoint::parse("oss-cn-hangzhou.aliyuncs.com").unwrap();
    for key in ["..", "a/../b", "./a"] {
        let request = Request {
            bucket: Some("box".into()),
            key: Some(key.into()),
            call: Call::GetObject(GetObject::default()),
        };
        assert_eq!(request.head(&endpoint).unwrap_err(), BuildError::Name(NameError::DotSegment), "{key}");
    }
}

#[test]
fn unknown_sub_resources_are_refused() {
    let refused = |url: &str| {
        let head = http::Request::put(url).header("host", "127.0.0.1").body(()).unwrap().into_parts().0;
        Request::from_http(&head, &Hosts::default(), b"").unwrap_err().code
    };
    assert_eq!(refused("/bucket/key?restore"), "NotImplemented");
    assert_eq!(refused("/bucket/key?x-oss-process=image%2Fresize"), "NotImplemented");
    assert_eq!(refused("/bucket?lifecycle"), "NotImplemented");
    assert_eq!(refused("/bucket/key?versioning"), "NotImplemented");
}

/// Method, address, headers, body; status, code and EC of the refusal.
type Malformed<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, String, (u16, &'a str, &'a str));

#[test]
fn malformed_requests_are_refused_with_the_code_of_the_fault() {
    let refused = |method: &str, url: &str, headers: &[(&str, &str)], body: &str| {
        let mut builder = http::Request::builder().method(method).uri(url).header("host", "127.0.0.1");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let head = builder.body(()).unwrap().into_parts().0;
        let error = Request::from_http(&head, &Hosts::default(), body.as_bytes()).unwrap_err();
        (error.status, error.code, error.ec)
    };
    let tagging = |tags: &str| format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
    let tag = |key: &str| format!("<Tag><Key>{key}</Key><Value>v</Value></Tag>");
    let long = "k".repeat(129);
    let far = format!("/{}", "k".repeat(1024));
    let (twice, eleven) = (tag("a").repeat(2), (0..11).map(|n| tag(&n.to_string())).collect::<String>());
    #[rustfmt::skip]
    let cases: Vec<Malformed<'_>> = vec![
        ("POST", "/box/k?append", vec![], String::new(), (400, "MissingArgument", "0016-00000501")),
        ("POST", "/box/k?append&position=0&versionId=1", vec![], String::new(), (400, "InvalidArgument", "0016-00000504")),
        ("POST", "/box/k?append&position=-1", vec![], String::new(), (400, "InvalidArgument", "")),
        ("POST", "/box/k?append&position=x", vec![], String::new(), (400, "InvalidArgument", "")),
        ("POST", "/box/k?append&position=0", vec![("x-oss-tagging", "a=b=c")], String::new(), (400, "InvalidTag", "0010-00000219")),
        ("PUT", "/box/k?append&position=0", vec![], String::new(), (501, "NotImplemented", "")),
        ("PUT", "/box/k?uploadId=1&partNumber=1", vec![("x-oss-copy-source", "box/k")], String::new(), (400, "InvalidArgument", "0042-00000301")),
        ("PUT", "/box/k?uploadId=1&partNumber=1", vec![("x-oss-copy-source", "/box")], String::new(), (400, "InvalidArgument", "")),
        ("PUT", "/box/k?uploadId=1&partNumber=1", vec![("x-oss-copy-source", "/box/")], String::new(), (400, "InvalidArgument", "")),
        ("PUT", "/box/k?uploadId=1&partNumber=1", vec![("x-oss-copy-source", "/box/k"), ("x-oss-copy-source-range", "bytes=-")], String::new(), (400, "InvalidArgument", "")),
        ("PUT", "/box/k?uploadId=1&partNumber=1", vec![("x-oss-copy-source", "/box/k"), ("x-oss-copy-source-range", "bytes=5-4")], String::new(), (400, "InvalidArgument", "")),
        ("PUT", "/box/k?uploadId=1&partNumber=0", vec![("x-oss-copy-source", "/box/k")], String::new(), (400, "InvalidArgument", "")),
        ("PUT", "/box/k?tagging", vec![], String::new(), (400, "MalformedXML", "0042-00000205")),
        ("PUT", "/box/k?tagging", vec![], "<Tag/>".into(), (400, "MalformedXML", "0042-00000205")),
        ("PUT", "/box/k?tagging", vec![], tagging(&twice), (400, "InvalidTag", "0010-00000210")),
        ("PUT", "/box/k?tagging", vec![], tagging(&eleven), (400, "InvalidTag", "0010-00000217")),
        ("PUT", "/box/k?tagging", vec![], tagging(&tag("&lt;")), (400, "InvalidTag", "0010-00000217")),
        ("PUT", "/box/k?tagging", vec![], tagging(&tag(&long)), (400, "InvalidTag", "0010-00000209")),
        ("POST", "/box/k?tagging", vec![], String::new(), (405, "MethodNotAllowed", "")),
        ("PUT", "/box/k", vec![("x-oss-tagging", "aa=bb=cc")], String::new(), (400, "InvalidTag", "0010-00000219")),
        ("PUT", "/box/k", vec![("x-oss-storage-class", "Cold")], String::new(), (400, "InvalidArgument", "")),
        ("PUT", "/box/k", vec![("x-oss-object-acl", "public")], String::new(), (400, "InvalidArgument", "")),
        ("PUT", "/box/k", vec![("x-oss-forbid-overwrite", "yes")], String::new(), (400, "InvalidArgument", "0017-00000279")),
        ("PUT", "/box/k", vec![("x-oss-copy-source", "/box/s"), ("x-oss-tagging-directive", "Keep")], String::new(), (400, "InvalidArgument", "")),
        ("PUT", "/box/k?acl", vec![], String::new(), (400, "MissingArgument", "0016-00000502")),
        ("DELETE", "/box/k?acl", vec![], String::new(), (405, "MethodNotAllowed", "")),
        ("PUT", "/box/k?symlink", vec![], String::new(), (400, "MissingArgument", "0016-00000502")),
        ("PUT", "/box/k?symlink", vec![("x-oss-symlink-target", &far)], String::new(), (400, "InvalidArgument", "")),
        ("PUT", "/box/k?symlink", vec![("x-oss-symlink-target", "%ff")], String::new(), (400, "InvalidArgument", "")),
        ("GET", "/box/k?objectMeta", vec![], String::new(), (405, "MethodNotAllowed", "")),
        ("PUT", "/box?acl", vec![], String::new(), (400, "MissingArgument", "0016-00000502")),
        ("PUT", "/box?acl", vec![("x-oss-acl", "default")], String::new(), (400, "InvalidArgument", "")),
        ("PUT", "/box", vec![("x-oss-acl", "open")], String::new(), (400, "InvalidArgument", "")),
        ("PUT", "/box?stat", vec![], String::new(), (405, "MethodNotAllowed", "")),
        ("GET", "/box?uploads&max-uploads=0", vec![], String::new(), (400, "InvalidArgument", "")),
        ("GET", "/box?uploads&max-uploads=1001", vec![], String::new(), (400, "InvalidArgument", "")),
        ("GET", "/box?uploads&encoding-type=base64", vec![], String::new(), (400, "InvalidArgument", "")),
    ];
    for (method, url, headers, body, (status, code, ec)) in cases {
        let answer = refused(method, url, &headers, &body);
        assert_eq!(answer, (status, code.into(), ec.to_owned()), "{method} {url} {headers:?} {body}");
    }
}
