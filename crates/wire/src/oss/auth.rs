//! Verification of signatures of all versions, in headers and in the query.

use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;

use super::credentials::{Credentials, Subject};
use super::error::ServiceError;
use super::signature_check::{refuse, refuse_as};
use super::{escape, presign_v4, sign_v1, sign_v4};

/// Verifies the signature of a received request. `lookup` returns the credentials of an access key
/// ID.
///
/// # Errors
/// The errors of the service: `AccessDenied` without a signature or for an expired presigned URL,
/// `InvalidAccessKeyId`, `RequestTimeTooSkewed` beyond 15 minutes, `InvalidSecurityToken`,
/// `SignatureDoesNotMatch`; `InvalidArgument` for more than one signature.
pub fn verify(
    head: &Parts,
    subject: Subject<'_>,
    lookup: impl Fn(&str) -> Option<Credentials>,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let query = escape::pairs(head.uri.query()).ok_or_else(|| {
        refuse_as(StatusCode::BAD_REQUEST, "InvalidArgument", "The query is not UTF-8.", "")
    })?;
    let asked = |name: &str| query.iter().any(|(known, _)| known == name);
    let (in_v4_query, in_v1_query) = (
        asked("x-oss-signature-version") || asked("x-oss-signature"),
        asked("Signature") || asked("OSSAccessKeyId"),
    );
    let authorization = head.headers.get("authorization").map(|value| value.to_str().unwrap_or_default());
    match (authorization, in_v4_query, in_v1_query) {
        (None, false, false) => Err(unsigned()),
        (None, true, false) => presign_v4::verify(head, subject, &query, lookup, now),
        (None, false, true) => sign_v1::verify_query(head, subject, &query, lookup, now),
        (Some(text), false, false) => match text.strip_prefix("OSS ") {
            Some(claim) => sign_v1::verify(head, subject, claim, lookup, now),
            None => sign_v4::verify(head, subject, text, lookup, now),
        },
        _ => Err(refuse_as(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "The request carries more than one signature: in the Authorization header and in the query, or of two versions.",
            "0002-00000201",
        )),
    }
}

/// Whether a request carries a signature, valid or not.
pub fn is_signed(head: &Parts) -> bool {
    let names = ["x-oss-signature-version", "x-oss-signature", "Signature", "OSSAccessKeyId"];
    let in_query =
        |query: Vec<(String, String)>| query.iter().any(|(name, _)| names.contains(&name.as_str()));
    head.headers.contains_key("authorization") || escape::pairs(head.uri.query()).is_none_or(in_query)
}

/// The error for an unsigned request that needs a signature.
pub fn unsigned() -> ServiceError {
    refuse("AccessDenied", "You have no right to access this object because of bucket acl.", "0003-00000001")
}
