//! Versioning and removals: documents and heads, sound and malformed.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use http::{HeaderMap, Method, StatusCode};
use osseal_wire::oss::request::{ListObjectVersions, Versioning};
use osseal_wire::oss::versions::DeletionResult;
use osseal_wire::oss::xml::{
    DeleteRequest, DeleteResult, ListVersionsResult, MarkerEntry, ObjectName, VersionEntry,
    VersioningConfiguration, VersionsEntry, XmlError,
};
use osseal_wire::oss::{
    Call, CopyReply, DeleteReply, ErrorDetail, Hosts, ReplyError, Request, ServiceError, VersionMarker,
    VersionPage,
};

fn page(inside: &str) -> ListVersionsResult {
    let document = format!("<ListVersionsResult><Name>box</Name>{inside}</ListVersionsResult>");
    ListVersionsResult::from_xml(document.as_bytes()).unwrap()
}

/// `v key id` is a version, `m key id` a marker; `!` at the end says that it is the latest.
fn entries(lines: &[&str]) -> String {
    let entry = |line: &&str| {
        let latest = line.ends_with('!');
        let mut words = line.trim_end_matches('!').split(' ');
        let (kind, key, id) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let common = format!("<Key>{key}</Key><VersionId>{id}</VersionId><IsLatest>{latest}</IsLatest>");
        match kind {
            "v" => format!("<Version>{common}<Size>1</Size></Version>"),
            _ => format!("<DeleteMarker>{common}</DeleteMarker>"),
        }
    };
    lines.iter().map(entry).collect()
}

fn checked(lines: &[&str], request: &ListObjectVersions) -> Result<VersionPage, ReplyError> {
    page(&entries(lines)).checked("box", request)
}

