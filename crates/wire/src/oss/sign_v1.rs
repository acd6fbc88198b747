//! Signature version 1 (`OSS`, HMAC-SHA1), in headers and in the query, as older clients send it.
//!
//! ```text
//!   to sign = VERB \n Content-MD5 \n Content-Type \n date \n x-oss-* headers /bucket/key?sub-resources
//! ```
//! The date is that of `x-oss-date`, else of `Date`; in the query it is the expiration in seconds
//! since 1970. Source:
//! <https://www.alibabacloud.com/help/en/oss/developer-reference/include-signatures-in-the-authorization-header>

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::credentials::{Credentials, SignError, Subject};
use super::error::ServiceError;
use super::escape;
use super::signature_check::{check_signature, check_skew, check_token, expired, known, refuse, refuse_as};
use super::time::{http_date, parse_http_date};

/// Query parameters that the signature covers, as in the official SDKs.
const SUB_RESOURCES: [&str; 87] = [
    "accessPoint",
    "accessPointPolicy",
    "acl",
    "append",
    "asyncFetch",
    "bucketArchiveDirectRead",
    "bucketInfo",
    "callback",
    "callback-var",
    "cloudboxes",
    "cname",
    "comp",
    "continuation-token",
    "cors",
    "delete",
    "encryption",
    "endTime",
    "group",
    "httpsConfig",
    "inventory",
    "inventoryId",
    "lifecycle",
    "link",
    "live",
    "location",
    "logging",
    "metaQuery",
    "objectInfo",
    "objectMeta",
    "partNumber",
    "policy",
    "position",
    "publicAccessBlock",
    "qos",
    "qosInfo",
    "qosRequester",
    "redundancyTransition",
    "referer",
    "regionList",
    "replication",
    "replicationLocation",
    "replicationProgress",
    "requestPayment",
    "requesterQosInfo",
    "resourceGroup",
    "resourcePool",
    "resourcePoolBuckets",
    "resourcePoolInfo",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "security-token",
    "sequential",
    "startTime",
    "stat",
    "status",
    "style",
    "styleName",
    "symlink",
    "tagging",
    "transferAcceleration",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "vod",
    "website",
    "worm",
    "wormExtend",
    "wormId",
    "x-oss-ac-forward-allow",
    "x-oss-ac-source-ip",
    "x-oss-ac-subnet-mask",
    "x-oss-ac-vpc-id",
    "x-oss-access-point-name",
    "x-oss-async-process",
    "x-oss-process",
    "x-oss-redundancy-transition-taskid",
    "x-oss-request-payer",
    "x-oss-target-redundancy-type",
    "x-oss-traffic-limit",
    "x-oss-write-get-object-response",
];

/// Signs `head` in place: sets `Date`, the token header and `Authorization`.
///
/// # Errors
/// As for signature version 4.
pub fn sign(
    head: &mut Parts,
    subject: Subject<'_>,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<(), SignError> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| SignError::Credentials);
    head.headers.insert(http::header::DATE, value(&http_date(now))?);
    if let Some(token) = &credentials.security_token {
        let mut token = value(token.expose_secret())?;
        token.set_sensitive(true);
        head.headers.insert("x-oss-security-token", token);
    }
    let signature = signature(head, subject, &date_of(head), credentials).ok_or(SignError::Query)?;
    let text = format!("OSS {}:{}", credentials.access_key_id, BASE64.encode(signature.as_ref()));
    let mut authorization = value(&text)?;
    authorization.set_sensitive(true);
    head.headers.insert(http::header::AUTHORIZATION, authorization);
    Ok(())
}

/// Signs the URL of `head`; it expires at `until`, in seconds since 1970. Headers of `head` that
/// the signature covers (content type and MD5, `x-oss-…`) must be sent unchanged with the URL.
///
/// # Errors
/// As for signature version 4.
pub fn presign(
    head: &mut Parts,
    subject: Subject<'_>,
    credentials: &Credentials,
    until: i64,
) -> Result<(), SignError> {
    let until = until.to_string();
    if let Some(token) = &credentials.security_token {
        escape::append(&mut head.uri, &[("security-token", token.expose_secret())])
            .ok_or(SignError::Query)?;
    }
    let signature = signature(head, subject, &until, credentials).ok_or(SignError::Query)?;
    let signature = BASE64.encode(signature.as_ref());
    let pairs =
        [("OSSAccessKeyId", &*credentials.access_key_id), ("Expires", &until), ("Signature", &signature)];
    escape::append(&mut head.uri, &pairs).ok_or(SignError::Query)
}

