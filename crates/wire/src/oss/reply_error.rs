//! Errors of reading a reply.

use super::xml::XmlError;

/// Largest total size of header names and values of a reply, in bytes: 32 times the metadata that
/// an object can have.
pub const MAX_HEADERS: usize = 256 << 10;

/// Errors of reading a reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// A required header is missing.
    #[error("the reply lacks the header {name}")]
    MissingHeader {
        /// Name of the header.
        name: &'static str,
    },
    /// A header is repeated.
    #[error("the reply has the header {name} more than once")]
    RepeatedHeader {
        /// Name of the header.
        name: &'static str,
    },
    /// A header has an invalid value.
    #[error("the reply's header {name} is malformed or contradicts another")]
    MalformedHeader {
        /// Name of the header.
        name: &'static str,
    },
    /// The headers are larger than [`MAX_HEADERS`].
    #[error("the reply has more than {MAX_HEADERS} bytes of headers")]
    TooManyHeaders,
    /// A success status that the operation does not return.
    #[error("the reply has the status {status}, which this operation does not return")]
    Status {
        /// Status of the reply.
        status: u16,
    },
    /// An unexpected or invalid document.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// A multipart upload without a valid identifier.
    #[error("the reply has no valid upload id")]
    UploadId,
    /// A page of a listing contradicts the request or itself.
    #[error("the listing is inconsistent: {reason}")]
    Listing {
        /// The contradiction.
        reason: &'static str,
    },
    /// A document contradicts the request or the protocol.
    #[error("the reply is inconsistent: {reason}")]
    Contents {
        /// The contradiction.
        reason: &'static str,
    },
}
