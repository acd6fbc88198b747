//! Signature version 4 in the query: presigned URLs, usable by any holder until they expire.
//!
//! Source: <https://www.alibabacloud.com/help/en/oss/developer-reference/add-signatures-to-urls>

use data_encoding::HEXLOWER;
use http::StatusCode;
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

use super::credentials::{Credentials, SignError, Subject};
use super::error::ServiceError;
use super::escape;
use super::sign_v4::{
    ALGORITHM, SIGNATURE, Scope, Signed, UNSIGNED, additional_names, canonical, listed_names,
};
use super::signature_check::{check_skew, check_token, expired, known, refuse_as};
use super::time::{basic_time, parse_basic_time};

/// Longest lifetime of a presigned URL, in seconds: 7 days.
pub const MAX_LIFETIME_SECONDS: u32 = 7 * 24 * 3600;

/// Signs the URL of `head`. It expires `seconds` after `now`: 1 to [`MAX_LIFETIME_SECONDS`].
/// Headers of `head` that the signature covers (content type, `x-oss-…`, and `additional`) must be
/// sent unchanged with the URL.
///
/// # Errors
/// [`SignError::Lifetime`], and those of [`super::sign_v4::sign`].
pub fn presign(
    head: &mut Parts,
    subject: Subject<'_>,
    credentials: &Credentials,
    additional: &[&str],
    seconds: u32,
    now: Timestamp,
) -> Result<(), SignError> {
    if !(1..=MAX_LIFETIME_SECONDS).contains(&seconds) {
        return Err(SignError::Lifetime);
    }
    let time = basic_time(now);
    let scope = Scope::new(credentials, subject, &time)?;
    let additional = additional_names(&head.headers, additional);
    let (credential, seconds, listed) = (scope.credential(), seconds.to_string(), additional.join(";"));
    let mut pairs = vec![
        ("x-oss-signature-version", ALGORITHM),
        ("x-oss-credential", &credential),
        ("x-oss-date", &time),
        ("x-oss-expires", &seconds),
    ];
    if !listed.is_empty() {
        pairs.push(("x-oss-additional-headers", &listed));
    }
    if let Some(token) = &credentials.security_token {
        pairs.push(("x-oss-security-token", token.expose_secret()));
    }
    escape::append(&mut head.uri, &pairs).ok_or(SignError::Query)?;
    let canonical = canonical(head, subject, &additional, UNSIGNED).ok_or(SignError::Query)?;
    let signature = HEXLOWER.encode(scope.sign(credentials, &time, &canonical).as_ref());
    escape::append(&mut head.uri, &[(SIGNATURE, &signature)]).ok_or(SignError::Query)
}

/// Verifies a signature in the query, for `auth::verify`.
pub(super) fn verify(
    head: &Parts,
    subject: Subject<'_>,
    query: &[(String, String)],
    lookup: impl Fn(&str) -> Option<Credentials>,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let text = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    if text("x-oss-signature-version") != Some(ALGORITHM) {
        return Err(invalid("The signature version of the query is not known.", "0002-00000203"));
    }
    let scope = text("x-oss-credential").and_then(Scope::parse);
    let scope =
        scope.ok_or_else(|| invalid("The x-oss-credential of the query is invalid.", "0002-00000227"))?;
    let credentials = known(scope.access_key_id, lookup)?;
    let time = text("x-oss-date").unwrap_or_default();
    let from = parse_basic_time(time)
        .ok_or_else(|| invalid("The x-oss-date of the query is invalid.", "0002-00000224"))?;
    let lifetime = text("x-oss-expires")
        .filter(|text| !text.is_empty())
        .ok_or_else(|| invalid("The x-oss-expires of the query is missing.", "0002-00000215"))?;
    let lifetime =
        lifetime.parse::<u32>().ok().filter(|seconds| (1..=MAX_LIFETIME_SECONDS).contains(seconds));
    let lifetime = lifetime.ok_or_else(|| {
        invalid("The x-oss-expires of the query is not a number from 1 to 604800.", "0002-00000232")
    })?;
    if now < from {
        check_skew(from, now)?;
    }
    if now.duration_since(from) > SignedDuration::from_secs(i64::from(lifetime)) {
        return Err(expired());
    }
    scope.check(time, subject)?;
    check_token(text("x-oss-security-token"), &credentials)?;
    let additional = listed_names(text("x-oss-additional-headers").unwrap_or_default());
    let given = text(SIGNATURE).unwrap_or_default();
    let signed = Signed { head, subject, additional: &additional, payload: UNSIGNED, time };
    scope.verify(&signed, &credentials, given)
}

fn invalid(message: &str, ec: &str) -> ServiceError {
    refuse_as(StatusCode::BAD_REQUEST, "InvalidArgument", message, ec)
}
