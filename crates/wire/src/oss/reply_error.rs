//! Errors of reading a reply.

use super::xml::XmlError;

/// Most bytes of all header names and values of a reply together.
pub const MAX_HEADERS: usize = 256 << 10;

/// Why a reply is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// A header that the reply needs.
    #[error("the reply lacks the header {name}")]
    MissingHeader {
        /// Its name.
        name: &'static str,
    },
    /// A header that may be there once.
    #[error("the reply has the header {name} more than once")]
    RepeatedHeader {
        /// Its name.
        name: &'static str,
    },
    /// A header whose value breaks its rules.
    #[error("the reply's header {name} is malformed or contradicts another")]
    MalformedHeader {
        /// Its name.
        name: &'static str,
    },
    /// More header bytes than any reply of the service.
    #[error("the reply has more than {MAX_HEADERS} bytes of headers")]
    TooManyHeaders,
    /// A success that the operation does not have.
    #[error("the reply has the status {status}, which this operation does not answer")]
    Status {
        /// The status.
        status: u16,
    },
    /// A document that is not the expected one.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// A multipart upload without a usable identifier.
    #[error("the reply has no usable upload id")]
    UploadId,
    /// A page of a listing that contradicts the request or itself.
    #[error("the listing is not to be trusted: {reason}")]
    Listing {
        /// What is wrong.
        reason: &'static str,
    },
    /// A document that contradicts the request or the protocol.
    #[error("the reply is not to be trusted: {reason}")]
    Contents {
        /// What is wrong.
        reason: &'static str,
    },
}
