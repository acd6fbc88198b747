//! Signature version 1 of the vendor's RPC services (HMAC-SHA1 over all parameters), as older
//! clients send it.
//!
//! ```text
//!   canonical = name=value & … of all parameters but Signature, sorted, percent-encoded
//!   to sign   = VERB & %2F & percent-encoded canonical        key = secret + "&"
//! ```
//! Source: <https://www.alibabacloud.com/help/en/sdk/product-overview/rpc-mechanism>

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use http::Method;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::acs3::{VerifyError, check_freshness_and_token, parse_time};
use crate::oss::{Credentials, escape};

const SIGNATURE: &str = "Signature";
const METHOD: &str = "HMAC-SHA1";

/// Signs a request and returns its query. `parameters` include `Action` and `Version`; the service
/// rejects a nonce that it has seen.
pub fn sign(
    method: &Method,
    parameters: &[(&str, &str)],
    credentials: &Credentials,
    nonce: &str,
    now: Timestamp,
) -> String {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut pairs: Vec<(String, String)> = parameters.iter().map(own).collect();
    pairs.extend(
        [
            ("Format", "JSON"),
            ("AccessKeyId", &credentials.access_key_id),
            ("SignatureMethod", METHOD),
            ("SignatureVersion", "1.0"),
            ("SignatureNonce", nonce),
            ("Timestamp", &time),
        ]
        .iter()
        .map(own),
    );
    if let Some(token) = &credentials.security_token {
        pairs.push(("SecurityToken".into(), token.expose_secret().into()));
    }
    let tag = hmac::sign(&key(credentials), to_sign(method, &pairs).as_bytes());
    pairs.push((SIGNATURE.into(), BASE64.encode(tag.as_ref())));
    join(&pairs)
}

/// Whether the parameters contain a signature of this version, valid or not.
pub fn is_signed_request(parameters: &[(String, String)]) -> bool {
    value(parameters, SIGNATURE).is_some()
}

/// Verifies the signature of a received request. `parameters` are those of its query and its form;
/// `lookup` returns the credentials of an access key ID.
///
/// # Errors
/// [`VerifyError`].
pub fn verify(
    method: &Method,
    parameters: &[(String, String)],
    lookup: impl Fn(&str) -> Option<Credentials>,
    now: Timestamp,
) -> Result<(), VerifyError> {
    let need = |name| value(parameters, name).ok_or(VerifyError::Incomplete);
    let given = need(SIGNATURE)?;
    let sent = parse_time(need("Timestamp")?).ok_or(VerifyError::Incomplete)?;
    if need("SignatureNonce")?.is_empty() || need("SignatureMethod")? != METHOD {
        return Err(VerifyError::Incomplete);
    }
    let credentials = lookup(need("AccessKeyId")?).ok_or(VerifyError::UnknownKey)?;
    check_freshness_and_token(&credentials, sent, value(parameters, "SecurityToken"), now)?;
    let given = BASE64.decode(given.as_bytes()).map_err(|_| VerifyError::Mismatch)?;
    hmac::verify(&key(&credentials), to_sign(method, parameters).as_bytes(), &given)
        .map_err(|_| VerifyError::Mismatch)
}

fn key(credentials: &Credentials) -> hmac::Key {
    let seed = zeroize::Zeroizing::new(format!("{}&", credentials.access_key_secret.expose_secret()));
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed.as_bytes())
}

/// The text that is signed.
pub(crate) fn to_sign(method: &Method, parameters: &[(String, String)]) -> String {
    let mut signed: Vec<_> = parameters.iter().filter(|(name, _)| name != SIGNATURE).cloned().collect();
    signed.sort_unstable();
    format!("{method}&{}&{}", escape::query("/"), escape::query(&join(&signed)))
}

fn join(pairs: &[(String, String)]) -> String {
    let pair = |(name, value): &(String, String)| format!("{}={}", escape::query(name), escape::query(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

fn value<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
