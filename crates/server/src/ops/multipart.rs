//! Multipart uploads: initiate, parts, list, complete, abort.

use aws_lc_rs::digest;
use http::StatusCode;
use osseal_wire::oss::request::{CompleteMultipartUpload, InitiateMultipartUpload, ListParts, UploadPart};
use osseal_wire::oss::xml::{CompleteResult, InitiateResult, ListPartsResult, PartEntry};
use osseal_wire::oss::{Crc64, PutReply, ServiceError};

use crate::backend::{BackendError, Kind, Meta, NewPart, Object, Overwrite, Part, Place, Upload, VersionId};
use crate::body::ingest::{BodyFailure, Incoming};
use crate::ops::buckets::iso;
use crate::ops::listing::{encoder, encoding};
use crate::ops::objects::case;
use crate::ops::state::{Answer, Inner, Outcome, declared, refusal_of};
use crate::rules::cse_rules::{self, Case, Stage};
use crate::rules::error_reply;
use crate::rules::random;

/// Most parts in a page.
const PAGE: u32 = 1000;

impl Inner {
    pub(crate) async fn initiate(&self, place: Place<'_>, initiate: &InitiateMultipartUpload) -> Outcome {
        let put = &initiate.object;
        put.metadata.check()?;
        let meta = Meta(put.metadata.0.clone());
        cse_rules::check(&case(Stage::Initiate, declared(&meta.0)))?;
        let exists = put.forbid_overwrite && self.backend.object(place, None).await.is_ok();
        if exists && !self.has_versions(place.bucket).await? {
            return Err(error_reply::exists());
        }
        let upload_id = random::id();
        let upload = Upload {
            id: upload_id.clone(),
            key: place.key.to_owned(),
            initiated: self.now(),
            meta,
            attributes: (&put.attributes).into(),
            forbid_overwrite: put.forbid_overwrite,
        };
        self.backend.create_upload(place, upload).await.map_err(refusal_of)?;
        let result = InitiateResult {
            bucket: place.bucket.to_owned(),
            key: encoder(initiate.url_encoding)(place.key),
            upload_id,
            encoding_type: encoding(initiate.url_encoding),
        };
        Ok(Answer::xml(result.to_xml()))
    }

    pub(crate) async fn upload_part(
        &self,
        place: Place<'_>,
        part: &UploadPart,
        incoming: &mut Incoming,
    ) -> Result<Answer, BackendError> {
        let (upload, _) = self.backend.upload(place, &part.upload_id).await?;
        let check = {
            let (headers, number) = (part.metadata.0.clone(), part.part_number);
            move |length: Option<u64>| {
                let (request, upload) = (declared(&headers), declared(&upload.meta.0));
                cse_rules::check(&Case {
                    stage: Stage::Part,
                    request,
                    upload,
                    number: Some(number),
                    length,
                    listed: None,
                })
            }
        };
        check(part.content_length).map_err(BodyFailure::from)?;
        self.demand(incoming, part.content_md5.as_deref(), part.crc64)?;
        incoming.demand_rule(Box::new(move |length| check(Some(length))));
        let new = NewPart { id: random::id(), number: part.part_number, modified: self.now() };
        let stored = self.backend.put_part(place, &part.upload_id, new, incoming).await?;
        let reply = PutReply { etag: stored.etag, crc64: Some(stored.crc64), ..PutReply::default() };
        Answer::stored(&reply).map_err(|error| BodyFailure::from(error).into())
    }

    pub(crate) async fn list_parts(&self, place: Place<'_>, list: &ListParts) -> Outcome {
        let (upload, parts) = self.backend.upload(place, &list.upload_id).await.map_err(refusal_of)?;
        let marker = list.part_number_marker.unwrap_or(0);
        let limit = list.max_parts.unwrap_or(PAGE).clamp(1, PAGE);
        let mut rest = parts.into_iter().filter(|part| part.number > marker);
        let page: Vec<PartEntry> = rest.by_ref().take(limit as usize).map(entry).collect();
        let envelope = |name: &str| {
            let value = upload.meta.value(&format!("{}{name}", cse_rules::PREFIX)).unwrap_or_default();
            String::from_utf8_lossy(value).into_owned()
        };
        let result = ListPartsResult {
            bucket: place.bucket.to_owned(),
            key: encoder(list.url_encoding)(place.key),
            upload_id: list.upload_id.clone(),
            part_number_marker: marker,
            next_part_number_marker: page.last().map_or(marker, |part| part.part_number),
            max_parts: limit,
            is_truncated: rest.next().is_some(),
            encoding_type: encoding(list.url_encoding),
            encryption_key: envelope("key"),
            encryption_start: envelope("start"),
            encryption_cek_alg: envelope("cek-alg"),
            encryption_wrap_alg: envelope("wrap-alg"),
            encryption_data_size: envelope("data-size"),
            encryption_part_size: envelope("part-size"),
            parts: page,
        };
        Ok(Answer::xml(result.to_xml()))
    }

