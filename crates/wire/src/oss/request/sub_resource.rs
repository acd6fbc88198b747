//! Calls about what belongs to an object without being its content: tags, access control, the target of a link.

use http::Method;
use http::request::Parts;

use super::attributes::{Attributes, OBJECT_ACL, acl, bad_tags};
use super::build::{self, Query};
use super::parse::{self, argument, malformed_xml, method_not_allowed, missing};
use super::{BuildError, Call};
use crate::oss::error::ServiceError;
use crate::oss::meta::Metadata;
use crate::oss::names::MAX_KEY;
use crate::oss::reply::TARGET;
use crate::oss::xml::Tagging;
use crate::oss::{Acl, Tags, escape};

/// PutObjectTagging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutObjectTagging {
    /// A version other than the latest.
    pub version_id: Option<String>,
    /// The tags that replace all others.
    pub tags: Tags,
}

/// PutObjectAcl.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutObjectAcl {
    /// A version other than the latest.
    pub version_id: Option<String>,
    /// The access control.
    pub acl: Acl,
}

/// PutSymlink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutSymlink {
    /// Key of the object, in the same bucket, that reading the link gives.
    pub target: String,
    /// Headers to keep with the link.
    pub metadata: Metadata,
    /// Storage class, access control and tags of the link.
    pub attributes: Attributes,
    /// Refuse when there is an object of the link's key.
    pub forbid_overwrite: bool,
}

impl PutSymlink {
    pub(super) fn fill(&self, query: &mut Query, headers: &mut build::Headers) -> Result<Method, BuildError> {
        query.flag("symlink");
        self.metadata.write_to(&mut headers.0)?;
        self.attributes.fill(headers)?;
        headers.set(TARGET, &escape::path(&self.target))?;
        headers.flag("x-oss-forbid-overwrite", self.forbid_overwrite)?;
        Ok(Method::PUT)
    }
}

/// A call without a body of its own, as a method and a sub-resource.
pub(super) fn fill(query: &mut Query, method: Method, name: &'static str, version: Option<&str>) -> Method {
    query.flag(name);
    query.text("versionId", version.unwrap_or_default());
    method
}

pub(super) fn fill_acl(
    put: &PutObjectAcl,
    query: &mut Query,
    headers: &mut build::Headers,
) -> Result<Method, BuildError> {
    headers.set(OBJECT_ACL, put.acl.wire_name())?;
    Ok(fill(query, Method::PUT, "acl", put.version_id.as_deref()))
}

/// Reads a call about a sub-resource of an object; `None` for calls about the object itself.
pub(super) fn parse(head: &Parts, query: &parse::Query, body: &[u8]) -> Result<Option<Call>, ServiceError> {
    let headers = parse::Headers(&head.headers);
    let version_id = || query.maybe("versionId");
    let call = if query.flag("tagging") {
        match head.method {
            Method::PUT => {
                let document = Tagging::from_xml(body).map_err(|_| malformed_xml())?;
                let tags = Tags::try_from(document).map_err(|error| bad_tags(&error))?;
                Call::PutObjectTagging(PutObjectTagging { version_id: version_id(), tags })
            }
            Method::GET => Call::GetObjectTagging { version_id: version_id() },
            Method::DELETE => Call::DeleteObjectTagging { version_id: version_id() },
            _ => return Err(method_not_allowed()),
        }
    } else if query.flag("acl") {
        match head.method {
            Method::PUT => {
                let acl = acl(&headers, OBJECT_ACL)?.ok_or_else(|| missing(OBJECT_ACL))?;
                Call::PutObjectAcl(PutObjectAcl { version_id: version_id(), acl })
            }
            Method::GET => Call::GetObjectAcl { version_id: version_id() },
            _ => return Err(method_not_allowed()),
        }
    } else if query.flag("symlink") {
        match head.method {
            Method::PUT => Call::PutSymlink(put_symlink(&headers)?),
            Method::GET => Call::GetSymlink { version_id: version_id() },
            _ => return Err(method_not_allowed()),
        }
    } else if query.flag("objectMeta") {
        match head.method {
            Method::HEAD => Call::GetObjectMeta { version_id: version_id() },
            _ => return Err(method_not_allowed()),
        }
    } else {
        return Ok(None);
    };
    Ok(Some(call))
}

fn put_symlink(headers: &parse::Headers<'_>) -> Result<PutSymlink, ServiceError> {
    let target = headers.text(TARGET).ok_or_else(|| missing(TARGET))?;
    let target = escape::decode(target).filter(|key| {
        let length = (1..=MAX_KEY).contains(&key.len());
        length && !key.starts_with(['/', '\\'])
    });
    Ok(PutSymlink {
        target: target.ok_or_else(|| argument(TARGET, "must be the percent-encoded key of an object"))?,
        metadata: Metadata::from_headers(headers.0),
        attributes: Attributes::parse(headers)?,
        forbid_overwrite: headers.flag("x-oss-forbid-overwrite")?,
    })
}
