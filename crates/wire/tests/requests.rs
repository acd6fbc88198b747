//! What a client builds is what a server reads.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use osseal_wire::oss::request::*;
use osseal_wire::oss::xml::{CompletePart, CompleteRequest, DeleteRequest, ObjectName};
use osseal_wire::oss::{Addressing, Call, Endpoint, Hosts, Metadata, NameError, RangeSpec, Request};
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

fn put() -> impl Strategy<Value = PutObject> {
    (metadata(), any::<bool>(), any::<Option<u64>>(), any::<Option<u64>>(), prop::option::of(token()))
        .prop_map(|(metadata, forbid_overwrite, content_length, crc64, content_md5)| PutObject {
            metadata,
            forbid_overwrite,
            content_length,
            content_md5,
            crc64,
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

fn get() -> impl Strategy<Value = GetObject> {
    let range = prop_oneof![
        any::<u64>().prop_map(RangeSpec::From),
        any::<u64>().prop_map(RangeSpec::Suffix),
        (any::<u32>(), 1..u64::from(u32::MAX))
            .prop_map(|(start, length)| RangeSpec::Bounded(start.into()..u64::from(start) + length)),
    ];
    let response =
        prop::collection::vec(prop::option::of(token()), RESPONSE_HEADERS.len()).prop_map(|values| {
            let named = RESPONSE_HEADERS.into_iter().zip(values);
            named.filter_map(|(name, value)| value.map(|value| (name, value))).collect()
        });
    (prop::option::of(range), any::<bool>(), conditions(), prop::option::of(token()), response).prop_map(
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
                    forbid_overwrite,
                    conditions,
                })
            },
        );
    let complete =
        (token(), prop::collection::vec((1..=10_000_u32, token()), 0..4), any::<bool>(), metadata())
            .prop_map(|(upload_id, parts, forbid_overwrite, metadata)| {
                let parts =
                    parts.into_iter().map(|(part_number, etag)| CompletePart { part_number, etag }).collect();
                Call::Complete(Complete {
                    upload_id,
                    parts: CompleteRequest { parts },
                    forbid_overwrite,
                    metadata,
                })
            });
    prop_oneof![
        put().prop_map(Call::PutObject),
        put().prop_map(Call::Initiate),
        get().prop_map(Call::GetObject),
        get().prop_map(Call::HeadObject),
        prop::option::of(token()).prop_map(|version_id| Call::DeleteObject(DeleteObject { version_id })),
        part,
        copy,
        complete,
        token().prop_map(|upload_id| Call::Abort { upload_id }),
        (token(), any::<Option<u32>>(), any::<Option<u32>>()).prop_map(
            |(upload_id, part_number_marker, max_parts)| {
                Call::ListParts(ListParts { upload_id, part_number_marker, max_parts })
            }
        ),
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
            Call::ListVersions(ListVersions {
                prefix,
                delimiter,
                key_marker,
                version_id_marker,
                max_keys,
                url_encoding,
            })
        },
    );
    // A key in a document may have any character but the one that XML cannot name.
    let object = ("[^\\x00]{1,20}", prop::option::of(token()))
        .prop_map(|(key, version_id)| ObjectName { key: Some(key), version_id });
    let delete = (prop::collection::vec(object, 1..9), any::<bool>(), any::<bool>()).prop_map(
        |(objects, quiet, url_encoding)| {
            Call::DeleteMany(DeleteMany { delete: DeleteRequest { quiet, objects }, url_encoding })
        },
    );
    let bucket_call = prop_oneof![
        Just(Call::PutBucket),
        Just(Call::DeleteBucket),
        Just(Call::GetBucketVersioning),
        Just(Call::PutBucketVersioning(Versioning::Enabled)),
        Just(Call::PutBucketVersioning(Versioning::Suspended)),
        list,
        versions,
        delete,
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
    fn requests_are_read_as_they_are_built(request in requests(), endpoint in endpoints()) {
        let head = request.head(&endpoint).unwrap();
        let body = request.body().unwrap_or_default();
        prop_assert_eq!(Request::from_http(&head, &Hosts::default(), &body).unwrap(), request);
    }

    #[test]
    fn any_head_is_read_or_refused(
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
fn c04_keys_that_a_url_would_change_are_refused() {
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
fn sub_resources_that_are_not_there_are_not_ignored() {
    let refused = |url: &str| {
        let head = http::Request::put(url).header("host", "127.0.0.1").body(()).unwrap().into_parts().0;
        Request::from_http(&head, &Hosts::default(), b"").unwrap_err().code
    };
    assert_eq!(refused("/bucket/key?acl"), "NotImplemented");
    assert_eq!(refused("/bucket/key?x-oss-process=image%2Fresize"), "NotImplemented");
    assert_eq!(refused("/bucket?lifecycle"), "NotImplemented");
    assert_eq!(refused("/bucket/key?versioning"), "NotImplemented");
}
