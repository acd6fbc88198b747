//! Uploads in parts.

use futures_util::FutureExt;
use osseal_wire::oss::Crc64;
use osseal_wire::oss::request::{Call, ListParts, PutObject, UploadPart};
use osseal_wire::oss::xml::ListPartsResult;

use crate::expect::{Outcome, holds, readable, same};
use crate::probe::{PART, Probe, completion, numbered, ramp, with_metadata};
use crate::{Case, case};

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    case("multipart/round-trip", "Parts become one object with the headers of the beginning and a combined checksum.", |p| round_trip(p).boxed()),
    case("multipart/any-order", "Parts may arrive in any order, and numbers may be left out.", |p| any_order(p).boxed()),
    case("multipart/invisible", "Nothing is there before the end, and what was there before stays.", |p| invisible(p).boxed()),
    case("multipart/replaced-part", "A part that is sent again replaces the one before.", |p| replaced_part(p).boxed()),
    case("multipart/selected-parts", "Parts that the end does not list are dropped.", |p| selected_parts(p).boxed()),
    case("multipart/digest", "A part with a wrong digest or checksum is refused.", |p| digest(p).boxed()),
    case("multipart/list", "Parts are listed by number, in pages, with sizes and ETags.", |p| list(p).boxed()),
    case("multipart/smallest-part", "Every part but the last has at least 100 KiB, asked at the end.", |p| smallest_part(p).boxed()),
    case("multipart/order", "The end lists parts in ascending order.", |p| order(p).boxed()),
    case("multipart/unknown-part", "The end lists parts that are there, by the ETag they have.", |p| unknown_part(p).boxed()),
    case("multipart/part-numbers", "Part numbers are 1 to 10,000.", |p| part_numbers(p).boxed()),
    case("multipart/aborted", "An aborted upload is gone.", |p| aborted(p).boxed()),
    case("multipart/once", "An upload ends once.", |p| once(p).boxed()),
    case("multipart/document", "The end is a document that says which parts.", |p| document(p).boxed()),
];

fn begun() -> PutObject {
    PutObject::default()
}

async fn round_trip(probe: &Probe<'_>) -> Outcome {
    let (key, body) = (probe.key("a"), ramp(2 * PART + 7));
    let headers = [("content-type", "text/x-ramp"), ("x-oss-meta-colour", "red")];
    let upload = probe.initiate(&key, with_metadata(&headers)).await?;
    let mut parts = Vec::new();
    for (number, part) in (1..).zip(body.chunks(PART)) {
        let stored = probe.part(&key, numbered(&upload, number), part).await?.stored()?;
        same("the CRC64 of a part", stored.crc64, Some(Crc64::of(part)))?;
        parts.push((number, stored.etag));
    }
    let result = probe.completed(&key, &upload, &parts).await?;
    same("the key of the result", &result.key, &key)?;
    let reply = probe.reads(&key, &body).await?;
    for (name, value) in headers {
        same(name, reply.header(name), value)?;
    }
    let object = reply.object()?;
    same("the ETag", &object.etag, &result.etag)?;
    same("the CRC64", object.crc64, Some(Crc64::of(&body)))?;
    same("x-oss-object-type", object.object_type.as_str(), "Multipart")
}

async fn any_order(probe: &Probe<'_>) -> Outcome {
    let (key, body) = (probe.key("a"), ramp(2 * PART + 7));
    let upload = probe.initiate(&key, begun()).await?;
    let mut parts = Vec::new();
    for (number, part) in [2, 70, 9999].into_iter().zip(body.chunks(PART)).rev() {
        parts.insert(0, (number, probe.plain_part(&key, &upload, number, part).await?));
    }
    probe.completed(&key, &upload, &parts).await?;
    probe.reads(&key, &body).await.map(drop)
}

async fn invisible(probe: &Probe<'_>) -> Outcome {
    let (absent, present) = (probe.key("absent"), probe.key("present"));
    probe.put(&present, b"before").await?;
    for key in [&absent, &present] {
        let upload = probe.initiate(key, begun()).await?;
        probe.plain_part(key, &upload, 1, b"after").await?;
    }
    probe.lacks(&absent).await?;
    probe.reads(&present, b"before").await.map(drop)
}

async fn replaced_part(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, begun()).await?;
    let first = probe.plain_part(&key, &upload, 1, b"first").await?;
    let second = probe.plain_part(&key, &upload, 1, b"second").await?;
    probe.complete(&key, &upload, &[(1, first)]).await?.refuses(400, "InvalidPart", "")?;
    probe.completed(&key, &upload, &[(1, second)]).await?;
    probe.reads(&key, b"second").await.map(drop)
}

async fn selected_parts(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, begun()).await?;
    probe.plain_part(&key, &upload, 1, b"one").await?;
    let second = probe.plain_part(&key, &upload, 2, b"two").await?;
    probe.plain_part(&key, &upload, 3, b"three").await?;
    probe.completed(&key, &upload, &[(2, second)]).await?;
    probe.reads(&key, b"two").await.map(drop)
}

async fn digest(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, begun()).await?;
    let wrong = UploadPart { content_md5: Some("1B2M2Y8AsgTpgAmY7PhCfg==".into()), ..numbered(&upload, 1) };
    probe.part(&key, wrong, b"part").await?.refuses(400, "InvalidDigest", "")?;
    let wrong = UploadPart { crc64: Some(1), ..numbered(&upload, 1) };
    probe.part(&key, wrong, b"part").await?.refuses(400, "InvalidCRC64", "")?;
    same("the number of parts", parts(probe, &key, &upload, None).await?.parts.len(), 0)
}

