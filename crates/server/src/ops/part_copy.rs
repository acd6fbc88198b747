//! UploadPartCopy: a range of another object as a part.

use std::ops::Range;

use osseal_wire::oss::request::UploadPartCopy;
use osseal_wire::oss::xml::CopyPartResult;
use osseal_wire::oss::{CopyReply, PutReply, RangeSpec, ServiceError};

use crate::backend::{BackendError, NewPart, Place};
use crate::body;
use crate::body::ingest::{BodyFailure, Demands, Incoming};
use crate::ops::buckets::iso;
use crate::ops::objects::hold;
use crate::ops::state::{Answer, Inner, Outcome, declared, refusal_of};
use crate::ops::versions::source_refusal;
use crate::rules::cse_rules::{self, Case, Declared, Stage};
use crate::rules::error_reply;
use crate::rules::random;

impl Inner {
    pub(crate) async fn upload_part_copy(&self, place: Place<'_>, copy: &UploadPartCopy) -> Outcome {
        let (upload, _) = self.backend.upload(place, &copy.upload_id).await.map_err(refusal_of)?;
        let source = Place { bucket: &copy.source_bucket, key: &copy.source_key };
        let opened = self.backend.open(source, copy.source_version.as_deref()).await;
        let opened = opened.map_err(source_refusal)?;
        let opened = self.follow(source.bucket, opened, true).await?;
        let object = &opened.object;
        hold(&copy.conditions, object)?;
        if declared(&object.meta.0).any() {
            return Err(cse_rules::no_part_copy());
        }
        let source_version_id = self.version_of(source.bucket, object).await?;
        let versions = CopyReply { version_id: None, source_version_id };
        let range = within(copy.range.as_ref(), object.size).ok_or_else(error_reply::range_past_source)?;
        let length = range.end - range.start;
        if length > self.quirks.largest_body {
            return Err(error_reply::source_too_large());
        }
        // A part that is copied brings no headers, but has the size that its upload foretold.
        cse_rules::check(&Case {
            stage: Stage::Part,
            request: Declared::default(),
            upload: declared(&upload.meta.0),
            number: Some(copy.part_number),
            length: Some(length),
            listed: None,
        })?;
        let demands =
            Demands { length: Some(length), largest: self.quirks.largest_body, ..Demands::default() };
        let content = if length == 0 { body::empty() } else { body::stream((opened.read)(range)) };
        let mut incoming = Incoming::new(content, demands, None);
        self.demand(&mut incoming, None, None).map_err(refusal_of)?;
        let new = NewPart { id: random::id(), number: copy.part_number, modified: self.now() };
        let part = self.backend.put_part(place, &copy.upload_id, new, &mut incoming).await.map_err(broken)?;
        let result = CopyPartResult { etag: part.etag.clone(), last_modified: iso(part.modified) };
        let reply = PutReply { etag: part.etag, crc64: Some(part.crc64), ..PutReply::default() };
        Answer::xml(result.to_xml()).with(&reply)?.copied(&versions)
    }
}

/// The bytes that are copied; `None` when some of them are not there.
fn within(asked: Option<&RangeSpec>, size: u64) -> Option<Range<u64>> {
    let range = match asked {
        None => return Some(0..size),
        Some(RangeSpec::From(start)) => *start..size,
        Some(RangeSpec::Suffix(count)) => size.checked_sub(*count)?..size,
        Some(RangeSpec::Bounded(range)) => range.clone(),
    };
    (range.start < range.end && range.end <= size).then_some(range)
}

/// The body came from the store itself: that it broke off is no client's fault.
fn broken(error: BackendError) -> ServiceError {
    match error {
        BackendError::Body(BodyFailure::Lost) => error_reply::internal(),
        other => refusal_of(other),
    }
}
