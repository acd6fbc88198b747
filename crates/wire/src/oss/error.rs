//! Errors of the service: XML documents, headers, codes.
//!
//! ```text
//!   HTTP/1.1 404 Not Found                       a reply to HEAD has the XML in x-oss-err, base64
//!   x-oss-request-id: 5C3D9175B6FC201293AD****
//!   x-oss-ec: 0026-00000001
//!   <Error><Code>NoSuchKey</Code><Message>…</Message><RequestId>…</RequestId><HostId>…</HostId><EC>…</EC></Error>
//! ```

use data_encoding::BASE64;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::header::{DELETE_MARKER, InvalidHeader, NEXT_APPEND_POSITION, REQUEST_ID, VERSION_ID, set};
use super::range::digits;
use super::service_code::ServiceCode;
use super::xml;

/// Longest text of the service that is kept, in characters.
const MAX_TEXT: usize = 1024;

/// An error of the service: written by servers, parsed by clients.
///
/// Source: <https://www.alibabacloud.com/help/en/oss/developer-reference/error-responses>
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message} (HTTP {status}{})", if ec.is_empty() { String::new() } else { format!(", {ec}") })]
pub struct ServiceError {
    /// HTTP status.
    pub status: u16,
    /// Error code, such as `NoSuchKey`.
    pub code: ServiceCode,
    /// Message of the service, without control characters.
    pub message: String,
    /// Fine-grained error code (EC), such as `0026-00000001`; may be empty. The vendor advises
    /// against decisions based on it.
    pub ec: String,
    /// Identifier of the request, for the vendor's support; may be empty.
    pub request_id: String,
    /// Cause of the error in the state of the object, if headers report it.
    pub detail: Option<Box<ErrorDetail>>,
}

/// The state of an object that made a request fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorDetail {
    /// The object is a delete marker (`x-oss-delete-marker`) with this version ID, which may be
    /// empty.
    DeleteMarker(String),
    /// An append at another position than the end of the object (`x-oss-next-append-position`): its
    /// stored bytes.
    NextAppendPosition(u64),
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Error")]
struct Body {
    #[serde(rename = "Code", default)]
    code: String,
    #[serde(rename = "Message", default)]
    message: String,
    #[serde(rename = "RequestId", default)]
    request_id: String,
    #[serde(rename = "HostId", default)]
    host_id: String,
    #[serde(rename = "EC", default, skip_serializing_if = "String::is_empty")]
    ec: String,
    #[serde(rename = "RecommendDoc", default, skip_serializing_if = "String::is_empty")]
    recommend: String,
}

impl ServiceError {
    /// An error as a server returns it.
    pub fn new(
        status: StatusCode,
        code: impl Into<ServiceCode>,
        message: impl Into<String>,
        ec: &str,
    ) -> ServiceError {
        ServiceError {
            status: status.as_u16(),
            code: code.into(),
            message: message.into(),
            ec: ec.into(),
            request_id: String::new(),
            detail: None,
        }
    }

