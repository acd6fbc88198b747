//! Who signs, and what a signature is about.

use secrecy::SecretString;

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
    /// A query that is not UTF-8 after decoding, or an address that becomes too long.
    #[error("the query is not UTF-8, or the address too long")]
    Query,
    /// A presigned URL that would be good for no time or too long.
    #[error("a presigned URL is good for 1 second to 7 days")]
    Lifetime,
    /// A time outside the calendar.
    #[error("the time cannot be written")]
    Time,
}
