//! How the service says no. Codes, texts and ECs are those of the vendor's troubleshooting pages.

use http::StatusCode;
use osseal_wire::oss::{ErrorDetail, ServiceError};

/// The refusals of more than one operation.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $status:ident $code:literal $message:literal $ec:literal;)*) => {
        $($(#[$doc])* pub(crate) fn $name() -> ServiceError { refuse(StatusCode::$status, $code, $message, $ec) })*
    };
}

refusals! {
    no_such_bucket = NOT_FOUND "NoSuchBucket" "The specified bucket does not exist." "0015-00000101";
    no_such_key = NOT_FOUND "NoSuchKey" "The specified key does not exist." "0026-00000001";
    no_such_upload = NOT_FOUND "NoSuchUpload" "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed." "0042-00000002";
    no_such_version = NOT_FOUND "NoSuchVersion" "The specified version does not exist." "0026-00000012";
    /// A delete marker has no content.
    is_marker = METHOD_NOT_ALLOWED "MethodNotAllowed" "The specified method is not allowed against this resource." "0017-00000002";
    marker_source = BAD_REQUEST "InvalidArgument" "The versionId of x-oss-copy-source cannot be that of a delete marker." "0016-00000307";
    bucket_not_empty = CONFLICT "BucketNotEmpty" "The bucket you tried to delete is not empty." "0015-00000301";
    exists = CONFLICT "FileAlreadyExists" "The object you specified already exists and can not be overwritten." "0026-00000002";
    precondition_failed = PRECONDITION_FAILED "PreconditionFailed" "At least one of the pre-conditions you specified did not hold." "";
    not_modified = NOT_MODIFIED "NotModified" "The object has not been modified." "";
    invalid_range = RANGE_NOT_SATISFIABLE "InvalidRange" "The requested range cannot be satisfied" "";
    missing_length = LENGTH_REQUIRED "MissingContentLength" "You must provide the Content-Length HTTP header." "";
    incomplete_body = BAD_REQUEST "IncompleteBody" "You did not provide the number of bytes specified by the Content-Length HTTP header." "";
    invalid_digest = BAD_REQUEST "InvalidDigest" "The Content-MD5 you specified was invalid." "";
    invalid_crc64 = BAD_REQUEST "InvalidCRC64" "The x-oss-hash-crc64ecma you specified does not match what we calculated." "";
    too_large = BAD_REQUEST "EntityTooLarge" "Your proposed upload exceeds the maximum allowed size." "";
    source_too_large = BAD_REQUEST "EntityTooLarge" "Source object Length exceeds the maximum allowed size." "";
    too_small = BAD_REQUEST "EntityTooSmall" "Your proposed upload smaller than the minimum allowed size." "0042-00000213";
    no_parts = BAD_REQUEST "MalformedXML" "The list of parts is empty." "0042-00000205";
    invalid_part = BAD_REQUEST "InvalidPart" "One or more of the specified parts could not be found or the specified entity tag might not have matched the part's entity tag." "";
    part_order = BAD_REQUEST "InvalidPartOrder" "The list of parts was not in ascending order." "";
    response_header = BAD_REQUEST "InvalidArgument" "A response header of the query has a value that no header can hold." "";
    bucket_name = BAD_REQUEST "InvalidBucketName" "The specified bucket is not valid." "";
    position = CONFLICT "PositionNotEqualToLength" "Position is not equal to file length" "0026-00000016";
    not_appendable = CONFLICT "ObjectNotAppendable" "The object is not appendable" "0026-00000017";
    range_past_source = BAD_REQUEST "InvalidArgument" "The range of the copy reaches past the end of its source." "0042-00000306";
    not_symlink = BAD_REQUEST "NotSymlink" "The object is not a symbolic link." "0043-00000101";
    no_symlink_target = NOT_FOUND "SymlinkTargetNotExist" "The target of the symbolic link does not exist." "0026-00000012";
    symlink_to_symlink = BAD_REQUEST "InvalidTargetType" "The target of the symbolic link is a symbolic link." "";
    archived = FORBIDDEN "InvalidObjectState" "The operation is not valid for the object's state" "0016-00000404";
    anonymous_override = BAD_REQUEST "InvalidRequest" "Request specific response headers cannot be used for anonymous GET requests." "";
    /// No refusal of the service: its own stores keep what they take.
    discarded = GONE "ContentDiscarded" "This server counts content and keeps none of it; it can be asked for headers." "";
    internal = INTERNAL_SERVER_ERROR "InternalError" "Please contact the server administrator, oss@service.aliyun.com." "";
}

pub(crate) fn refuse(status: StatusCode, code: &str, message: &str, ec: &str) -> ServiceError {
    ServiceError::new(status, code, message, ec)
}

/// A delete marker stands where an object was looked for.
pub(crate) fn marked(error: ServiceError, marker: &str) -> ServiceError {
    ServiceError { detail: Some(Box::new(ErrorDetail::DeleteMarker(marker.to_owned()))), ..error }
}
