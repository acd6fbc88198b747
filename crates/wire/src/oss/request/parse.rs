//! From HTTP heads to typed requests, with the service's refusals.

use std::str::FromStr;

use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};

use super::build::{CONDITIONS, COPY_CONDITIONS};
use super::part_copy::{UploadPartCopy, read_source};
use super::{
    AppendObject, Attributes, Call, CompleteMultipartUpload, Conditions, CopyObject, DeleteMultipleObjects,
    DeleteObject, GetObject, InitiateMultipartUpload, ListBuckets, ListObjectVersions, ListObjects,
    ListParts, PutObject, RESPONSE_HEADERS, Request, UploadPart, bucket, sub_resource, versions,
};
use crate::oss::endpoint::{bucket_of_host, is_address};
use crate::oss::error::ServiceError;
use crate::oss::escape;
use crate::oss::meta::Metadata;
use crate::oss::names::MAX_KEY;
use crate::oss::range::{RangeSpec, digits};
use crate::oss::xml::CompleteRequest;

/// The domains under which a server finds buckets: `bucket.domain` is a virtual host. IP addresses, `localhost` and other hosts are
/// addressed by path.
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
    /// Reads the bucket and key of a request, which a signature is about, before anything else.
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

    /// Reads a request that a server received; `body` is the document of calls that carry one.
    pub fn from_http(head: &Parts, hosts: &Hosts, body: &[u8]) -> Result<Request, ServiceError> {
        let (bucket, key) = Request::subject(head, hosts)?;
        if let Some(key) = &key
            && (key.len() > MAX_KEY || key.starts_with(['/', '\\']))
        {
            return Err(invalid("InvalidObjectName", "The specified object is not valid."));
        }
        let query = Query::parse(head.uri.query())?;
        let call = match (&bucket, &key) {
            (None, _) => service_call(&head.method, &query),
            (Some(_), None) => match bucket::parse(head, &query)? {
                Some(call) => Ok(call),
                None => bucket_call(head, &query, body),
            },
            (Some(_), Some(_)) => match sub_resource::parse(head, &query, body)? {
                Some(call) => Ok(call),
                None => object_call(head, &query, body),
            },
        }?;
        query.all_used()?;
        Ok(Request { bucket, key, call })
    }
}

fn service_call(method: &Method, query: &Query) -> Result<Call, ServiceError> {
    match *method {
        Method::GET => Ok(Call::ListBuckets(ListBuckets {
            prefix: query.text("prefix"),
            marker: query.text("marker"),
            max_keys: query.number("max-keys")?,
        })),
        _ => Err(method_not_allowed()),
    }
}

fn bucket_call(head: &Parts, query: &Query, body: &[u8]) -> Result<Call, ServiceError> {
    match head.method {
        Method::PUT if query.flag("versioning") => {
            Ok(Call::PutBucketVersioning(versions::read_versioning(body)?))
        }
        Method::PUT => bucket::put_bucket(head),
        Method::DELETE => Ok(Call::DeleteBucket),
        Method::GET if query.flag("versioning") => Ok(Call::GetBucketVersioning),
        Method::GET if query.flag("versions") => {
            Ok(Call::ListObjectVersions(ListObjectVersions::read(query)?))
        }
        Method::POST if query.flag("delete") => {
            Ok(Call::DeleteMultipleObjects(DeleteMultipleObjects::read(&head.headers, query, body)?))
        }
        Method::GET => {
            let version_1 = query.text("list-type") != "2";
            Ok(Call::ListObjects(ListObjects {
                version_1,
                prefix: query.text("prefix"),
                delimiter: query.text("delimiter"),
                start_after: if version_1 { query.text("marker") } else { query.text("start-after") },
                continuation_token: query.text("continuation-token"),
                max_keys: query.number("max-keys")?.map(list_limit).transpose()?,
                url_encoding: query.encoding()?,
            }))
        }
        _ => Err(method_not_allowed()),
    }
}

pub(super) fn list_limit(max_keys: u32) -> Result<u32, ServiceError> {
    if (1..=1000).contains(&max_keys) {
        Ok(max_keys)
    } else {
        Err(argument("max-keys", "must be from 1 to 1000"))
    }
}

