//! Documents of versioning and of DeleteMultipleObjects.

use serde::{Deserialize, Serialize};

use super::{CommonPrefix, Owner, XmlError, read, write};

document! {
    /// Document of PutBucketVersioning and GetBucketVersioning.
    VersioningConfiguration as "VersioningConfiguration" {
        /// `Enabled` or `Suspended`; empty for a bucket that never had versioning.
        #[serde(skip_serializing_if = "String::is_empty")]
        status: String = "Status",
    }
}

document! {
    /// Reply to ListObjectVersions. With `encoding-type=url`, keys, prefixes, the delimiter and key
    /// markers are percent-encoded.
    ListVersionsResult as "ListVersionsResult" {
        /// The bucket.
        name: String = "Name",
        /// Prefix of the request.
        prefix: String = "Prefix",
        /// Key marker of this page.
        key_marker: String = "KeyMarker",
        /// Version marker of this page.
        version_id_marker: String = "VersionIdMarker",
        /// Largest number of entries in a page.
        max_keys: u32 = "MaxKeys",
        /// Delimiter: keys that share the text from the prefix to its first occurrence are listed
        /// as one common prefix.
        delimiter: String = "Delimiter",
        /// `url` when names are percent-encoded.
        encoding_type: String = "EncodingType",
        /// Whether another page follows.
        is_truncated: bool = "IsTruncated",
        /// The key marker of the next page.
        next_key_marker: String = "NextKeyMarker",
        /// The version marker of the next page.
        next_version_id_marker: String = "NextVersionIdMarker",
        /// Versions, delete markers and common prefixes, in the order of the document.
        entries: Vec<VersionsEntry> = "$value",
    }
}

/// An element of a listing of versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VersionsEntry {
    /// A version that holds an object.
    Version(VersionEntry),
    /// A delete marker.
    DeleteMarker(MarkerEntry),
    /// A common prefix.
    CommonPrefixes(CommonPrefix),
    /// An element that is not used.
    #[serde(other, skip_serializing)]
    Other,
}

document! {
    /// A version of an object.
    VersionEntry as "Version" {
        /// Key.
        key: String = "Key",
        /// Version ID.
        version_id: String = "VersionId",
        /// Whether requests without a version ID read this version.
        is_latest: bool = "IsLatest",
        /// ISO 8601.
        last_modified: String = "LastModified",
        /// ETag with its quotes.
        etag: String = "ETag",
        /// `Normal`, `Multipart`, `Appendable` or `Symlink`.
        object_type: String = "Type",
        /// Stored bytes, decimal.
        size: String = "Size",
        /// Such as `Standard`.
        storage_class: String = "StorageClass",
        /// Owner.
        owner: Owner = "Owner",
    }
}

document! {
    /// A delete marker.
    MarkerEntry as "DeleteMarker" {
        /// Key.
        key: String = "Key",
        /// Version ID of the marker.
        version_id: String = "VersionId",
        /// Whether requests without a version ID find the object deleted.
        is_latest: bool = "IsLatest",
        /// ISO 8601.
        last_modified: String = "LastModified",
        /// Owner.
        owner: Owner = "Owner",
    }
}

document! {
    /// Document of DeleteMultipleObjects.
    DeleteRequest as "Delete" {
        /// Quiet mode: the reply contains failures only.
        quiet: bool = "Quiet",
        /// At most 1,000.
        objects: Vec<ObjectName> = "Object",
    }
}

document! {
    /// An object or one version of it.
    ObjectName as "Object" {
        /// Key.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String> = "Key",
        /// Version; `None` for the object.
        #[serde(skip_serializing_if = "Option::is_none")]
        version_id: Option<String> = "VersionId",
    }
}

document! {
    /// Reply to DeleteMultipleObjects. With `encoding-type=url` keys are percent-encoded.
    DeleteResult as "DeleteResult" {
        /// `url` when keys are percent-encoded.
        encoding_type: String = "EncodingType",
        /// Deleted objects and versions.
        deleted: Vec<DeletedEntry> = "Deleted",
        /// Failures.
        errors: Vec<DeleteError> = "Error",
    }
}

document! {
    /// A deleted object or version.
    DeletedEntry as "Deleted" {
        /// Key.
        key: String = "Key",
        /// Version ID of the request.
        #[serde(skip_serializing_if = "String::is_empty")]
        version_id: String = "VersionId",
        /// Whether a delete marker was created or, if the request named a version, deleted.
        delete_marker: bool = "DeleteMarker",
        /// Version ID of the marker.
        #[serde(skip_serializing_if = "String::is_empty")]
        delete_marker_version_id: String = "DeleteMarkerVersionId",
    }
}

document! {
    /// An object that was not deleted.
    DeleteError as "Error" {
        /// Key.
        key: String = "Key",
        /// Version ID of the request.
        #[serde(skip_serializing_if = "String::is_empty")]
        version_id: String = "VersionId",
        /// Error code.
        code: String = "Code",
        /// Message of the service.
        message: String = "Message",
    }
}
