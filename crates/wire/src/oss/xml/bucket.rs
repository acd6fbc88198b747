//! Documents about one bucket.

use super::{AccessControlList, CommonPrefix, Owner, XmlError, read, write};
use serde::{Deserialize, Serialize};

document! {
    /// Answer to GetBucketInfo.
    BucketInfo as "BucketInfo" {
        /// The bucket.
        bucket: BucketDescription = "Bucket",
    }
}

document! {
    /// A bucket, as GetBucketInfo knows it.
    BucketDescription as "Bucket" {
        /// Name.
        name: String = "Name",
        /// `oss-` and the region.
        location: String = "Location",
        /// ISO 8601.
        creation_date: String = "CreationDate",
        /// Host from anywhere.
        extranet_endpoint: String = "ExtranetEndpoint",
        /// Host from inside the region.
        intranet_endpoint: String = "IntranetEndpoint",
        /// Such as `Standard`.
        storage_class: String = "StorageClass",
        /// `LRS` or `ZRS`.
        data_redundancy_type: String = "DataRedundancyType",
        /// Whose it is.
        owner: Owner = "Owner",
        /// Who may do what.
        list: AccessControlList = "AccessControlList",
        /// `Enabled` or `Suspended`; empty for a bucket that never had versions.
        #[serde(skip_serializing_if = "String::is_empty")]
        versioning: String = "Versioning",
        /// What the service does with content.
        server_side_encryption: ServerSideEncryption = "ServerSideEncryptionRule",
        /// Free text.
        comment: String = "Comment",
    }
}

document! {
    /// Encryption by the service, which knows the keys.
    ServerSideEncryption as "ServerSideEncryptionRule" {
        /// `None`, `AES256` or `KMS`.
        algorithm: String = "SSEAlgorithm",
    }
}

document! {
    /// Answer to GetBucketLocation.
    LocationConstraint as "LocationConstraint" {
        /// `oss-` and the region.
        location: String = "$text",
    }
}

document! {
    /// Answer to GetBucketStat. Sizes are stored bytes; every version is an object.
    BucketStat as "BucketStat" {
        /// Of all objects.
        storage: u64 = "Storage",
        /// Objects.
        object_count: u64 = "ObjectCount",
        /// Delete markers.
        delete_marker_count: u64 = "DeleteMarkerCount",
        /// Unfinished multipart uploads.
        multipart_upload_count: u64 = "MultipartUploadCount",
        /// Live channels.
        live_channel_count: u64 = "LiveChannelCount",
        /// When it was counted, seconds since 1970.
        last_modified_time: i64 = "LastModifiedTime",
        /// Of objects of this class.
        standard_storage: u64 = "StandardStorage",
        /// Objects of this class.
        standard_object_count: u64 = "StandardObjectCount",
        /// Of objects of this class.
        infrequent_access_storage: u64 = "InfrequentAccessStorage",
        /// Of objects of this class, without what small ones are rounded up to.
        infrequent_access_real_storage: u64 = "InfrequentAccessRealStorage",
        /// Objects of this class.
        infrequent_access_object_count: u64 = "InfrequentAccessObjectCount",
        /// Of objects of this class.
        archive_storage: u64 = "ArchiveStorage",
        /// Of objects of this class, without what small ones are rounded up to.
        archive_real_storage: u64 = "ArchiveRealStorage",
        /// Objects of this class.
        archive_object_count: u64 = "ArchiveObjectCount",
        /// Of objects of this class.
        cold_archive_storage: u64 = "ColdArchiveStorage",
        /// Of objects of this class, without what small ones are rounded up to.
        cold_archive_real_storage: u64 = "ColdArchiveRealStorage",
        /// Objects of this class.
        cold_archive_object_count: u64 = "ColdArchiveObjectCount",
        /// Of objects of this class.
        deep_cold_archive_storage: u64 = "DeepColdArchiveStorage",
        /// Of objects of this class, without what small ones are rounded up to.
        deep_cold_archive_real_storage: u64 = "DeepColdArchiveRealStorage",
        /// Objects of this class.
        deep_cold_archive_object_count: u64 = "DeepColdArchiveObjectCount",
    }
}

document! {
    /// A page of unfinished multipart uploads. With `encoding-type=url` keys, prefixes, markers of keys and the delimiter are
    /// percent-encoded.
    ListMultipartUploadsResult as "ListMultipartUploadsResult" {
        /// The bucket.
        bucket: String = "Bucket",
        /// Only keys with this beginning were listed.
        prefix: String = "Prefix",
        /// Keys with the same text up to this one are listed once.
        delimiter: String = "Delimiter",
        /// Where the page began: after this key, or
        key_marker: String = "KeyMarker",
        /// after this upload of it.
        upload_id_marker: String = "UploadIdMarker",
        /// Where the next page begins.
        next_key_marker: String = "NextKeyMarker",
        /// Where the next page begins.
        next_upload_id_marker: String = "NextUploadIdMarker",
        /// Most entries in a page.
        max_uploads: u32 = "MaxUploads",
        /// Whether there is another page.
        is_truncated: bool = "IsTruncated",
        /// `url` when names are percent-encoded.
        encoding_type: String = "EncodingType",
        /// The uploads, by key and identifier.
        uploads: Vec<UploadEntry> = "Upload",
        /// Groups of keys.
        common_prefixes: Vec<CommonPrefix> = "CommonPrefixes",
    }
}

document! {
    /// One unfinished upload.
    UploadEntry as "Upload" {
        /// Key.
        key: String = "Key",
        /// The upload's identifier.
        upload_id: String = "UploadId",
        /// Such as `Standard`.
        storage_class: String = "StorageClass",
        /// ISO 8601.
        initiated: String = "Initiated",
    }
}
