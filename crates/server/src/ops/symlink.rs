//! PutSymlink, GetSymlink, and what reading a link gives.

use std::sync::Arc;

use http::StatusCode;
use osseal_wire::oss::request::PutSymlink;
use osseal_wire::oss::{PutReply, ServiceError, SymlinkReply, http_date};

use crate::backend::{BackendError, Kind, Meta, NewObject, Object, Opened, Overwrite, Place};
use crate::body;
use crate::body::ingest::{Demands, Incoming};
use crate::ops::state::{Answer, Inner, Outcome, refusal_of};
use crate::rules::error_reply;
use crate::rules::random;

impl Inner {
    pub(crate) async fn put_symlink(&self, place: Place<'_>, put: &PutSymlink) -> Outcome {
        put.metadata.check()?;
        let new = NewObject {
            id: random::id(),
            modified: self.now(),
            meta: Meta(put.metadata.0.clone()),
            kind: Kind::Symlink { target: put.target.clone() },
            attributes: (&put.attributes).into(),
        };
        let overwrite = if put.forbid_overwrite { Overwrite::Forbidden } else { Overwrite::Allowed };
        let demands = Demands { length: Some(0), ..Demands::default() };
        let mut nothing = Incoming::new(body::empty(), demands, None);
        let object = self.backend.put(place, new, overwrite, &mut nothing).await.map_err(refusal_of)?;
        let etag = object.etag.clone();
        Answer::stored(&PutReply { etag, ..self.named(place.bucket, &object).await? })
    }

    pub(crate) async fn symlink(&self, place: Place<'_>, version: Option<&str>) -> Outcome {
        let object = self.backend.object(place, version).await.map_err(refusal_of)?;
        let Kind::Symlink { target } = &object.kind else { return Err(error_reply::not_symlink()) };
        let reply = SymlinkReply {
            target: target.clone(),
            etag: object.etag.clone(),
            last_modified: http_date(object.modified),
            version_id: self.version_of(place.bucket, &object).await?,
            ..SymlinkReply::default()
        };
        let headers = reply.to_headers().map_err(|_| error_reply::internal())?;
        Ok(Answer { headers, ..Answer::empty(StatusCode::OK) })
    }

    /// What a request about an object is about. For a link, content, ETag and checksums are those of its target, the time is that of the
    /// later of the two, and everything else is the link's, its version too. What is to be read must be there: not archived, not discarded.
    pub(crate) async fn follow(
        &self,
        bucket: &str,
        found: Opened,
        reads: bool,
    ) -> Result<Opened, ServiceError> {
        let link = found.object.clone();
        let Kind::Symlink { target } = &link.kind else { return readable(found, reads) };
        let target = Place { bucket, key: target };
        let target = self.backend.open(target, None).await.map_err(|error| match error {
            BackendError::NoSuchKey | BackendError::Deleted { .. } => error_reply::no_symlink_target(),
            other => refusal_of(other),
        })?;
        if matches!(target.object.kind, Kind::Symlink { .. }) {
            return Err(error_reply::symlink_to_symlink());
        }
        let target = readable(target, reads)?;
        let (mut seen, content) = (Object::clone(&link), &target.object);
        (seen.size, seen.crc64, seen.md5) = (content.size, content.crc64, content.md5);
        seen.etag.clone_from(&content.etag);
        seen.modified = seen.modified.max(content.modified);
        Ok(Opened { object: Arc::new(seen), ..target })
    }
}

fn readable(opened: Opened, reads: bool) -> Result<Opened, ServiceError> {
    match (reads, opened.is_kept) {
        (true, _) if opened.object.attributes.storage_class.is_archived() => Err(error_reply::archived()),
        (true, false) => Err(error_reply::discarded()),
        _ => Ok(opened),
    }
}
