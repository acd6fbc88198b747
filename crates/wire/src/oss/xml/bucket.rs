//! Documents of one bucket.

use super::{AccessControlList, CommonPrefix, Owner, XmlError, read, write};
use serde::{Deserialize, Serialize};

document! {
    /// Reply to GetBucketInfo.
    BucketInfo as "BucketInfo" {
        /// The bucket.
        bucket: BucketDescription = "Bucket",
    }
}

document! {
    /// Properties of a bucket.
    BucketDescription as "Bucket" {
        /// Name.
        name: String = "Name",
        /// `oss-` and the region.
        location: String = "Location",
        /// ISO 8601.
        creation_date: String = "CreationDate",
        /// Host for access from the internet.
        extranet_endpoint: String = "ExtranetEndpoint",
        /// Host for access from within the region.
        intranet_endpoint: String = "IntranetEndpoint",
        /// Such as `Standard`.
        storage_class: String = "StorageClass",
        /// `LRS` or `ZRS`.
        data_redundancy_type: String = "DataRedundancyType",
        /// Owner.
        owner: Owner = "Owner",
        /// Access control list.
        list: AccessControlList = "AccessControlList",
        /// `Enabled` or `Suspended`; empty for a bucket that never had versioning.
        #[serde(skip_serializing_if = "String::is_empty")]
        versioning: String = "Versioning",
        /// Server-side encryption.
        server_side_encryption: ServerSideEncryption = "ServerSideEncryptionRule",
        /// Free text.
        comment: String = "Comment",
    }
}

document! {
    /// Server-side encryption: the service holds the keys.
    ServerSideEncryption as "ServerSideEncryptionRule" {
        /// `None`, `AES256` or `KMS`.
        algorithm: String = "SSEAlgorithm",
    }
}

document! {
    /// Reply to GetBucketLocation.
    LocationConstraint as "LocationConstraint" {
        /// `oss-` and the region.
        location: String = "$text",
    }
}

document! {
    /// Reply to GetBucketStat. Sizes are stored bytes; every version is an object.
    BucketStat as "BucketStat" {
        /// Bytes of all objects.
        storage: u64 = "Storage",
        /// Number of objects.
        object_count: u64 = "ObjectCount",
        /// Number of delete markers.
        delete_marker_count: u64 = "DeleteMarkerCount",
        /// Number of unfinished multipart uploads.
        multipart_upload_count: u64 = "MultipartUploadCount",
        /// Number of live channels.
        live_channel_count: u64 = "LiveChannelCount",
        /// Time of the count, in seconds since 1970.
        last_modified_time: i64 = "LastModifiedTime",
        /// Bytes of objects of this class.
        standard_storage: u64 = "StandardStorage",
        /// Number of objects of this class.
        standard_object_count: u64 = "StandardObjectCount",
        /// Bytes of objects of this class.
        infrequent_access_storage: u64 = "InfrequentAccessStorage",
        /// Bytes of objects of this class, without the minimum billable size of small objects.
        infrequent_access_real_storage: u64 = "InfrequentAccessRealStorage",
        /// Number of objects of this class.
        infrequent_access_object_count: u64 = "InfrequentAccessObjectCount",
        /// Bytes of objects of this class.
        archive_storage: u64 = "ArchiveStorage",
        /// Bytes of objects of this class, without the minimum billable size of small objects.
        archive_real_storage: u64 = "ArchiveRealStorage",
        /// Number of objects of this class.
        archive_object_count: u64 = "ArchiveObjectCount",
        /// Bytes of objects of this class.
        cold_archive_storage: u64 = "ColdArchiveStorage",
        /// Bytes of objects of this class, without the minimum billable size of small objects.
        cold_archive_real_storage: u64 = "ColdArchiveRealStorage",
        /// Number of objects of this class.
        cold_archive_object_count: u64 = "ColdArchiveObjectCount",
        /// Bytes of objects of this class.
        deep_cold_archive_storage: u64 = "DeepColdArchiveStorage",
        /// Bytes of objects of this class, without the minimum billable size of small objects.
        deep_cold_archive_real_storage: u64 = "DeepColdArchiveRealStorage",
        /// Number of objects of this class.
        deep_cold_archive_object_count: u64 = "DeepColdArchiveObjectCount",
    }
}

document! {
    /// Reply to ListMultipartUploads. With `encoding-type=url`, keys, prefixes, key markers and the
    /// delimiter are percent-encoded.
    ListMultipartUploadsResult as "ListMultipartUploadsResult" {
        /// The bucket.
        bucket: String = "Bucket",
        /// Prefix of the request.
        prefix: String = "Prefix",
        /// Delimiter: keys that share the text from the prefix to its first occurrence are listed
        /// as one common prefix.
        delimiter: String = "Delimiter",
        /// Key marker of this page.
        key_marker: String = "KeyMarker",
        /// Upload marker of this page.
        upload_id_marker: String = "UploadIdMarker",
        /// Marker of the next page.
        next_key_marker: String = "NextKeyMarker",
        /// Marker of the next page.
        next_upload_id_marker: String = "NextUploadIdMarker",
        /// Largest number of entries in a page.
        max_uploads: u32 = "MaxUploads",
        /// Whether another page follows.
        is_truncated: bool = "IsTruncated",
        /// `url` when names are percent-encoded.
        encoding_type: String = "EncodingType",
        /// Uploads, by key and identifier.
        uploads: Vec<UploadEntry> = "Upload",
        /// Common prefixes.
        common_prefixes: Vec<CommonPrefix> = "CommonPrefixes",
    }
}

document! {
    /// An unfinished upload.
    UploadEntry as "Upload" {
        /// Key.
        key: String = "Key",
        /// Identifier of the upload.
        upload_id: String = "UploadId",
        /// Such as `Standard`.
        storage_class: String = "StorageClass",
        /// ISO 8601.
        initiated: String = "Initiated",
    }
}
