//! Signatures cover sub-resources, and their documents round-trip.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use http::request::Parts;
use jiff::Timestamp;
use osseal_wire::oss::request::*;
use osseal_wire::oss::xml::{
    AccessControlPolicy, BucketInfo, BucketStat, CopyPartResult, ListMultipartUploadsResult,
    LocationConstraint, Tagging,
};
use osseal_wire::oss::{Acl, Call, Credentials, Endpoint, Request, Subject, Tags, auth, sign_v1, sign_v4};

fn calls() -> Vec<(Option<&'static str>, Call)> {
    let version_id = || Some("v7".to_owned());
    let part = UploadPartCopy {
        upload_id: "U".into(),
        part_number: 7,
        source_bucket: "box".into(),
        source_key: "s".into(),
        ..UploadPartCopy::default()
    };
    let key = Some("k");
    vec![
        (key, Call::AppendObject(AppendObject { position: 7, ..AppendObject::default() })),
        (key, Call::UploadPartCopy(part)),
        (key, Call::GetObjectMeta { version_id: version_id() }),
        (key, Call::PutObjectTagging(PutObjectTagging { version_id: version_id(), tags: Tags::default() })),
        (key, Call::GetObjectTagging { version_id: version_id() }),
        (key, Call::DeleteObjectTagging { version_id: version_id() }),
        (key, Call::PutObjectAcl(PutObjectAcl { version_id: version_id(), acl: Acl::Private })),
        (key, Call::GetObjectAcl { version_id: version_id() }),
        (key, Call::PutSymlink(PutSymlink { target: "t".into(), ..PutSymlink::default() })),
        (key, Call::GetSymlink { version_id: version_id() }),
        (key, Call::InitiateMultipartUpload(InitiateMultipartUpload::default())),
        (None, Call::ListMultipartUploads(ListMultipartUploads::default())),
        (None, Call::PutBucketAcl(Acl::PublicRead)),
        (None, Call::GetBucketAcl),
        (None, Call::GetBucketInfo),
        (None, Call::GetBucketLocation),
        (None, Call::GetBucketStat),
    ]
}

#[test]
fn both_signatures_cover_every_sub_resource() {
    let credentials = Credentials::new("ak", "sk");
    let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let endpoint = Endpoint::parse("http://127.0.0.1").unwrap();
    for (key, call) in calls() {
        let subject = Subject { bucket: Some("box"), key, region: "cn-hangzhou" };
        let request = Request { bucket: Some("box".into()), key: key.map(str::to_owned), call };
        let code = |head: &Parts| {
            let known = |_: &str| Some(credentials.clone());
            auth::verify(head, subject, known, now).map_err(|error| error.code.to_string())
        };
        for is_v4 in [false, true] {
            let mut head = request.head(&endpoint).unwrap();
            if is_v4 {
                sign_v4::sign(&mut head, subject, &credentials, &[], now).unwrap();
            } else {
                sign_v1::sign(&mut head, subject, &credentials, now).unwrap();
            }
            assert_eq!(code(&head), Ok(()), "{request:?}");
            let (path, query) = (head.uri.path().to_owned(), head.uri.query().unwrap().to_owned());
            let pairs: Vec<&str> = query.split('&').collect();
            for at in 0..pairs.len() {
                let mut fewer = pairs.clone();
                fewer.remove(at);
                head.uri = format!("{path}?{}", fewer.join("&")).parse().unwrap();
                let without = pairs[at];
                assert_eq!(
                    code(&head),
                    Err("SignatureDoesNotMatch".into()),
                    "without {without}, v4: {is_v4}"
                );
                let mut other = pairs.clone();
                let changed = format!("{without}8");
                other[at] = &changed;
                head.uri = format!("{path}?{}", other.join("&")).parse().unwrap();
                assert_eq!(code(&head), Err("SignatureDoesNotMatch".into()), "{changed}, v4: {is_v4}");
            }
        }
    }
}

