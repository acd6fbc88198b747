//! Verification of signature version 3 in a server.

use aws_lc_rs::{constant_time, hmac};
use data_encoding::HEXLOWER;
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

use super::{ALGORITHM, canonical, names, sha256};
use crate::oss::Credentials;

/// Largest difference between the clocks of client and server, as the service has it.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Errors of verifying a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The signature is absent or incomplete.
    #[error("the request has no signature, or a part of it is missing")]
    Incomplete,
    /// The access key ID is unknown.
    #[error("the access key id is not known")]
    UnknownKey,
    /// Signed more than 15 minutes ago or ahead.
    #[error("the request was signed more than 15 minutes ago or ahead")]
    Skewed,
    /// The security token is absent or not that of the credentials.
    #[error("the security token is not that of the credentials")]
    Token,
    /// The request was signed with another secret, or changed after signing.
    #[error("the signature is not that of the request")]
    Mismatch,
}

/// Whether a request carries a signature of this version, valid or not.
pub fn is_signed_request(head: &Parts) -> bool {
    text(head, "authorization").is_some_and(|value| value.starts_with(ALGORITHM))
}

/// Verifies the signature of a received request. `lookup` returns the credentials of an access key
/// ID. The caller checks that the nonce is new.
///
/// # Errors
/// [`VerifyError`].
pub fn verify(
    head: &Parts,
    body: &[u8],
    lookup: impl Fn(&str) -> Option<Credentials>,
    now: Timestamp,
) -> Result<(), VerifyError> {
    let claim = text(head, "authorization").and_then(Claim::parse).ok_or(VerifyError::Incomplete)?;
    let sent = text(head, "x-acs-date").and_then(parse_time).ok_or(VerifyError::Incomplete)?;
    let nonce = text(head, "x-acs-signature-nonce").unwrap_or_default();
    if nonce.is_empty() || !head.headers.contains_key(http::header::HOST) {
        return Err(VerifyError::Incomplete);
    }
    let credentials = lookup(claim.access_key_id).ok_or(VerifyError::UnknownKey)?;
    check_freshness_and_token(&credentials, sent, text(head, "x-acs-security-token"), now)?;
    let payload = text(head, "x-acs-content-sha256").ok_or(VerifyError::Incomplete)?;
    let signed: Vec<String> = claim.names.split(';').map(str::to_owned).collect();
    let canonical = canonical(head, &signed, payload).ok_or(VerifyError::Incomplete)?;
    // An unsigned header could be changed in transit, so every header that must be signed has to be
    // listed. Official SDKs list more.
    let is_whole = names(head).iter().all(|name| signed.contains(name));
    if payload != sha256(body) || !is_whole {
        return Err(VerifyError::Mismatch);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, credentials.access_key_secret.expose_secret().as_bytes());
    let to_sign = format!("{ALGORITHM}\n{}", sha256(&canonical));
    let given = HEXLOWER.decode(claim.signature.as_bytes()).map_err(|_| VerifyError::Mismatch)?;
    hmac::verify(&key, to_sign.as_bytes(), &given).map_err(|_| VerifyError::Mismatch)
}

/// Checks signing time and security token, which all versions of the signature share.
pub(crate) fn check_freshness_and_token(
    credentials: &Credentials,
    sent: Timestamp,
    token: Option<&str>,
    now: Timestamp,
) -> Result<(), VerifyError> {
    if now.duration_since(sent).abs() > MAX_CLOCK_SKEW {
        return Err(VerifyError::Skewed);
    }
    let same = match (token, &credentials.security_token) {
        (None, None) => true,
        (Some(sent), Some(known)) => {
            let known = known.expose_secret().as_bytes();
            constant_time::verify_slices_are_equal(sent.as_bytes(), known).is_ok()
        }
        _ => false,
    };
    if same { Ok(()) } else { Err(VerifyError::Token) }
}

/// `2026-01-02T03:04:05Z`.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y-%m-%dT%H:%M:%SZ", text).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(time).ok()
}

/// Fields of an `Authorization` header.
struct Claim<'a> {
    access_key_id: &'a str,
    names: &'a str,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    fn parse(authorization: &'a str) -> Option<Claim<'a>> {
        let parts: Vec<_> =
            authorization.strip_prefix(ALGORITHM)?.trim_ascii().split(',').map(str::trim_ascii).collect();
        let [credential, names, signature] = parts[..] else { return None };
        Some(Claim {
            access_key_id: credential.strip_prefix("Credential=")?,
            names: names.strip_prefix("SignedHeaders=")?,
            signature: signature.strip_prefix("Signature=")?,
        })
    }
}

fn text<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}