fn reason<T: std::fmt::Debug>(answer: Result<T, ReplyError>) -> &'static str {
    match answer {
        Err(ReplyError::Listing { reason } | ReplyError::Contents { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn order_of_versions_and_markers_is_kept() {
    let document = "<ListVersionsResult xmlns=\"urn:x\"><Name>box</Name><New>1<a/></New>\n <DeleteMarker><Key>a</Key><VersionId>3</VersionId><IsLatest>true</IsLatest><Owner><ID>0</ID></Owner></DeleteMarker>
        <Version><Key>a</Key><VersionId>2</VersionId><IsLatest>false</IsLatest><Size>7</Size><ETag>\"E\"</ETag></Version><Prefix></Prefix>
        <DeleteMarker><Key>a</Key><VersionId>1</VersionId></DeleteMarker><CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>
        <Version><Key>c</Key><VersionId>null</VersionId><IsLatest>true</IsLatest><Size>0</Size></Version><IsTruncated>false</IsTruncated></ListVersionsResult>";
    let page = ListVersionsResult::from_xml(document.as_bytes()).unwrap();
    let page = page.checked("box", &ListObjectVersions::default()).unwrap();
    let shape: Vec<_> = page
        .versions
        .iter()
        .map(|version| {
            let size = version.stored.as_ref().map(|stored| stored.stored_size);
            (version.key.as_str(), version.version_id.as_str(), version.is_latest, size)
        })
        .collect();
    assert_eq!(
        shape,
        [
            ("a", "3", true, None),
            ("a", "2", false, Some(7)),
            ("a", "1", false, None),
            ("c", "null", true, Some(0))
        ]
    );
    assert_eq!((page.prefixes, page.next), (vec!["b/".to_owned()], None));
    // Kinds that are listed apart are put together by key.
    let apart = checked(&["m a 3", "m c 1", "v a 2", "v b 1"], &ListObjectVersions::default()).unwrap();
    let order: Vec<_> =
        apart.versions.iter().map(|version| format!("{}{}", version.key, version.version_id)).collect();
    assert_eq!(order, ["a3", "a2", "b1", "c1"]);
}

#[test]
fn x04_x05_pages_of_versions_must_match_the_request() {
    let all = ListObjectVersions::default();
    let below = ListObjectVersions { prefix: "p/".into(), ..all.clone() };
    let after = ListObjectVersions { key_marker: "k".into(), ..all.clone() };
    let within = ListObjectVersions { version_id_marker: "5".into(), ..after.clone() };
    for (lines, request, wanted) in [
        (&["v q 1"][..], &below, "a key lacks the prefix"),
        (&["v b 1", "v a 1"], &all, "versions are repeated or out of order"),
        (&["m b 1", "m a 1"], &all, "versions are repeated or out of order"),
        (&["v a 1", "v a 1"], &all, "versions are repeated or out of order"),
        (&["v a 1", "m a 1"], &all, "versions are repeated or out of order"),
        (&["v j 1"], &after, "versions are repeated or out of order"),
        (&["v k 1"], &after, "versions are repeated or out of order"),
        (&["v k 5"], &within, "versions are repeated or out of order"),
        (&["v a 2!", "m a 1!"], &all, "a key has several latest versions"),
        (&["v a "], &all, "a version has no usable identifier"),
    ] {
        assert_eq!(reason(checked(lines, request)), wanted, "{lines:?}");
    }
    assert_eq!(checked(&["v k 4", "m k 3", "v l 1!"], &within).unwrap().versions.len(), 3);
    assert_eq!(reason(page("").checked("other", &all)), "the bucket is another");
    let size = page("<Version><Key>a</Key><VersionId>1</VersionId><Size>-1</Size></Version>");
    assert_eq!(reason(size.checked("box", &all)), "a size is not a number");
    let group = page("<CommonPrefixes><Prefix>q/</Prefix></CommonPrefixes>");
    assert_eq!(reason(group.checked("box", &below)), "a common prefix lacks the prefix");
    let next = |key: &str, version: &str, lines: &[&str], request: &ListObjectVersions| {
        let inside = format!(
            "{}<IsTruncated>true</IsTruncated><NextKeyMarker>{key}</NextKeyMarker><NextVersionIdMarker>{version}</NextVersionIdMarker>",
            entries(lines)
        );
        page(&inside).checked("box", request).map(|page| page.next)
    };
    let marker = |key: &str, version: &str| VersionMarker { key: key.into(), version_id: version.into() };
    assert_eq!(next("l", "1", &["v l 1"], &after), Ok(Some(marker("l", "1"))));
    assert_eq!(next("k", "4", &["v k 4"], &within), Ok(Some(marker("k", "4"))), "further in the same key");
    for (key, version, lines, request) in [
        ("", "", &[][..], &all),
        ("j", "1", &[], &after),
        ("k", "", &[], &after),
        ("k", "5", &[], &within),
        ("l", "1", &["v m 1"], &after),
    ] {
        let answer = next(key, version, lines, request);
        assert_eq!(reason(answer), "its continuation is missing or does not advance", "{key} {version}");
    }
}

#[test]
fn x06_keys_of_versions_are_decoded_once() {
    let key = |encoding: &str, key: &str| {
        let inside = format!("<EncodingType>{encoding}</EncodingType>{}", entries(&[&format!("m {key} 1")]));
        page(&inside).checked("box", &ListObjectVersions::default()).map(|page| page.versions[0].key.clone())
    };
    assert_eq!(key("url", "a%2520b%2Fc+d"), Ok("a%20b/c d".into()));
    assert_eq!(key("", "a%20b"), Ok("a%20b".into()));
    assert_eq!(reason(key("url", "%ff")), "a name is not UTF-8");
    assert_eq!(reason(key("base64", "a")), "the encoding type is unknown");
}

#[test]
fn listings_round_trip() {
    let marker = MarkerEntry {
        key: "a<b".into(),
        version_id: "2".into(),
        is_latest: true,
        last_modified: "t".into(),
        ..Default::default()
    };
    let version =
        VersionEntry { key: "a<b".into(), size: "7".into(), etag: "\"E\"".into(), ..Default::default() };
    let list = ListVersionsResult {
        name: "box".into(),
        max_keys: 100,
        is_truncated: true,
        entries: vec![
            VersionsEntry::DeleteMarker(marker.clone()),
            VersionsEntry::Version(version),
            VersionsEntry::DeleteMarker(marker),
        ],
        ..Default::default()
    };
    assert_eq!(ListVersionsResult::from_xml(list.to_xml().as_bytes()), Ok(list));
}

#[test]
fn versioning_states_round_trip() {
    let state = |document: &str| VersioningConfiguration::from_xml(document.as_bytes()).unwrap().state();
    for (status, wanted) in [("Enabled", Versioning::Enabled), ("Suspended", Versioning::Suspended)] {
        let document =
            format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
        assert_eq!(state(&document), Ok(Some(wanted)));
    }
    assert_eq!(state("<VersioningConfiguration/>"), Ok(None));
    assert_eq!(state("<VersioningConfiguration><Status/></VersioningConfiguration>"), Ok(None));
    assert_eq!(
        VersioningConfiguration::default().to_xml().lines().last(),
        Some("<VersioningConfiguration/>")
    );
    let other = state("<VersioningConfiguration><Status>On</Status></VersioningConfiguration>");
    assert_eq!(reason(other), "the versioning state is unknown");
}

/// Parses a request with this body as a server does; `md5` replaces the correct digest.
fn received(line: &str, body: &str, md5: Option<&str>) -> Result<Call, ServiceError> {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = http::Request::builder()
        .method(method.parse::<Method>().unwrap())
        .uri(path)
        .header("host", "127.0.0.1");
    if let Some(md5) = md5 {
        request = request.header("content-md5", md5);
    }
    let head = request.body(()).unwrap().into_parts().0;
    Request::from_http(&head, &Hosts::default(), body.as_bytes()).map(|request| request.call)
}

#[test]
fn delete_multiple_objects_is_validated() {
    let refusal = |body: &str, md5: Option<&str>| {
        let error = received("POST /box?delete", body, md5).unwrap_err();
        (error.code.clone(), error.ec)
    };
    let one = "<Delete><Object><Key>a</Key></Object></Delete>";
    let (code, ec) = refusal(one, None);
    assert_eq!((code.as_str(), ec.as_str()), ("MissingArgument", "0016-00000606"));
    for md5 in ["XUFAKrxLKna5cZ2REBfFkg==", "no base64", ""] {
        assert_eq!(refusal(one, Some(md5)).0, "InvalidDigest", "{md5}");
    }
    let many = "<Object><Key>a</Key></Object>".repeat(1001);
    for (inside, code, ec) in [
        ("<Delete><Object><Key>a</Key></Object>", "MalformedXML", "0016-00000607"),
        ("<!DOCTYPE a><Delete/>", "MalformedXML", "0016-00000607"),
        ("<BatchDelete><Object><Key>a</Key></Object></BatchDelete>", "MalformedXML", "0016-00000608"),
        (
            "<Delete><Quiet>maybe</Quiet><Object><Key>a</Key></Object></Delete>",
            "MalformedXML",
            "0016-00000607",
        ),
        (&format!("<Delete>{many}</Delete>"), "MalformedXML", "0016-00000609"),
        ("<Delete><Quiet>false</Quiet></Delete>", "MalformedXML", "0016-00000615"),
        ("<Delete><Object><VersionId>1</VersionId></Object></Delete>", "MalformedXML", "0016-00000613"),
        (
            "<Delete><Object><Key>a</Key><VersionId></VersionId></Object></Delete>",
            "MalformedXML",
            "0016-00000612",
        ),
        ("<Delete><Object><Key></Key></Object></Delete>", "InvalidObjectName", ""),
        (
            &format!("<Delete><Object><Key>{}</Key></Object></Delete>", "k".repeat(1024)),
            "InvalidObjectName",
            "",
        ),
    ] {
        let md5 = md5_of(inside);
        assert_eq!(refusal(inside, Some(&md5)), (code.into(), ec.to_owned()), "{inside:.80}");
    }
    let spaced = "\n<Delete>\n <Quiet>true</Quiet>\n <Object>\n  <Key>a&#1;&lt;b </Key>\n  <VersionId>v</VersionId>\n </Object>\n</Delete>";
    let Ok(Call::DeleteMultipleObjects(read)) =
        received("POST /box?delete&encoding-type=url", spaced, Some(&md5_of(spaced)))
    else {
        panic!("refused");
    };
    let wanted = ObjectName { key: Some("a\u{1}<b ".into()), version_id: Some("v".into()) };
    assert_eq!((read.delete.quiet, read.url_encoding, read.delete.objects), (true, true, vec![wanted]));
}

/// Of a document that this library's own client would send.
fn md5_of(body: &str) -> String {
    use md5::{Digest, Md5};
    data_encoding::BASE64.encode(&Md5::digest(body))
}

#[test]
fn version_markers_require_a_key() {
    let error = received("GET /box?versions&version-id-marker=1", "", None).unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (400, "InvalidArgument"));
    let error = received("PUT /box?versioning", "<VersioningConfiguration/>", None).unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (400, "MalformedXML"));
}

fn asked(quiet: bool, names: &[(&str, &str)]) -> DeleteRequest {
    let object = |(key, version): &(&str, &str)| ObjectName {
        key: Some((*key).to_owned()),
        version_id: Some((*version).to_owned()).filter(|version| !version.is_empty()),
    };
    DeleteRequest { quiet, objects: names.iter().map(object).collect() }
}

#[test]
fn x12_a_reply_to_deletions_names_only_requested_objects() {
    let answer = |document: &str, request: &DeleteRequest| {
        DeleteResult::from_reply(document.as_bytes()).and_then(|result| result.checked(request))
    };
    let request = asked(false, &[("a b", ""), ("c", "7"), ("d", ""), ("e", "")]);
    let document = "<DeleteResult><EncodingType>url</EncodingType>
        <Deleted><Key>c</Key><VersionId>7</VersionId><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>7</DeleteMarkerVersionId></Deleted>
        <Error><Key>d</Key><Code>AccessDenied</Code><Message>no</Message></Error>
        <Deleted><Key>a%20b</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>9</DeleteMarkerVersionId></Deleted></DeleteResult>";
    let removed = |version: &str| {
        DeletionResult::Deleted(DeleteReply { version_id: Some(version.into()), is_marker: true })
    };
    let refused = DeletionResult::Failed { code: "AccessDenied".into(), message: "no".into() };
    assert_eq!(
        answer(document, &request),
        Ok(vec![removed("9"), removed("7"), refused.clone(), DeletionResult::Unreported])
    );
    // In quiet mode silence is consent.
    let quiet = asked(true, &[("a", ""), ("d", "")]);
    let silent = DeletionResult::Deleted(DeleteReply::default());
    assert_eq!(answer("", &quiet), Ok(vec![silent.clone(), silent.clone()]));
    let one = "<DeleteResult><Error><Key>d</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>";
    assert_eq!(answer(one, &quiet), Ok(vec![silent, refused]));
    for strange in [
        "<Deleted><Key>x</Key></Deleted>",
        "<Deleted><Key>c</Key></Deleted>",
        "<Deleted><Key>a b</Key><VersionId>1</VersionId></Deleted>",
        "<Error><Key>x</Key><Code>AccessDenied</Code></Error>",
        "<Deleted></Deleted>",
    ] {
        let answer = answer(&format!("<DeleteResult>{strange}</DeleteResult>"), &request);
        assert_eq!(reason(answer), "it names an object that the request lacks", "{strange}");
    }
    let twice = "<Deleted><Key>d</Key></Deleted><Error><Key>d</Key><Code>AccessDenied</Code></Error>";
    let answer_twice = answer(&format!("<DeleteResult>{twice}</DeleteResult>"), &request);
    assert_eq!(reason(answer_twice), "it has contradicting results for one object");
    assert_eq!(answer("<Other/>", &request), Err(ReplyError::Xml(XmlError::Root)));
    assert_eq!(answer("<DeleteResult>", &request), Err(ReplyError::Xml(XmlError::Damaged)));
}

#[test]
fn version_headers_round_trip() {
    for reply in [
        DeleteReply::default(),
        DeleteReply { version_id: Some("v".into()), is_marker: false },
        DeleteReply { version_id: Some("null".into()), is_marker: true },
    ] {
        assert_eq!(DeleteReply::from_head(&reply.to_headers().unwrap()), Ok(reply));
    }
    let copy = CopyReply { version_id: Some("2".into()), source_version_id: Some("1".into()) };
    assert_eq!(CopyReply::from_head(&copy.to_headers().unwrap()), Ok(copy));
    let mut headers = HeaderMap::new();
    headers.insert("x-oss-delete-marker", "perhaps".parse().unwrap());
    let malformed = ReplyError::MalformedHeader { name: "x-oss-delete-marker" };
    assert_eq!(DeleteReply::from_head(&headers), Err(malformed));

    let mut refusal = ServiceError::new(StatusCode::NOT_FOUND, "NoSuchKey", "gone", "");
    assert!(refusal.to_headers().is_empty());
    let markers = ["v", ""].map(|version| ErrorDetail::DeleteMarker(version.to_owned()));
    for detail in markers
        .into_iter()
        .chain([ErrorDetail::NextAppendPosition(0), ErrorDetail::NextAppendPosition(u64::MAX)])
    {
        refusal.detail = Some(Box::new(detail));
        let read = ServiceError::from_reply(
            StatusCode::NOT_FOUND,
            &refusal.to_headers(),
            refusal.to_xml("host").as_bytes(),
        );
        assert_eq!(read, refusal);
    }
}
