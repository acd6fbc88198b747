//! Attributes of an object that is written: storage class, access control list, tags.

use http::StatusCode;

use super::read::{HeaderReader, argument};
use super::write::HeaderWriter;
use crate::oss::error::ServiceError;
use crate::oss::header::InvalidHeader;
use crate::oss::meta::Metadata;
use crate::oss::{Acl, StorageClass, TagError, Tags};

const STORAGE_CLASS: &str = "x-oss-storage-class";
pub(super) const OBJECT_ACL: &str = "x-oss-object-acl";
const TAGGING: &str = "x-oss-tagging";

/// Storage class, access control list and tags of an object that is written. `None` selects the
/// service's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `x-oss-storage-class`.
    pub storage_class: Option<StorageClass>,
    /// `x-oss-object-acl`.
    pub acl: Option<Acl>,
    /// `x-oss-tagging`.
    pub tags: Option<Tags>,
}

impl Attributes {
    pub(super) fn write(&self, headers: &mut HeaderWriter) -> Result<(), InvalidHeader> {
        headers.maybe(STORAGE_CLASS, self.storage_class.map(StorageClass::wire_name))?;
        headers.maybe(OBJECT_ACL, self.acl.map(Acl::wire_name))?;
        headers.maybe(TAGGING, self.tags.as_ref().map(Tags::to_header).as_deref())
    }

    pub(super) fn read(headers: &HeaderReader<'_>) -> Result<Attributes, ServiceError> {
        let class =
            |text: &str| text.parse().map_err(|error| argument(STORAGE_CLASS, &format!("is {error}")));
        Ok(Attributes {
            storage_class: headers.text(STORAGE_CLASS).map(class).transpose()?,
            acl: read_acl(headers, OBJECT_ACL)?,
            tags: headers
                .text(TAGGING)
                .map(|text| Tags::from_header(text).map_err(|e| bad_tags(&e)))
                .transpose()?,
        })
    }

    /// Adds the headers to those that are stored with an object.
    pub fn push_to(&self, metadata: &mut Metadata) {
        if let Some(class) = self.storage_class {
            metadata.push(STORAGE_CLASS, class.wire_name());
        }
        if let Some(acl) = self.acl {
            metadata.push(OBJECT_ACL, acl.wire_name());
        }
        if let Some(tags) = &self.tags {
            metadata.push(TAGGING, tags.to_header());
        }
    }
}

pub(super) fn read_acl(headers: &HeaderReader<'_>, name: &'static str) -> Result<Option<Acl>, ServiceError> {
    let acl = |text: &str| text.parse().map_err(|error| argument(name, &format!("is {error}")));
    headers.text(name).map(acl).transpose()
}

/// Access control list of a bucket, for which `default` is invalid: nothing is left to inherit
/// from.
pub(super) fn read_bucket_acl(headers: &HeaderReader<'_>) -> Result<Option<Acl>, ServiceError> {
    match read_acl(headers, BUCKET_ACL)? {
        Some(Acl::Default) => {
            Err(argument(BUCKET_ACL, "is not one of private, public-read, public-read-write"))
        }
        acl => Ok(acl),
    }
}

pub(super) const BUCKET_ACL: &str = "x-oss-acl";

pub(super) fn bad_tags(error: &TagError) -> ServiceError {
    ServiceError::new(StatusCode::BAD_REQUEST, "InvalidTag", error.to_string(), error.ec())
}