/// The vendor's samples, shortened.
#[test]
fn documents_of_the_service_are_parsed() {
    let tags = Tagging::from_xml(
        br#"<?xml version="1.0" encoding="UTF-8"?><Tagging><TagSet><Tag><Key>age</Key><Value>18</Value></Tag><Tag><Key>b</Key><Value></Value></Tag></TagSet></Tagging>"#,
    );
    let tags = Tags::try_from(tags.unwrap()).unwrap();
    assert_eq!(tags.pairs().collect::<Vec<_>>(), [("age", "18"), ("b", "")]);
    assert_eq!(Tagging::from_xml(tags.to_document().to_xml().as_bytes()), Ok(tags.to_document()));
    assert_eq!(Tagging::from_xml(b"<Tagging><TagSet/></Tagging>"), Ok(Tagging::default()));
    let policy = AccessControlPolicy::from_xml(
        br#"<?xml version="1.0" ?><AccessControlPolicy><Owner><ID>0022012****</ID><DisplayName>0022012****</DisplayName></Owner><AccessControlList><Grant>public-read </Grant></AccessControlList></AccessControlPolicy>"#,
    );
    assert_eq!(policy.unwrap().list.grant.trim(), "public-read");
    let info = BucketInfo::from_xml(
        br"<BucketInfo><Bucket><CreationDate>2013-07-31T10:56:21.000Z</CreationDate><Location>oss-cn-hangzhou</Location><HierarchicalNamespace>Enabled</HierarchicalNamespace><Name>oss-example</Name><Owner><DisplayName>username</DisplayName><ID>27183473914****</ID></Owner><AccessControlList><Grant>private</Grant></AccessControlList><Comment>test</Comment></Bucket></BucketInfo>",
    );
    let info = info.unwrap();
    assert_eq!((info.bucket.name.as_str(), info.bucket.list.grant.as_str()), ("oss-example", "private"));
    assert_eq!(BucketInfo::from_xml(info.to_xml().as_bytes()), Ok(info));
    let location = LocationConstraint::from_xml(
        br#"<?xml version="1.0" encoding="UTF-8"?><LocationConstraint xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com">oss-cn-hangzhou</LocationConstraint>"#,
    );
    let location = location.unwrap();
    assert_eq!(location.location, "oss-cn-hangzhou");
    assert_eq!(LocationConstraint::from_xml(location.to_xml().as_bytes()), Ok(location));
    let stat = BucketStat {
        storage: 1600,
        object_count: 230,
        last_modified_time: 1_643_341_269,
        ..BucketStat::default()
    };
    assert_eq!(BucketStat::from_xml(stat.to_xml().as_bytes()), Ok(stat));
    let copied = CopyPartResult::from_xml(
        br#"<CopyPartResult xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com"><LastModified>2014-07-17T06:27:54.000Z</LastModified><ETag>"5B3C1A2E053D763E1B002CC607C5****"</ETag></CopyPartResult>"#,
    );
    assert_eq!(copied.unwrap().etag, "\"5B3C1A2E053D763E1B002CC607C5****\"");
    let uploads = ListMultipartUploadsResult::from_xml(
        br#"<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com">
    <Bucket>oss-example</Bucket>
    <KeyMarker></KeyMarker>
    <UploadIdMarker></UploadIdMarker>
    <NextKeyMarker>oss.avi</NextKeyMarker>
    <NextUploadIdMarker>0004B99B8E707874FC2D692FA5D77D3F</NextUploadIdMarker>
    <Delimiter></Delimiter>
    <Prefix></Prefix>
    <MaxUploads>1000</MaxUploads>
    <IsTruncated>false</IsTruncated>
    <Upload>
        <Key>multipart.data</Key>
        <UploadId>0004B999EF518A1FE585B0C9360DC4C8</UploadId>
        <Initiated>2012-02-23T04:18:23.000Z</Initiated>
    </Upload>
    <Upload>
        <Key>oss.avi</Key>
        <UploadId>0004B99B8E707874FC2D692FA5D7****</UploadId>
        <Initiated>2012-02-23T06:14:27.000Z</Initiated>
    </Upload>
</ListMultipartUploadsResult>"#,
    );
    let uploads = uploads.unwrap();
    let keys: Vec<&str> = uploads.uploads.iter().map(|upload| upload.key.as_str()).collect();
    assert_eq!((keys, uploads.next_key_marker.as_str()), (vec!["multipart.data", "oss.avi"], "oss.avi"));
    assert_eq!(ListMultipartUploadsResult::from_xml(uploads.to_xml().as_bytes()), Ok(uploads));
}
