//! From typed requests to HTTP heads.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::part_copy::write_source;
use super::{
    BuildError, Call, Conditions, CopyObject, GetObject, ListObjects, PutObject, Request, bucket,
    sub_resource, versions,
};
use crate::oss::endpoint::Endpoint;
use crate::oss::escape;
use crate::oss::meta::InvalidHeader;

/// A query under construction: pairs with an empty value are written as a bare name.
#[derive(Default)]
pub(super) struct Query(Vec<(&'static str, String)>);

impl Query {
    pub(super) fn flag(&mut self, name: &'static str) {
        self.0.push((name, String::new()));
    }

    pub(super) fn text(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            self.0.push((name, value.to_owned()));
        }
    }

    pub(super) fn long(&mut self, name: &'static str, value: u64) {
        self.0.push((name, value.to_string()));
    }

    pub(super) fn number(&mut self, name: &'static str, value: Option<u32>) {
        if let Some(value) = value {
            self.0.push((name, value.to_string()));
        }
    }

    pub(super) fn url_encoding(&mut self, is_on: bool) {
        self.text("encoding-type", if is_on { "url" } else { "" });
    }

    fn write(&self) -> String {
        let pair = |(name, value): &(&str, String)| {
            if value.is_empty() { (*name).to_owned() } else { format!("{name}={}", escape::query(value)) }
        };
        self.0.iter().map(pair).collect::<Vec<_>>().join("&")
    }
}

/// Headers under construction.
pub(super) struct Headers(pub(super) HeaderMap);

impl Headers {
    pub(super) fn set(&mut self, name: &'static str, value: &str) -> Result<(), InvalidHeader> {
        let value = HeaderValue::from_str(value).map_err(|_| InvalidHeader { name: name.into() })?;
        self.0.insert(HeaderName::from_static(name), value);
        Ok(())
    }

    pub(super) fn maybe(&mut self, name: &'static str, value: Option<&str>) -> Result<(), InvalidHeader> {
        value.map_or(Ok(()), |value| self.set(name, value))
    }

    pub(super) fn flag(&mut self, name: &'static str, set: bool) -> Result<(), InvalidHeader> {
        if set { self.set(name, "true") } else { Ok(()) }
    }

    pub(super) fn conditions(
        &mut self,
        conditions: &Conditions,
        names: [&'static str; 4],
    ) -> Result<(), InvalidHeader> {
        let values = [
            &conditions.if_match,
            &conditions.if_none_match,
            &conditions.if_modified_since,
            &conditions.if_unmodified_since,
        ];
        names.into_iter().zip(values).try_for_each(|(name, value)| self.maybe(name, value.as_deref()))
    }
}

pub(super) const CONDITIONS: [&str; 4] =
    ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];
pub(super) const COPY_CONDITIONS: [&str; 4] = [
    "x-oss-copy-source-if-match",
    "x-oss-copy-source-if-none-match",
    "x-oss-copy-source-if-modified-since",
    "x-oss-copy-source-if-unmodified-since",
];

impl Request {
    /// The unsigned head: method, address, `Host` and headers.
    pub fn head(&self, endpoint: &Endpoint) -> Result<Parts, BuildError> {
        let mut query = Query::default();
        let mut headers = Headers(HeaderMap::new());
        headers.set("host", &endpoint.host(self.bucket.as_deref()))?;
        let method = self.fill(&mut query, &mut headers)?;
        let mut url = endpoint.url(self.bucket.as_deref(), self.key.as_deref())?;
        if !query.0.is_empty() {
            url = format!("{url}?{}", query.write());
        }
        let uri: Uri = url.parse().map_err(|_| BuildError::Url)?;
        let (mut head, ()) = http::Request::new(()).into_parts();
        (head.method, head.uri, head.headers) = (method, uri, headers.0);
        Ok(head)
    }

    /// The document that the request carries; none where the body is object data or nothing.
    pub fn body(&self) -> Option<Bytes> {
        match &self.call {
            Call::CompleteMultipartUpload(complete) => Some(complete.parts.to_xml().into()),
            Call::PutBucketVersioning(state) => Some(versions::versioning_document(*state).into()),
            Call::DeleteMultipleObjects(many) => Some(many.delete.to_xml().into()),
            Call::PutObjectTagging(put) => Some(put.tags.to_document().to_xml().into()),
            _ => None,
        }
    }

    fn fill(&self, query: &mut Query, headers: &mut Headers) -> Result<Method, BuildError> {
        Ok(match &self.call {
            Call::ListBuckets(list) => {
                query.text("prefix", &list.prefix);
                query.text("marker", &list.marker);
                query.number("max-keys", list.max_keys);
                Method::GET
            }
            Call::PutBucket(put) => put.fill(headers)?,
            Call::DeleteBucket => Method::DELETE,
            Call::ListObjects(list) => list.fill(query),
            Call::PutBucketVersioning(_) => {
                query.flag("versioning");
                headers.set("content-type", "application/xml")?;
                Method::PUT
            }
            Call::GetBucketVersioning => {
                query.flag("versioning");
                Method::GET
            }
            Call::ListObjectVersions(list) => list.fill(query),
            Call::DeleteMultipleObjects(many) => many.fill(query, headers)?,
            Call::PutObject(put) => {
                put.fill(headers)?;
                Method::PUT
            }
            Call::GetObject(get) => get.fill(query, headers, Method::GET)?,
            Call::HeadObject(get) => get.fill(query, headers, Method::HEAD)?,
            Call::DeleteObject(delete) => {
                query.text("versionId", delete.version_id.as_deref().unwrap_or_default());
                Method::DELETE
            }
            Call::CopyObject(copy) => copy.fill(headers)?,
            Call::InitiateMultipartUpload(initiate) => {
                query.flag("uploads");
                query.url_encoding(initiate.url_encoding);
                initiate.object.fill(headers)?;
                Method::POST
            }
            Call::UploadPart(part) => {
                query.number("partNumber", Some(part.part_number));
                query.text("uploadId", &part.upload_id);
                part.metadata.write_to(&mut headers.0)?;
                headers.maybe("content-length", part.content_length.map(|n| n.to_string()).as_deref())?;
                headers.maybe("content-md5", part.content_md5.as_deref())?;
                headers.maybe("x-oss-hash-crc64ecma", part.crc64.map(|n| n.to_string()).as_deref())?;
                Method::PUT
            }
            Call::ListParts(list) => {
                query.text("uploadId", &list.upload_id);
                query.number("part-number-marker", list.part_number_marker);
                query.number("max-parts", list.max_parts);
                query.url_encoding(list.url_encoding);
                Method::GET
            }
            Call::CompleteMultipartUpload(complete) => {
                query.text("uploadId", &complete.upload_id);
                query.url_encoding(complete.url_encoding);
                complete.metadata.write_to(&mut headers.0)?;
                headers.flag("x-oss-forbid-overwrite", complete.forbid_overwrite)?;
                headers.set("content-type", "application/xml")?;
                Method::POST
            }
            Call::AbortMultipartUpload { upload_id } => {
                query.text("uploadId", upload_id);
                Method::DELETE
            }
            Call::AppendObject(append) => append.fill(query, headers)?,
            Call::UploadPartCopy(copy) => copy.fill(query, headers)?,
            Call::ListMultipartUploads(list) => list.fill(query),
            Call::PutSymlink(put) => put.fill(query, headers)?,
            Call::PutObjectAcl(put) => sub_resource::fill_acl(put, query, headers)?,
            Call::PutObjectTagging(put) => {
                headers.set("content-type", "application/xml")?;
                sub_resource::fill(query, Method::PUT, "tagging", put.version_id.as_deref())
            }
            Call::GetObjectMeta { version_id } => {
                sub_resource::fill(query, Method::HEAD, "objectMeta", version_id.as_deref())
            }
            Call::GetObjectTagging { version_id } => {
                sub_resource::fill(query, Method::GET, "tagging", version_id.as_deref())
            }
            Call::DeleteObjectTagging { version_id } => {
                sub_resource::fill(query, Method::DELETE, "tagging", version_id.as_deref())
            }
            Call::GetObjectAcl { version_id } => {
                sub_resource::fill(query, Method::GET, "acl", version_id.as_deref())
            }
            Call::GetSymlink { version_id } => {
                sub_resource::fill(query, Method::GET, "symlink", version_id.as_deref())
            }
            Call::PutBucketAcl(acl) => bucket::fill_acl(*acl, query, headers)?,
            Call::GetBucketAcl => sub_resource::fill(query, Method::GET, "acl", None),
            Call::GetBucketInfo => sub_resource::fill(query, Method::GET, "bucketInfo", None),
            Call::GetBucketLocation => sub_resource::fill(query, Method::GET, "location", None),
            Call::GetBucketStat => sub_resource::fill(query, Method::GET, "stat", None),
        })
    }
}

impl ListObjects {
    fn fill(&self, query: &mut Query) -> Method {
        if !self.version_1 {
            query.text("list-type", "2");
        }
        query.text("prefix", &self.prefix);
        query.text("delimiter", &self.delimiter);
        query.text(if self.version_1 { "marker" } else { "start-after" }, &self.start_after);
        query.text("continuation-token", &self.continuation_token);
        query.number("max-keys", self.max_keys);
        query.url_encoding(self.url_encoding);
        Method::GET
    }
}

impl PutObject {
    pub(super) fn fill(&self, headers: &mut Headers) -> Result<(), InvalidHeader> {
        self.metadata.write_to(&mut headers.0)?;
        self.attributes.fill(headers)?;
        headers.flag("x-oss-forbid-overwrite", self.forbid_overwrite)?;
        headers.maybe("content-length", self.content_length.map(|n| n.to_string()).as_deref())?;
        headers.maybe("content-md5", self.content_md5.as_deref())?;
        headers.maybe("x-oss-hash-crc64ecma", self.crc64.map(|n| n.to_string()).as_deref())
    }
}

impl GetObject {
    fn fill(
        &self,
        query: &mut Query,
        headers: &mut Headers,
        method: Method,
    ) -> Result<Method, InvalidHeader> {
        query.text("versionId", self.version_id.as_deref().unwrap_or_default());
        for (name, value) in &self.response {
            query.text(name, value);
        }
        headers.maybe("range", self.range.as_ref().map(ToString::to_string).as_deref())?;
        headers.maybe("x-oss-range-behavior", self.standard_range.then_some("standard"))?;
        headers.conditions(&self.conditions, CONDITIONS)?;
        Ok(method)
    }
}

impl CopyObject {
    fn fill(&self, headers: &mut Headers) -> Result<Method, InvalidHeader> {
        let source = write_source(&self.source_bucket, &self.source_key, self.source_version.as_deref());
        headers.set("x-oss-copy-source", &source)?;
        headers.set("x-oss-metadata-directive", if self.replace_metadata { "REPLACE" } else { "COPY" })?;
        headers.flag("x-oss-forbid-overwrite", self.forbid_overwrite)?;
        headers.conditions(&self.conditions, COPY_CONDITIONS)?;
        headers.maybe("x-oss-tagging-directive", self.replace_tags.then_some("Replace"))?;
        self.attributes.fill(headers)?;
        self.metadata.write_to(&mut headers.0)?;
        Ok(Method::PUT)
    }
}
