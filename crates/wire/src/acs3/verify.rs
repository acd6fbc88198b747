//! What a server asks of a signature of version 3.

use aws_lc_rs::{constant_time, hmac};
use data_encoding::HEXLOWER;
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

use super::{ALGORITHM, canonical, names, sha256};
use crate::oss::Credentials;

/// Furthest that a client's clock may be from the server's.
const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Why a request is not taken for that of the account it claims to be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// No signature, or one without all of its parts.
    #[error("the request has no signature, or a part of it is missing")]
    Incomplete,
    /// Nobody has this access key id.
    #[error("the access key id is not known")]
    UnknownKey,
    /// Signed more than 15 minutes ago or ahead.
    #[error("the request was signed more than 15 minutes ago or ahead")]
    Skewed,
    /// Another security token than the credentials have, or none.
    #[error("the security token is not that of the credentials")]
    Token,
    /// Signed with another secret, or changed on its way.
    #[error("the signature is not that of the request")]
    Mismatch,
}

/// Whether a request claims to be signed so.
pub fn is_signed_request(head: &Parts) -> bool {
    text(head, "authorization").is_some_and(|value| value.starts_with(ALGORITHM))
}

/// Checks the signature of a request that a server received. `lookup` finds the credentials of an access key id. Whether the nonce was used before
/// is the server's to remember.
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
    // All that is to be signed is: what is left out could be changed by anybody. Official SDKs sign more.
    let is_whole = names(head).iter().all(|name| signed.contains(name));
    if payload != sha256(body) || !is_whole {
        return Err(VerifyError::Mismatch);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, credentials.access_key_secret.expose_secret().as_bytes());
    let to_sign = format!("{ALGORITHM}\n{}", sha256(&canonical));
    let given = HEXLOWER.decode(claim.signature.as_bytes()).map_err(|_| VerifyError::Mismatch)?;
    hmac::verify(&key, to_sign.as_bytes(), &given).map_err(|_| VerifyError::Mismatch)
}

/// Checks what signatures of all versions have in common: time and token.
pub(crate) fn check_freshness_and_token(
    credentials: &Credentials,
    sent: Timestamp,
    token: Option<&str>,
    now: Timestamp,
) -> Result<(), VerifyError> {
    if now.duration_since(sent).abs() > SKEW {
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

/// The parts of an `Authorization` header.
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
