//! Credentials issued by a service or a program, as JSON.
//!
//! ```json
//! {"AccessKeyId": "STS.…", "AccessKeySecret": "…", "SecurityToken": "…", "Expiration": "2026-01-02T03:04:05Z"}
//! ```
//! The ECS metadata service (which adds a `Code`) and credentials URIs return this form; STS nests
//! it one level deeper. Programs may use the names of the vendor's command line (`access_key_id`,
//! `sts_token`) and omit the last two members.

use jiff::Timestamp;
use serde::Deserialize;

use crate::oss::Credentials;

/// Credentials and the time of their expiration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionCredentials {
    /// The access key and, when it is temporary, its security token.
    pub credentials: Credentials,
    /// Expiration by the clock of the service that issued them; `None` when it is unknown or never.
    pub expires: Option<Timestamp>,
}

/// Errors of reading credentials. They repeat nothing of the document, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionCredentialsError {
    /// Not JSON, or a member of another type.
    #[error("it is not a JSON document with credentials")]
    Syntax,
    /// A member that is missing or empty.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// The expiration is not a timestamp.
    #[error("its Expiration is not a time such as 2026-01-02T03:04:05Z")]
    Expiration,
    /// The issuer reports an error.
    #[error("it reports the error {0}")]
    Failed(String),
}

impl SessionCredentials {
    /// Credentials that expire at `expires`, if at all.
    pub fn new(credentials: Credentials, expires: impl Into<Option<Timestamp>>) -> SessionCredentials {
        SessionCredentials { credentials, expires: expires.into() }
    }

    /// Credentials that do not expire.
    pub const fn permanent(credentials: Credentials) -> SessionCredentials {
        SessionCredentials { credentials, expires: None }
    }

    /// Reads temporary credentials; token and expiration are required.
    ///
    /// # Errors
    /// [`SessionCredentialsError`].
    pub fn from_service(json: &[u8]) -> Result<SessionCredentials, SessionCredentialsError> {
        read::<Document>(json)?.temporary()
    }

    /// Reads the output of a program; token and expiration are optional.
    ///
    /// # Errors
    /// [`SessionCredentialsError`].
    pub fn from_program(json: &[u8]) -> Result<SessionCredentials, SessionCredentialsError> {
        read::<Document>(json)?.any()
    }

    /// Reads a reply of STS.
    ///
    /// # Errors
    /// [`SessionCredentialsError`].
    pub fn from_sts(json: &[u8]) -> Result<SessionCredentials, SessionCredentialsError> {
        read::<Reply>(json)?.credentials.ok_or(SessionCredentialsError::Missing("Credentials"))?.temporary()
    }
}

/// The error code in a JSON reply; `None` when it is absent or not printable.
pub fn error_code(json: &[u8]) -> Option<String> {
    read::<ErrorReply>(json).ok().and_then(|reply| name(reply.code))
}

#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "Credentials")]
    credentials: Option<Document>,
}

#[derive(Deserialize)]
struct ErrorReply {
    #[serde(rename = "Code")]
    code: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Code")]
    code: Option<String>,
    #[serde(rename = "AccessKeyId", alias = "access_key_id")]
    id: Option<String>,
    #[serde(rename = "AccessKeySecret", alias = "access_key_secret")]
    secret: Option<String>,
    #[serde(rename = "SecurityToken", alias = "sts_token")]
    token: Option<String>,
    #[serde(rename = "Expiration", alias = "expiration")]
    expiration: Option<String>,
}

impl Document {
    fn temporary(self) -> Result<SessionCredentials, SessionCredentialsError> {
        let issued = self.any()?;
        if issued.credentials.security_token.is_none() {
            return Err(SessionCredentialsError::Missing("SecurityToken"));
        }
        if issued.expires.is_none() {
            return Err(SessionCredentialsError::Missing("Expiration"));
        }
        Ok(issued)
    }

    fn any(self) -> Result<SessionCredentials, SessionCredentialsError> {
        if let Some(code) = self.code.filter(|code| code != "Success") {
            return Err(SessionCredentialsError::Failed(
                name(Some(code)).unwrap_or_else(|| "without a name".to_owned()),
            ));
        }
        let present = |member: Option<String>| member.filter(|text| !text.is_empty());
        let id = present(self.id).ok_or(SessionCredentialsError::Missing("AccessKeyId"))?;
        let secret = present(self.secret).ok_or(SessionCredentialsError::Missing("AccessKeySecret"))?;
        let mut credentials = Credentials::new(id, secret);
        if let Some(token) = present(self.token) {
            credentials = credentials.with_token(token);
        }
        let expires = present(self.expiration).map(|end| end.parse()).transpose();
        Ok(SessionCredentials {
            credentials,
            expires: expires.map_err(|_| SessionCredentialsError::Expiration)?,
        })
    }
}

