//! Parses received requests and returns the errors of the service.

use http::request::Parts;
use http::{HeaderMap, Method};

use super::part_copy::read_source;
use super::read::{HeaderReader, QueryReader, argument, invalid, malformed_xml, method_not_allowed, missing};
use super::{
    AppendObject, Attributes, Call, CompleteMultipartUpload, CopyObject, DeleteMultipleObjects, DeleteObject,
    GetObject, InitiateMultipartUpload, ListBuckets, ListMultipartUploads, ListObjectVersions, ListObjects,
    ListParts, PutBucket, PutObject, PutObjectAcl, PutObjectTagging, PutSymlink, RESPONSE_HEADERS, Request,
    UploadPart, UploadPartCopy, attributes, versions,
};
use crate::oss::endpoint::{bucket_of_host, is_address};
use crate::oss::error::ServiceError;
use crate::oss::escape;
use crate::oss::header::{CONDITIONS, COPY_CONDITIONS, COPY_SOURCE, CRC64, FORBID_OVERWRITE};
use crate::oss::meta::Metadata;
use crate::oss::names::MAX_KEY;
use crate::oss::operation::{Operation, Resource, Selector};
use crate::oss::range::RangeSpec;
use crate::oss::xml::CompleteRequest;

/// The domains under which a server finds buckets: `bucket.domain` is a virtual host. IP addresses,
/// `localhost` and all other hosts are addressed by path. Default: `localhost`.
#[derive(Clone, Debug)]
pub struct Hosts(pub Vec<String>);

impl Default for Hosts {
    fn default() -> Self {
        Hosts(vec!["localhost".into()])
    }
}

impl Hosts {
    /// The bucket that a `Host` header names.
    fn bucket(&self, host: &str) -> Option<String> {
        let bare = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or(host) };
        let bare = bare.to_ascii_lowercase();
        if is_address(&bare) {
            return None;
        }
        let known = self
            .0
            .iter()
            .find_map(|domain| bare.strip_suffix(domain.as_str())?.strip_suffix('.').map(str::to_owned));
        known.or_else(|| bucket_of_host(&bare).map(str::to_owned))
    }
}

impl Request {
    /// Reads bucket and key of a request. The signature covers them, so they are needed before the
    /// operation.
    ///
    /// # Errors
    /// `InvalidObjectName` for a key that is not UTF-8.
    pub fn subject(head: &Parts, hosts: &Hosts) -> Result<(Option<String>, Option<String>), ServiceError> {
        let host = head.headers.get("host").and_then(|host| host.to_str().ok());
        let host = host.or(head.uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default();
        let path = head.uri.path().strip_prefix('/').unwrap_or_default();
        let path = escape::decode(path)
            .ok_or_else(|| invalid("InvalidObjectName", "The object name is not UTF-8."))?;
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(match hosts.bucket(host) {
            Some(bucket) => (Some(bucket), some(&path)),
            None => match path.split_once('/') {
                Some((bucket, key)) => (some(bucket), some(key)),
                None => (some(&path), None),
            },
        })
    }

    /// Finds the operation of a received request, without its arguments.
    ///
    /// # Errors
    /// As [`Request::from_http`], apart from the arguments.
    pub fn operation(head: &Parts, hosts: &Hosts) -> Result<Operation, ServiceError> {
        Target::read(head, hosts).map(|target| target.operation)
    }

    /// Reads a received request; `body` is its document, empty for operations without one.
    ///
    /// # Errors
    /// The errors of the service: `InvalidObjectName`, `MethodNotAllowed`, those of the arguments,
    /// and `NotImplemented` for a query parameter that the operation does not know.
    pub fn from_http(head: &Parts, hosts: &Hosts, body: &[u8]) -> Result<Request, ServiceError> {
        let Target { bucket, key, query, operation } = Target::read(head, hosts)?;
        let call = read_call(operation, &head.headers, &query, body)?;
        query.check_all_read()?;
        Ok(Request { bucket, key, call })
    }
}

/// Resource and operation of a request, before its arguments are read.
struct Target {
    bucket: Option<String>,
    key: Option<String>,
    query: QueryReader,
    operation: Operation,
}

impl Target {
    fn read(head: &Parts, hosts: &Hosts) -> Result<Target, ServiceError> {
        let (bucket, key) = Request::subject(head, hosts)?;
        if let Some(key) = &key
            && (key.len() > MAX_KEY || key.starts_with(['/', '\\']))
        {
            return Err(invalid("InvalidObjectName", "The specified object is not valid."));
        }
        let query = QueryReader::parse(head.uri.query())?;
        let resource = match (&bucket, &key) {
            (None, _) => Resource::Service,
            (Some(_), None) => Resource::Bucket,
            (Some(_), Some(_)) => Resource::Object,
        };
        let operation = find_operation(resource, &head.method, &query, &HeaderReader(&head.headers))
            .ok_or_else(method_not_allowed)?;
        Ok(Target { bucket, key, query, operation })
    }
}

/// The first operation of the table that the request matches.
fn find_operation(
    resource: Resource,
    method: &Method,
    query: &QueryReader,
    headers: &HeaderReader<'_>,
) -> Option<Operation> {
    let operations = || Operation::ALL.iter().copied().filter(|operation| operation.resource() == resource);
    let sub_resource = operations().filter_map(|operation| sub_resource(operation.selector())).find(|name| {
        // An empty `uploadId` counts as none.
        if *name == UPLOAD_ID { query.maybe(name).is_some() } else { query.flag(name) }
    });
    operations().find(|operation| {
        operation.method() == method
            && sub_resource.is_none_or(|name| self::sub_resource(operation.selector()) == Some(name))
            && match operation.selector() {
                Selector::Plain => true,
                Selector::SubResource(_) | Selector::UploadId => sub_resource.is_some(),
                Selector::UploadIdAndCopySource => {
                    sub_resource.is_some() && headers.text(COPY_SOURCE).is_some()
                }
                Selector::CopySource => headers.text(COPY_SOURCE).is_some(),
                Selector::MethodSubResource(name) => query.flag(name),
                Selector::Value(name, value) => query.text(name) == value,
            }
    })
}

const UPLOAD_ID: &str = "uploadId";

/// The parameter that decides before the method.
fn sub_resource(selector: Selector) -> Option<&'static str> {
    match selector {
        Selector::SubResource(name) => Some(name),
        Selector::UploadId | Selector::UploadIdAndCopySource => Some(UPLOAD_ID),
        Selector::Plain | Selector::MethodSubResource(_) | Selector::Value(..) | Selector::CopySource => None,
    }
}

