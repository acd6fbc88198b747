//! Requests: built by clients and parsed by servers, with the same types.

mod append;
mod attributes;
mod bucket;
mod build;
mod parse;
mod part_copy;
mod read;
mod sub_resource;
mod versions;
mod write;

use super::Acl;
use super::header::InvalidHeader;
use super::meta::Metadata;
use super::names::NameError;
use super::operation::Operation;
use super::range::RangeSpec;
use super::xml::CompleteRequest;

pub use append::AppendObject;
pub use attributes::Attributes;
pub use bucket::{ListMultipartUploads, PutBucket};
pub use parse::Hosts;
pub use part_copy::UploadPartCopy;
pub use sub_resource::{PutObjectAcl, PutObjectTagging, PutSymlink};
pub use versions::{DeleteMultipleObjects, ListObjectVersions, MAX_DELETE, Versioning};

/// A request to the account, a bucket or an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Bucket; `None` for the account.
    pub bucket: Option<String>,
    /// Object key, decoded; `None` for the bucket.
    pub key: Option<String>,
    /// Operation and arguments.
    pub call: Call,
}

/// An operation with its arguments. [`Operation`] is the operation alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// Lists the buckets of the account.
    ListBuckets(ListBuckets),
    /// Creates a bucket.
    PutBucket(PutBucket),
    /// Deletes an empty bucket.
    DeleteBucket,
    /// Lists objects, as [`Operation::ListObjects`](super::Operation) or `ListObjectsV2`.
    ListObjects(ListObjects),
    /// Enables or suspends versioning.
    PutBucketVersioning(Versioning),
    /// Returns the versioning state.
    GetBucketVersioning,
    /// Lists versions and delete markers.
    ListObjectVersions(ListObjectVersions),
    /// Deletes up to 1,000 objects or versions.
    DeleteMultipleObjects(DeleteMultipleObjects),
    /// Stores an object.
    PutObject(PutObject),
    /// Returns an object or a range of it.
    GetObject(GetObject),
    /// Returns the headers of an object.
    HeadObject(GetObject),
    /// Deletes an object or a version.
    DeleteObject(DeleteObject),
    /// Copies an object within the service.
    CopyObject(CopyObject),
    /// Starts a multipart upload.
    InitiateMultipartUpload(InitiateMultipartUpload),
    /// Stores a part.
    UploadPart(UploadPart),
    /// Lists the parts of a multipart upload.
    ListParts(ListParts),
    /// Assembles the parts to an object.
    CompleteMultipartUpload(CompleteMultipartUpload),
    /// Discards a multipart upload and its parts.
    AbortMultipartUpload {
        /// Identifier of the upload.
        upload_id: String,
    },
    /// Appends to an object.
    AppendObject(AppendObject),
    /// Stores a range of another object as a part.
    UploadPartCopy(UploadPartCopy),
    /// Lists the unfinished multipart uploads of a bucket.
    ListMultipartUploads(ListMultipartUploads),
    /// Returns size, ETag and modification time of an object.
    GetObjectMeta {
        /// Version; `None` for the latest.
        version_id: Option<String>,
    },
    /// Replaces the tags of an object.
    PutObjectTagging(PutObjectTagging),
    /// Returns the tags of an object.
    GetObjectTagging {
        /// Version; `None` for the latest.
        version_id: Option<String>,
    },
    /// Deletes the tags of an object.
    DeleteObjectTagging {
        /// Version; `None` for the latest.
        version_id: Option<String>,
    },
    /// Sets the access control list of an object.
    PutObjectAcl(PutObjectAcl),
    /// Returns the access control list of an object.
    GetObjectAcl {
        /// Version; `None` for the latest.
        version_id: Option<String>,
    },
    /// Stores a symbolic link to an object.
    PutSymlink(PutSymlink),
    /// Returns the target of a symbolic link.
    GetSymlink {
        /// Version; `None` for the latest.
        version_id: Option<String>,
    },
    /// Sets the access control list of a bucket.
    PutBucketAcl(Acl),
    /// Returns the access control list of a bucket.
    GetBucketAcl,
    /// Returns the properties of a bucket.
    GetBucketInfo,
    /// Returns the region of a bucket.
    GetBucketLocation,
    /// Returns number and size of the objects of a bucket.
    GetBucketStat,
}