fn object_call(head: &Parts, query: &Query, body: &[u8]) -> Result<Call, ServiceError> {
    let headers = Headers(&head.headers);
    let upload_id = query.maybe("uploadId");
    match (&head.method, upload_id) {
        (&Method::GET, Some(upload_id)) => {
            let part_number_marker = query.number("part-number-marker")?;
            Ok(Call::ListParts(ListParts {
                upload_id,
                part_number_marker,
                max_parts: query.number("max-parts")?,
                url_encoding: query.encoding()?,
            }))
        }
        (&Method::PUT, Some(upload_id)) => {
            let part_number = query.number("partNumber")?.filter(|number| (1..=10_000).contains(number));
            let part_number = part_number.ok_or_else(|| argument("partNumber", "must be from 1 to 10000"))?;
            if let Some(source) = headers.text("x-oss-copy-source") {
                return UploadPartCopy::parse(&headers, upload_id, part_number, source);
            }
            let put = put_object(&headers)?;
            Ok(Call::UploadPart(UploadPart {
                upload_id,
                part_number,
                metadata: put.metadata,
                content_length: put.content_length,
                content_md5: put.content_md5,
                crc64: put.crc64,
            }))
        }
        (&Method::POST, Some(upload_id)) => {
            let url_encoding = query.encoding()?;
            let parts = CompleteRequest::from_xml(body).map_err(|_| malformed_xml())?;
            let forbid_overwrite = headers.flag("x-oss-forbid-overwrite")?;
            let mut metadata = Metadata::from_headers(&head.headers);
            metadata.0.retain(|(name, _)| name != "content-type");
            Ok(Call::CompleteMultipartUpload(CompleteMultipartUpload {
                upload_id,
                parts,
                forbid_overwrite,
                metadata,
                url_encoding,
            }))
        }
        (&Method::DELETE, Some(upload_id)) => Ok(Call::AbortMultipartUpload { upload_id }),
        (&Method::POST, None) if query.flag("uploads") => {
            let url_encoding = query.encoding()?;
            Ok(Call::InitiateMultipartUpload(InitiateMultipartUpload {
                object: put_object(&headers)?,
                url_encoding,
            }))
        }
        (&Method::POST, None) if query.flag("append") => AppendObject::parse(&headers, query),
        (&Method::GET, None) => Ok(Call::GetObject(get_object(&headers, query))),
        (&Method::HEAD, None) => Ok(Call::HeadObject(get_object(&headers, query))),
        (&Method::DELETE, None) => {
            Ok(Call::DeleteObject(DeleteObject { version_id: query.maybe("versionId") }))
        }
        (&Method::PUT, None) => match headers.text("x-oss-copy-source") {
            Some(source) => Ok(Call::CopyObject(copy_object(&headers, source)?)),
            None => Ok(Call::PutObject(put_object(&headers)?)),
        },
        _ => Err(method_not_allowed()),
    }
}

fn put_object(headers: &Headers<'_>) -> Result<PutObject, ServiceError> {
    Ok(PutObject { attributes: Attributes::parse(headers)?, ..body_of(headers)? })
}

/// A request with a body that is stored, attributes apart.
pub(super) fn body_of(headers: &Headers<'_>) -> Result<PutObject, ServiceError> {
    let number = |name: &str| match headers.text(name) {
        None => Ok(None),
        Some(text) => digits(text).map(Some).ok_or_else(|| argument(name, "must be a decimal number")),
    };
    Ok(PutObject {
        metadata: Metadata::from_headers(headers.0),
        attributes: Attributes::default(),
        forbid_overwrite: headers.flag("x-oss-forbid-overwrite")?,
        content_length: number("content-length")?,
        content_md5: headers.owned("content-md5"),
        crc64: number("x-oss-hash-crc64ecma")?,
    })
}

fn get_object(headers: &Headers<'_>, query: &Query) -> GetObject {
    GetObject {
        range: headers.text("range").and_then(RangeSpec::parse),
        standard_range: headers.text("x-oss-range-behavior") == Some("standard"),
        conditions: headers.conditions(CONDITIONS),
        version_id: query.maybe("versionId"),
        response: RESPONSE_HEADERS
            .into_iter()
            .filter_map(|name| query.maybe(name).map(|value| (name, value)))
            .collect(),
    }
}

