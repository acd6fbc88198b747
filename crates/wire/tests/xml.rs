//! Malformed documents and listings.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use http::{HeaderMap, StatusCode};
use osseal_wire::oss::reply::{ReplyError, late_error};
use osseal_wire::oss::request::{ListMultipartUploads, ListObjects};
use osseal_wire::oss::xml::{
    CompleteRequest, CompleteResult, InitiateResult, ListBucketsResult, ListMultipartUploadsResult,
    ListObjectsResult, ListPartsResult, MAX_DEPTH, MAX_DOCUMENT, XmlError,
};
use osseal_wire::oss::{UploadMarker, UploadPage};

fn initiate(document: &[u8]) -> Result<InitiateResult, XmlError> {
    InitiateResult::from_xml(document)
}

#[test]
fn x01_a_doctype_is_refused_before_anything_expands() {
    for bomb in [
        "<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><InitiateMultipartUploadResult><UploadId>&b;</UploadId></InitiateMultipartUploadResult>",
        "<!DOCTYPE r SYSTEM \"file:///etc/passwd\"><InitiateMultipartUploadResult/>",
        "<!DOCTYPE r><InitiateMultipartUploadResult/>",
    ] {
        assert_eq!(initiate(bomb.as_bytes()), Err(XmlError::DocType), "{bomb}");
    }
    let entity = b"<InitiateMultipartUploadResult><UploadId>&b;</UploadId></InitiateMultipartUploadResult>";
    assert_eq!(initiate(entity), Err(XmlError::Contents), "an entity that nothing defines");
}

