//! PutObject, GetObject, HeadObject, DeleteObject.

use data_encoding::BASE64;
use http::StatusCode;
use osseal_wire::oss::request::{Conditions, DeleteObject, GetObject, PutObject};
use osseal_wire::oss::{
    ContentRange, Metadata, ObjectReply, PutReply, RangeSpec, ServiceError, http_date, parse_http_date,
};

use crate::backend::{BackendError, Kind, Meta, NewObject, Object, Overwrite, Place};
use crate::body;
use crate::body::ingest::{BodyFailure, Incoming};
use crate::ops::state::{Answer, Inner, Outcome, declared, refusal_of};
use crate::rules::cse_rules::{self, Case, Declared, Stage};
use crate::rules::error_reply;
use crate::rules::random;

impl Inner {
    pub(crate) async fn put_object(
        &self,
        place: Place<'_>,
        put: &PutObject,
        incoming: &mut Incoming,
    ) -> Result<Answer, BackendError> {
        put.metadata.check().map_err(BodyFailure::from)?;
        let meta = Meta(put.metadata.0.clone());
        cse_rules::check(&case(Stage::Put, declared(&meta.0))).map_err(BodyFailure::from)?;
        self.demand(incoming, put.content_md5.as_deref(), put.crc64)?;
        let overwrite = if put.forbid_overwrite { Overwrite::Forbidden } else { Overwrite::Allowed };
        let new = NewObject {
            id: random::id(),
            modified: self.now(),
            meta,
            kind: Kind::Normal,
            attributes: (&put.attributes).into(),
        };
        let object = self.backend.put(place, new, overwrite, incoming).await?;
        let version_id = self.version_of(place.bucket, &object).await.map_err(BodyFailure::from)?;
        let reply = PutReply {
            etag: object.etag.clone(),
            crc64: Some(object.crc64),
            version_id,
            ..PutReply::default()
        };
        let mut answer = Answer::stored(&reply).map_err(BodyFailure::from)?;
        if let Some(value) = object.md5.and_then(|md5| BASE64.encode(&md5).parse().ok()) {
            answer.headers.insert("content-md5", value);
        }
        Ok(answer)
    }

    /// Takes down what the request says about its body.
    pub(crate) fn demand(
        &self,
        incoming: &mut Incoming,
        md5: Option<&str>,
        crc64: Option<u64>,
    ) -> Result<(), BackendError> {
        let md5 = match md5 {
            None => None,
            Some(text) => {
                let bytes =
                    BASE64.decode(text.as_bytes()).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
                Some(bytes.ok_or_else(|| BodyFailure::from(error_reply::invalid_digest()))?)
            }
        };
        incoming.demand(md5, crc64, self.quirks.etag).map_err(BackendError::from)
    }

    pub(crate) async fn get_object(&self, place: Place<'_>, get: &GetObject, with_body: bool) -> Outcome {
        let opened = self.backend.open(place, get.version_id.as_deref()).await.map_err(refusal_of)?;
        let opened = self.follow(place.bucket, opened, with_body).await?;
        let object = opened.object;
        hold(&get.conditions, &object)?;
        let asked = if with_body { get.range.as_ref() } else { None };
        let range = ranged(asked, object.size, get.standard_range)?;
        let (start, end) = range.as_ref().map_or((0, object.size), |range| (range.start, range.end));
        let mut reply = reply_of(&object, ContentRange { start, end, total: object.size }, range.is_some());
        reply.version_id = self.version_of(place.bucket, &object).await?;
        let (status, mut headers) = reply.to_head().map_err(|_| error_reply::internal())?;
        for (name, value) in &get.response {
            let name = name.strip_prefix("response-").unwrap_or(name);
            let value = value.parse().map_err(|_| error_reply::response_header())?;
            headers.insert(http::HeaderName::from_static(name), value);
        }
        let body =
            if with_body && start < end { body::stream((opened.read)(start..end)) } else { body::empty() };
        Ok(Answer { status, headers, body })
    }

