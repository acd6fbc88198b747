//! Documents of versioning and of the removal of many objects.

use serde::{Deserialize, Serialize};

use super::{CommonPrefix, Owner, XmlError, read, write};

document! {
    /// Whether a bucket keeps versions.
    VersioningConfiguration as "VersioningConfiguration" {
        /// `Enabled` or `Suspended`; empty for a bucket that never had versions.
        #[serde(skip_serializing_if = "String::is_empty")]
        status: String = "Status",
    }
}

document! {
    /// A page of versions and delete markers. With `encoding-type=url` keys, prefixes, the delimiter and key markers are percent-encoded.
    ListVersionsResult as "ListVersionsResult" {
        /// The bucket.
        name: String = "Name",
        /// Only keys with this beginning were listed.
        prefix: String = "Prefix",
        /// The key after which, or in whose versions, the page began.
        key_marker: String = "KeyMarker",
        /// The version of that key after which the page began.
        version_id_marker: String = "VersionIdMarker",
        /// Most entries in a page.
        max_keys: u32 = "MaxKeys",
        /// Keys with the same text up to this one are listed once.
        delimiter: String = "Delimiter",
        /// `url` when names are percent-encoded.
        encoding_type: String = "EncodingType",
        /// Whether there is another page.
        is_truncated: bool = "IsTruncated",
        /// The key marker of the next page.
        next_key_marker: String = "NextKeyMarker",
        /// The version marker of the next page.
        next_version_id_marker: String = "NextVersionIdMarker",
        /// Versions, delete markers and groups, mixed, in the order of the listing.
        entries: Vec<VersionsEntry> = "$value",
    }
}

/// One element of a listing of versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VersionsEntry {
    /// A version that holds an object.
    Version(VersionEntry),
    /// A mark that the object was deleted.
    DeleteMarker(MarkerEntry),
    /// A group of keys.
    CommonPrefixes(CommonPrefix),
    /// An element that is of no interest.
    #[serde(other, skip_serializing)]
    Other,
}

document! {
    /// A version of an object. `size` is what is stored.
    VersionEntry as "Version" {
        /// Key.
        key: String = "Key",
        /// The version's identifier.
        version_id: String = "VersionId",
        /// Whether it is the object that is read when no version is asked for.
        is_latest: bool = "IsLatest",
        /// ISO 8601.
        last_modified: String = "LastModified",
        /// Quoted.
        etag: String = "ETag",
        /// `Normal`, `Multipart`, `Appendable` or `Symlink`.
        object_type: String = "Type",
        /// Stored bytes, decimal.
        size: String = "Size",
        /// Such as `Standard`.
        storage_class: String = "StorageClass",
        /// Whose it is.
        owner: Owner = "Owner",
    }
}

document! {
    /// A delete marker.
    MarkerEntry as "DeleteMarker" {
        /// Key.
        key: String = "Key",
        /// The marker's identifier.
        version_id: String = "VersionId",
        /// Whether the object is deleted for those who ask for no version.
        is_latest: bool = "IsLatest",
        /// ISO 8601.
        last_modified: String = "LastModified",
        /// Whose it is.
        owner: Owner = "Owner",
    }
}

document! {
    /// The objects and versions that DeleteMultipleObjects is to remove.
    DeleteRequest as "Delete" {
        /// Whether the reply is to name failures only.
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
        /// The version; none for the object.
        #[serde(skip_serializing_if = "Option::is_none")]
        version_id: Option<String> = "VersionId",
    }
}

document! {
    /// Answer to DeleteMultipleObjects. With `encoding-type=url` keys are percent-encoded.
    DeleteResult as "DeleteResult" {
        /// `url` when keys are percent-encoded.
        encoding_type: String = "EncodingType",
        /// What is gone or marked.
        deleted: Vec<DeletedEntry> = "Deleted",
        /// What was refused.
        errors: Vec<DeleteError> = "Error",
    }
}

document! {
    /// An object that was removed or marked, or a version that was removed.
    DeletedEntry as "Deleted" {
        /// Key.
        key: String = "Key",
        /// The version that was asked for.
        #[serde(skip_serializing_if = "String::is_empty")]
        version_id: String = "VersionId",
        /// Whether a marker was made or, where a version was asked for, removed.
        delete_marker: bool = "DeleteMarker",
        /// The marker's identifier.
        #[serde(skip_serializing_if = "String::is_empty")]
        delete_marker_version_id: String = "DeleteMarkerVersionId",
    }
}

document! {
    /// An object that was not removed.
    DeleteError as "Error" {
        /// Key.
        key: String = "Key",
        /// The version that was asked for.
        #[serde(skip_serializing_if = "String::is_empty")]
        version_id: String = "VersionId",
        /// The service's name for the refusal.
        code: String = "Code",
        /// The service's words.
        message: String = "Message",
    }
}
