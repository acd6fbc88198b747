//! Signature version 4 in headers (`OSS4-HMAC-SHA256`): signing for clients, verification for
//! servers.
//!
//! ```text
//!   canonical = VERB \n /bucket/key \n sorted query \n headers \n additional names \n payload
//!   to sign   = OSS4-HMAC-SHA256 \n time \n date/region/oss/aliyun_v4_request \n hex(SHA-256(canonical))
//!   key       = HMAC chain of "aliyun_v4" + secret over date, region, oss, aliyun_v4_request
//! ```
//! Source:
//! <https://www.alibabacloud.com/help/en/oss/developer-reference/recommend-to-use-signature-version-4>

use aws_lc_rs::{digest, hmac};
use data_encoding::HEXLOWER;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::credentials::{Credentials, SignError, Subject};
use super::error::ServiceError;
use super::escape;
use super::signature_check::{check_signature, check_skew, check_token, known, refuse, refuse_as};
use super::time::{basic_time, http_date, parse_basic_time};

pub(super) const ALGORITHM: &str = "OSS4-HMAC-SHA256";
pub(super) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// Query parameter with the signature of a presigned URL; not itself signed.
pub(super) const SIGNATURE: &str = "x-oss-signature";
const PRODUCT: &str = "oss";
const REQUEST: &str = "aliyun_v4_request";

/// Signs `head` in place: sets the headers for date, payload hash and token, and `Authorization`.
/// `additional` names further headers to sign, which must be present.
///
/// # Errors
/// [`SignError`].
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
    let additional = additional_names(&head.headers, additional);
    let canonical = canonical(head, subject, &additional, UNSIGNED).ok_or(SignError::Query)?;
    let scope = Scope::new(credentials, subject, &time)?;
    let signature = scope.sign(credentials, &time, &canonical);
    let listed = if additional.is_empty() {
        String::new()
    } else {
        format!(",AdditionalHeaders={}", additional.join(";"))
    };
    let text = format!(
        "{ALGORITHM} Credential={}{listed},Signature={}",
        scope.credential(),
        HEXLOWER.encode(signature.as_ref())
    );
    let mut authorization = value(&text)?;
    authorization.set_sensitive(true);
    head.headers.insert(http::header::AUTHORIZATION, authorization);
    Ok(())
}

/// Verifies a signature in the `Authorization` header, for `auth::verify`.
pub(super) fn verify(
    head: &Parts,
    subject: Subject<'_>,
    authorization: &str,
    lookup: impl Fn(&str) -> Option<Credentials>,
    now: Timestamp,
) -> Result<(), ServiceError> {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let claim = Claim::parse(authorization).ok_or_else(|| {
        let message = "The Authorization header is invalid.";
        refuse_as(StatusCode::BAD_REQUEST, "InvalidArgument", message, "0002-00000226")
    })?;
    let credentials = known(claim.scope.access_key_id, lookup)?;
    let time = text("x-oss-date").unwrap_or_default();
    let sent = parse_basic_time(time).ok_or_else(|| {
        refuse("AccessDenied", "Invalid signing date in Authorization header.", "0002-00000224")
    })?;
    check_skew(sent, now)?;
    claim.scope.check(time, subject)?;
    check_token(text("x-oss-security-token"), &credentials)?;
    let additional = listed_names(claim.additional);
    let payload = text("x-oss-content-sha256").unwrap_or_default();
    let signed = Signed { head, subject, additional: &additional, payload, time };
    claim.scope.verify(&signed, &credentials, claim.signature)
}

/// The parts of a request that a signature covers.
pub(super) struct Signed<'a> {
    pub(super) head: &'a Parts,
    pub(super) subject: Subject<'a>,
    pub(super) additional: &'a [String],
    pub(super) payload: &'a str,
    pub(super) time: &'a str,
}

