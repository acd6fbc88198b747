//! Credentials that a service or a program gave, as JSON.
//!
//! ```json
//! {"AccessKeyId": "STS.…", "AccessKeySecret": "…", "SecurityToken": "…", "Expiration": "2026-01-02T03:04:05Z"}
//! ```
//! So the metadata service of ECS (with a `Code`), credentials URIs and, one level deeper, the token service. Programs may write the names as the
//! vendor's command line does (`access_key_id`, `sts_token`) and leave the last two out.

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

/// Why a document holds no credentials. Nothing of the document is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionCredentialsError {
    /// Not JSON, or of other types.
    #[error("it is not the JSON of credentials")]
    Syntax,
    /// A member that is missing or empty.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// An end that is no time.
    #[error("its Expiration is not a time such as 2026-01-02T03:04:05Z")]
    Expiration,
    /// The giver reports a failure of its own.
    #[error("it reports the failure {0}")]
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

    /// Reads temporary credentials, in which token and end must be there.
    pub fn from_service(json: &[u8]) -> Result<SessionCredentials, SessionCredentialsError> {
        read::<Document>(json)?.temporary()
    }

    /// Reads what a program wrote.
    pub fn from_program(json: &[u8]) -> Result<SessionCredentials, SessionCredentialsError> {
        read::<Document>(json)?.any()
    }

    /// Reads a reply of the token service.
    pub fn from_sts(json: &[u8]) -> Result<SessionCredentials, SessionCredentialsError> {
        read::<Reply>(json)?.credentials.ok_or(SessionCredentialsError::Missing("Credentials"))?.temporary()
    }
}

/// The name of a refusal in a reply's JSON, if it has one that is fit to print.
pub fn refusal_code(json: &[u8]) -> Option<String> {
    read::<Refusal>(json).ok().and_then(|refusal| name(refusal.code))
}

#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "Credentials")]
    credentials: Option<Document>,
}

#[derive(Deserialize)]
struct Refusal {
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
        let grant = self.any()?;
        if grant.credentials.security_token.is_none() {
            return Err(SessionCredentialsError::Missing("SecurityToken"));
        }
        if grant.expires.is_none() {
            return Err(SessionCredentialsError::Missing("Expiration"));
        }
        Ok(grant)
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

// The parser's own errors quote what they read, which may be a secret.
fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, SessionCredentialsError> {
    serde_json::from_slice(json).map_err(|_| SessionCredentialsError::Syntax)
}

/// A name such as `InvalidParameter.RoleArn`; anything else is not repeated.
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
    fn whole_documents_are_read() {
        let nested = format!(r#"{{"RequestId":"r","Credentials":{FULL}}}"#);
        let programs = r#"{"mode":"StsToken","access_key_id":"STS.id","access_key_secret":"hunter2","sts_token":"token","expiration":"2026-01-02T11:04:05+08:00"}"#;
        for grant in [
            SessionCredentials::from_service(FULL.as_bytes()),
            SessionCredentials::from_sts(nested.as_bytes()),
            SessionCredentials::from_program(programs.as_bytes()),
        ] {
            let grant = grant.expect("a grant");
            assert_eq!(grant.credentials.access_key_id, "STS.id");
            assert_eq!(grant.credentials.access_key_secret.expose_secret(), "hunter2");
            assert_eq!(
                grant.credentials.security_token.map(|t| t.expose_secret().to_owned()),
                Some("token".into())
            );
            assert_eq!(grant.expires, "2026-01-02T03:04:05Z".parse().ok());
        }
        let permanent = SessionCredentials::from_program(br#"{"AccessKeyId":"a","AccessKeySecret":"s"}"#)
            .expect("a grant");
        assert!(permanent.expires.is_none() && permanent.credentials.security_token.is_none());
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_is_repeated() {
        for member in ["AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"] {
            let renamed = FULL.replace(&format!("\"{member}\""), "\"Other\"");
            assert_eq!(
                SessionCredentials::from_service(renamed.as_bytes()).expect_err("no grant"),
                SessionCredentialsError::Missing(member)
            );
            let emptied = FULL.replace(&format!("\"{member}\":\""), &format!("\"{member}\":\"\",\"x\":\""));
            assert_eq!(
                SessionCredentials::from_service(emptied.as_bytes()).expect_err("no grant"),
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
            let error = SessionCredentials::from_service(text.as_bytes()).expect_err("no grant");
            assert_eq!(error, wanted, "{text}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let grant = SessionCredentials::from_service(FULL.as_bytes()).expect("a grant");
        assert!(!format!("{grant:?}").contains("hunter2"), "{grant:?}");
    }

    #[test]
    fn refusals_have_a_name_or_none() {
        assert_eq!(
            refusal_code(br#"{"Code":"NoPermission","Message":"m"}"#).as_deref(),
            Some("NoPermission")
        );
        assert_eq!(refusal_code(br#"{"Code":"a b"}"#), None);
        assert_eq!(refusal_code(b"<html>"), None);
    }
}
