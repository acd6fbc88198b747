//! Queries and headers of a received request, and the errors of reading them.

use std::cell::RefCell;
use std::str::FromStr;

use http::{HeaderMap, StatusCode};

use super::Conditions;
use crate::oss::error::ServiceError;
use crate::oss::escape;
use crate::oss::range::digits;

/// Parameters that change nothing in the meaning of a request.
const IGNORED_PARAMETERS: [&str; 13] = [
    "fetch-owner",
    "sequential",
    // Of presigned URLs.
    "x-oss-signature-version",
    "x-oss-credential",
    "x-oss-date",
    "x-oss-expires",
    "x-oss-additional-headers",
    "x-oss-security-token",
    "x-oss-signature",
    "OSSAccessKeyId",
    "Expires",
    "Signature",
    "security-token",
];

/// A decoded query that records which parameters were read. A parameter that no code reads may
/// change the meaning of the request (a sub-resource does), so the request is refused instead of
/// executed as something else.
pub(super) struct QueryReader {
    pairs: Vec<(String, String)>,
    read: RefCell<Vec<String>>,
}

impl QueryReader {
    pub(super) fn parse(raw: Option<&str>) -> Result<QueryReader, ServiceError> {
        let pairs =
            escape::pairs(raw).ok_or_else(|| invalid("InvalidArgument", "The query is not UTF-8."))?;
        Ok(QueryReader { pairs, read: RefCell::default() })
    }

    /// The value of a parameter; `None` when it is absent or empty.
    pub(super) fn maybe(&self, name: &str) -> Option<String> {
        self.read.borrow_mut().push(name.to_owned());
        self.pairs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.maybe(name).unwrap_or_default()
    }

    /// Whether a parameter is present, with a value or without.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.read.borrow_mut().push(name.to_owned());
        self.pairs.iter().any(|(known, _)| known == name)
    }

    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, ServiceError> {
        let bad = || argument(name, "must be a decimal number");
        self.maybe(name).map(|text| digits(&text).and_then(|_| text.parse().ok()).ok_or_else(bad)).transpose()
    }

    /// The size of a page of a listing, 1 to 1,000.
    pub(super) fn page_size(&self, name: &str) -> Result<Option<u32>, ServiceError> {
        match self.number(name)? {
            Some(size) if !(1..=1000).contains(&size) => Err(argument(name, "must be from 1 to 1000")),
            size => Ok(size),
        }
    }

    pub(super) fn part_number(&self) -> Result<u32, ServiceError> {
        let number = self.number("partNumber")?.filter(|number| (1..=10_000).contains(number));
        number.ok_or_else(|| argument("partNumber", "must be from 1 to 10000"))
    }

    pub(super) fn version_id(&self) -> Option<String> {
        self.maybe("versionId")
    }

    pub(super) fn url_encoding(&self) -> Result<bool, ServiceError> {
        match self.text("encoding-type").as_str() {
            "" => Ok(false),
            "url" => Ok(true),
            _ => Err(argument("encoding-type", "must be url")),
        }
    }

    /// # Errors
    /// `NotImplemented` for a parameter that was not read.
    pub(super) fn check_all_read(&self) -> Result<(), ServiceError> {
        let read = self.read.borrow();
        let is_unknown = |name: &String| !read.contains(name) && !IGNORED_PARAMETERS.contains(&name.as_str());
        let unknown = self.pairs.iter().map(|(name, _)| name).find(|name| is_unknown(name));
        unknown.map_or(Ok(()), |name| Err(not_implemented(name)))
    }
}

/// The headers of a received request.
pub(super) struct HeaderReader<'a>(pub(super) &'a HeaderMap);

impl HeaderReader<'_> {
    /// The value of a header, trimmed; `None` when it is absent or not ASCII.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ServiceError> {
        let bad = || argument(name, "must be a decimal number");
        self.text(name).map(|text| digits(text).ok_or_else(bad)).transpose()
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, ServiceError> {
        match self.text(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                let message = format!("The value of {name} must be true or false.");
                Err(ServiceError::new(StatusCode::BAD_REQUEST, "InvalidArgument", message, "0017-00000279"))
            }
        }
    }

    pub(super) fn conditions(&self, names: [&str; 4]) -> Conditions {
        let [if_match, if_none_match, if_modified_since, if_unmodified_since] =
            names.map(|name| self.owned(name));
        Conditions { if_match, if_none_match, if_modified_since, if_unmodified_since }
    }
}

pub(super) fn invalid(code: &str, message: &str) -> ServiceError {
    ServiceError::new(StatusCode::BAD_REQUEST, code, message, "")
}

pub(super) fn argument(name: &str, rule: &str) -> ServiceError {
    ServiceError::new(StatusCode::BAD_REQUEST, "InvalidArgument", format!("The argument {name} {rule}."), "")
}

pub(super) fn missing(name: &str) -> ServiceError {
    let message = format!("Missing Some Required Arguments: {name}.");
    ServiceError::new(StatusCode::BAD_REQUEST, "MissingArgument", message, "0016-00000502")
}

pub(super) fn malformed_xml() -> ServiceError {
    let message =
        "The XML you provided was not well-formed or did not validate against our published schema.";
    ServiceError::new(StatusCode::BAD_REQUEST, "MalformedXML", message, "0042-00000205")
}

pub(super) fn method_not_allowed() -> ServiceError {
    let message = "The specified method is not allowed against this resource.";
    ServiceError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message, "")
}

fn not_implemented(parameter: &str) -> ServiceError {
    let message = format!("This server does not implement {parameter}.");
    ServiceError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message, "")
}
