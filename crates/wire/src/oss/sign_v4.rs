//! Signature version 4, in headers (`OSS4-HMAC-SHA256`): made by clients, checked by servers.
//!
//! ```text
//!   canonical = VERB \n /bucket/key \n sorted query \n headers \n additional names \n payload
//!   to sign   = OSS4-HMAC-SHA256 \n time \n date/region/oss/aliyun_v4_request \n hex(SHA-256(canonical))
//!   key       = HMAC chain of "aliyun_v4" + secret over date, region, oss, aliyun_v4_request
//! ```
//! Source: <https://www.alibabacloud.com/help/en/oss/developer-reference/recommend-to-use-signature-version-4>

use aws_lc_rs::{constant_time, digest, hmac};
use data_encoding::HEXLOWER;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::error::ServiceError;
use super::escape;

const ALGORITHM: &str = "OSS4-HMAC-SHA256";
const PRODUCT: &str = "oss";
const REQUEST: &str = "aliyun_v4_request";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// Furthest that a client's clock may be from the server's.
const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Who signs.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Identifier; travels in the clear.
    pub access_key_id: String,
    /// Secret; never travels.
    pub access_key_secret: SecretString,
    /// Token of temporary credentials; travels in a header.
    pub security_token: Option<SecretString>,
}

impl Credentials {
    /// Long-lived credentials.
    pub fn new(access_key_id: impl Into<String>, access_key_secret: impl Into<SecretString>) -> Credentials {
        Credentials {
            access_key_id: access_key_id.into(),
            access_key_secret: access_key_secret.into(),
            security_token: None,
        }
    }

    /// Temporary credentials.
    #[must_use]
    pub fn with_token(self, token: impl Into<SecretString>) -> Credentials {
        Credentials { security_token: Some(token.into()), ..self }
    }
}

/// What a request is about, as the signature names it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The bucket, whether it stands in the host or in the path.
    pub bucket: Option<&'a str>,
    /// The decoded object key.
    pub key: Option<&'a str>,
    /// The region without `oss-`, such as `cn-hangzhou`.
    pub region: &'a str,
}

/// Why a request cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// A credential that no header can hold.
    #[error("the access key id or the security token has characters that no header can hold")]
    Credentials,
    /// A query that is not UTF-8 after decoding.
    #[error("the query is not UTF-8")]
    Query,
    /// A time outside the calendar.
    #[error("the time cannot be written")]
    Time,
}

/// Signs `head` in place: sets date, payload and token headers and `Authorization`. `additional` names further headers to sign,
/// which must be present.
pub fn sign(
    head: &mut Parts,
    subject: Subject<'_>,
    credentials: &Credentials,
    additional: &[&str],
    now: Timestamp,
) -> Result<(), SignError> {
    let time = basic_time(now);
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| SignError::Credentials);
    head.headers.insert("x-oss-date", value(&time)?);
    head.headers.insert(http::header::DATE, value(&http_date(now))?);
    head.headers.insert("x-oss-content-sha256", HeaderValue::from_static(UNSIGNED));
    if let Some(token) = &credentials.security_token {
        let mut token = value(token.expose_secret())?;
        token.set_sensitive(true);
        head.headers.insert("x-oss-security-token", token);
    }
    let mut additional: Vec<String> = additional.iter().map(|name| name.to_ascii_lowercase()).collect();
    additional.retain(|name| !is_default(name) && head.headers.contains_key(name));
    additional.sort_unstable();
    additional.dedup();
    let canonical = canonical(head, subject, &additional, UNSIGNED).ok_or(SignError::Query)?;
    let date = time.get(..8).ok_or(SignError::Time)?;
    let scope = format!("{date}/{}/{PRODUCT}/{REQUEST}", subject.region);
    let signature = signature(credentials, date, subject.region, &to_sign(&time, &scope, &canonical));
    let listed = if additional.is_empty() {
        String::new()
    } else {
        format!(",AdditionalHeaders={}", additional.join(";"))
    };
    let text = format!(
        "{ALGORITHM} Credential={}/{scope}{listed},Signature={}",
        credentials.access_key_id,
        HEXLOWER.encode(signature.as_ref())
    );
    let mut authorization = value(&text)?;
    authorization.set_sensitive(true);
    head.headers.insert(http::header::AUTHORIZATION, authorization);
    Ok(())
}

