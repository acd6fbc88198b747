//! Checks that all versions of the signature share: access key id, time, token, comparison.

use aws_lc_rs::constant_time;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

use super::credentials::Credentials;
use super::error::ServiceError;

/// Largest difference between the clocks of client and server, as the service has it.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Returns the credentials of an access key ID.
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
    if now.duration_since(sent).abs() <= MAX_CLOCK_SKEW {
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

/// The error for an expired presigned URL.
pub(super) fn expired() -> ServiceError {
    refuse("AccessDenied", "Request has expired.", "0002-00000069")
}

pub(super) fn refuse(code: &str, message: &str, ec: &str) -> ServiceError {
    refuse_as(StatusCode::FORBIDDEN, code, message, ec)
}

pub(super) fn refuse_as(status: StatusCode, code: &str, message: &str, ec: &str) -> ServiceError {
    ServiceError::new(status, code, message, ec)
}
