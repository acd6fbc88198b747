//! What a server asks of every request: a signature of either version, in headers or in the query.

use aws_lc_rs::constant_time;
use http::StatusCode;
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

use super::credentials::{Credentials, Subject};
use super::error::ServiceError;
use super::{escape, presign_v4, sign_v1, sign_v4};

/// Furthest that a client's clock may be from the server's.
const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Checks the signature of a request that a server received. `lookup` finds the credentials of an access key id.
///
/// # Errors
/// The service's own refusals: `AccessDenied` without a signature or after a presigned URL's end, `InvalidAccessKeyId`,
/// `RequestTimeTooSkewed` beyond 15 minutes, `InvalidSecurityToken`, `SignatureDoesNotMatch`; `InvalidArgument` for more than one signature.
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

/// Whether a request carries anything that could be a signature, right or wrong.
pub fn is_signed(head: &Parts) -> bool {
    let names = ["x-oss-signature-version", "x-oss-signature", "Signature", "OSSAccessKeyId"];
    let in_query =
        |query: Vec<(String, String)>| query.iter().any(|(name, _)| names.contains(&name.as_str()));
    head.headers.contains_key("authorization") || escape::pairs(head.uri.query()).is_none_or(in_query)
}

/// The refusal of a request without a signature to do what takes one.
pub fn unsigned() -> ServiceError {
    refuse("AccessDenied", "You have no right to access this object because of bucket acl.", "0003-00000001")
}

/// The credentials of an access key id.
pub(super) fn known(
    id: &str,
    lookup: impl Fn(&str) -> Option<Credentials>,
) -> Result<Credentials, ServiceError> {
    lookup(id).ok_or_else(|| {
        refuse(
            "InvalidAccessKeyId",
            "The OSS Access Key Id you provided does not exist in our records.",
            "0002-00000902",
        )
    })
}

pub(super) fn check_skew(sent: Timestamp, now: Timestamp) -> Result<(), ServiceError> {
    if now.duration_since(sent).abs() <= SKEW {
        return Ok(());
    }
    let message = "The difference between the request time and the current time is too large.";
    Err(refuse("RequestTimeTooSkewed", message, "0002-00000504"))
}

pub(super) fn check_token(sent: Option<&str>, credentials: &Credentials) -> Result<(), ServiceError> {
    let known = credentials.security_token.as_ref().map(ExposeSecret::expose_secret);
    let same = match (sent, known) {
        (None, None) => true,
        (Some(sent), Some(known)) => {
            constant_time::verify_slices_are_equal(sent.as_bytes(), known.as_bytes()).is_ok()
        }
        _ => false,
    };
    let message = "The security token you provided is invalid.";
    if same { Ok(()) } else { Err(refuse("InvalidSecurityToken", message, "0002-00000217")) }
}

pub(super) fn check_signature(wanted: &[u8], given: &[u8]) -> Result<(), ServiceError> {
    constant_time::verify_slices_are_equal(wanted, given).map_err(|_| {
        let message = "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
        refuse("SignatureDoesNotMatch", message, "0002-00000040")
    })
}

/// A URL that was good until some time ago.
pub(super) fn expired() -> ServiceError {
    refuse("AccessDenied", "Request has expired.", "0002-00000069")
}

pub(super) fn refuse(code: &str, message: &str, ec: &str) -> ServiceError {
    refuse_as(StatusCode::FORBIDDEN, code, message, ec)
}

pub(super) fn refuse_as(status: StatusCode, code: &str, message: &str, ec: &str) -> ServiceError {
    ServiceError::new(status, code, message, ec)
}