    pub(crate) async fn object_meta(&self, place: Place<'_>, version: Option<&str>) -> Outcome {
        let opened = self.backend.open(place, version).await.map_err(refusal_of)?;
        let object = self.follow(place.bucket, opened, false).await?.object;
        let range = ContentRange { start: 0, end: object.size, total: object.size };
        let reply = ObjectReply {
            object_type: String::new(),
            storage_class: String::new(),
            version_id: self.version_of(place.bucket, &object).await?,
            tag_count: None,
            next_append_position: None,
            metadata: Metadata::default(),
            ..reply_of(&object, range, false)
        };
        let (status, headers) = reply.to_head().map_err(|_| error_reply::internal())?;
        Ok(Answer { status, headers, body: body::empty() })
    }

    pub(crate) async fn delete_object(&self, place: Place<'_>, delete: &DeleteObject) -> Outcome {
        let reply = self.remove(place, delete.version_id.as_deref()).await?;
        let headers = reply.to_headers().map_err(|_| error_reply::internal())?;
        Ok(Answer { headers, ..Answer::empty(StatusCode::NO_CONTENT) })
    }
}

/// A case of rules in which there is no upload.
pub(crate) fn case(stage: Stage, request: Declared<'_>) -> Case<'_> {
    Case { stage, request, upload: Declared::default(), number: None, length: None, listed: None }
}

/// Asks whether the object is as the request wants it (RFC 9110, 13.2.2).
pub(crate) fn hold(conditions: &Conditions, object: &Object) -> Result<(), ServiceError> {
    let names = |list: &str| {
        list.split(',')
            .any(|tag| tag.trim() == "*" || tag.trim().trim_matches('"') == object.etag.trim_matches('"'))
    };
    let since = |text: &Option<String>| text.as_deref().and_then(parse_http_date);
    let changed = object.modified.as_second();
    match &conditions.if_match {
        Some(list) if !names(list) => return Err(error_reply::precondition_failed()),
        None if since(&conditions.if_unmodified_since).is_some_and(|time| changed > time.as_second()) => {
            return Err(error_reply::precondition_failed());
        }
        _ => {}
    }
    match &conditions.if_none_match {
        Some(list) if names(list) => Err(error_reply::not_modified()),
        None if since(&conditions.if_modified_since).is_some_and(|time| changed <= time.as_second()) => {
            Err(error_reply::not_modified())
        }
        _ => Ok(()),
    }
}

/// The part of the object to send; none for all of it. Without `standard` a range that reaches past the end is ignored
/// (help.aliyun.com, "scope download").
fn ranged(
    asked: Option<&RangeSpec>,
    size: u64,
    standard: bool,
) -> Result<Option<std::ops::Range<u64>>, ServiceError> {
    let Some(asked) = asked else { return Ok(None) };
    let (range, fits) = match *asked {
        RangeSpec::From(start) => (start..size, start < size),
        RangeSpec::Suffix(count) => (size.saturating_sub(count)..size, count > 0 && count <= size),
        RangeSpec::Bounded(ref bounds) => (bounds.start..bounds.end.min(size), bounds.end <= size),
    };
    match (standard, range.is_empty()) {
        (false, _) if !fits => Ok(None),
        (true, true) => Err(error_reply::invalid_range()),
        _ => Ok(Some(range)),
    }
}

fn reply_of(object: &Object, range: ContentRange, is_partial: bool) -> ObjectReply {
    let mut metadata = Metadata(object.meta.0.clone());
    if metadata.value("content-type").is_none() {
        metadata.push("content-type", "application/octet-stream");
    }
    ObjectReply {
        range,
        is_partial,
        etag: object.etag.clone(),
        crc64: Some(object.crc64),
        last_modified: http_date(object.modified),
        object_type: object.kind.wire_name().to_owned(),
        storage_class: object.attributes.storage_class.wire_name().to_owned(),
        version_id: None,
        tag_count: Some(object.attributes.tags.len() as u64).filter(|count| *count > 0),
        next_append_position: (object.kind == Kind::Appendable).then_some(object.size),
        request_id: String::new(),
        metadata,
    }
}