/// Scope of a signature: `access key id/date/region/oss/aliyun_v4_request`.
pub(super) struct Scope<'a> {
    pub(super) access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        credentials: &'a Credentials,
        subject: Subject<'a>,
        time: &'a str,
    ) -> Result<Scope<'a>, SignError> {
        let date = time.get(..8).ok_or(SignError::Time)?;
        Ok(Scope { access_key_id: &credentials.access_key_id, date, region: subject.region })
    }

    pub(super) fn parse(credential: &'a str) -> Option<Scope<'a>> {
        // An access key ID contains no slash; the rest of the scope has four parts.
        let mut parts = credential.splitn(5, '/');
        let (access_key_id, date, region) = (parts.next()?, parts.next()?, parts.next()?);
        let tail = (parts.next()?, parts.next()?);
        (tail == (PRODUCT, REQUEST)).then_some(Scope { access_key_id, date, region })
    }

    pub(super) fn credential(&self) -> String {
        format!("{}/{}", self.access_key_id, self.rest())
    }

    fn rest(&self) -> String {
        format!("{}/{}/{PRODUCT}/{REQUEST}", self.date, self.region)
    }

    /// Checks day and region.
    pub(super) fn check(&self, time: &str, subject: Subject<'_>) -> Result<(), ServiceError> {
        if time.get(..8) != Some(self.date) {
            return Err(refuse(
                "AccessDenied",
                "Invalid signing date in Authorization header.",
                "0002-00000225",
            ));
        }
        if self.region != subject.region {
            return Err(refuse(
                "AccessDenied",
                "Invalid signing region in Authorization header.",
                "0002-00000221",
            ));
        }
        Ok(())
    }

    /// Compares a signature with the expected one, in constant time.
    pub(super) fn verify(
        &self,
        signed: &Signed<'_>,
        credentials: &Credentials,
        given: &str,
    ) -> Result<(), ServiceError> {
        let malformed =
            || refuse_as(StatusCode::BAD_REQUEST, "InvalidArgument", "The query is not UTF-8.", "");
        let canonical = canonical(signed.head, signed.subject, signed.additional, signed.payload);
        let wanted = self.sign(credentials, signed.time, &canonical.ok_or_else(malformed)?);
        check_signature(wanted.as_ref(), &HEXLOWER.decode(given.as_bytes()).unwrap_or_default())
    }

    pub(super) fn sign(&self, credentials: &Credentials, time: &str, canonical: &[u8]) -> hmac::Tag {
        let hash = HEXLOWER.encode(digest::digest(&digest::SHA256, canonical).as_ref());
        let to_sign = format!("{ALGORITHM}\n{time}\n{}\n{hash}", self.rest());
        let secret =
            zeroize::Zeroizing::new(format!("aliyun_v4{}", credentials.access_key_secret.expose_secret()));
        let mut tag = mac(secret.as_bytes(), self.date);
        for step in [self.region, PRODUCT, REQUEST, &to_sign] {
            tag = mac(tag.as_ref(), step);
        }
        tag
    }
}

/// Fields of an `Authorization` header.
struct Claim<'a> {
    scope: Scope<'a>,
    additional: &'a str,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    fn parse(header: &'a str) -> Option<Claim<'a>> {
        let fields = header.strip_prefix(ALGORITHM)?.trim();
        let field = |name: &str| {
            fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
        };
        Some(Claim {
            scope: Scope::parse(field("Credential")?)?,
            additional: field("AdditionalHeaders").unwrap_or_default(),
            signature: field("Signature")?,
        })
    }
}

/// The headers to sign beside those that always are: present ones, once each, in order.
pub(super) fn additional_names(headers: &HeaderMap, names: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    names.retain(|name| !is_default(name) && headers.contains_key(name));
    names.sort_unstable();
    names.dedup();
    names
}

/// The same as a request lists them.
pub(super) fn listed_names(text: &str) -> Vec<String> {
    text.split(';').filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect()
}

fn is_default(name: &str) -> bool {
    name == "content-type" || name == "content-md5" || name.starts_with("x-oss-")
}

pub(super) fn canonical(
    head: &Parts,
    subject: Subject<'_>,
    additional: &[String],
    payload: &str,
) -> Option<Vec<u8>> {
    let mut path = String::from("/");
    if let Some(bucket) = subject.bucket {
        path.push_str(bucket);
        path.push('/');
        path.push_str(&escape::path(subject.key.unwrap_or_default()));
    }
    let mut query: Vec<(String, String)> = escape::pairs(head.uri.query())?
        .iter()
        .filter(|(name, _)| name != SIGNATURE)
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

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}