async fn parts(
    probe: &Probe<'_>,
    key: &str,
    upload: &str,
    page: Option<(u32, u32)>,
) -> Outcome<ListPartsResult> {
    let list = ListParts {
        upload_id: upload.to_owned(),
        part_number_marker: page.map(|(marker, _)| marker),
        max_parts: page.map(|(_, most)| most),
        ..ListParts::default()
    };
    let reply = probe.ask(key, Call::ListParts(list)).send().await?.answers(200)?;
    let result = readable("a list of parts", ListPartsResult::from_xml(&reply.body))?;
    readable("a list of parts that fits its request", result.checked(page.map_or(0, |(marker, _)| marker)))?;
    Ok(result)
}

async fn list(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, begun()).await?;
    let mut expected = Vec::new();
    for number in [1, 3, 4, 7, 9] {
        let body = ramp(1000 + number as usize);
        expected.push((number, body.len() as u64, probe.plain_part(&key, &upload, number, &body).await?));
    }
    let whole = parts(probe, &key, &upload, None).await?;
    let facts = |result: &ListPartsResult| -> Vec<_> {
        result.parts.iter().map(|part| (part.part_number, part.size, part.etag.clone())).collect()
    };
    same("the parts", facts(&whole), expected.clone())?;
    same("IsTruncated", whole.is_truncated, false)?;
    let (mut marker, mut listed) = (0, Vec::new());
    for _ in 0..3 {
        let page = parts(probe, &key, &upload, Some((marker, 2))).await?;
        listed.extend(facts(&page));
        same("IsTruncated", page.is_truncated, listed.len() < expected.len())?;
        marker = page.next_part_number_marker;
    }
    same("the parts of all pages", listed, expected)
}

async fn smallest_part(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, begun()).await?;
    let mut parts = Vec::new();
    for (number, size) in [(1, PART), (2, PART - 1), (3, 1)] {
        parts.push((number, probe.plain_part(&key, &upload, number, &ramp(size)).await?));
    }
    probe.complete(&key, &upload, &parts).await?.refuses(400, "EntityTooSmall", "0042-00000213")?;
    parts.pop();
    probe.completed(&key, &upload, &parts).await?;
    same("the size", probe.head(&key).await?.object()?.range.total, 2 * PART as u64 - 1)
}

async fn order(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, begun()).await?;
    let first = (1, probe.plain_part(&key, &upload, 1, &ramp(PART)).await?);
    let second = (2, probe.plain_part(&key, &upload, 2, &ramp(PART)).await?);
    let wrong = [second.clone(), first.clone()];
    probe.complete(&key, &upload, &wrong).await?.refuses(400, "InvalidPartOrder", "")?;
    probe.completed(&key, &upload, &[first, second]).await.map(drop)
}

async fn unknown_part(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, begun()).await?;
    let etag = probe.plain_part(&key, &upload, 1, b"part").await?;
    probe.complete(&key, &upload, &[(2, etag.clone())]).await?.refuses(400, "InvalidPart", "")?;
    let other = "\"00000000000000000000000000000000\"".to_owned();
    probe.complete(&key, &upload, &[(1, other)]).await?.refuses(400, "InvalidPart", "")?;
    probe.completed(&key, &upload, &[(1, etag)]).await.map(drop)
}

async fn part_numbers(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, begun()).await?;
    for number in [0, 10_001] {
        probe.part(&key, numbered(&upload, number), b"part").await?.refuses(400, "InvalidArgument", "")?;
    }
    let etag = probe.plain_part(&key, &upload, 10_000, b"last").await?;
    probe.completed(&key, &upload, &[(10_000, etag)]).await?;
    probe.reads(&key, b"last").await.map(drop)
}

async fn aborted(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, begun()).await?;
    let etag = probe.plain_part(&key, &upload, 1, b"part").await?;
    probe.ask(&key, Call::AbortMultipartUpload { upload_id: upload.clone() }).send().await?.answers(204)?;
    probe.part(&key, numbered(&upload, 2), b"part").await?.refuses(404, "NoSuchUpload", "")?;
    let list = ListParts { upload_id: upload.clone(), ..ListParts::default() };
    probe.ask(&key, Call::ListParts(list)).send().await?.refuses(404, "NoSuchUpload", "")?;
    probe.complete(&key, &upload, &[(1, etag)]).await?.refuses(404, "NoSuchUpload", "")?;
    probe.lacks(&key).await
}

async fn once(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, begun()).await?;
    let parts = [(1, probe.plain_part(&key, &upload, 1, b"part").await?)];
    probe.completed(&key, &upload, &parts).await?;
    probe.put(&key, b"later").await?;
    probe.complete(&key, &upload, &parts).await?.refuses(404, "NoSuchUpload", "")?;
    probe.reads(&key, b"later").await.map(drop)
}

async fn document(probe: &Probe<'_>) -> Outcome {
    let key = probe.key("a");
    let upload = probe.initiate(&key, begun()).await?;
    let etag = probe.plain_part(&key, &upload, 1, b"part").await?;
    for body in ["", "<CompleteMultipartUpload>", "<Other/>"] {
        let letter = probe.ask(&key, Call::CompleteMultipartUpload(completion(&upload, &[])));
        letter.body(body).send().await?.refuses(400, "MalformedXML", "")?;
    }
    let reply = probe.complete(&key, &upload, &[]).await?;
    holds("a refusal of no parts at all", reply.status == 400, || reply.shown())?;
    probe.completed(&key, &upload, &[(1, etag)]).await.map(drop)
}
