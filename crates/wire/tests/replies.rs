//! Heads of replies, sound and malformed.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use osseal_wire::oss::{ContentRange, ObjectReply, PutReply, ReplyError, SymlinkReply};

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .collect()
}

fn many(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    map
}

fn partial(pairs: &[(&str, &str)]) -> Result<ContentRange, ReplyError> {
    ObjectReply::from_head(StatusCode::PARTIAL_CONTENT, &headers(pairs)).map(|reply| reply.range)
}

#[test]
fn heads_round_trip() {
    let reply = ObjectReply {
        range: ContentRange { start: 16, end: 32, total: 100 },
        is_partial: true,
        etag: "\"E\"".into(),
        crc64: Some(u64::MAX),
        last_modified: "Sat, 16 Dec 2023 17:25:12 GMT".into(),
        object_type: "Normal".into(),
        storage_class: "Standard".into(),
        version_id: Some("v1".into()),
        tag_count: Some(3),
        next_append_position: Some(100),
        request_id: String::new(),
        metadata: osseal_wire::oss::Metadata(vec![("x-oss-meta-a".into(), b"1".to_vec())]),
    };
    let (status, head) = reply.to_head().unwrap();
    assert_eq!(ObjectReply::from_head(status, &head), Ok(reply));
    let put = PutReply {
        etag: "\"E\"".into(),
        crc64: Some(7),
        next_append_position: Some(u64::MAX),
        ..PutReply::default()
    };
    assert_eq!(PutReply::from_head(&put.to_headers().unwrap()), Ok(put));
    let link = SymlinkReply {
        target: "a b/对象\n%".into(),
        etag: "\"E\"".into(),
        last_modified: "Sat, 16 Dec 2023 17:25:12 GMT".into(),
        ..SymlinkReply::default()
    };
    assert_eq!(SymlinkReply::from_head(&link.to_headers().unwrap()), Ok(link));
    assert_eq!(
        SymlinkReply::from_head(&HeaderMap::new()),
        Err(ReplyError::MissingHeader { name: "x-oss-symlink-target" })
    );
}

#[test]
fn r02_partial_replies_need_a_content_range() {
    assert_eq!(
        partial(&[("content-length", "10")]),
        Err(ReplyError::MissingHeader { name: "content-range" })
    );
    let whole = headers(&[("content-length", "10"), ("content-range", "bytes 0-9/100")]);
    let answer = ObjectReply::from_head(StatusCode::OK, &whole);
    assert_eq!(answer, Err(ReplyError::MalformedHeader { name: "content-range" }));
}

#[test]
fn r04_invalid_content_ranges_are_refused() {
    assert_eq!(
        partial(&[("content-range", "bytes 0-9/100")]),
        Ok(ContentRange { start: 0, end: 10, total: 100 })
    );
    for bad in [
        "bytes */9",
        "bytes 5-4/10",
        "bytes 0-9/5",
        "bytes 0-9/*",
        "bytes 0-18446744073709551616/2",
        "bytes -1-2/9",
        "bytes 0 -9/10",
    ] {
        assert_eq!(
            partial(&[("content-range", bad)]),
            Err(ReplyError::MalformedHeader { name: "content-range" }),
            "{bad}"
        );
    }
    let twice = many(&[("content-range", "bytes 0-9/100"), ("content-range", "bytes 0-9/100")]);
    let answer = ObjectReply::from_head(StatusCode::PARTIAL_CONTENT, &twice);
    assert_eq!(answer, Err(ReplyError::RepeatedHeader { name: "content-range" }));
}

#[test]
fn r05_multipart_ranges_are_refused() {
    let byteranges = [("content-type", "multipart/byteranges; boundary=x"), ("content-length", "300")];
    assert_eq!(partial(&byteranges), Err(ReplyError::MissingHeader { name: "content-range" }));
}

#[test]
fn r09_invalid_lengths_are_refused() {
    let length = [("content-range", "bytes 0-9/100"), ("content-length", "11")];
    assert_eq!(partial(&length), Err(ReplyError::MalformedHeader { name: "content-length" }));
    let none = ObjectReply::from_head(StatusCode::OK, &HeaderMap::new());
    assert_eq!(none, Err(ReplyError::MissingHeader { name: "content-length" }));
    for bad in ["-1", "+1", "1 1", "18446744073709551616", ""] {
        let answer = ObjectReply::from_head(StatusCode::OK, &headers(&[("content-length", bad)]));
        assert_eq!(answer, Err(ReplyError::MalformedHeader { name: "content-length" }), "{bad:?}");
    }
}

#[test]
fn r12_invalid_checksums_are_refused() {
    let crc =
        |value| PutReply::from_head(&headers(&[("x-oss-hash-crc64ecma", value)])).map(|reply| reply.crc64);
    assert_eq!(crc("18446744073709551615"), Ok(Some(u64::MAX)));
    for bad in ["", "abc", "18446744073709551616", "-1"] {
        assert_eq!(crc(bad), Err(ReplyError::MalformedHeader { name: "x-oss-hash-crc64ecma" }), "{bad:?}");
    }
    assert_eq!(PutReply::from_head(&HeaderMap::new()).unwrap().crc64, None);
}

#[test]
fn r13_unexpected_success_statuses_are_refused() {
    for status in [201, 202, 203, 204, 205, 304] {
        let answer = ObjectReply::from_head(
            StatusCode::from_u16(status).unwrap(),
            &headers(&[("content-length", "1")]),
        );
        assert_eq!(answer, Err(ReplyError::Status { status }));
    }
}

#[test]
fn h34_headers_are_bounded() {
    let big = "v".repeat(1 << 20);
    assert_eq!(PutReply::from_head(&headers(&[("x-oss-meta-big", &big)])), Err(ReplyError::TooManyHeaders));
    let names: Vec<String> = (0..10_000).map(|i| format!("x-oss-meta-name-of-some-length-{i}")).collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "value")).collect();
    assert_eq!(PutReply::from_head(&headers(&pairs)), Err(ReplyError::TooManyHeaders));
}

#[test]
fn r18_header_values_that_are_not_ascii_are_refused() {
    assert_eq!(
        PutReply::from_head(&headers(&[("etag", "\u{e9}")])),
        Err(ReplyError::MalformedHeader { name: "etag" })
    );
}
