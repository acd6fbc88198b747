//! CopyObject: content stays, headers are kept or replaced, envelopes are kept.

use osseal_wire::oss::CopyReply;
use osseal_wire::oss::request::CopyObject;
use osseal_wire::oss::xml::CopyResult;

use crate::backend::{BackendError, Kind, Meta, Object, Overwrite, Place, VersionId};
use crate::buckets::iso;
use crate::cse_rules::{self, PREFIX};
use crate::objects::hold;
use crate::quirks::{RepeatedEnvelope, SelfCopy};
use crate::service::{Answer, Inner, Outcome, refusal_of};
use crate::versions::source_refusal;
use crate::{random, refusal};

impl Inner {
    pub(crate) async fn copy_object(&self, target: Place<'_>, copy: &CopyObject) -> Outcome {
        copy.metadata.check()?;
        let source = Place { bucket: &copy.source_bucket, key: &copy.source_key };
        let object = self.backend.object(source, copy.source_version.as_deref()).await;
        let object = object.map_err(source_refusal)?;
        hold(&copy.conditions, &object)?;
        let in_place = source == target;
        if source.bucket != target.bucket && object.size > self.quirks.largest_body {
            return Err(refusal::source_too_large());
        }
        let brings_headers = copy.metadata.0.iter().any(|(name, _)| name != "content-type");
        // Copied onto itself where no versions are kept an object only changes its headers, and those of the request win whatever the directive.
        let edits = in_place && brings_headers && !self.has_versions(target.bucket).await?;
        let replaces = copy.replace_metadata || edits;
        let meta = if replaces { self.replaced(&object, copy, in_place)? } else { object.meta.clone() };
        let record = Object {
            id: random::id(),
            version: VersionId::default(),
            modified: self.now(),
            kind: Kind::Normal,
            upload: None,
            meta,
            size: object.size,
            etag: object.etag.clone(),
            crc64: object.crc64,
            md5: object.md5,
        };
        let overwrite = if copy.forbid_overwrite { Overwrite::Forbidden } else { Overwrite::Allowed };
        let copied = self.backend.copy(source, &object.id, target, record, overwrite).await;
        let copied = copied.map_err(|error| match error {
            BackendError::Changed => refusal::precondition_failed(),
            other => refusal_of(other),
        })?;
        let result = CopyResult { etag: copied.etag.clone(), last_modified: iso(copied.modified) };
        let mut answer = Answer::xml(result.to_xml());
        let versions = CopyReply {
            version_id: self.version_of(target.bucket, &copied).await?,
            source_version_id: self.version_of(source.bucket, &object).await?,
        };
        answer.headers.extend(versions.to_headers().map_err(|_| refusal::internal())?);
        Ok(answer)
    }

    /// The request's headers, with the envelope of the source.
    fn replaced(
        &self,
        source: &Object,
        copy: &CopyObject,
        in_place: bool,
    ) -> Result<Meta, osseal_wire::oss::ServiceError> {
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
