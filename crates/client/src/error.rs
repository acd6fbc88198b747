//! One error for all operations: what happened, to what, what to do.

mod causes;

use std::time::Duration;

use osseal_wire::oss::{ServiceError, printable};

use crate::transport::BoxError;

/// An operation that failed.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    bucket: Option<String>,
    key: Option<String>,
    message: String,
    code: String,
    request_id: Option<String>,
    source: Option<BoxError>,
}

/// What sort of failure it is, for programs to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No such object, bucket, version or upload.
    NotFound,
    /// The object exists and was not to be replaced, or the bucket is not empty.
    Exists,
    /// The service refused for want of permission, or because the object is archived or locked.
    Denied,
    /// There are no credentials, or their source is broken. The service was not asked.
    Credentials,
    /// The object has no envelope.
    NotEncrypted,
    /// The envelope is incomplete or malformed.
    Envelope,
    /// The envelope names something that this library does not know.
    Unsupported,
    /// No key of the keyring is the one that the envelope names.
    NoMatchingKey,
    /// The key does not open the envelope. The cause is not told apart on purpose.
    UnwrapFailed,
    /// The read policy wants authenticated content, and this is not.
    Unauthenticated,
    /// The object is bound to another place than where it is read or copied to.
    Moved,
    /// Less is bound to the object than its reader requires.
    NotBound,
    /// Stored bytes are not those that were written.
    Integrity,
    /// The object was replaced during the operation.
    Changed,
    /// The range has no byte in the object, or is none.
    Range,
    /// The reply breaks the rules of the protocol.
    Protocol,
    /// The service or the network is unavailable for the moment; retries were made and did not help.
    Transient,
    /// Something on this side failed: a source, a target, a key.
    Local,
    /// The source is not what it was said to be, or changed while it was read. Nothing was stored.
    Source,
    /// The call cannot work as it was made.
    Usage,
    /// Any other refusal of the service.
    Service,
}

impl ErrorKind {
    /// Whether a transfer that ended so may be gone on with.
    pub(crate) fn is_passing(self) -> bool {
        use ErrorKind::{Credentials, Denied, Local, Service, Source, Transient};
        matches!(self, Transient | Denied | Credentials | Local | Source | Service)
    }
}

/// The service's names for a token whose time is over.
const TOKEN_EXPIRED: [&str; 2] = ["SecurityTokenExpired", "InvalidSecurityToken"];

/// What an operation is about, for its errors.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scene<'a> {
    pub(crate) operation: &'static str,
    pub(crate) bucket: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
}

/// A failure before it is known what it happened to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) code: String,
    /// The HTTP status of the service's refusal.
    pub(crate) status: Option<u16>,
    pub(crate) request_id: Option<String>,
    /// How long the service wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) source: Option<BoxError>,
    /// Whether the service may have done what it was asked for all the same: the reply to an attempt was lost, makes no sense, or tells of a failure that may
    /// have come after the work. The service's throttling comes before it.
    pub(crate) may_be_done: bool,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Failure {
        Failure {
            kind,
            message: message.into(),
            code: String::new(),
            status: None,
            request_id: None,
            retry_after: None,
            source: None,
            may_be_done: false,
        }
    }

    /// An error that came in the body of a success.
    pub(crate) fn from_late(error: ServiceError) -> Failure {
        Failure { may_be_done: true, ..error.into() }
    }

    pub(crate) fn at(self, scene: Scene<'_>) -> Error {
        Error(Box::new(Inner {
            kind: self.kind,
            operation: scene.operation,
            bucket: scene.bucket.map(str::to_owned),
            key: scene.key.map(str::to_owned),
            message: self.message,
            code: self.code,
            request_id: self.request_id,
            source: self.source,
        }))
    }

    /// The same for another of the objects that one request was about, without its source.
    pub(crate) fn again(&self) -> Failure {
        Failure {
            code: self.code.clone(),
            status: self.status,
            request_id: self.request_id.clone(),
            may_be_done: self.may_be_done,
            ..Failure::new(self.kind, self.message.clone())
        }
    }

    /// Whether sending the same bytes again may help.
    pub(crate) fn is_transient(&self) -> bool {
        self.kind == ErrorKind::Transient || self.code == "InvalidCRC64"
    }

    /// The same, of a call that was sent before.
    pub(crate) fn after(self, may_be_done_before: bool) -> Failure {
        Failure { may_be_done: self.may_be_done || may_be_done_before, ..self }
    }

    /// Whether the service no longer takes the token of the credentials.
    pub(crate) fn is_token_expired(&self) -> bool {
        TOKEN_EXPIRED.contains(&self.code.as_str())
    }

    /// Whether this machine's clock is off.
    pub(crate) fn is_skewed(&self) -> bool {
        self.code == "RequestTimeTooSkewed"
    }
}

impl Error {
    /// What sort of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later without anything being changed.
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Transient | ErrorKind::Changed)
    }

    /// The operation that failed, a verb such as `get`.
    pub fn operation(&self) -> &str {
        self.0.operation
    }

    /// The bucket that it was about.
    pub fn bucket(&self) -> Option<&str> {
        self.0.bucket.as_deref()
    }

    /// The object key that it was about.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// The service's code, such as `NoSuchKey`; empty when the service did not refuse.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The service's identifier of the last request, for the vendor's support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = &self.0;
        write!(f, "cannot {}", inner.operation)?;
        match (&inner.bucket, &inner.key) {
            (Some(bucket), Some(key)) => write!(f, " oss://{}/{}", printable(bucket), printable(key))?,
            (Some(bucket), None) => write!(f, " oss://{}", printable(bucket))?,
            (None, Some(address)) => write!(f, " {}", printable(address))?,
            (None, None) => {}
        }
        write!(f, ": {}", inner.message)?;
        if let Some(id) = inner.request_id.as_deref().filter(|id| !id.is_empty()) {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.to_string())
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