#[test]
fn x02_wrong_root_encoding_or_end_is_refused() {
    let good = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<InitiateMultipartUploadResult xmlns=\"http://doc.oss-cn-hangzhou.aliyuncs.com\"><UploadId>7</UploadId></InitiateMultipartUploadResult>";
    assert_eq!(initiate(good.as_bytes()).unwrap().upload_id, "7");
    assert_eq!(initiate(format!("\u{feff}{good}").as_bytes()).unwrap().upload_id, "7", "a byte order mark");
    assert_eq!(initiate(good.replace("utf-8", "ISO-8859-1").as_bytes()), Err(XmlError::Encoding));
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(initiate(&utf16).is_err());
    assert_eq!(initiate(b"\xff<a/>"), Err(XmlError::Encoding));
    assert_eq!(initiate(b"<Other/>"), Err(XmlError::Root));
    assert_eq!(initiate(b""), Err(XmlError::Damaged));
    assert_eq!(initiate(b"no markup"), Err(XmlError::Damaged));
    for cut in 60..good.len() {
        assert!(initiate(&good.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
    assert!(initiate(format!("{good}{good}").as_bytes()).is_err(), "two documents");
    assert_eq!(
        initiate(b"<InitiateMultipartUploadResult/><InitiateMultipartUploadResult/>"),
        Err(XmlError::Root)
    );
}

#[test]
fn x03_depth_and_size_are_bounded() {
    let nested = |depth: usize| {
        format!(
            "<InitiateMultipartUploadResult>{}{}</InitiateMultipartUploadResult>",
            "<a>".repeat(depth),
            "</a>".repeat(depth)
        )
    };
    assert!(initiate(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
    assert_eq!(initiate(nested(MAX_DEPTH).as_bytes()), Err(XmlError::TooDeep));
    assert_eq!(initiate(nested(100_000).as_bytes()), Err(XmlError::TooDeep));
    assert_eq!(initiate(&vec![b' '; MAX_DOCUMENT + 1]), Err(XmlError::TooLarge));
    let siblings = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", "<a/>".repeat(1_000_000));
    assert_eq!(CompleteRequest::from_xml(siblings.as_bytes()), Ok(CompleteRequest::default()));
}

fn page(inside: &str) -> ListObjectsResult {
    ListObjectsResult::from_xml(
        format!("<ListBucketResult><Name>box</Name>{inside}</ListBucketResult>").as_bytes(),
    )
    .unwrap()
}

fn contents(key: &str) -> String {
    format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>")
}

fn refused(answer: Result<osseal_wire::oss::ObjectPage, ReplyError>) -> &'static str {
    match answer {
        Err(ReplyError::Listing { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn x04_continuations_must_advance() {
    let request = ListObjects { continuation_token: "here".into(), ..ListObjects::default() };
    let truncated = |token: &str| {
        page(&format!(
            "<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
        ))
    };
    assert_eq!(truncated("there").checked("box", &request, None).unwrap().next.as_deref(), Some("there"));
    for token in ["", "here"] {
        assert_eq!(
            refused(truncated(token).checked("box", &request, None)),
            "its continuation is missing or does not advance"
        );
    }
    let version_1 = ListObjects { version_1: true, start_after: "m".into(), ..ListObjects::default() };
    for marker in ["", "m", "a"] {
        let page = page(&format!("<IsTruncated>true</IsTruncated><NextMarker>{marker}</NextMarker>"));
        assert_eq!(
            refused(page.checked("box", &version_1, None)),
            "its continuation is missing or does not advance"
        );
    }
}

#[test]
fn x05_keys_must_ascend_and_have_the_prefix() {
    let request = ListObjects { prefix: "p/".into(), ..ListObjects::default() };
    let keys = |keys: &[&str]| page(&keys.iter().map(|key| contents(key)).collect::<String>());
    assert_eq!(keys(&["p/a", "p/b"]).checked("box", &request, Some("p/")).unwrap().objects.len(), 2);
    assert_eq!(
        refused(keys(&["p/b", "p/a"]).checked("box", &request, None)),
        "keys are repeated or out of order"
    );
    assert_eq!(
        refused(keys(&["p/a", "p/a"]).checked("box", &request, None)),
        "keys are repeated or out of order"
    );
    assert_eq!(
        refused(keys(&["p/a"]).checked("box", &request, Some("p/a"))),
        "keys are repeated or out of order"
    );
    assert_eq!(refused(keys(&["q"]).checked("box", &request, None)), "a key lacks the prefix");
    assert_eq!(refused(keys(&["p/a"]).checked("other", &request, None)), "the bucket is another");
    let group = page("<CommonPrefixes><Prefix>q/</Prefix></CommonPrefixes>");
    assert_eq!(refused(group.checked("box", &request, None)), "a common prefix lacks the prefix");
}

#[test]
fn x06_names_are_decoded_once_and_only_when_encoded() {
    let request = ListObjects::default();
    let key = |encoding: &str, key: &str| {
        let page = page(&format!("<EncodingType>{encoding}</EncodingType>{}", contents(key)));
        page.checked("box", &request, None).map(|page| page.objects[0].key.clone())
    };
    assert_eq!(key("url", "a%2520b%2Fc+d"), Ok("a%20b/c d".into()));
    assert_eq!(key("", "a%20b+c"), Ok("a%20b+c".into()));
    assert_eq!(key("url", "%ff"), Err(ReplyError::Listing { reason: "a name is not UTF-8" }));
    assert_eq!(key("base64", "a"), Err(ReplyError::Listing { reason: "the encoding type is unknown" }));
    assert_eq!(key("url", ""), Err(ReplyError::Listing { reason: "a key lacks the prefix" }));
}

#[test]
fn x07_sizes_must_be_numbers_and_dates_are_optional() {
    let size = |size: &str| {
        let page = page(&format!(
            "<Contents><Key>k</Key><Size>{size}</Size><LastModified>yesterday</LastModified></Contents>"
        ));
        page.checked("box", &ListObjects::default(), None).map(|page| page.objects[0].stored_size)
    };
    assert_eq!(size("18446744073709551615"), Ok(u64::MAX));
    for bad in ["-1", "", "1e3", "18446744073709551616", "0x1", "1.0"] {
        assert_eq!(size(bad), Err(ReplyError::Listing { reason: "a size is not a number" }), "{bad:?}");
    }
}

#[test]
fn x08_errors_in_bodies_of_successful_replies_are_found() {
    let body = b"   \n <Error><Code>InternalError</Code><Message>late</Message></Error>";
    let error = late_error(StatusCode::OK, &HeaderMap::new(), body).unwrap();
    assert_eq!((error.code.as_str(), error.message.as_str()), ("InternalError", "late"));
    let spaced = b"  <CompleteMultipartUploadResult><ETag>\"E\"</ETag></CompleteMultipartUploadResult>";
    assert_eq!(late_error(StatusCode::OK, &HeaderMap::new(), spaced), None);
    assert_eq!(CompleteResult::from_reply(spaced).unwrap().etag, "\"E\"");
    assert_eq!(CompleteResult::from_reply(b""), Err(ReplyError::Xml(XmlError::Damaged)));
}

#[test]
fn x09_invalid_upload_ids_are_refused() {
    let id = |id: &str| {
        InitiateResult { upload_id: id.into(), ..InitiateResult::default() }.upload_id().map(str::to_owned)
    };
    assert_eq!(id("0004B9&=x y"), Ok("0004B9&=x y".into()), "encoded when sent");
    for bad in ["", "a\nb", &"x".repeat(10 << 10)] {
        assert_eq!(id(bad), Err(ReplyError::UploadId));
    }
    assert_eq!(initiate(b"<InitiateMultipartUploadResult/>").unwrap().upload_id(), Err(ReplyError::UploadId));
}

#[test]
fn x10_inconsistent_part_listings_are_refused() {
    let parts = |numbers: &[u32], marker| {
        let inside: String = numbers
            .iter()
            .map(|n| format!("<Part><PartNumber>{n}</PartNumber><Size>1</Size></Part>"))
            .collect();
        let result =
            ListPartsResult::from_xml(format!("<ListPartsResult>{inside}</ListPartsResult>").as_bytes())
                .unwrap();
        result.checked(marker)
    };
    assert_eq!(parts(&[1, 2, 9], 0), Ok(()));
    for (numbers, marker) in [(&[0, 1][..], 0), (&[1, 1], 0), (&[2, 1], 0), (&[10_001], 0), (&[3], 3)] {
        assert!(parts(numbers, marker).is_err(), "{numbers:?}");
    }
    let truncated =
        ListPartsResult { is_truncated: true, next_part_number_marker: 3, ..ListPartsResult::default() };
    assert!(truncated.checked(3).is_err());
    assert_eq!(truncated.checked(2), Ok(()));
}

#[test]
fn x04_x05_pages_of_uploads_must_match_the_request() {
    let document = |inside: &str| {
        let text =
            format!("<ListMultipartUploadsResult><Bucket>box</Bucket>{inside}</ListMultipartUploadsResult>");
        ListMultipartUploadsResult::from_xml(text.as_bytes()).unwrap()
    };
    let entries = |lines: &[&str]| -> String {
        let entry = |line: &&str| {
            let (key, id) = line.split_once(' ').unwrap();
            format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>")
        };
        lines.iter().map(entry).collect()
    };
    let reason = |answer: Result<UploadPage, ReplyError>| match answer {
        Err(ReplyError::Listing { reason }) => reason,
        other => panic!("{other:?}"),
    };
    let all = ListMultipartUploads::default();
    let below = ListMultipartUploads { prefix: "p/".into(), ..all.clone() };
    let after = ListMultipartUploads { key_marker: "k".into(), ..all.clone() };
    let within = ListMultipartUploads { upload_id_marker: "5".into(), ..after.clone() };
    // Of one key, in any order.
    let page = document(&entries(&["a 2", "a 1", "b 1"])).checked("box", &all).unwrap();
    let names: Vec<_> =
        page.uploads.iter().map(|upload| format!("{}{}", upload.key, upload.upload_id)).collect();
    assert_eq!(names, ["a2", "a1", "b1"]);
    assert_eq!(document(&entries(&["k 4", "k 6", "l 5"])).checked("box", &within).unwrap().uploads.len(), 3);
    for (lines, request, wanted) in [
        (&["q 1"][..], &below, "a key lacks the prefix"),
        (&[" 1"], &all, "a key lacks the prefix"),
        (&["b 1", "a 1"], &all, "uploads are repeated or out of order"),
        (&["a 1", "a 1"], &all, "uploads are repeated or out of order"),
        (&["j 1"], &after, "uploads are repeated or out of order"),
        (&["k 1"], &after, "uploads are repeated or out of order"),
        (&["k 5"], &within, "uploads are repeated or out of order"),
        (&["a "], &all, "an upload has no usable identifier"),
    ] {
        assert_eq!(reason(document(&entries(lines)).checked("box", request)), wanted, "{lines:?}");
    }
    assert_eq!(reason(document("").checked("other", &all)), "the bucket is another");
    let group = document("<CommonPrefixes><Prefix>q/</Prefix></CommonPrefixes>");
    assert_eq!(reason(group.checked("box", &below)), "a common prefix lacks the prefix");
    let encoded = document(
        "<EncodingType>url</EncodingType><Upload><Key>a%20%2B%C3%BC</Key><UploadId>1</UploadId></Upload>",
    );
    assert_eq!(encoded.checked("box", &all).unwrap().uploads[0].key, "a +ü");
    let unknown =
        document("<EncodingType>rot13</EncodingType><Upload><Key>a</Key><UploadId>1</UploadId></Upload>");
    assert_eq!(reason(unknown.checked("box", &all)), "the encoding type is unknown");
    let next = |key: &str, id: &str, lines: &[&str], request: &ListMultipartUploads| {
        let inside = format!(
            "{}<IsTruncated>true</IsTruncated><NextKeyMarker>{key}</NextKeyMarker><NextUploadIdMarker>{id}</NextUploadIdMarker>",
            entries(lines)
        );
        document(&inside).checked("box", request)
    };
    for (key, id, lines, request) in [
        ("", "", &["a 1"][..], &all),
        ("a", "1", &["b 1"], &all),
        ("j", "1", &[], &after),
        ("k", "5", &[], &within),
        ("k", "", &[], &within),
    ] {
        let wanted = "its continuation is missing or does not advance";
        assert_eq!(reason(next(key, id, lines, request)), wanted, "{key} {id}");
    }
    let wanted = UploadMarker { key: "k".into(), upload_id: "6".into() };
    assert_eq!(next("k", "6", &["k 6"], &within).unwrap().next, Some(wanted));
}

#[test]
fn documents_round_trip() {
    let mut buckets = ListBucketsResult::default();
    buckets
        .buckets
        .bucket
        .push(osseal_wire::oss::xml::Bucket { name: "a<&>\"'b".into(), ..Default::default() });
    assert_eq!(ListBucketsResult::from_xml(buckets.to_xml().as_bytes()), Ok(buckets));
    let mut list = ListObjectsResult { name: "box".into(), ..Default::default() };
    for key in ["a b", "对象 😀", " leading", "<tag>&amp;"] {
        list.contents.push(osseal_wire::oss::xml::ObjectEntry {
            key: key.into(),
            size: "7".into(),
            ..Default::default()
        });
    }
    assert_eq!(ListObjectsResult::from_xml(list.to_xml().as_bytes()), Ok(list));
}
