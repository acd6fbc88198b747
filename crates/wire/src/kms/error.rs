//! Errors of the key service.
//!
//! ```text
//!   HTTP/1.1 404 Not Found
//!   {"RequestId":"…","HostId":"kms.cn-hangzhou.aliyuncs.com","Code":"Forbidden.KeyNotFound","Message":"…","Recommend":"…"}
//! ```

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::json;
use crate::acs3::VerifyError;
use crate::oss::printable;

/// An error of the key service: written by servers, parsed by clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message} (HTTP {status})", if code.is_empty() { String::new() } else { format!("{code}: ") })]
pub struct KmsError {
    /// HTTP status.
    pub status: u16,
    /// Error code, such as `Rejected.Disabled`; empty when the reply had none.
    pub code: String,
    /// Message of the service, without control characters.
    pub message: String,
    /// Identifier of the request, for the vendor's support; may be empty.
    pub request_id: String,
}

/// Classes of errors by the reaction that helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// Too many calls: retry later.
    Throttled,
    /// Temporarily unavailable: retry later.
    Unavailable,
    /// Missing permission, invalid credentials, or a key that does not exist, is disabled or is
    /// scheduled for deletion. Retrying does not help.
    Denied,
    /// The call is invalid; for `Decrypt`, the ciphertext or the encryption context does not match.
    /// Retrying does not help.
    Refused,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Document {
    request_id: String,
    host_id: String,
    code: String,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    recommend: String,
}

impl KmsError {
    /// An error as a server returns it.
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> KmsError {
        KmsError {
            status: status.as_u16(),
            code: code.into(),
            message: message.into(),
            request_id: String::new(),
        }
    }

    /// Reads a reply with an error status. A body that is not an error document leaves the code
    /// empty.
    pub fn from_reply(status: StatusCode, body: &[u8]) -> KmsError {
        let document: Document = json::read(body).unwrap_or_default();
        let message = match &document {
            // On a wrong signature the service repeats the text to sign, which contains all
            // parameters, secrets included.
            Document { code, .. } if is_about_signature(code) => "the service does not accept the signature",
            Document { message, .. } if !message.is_empty() => message,
            _ => status.canonical_reason().unwrap_or("no reason given"),
        };
        KmsError {
            status: status.as_u16(),
            message: printable(message),
            code: printable(&document.code),
            request_id: printable(&document.request_id),
        }
    }

    /// Writes the JSON document; `host` is that of the request.
    pub fn to_json(&self, host: &str) -> String {
        json::write(&Document {
            request_id: self.request_id.clone(),
            host_id: host.to_owned(),
            code: self.code.clone(),
            message: self.message.clone(),
            recommend: format!("https://api.alibabacloud.com/troubleshoot?q={}", self.code),
        })
    }

    /// Classifies the error by status and code.
    pub fn class(&self) -> ErrorClass {
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| self.code.starts_with(prefix));
        match self.status {
            429 => ErrorClass::Throttled,
            _ if begins(&["Rejected.Throttling", "Throttling"]) => ErrorClass::Throttled,
            _ if begins(&["ServiceUnavailable", "InternalFailure", "Rejected.Unavailable"]) => {
                ErrorClass::Unavailable
            }
            // Each attempt has a fresh nonce, so a used one means that the network delivered a
            // request twice.
            _ if self.code == "SignatureNonceUsed" => ErrorClass::Unavailable,
            408 | 500 | 502..=599 => ErrorClass::Unavailable,
            401 | 403 | 404 | 409 => ErrorClass::Denied,
            _ if is_about_signature(&self.code) || begins(&DENIALS) => ErrorClass::Denied,
            _ => ErrorClass::Refused,
        }
    }

    /// Whether the service reports that the client's clock is wrong.
    pub fn is_clock_skewed(&self) -> bool {
        CLOCK.iter().any(|prefix| self.code.starts_with(prefix))
    }

    /// Whether the security token was rejected; fresh credentials may succeed.
    pub fn is_token_expired(&self) -> bool {
        self.code.starts_with(TOKEN)
    }
}

