//! Security Token Service (STS): requests for temporary credentials of a role.
//!
//! Source:
//! <https://www.alibabacloud.com/help/en/ram/developer-reference/api-sts-2015-04-01-assumerole>

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method};
use jiff::Timestamp;

use crate::acs3::{self, ApiAction};
use crate::oss::{Credentials, Endpoint, EndpointError, EndpointKind, SignError, escape};

const VERSION: &str = "2015-04-01";
const GLOBAL: &str = "sts.aliyuncs.com";

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Such as `acs:ram::123456789012****:role/backup`.
    pub arn: String,
    /// Session name in audit logs; 2 to 64 characters.
    pub session: String,
    /// Lifetime of the credentials in seconds; 900 to the maximum of the role.
    pub seconds: u32,
    /// JSON policy that restricts the permissions of the role.
    pub policy: Option<String>,
}

/// The host of the service: global without a region, else the region's. `internal` selects the host
/// for access from a VPC.
///
/// # Errors
/// [`EndpointError::Region`].
pub fn host(region: Option<&str>, internal: bool) -> Result<String, EndpointError> {
    let Some(region) = region else { return Ok(GLOBAL.to_owned()) };
    Endpoint::of_region(region, EndpointKind::Public)?;
    Ok(format!("{}.{region}.aliyuncs.com", if internal { "sts-vpc" } else { "sts" }))
}

/// Builds `AssumeRole`, signed with credentials that may assume the role.
///
/// # Errors
/// [`SignError`].
pub fn assume_role(
    host: &str,
    role: &Role,
    external_id: Option<&str>,
    credentials: &Credentials,
    nonce: &str,
    now: Timestamp,
) -> Result<Parts, SignError> {
    let seconds = role.seconds.to_string();
    let mut parameters = role.parameters(&seconds);
    parameters.extend(external_id.map(|id| ("ExternalId", id)));
    let mut head = acs3::head(host, ApiAction { name: "AssumeRole", version: VERSION }, &parameters)?;
    head.headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    acs3::sign(&mut head, b"", credentials, nonce, now)?;
    Ok(head)
}

/// Builds `AssumeRoleWithOIDC`. It is not signed: the token of the identity provider authenticates
/// it. The token is sent in the body because URLs end up in logs.
///
/// # Errors
/// [`SignError::Query`] for a host that makes no URL.
pub fn assume_role_with_oidc(
    host: &str,
    role: &Role,
    provider_arn: &str,
    token: &str,
    now: Timestamp,
) -> Result<http::Request<Bytes>, SignError> {
    let seconds = role.seconds.to_string();
    let mut form = role.parameters(&seconds);
    form.extend([("OIDCProviderArn", provider_arn), ("OIDCToken", token)]);
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let query = pairs(&[
        ("Action", "AssumeRoleWithOIDC"),
        ("Version", VERSION),
        ("Format", "JSON"),
        ("Timestamp", &time),
    ]);
    let body = Bytes::from(pairs(&form));
    http::Request::builder()
        .method(Method::POST)
        .uri(format!("https://{host}/?{query}"))
        .header(http::header::HOST, host)
        .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(http::header::CONTENT_LENGTH, body.len())
        .body(body)
        .map_err(|_| SignError::Query)
}

impl Role {
    fn parameters<'a>(&'a self, seconds: &'a str) -> Vec<(&'static str, &'a str)> {
        let mut parameters = vec![
            ("RoleArn", self.arn.as_str()),
            ("RoleSessionName", self.session.as_str()),
            ("DurationSeconds", seconds),
        ];
        parameters.extend(self.policy.as_deref().map(|policy| ("Policy", policy)));
        parameters
    }
}

fn pairs(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", escape::query(name), escape::query(value)))
        .collect();
    pairs.join("&")
}