/// Reads the arguments of an operation.
fn read_call(
    operation: Operation,
    headers: &HeaderMap,
    query: &QueryReader,
    body: &[u8],
) -> Result<Call, ServiceError> {
    let headers = &HeaderReader(headers);
    let version_id = || query.version_id();
    let upload_id = || query.text(UPLOAD_ID);
    Ok(match operation {
        Operation::ListBuckets => Call::ListBuckets(ListBuckets {
            prefix: query.text("prefix"),
            marker: query.text("marker"),
            max_keys: query.number("max-keys")?,
        }),
        Operation::PutBucket => Call::PutBucket(PutBucket { acl: attributes::read_bucket_acl(headers)? }),
        Operation::DeleteBucket => Call::DeleteBucket,
        Operation::ListObjects => Call::ListObjects(ListObjects::read(query, true)?),
        Operation::ListObjectsV2 => Call::ListObjects(ListObjects::read(query, false)?),
        Operation::PutBucketVersioning => Call::PutBucketVersioning(versions::read_versioning(body)?),
        Operation::GetBucketVersioning => Call::GetBucketVersioning,
        Operation::ListObjectVersions => Call::ListObjectVersions(ListObjectVersions::read(query)?),
        Operation::DeleteMultipleObjects => {
            Call::DeleteMultipleObjects(DeleteMultipleObjects::read(headers, query, body)?)
        }
        Operation::ListMultipartUploads => Call::ListMultipartUploads(ListMultipartUploads::read(query)?),
        Operation::PutBucketAcl => {
            let acl = attributes::read_bucket_acl(headers)?;
            Call::PutBucketAcl(acl.ok_or_else(|| missing(attributes::BUCKET_ACL))?)
        }
        Operation::GetBucketAcl => Call::GetBucketAcl,
        Operation::GetBucketInfo => Call::GetBucketInfo,
        Operation::GetBucketLocation => Call::GetBucketLocation,
        Operation::GetBucketStat => Call::GetBucketStat,
        Operation::PutObjectTagging => Call::PutObjectTagging(PutObjectTagging::read(query, body)?),
        Operation::GetObjectTagging => Call::GetObjectTagging { version_id: version_id() },
        Operation::DeleteObjectTagging => Call::DeleteObjectTagging { version_id: version_id() },
        Operation::PutObjectAcl => Call::PutObjectAcl(PutObjectAcl::read(headers, query)?),
        Operation::GetObjectAcl => Call::GetObjectAcl { version_id: version_id() },
        Operation::PutSymlink => Call::PutSymlink(PutSymlink::read(headers)?),
        Operation::GetSymlink => Call::GetSymlink { version_id: version_id() },
        Operation::GetObjectMeta => Call::GetObjectMeta { version_id: version_id() },
        Operation::ListParts => {
            let part_number_marker = query.number("part-number-marker")?;
            Call::ListParts(ListParts {
                upload_id: upload_id(),
                part_number_marker,
                max_parts: query.number("max-parts")?,
                url_encoding: query.url_encoding()?,
            })
        }
        Operation::UploadPartCopy => Call::UploadPartCopy(UploadPartCopy::read(headers, query)?),
        Operation::UploadPart => {
            let part_number = query.part_number()?;
            let put = PutObject::read(headers)?;
            Call::UploadPart(UploadPart {
                upload_id: upload_id(),
                part_number,
                metadata: put.metadata,
                content_length: put.content_length,
                content_md5: put.content_md5,
                crc64: put.crc64,
            })
        }
        Operation::CompleteMultipartUpload => {
            let url_encoding = query.url_encoding()?;
            let parts = CompleteRequest::from_xml(body).map_err(|_| malformed_xml())?;
            let forbid_overwrite = headers.flag(FORBID_OVERWRITE)?;
            let mut metadata = Metadata::from_headers(headers.0);
            // It is the type of the document, not of the object.
            metadata.0.retain(|(name, _)| name != "content-type");
            let upload_id = upload_id();
            Call::CompleteMultipartUpload(CompleteMultipartUpload {
                upload_id,
                parts,
                forbid_overwrite,
                metadata,
                url_encoding,
            })
        }
        Operation::AbortMultipartUpload => Call::AbortMultipartUpload { upload_id: upload_id() },
        Operation::InitiateMultipartUpload => {
            let url_encoding = query.url_encoding()?;
            let object = PutObject::read(headers)?;
            Call::InitiateMultipartUpload(InitiateMultipartUpload { object, url_encoding })
        }
        Operation::AppendObject => Call::AppendObject(AppendObject::read(headers, query)?),
        Operation::GetObject => Call::GetObject(GetObject::read(headers, query)),
        Operation::HeadObject => Call::HeadObject(GetObject::read(headers, query)),
        Operation::DeleteObject => Call::DeleteObject(DeleteObject { version_id: version_id() }),
        Operation::CopyObject => Call::CopyObject(CopyObject::read(headers)?),
        Operation::PutObject => Call::PutObject(PutObject::read(headers)?),
    })
}

