//! Builds HTTP requests from typed ones.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Uri};

use super::write::{HeaderWriter, QueryWriter};
use super::{BuildError, Call, Request, attributes, versions};
use crate::oss::Acl;
use crate::oss::endpoint::Endpoint;
use crate::oss::header::{CONDITIONS, COPY_CONDITIONS, COPY_SOURCE, CRC64, FORBID_OVERWRITE, InvalidHeader};
use crate::oss::operation::BodyKind;

use super::part_copy::write_source;
use super::{CopyObject, GetObject, ListObjects, PutObject, UploadPart};

impl Request {
    /// The unsigned head: method, URL, `Host` and headers.
    ///
    /// # Errors
    /// [`BuildError`]: a bucket or key outside the service's rules, or a value that HTTP cannot
    /// carry.
    pub fn head(&self, endpoint: &Endpoint) -> Result<Parts, BuildError> {
        let operation = self.call.operation();
        let mut query = QueryWriter::default();
        let mut headers = HeaderWriter(HeaderMap::new());
        headers.set("host", &endpoint.host(self.bucket.as_deref()))?;
        query.select(operation.selector());
        self.call.write(&mut query, &mut headers)?;
        if operation.request_body() == BodyKind::Document {
            headers.set("content-type", "application/xml")?;
        }
        let mut url = endpoint.url(self.bucket.as_deref(), self.key.as_deref())?;
        let query = query.finish();
        if !query.is_empty() {
            url = format!("{url}?{query}");
        }
        let uri: Uri = url.parse().map_err(|_| BuildError::Url)?;
        let (mut head, ()) = http::Request::new(()).into_parts();
        (head.method, head.uri, head.headers) = (operation.method().clone(), uri, headers.0);
        Ok(head)
    }

    /// The XML document of the request; `None` when the operation has none.
    pub fn body(&self) -> Option<Bytes> {
        match &self.call {
            Call::CompleteMultipartUpload(complete) => Some(complete.parts.to_xml().into()),
            Call::PutBucketVersioning(state) => Some(versions::versioning_document(*state).into()),
            Call::DeleteMultipleObjects(many) => Some(many.delete.to_xml().into()),
            Call::PutObjectTagging(put) => Some(put.tags.to_document().to_xml().into()),
            _ => None,
        }
    }
}

impl Call {
    /// Writes the arguments. Method, sub-resource and content type of a document follow from the
    /// table of operations.
    fn write(&self, query: &mut QueryWriter, headers: &mut HeaderWriter) -> Result<(), BuildError> {
        match self {
            Call::ListBuckets(list) => {
                query.text("prefix", &list.prefix);
                query.text("marker", &list.marker);
                query.number("max-keys", list.max_keys.map(u64::from));
            }
            Call::PutBucket(put) => {
                headers.maybe(attributes::BUCKET_ACL, put.acl.map(Acl::wire_name))?;
            }
            Call::PutBucketAcl(acl) => headers.set(attributes::BUCKET_ACL, acl.wire_name())?,
            Call::ListObjects(list) => list.write(query),
            Call::ListObjectVersions(list) => list.write(query),
            Call::ListMultipartUploads(list) => list.write(query),
            Call::DeleteMultipleObjects(many) => many.write(query, headers)?,
            Call::PutObject(put) => put.write(headers)?,
            Call::GetObject(get) | Call::HeadObject(get) => get.write(query, headers)?,
            Call::DeleteObject(delete) => query.version_id(delete.version_id.as_deref()),
            Call::CopyObject(copy) => copy.write(headers)?,
            Call::InitiateMultipartUpload(initiate) => {
                query.url_encoding(initiate.url_encoding);
                initiate.object.write(headers)?;
            }
            Call::UploadPart(part) => part.write(query, headers)?,
            Call::UploadPartCopy(copy) => copy.write(query, headers)?,
            Call::ListParts(list) => {
                query.text("uploadId", &list.upload_id);
                query.number("part-number-marker", list.part_number_marker.map(u64::from));
                query.number("max-parts", list.max_parts.map(u64::from));
                query.url_encoding(list.url_encoding);
            }
            Call::CompleteMultipartUpload(complete) => {
                query.text("uploadId", &complete.upload_id);
                query.url_encoding(complete.url_encoding);
                complete.metadata.write_to(&mut headers.0)?;
                headers.flag(FORBID_OVERWRITE, complete.forbid_overwrite)?;
            }
            Call::AbortMultipartUpload { upload_id } => query.text("uploadId", upload_id),
            Call::AppendObject(append) => {
                query.number("position", append.position);
                append.object.write(headers)?;
            }
            Call::PutSymlink(put) => put.write(headers)?,
            Call::PutObjectAcl(put) => {
                query.version_id(put.version_id.as_deref());
                headers.set(attributes::OBJECT_ACL, put.acl.wire_name())?;
            }
            Call::PutObjectTagging(put) => query.version_id(put.version_id.as_deref()),
            Call::GetObjectMeta { version_id }
            | Call::GetObjectTagging { version_id }
            | Call::DeleteObjectTagging { version_id }
            | Call::GetObjectAcl { version_id }
            | Call::GetSymlink { version_id } => query.version_id(version_id.as_deref()),
            Call::DeleteBucket
            | Call::PutBucketVersioning(_)
            | Call::GetBucketVersioning
            | Call::GetBucketAcl
            | Call::GetBucketInfo
            | Call::GetBucketLocation
            | Call::GetBucketStat => {}
        }
        Ok(())
    }
}

