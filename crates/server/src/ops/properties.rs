//! Tags and access control of objects and their versions: set, shown, removed. The content, its ETag and its time stay.

use std::sync::Arc;

use http::StatusCode;
use osseal_wire::oss::request::{PutObjectAcl, PutObjectTagging};
use osseal_wire::oss::xml::{AccessControlList, AccessControlPolicy};
use osseal_wire::oss::{Acl, ServiceError, Tags};

use crate::backend::{Attributes, BackendError, Object, Place};
use crate::ops::buckets::owner;
use crate::ops::state::{Answer, Inner, Outcome, refusal_of};
use crate::rules::random;

impl Inner {
    pub(crate) async fn put_tagging(&self, place: Place<'_>, put: &PutObjectTagging) -> Outcome {
        let version = put.version_id.as_deref();
        let amended = self.amend(place, version, |attributes| attributes.tags.clone_from(&put.tags)).await?;
        Answer::empty(StatusCode::OK).with(&self.named(place.bucket, &amended).await?)
    }

    pub(crate) async fn tagging(&self, place: Place<'_>, version: Option<&str>) -> Outcome {
        let object = self.backend.object(place, version).await.map_err(refusal_of)?;
        let tags = object.attributes.tags.to_document();
        Answer::xml(tags.to_xml()).with(&self.named(place.bucket, &object).await?)
    }

    pub(crate) async fn delete_tagging(&self, place: Place<'_>, version: Option<&str>) -> Outcome {
        let amended = self.amend(place, version, |attributes| attributes.tags = Tags::default()).await?;
        Answer::empty(StatusCode::NO_CONTENT).with(&self.named(place.bucket, &amended).await?)
    }

    pub(crate) async fn put_object_acl(&self, place: Place<'_>, put: &PutObjectAcl) -> Outcome {
        let version = put.version_id.as_deref();
        let amended = self.amend(place, version, |attributes| attributes.acl = put.acl).await?;
        Answer::empty(StatusCode::OK).with(&self.named(place.bucket, &amended).await?)
    }

    pub(crate) async fn object_acl(&self, place: Place<'_>, version: Option<&str>) -> Outcome {
        let object = self.backend.object(place, version).await.map_err(refusal_of)?;
        policy(object.attributes.acl).with(&self.named(place.bucket, &object).await?)
    }

    async fn amend(
        &self,
        place: Place<'_>,
        version: Option<&str>,
        change: impl Fn(&mut Attributes) + Send + Sync,
    ) -> Result<Arc<Object>, ServiceError> {
        loop {
            let object = self.backend.object(place, version).await.map_err(refusal_of)?;
            let mut record = Object { id: random::id(), ..Object::clone(&object) };
            change(&mut record.attributes);
            match self.backend.amend(place, &object.id, record).await {
                // Written meanwhile: the change is to what is there now.
                Err(BackendError::Changed) => {}
                amended => return amended.map(|()| object).map_err(refusal_of),
            }
        }
    }
}

/// Access control as a document.
pub(crate) fn policy(acl: Acl) -> Answer {
    let list = AccessControlList { grant: acl.wire_name().to_owned() };
    Answer::xml(AccessControlPolicy { owner: owner(), list }.to_xml())
}