// The parser's errors quote the input, which may contain a secret; they are dropped.
fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, SessionCredentialsError> {
    serde_json::from_slice(json).map_err(|_| SessionCredentialsError::Syntax)
}

/// A code such as `InvalidParameter.RoleArn`; other text may contain a secret and is dropped.
fn name(code: Option<String>) -> Option<String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    code.filter(|code| (1..=100).contains(&code.len()) && code.bytes().all(legal))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const FULL: &str = r#"{"Code":"Success","AccessKeyId":"STS.id","AccessKeySecret":"hunter2","SecurityToken":"token","Expiration":"2026-01-02T03:04:05Z","LastUpdated":"x"}"#;

    #[test]
    fn complete_documents_are_parsed() {
        let nested = format!(r#"{{"RequestId":"r","Credentials":{FULL}}}"#);
        let programs = r#"{"mode":"StsToken","access_key_id":"STS.id","access_key_secret":"hunter2","sts_token":"token","expiration":"2026-01-02T11:04:05+08:00"}"#;
        for issued in [
            SessionCredentials::from_service(FULL.as_bytes()),
            SessionCredentials::from_sts(nested.as_bytes()),
            SessionCredentials::from_program(programs.as_bytes()),
        ] {
            let issued = issued.expect("credentials");
            assert_eq!(issued.credentials.access_key_id, "STS.id");
            assert_eq!(issued.credentials.access_key_secret.expose_secret(), "hunter2");
            assert_eq!(
                issued.credentials.security_token.map(|t| t.expose_secret().to_owned()),
                Some("token".into())
            );
            assert_eq!(issued.expires, "2026-01-02T03:04:05Z".parse().ok());
        }
        let permanent = SessionCredentials::from_program(br#"{"AccessKeyId":"a","AccessKeySecret":"s"}"#)
            .expect("credentials");
        assert!(permanent.expires.is_none() && permanent.credentials.security_token.is_none());
    }

    #[test]
    fn errors_name_the_missing_member_and_repeat_no_value() {
        for member in ["AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"] {
            let renamed = FULL.replace(&format!("\"{member}\""), "\"Other\"");
            assert_eq!(
                SessionCredentials::from_service(renamed.as_bytes()).expect_err("no credentials"),
                SessionCredentialsError::Missing(member)
            );
            let emptied = FULL.replace(&format!("\"{member}\":\""), &format!("\"{member}\":\"\",\"x\":\""));
            assert_eq!(
                SessionCredentials::from_service(emptied.as_bytes()).expect_err("no credentials"),
                SessionCredentialsError::Missing(member)
            );
        }
        for (text, wanted) in [
            (FULL.replace("2026-01-02T03:04:05Z", "hunter2"), SessionCredentialsError::Expiration),
            (FULL.replace("Success", "Failed.x"), SessionCredentialsError::Failed("Failed.x".into())),
            (
                FULL.replace("Success", "hunter2 hunter2"),
                SessionCredentialsError::Failed("without a name".into()),
            ),
            (FULL.replace("\"hunter2\"", "{\"hunter2\":1}"), SessionCredentialsError::Syntax),
            ("hunter2".into(), SessionCredentialsError::Syntax),
            (String::new(), SessionCredentialsError::Syntax),
            ("[]".into(), SessionCredentialsError::Syntax),
        ] {
            let error = SessionCredentials::from_service(text.as_bytes()).expect_err("no credentials");
            assert_eq!(error, wanted, "{text}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let issued = SessionCredentials::from_service(FULL.as_bytes()).expect("credentials");
        assert!(!format!("{issued:?}").contains("hunter2"), "{issued:?}");
    }

    #[test]
    fn error_codes_are_printable_or_absent() {
        assert_eq!(error_code(br#"{"Code":"NoPermission","Message":"m"}"#).as_deref(), Some("NoPermission"));
        assert_eq!(error_code(br#"{"Code":"a b"}"#), None);
        assert_eq!(error_code(b"<html>"), None);
    }
}