impl ListObjects {
    fn write(&self, query: &mut QueryWriter) {
        query.text("prefix", &self.prefix);
        query.text("delimiter", &self.delimiter);
        query.text(if self.version_1 { "marker" } else { "start-after" }, &self.start_after);
        query.text("continuation-token", &self.continuation_token);
        query.number("max-keys", self.max_keys.map(u64::from));
        query.url_encoding(self.url_encoding);
    }
}

impl PutObject {
    fn write(&self, headers: &mut HeaderWriter) -> Result<(), InvalidHeader> {
        self.metadata.write_to(&mut headers.0)?;
        self.attributes.write(headers)?;
        headers.flag(FORBID_OVERWRITE, self.forbid_overwrite)?;
        headers.number("content-length", self.content_length);
        headers.maybe("content-md5", self.content_md5.as_deref())?;
        headers.number(CRC64, self.crc64);
        Ok(())
    }
}

impl UploadPart {
    fn write(&self, query: &mut QueryWriter, headers: &mut HeaderWriter) -> Result<(), InvalidHeader> {
        query.number("partNumber", u64::from(self.part_number));
        query.text("uploadId", &self.upload_id);
        self.metadata.write_to(&mut headers.0)?;
        headers.number("content-length", self.content_length);
        headers.maybe("content-md5", self.content_md5.as_deref())?;
        headers.number(CRC64, self.crc64);
        Ok(())
    }
}

impl GetObject {
    fn write(&self, query: &mut QueryWriter, headers: &mut HeaderWriter) -> Result<(), InvalidHeader> {
        query.version_id(self.version_id.as_deref());
        for (name, value) in &self.response {
            query.text(name, value);
        }
        headers.maybe("range", self.range.as_ref().map(ToString::to_string).as_deref())?;
        headers.maybe("x-oss-range-behavior", self.standard_range.then_some("standard"))?;
        headers.conditions(&self.conditions, CONDITIONS)
    }
}

impl CopyObject {
    fn write(&self, headers: &mut HeaderWriter) -> Result<(), InvalidHeader> {
        let source = write_source(&self.source_bucket, &self.source_key, self.source_version.as_deref());
        headers.set(COPY_SOURCE, &source)?;
        headers.set("x-oss-metadata-directive", if self.replace_metadata { "REPLACE" } else { "COPY" })?;
        headers.flag(FORBID_OVERWRITE, self.forbid_overwrite)?;
        headers.conditions(&self.conditions, COPY_CONDITIONS)?;
        headers.maybe("x-oss-tagging-directive", self.replace_tags.then_some("Replace"))?;
        self.attributes.write(headers)?;
        self.metadata.write_to(&mut headers.0)
    }
}