/// Prefix of error codes about the security token.
const TOKEN: &str = "InvalidSecurityToken";
/// Prefixes of error codes about the signing time.
const CLOCK: [&str; 2] = ["InvalidTimeStamp", "IllegalTimestamp"];
/// Prefixes of error codes that mean a denial even with status 400.
const DENIALS: [&str; 6] = ["Forbidden.", "Rejected.", "InvalidAccessKeyId", TOKEN, CLOCK[0], CLOCK[1]];

fn is_about_signature(code: &str) -> bool {
    code.starts_with("SignatureDoesNotMatch") || code.starts_with("IncompleteSignature")
}

impl From<VerifyError> for KmsError {
    fn from(error: VerifyError) -> KmsError {
        let (status, code) = match error {
            VerifyError::Incomplete => (StatusCode::BAD_REQUEST, "IncompleteSignature"),
            VerifyError::UnknownKey => (StatusCode::NOT_FOUND, "InvalidAccessKeyId.NotFound"),
            VerifyError::Skewed => (StatusCode::BAD_REQUEST, "InvalidTimeStamp.Expired"),
            VerifyError::Token => (StatusCode::BAD_REQUEST, "InvalidSecurityToken.Malformed"),
            VerifyError::Mismatch => (StatusCode::BAD_REQUEST, "SignatureDoesNotMatch"),
        };
        KmsError::new(status, code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_round_trip() {
        let mut error =
            KmsError::new(StatusCode::CONFLICT, "Rejected.Disabled", "The specified key is disabled.");
        error.request_id = "4cc4-1".into();
        let document = error.to_json("kms.example");
        assert_eq!(KmsError::from_reply(StatusCode::CONFLICT, document.as_bytes()), error);
        assert_eq!(error.to_string(), "Rejected.Disabled: The specified key is disabled. (HTTP 409)");
    }

    #[test]
    fn m03_unknown_bodies_are_classified_by_status() {
        for body in [&b""[..], b"<html>", b"{\"Code\":\"A\",\"Code\":\"B\"}", b"\xff"] {
            let error = KmsError::from_reply(StatusCode::BAD_GATEWAY, body);
            assert_eq!((error.code.as_str(), error.class()), ("", ErrorClass::Unavailable));
            assert_eq!(error.to_string(), "Bad Gateway (HTTP 502)");
        }
    }

    #[test]
    fn codes_and_statuses_have_classes() {
        for (status, code, class) in [
            (429, "Rejected.Throttling", ErrorClass::Throttled),
            (400, "Throttling", ErrorClass::Throttled),
            (400, "Throttling.User", ErrorClass::Throttled),
            (500, "InternalFailure", ErrorClass::Unavailable),
            (503, "ServiceUnavailableTemporary", ErrorClass::Unavailable),
            (504, "", ErrorClass::Unavailable),
            (403, "Forbidden.NoPermission", ErrorClass::Denied),
            (404, "Forbidden.KeyNotFound", ErrorClass::Denied),
            (404, "InvalidAccessKeyId.NotFound", ErrorClass::Denied),
            (409, "Rejected.Disabled", ErrorClass::Denied),
            (409, "Rejected.PendingDeletion", ErrorClass::Denied),
            (400, "SignatureDoesNotMatch", ErrorClass::Denied),
            (400, "InvalidSecurityToken.Expired", ErrorClass::Denied),
            (400, "InvalidTimeStamp.Expired", ErrorClass::Denied),
            (400, "InvalidParameter", ErrorClass::Refused),
            (400, "", ErrorClass::Refused),
            (501, "", ErrorClass::Refused),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let error = KmsError::new(status, code, "");
            assert_eq!(error.class(), class, "{status} {code}");
            assert_eq!(error.is_token_expired(), code == "InvalidSecurityToken.Expired", "{code}");
            assert_eq!(error.is_clock_skewed(), code == "InvalidTimeStamp.Expired", "{code}");
        }
    }

    #[test]
    fn the_text_to_sign_is_redacted() {
        let body =
            br#"{"Code":"SignatureDoesNotMatch","Message":"string to sign is:POST&Plaintext=hunter2"}"#;
        let error = KmsError::from_reply(StatusCode::BAD_REQUEST, body);
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
