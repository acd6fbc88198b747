//! Requests: built by clients, parsed by servers, from the same types.

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

/// A request about a bucket, an object or the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The bucket; none for the account.
    pub bucket: Option<String>,
    /// The object key, decoded; none for the bucket itself.
    pub key: Option<String>,
    /// What is asked.
    pub call: Call,
}

/// The operations.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// The account's buckets.
    ListBuckets(ListBuckets),
    /// Makes a bucket.
    PutBucket(PutBucket),
    /// Removes an empty bucket.
    DeleteBucket,
    /// A page of objects.
    ListObjects(ListObjects),
    /// Says whether a bucket keeps versions.
    PutBucketVersioning(Versioning),
    /// Asks whether a bucket keeps versions.
    GetBucketVersioning,
    /// A page of versions and delete markers.
    ListObjectVersions(ListObjectVersions),
    /// Removes many objects or versions.
    DeleteMultipleObjects(DeleteMultipleObjects),
    /// Stores an object.
    PutObject(PutObject),
    /// Reads an object or a range of it.
    GetObject(GetObject),
    /// An object's headers.
    HeadObject(GetObject),
    /// Removes an object.
    DeleteObject(DeleteObject),
    /// Copies an object inside the service.
    CopyObject(CopyObject),
    /// Begins a multipart upload.
    InitiateMultipartUpload(InitiateMultipartUpload),
    /// Stores one part.
    UploadPart(UploadPart),
    /// The parts stored so far.
    ListParts(ListParts),
    /// Makes an object of the parts.
    CompleteMultipartUpload(CompleteMultipartUpload),
    /// Drops an upload and its parts.
    AbortMultipartUpload {
        /// The upload's identifier.
        upload_id: String,
    },
    /// Adds to the end of an object.
    AppendObject(AppendObject),
    /// Stores a range of another object as a part.
    UploadPartCopy(UploadPartCopy),
    /// The unfinished multipart uploads of a bucket.
    ListMultipartUploads(ListMultipartUploads),
    /// An object's size, ETag and time, without its headers.
    GetObjectMeta {
        /// A version other than the latest.
        version_id: Option<String>,
    },
    /// Replaces an object's tags.
    PutObjectTagging(PutObjectTagging),
    /// An object's tags.
    GetObjectTagging {
        /// A version other than the latest.
        version_id: Option<String>,
    },
    /// Removes an object's tags.
    DeleteObjectTagging {
        /// A version other than the latest.
        version_id: Option<String>,
    },
    /// Sets an object's access control.
    PutObjectAcl(PutObjectAcl),
    /// An object's access control.
    GetObjectAcl {
        /// A version other than the latest.
        version_id: Option<String>,
    },
    /// Makes an object that stands for another.
    PutSymlink(PutSymlink),
    /// What such an object stands for.
    GetSymlink {
        /// A version other than the latest.
        version_id: Option<String>,
    },
    /// Sets a bucket's access control.
    PutBucketAcl(Acl),
    /// A bucket's access control.
    GetBucketAcl,
    /// A bucket's description.
    GetBucketInfo,
    /// A bucket's region.
    GetBucketLocation,
    /// How much is in a bucket.
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

/// ListBuckets. Zero and empty mean the service's own choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListBuckets {
    /// Only names with this beginning.
    pub prefix: String,
    /// Only names after this one.
    pub marker: String,
    /// Most names in a page.
    pub max_keys: Option<u32>,
}

/// ListObjects, version 2 (`list-type=2`), or 1 when asked for. Empty means not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListObjects {
    /// Version 1 of the call: pages are continued by `marker`.
    pub version_1: bool,
    /// Only keys with this beginning.
    pub prefix: String,
    /// Keys with the same text up to this one are listed once.
    pub delimiter: String,
    /// Only keys after this one (`start-after`, or `marker` in version 1).
    pub start_after: String,
    /// Where the page begins, as the page before said.
    pub continuation_token: String,
    /// Most entries in a page, 1 to 1,000.
    pub max_keys: Option<u32>,
    /// Whether names in the reply are percent-encoded.
    pub url_encoding: bool,
}

