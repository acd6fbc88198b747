//! Parts that are copied inside the service.

use futures_util::FutureExt;
use osseal_wire::oss::request::{Call, PutObject, UploadPartCopy};
use osseal_wire::oss::xml::CopyPartResult;
use osseal_wire::oss::{Crc64, RangeSpec};

use crate::expect::{Outcome, readable, same};
use crate::letter::Reply;
use crate::probe::{PART, Probe, ramp};
use crate::{Case, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("part-copy/ranges", "Ranges of another object are parts like others, beside others.", |p| ranges(p).boxed()),
    case("part-copy/missing-source", "A source that is not there is NoSuchKey, an upload that is not there NoSuchUpload.", |p| missing(p).boxed()),
];

/// Copies bytes of an object of the bucket into a part; the reply is not judged.
pub(super) async fn part_copy(
    probe: &Probe<'_>,
    key: &str,
    upload: &str,
    part_number: u32,
    (source_key, range): (&str, Option<RangeSpec>),
) -> Outcome<Reply> {
    let copy = UploadPartCopy {
        upload_id: upload.to_owned(),
        part_number,
        source_bucket: probe.target.bucket.clone(),
        source_key: source_key.to_owned(),
        range,
        ..UploadPartCopy::default()
    };
    probe.ask(key, Call::UploadPartCopy(copy)).send().await
}

async fn ranges(probe: &Probe<'_>) -> Outcome {
    let (source, target, body) = (probe.key("source"), probe.key("target"), ramp(PART + 1000));
    probe.put(&source, &body).await?;
    let upload = probe.initiate(&target, PutObject::default()).await?;
    let first = RangeSpec::Bounded(10..10 + PART as u64);
    let mut parts = Vec::new();
    for (number, range) in [(1, Some(first)), (3, None)] {
        let reply = part_copy(probe, &target, &upload, number, (&source, range)).await?.answers(200)?;
        let result = readable("the result of a copied part", CopyPartResult::from_xml(&reply.body))?;
        parts.push((number, result.etag));
    }
    parts.insert(1, (2, probe.plain_part(&target, &upload, 2, &ramp(PART)).await?));
    probe.completed(&target, &upload, &parts).await?;
    let expected = [&body[10..10 + PART], &ramp(PART), &body].concat();
    let object = probe.reads(&target, &expected).await?.object()?;
    same("the CRC64", object.crc64, Some(Crc64::of(&expected)))
}

async fn missing(probe: &Probe<'_>) -> Outcome {
    let (none, source, target) = (probe.key("never-written"), probe.key("source"), probe.key("target"));
    probe.put(&source, b"source").await?;
    let upload = probe.initiate(&target, PutObject::default()).await?;
    let copy = part_copy(probe, &target, &upload, 1, (&none, None)).await?;
    copy.refuses(404, "NoSuchKey", "0026-00000001")?;
    probe
        .ask(&target, Call::AbortMultipartUpload { upload_id: upload.clone() })
        .send()
        .await?
        .answers(204)?;
    let copy = part_copy(probe, &target, &upload, 1, (&source, None)).await?;
    copy.refuses(404, "NoSuchUpload", "").map(drop)
}