/// Verifies a signature in the `Authorization` header, for `auth::verify`. `claim` is the text
/// after `OSS`.
pub(super) fn verify(
    head: &Parts,
    subject: Subject<'_>,
    claim: &str,
    lookup: impl Fn(&str) -> Option<Credentials>,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let (id, given) = claim.trim().split_once(':').ok_or_else(|| {
        let message = "The Authorization header is invalid.";
        refuse_as(StatusCode::BAD_REQUEST, "InvalidArgument", message, "0002-00000001")
    })?;
    let credentials = known(id, lookup)?;
    let date = date_of(head);
    let sent = parse_http_date(&date).ok_or_else(|| {
        let message = "OSS authentication requires a valid Date.";
        refuse("AccessDenied", message, "0002-00000005")
    })?;
    check_skew(sent, now)?;
    // One official SDK sends the token under the name that it has in queries.
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    check_token(text("x-oss-security-token").or(text("security-token")), &credentials)?;
    check(head, subject, &date, &credentials, given)
}

/// Verifies a signature in the query, for `auth::verify`.
pub(super) fn verify_query(
    head: &Parts,
    subject: Subject<'_>,
    query: &[(String, String)],
    lookup: impl Fn(&str) -> Option<Credentials>,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let text = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let credentials = known(text("OSSAccessKeyId").unwrap_or_default(), lookup)?;
    let until = text("Expires").unwrap_or_default();
    let end = until.parse::<i64>().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let end = end.ok_or_else(|| {
        refuse("AccessDenied", "Invalid date (should be seconds since epoch).", "0002-00000070")
    })?;
    if now > end {
        return Err(expired());
    }
    check_token(text("security-token"), &credentials)?;
    check(head, subject, until, &credentials, text("Signature").unwrap_or_default())
}

fn check(
    head: &Parts,
    subject: Subject<'_>,
    date: &str,
    credentials: &Credentials,
    given: &str,
) -> Result<(), ServiceError> {
    let malformed = || refuse_as(StatusCode::BAD_REQUEST, "InvalidArgument", "The query is not UTF-8.", "");
    let wanted = signature(head, subject, date, credentials).ok_or_else(malformed)?;
    check_signature(wanted.as_ref(), &BASE64.decode(given.as_bytes()).unwrap_or_default())
}

fn date_of(head: &Parts) -> String {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    text("x-oss-date").or(text("date")).unwrap_or_default().to_owned()
}

fn signature(head: &Parts, subject: Subject<'_>, date: &str, credentials: &Credentials) -> Option<hmac::Tag> {
    let key = credentials.access_key_secret.expose_secret().as_bytes();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    Some(hmac::sign(&key, &to_sign(head, subject, date)?))
}

fn to_sign(head: &Parts, subject: Subject<'_>, date: &str) -> Option<Vec<u8>> {
    let value =
        |name: &str| head.headers.get(name).map(|value| value.as_bytes().trim_ascii()).unwrap_or_default();
    let mut out = format!("{}\n", head.method).into_bytes();
    for field in [value("content-md5"), value("content-type"), date.as_bytes()] {
        out.extend_from_slice(field);
        out.push(b'\n');
    }
    let mut names: Vec<_> = head.headers.keys().filter(|name| name.as_str().starts_with("x-oss-")).collect();
    names.sort_unstable_by_key(|name| name.as_str());
    for name in names {
        out.extend_from_slice(name.as_str().as_bytes());
        out.push(b':');
        let values: Vec<_> =
            head.headers.get_all(name).iter().map(|value| value.as_bytes().trim_ascii()).collect();
        out.extend_from_slice(&values.join(&b","[..]));
        out.push(b'\n');
    }
    out.push(b'/');
    if let Some(bucket) = subject.bucket {
        out.extend_from_slice(format!("{bucket}/{}", subject.key.unwrap_or_default()).as_bytes());
    }
    let mut pairs = escape::pairs(head.uri.query())?;
    pairs.retain(|(name, _)| SUB_RESOURCES.contains(&name.as_str()));
    pairs.sort_unstable();
    for (at, (name, value)) in pairs.iter().enumerate() {
        out.push(if at == 0 { b'?' } else { b'&' });
        out.extend_from_slice(name.as_bytes());
        if !value.is_empty() {
            out.extend_from_slice(format!("={value}").as_bytes());
        }
    }
    Some(out)
}
