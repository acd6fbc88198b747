//! One error type for all operations: what failed, on which object, and what a caller can do.

mod content;
mod op_error;
mod operation;
mod service;

use std::time::Duration;

use osseal_wire::oss::{ServiceCode, printable};

pub(crate) use op_error::{OpContext, OpError};
pub(crate) use operation::changes_state;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An operation that failed.
///
/// `Display` is one line: `cannot VERB oss://BUCKET/KEY: CAUSE`, then the request's identifier and,
/// if the outcome is unknown, that it is. It holds no secret, and no terminal control characters from
/// outside. [`Error::hint`] says what to do about it and is not part of `Display`.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    bucket: Option<String>,
    key: Option<String>,
    message: String,
    status: Option<u16>,
    code: ServiceCode,
    request_id: Option<Box<str>>,
    retry_after: Option<Duration>,
    outcome: Outcome,
    hint: Option<&'static str>,
    source: Option<Cause>,
}

/// The kind of a failure. Programs decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The object, bucket, version or upload does not exist.
    NotFound,
    /// The object exists and must not be overwritten, or the bucket is not empty.
    Exists,
    /// The service refused: permissions, signature or clock, or the object is archived or locked.
    Denied,
    /// There are no credentials, or their source is broken. No request was sent.
    Credentials,
    /// The object has no envelope.
    NotEncrypted,
    /// The envelope is incomplete or malformed.
    Envelope,
    /// The envelope names an algorithm or a format that this library does not support.
    Unsupported,
    /// No key of the keyring matches the envelope.
    NoMatchingKey,
    /// The key does not unwrap the data key. The cause is deliberately not distinguished: telling a
    /// wrong key from a changed ciphertext would be a decryption oracle.
    UnwrapFailed,
    /// The read policy requires authenticated content, and the object's suite has none.
    Unauthenticated,
    /// The object is bound to another bucket or key than the one it is read from or copied to.
    WrongLocation,
    /// The object binds less than the reader requires.
    NotBound,
    /// Stored bytes differ from those that were written.
    Integrity,
    /// The object was overwritten during the operation.
    Changed,
    /// The range is malformed, or has no byte in the object.
    Range,
    /// The reply violates the protocol.
    Protocol,
    /// The service or the network is temporarily unavailable, after all retries.
    Transient,
    /// A local resource failed: a source, a target, a key, the system.
    Local,
    /// The source has another length than declared, or changed while it was read. Nothing was stored.
    Source,
    /// The call is invalid as it was made.
    Usage,
    /// Any other refusal of the service.
    Service,
}

impl ErrorKind {
    /// Whether a transfer that failed with it can be resumed later.
    pub(crate) fn is_resumable(self) -> bool {
        use ErrorKind::{Credentials, Denied, Local, Service, Source, Transient};
        matches!(self, Transient | Denied | Credentials | Local | Source | Service)
    }
}

/// Whether a failed operation may have taken effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The operation did not take effect.
    #[default]
    NotDone,
    /// A request may have been executed: its reply was lost or made no sense, or the service reported
    /// a failure that may have followed the work. Look before you repeat what must not happen twice.
    Unknown,
}

impl Outcome {
    /// Whether a request may have been executed.
    pub const fn is_unknown(self) -> bool {
        matches!(self, Outcome::Unknown)
    }

    pub(crate) const fn unknown_if(may_be_done: bool) -> Outcome {
        if may_be_done { Outcome::Unknown } else { Outcome::NotDone }
    }

    /// The outcome of two attempts: unknown if that of either is.
    #[must_use]
    pub(crate) const fn or(self, other: Outcome) -> Outcome {
        Outcome::unknown_if(self.is_unknown() || other.is_unknown())
    }
}

impl Error {
    /// The kind of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later with nothing else changed.
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Transient | ErrorKind::Changed)
    }

    /// Whether the operation may have taken effect. Always [`Outcome::NotDone`] for reads.
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// The operation by its name in the service's API, such as `PutObject`; a put in parts is a
    /// `PutObject`, too. Those that are not one request of the service have names of this library:
    /// `VerifyObject`, `PresignUrl`, and `BuildStore` and its siblings for invalid configurations.
    pub fn operation(&self) -> &str {
        self.0.operation
    }

    /// The bucket, if the operation has one.
    pub fn bucket(&self) -> Option<&str> {
        self.0.bucket.as_deref()
    }

    /// The object key, if the operation has one. For a presigned URL, the URL without its query.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// The HTTP status of the service's refusal, if it refused.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The service's code as text, such as `NoSuchKey`; empty if the service did not refuse.
    pub fn code(&self) -> &str {
        self.0.code.as_str()
    }

    /// The service's code, for programs; [`ServiceCode::None`] if the service did not refuse.
    pub fn service_code(&self) -> &ServiceCode {
        &self.0.code
    }

    /// The service's identifier of the last request. The vendor's support asks for it.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How long the service asked to wait before the next attempt (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What to do about it, as a sentence without a final stop.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint
    }

    /// The cause alone, without operation, object and request identifier.
    pub fn cause(&self) -> &str {
        &self.0.message
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = &self.0;
        write!(f, "cannot {}", operation::verb(inner.operation))?;
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
        if inner.outcome.is_unknown() {
            write!(f, "; {}", operation::unknown_outcome(inner.operation))?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("outcome", &self.0.outcome)
            .field("message", &self.to_string())
            .field("hint", &self.0.hint)
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
