//! AppendObject: an object that grows at its end.

use std::sync::Arc;

use osseal_wire::oss::request::AppendObject;
use osseal_wire::oss::{ErrorDetail, PutReply, ServiceError};

use crate::backend::{BackendError, Kind, Meta, NewObject, Object, Place};
use crate::body::ingest::{BodyFailure, Incoming};
use crate::ops::state::{Answer, Inner, declared};
use crate::rules::error_reply;
use crate::rules::quirks::{EncryptedAppend, no_encrypted_append};
use crate::rules::random;

impl Inner {
    pub(crate) async fn append_object(
        &self,
        place: Place<'_>,
        append: &AppendObject,
        incoming: &mut Incoming,
    ) -> Result<Answer, BackendError> {
        let put = &append.object;
        put.metadata.check().map_err(BodyFailure::from)?;
        let before = match self.backend.object(place, None).await {
            Ok(object) => Some(object),
            // A delete marker is not in the way: the object is made once more.
            Err(BackendError::NoSuchKey | BackendError::Deleted { .. }) => None,
            Err(error) => return Err(error),
        };
        let keeps_versions = self.has_versions(place.bucket).await.map_err(BodyFailure::from)?;
        self.check_growth(append, before.as_deref(), keeps_versions).map_err(BodyFailure::from)?;
        incoming.leave_room(append.position);
        self.demand(incoming, put.content_md5.as_deref(), put.crc64)?;
        let new = NewObject {
            id: random::id(),
            modified: self.now(),
            meta: Meta(put.metadata.0.clone()),
            kind: Kind::Appendable,
            attributes: (&put.attributes).into(),
        };
        let object = match self.backend.append(place, before, new, incoming).await {
            // Somebody else was quicker.
            Err(BackendError::Changed) => return Err(BodyFailure::from(self.elsewhere(place).await).into()),
            grown => grown?,
        };
        let reply = PutReply {
            etag: object.etag.clone(),
            crc64: Some(object.crc64),
            version_id: self.version_of(place.bucket, &object).await.map_err(BodyFailure::from)?,
            next_append_position: Some(object.size),
            ..PutReply::default()
        };
        Answer::stored(&reply).map_err(|error| BodyFailure::from(error).into())
    }

    fn check_growth(
        &self,
        append: &AppendObject,
        before: Option<&Object>,
        keeps_versions: bool,
    ) -> Result<(), ServiceError> {
        let put = &append.object;
        let theirs = before.is_some_and(|object| declared(&object.meta.0).any());
        let encrypted = theirs || declared(&put.metadata.0).any();
        if encrypted && self.quirks.encrypted_append == EncryptedAppend::Refused {
            return Err(no_encrypted_append());
        }
        match before {
            Some(_) if put.forbid_overwrite && !keeps_versions && append.position == 0 => {
                Err(error_reply::exists())
            }
            Some(object) if object.kind != Kind::Appendable => Err(error_reply::not_appendable()),
            _ => match before.map_or(0, |object| object.size) {
                length if length == append.position => Ok(()),
                length => Err(not_at(length)),
            },
        }
    }

    /// The refusal of a request that begins where the object does not end.
    async fn elsewhere(&self, place: Place<'_>) -> ServiceError {
        let object: Option<Arc<Object>> = self.backend.object(place, None).await.ok();
        not_at(object.map_or(0, |object| object.size))
    }
}

fn not_at(length: u64) -> ServiceError {
    ServiceError {
        detail: Some(Box::new(ErrorDetail::NextAppendPosition(length))),
        ..error_reply::position()
    }
}
