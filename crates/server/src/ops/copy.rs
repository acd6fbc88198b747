//! CopyObject: content stays, headers are kept or replaced, envelopes are kept.

use osseal_wire::oss::CopyReply;
use osseal_wire::oss::request::CopyObject;
use osseal_wire::oss::xml::CopyResult;
use osseal_wire::oss::{PutReply, ServiceError};

use crate::backend::{Attributes, BackendError, Kind, Meta, Object, Overwrite, Place, VersionId};
use crate::ops::buckets::iso;
use crate::ops::objects::hold;
use crate::ops::state::{Answer, Inner, Outcome, refusal_of};
use crate::ops::versions::source_refusal;
use crate::rules::cse_rules::{self, PREFIX};
use crate::rules::error_reply;
use crate::rules::quirks::{AppendableSource, RepeatedEnvelope, SelfCopy, no_copy_of_appendable};
use crate::rules::random;

impl Inner {
    pub(crate) async fn copy_object(&self, target: Place<'_>, copy: &CopyObject) -> Outcome {
        copy.metadata.check()?;
        let source = Place { bucket: &copy.source_bucket, key: &copy.source_key };
        let object = self.backend.object(source, copy.source_version.as_deref()).await;
        let object = object.map_err(source_refusal)?;
        hold(&copy.conditions, &object)?;
        let in_place = source == target;
        // Copied onto itself where no versions are kept an object only changes its headers.
        let edits = in_place && !self.has_versions(target.bucket).await?;
        if object.attributes.storage_class.is_archived() && !edits {
            return Err(error_reply::archived());
        }
        let kind = self.kind_of_copy(&object, edits)?;
        if source.bucket != target.bucket && object.size > self.quirks.largest_body {
            return Err(error_reply::source_too_large());
        }
        let brings_headers = copy.metadata.0.iter().any(|(name, _)| name != "content-type");
        // Of an edit the headers of the request win, whatever the directive.
        let replaces = copy.replace_metadata || (edits && brings_headers);
        let meta = if replaces { self.replaced(&object, copy, in_place)? } else { object.meta.clone() };
        let record = Object {
            id: random::id(),
            version: VersionId::default(),
            modified: self.now(),
            kind,
            upload: None,
            meta,
            attributes: attributes_of_copy(&object, copy),
            size: object.size,
            etag: object.etag.clone(),
            crc64: object.crc64,
            md5: object.md5,
        };
        let overwrite = if copy.forbid_overwrite { Overwrite::Forbidden } else { Overwrite::Allowed };
        let copied = self.backend.copy(source, &object.id, target, record, overwrite).await;
        let copied = copied.map_err(|error| match error {
            BackendError::Changed => error_reply::precondition_failed(),
            other => refusal_of(other),
        })?;
        let result = CopyResult { etag: copied.etag.clone(), last_modified: iso(copied.modified) };
        let reply = PutReply { etag: copied.etag.clone(), crc64: Some(copied.crc64), ..PutReply::default() };
        let versions = CopyReply {
            version_id: self.version_of(target.bucket, &copied).await?,
            source_version_id: self.version_of(source.bucket, &object).await?,
        };
        Answer::xml(result.to_xml()).with(&reply)?.copied(&versions)
    }

    /// A link stays a link; what can grow may be edited, but not copied.
    fn kind_of_copy(&self, source: &Object, edits: bool) -> Result<Kind, ServiceError> {
        match &source.kind {
            Kind::Appendable if edits => Ok(Kind::Appendable),
            Kind::Appendable if self.quirks.appendable_source == AppendableSource::Refused => {
                Err(no_copy_of_appendable())
            }
            link @ Kind::Symlink { .. } => Ok(link.clone()),
            _ => Ok(Kind::Normal),
        }
    }

    /// The request's headers, with the envelope of the source.
    fn replaced(&self, source: &Object, copy: &CopyObject, in_place: bool) -> Result<Meta, ServiceError> {
        let envelope: Vec<_> =
            source.meta.0.iter().filter(|(name, _)| name.starts_with(PREFIX)).cloned().collect();
        if in_place && !envelope.is_empty() && self.quirks.self_copy == SelfCopy::Refused {
            return Err(cse_rules::set_once());
        }
        let mut meta = Meta::default();
        for (name, value) in &copy.metadata.0 {
            if !name.starts_with(PREFIX) {
                meta.0.push((name.clone(), value.clone()));
            } else if source.meta.value(name) != Some(value)
                || self.quirks.repeated_envelope == RepeatedEnvelope::Refused
            {
                return Err(cse_rules::set_once());
            }
        }
        meta.0.extend(envelope);
        Ok(meta)
    }
}

/// Storage class and access control are those of the request, tags those of the source unless they are replaced.
fn attributes_of_copy(source: &Object, copy: &CopyObject) -> Attributes {
    let asked = Attributes::from(&copy.attributes);
    if copy.replace_tags { asked } else { Attributes { tags: source.attributes.tags.clone(), ..asked } }
}