impl Call {
    /// The operation, without its arguments.
    pub const fn operation(&self) -> Operation {
        match self {
            Call::ListBuckets(_) => Operation::ListBuckets,
            Call::PutBucket(_) => Operation::PutBucket,
            Call::DeleteBucket => Operation::DeleteBucket,
            Call::ListObjects(list) if list.version_1 => Operation::ListObjects,
            Call::ListObjects(_) => Operation::ListObjectsV2,
            Call::PutBucketVersioning(_) => Operation::PutBucketVersioning,
            Call::GetBucketVersioning => Operation::GetBucketVersioning,
            Call::ListObjectVersions(_) => Operation::ListObjectVersions,
            Call::DeleteMultipleObjects(_) => Operation::DeleteMultipleObjects,
            Call::PutObject(_) => Operation::PutObject,
            Call::GetObject(_) => Operation::GetObject,
            Call::HeadObject(_) => Operation::HeadObject,
            Call::DeleteObject(_) => Operation::DeleteObject,
            Call::CopyObject(_) => Operation::CopyObject,
            Call::InitiateMultipartUpload(_) => Operation::InitiateMultipartUpload,
            Call::UploadPart(_) => Operation::UploadPart,
            Call::ListParts(_) => Operation::ListParts,
            Call::CompleteMultipartUpload(_) => Operation::CompleteMultipartUpload,
            Call::AbortMultipartUpload { .. } => Operation::AbortMultipartUpload,
            Call::AppendObject(_) => Operation::AppendObject,
            Call::UploadPartCopy(_) => Operation::UploadPartCopy,
            Call::ListMultipartUploads(_) => Operation::ListMultipartUploads,
            Call::GetObjectMeta { .. } => Operation::GetObjectMeta,
            Call::PutObjectTagging(_) => Operation::PutObjectTagging,
            Call::GetObjectTagging { .. } => Operation::GetObjectTagging,
            Call::DeleteObjectTagging { .. } => Operation::DeleteObjectTagging,
            Call::PutObjectAcl(_) => Operation::PutObjectAcl,
            Call::GetObjectAcl { .. } => Operation::GetObjectAcl,
            Call::PutSymlink(_) => Operation::PutSymlink,
            Call::GetSymlink { .. } => Operation::GetSymlink,
            Call::PutBucketAcl(_) => Operation::PutBucketAcl,
            Call::GetBucketAcl => Operation::GetBucketAcl,
            Call::GetBucketInfo => Operation::GetBucketInfo,
            Call::GetBucketLocation => Operation::GetBucketLocation,
            Call::GetBucketStat => Operation::GetBucketStat,
        }
    }
}

/// Arguments of ListBuckets. Empty and `None` select the service's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListBuckets {
    /// Only names with this prefix.
    pub prefix: String,
    /// Only names greater than this one.
    pub marker: String,
    /// Largest number of names in a page.
    pub max_keys: Option<u32>,
}

/// Arguments of ListObjectsV2 or, with `version_1`, of ListObjects. Empty strings are not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListObjects {
    /// ListObjects instead of ListObjectsV2: pages are continued by `marker`.
    pub version_1: bool,
    /// Only keys with this prefix.
    pub prefix: String,
    /// Delimiter: keys that share the text from the prefix to its first occurrence are listed as
    /// one common prefix.
    pub delimiter: String,
    /// Only keys greater than this one (`start-after`; `marker` in ListObjects).
    pub start_after: String,
    /// Token of the page, from the previous one.
    pub continuation_token: String,
    /// Largest number of entries in a page, 1 to 1,000.
    pub max_keys: Option<u32>,
    /// Percent-encode names in the reply.
    pub url_encoding: bool,
}

/// Arguments of PutObject; of InitiateMultipartUpload too, which describes the object that it
/// starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutObject {
    /// Headers to store with the object, including the envelope.
    pub metadata: Metadata,
    /// Storage class, access control and tags.
    pub attributes: Attributes,
    /// Fail with `FileAlreadyExists` if the object exists.
    pub forbid_overwrite: bool,
    /// Bytes of the body; `None` when unknown (chunked transfer coding).
    pub content_length: Option<u64>,
    /// Base64 of the MD5 of the body, for the service to verify.
    pub content_md5: Option<String>,
    /// CRC-64/XZ of the body, for the service to verify.
    pub crc64: Option<u64>,
}

