//! Operations on sub-resources of an object: tags, access control list, symbolic link.

use super::attributes::{Attributes, OBJECT_ACL, bad_tags, read_acl};
use super::read::{HeaderReader, QueryReader, argument, malformed_xml, missing};
use super::write::HeaderWriter;
use crate::oss::error::ServiceError;
use crate::oss::header::{FORBID_OVERWRITE, InvalidHeader, SYMLINK_TARGET};
use crate::oss::meta::Metadata;
use crate::oss::names::MAX_KEY;
use crate::oss::xml::Tagging;
use crate::oss::{Acl, Tags, escape};

/// Arguments of PutObjectTagging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutObjectTagging {
    /// Version; `None` for the latest.
    pub version_id: Option<String>,
    /// Tags; they replace all existing ones.
    pub tags: Tags,
}

/// Arguments of PutObjectAcl.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutObjectAcl {
    /// Version; `None` for the latest.
    pub version_id: Option<String>,
    /// Access control list.
    pub acl: Acl,
}

/// Arguments of PutSymlink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutSymlink {
    /// Key of the target in the same bucket.
    pub target: String,
    /// Headers to store with the link.
    pub metadata: Metadata,
    /// Storage class, access control list and tags of the link.
    pub attributes: Attributes,
    /// Fail with `FileAlreadyExists` if the key of the link exists.
    pub forbid_overwrite: bool,
}

impl PutObjectTagging {
    pub(super) fn read(query: &QueryReader, body: &[u8]) -> Result<PutObjectTagging, ServiceError> {
        let document = Tagging::from_xml(body).map_err(|_| malformed_xml())?;
        let tags = Tags::try_from(document).map_err(|error| bad_tags(&error))?;
        Ok(PutObjectTagging { version_id: query.version_id(), tags })
    }
}

impl PutObjectAcl {
    pub(super) fn read(
        headers: &HeaderReader<'_>,
        query: &QueryReader,
    ) -> Result<PutObjectAcl, ServiceError> {
        let acl = read_acl(headers, OBJECT_ACL)?.ok_or_else(|| missing(OBJECT_ACL))?;
        Ok(PutObjectAcl { version_id: query.version_id(), acl })
    }
}

impl PutSymlink {
    pub(super) fn write(&self, headers: &mut HeaderWriter) -> Result<(), InvalidHeader> {
        self.metadata.write_to(&mut headers.0)?;
        self.attributes.write(headers)?;
        headers.set(SYMLINK_TARGET, &escape::path(&self.target))?;
        headers.flag(FORBID_OVERWRITE, self.forbid_overwrite)
    }

    pub(super) fn read(headers: &HeaderReader<'_>) -> Result<PutSymlink, ServiceError> {
        let target = headers.text(SYMLINK_TARGET).ok_or_else(|| missing(SYMLINK_TARGET))?;
        let target = escape::decode(target).filter(|key| {
            let length = (1..=MAX_KEY).contains(&key.len());
            length && !key.starts_with(['/', '\\'])
        });
        let bad_target = || argument(SYMLINK_TARGET, "must be the percent-encoded key of an object");
        Ok(PutSymlink {
            target: target.ok_or_else(bad_target)?,
            metadata: Metadata::from_headers(headers.0),
            attributes: Attributes::read(headers)?,
            forbid_overwrite: headers.flag(FORBID_OVERWRITE)?,
        })
    }
}
