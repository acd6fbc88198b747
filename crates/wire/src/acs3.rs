//! Signature version 3 of the vendor's services other than OSS (`ACS3-HMAC-SHA256`), in headers.
//!
//! ```text
//!   canonical = VERB \n / \n sorted query \n name:value \n … \n \n names \n hex(SHA-256(body))
//!   to sign   = ACS3-HMAC-SHA256 \n hex(SHA-256(canonical))
//! ```
//! Source:
//! <https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature>

use aws_lc_rs::{digest, hmac};
use data_encoding::HEXLOWER;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::oss::{Credentials, SignError, escape};

mod verify;

pub use verify::{VerifyError, is_signed_request, verify};
pub(crate) use verify::{check_freshness_and_token, parse_time};

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// An operation of a service, and the version of its API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiAction {
    /// Such as `AssumeRole`.
    pub name: &'static str,
    /// Such as `2015-04-01`.
    pub version: &'static str,
}

/// Builds the unsigned head of a call over https: a POST with its parameters in the query.
///
/// # Errors
/// [`SignError::Query`] for a host or parameters that make no URL.
pub fn head(host: &str, action: ApiAction, parameters: &[(&str, &str)]) -> Result<Parts, SignError> {
    let query: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", escape::query(name), escape::query(value)))
        .collect();
    let request = http::Request::builder()
        .method(Method::POST)
        .uri(format!("https://{host}/?{}", query.join("&")))
        .header(http::header::HOST, host)
        .header("x-acs-action", action.name)
        .header("x-acs-version", action.version);
    Ok(request.body(()).map_err(|_| SignError::Query)?.into_parts().0)
}

/// Signs `head` in place: sets the headers for date, nonce, payload hash and token, and
/// `Authorization`. The service rejects a nonce that it has seen.
///
/// # Errors
/// [`SignError::Credentials`], [`SignError::Query`].
pub fn sign(
    head: &mut Parts,
    body: &[u8],
    credentials: &Credentials,
    nonce: &str,
    now: Timestamp,
) -> Result<(), SignError> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| SignError::Credentials);
    let payload = sha256(body);
    head.headers.insert("x-acs-date", value(&now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())?);
    head.headers.insert("x-acs-signature-nonce", value(nonce)?);
    head.headers.insert("x-acs-content-sha256", value(&payload)?);
    if let Some(token) = &credentials.security_token {
        let mut token = value(token.expose_secret())?;
        token.set_sensitive(true);
        head.headers.insert("x-acs-security-token", token);
    }
    let names = names(head);
    let canonical = canonical(head, &names, &payload).ok_or(SignError::Query)?;
    let to_sign = format!("{ALGORITHM}\n{}", sha256(&canonical));
    let key = hmac::Key::new(hmac::HMAC_SHA256, credentials.access_key_secret.expose_secret().as_bytes());
    let text = format!(
        "{ALGORITHM} Credential={},SignedHeaders={},Signature={}",
        credentials.access_key_id,
        names.join(";"),
        HEXLOWER.encode(hmac::sign(&key, to_sign.as_bytes()).as_ref())
    );
    let mut authorization = value(&text)?;
    authorization.set_sensitive(true);
    head.headers.insert(http::header::AUTHORIZATION, authorization);
    Ok(())
}

/// Names of the headers to sign, sorted.
fn names(head: &Parts) -> Vec<String> {
    let mut names: Vec<_> =
        head.headers.keys().map(HeaderName::as_str).filter(|name| is_signed(name)).collect();
    names.sort_unstable();
    names.into_iter().map(str::to_owned).collect()
}

/// The canonical request.
fn canonical(head: &Parts, names: &[String], payload: &str) -> Option<Vec<u8>> {
    let mut query: Vec<(String, String)> = escape::pairs(head.uri.query())?
        .iter()
        .map(|(name, value)| (escape::query(name), escape::query(value)))
        .collect();
    query.sort_unstable();
    let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut out = format!("{}\n{}\n{}\n", head.method, head.uri.path(), query.join("&")).into_bytes();
    for name in names {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        let values: Vec<&[u8]> =
            head.headers.get_all(name.as_str()).iter().map(|value| value.as_bytes().trim_ascii()).collect();
        out.extend_from_slice(&values.join(&b","[..]));
        out.push(b'\n');
    }
    out.extend_from_slice(format!("\n{}\n{payload}", names.join(";")).as_bytes());
    Some(out)
}

fn is_signed(name: &str) -> bool {
    name == "host" || name == "content-type" || name.starts_with("x-acs-")
}

fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, bytes).as_ref())
}
