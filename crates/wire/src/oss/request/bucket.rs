//! Calls about one bucket: its uploads, access control and description.

use http::Method;
use http::request::Parts;

use super::Call;
use super::attributes::{BUCKET_ACL, bucket_acl};
use super::build::{self, Query};
use super::parse::{self, argument, method_not_allowed, missing};
use crate::oss::Acl;
use crate::oss::error::ServiceError;
use crate::oss::meta::InvalidHeader;

/// PutBucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutBucket {
    /// Access control; none for [`Acl::Private`] of a bucket that is made, and for no change of one that exists.
    pub acl: Option<Acl>,
}

/// ListMultipartUploads. Empty means not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListMultipartUploads {
    /// Only keys with this beginning.
    pub prefix: String,
    /// Keys with the same text up to this one are listed once.
    pub delimiter: String,
    /// Only uploads of keys after this one
    pub key_marker: String,
    /// and uploads of this key with identifiers after this one.
    pub upload_id_marker: String,
    /// Most entries in a page, 1 to 1,000.
    pub max_uploads: Option<u32>,
    /// Whether names in the reply are percent-encoded.
    pub url_encoding: bool,
}

impl PutBucket {
    pub(super) fn fill(&self, headers: &mut build::Headers) -> Result<Method, InvalidHeader> {
        headers.maybe(BUCKET_ACL, self.acl.map(Acl::wire_name))?;
        Ok(Method::PUT)
    }
}

impl ListMultipartUploads {
    pub(super) fn fill(&self, query: &mut Query) -> Method {
        query.flag("uploads");
        query.text("prefix", &self.prefix);
        query.text("delimiter", &self.delimiter);
        query.text("key-marker", &self.key_marker);
        query.text("upload-id-marker", &self.upload_id_marker);
        query.number("max-uploads", self.max_uploads);
        query.url_encoding(self.url_encoding);
        Method::GET
    }

    fn parse(query: &parse::Query) -> Result<ListMultipartUploads, ServiceError> {
        let limit = query.number("max-uploads")?;
        if limit.is_some_and(|limit: u32| !(1..=1000).contains(&limit)) {
            return Err(argument("max-uploads", "must be from 1 to 1000"));
        }
        Ok(ListMultipartUploads {
            prefix: query.text("prefix"),
            delimiter: query.text("delimiter"),
            key_marker: query.text("key-marker"),
            upload_id_marker: query.text("upload-id-marker"),
            max_uploads: limit,
            url_encoding: query.encoding()?,
        })
    }
}

pub(super) fn fill_acl(
    acl: Acl,
    query: &mut Query,
    headers: &mut build::Headers,
) -> Result<Method, InvalidHeader> {
    query.flag("acl");
    headers.set(BUCKET_ACL, acl.wire_name())?;
    Ok(Method::PUT)
}

/// Reads a call about a sub-resource of a bucket; `None` for calls about the bucket itself.
pub(super) fn parse(head: &Parts, query: &parse::Query) -> Result<Option<Call>, ServiceError> {
    let headers = parse::Headers(&head.headers);
    let asked =
        ["uploads", "acl", "bucketInfo", "location", "stat"].into_iter().find(|name| query.flag(name));
    let call = match (&head.method, asked) {
        (_, None) => return Ok(None),
        (&Method::GET, Some("uploads")) => Call::ListMultipartUploads(ListMultipartUploads::parse(query)?),
        (&Method::GET, Some("acl")) => Call::GetBucketAcl,
        (&Method::PUT, Some("acl")) => {
            Call::PutBucketAcl(bucket_acl(&headers)?.ok_or_else(|| missing(BUCKET_ACL))?)
        }
        (&Method::GET, Some("bucketInfo")) => Call::GetBucketInfo,
        (&Method::GET, Some("location")) => Call::GetBucketLocation,
        (&Method::GET, Some("stat")) => Call::GetBucketStat,
        _ => return Err(method_not_allowed()),
    };
    Ok(Some(call))
}

pub(super) fn put_bucket(head: &Parts) -> Result<Call, ServiceError> {
    Ok(Call::PutBucket(PutBucket { acl: bucket_acl(&parse::Headers(&head.headers))? }))
}
