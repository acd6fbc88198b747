//! The operations of the service, as faults and counters name them.

use osseal_wire::oss::Call;

/// One kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// `ListBuckets` (GetService).
    ListBuckets,
    /// `PutBucket`.
    PutBucket,
    /// `DeleteBucket`.
    DeleteBucket,
    /// `ListObjects`, the first version.
    ListObjects,
    /// `ListObjectsV2`.
    ListObjectsV2,
    /// `PutBucketVersioning`.
    PutBucketVersioning,
    /// `GetBucketVersioning`.
    GetBucketVersioning,
    /// `ListObjectVersions`.
    ListObjectVersions,
    /// `DeleteMultipleObjects`.
    DeleteMultipleObjects,
    /// `PutObject`.
    PutObject,
    /// `GetObject`.
    GetObject,
    /// `HeadObject`.
    HeadObject,
    /// `DeleteObject`.
    DeleteObject,
    /// `CopyObject`.
    CopyObject,
    /// `InitiateMultipartUpload`.
    InitiateMultipartUpload,
    /// `UploadPart`.
    UploadPart,
    /// `ListParts`.
    ListParts,
    /// `CompleteMultipartUpload`.
    CompleteMultipartUpload,
    /// `AbortMultipartUpload`.
    AbortMultipartUpload,
    /// `AppendObject`.
    AppendObject,
    /// `UploadPartCopy`.
    UploadPartCopy,
    /// `ListMultipartUploads`.
    ListMultipartUploads,
    /// `GetObjectMeta`.
    GetObjectMeta,
    /// `PutObjectTagging`.
    PutObjectTagging,
    /// `GetObjectTagging`.
    GetObjectTagging,
    /// `DeleteObjectTagging`.
    DeleteObjectTagging,
    /// `PutObjectACL`.
    PutObjectAcl,
    /// `GetObjectACL`.
    GetObjectAcl,
    /// `PutSymlink`.
    PutSymlink,
    /// `GetSymlink`.
    GetSymlink,
    /// `PutBucketAcl`.
    PutBucketAcl,
    /// `GetBucketAcl`.
    GetBucketAcl,
    /// `GetBucketInfo`.
    GetBucketInfo,
    /// `GetBucketLocation`.
    GetBucketLocation,
    /// `GetBucketStat`.
    GetBucketStat,
    /// A request that is none of these.
    Unknown,
}

impl Operation {
    /// The operation of a call.
    pub fn of(call: &Call) -> Operation {
        match call {
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
            _ => Operation::Unknown,
        }
    }
}
