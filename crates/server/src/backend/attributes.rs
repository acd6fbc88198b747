//! What is kept about an object beside its headers.

use osseal_wire::oss::request;
use osseal_wire::oss::{Acl, StorageClass, Tags};
use serde::{Deserialize, Serialize};

/// Storage class, access control and tags. None of them is part of the content, and changing the last two is no write of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// `x-oss-storage-class`.
    pub storage_class: StorageClass,
    /// `x-oss-object-acl`.
    pub acl: Acl,
    /// `x-oss-tagging`.
    pub tags: Tags,
}

impl From<&request::Attributes> for Attributes {
    fn from(asked: &request::Attributes) -> Attributes {
        Attributes {
            storage_class: asked.storage_class.unwrap_or_default(),
            acl: asked.acl.unwrap_or_default(),
            tags: asked.tags.clone().unwrap_or_default(),
        }
    }
}