    pub(crate) async fn complete(&self, place: Place<'_>, complete: &CompleteMultipartUpload) -> Outcome {
        let (upload, stored) = self.backend.upload(place, &complete.upload_id).await.map_err(refusal_of)?;
        let listed = &complete.parts.parts;
        let case = Case {
            stage: Stage::Complete,
            request: declared(&complete.metadata.0),
            upload: declared(&upload.meta.0),
            number: None,
            length: None,
            listed: Some(listed.len() as u64),
        };
        cse_rules::check(&case)?;
        let mut parts: Vec<Part> = Vec::with_capacity(listed.len());
        for wanted in listed {
            if parts.last().is_some_and(|before| before.number >= wanted.part_number) {
                return Err(error_reply::part_order());
            }
            let same = |part: &&Part| {
                part.number == wanted.part_number
                    && part.etag.trim_matches('"').eq_ignore_ascii_case(wanted.etag.trim_matches('"'))
            };
            parts.push(stored.iter().find(same).cloned().ok_or_else(error_reply::invalid_part)?);
        }
        self.check_sizes(&parts)?;
        let object = Object {
            id: random::id(),
            version: VersionId::default(),
            size: parts.iter().map(|part| part.size).sum(),
            etag: combined_etag(&parts),
            crc64: parts.iter().fold(Crc64::of(b""), |sum, part| Crc64::combine(sum, part.crc64, part.size)),
            md5: None,
            modified: self.now(),
            kind: Kind::Multipart,
            upload: Some(upload.id.clone()),
            meta: upload.meta.clone(),
            attributes: upload.attributes.clone(),
        };
        let forbidden = upload.forbid_overwrite || complete.forbid_overwrite;
        let overwrite = if forbidden { Overwrite::Forbidden } else { Overwrite::Allowed };
        let object =
            self.backend.complete(place, &upload.id, &parts, object, overwrite).await.map_err(refusal_of)?;
        let result = CompleteResult {
            location: format!("http://{}.oss-{}.aliyuncs.com/", place.bucket, self.region),
            bucket: place.bucket.to_owned(),
            key: encoder(complete.url_encoding)(place.key),
            etag: object.etag.clone(),
            encoding_type: encoding(complete.url_encoding),
        };
        let reply = PutReply {
            etag: object.etag.clone(),
            crc64: Some(object.crc64),
            version_id: self.version_of(place.bucket, &object).await?,
            ..PutReply::default()
        };
        Answer::xml(result.to_xml()).with(&reply)
    }

    pub(crate) async fn abort(&self, place: Place<'_>, upload_id: &str) -> Outcome {
        self.backend.abort(place, upload_id).await.map_err(refusal_of)?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    }

    fn check_sizes(&self, parts: &[Part]) -> Result<(), ServiceError> {
        let Some((_, before)) = parts.split_last() else { return Err(error_reply::no_parts()) };
        let small = before.iter().any(|part| part.size < self.quirks.smallest_part);
        if small { Err(error_reply::too_small()) } else { Ok(()) }
    }
}

fn entry(part: Part) -> PartEntry {
    PartEntry {
        part_number: part.number,
        last_modified: iso(part.modified),
        etag: part.etag,
        size: part.size,
        crc64: part.crc64.to_string(),
    }
}

/// Not the MD5 of anything a client could know: a digest of the parts' ETags and their number.
fn combined_etag(parts: &[Part]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part.etag.as_bytes());
    }
    let hash = data_encoding::HEXUPPER.encode(&context.finish().as_ref()[..16]);
    format!("\"{hash}-{}\"", parts.len())
}
