//! Replies that break the rules: a right byte, a named error, or nothing.

use crate::support::{PART, TestStore, ramp};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use osseal::{EncryptedBucket, Error, ErrorKind, GetOptions, HeadOptions, ListOptions, PutOptions};
use osseal_server::Operation;
use osseal_server::fault::{Action, Fault};

const SIZE: u64 = 10_000;
const BIG: u64 = 3 * PART;

async fn stored() -> TestStore {
    let world = TestStore::new().await;
    world.bucket().put("k", ramp(SIZE), PutOptions::default()).await.unwrap();
    world
}

/// A bucket whose replies to GET have other headers; an empty value removes one.
fn with_headers(world: &TestStore, headers: &'static [(&'static str, &'static str)]) -> EncryptedBucket {
    world.map_reply(move |request, reply| {
        if request.method == Method::GET {
            for (name, value) in headers {
                reply.headers_mut().remove(*name);
                if !value.is_empty() {
                    reply.headers_mut().insert(*name, HeaderValue::from_static(value));
                }
            }
        }
    })
}

async fn read(bucket: &EncryptedBucket, options: GetOptions) -> Result<Bytes, Error> {
    bucket.get("k", options).await?.bytes().await
}

async fn refusal(bucket: &EncryptedBucket, options: GetOptions) -> ErrorKind {
    read(bucket, options).await.unwrap_err().kind()
}

fn slice(range: std::ops::Range<u64>) -> GetOptions {
    GetOptions::default().range(range)
}