fn copy_object(headers: &Headers<'_>, source: &str) -> Result<CopyObject, ServiceError> {
    let (source_bucket, source_key, source_version) = read_source(source)?;
    let directive = headers.text("x-oss-metadata-directive").unwrap_or("COPY");
    let replace_metadata = match directive.to_ascii_uppercase().as_str() {
        "COPY" => false,
        "REPLACE" => true,
        _ => return Err(argument("x-oss-metadata-directive", "must be COPY or REPLACE")),
    };
    let directive = headers.text("x-oss-tagging-directive").unwrap_or("Copy");
    let replace_tags = match directive.to_ascii_uppercase().as_str() {
        "COPY" => false,
        "REPLACE" => true,
        _ => return Err(argument("x-oss-tagging-directive", "must be Copy or Replace")),
    };
    Ok(CopyObject {
        source_bucket,
        source_key,
        source_version,
        replace_metadata,
        metadata: Metadata::from_headers(headers.0),
        attributes: Attributes::parse(headers)?,
        replace_tags,
        forbid_overwrite: headers.flag("x-oss-forbid-overwrite")?,
        conditions: headers.conditions(COPY_CONDITIONS),
    })
}

pub(super) struct Headers<'a>(pub(super) &'a HeaderMap);

impl Headers<'_> {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, ServiceError> {
        match self.text(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                let message = format!("The value of {name} must be true or false.");
                Err(ServiceError::new(StatusCode::BAD_REQUEST, "InvalidArgument", message, "0017-00000279"))
            }
        }
    }

    pub(super) fn conditions(&self, names: [&str; 4]) -> Conditions {
        let [if_match, if_none_match, if_modified_since, if_unmodified_since] =
            names.map(|name| self.owned(name));
        Conditions { if_match, if_none_match, if_modified_since, if_unmodified_since }
    }
}

/// A decoded query that remembers which names were asked for: a sub-resource that nobody asked for changes what the request
/// means, so it is refused.
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    used: std::cell::RefCell<Vec<String>>,
}

impl Query {
    fn parse(raw: Option<&str>) -> Result<Query, ServiceError> {
        let pairs =
            escape::pairs(raw).ok_or_else(|| invalid("InvalidArgument", "The query is not UTF-8."))?;
        Ok(Query { pairs, used: std::cell::RefCell::default() })
    }

    pub(super) fn maybe(&self, name: &str) -> Option<String> {
        self.used.borrow_mut().push(name.to_owned());
        self.pairs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.maybe(name).unwrap_or_default()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.used.borrow_mut().push(name.to_owned());
        self.pairs.iter().any(|(known, _)| known == name)
    }

    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, ServiceError> {
        let bad = || argument(name, "must be a decimal number");
        self.maybe(name).map(|text| digits(&text).and_then(|_| text.parse().ok()).ok_or_else(bad)).transpose()
    }

    pub(super) fn encoding(&self) -> Result<bool, ServiceError> {
        match self.text("encoding-type").as_str() {
            "" => Ok(false),
            "url" => Ok(true),
            _ => Err(argument("encoding-type", "must be url")),
        }
    }

    fn all_used(&self) -> Result<(), ServiceError> {
        const HARMLESS: [&str; 13] = [
            "fetch-owner",
            "sequential",
            // Of presigned URLs.
            "x-oss-signature-version",
            "x-oss-credential",
            "x-oss-date",
            "x-oss-expires",
            "x-oss-additional-headers",
            "x-oss-security-token",
            "x-oss-signature",
            "OSSAccessKeyId",
            "Expires",
            "Signature",
            "security-token",
        ];
        let used = self.used.borrow();
        let unknown =
            self.pairs.iter().find(|(name, _)| !used.contains(name) && !HARMLESS.contains(&name.as_str()));
        unknown.map_or(Ok(()), |(name, _)| Err(not_implemented(name)))
    }
}

fn invalid(code: &str, message: &str) -> ServiceError {
    ServiceError::new(StatusCode::BAD_REQUEST, code, message, "")
}

pub(super) fn argument(name: &str, rule: &str) -> ServiceError {
    ServiceError::new(StatusCode::BAD_REQUEST, "InvalidArgument", format!("The argument {name} {rule}."), "")
}

pub(super) fn missing(name: &str) -> ServiceError {
    let message = format!("Missing Some Required Arguments: {name}.");
    ServiceError::new(StatusCode::BAD_REQUEST, "MissingArgument", message, "0016-00000502")
}

pub(super) fn malformed_xml() -> ServiceError {
    let message =
        "The XML you provided was not well-formed or did not validate against our published schema.";
    ServiceError::new(StatusCode::BAD_REQUEST, "MalformedXML", message, "0042-00000205")
}

pub(super) fn method_not_allowed() -> ServiceError {
    let message = "The specified method is not allowed against this resource.";
    ServiceError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message, "")
}

fn not_implemented(what: &str) -> ServiceError {
    let message = format!("This server does not implement {what}.");
    ServiceError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message, "")
}
