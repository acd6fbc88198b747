//! Names of the service's own headers, and writing of header values.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Identifies a request for the vendor's support.
pub const REQUEST_ID: &str = "x-oss-request-id";

/// CRC-64/XZ of stored bytes, decimal.
pub(super) const CRC64: &str = "x-oss-hash-crc64ecma";
/// Refuses to replace an existing object.
pub(super) const FORBID_OVERWRITE: &str = "x-oss-forbid-overwrite";
/// Position of the next AppendObject; also in the error for another position.
pub(super) const NEXT_APPEND_POSITION: &str = "x-oss-next-append-position";
/// Percent-encoded key of the target of a symbolic link.
pub(super) const SYMLINK_TARGET: &str = "x-oss-symlink-target";
/// Version that was read or created.
pub(super) const VERSION_ID: &str = "x-oss-version-id";
/// `true` when the version is a delete marker.
pub(super) const DELETE_MARKER: &str = "x-oss-delete-marker";
/// Source of a copy: `/bucket/key?versionId=…`, percent-encoded.
pub(super) const COPY_SOURCE: &str = "x-oss-copy-source";
/// Conditional requests (RFC 9110, section 13.1).
pub(super) const CONDITIONS: [&str; 4] =
    ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];
/// Conditions on the source of a copy.
pub(super) const COPY_CONDITIONS: [&str; 4] = [
    "x-oss-copy-source-if-match",
    "x-oss-copy-source-if-none-match",
    "x-oss-copy-source-if-modified-since",
    "x-oss-copy-source-if-unmodified-since",
];

/// A header that HTTP cannot carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot send the header {name:?}: its name or value has characters that HTTP does not allow")]
pub struct InvalidHeader {
    /// Name of the header.
    pub name: String,
}

/// Sets a header, replacing any earlier value.
pub(super) fn set(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), InvalidHeader> {
    let value = HeaderValue::from_str(value).map_err(|_| InvalidHeader { name: name.into() })?;
    headers.insert(HeaderName::from_static(name), value);
    Ok(())
}
