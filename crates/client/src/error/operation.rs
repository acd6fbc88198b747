//! Operations in errors: by their names in the service's API for programs, as verbs for people.

/// The words between `cannot` and the object.
pub(super) fn verb(operation: &'static str) -> &'static str {
    match operation {
        "PutObject" => "put",
        "GetObject" => "get",
        "CopyObject" => "copy",
        "DeleteObject" | "DeleteMultipleObjects" => "delete",
        "ListObjects" => "list",
        "ListBuckets" => "list buckets",
        "PutBucket" => "create bucket",
        "DeleteBucket" => "delete bucket",
        "VerifyObject" => "verify",
        "PresignUrl" => "presign",
        "BuildStore" => "configure the store",
        "BuildBucket" => "configure the bucket",
        "BuildKms" => "configure the key service",
        "BuildKmsKey" => "configure the key",
        name => name,
    }
}

/// Whether it can change what the service stores.
pub(crate) fn changes_state(operation: &'static str) -> bool {
    !(operation.starts_with("Get")
        || operation.starts_with("Head")
        || operation.starts_with("List")
        || operation.starts_with("Build")
        || matches!(operation, "VerifyObject" | "PresignUrl"))
}

/// What an unknown outcome means.
pub(super) fn unknown_outcome(operation: &'static str) -> &'static str {
    match operation {
        "PutObject" | "CopyObject" | "CompleteMultipartUpload" => "the object may have been stored",
        _ => "the request may have been executed",
    }
}
