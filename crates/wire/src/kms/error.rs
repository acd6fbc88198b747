//! What the key service says when it refuses.
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

/// A refusal of the key service: made by the server, read by the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message} (HTTP {status})", if code.is_empty() { String::new() } else { format!("{code}: ") })]
pub struct KmsError {
    /// HTTP status.
    pub status: u16,
    /// The service's name for the refusal, such as `Rejected.Disabled`. Empty when the reply had none.
    pub code: String,
    /// The service's words, fit to print.
    pub message: String,
    /// The request's identifier, for the vendor's support; may be empty.
    pub request_id: String,
}

/// What a client does about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// Too many calls: asking again later helps.
    Throttled,
    /// Out of order for the moment: asking again later helps.
    Unavailable,
    /// No permission, a key that is not there, disabled or about to be deleted, credentials that are not good: asking again does not help.
    Denied,
    /// The call itself: for `Decrypt`, a blob or a context that is not the right one.
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
    /// A refusal as the server states it.
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> KmsError {
        KmsError {
            status: status.as_u16(),
            code: code.into(),
            message: message.into(),
            request_id: String::new(),
        }
    }

    /// Reads a reply whose status is an error. A body that is no error document leaves the code empty; the status says enough.
    pub fn from_reply(status: StatusCode, body: &[u8]) -> KmsError {
        let document: Document = json::read(body).unwrap_or_default();
        let message = match &document {
            // The service answers a wrong signature with the text that it would have signed: all parameters are in it.
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

    /// The JSON document of the refusal; `host` is the request's.
    pub fn to_json(&self, host: &str) -> String {
        json::write(&Document {
            request_id: self.request_id.clone(),
            host_id: host.to_owned(),
            code: self.code.clone(),
            message: self.message.clone(),
            recommend: format!("https://api.alibabacloud.com/troubleshoot?q={}", self.code),
        })
    }

    /// What to do about it.
    pub fn class(&self) -> ErrorClass {
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| self.code.starts_with(prefix));
        match self.status {
            429 => ErrorClass::Throttled,
            _ if begins(&["Rejected.Throttling", "Throttling"]) => ErrorClass::Throttled,
            _ if begins(&["ServiceUnavailable", "InternalFailure", "Rejected.Unavailable"]) => {
                ErrorClass::Unavailable
            }
            // A nonce is drawn for each attempt: that it was used is the network's doing.
            _ if self.code == "SignatureNonceUsed" => ErrorClass::Unavailable,
            408 | 500 | 502..=599 => ErrorClass::Unavailable,
            401 | 403 | 404 | 409 => ErrorClass::Denied,
            _ if is_about_signature(&self.code) || begins(&DENIALS) => ErrorClass::Denied,
            _ => ErrorClass::Refused,
        }
    }

    /// Whether the service takes this machine's clock for wrong.
    pub fn is_clock_skewed(&self) -> bool {
        CLOCK.iter().any(|prefix| self.code.starts_with(prefix))
    }

    /// Whether the service no longer takes the token of the credentials, so that others may do better.
    pub fn is_token_expired(&self) -> bool {
        self.code.starts_with(TOKEN)
    }
}

/// Beginning of the codes that are about a token.
const TOKEN: &str = "InvalidSecurityToken";
/// Beginnings of the codes that are about the time of a signature.
const CLOCK: [&str; 2] = ["InvalidTimeStamp", "IllegalTimestamp"];
/// Beginnings of codes that come with a status of 400 as well.
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
    fn a_refusal_is_read_as_it_was_written() {
        let mut error =
            KmsError::new(StatusCode::CONFLICT, "Rejected.Disabled", "The specified key is disabled.");
        error.request_id = "4cc4-1".into();
        let document = error.to_json("kms.example");
        assert_eq!(KmsError::from_reply(StatusCode::CONFLICT, document.as_bytes()), error);
        assert_eq!(error.to_string(), "Rejected.Disabled: The specified key is disabled. (HTTP 409)");
    }

    #[test]
    fn m03_other_bodies_are_classed_by_status() {
        for body in [&b""[..], b"<html>", b"{\"Code\":\"A\",\"Code\":\"B\"}", b"\xff"] {
            let error = KmsError::from_reply(StatusCode::BAD_GATEWAY, body);
            assert_eq!((error.code.as_str(), error.class()), ("", ErrorClass::Unavailable));
            assert_eq!(error.to_string(), "Bad Gateway (HTTP 502)");
        }
    }

    #[test]
    fn classes() {
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
    fn the_text_to_sign_is_not_repeated() {
        let body =
            br#"{"Code":"SignatureDoesNotMatch","Message":"string to sign is:POST&Plaintext=hunter2"}"#;
        let error = KmsError::from_reply(StatusCode::BAD_REQUEST, body);
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