impl ListObjects {
    fn read(query: &QueryReader, version_1: bool) -> Result<ListObjects, ServiceError> {
        Ok(ListObjects {
            version_1,
            prefix: query.text("prefix"),
            delimiter: query.text("delimiter"),
            start_after: query.text(if version_1 { "marker" } else { "start-after" }),
            continuation_token: query.text("continuation-token"),
            max_keys: query.page_size("max-keys")?,
            url_encoding: query.url_encoding()?,
        })
    }
}

impl PutObject {
    fn read(headers: &HeaderReader<'_>) -> Result<PutObject, ServiceError> {
        Ok(PutObject {
            attributes: Attributes::read(headers)?,
            ..PutObject::read_without_attributes(headers)?
        })
    }

    pub(super) fn read_without_attributes(headers: &HeaderReader<'_>) -> Result<PutObject, ServiceError> {
        Ok(PutObject {
            metadata: Metadata::from_headers(headers.0),
            attributes: Attributes::default(),
            forbid_overwrite: headers.flag(FORBID_OVERWRITE)?,
            content_length: headers.number("content-length")?,
            content_md5: headers.owned("content-md5"),
            crc64: headers.number(CRC64)?,
        })
    }
}

impl GetObject {
    fn read(headers: &HeaderReader<'_>, query: &QueryReader) -> GetObject {
        GetObject {
            range: headers.text("range").and_then(RangeSpec::parse),
            standard_range: headers.text("x-oss-range-behavior") == Some("standard"),
            conditions: headers.conditions(CONDITIONS),
            version_id: query.version_id(),
            response: RESPONSE_HEADERS
                .into_iter()
                .filter_map(|name| query.maybe(name).map(|value| (name, value)))
                .collect(),
        }
    }
}

impl CopyObject {
    fn read(headers: &HeaderReader<'_>) -> Result<CopyObject, ServiceError> {
        let source = headers.text(COPY_SOURCE).unwrap_or_default();
        let (source_bucket, source_key, source_version) = read_source(source)?;
        let replaces = |name: &str, rule: &str| match headers.text(name) {
            None => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("copy") => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("replace") => Ok(true),
            Some(_) => Err(argument(name, rule)),
        };
        let replace_metadata = replaces("x-oss-metadata-directive", "must be COPY or REPLACE")?;
        let replace_tags = replaces("x-oss-tagging-directive", "must be Copy or Replace")?;
        Ok(CopyObject {
            source_bucket,
            source_key,
            source_version,
            replace_metadata,
            metadata: Metadata::from_headers(headers.0),
            attributes: Attributes::read(headers)?,
            replace_tags,
            forbid_overwrite: headers.flag(FORBID_OVERWRITE)?,
            conditions: headers.conditions(COPY_CONDITIONS),
        })
    }
}