#[tokio::test]
async fn an_ignored_range_gives_the_right_bytes() {
    let world = stored().await;
    let bucket = world.intercept(|request| drop(request.headers.remove("range")), |_, _| ());
    for range in [0..10, 16..32, 5..4000, 9_999..10_000] {
        let wanted = &ramp(SIZE)[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
        assert_eq!(read(&bucket, slice(range)).await.unwrap(), wanted);
    }
    let suffix = GetOptions { range: osseal::ByteRange::Suffix(7), ..GetOptions::default() };
    assert_eq!(read(&bucket, suffix).await.unwrap(), ramp(SIZE)[9_993..]);
    let open = GetOptions { range: osseal::ByteRange::From(9_000), ..GetOptions::default() };
    assert_eq!(read(&bucket, open).await.unwrap(), ramp(SIZE)[9_000..]);
}

#[tokio::test]
async fn a_partial_reply_must_say_which_part() {
    let world = stored().await;
    for value in [
        "",
        "bytes */10000",
        "bytes 5-4/10000",
        "bytes 0-9/5",
        "bytes 16-31/*",
        "bytes 16-31/18446744073709551616",
        "bytes -16-31/10000",
        "bytes 16 - 31/10000",
        "16-31/10000",
    ] {
        let leaked: &'static [(&str, &str)] = Box::leak(Box::new([("content-range", value)]));
        assert_eq!(
            refusal(&with_headers(&world, leaked), slice(16..32)).await,
            ErrorKind::Protocol,
            "{value:?}"
        );
    }
    let byteranges =
        with_headers(&world, &[("content-range", ""), ("content-type", "multipart/byteranges; boundary=x")]);
    assert_eq!(refusal(&byteranges, slice(16..32)).await, ErrorKind::Protocol);
}

#[tokio::test]
async fn the_reply_positions_and_the_request_decides() {
    let world = stored().await;
    // A reply that has more than was asked for.
    let wider = world.intercept(
        |request| drop(request.headers.insert("range", HeaderValue::from_static("bytes=7-4099"))),
        |_, _| (),
    );
    assert_eq!(read(&wider, slice(100..200)).await.unwrap(), ramp(SIZE)[100..200]);
    assert_eq!(read(&wider, slice(7..4100)).await.unwrap(), ramp(SIZE)[7..4100]);
    for outside in [0..10, 4000..4200, 5000..5001] {
        assert_eq!(refusal(&wider, slice(outside)).await, ErrorKind::Protocol);
    }
    assert_eq!(refusal(&wider, GetOptions::default()).await, ErrorKind::Protocol, "a part for the whole");
    // A total that is not the object's shifts what a suffix means; the writer's own record of the length contradicts it.
    let total = with_headers(&world, &[("content-range", "bytes 9990-9999/20000")]);
    let suffix = GetOptions { range: osseal::ByteRange::Suffix(10), ..GetOptions::default() };
    assert_eq!(refusal(&total, suffix).await, ErrorKind::Integrity);
}

#[tokio::test]
async fn a_reply_may_begin_anywhere() {
    let world = stored().await;
    for start in 0..40 {
        let bucket = world.intercept(
            move |request| {
                let value = format!("bytes={start}-9999");
                request.headers.insert("range", HeaderValue::from_str(&value).unwrap());
            },
            |_, _| (),
        );
        assert_eq!(read(&bucket, slice(40..1000)).await.unwrap(), ramp(SIZE)[40..1000], "{start}");
    }
}

#[tokio::test]
async fn lengths_that_do_not_agree() {
    let world = stored().await;
    let claimed = with_headers(&world, &[("content-length", "9")]);
    assert_eq!(refusal(&claimed, slice(16..32)).await, ErrorKind::Protocol);
    let absent = with_headers(&world, &[("content-length", "")]);
    assert_eq!(refusal(&absent, GetOptions::default()).await, ErrorKind::Protocol);
    let short = world.map_reply(|request, reply| {
        if request.method == Method::GET {
            let body = reply.body().slice(..reply.body().len().div_ceil(2));
            *reply.body_mut() = body;
        }
    });
    let got = read(&short, GetOptions::default()).await.unwrap();
    assert!(got == ramp(SIZE), "the rest is asked for");
    let long = world.map_reply(|request, reply| {
        if request.method == Method::GET {
            let body = [&reply.body()[..], b"more"].concat();
            *reply.body_mut() = body.into();
        }
    });
    assert_eq!(refusal(&long, GetOptions::default()).await, ErrorKind::Protocol);
}

#[tokio::test]
async fn an_encoding_is_passed_on_and_never_undone() {
    let world = stored().await;
    let bucket = with_headers(&world, &[("content-encoding", "gzip")]);
    assert_eq!(read(&bucket, GetOptions::default()).await.unwrap(), ramp(SIZE));
}

#[tokio::test]
async fn without_an_etag_nothing_is_continued() {
    let world = stored().await;
    let bucket = with_headers(&world, &[("etag", "")]);
    assert_eq!(read(&bucket, GetOptions::default()).await.unwrap(), ramp(SIZE));
    let cut = world.map_reply(|request, reply| {
        if request.method == Method::GET {
            reply.headers_mut().remove("etag");
            let body = reply.body().slice(..100);
            *reply.body_mut() = body;
        }
    });
    assert_eq!(refusal(&cut, GetOptions::default()).await, ErrorKind::Transient);
    let calls = std::sync::atomic::AtomicU32::new(0);
    let other = world.map_reply(move |request, reply| {
        if request.method == Method::GET {
            let body = reply.body().slice(..reply.body().len() / 2);
            *reply.body_mut() = body;
            if calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0 {
                reply.headers_mut().insert("etag", HeaderValue::from_static("\"other\""));
            }
        }
    });
    assert_eq!(refusal(&other, GetOptions::default()).await, ErrorKind::Changed);
}

#[tokio::test]
async fn checksums_of_whole_reads() {
    let world = stored().await;
    for (value, outcome) in [
        ("1", Some(ErrorKind::Integrity)),
        ("x", Some(ErrorKind::Protocol)),
        ("18446744073709551616", Some(ErrorKind::Protocol)),
        ("", None),
    ] {
        let leaked: &'static [(&str, &str)] = Box::leak(Box::new([("x-oss-hash-crc64ecma", value)]));
        let answer =
            read(&with_headers(&world, leaked), GetOptions::default()).await.err().map(|error| error.kind());
        assert_eq!(answer, outcome, "{value:?}");
    }
    let absent = with_headers(&world, &[("x-oss-hash-crc64ecma", "")]);
    assert_eq!(
        absent.get("k", GetOptions::default()).await.unwrap().info().crc64,
        None,
        "said, not invented"
    );
    let wrong = with_headers(&world, &[("x-oss-hash-crc64ecma", "1")]);
    assert_eq!(
        read(&wrong, slice(5..10)).await.unwrap(),
        ramp(SIZE)[5..10],
        "the sum of the whole says nothing of a range"
    );
}

#[tokio::test]
async fn statuses_that_are_no_object() {
    let world = stored().await;
    for (status, kind) in [
        (201, ErrorKind::Protocol),
        (203, ErrorKind::Protocol),
        (204, ErrorKind::Protocol),
        (301, ErrorKind::Protocol),
        (302, ErrorKind::Protocol),
        (307, ErrorKind::Protocol),
        (412, ErrorKind::Changed),
    ] {
        let bucket = world.map_reply(move |request, reply| {
            if request.method == Method::GET {
                *reply.status_mut() = StatusCode::from_u16(status).unwrap();
                reply.headers_mut().insert("location", HeaderValue::from_static("http://elsewhere.example/"));
            }
        });
        assert_eq!(refusal(&bucket, GetOptions::default()).await, kind, "{status}");
    }
}

#[tokio::test]
async fn one_call_says_nothing_about_the_next() {
    let world = stored().await;
    let bucket = world.bucket();
    world.order(Operation::HeadObject, Action::refuse(404, "NoSuchKey"));
    assert_eq!(bucket.head("k", HeadOptions::default()).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(read(&bucket, GetOptions::default()).await.unwrap(), ramp(SIZE));
    world.order(Operation::GetObject, Action::refuse(404, "NoSuchKey"));
    bucket.head("k", HeadOptions::default()).await.unwrap();
    assert_eq!(refusal(&bucket, GetOptions::default()).await, ErrorKind::NotFound);
}

#[tokio::test]
async fn an_empty_body_with_an_envelope() {
    let world = TestStore::new().await;
    world.bucket().put("k", ramp(0), PutOptions::default()).await.unwrap();
    assert_eq!(read(&world.bucket(), GetOptions::default()).await.unwrap(), "");
    // An object cut to nothing: the writer recorded more.
    let world = stored().await;
    let cut = world.map_reply(|request, reply| {
        if request.method == Method::GET {
            reply.headers_mut().insert("content-length", 0.into());
            reply.headers_mut().insert("x-oss-hash-crc64ecma", 0.into());
            *reply.body_mut() = Bytes::new();
        }
    });
    assert_eq!(refusal(&cut, GetOptions::default()).await, ErrorKind::Integrity);
}

#[tokio::test]
async fn an_archived_object_is_not_asked_for_again() {
    let world = stored().await;
    world
        .faults
        .inject(Fault::new(Action::refuse(403, "InvalidObjectState")).on(Operation::GetObject).always());
    let error = read(&world.bucket(), GetOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.hint().unwrap().contains("restore it"), "{error}");
    assert_eq!(world.calls(Operation::GetObject), 1);
}

#[tokio::test]
async fn an_object_that_looks_like_an_error_is_an_object() {
    let world = TestStore::new().await;
    let text = b"<Error><Code>NoSuchKey</Code></Error>";
    world.bucket().put("k", text.to_vec(), PutOptions::default()).await.unwrap();
    assert_eq!(read(&world.bucket(), GetOptions::default()).await.unwrap(), text.as_slice());
}

#[tokio::test]
async fn heads_beyond_all_bounds() {
    let world = stored().await;
    let big = world.map_reply(|_, reply| {
        reply.headers_mut().insert("x-oss-meta-big", HeaderValue::from_bytes(&vec![b'v'; 1 << 20]).unwrap());
    });
    assert_eq!(refusal(&big, GetOptions::default()).await, ErrorKind::Protocol);
    let text = world.map_reply(|_, reply| {
        reply.headers_mut().insert("etag", HeaderValue::from_bytes(b"\"\xe9\"").unwrap());
    });
    assert_eq!(refusal(&text, GetOptions::default()).await, ErrorKind::Protocol);
    let twice = world.map_reply(|_, reply| {
        reply.headers_mut().append("etag", HeaderValue::from_static("\"x\""));
    });
    assert_eq!(refusal(&twice, GetOptions::default()).await, ErrorKind::Protocol);
}

#[tokio::test]
async fn listings_that_lie() {
    let world = stored().await;
    for (from, to) in [
        ("<IsTruncated>false", "<IsTruncated>true"),
        ("<Key>k</Key>", "<Key>outside</Key>"),
        ("<Name>box</Name>", "<Name>other</Name>"),
        ("<Size>10000</Size>", "<Size>-1</Size>"),
        ("<ListBucketResult>", "<!DOCTYPE x><ListBucketResult>"),
        ("ListBucketResult", "Other"),
        ("</ListBucketResult>", ""),
    ] {
        let bucket = world.map_reply(move |_, reply| {
            let text = String::from_utf8(reply.body().to_vec()).unwrap();
            assert!(text.contains(from), "{text}");
            *reply.body_mut() = text.replace(from, to).into();
        });
        let options = ListOptions { prefix: "k".into(), ..ListOptions::default() };
        assert_eq!(bucket.list(&options).await.unwrap_err().kind(), ErrorKind::Protocol, "{to}");
    }
}

#[tokio::test]
async fn a_success_that_holds_a_refusal() {
    for (body, kind) in [
        ("   <Error><Code>InternalError</Code><Message>late</Message></Error>", ErrorKind::Service),
        ("", ErrorKind::Protocol),
        ("<html>", ErrorKind::Protocol),
    ] {
        // The work was not done: the server refuses, an intermediary says 200.
        let world = TestStore::new().await;
        world.faults.inject(
            Fault::new(Action::refuse(403, "AccessDenied")).on(Operation::CompleteMultipartUpload).always(),
        );
        let bucket = world.map_reply(move |request, reply| {
            if request.method == Method::POST
                && request.uri.query().is_some_and(|query| query.starts_with("uploadId"))
            {
                *reply.status_mut() = StatusCode::OK;
                *reply.body_mut() = body.into();
            }
        });
        let error = bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{body:?}");
        world.faults.clear();
        assert!(world.is_empty().await);
        // The work was done and the reply is nonsense: a HEAD decides.
        let world = TestStore::new().await;
        let bucket = world.map_reply(move |request, reply| {
            if request.method == Method::POST
                && request.uri.query().is_some_and(|query| query.starts_with("uploadId"))
            {
                *reply.body_mut() = body.into();
            }
        });
        bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap();
    }
}

#[tokio::test]
async fn an_upload_without_an_id() {
    for id in ["", "a&#10;b", "\u{7}"] {
        let world = TestStore::new().await;
        let bucket = world.map_reply(move |request, reply| {
            if request.method == Method::POST {
                let document = format!(
                    "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                );
                *reply.body_mut() = document.into();
            }
        });
        let error = bucket.put("k", ramp(BIG), PutOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{id:?}");
        assert_eq!(world.calls(Operation::UploadPart), 0);
    }
}

#[tokio::test]
async fn words_of_the_service_are_made_printable() {
    let world = stored().await;
    let bucket = world.map_reply(|request, reply| {
        if request.method == Method::GET {
            *reply.status_mut() = StatusCode::BAD_REQUEST;
            *reply.body_mut() = "<Error><Code>Odd</Code><Message>\u{1b}[2Jred\nline</Message></Error>".into();
        }
    });
    let error = read(&bucket, GetOptions::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Service, "Odd"));
    assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
}