    /// Reads a reply with an error status. A body that is not an error document leaves the code
    /// empty, and the message is the reason phrase of the status.
    pub fn from_reply(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ServiceError {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let from_header = BASE64.decode(header("x-oss-err").as_bytes()).unwrap_or_default();
        let document = if body.is_empty() { &from_header[..] } else { body };
        let parsed = xml::read::<Body>("Error", document).ok();
        let pick = |of: fn(&Body) -> &String, otherwise: &str| {
            let text =
                parsed.as_ref().map(of).filter(|text| !text.is_empty()).map_or(otherwise, String::as_str);
            printable(text)
        };
        ServiceError {
            status: status.as_u16(),
            code: pick(|body| &body.code, "").into(),
            message: pick(|body| &body.message, status.canonical_reason().unwrap_or_default()),
            ec: pick(|body| &body.ec, header("x-oss-ec")),
            request_id: pick(|body| &body.request_id, header(REQUEST_ID)),
            detail: ErrorDetail::read(header).map(Box::new),
        }
    }

    /// Writes the headers that report [`ServiceError::detail`].
    pub fn to_headers(&self) -> HeaderMap {
        // A version ID that no header can carry did not come from the service.
        self.detail.as_ref().and_then(|detail| detail.to_headers().ok()).unwrap_or_default()
    }

    /// Writes the XML document; `host` is that of the request.
    pub fn to_xml(&self, host: &str) -> String {
        let recommend = match self.ec.as_str() {
            "" => String::new(),
            ec => format!("https://api.alibabacloud.com/troubleshoot?q={ec}"),
        };
        xml::write(&Body {
            code: self.code.to_string(),
            message: self.message.clone(),
            request_id: self.request_id.clone(),
            host_id: host.to_owned(),
            ec: self.ec.clone(),
            recommend,
        })
    }
}

impl ErrorDetail {
    fn read<'a>(header: impl Fn(&'static str) -> &'a str) -> Option<ErrorDetail> {
        if header(DELETE_MARKER) == "true" {
            return Some(ErrorDetail::DeleteMarker(printable(header(VERSION_ID))));
        }
        digits(header(NEXT_APPEND_POSITION)).map(ErrorDetail::NextAppendPosition)
    }

    fn to_headers(&self) -> Result<HeaderMap, InvalidHeader> {
        let mut headers = HeaderMap::new();
        match self {
            ErrorDetail::DeleteMarker(version) => {
                if !version.is_empty() {
                    set(&mut headers, VERSION_ID, version)?;
                }
                set(&mut headers, DELETE_MARKER, "true")?;
            }
            ErrorDetail::NextAppendPosition(length) => {
                set(&mut headers, NEXT_APPEND_POSITION, &length.to_string())?;
            }
        }
        Ok(headers)
    }
}

/// Makes untrusted text safe to print: replaces control characters, which could drive a terminal,
/// and limits the length to 1,024 characters.
pub fn printable(text: &str) -> String {
    text.chars().take(MAX_TEXT).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_such_key() -> ServiceError {
        let mut error = ServiceError::new(
            StatusCode::NOT_FOUND,
            "NoSuchKey",
            "The specified key does not exist.",
            "0026-00000001",
        );
        error.request_id = "5C3D9175B6FC201293AD0001".into();
        error
    }

    #[test]
    fn errors_are_read_from_body_or_header() {
        let document = no_such_key().to_xml("bucket.example");
        let none = HeaderMap::new();
        assert_eq!(
            ServiceError::from_reply(StatusCode::NOT_FOUND, &none, document.as_bytes()),
            no_such_key()
        );
        let mut headers = HeaderMap::new();
        headers.insert("x-oss-err", BASE64.encode(document.as_bytes()).parse().expect("a header value"));
        assert_eq!(ServiceError::from_reply(StatusCode::NOT_FOUND, &headers, b""), no_such_key());
    }

    #[test]
    fn x11_unknown_bodies_are_classified_by_status_and_made_printable() {
        let mut headers = HeaderMap::new();
        headers.insert("x-oss-request-id", "id-1".parse().expect("a header value"));
        for body in [&b""[..], b"<html>proxy</html>", b"\xff\xfe", b"<Error>", b"<Error><Code>"] {
            let error = ServiceError::from_reply(StatusCode::BAD_GATEWAY, &headers, body);
            assert_eq!(
                (error.status, error.code.as_str(), error.message.as_str()),
                (502, "", "Bad Gateway"),
                "{body:?}"
            );
            assert_eq!(error.request_id, "id-1");
        }
        let body = b"<Error><Code>A\x1b[31mB</Code><Message>two\nlines</Message></Error>";
        let error = ServiceError::from_reply(StatusCode::BAD_REQUEST, &HeaderMap::new(), body);
        assert_eq!((error.code.as_str(), error.message.as_str()), ("A\u{fffd}[31mB", "two\u{fffd}lines"));
    }
}
