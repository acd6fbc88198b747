//! Who may do what: whoever signs with a known key may do everything, everybody may read what is public, and write what is open to that.

use http::request::Parts;
use osseal_wire::oss::request::{DeleteObject, GetObject};
use osseal_wire::oss::{Acl, Call, Request, ServiceError, Subject, auth};

use crate::backend::{BackendError, Kind, Place};
use crate::ops::state::{Inner, refusal_of};
use crate::rules::error_reply;

impl Inner {
    /// Checks the signature of a request or, where there is none, whether it may do without.
    pub(crate) async fn authorize(
        &self,
        head: &Parts,
        request: Option<&Request>,
    ) -> Result<(), ServiceError> {
        let Some(credentials) = &self.credentials else { return Ok(()) };
        if !auth::is_signed(head)
            && let Some(request) = request
        {
            return self.admit(request).await;
        }
        let (bucket, key) = Request::subject(head, &self.hosts)?;
        let subject = Subject { bucket: bucket.as_deref(), key: key.as_deref(), region: &self.region };
        let known = |id: &str| credentials.iter().find(|known| known.access_key_id == id).cloned();
        auth::verify(head, subject, known, (self.clock)())
    }

    /// Lets everybody read objects that are public, and their headers, but not change the reply's; put, append to and delete those that
    /// are open to writing, but remove no version for good.
    async fn admit(&self, request: &Request) -> Result<(), ServiceError> {
        let (Some(bucket), Some(key)) = (&request.bucket, &request.key) else { return Err(auth::unsigned()) };
        let version = match &request.call {
            Call::GetObject(get) | Call::HeadObject(get) => get.version_id.as_deref(),
            _ => None,
        };
        let (acl, link) = self.effective_acl(Place { bucket, key }, version).await?;
        match &request.call {
            Call::GetObject(get) | Call::HeadObject(get) if acl.allows_public_read() => {
                if let Some(target) = link {
                    let (acl, _) = self.effective_acl(Place { bucket, key: &target }, None).await?;
                    if !acl.allows_public_read() {
                        return Err(auth::unsigned());
                    }
                }
                no_overrides(get)
            }
            Call::PutObject(_)
            | Call::AppendObject(_)
            | Call::DeleteObject(DeleteObject { version_id: None })
                if acl == Acl::PublicReadWrite =>
            {
                Ok(())
            }
            _ => Err(auth::unsigned()),
        }
    }

    /// Who may do what with an object, or a version of it, or, where there is none, with the bucket. Gives the target of a link.
    async fn effective_acl(
        &self,
        place: Place<'_>,
        version: Option<&str>,
    ) -> Result<(Acl, Option<String>), ServiceError> {
        let bucket = self.backend.bucket(place.bucket).await.map_err(|error| match error {
            BackendError::NoSuchBucket => auth::unsigned(),
            other => refusal_of(other),
        })?;
        let (own, target) = match self.backend.object(place, version).await {
            Ok(object) => match &object.kind {
                Kind::Symlink { target } => (object.attributes.acl, Some(target.clone())),
                _ => (object.attributes.acl, None),
            },
            // Whether there is one is for those to know who may read the bucket.
            Err(
                BackendError::NoSuchKey
                | BackendError::NoSuchVersion
                | BackendError::Deleted { .. }
                | BackendError::IsMarker { .. },
            ) => (Acl::Default, None),
            Err(error) => return Err(refusal_of(error)),
        };
        Ok((if own == Acl::Default { bucket.acl } else { own }, target))
    }
}

fn no_overrides(get: &GetObject) -> Result<(), ServiceError> {
    if get.response.is_empty() { Ok(()) } else { Err(error_reply::anonymous_override()) }
}