/// PutObject, and what InitiateMultipartUpload says about its object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutObject {
    /// Headers to keep with the object, the envelope among them.
    pub metadata: Metadata,
    /// Storage class, access control and tags.
    pub attributes: Attributes,
    /// Refuse when the object exists.
    pub forbid_overwrite: bool,
    /// Bytes of the body; none when they are not known before (chunked).
    pub content_length: Option<u64>,
    /// Base64 of the MD5 of the body.
    pub content_md5: Option<String>,
    /// CRC-64/XZ of the body, for the service to compare.
    pub crc64: Option<u64>,
}

/// InitiateMultipartUpload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InitiateMultipartUpload {
    /// What the object will have.
    pub object: PutObject,
    /// Whether the key in the reply is percent-encoded.
    pub url_encoding: bool,
}

impl From<PutObject> for InitiateMultipartUpload {
    fn from(object: PutObject) -> InitiateMultipartUpload {
        InitiateMultipartUpload { object, url_encoding: false }
    }
}

/// Conditions on the object's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Only if the ETag is this one.
    pub if_match: Option<String>,
    /// Only if the ETag is another.
    pub if_none_match: Option<String>,
    /// Only if changed after this time, as an HTTP date.
    pub if_modified_since: Option<String>,
    /// Only if not changed after this time, as an HTTP date.
    pub if_unmodified_since: Option<String>,
}

/// GetObject and HeadObject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetObject {
    /// The range; a malformed one is `None` on the server, as the service ignores it.
    pub range: Option<RangeSpec>,
    /// `x-oss-range-behavior: standard`: ranges as in HTTP. Without it a range past the end gives the whole object.
    pub standard_range: bool,
    /// On what condition.
    pub conditions: Conditions,
    /// A version other than the latest.
    pub version_id: Option<String>,
    /// Headers that the reply is to have in place of the object's: names of [`RESPONSE_HEADERS`], values.
    pub response: Vec<(&'static str, String)>,
}

/// The parameters of a GetObject that change headers of its reply. Anonymous requests may not have them.
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
    /// A version; none for the object.
    pub version_id: Option<String>,
}

/// CopyObject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyObject {
    /// Bucket of the source.
    pub source_bucket: String,
    /// Key of the source, decoded.
    pub source_key: String,
    /// A version of the source.
    pub source_version: Option<String>,
    /// `REPLACE` instead of `COPY`: take the headers of this request.
    pub replace_metadata: bool,
    /// Headers of the request.
    pub metadata: Metadata,
    /// Storage class and access control of the target, and its tags if they are replaced.
    pub attributes: Attributes,
    /// `x-oss-tagging-directive: Replace` instead of `Copy`: take the tags of this request.
    pub replace_tags: bool,
    /// Refuse when the target exists.
    pub forbid_overwrite: bool,
    /// Conditions on the source.
    pub conditions: Conditions,
}

/// UploadPart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadPart {
    /// The upload's identifier.
    pub upload_id: String,
    /// From 1 to 10,000.
    pub part_number: u32,
    /// The envelope, once more.
    pub metadata: Metadata,
    /// Bytes of the part.
    pub content_length: Option<u64>,
    /// Base64 of the MD5 of the part.
    pub content_md5: Option<String>,
    /// CRC-64/XZ of the part, for the service to compare.
    pub crc64: Option<u64>,
}

/// ListParts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListParts {
    /// The upload's identifier.
    pub upload_id: String,
    /// Only parts after this one.
    pub part_number_marker: Option<u32>,
    /// Most parts in a page.
    pub max_parts: Option<u32>,
    /// Whether the key in the reply is percent-encoded.
    pub url_encoding: bool,
}

/// CompleteMultipartUpload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompleteMultipartUpload {
    /// The upload's identifier.
    pub upload_id: String,
    /// The parts.
    pub parts: CompleteRequest,
    /// Refuse when the object exists.
    pub forbid_overwrite: bool,
    /// Headers of the request; an envelope among them is compared.
    pub metadata: Metadata,
    /// Whether the key in the reply is percent-encoded.
    pub url_encoding: bool,
}

/// Why a request cannot be built.
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
    #[error("the request's address is too long or malformed")]
    Url,
}