/// Checks the signature of a request that a server received. `lookup` finds the credentials of an access key id.
///
/// # Errors
/// The service's own refusals: `AccessDenied` without a signature, `InvalidAccessKeyId`, `RequestTimeTooSkewed` beyond 15 minutes,
/// `InvalidSecurityToken`, `SignatureDoesNotMatch`.
pub fn verify(
    head: &Parts,
    subject: Subject<'_>,
    lookup: impl Fn(&str) -> Option<Credentials>,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let Some(authorization) = text("authorization") else {
        return Err(refuse(
            "AccessDenied",
            "You have no right to access this object because of bucket acl.",
            "0003-00000001",
        ));
    };
    let claim = Claim::parse(authorization).ok_or_else(|| {
        ServiceError::new(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "The Authorization header is invalid.",
            "0002-00000226",
        )
    })?;
    let unknown = || {
        refuse(
            "InvalidAccessKeyId",
            "The OSS Access Key Id you provided does not exist in our records.",
            "0002-00000902",
        )
    };
    let credentials = lookup(claim.access_key_id).ok_or_else(unknown)?;
    let time = text("x-oss-date").unwrap_or_default();
    let sent = parse_basic_time(time).ok_or_else(|| {
        refuse("AccessDenied", "Invalid signing date in Authorization header.", "0002-00000224")
    })?;
    if now.duration_since(sent).abs() > SKEW {
        let message = "The difference between the request time and the current time is too large.";
        return Err(refuse("RequestTimeTooSkewed", message, "0002-00000504"));
    }
    if time.get(..8) != Some(claim.date) {
        return Err(refuse("AccessDenied", "Invalid signing date in Authorization header.", "0002-00000225"));
    }
    if claim.region != subject.region {
        return Err(refuse(
            "AccessDenied",
            "Invalid signing region in Authorization header.",
            "0002-00000221",
        ));
    }
    check_token(text("x-oss-security-token"), &credentials)?;
    let additional: Vec<String> =
        claim.additional.split(';').filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect();
    let payload = text("x-oss-content-sha256").unwrap_or_default();
    let malformed =
        || ServiceError::new(StatusCode::BAD_REQUEST, "InvalidArgument", "The query is not UTF-8.", "");
    let canonical = canonical(head, subject, &additional, payload).ok_or_else(malformed)?;
    let scope = format!("{}/{}/{PRODUCT}/{REQUEST}", claim.date, claim.region);
    let wanted = signature(&credentials, claim.date, claim.region, &to_sign(time, &scope, &canonical));
    let given = HEXLOWER.decode(claim.signature.as_bytes()).unwrap_or_default();
    if constant_time::verify_slices_are_equal(wanted.as_ref(), &given).is_err() {
        let message = "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
        return Err(refuse("SignatureDoesNotMatch", message, "0002-00000040"));
    }
    Ok(())
}

fn check_token(sent: Option<&str>, credentials: &Credentials) -> Result<(), ServiceError> {
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

fn refuse(code: &str, message: &str, ec: &str) -> ServiceError {
    ServiceError::new(StatusCode::FORBIDDEN, code, message, ec)
}

/// The parts of an `Authorization` header.
struct Claim<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    additional: &'a str,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    fn parse(header: &'a str) -> Option<Claim<'a>> {
        let fields = header.strip_prefix(ALGORITHM)?.trim();
        let field = |name: &str| {
            fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        // An access key id has no slash, a scope has four parts.
        let mut scope = field("Credential")?.splitn(5, '/');
        let (access_key_id, date, region) = (scope.next()?, scope.next()?, scope.next()?);
        let tail = (scope.next()?, scope.next()?);
        (tail == (PRODUCT, REQUEST)).then_some(Claim {
            access_key_id,
            date,
            region,
            additional: field("AdditionalHeaders").unwrap_or_default(),
            signature: field("Signature")?,
        })
    }
}

fn is_default(name: &str) -> bool {
    name == "content-type" || name == "content-md5" || name.starts_with("x-oss-")
}

fn canonical(head: &Parts, subject: Subject<'_>, additional: &[String], payload: &str) -> Option<Vec<u8>> {
    let mut path = String::from("/");
    if let Some(bucket) = subject.bucket {
        path.push_str(bucket);
        path.push('/');
        path.push_str(&escape::path(subject.key.unwrap_or_default()));
    }
    let mut query: Vec<(String, String)> = escape::pairs(head.uri.query())?
        .iter()
        .map(|(name, value)| (escape::query(name), escape::query(value)))
        .collect();
    query.sort_unstable();
    let query: Vec<String> = query
        .into_iter()
        .map(|(name, value)| if value.is_empty() { name } else { format!("{name}={value}") })
        .collect();
    let mut out = format!("{}\n{path}\n{}\n", head.method, query.join("&")).into_bytes();
    for name in signed_names(&head.headers, additional) {
        out.extend_from_slice(name.as_str().as_bytes());
        out.push(b':');
        let values: Vec<&[u8]> =
            head.headers.get_all(&name).iter().map(|value| value.as_bytes().trim_ascii()).collect();
        out.extend_from_slice(&values.join(&b","[..]));
        out.push(b'\n');
    }
    out.extend_from_slice(format!("\n{}\n{payload}", additional.join(";")).as_bytes());
    Some(out)
}

fn signed_names(headers: &HeaderMap, additional: &[String]) -> Vec<HeaderName> {
    let signed = |name: &&HeaderName| {
        is_default(name.as_str()) || additional.iter().any(|extra| extra == name.as_str())
    };
    let mut names: Vec<HeaderName> = headers.keys().filter(signed).cloned().collect();
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    names
}

fn to_sign(time: &str, scope: &str, canonical: &[u8]) -> String {
    let hash = HEXLOWER.encode(digest::digest(&digest::SHA256, canonical).as_ref());
    format!("{ALGORITHM}\n{time}\n{scope}\n{hash}")
}

fn signature(credentials: &Credentials, date: &str, region: &str, to_sign: &str) -> hmac::Tag {
    let secret =
        zeroize::Zeroizing::new(format!("aliyun_v4{}", credentials.access_key_secret.expose_secret()));
    let mut tag = mac(secret.as_bytes(), date);
    for step in [region, PRODUCT, REQUEST, to_sign] {
        tag = mac(tag.as_ref(), step);
    }
    tag
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

/// `20231216T162057Z`.
fn basic_time(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn parse_basic_time(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(time).ok()
}

/// `Sat, 16 Dec 2023 16:20:57 GMT`, the form of `Date` and `Last-Modified` (RFC 9110, 5.6.7).
pub fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads the form that [`http_date`] writes.
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(time).ok()
}