/// InitiateMultipartUpload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InitiateMultipartUpload {
    /// Properties of the object.
    pub object: PutObject,
    /// Percent-encode the key in the reply.
    pub url_encoding: bool,
}

impl From<PutObject> for InitiateMultipartUpload {
    fn from(object: PutObject) -> InitiateMultipartUpload {
        InitiateMultipartUpload { object, url_encoding: false }
    }
}

/// Conditions on the object (RFC 9110, section 13.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Succeed only if the ETag matches.
    pub if_match: Option<String>,
    /// Succeed only if the ETag does not match.
    pub if_none_match: Option<String>,
    /// Succeed only if modified after this HTTP date.
    pub if_modified_since: Option<String>,
    /// Succeed only if not modified after this HTTP date.
    pub if_unmodified_since: Option<String>,
}

/// Arguments of GetObject and HeadObject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetObject {
    /// Range. A server reads a malformed one as `None`, because the service ignores it.
    pub range: Option<RangeSpec>,
    /// `x-oss-range-behavior: standard`: ranges as in RFC 9110. Without it, a range past the end
    /// returns the whole object.
    pub standard_range: bool,
    /// Conditions.
    pub conditions: Conditions,
    /// Version; `None` for the latest.
    pub version_id: Option<String>,
    /// Overrides of reply headers: names from [`RESPONSE_HEADERS`], and values.
    pub response: Vec<(&'static str, String)>,
}

/// Parameters of GetObject that override headers of the reply. Anonymous requests must not use
/// them.
pub const RESPONSE_HEADERS: [&str; 6] = [
    "response-content-type",
    "response-content-language",
    "response-expires",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
];

/// DeleteObject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteObject {
    /// Version; `None` for the object.
    pub version_id: Option<String>,
}

/// CopyObject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyObject {
    /// Source bucket.
    pub source_bucket: String,
    /// Source key, decoded.
    pub source_key: String,
    /// Source version; `None` for the latest.
    pub source_version: Option<String>,
    /// Metadata directive `REPLACE` instead of `COPY`: use the headers of this request.
    pub replace_metadata: bool,
    /// Headers to store with `replace_metadata`.
    pub metadata: Metadata,
    /// Storage class and access control list of the target, and its tags with `replace_tags`.
    pub attributes: Attributes,
    /// Tagging directive `Replace` instead of `Copy`: use the tags of this request.
    pub replace_tags: bool,
    /// Fail with `FileAlreadyExists` if the target exists.
    pub forbid_overwrite: bool,
    /// Conditions on the source.
    pub conditions: Conditions,
}

/// UploadPart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadPart {
    /// Identifier of the upload.
    pub upload_id: String,
    /// 1 to 10,000.
    pub part_number: u32,
    /// The envelope, repeated with each part.
    pub metadata: Metadata,
    /// Bytes of the part.
    pub content_length: Option<u64>,
    /// Base64 of the MD5 of the part, for the service to verify.
    pub content_md5: Option<String>,
    /// CRC-64/XZ of the part, for the service to verify.
    pub crc64: Option<u64>,
}

/// ListParts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListParts {
    /// Identifier of the upload.
    pub upload_id: String,
    /// Only parts with a greater number.
    pub part_number_marker: Option<u32>,
    /// Largest number of parts in a page.
    pub max_parts: Option<u32>,
    /// Percent-encode the key in the reply.
    pub url_encoding: bool,
}

/// CompleteMultipartUpload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompleteMultipartUpload {
    /// Identifier of the upload.
    pub upload_id: String,
    /// The parts.
    pub parts: CompleteRequest,
    /// Fail with `FileAlreadyExists` if the object exists.
    pub forbid_overwrite: bool,
    /// Headers of the request. The service compares an envelope among them with that of the upload.
    pub metadata: Metadata,
    /// Percent-encode the key in the reply.
    pub url_encoding: bool,
}

/// Errors of building a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A bucket or key outside the service's rules.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A header that HTTP cannot carry.
    #[error(transparent)]
    Header(#[from] InvalidHeader),
    /// A URL that HTTP cannot carry.
    #[error("the URL of the request is too long or malformed")]
    Url,
}
