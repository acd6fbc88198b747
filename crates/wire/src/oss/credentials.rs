//! Credentials, and the resource that a signature covers.

use secrecy::SecretString;

/// An access key, with a security token when it is temporary.
///
/// `Debug` shows the access key ID and redacts the rest; secrets are wiped from memory when
/// dropped. Nothing is validated here: characters that no header can carry are
/// [`SignError::Credentials`] when a request is signed.
///
/// ```
/// use osseal_wire::oss::Credentials;
///
/// let access_key = Credentials::new("LTAI5tExampleId", "hunter2");
/// let temporary = Credentials::new("STS.ExampleId", "hunter2").with_token("token");
/// assert!(access_key.security_token.is_none() && temporary.security_token.is_some());
/// assert!(!format!("{temporary:?}").contains("hunter2"));
/// ```
///
/// Source: <https://www.alibabacloud.com/help/en/ram/user-guide/create-an-accesskey-pair>
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Credentials {
    /// Access key ID. Sent in the clear.
    pub access_key_id: String,
    /// Access key secret. Never sent.
    pub access_key_secret: SecretString,
    /// Security token of temporary credentials (STS). Sent in a header.
    pub security_token: Option<SecretString>,
}

impl Credentials {
    /// A permanent access key.
    pub fn new(access_key_id: impl Into<String>, access_key_secret: impl Into<SecretString>) -> Credentials {
        Credentials {
            access_key_id: access_key_id.into(),
            access_key_secret: access_key_secret.into(),
            security_token: None,
        }
    }

    /// Adds the security token of temporary credentials.
    #[must_use]
    pub fn with_token(self, token: impl Into<SecretString>) -> Credentials {
        Credentials { security_token: Some(token.into()), ..self }
    }
}

/// The resource and region that a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Bucket, whether it is in the host or in the path.
    pub bucket: Option<&'a str>,
    /// Decoded object key.
    pub key: Option<&'a str>,
    /// Region without `oss-`, such as `cn-hangzhou`.
    pub region: &'a str,
}

/// Errors of signing a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// A credential that no header can carry.
    #[error("the access key id or the security token has characters that no header can carry")]
    Credentials,
    /// A query that is not UTF-8 after decoding, or a URL that becomes too long.
    #[error("the query is not UTF-8, or the URL is too long")]
    Query,
    /// A presigned URL with a lifetime of zero, or longer than the service accepts.
    #[error("the lifetime of a presigned URL is 1 second to 7 days")]
    Lifetime,
    /// A time outside the years that the signature can represent.
    #[error("the signature cannot represent the time")]
    Time,
}
