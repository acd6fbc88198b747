//! One error for all operations: what happened, to what, what to do.

use std::time::Duration;

use osseal_core::{
    ContentError, ContextError, EnvelopeError, KeyError, KeyringError, LayoutError, PolicyError, RangeError,
};
use osseal_wire::oss::request::BuildError;
use osseal_wire::oss::{Obstacle, ReplyError, ServiceError, printable};

use crate::credentials::{CredentialsError, CredentialsErrorKind};
use crate::transport::{BoxError, TransportError};

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
    /// Something on this side failed: a source, a key.
    Local,
    /// The call cannot work as it was made.
    Usage,
    /// Any other refusal of the service.
    Service,
}

impl ErrorKind {
    /// Whether a transfer that ended so may be gone on with.
    pub(crate) fn is_passing(self) -> bool {
        use ErrorKind::{Credentials, Denied, Local, Service, Transient};
        matches!(self, Transient | Denied | Credentials | Local | Service)
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
    /// have come after the work. Throttling comes before it.
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

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Failure {
        let (kind, advice) = match error.obstacle.as_deref() {
            Some(Obstacle::DeleteMarker(_)) if matches!(error.status, 404 | 405) => (
                ErrorKind::NotFound,
                "a delete marker is there: earlier versions can be read by their ids, and come back when it is removed",
            ),
            _ => class(error.status, &error.code),
        };
        let shown = if error.code.is_empty() {
            format!("HTTP {}: {}", error.status, error.message)
        } else {
            error.to_string()
        };
        Failure {
            message: if advice.is_empty() { shown } else { format!("{shown}; {advice}") },
            code: error.code,
            may_be_done: kind == ErrorKind::Transient && !matches!(error.status, 429 | 503),
            status: Some(error.status),
            request_id: Some(error.request_id).filter(|id| !id.is_empty()),
            ..Failure::new(kind, "")
        }
    }
}

fn class(status: u16, code: &str) -> (ErrorKind, &'static str) {
    match (status, code) {
        (_, "InvalidObjectState") => {
            (ErrorKind::Denied, "the object is archived: restore it, then try again")
        }
        (_, "FileImmutable") => (ErrorKind::Denied, "the bucket keeps its objects from being changed"),
        (_, "RequestTimeTooSkewed") => (ErrorKind::Denied, "set this machine's clock"),
        (_, "FileAlreadyExists" | "ObjectAlreadyExists" | "BucketAlreadyExists") => (ErrorKind::Exists, ""),
        (_, "BucketNotEmpty") => (ErrorKind::Exists, "remove its objects and unfinished uploads first"),
        (404, "NoSuchBucket") => (ErrorKind::NotFound, "make the bucket, or check its name and the region"),
        (404, _) => (ErrorKind::NotFound, ""),
        (_, "SignatureDoesNotMatch") => (ErrorKind::Denied, "check the access key secret and the region"),
        (_, "InvalidAccessKeyId") => (ErrorKind::Denied, "check the access key id"),
        (_, code) if TOKEN_EXPIRED.contains(&code) => {
            (ErrorKind::Denied, "the temporary credentials are no longer good: get others")
        }
        (_, "SecondLevelDomainForbidden") => {
            (ErrorKind::Usage, "the service wants buckets in the host name: give its endpoint as a host name")
        }
        (401 | 403, _) => (ErrorKind::Denied, "check the credentials and their permissions"),
        (412, _) => (ErrorKind::Changed, "the object is no longer the one that was meant"),
        (416, _) => (ErrorKind::Range, "the range has no byte in the object"),
        (408 | 429 | 500..=599, code) if code != "NotImplemented" => {
            (ErrorKind::Transient, "try again later")
        }
        _ => (ErrorKind::Service, ""),
    }
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Failure {
        let (kind, advice) = if error.is_retryable() {
            (ErrorKind::Transient, "check the endpoint and the network, or try again later")
        } else {
            (ErrorKind::Protocol, "check that the endpoint is the service's")
        };
        Failure {
            may_be_done: error.is_sent(),
            source: Some(error.into()),
            ..Failure::new(kind, format!("the connection failed; {advice}"))
        }
    }
}

impl From<CredentialsError> for Failure {
    fn from(error: CredentialsError) -> Failure {
        let kind = match error.kind() {
            CredentialsErrorKind::Absent | CredentialsErrorKind::Broken => ErrorKind::Credentials,
            CredentialsErrorKind::Refused => ErrorKind::Denied,
            CredentialsErrorKind::Unavailable => ErrorKind::Transient,
        };
        Failure::new(kind, error.to_string())
    }
}

impl From<ReplyError> for Failure {
    fn from(error: ReplyError) -> Failure {
        Failure { may_be_done: true, ..Failure::new(ErrorKind::Protocol, error.to_string()) }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Failure {
        Failure::new(ErrorKind::Usage, error.to_string())
    }
}

impl From<EnvelopeError> for Failure {
    fn from(error: EnvelopeError) -> Failure {
        let (kind, advice) = match &error {
            EnvelopeError::NotEncrypted => (
                ErrorKind::NotEncrypted,
                "it was stored without encryption, or its envelope was removed; read it with other tools if that is expected",
            ),
            EnvelopeError::UnsupportedSuite { .. }
            | EnvelopeError::UnsupportedWrap { .. }
            | EnvelopeError::ForeignFamily { .. } => {
                (ErrorKind::Unsupported, "another client wrote it; read it with that client")
            }
            _ => (
                ErrorKind::Envelope,
                "the object's metadata was damaged; restore it from a copy that still has its encryption headers",
            ),
        };
        Failure::new(kind, format!("{error}; {advice}"))
    }
}

impl From<KeyringError> for Failure {
    fn from(error: KeyringError) -> Failure {
        let (kind, advice) = match &error {
            KeyringError::NoMatchingKey { .. } => (
                ErrorKind::NoMatchingKey,
                "add the key that wrapped it to the keyring, with the same description",
            ),
            KeyringError::CannotRead { .. } => (ErrorKind::NoMatchingKey, "reading takes the private key"),
            KeyringError::CannotWrite { .. } => (ErrorKind::Usage, "put a key that can wrap first"),
            KeyringError::Key { source: KeyError::UnwrapFailed, .. } => (
                ErrorKind::UnwrapFailed,
                "it is another key than the one that wrapped it, or the envelope was changed",
            ),
            KeyringError::Key { source: KeyError::Unavailable { retryable: true, .. }, .. } => {
                (ErrorKind::Transient, "try again later")
            }
            KeyringError::Key { source: KeyError::Credentials { .. }, .. } => (ErrorKind::Credentials, ""),
            KeyringError::Key { source: KeyError::Denied { .. }, .. } => {
                (ErrorKind::Denied, "check the key, the credentials and their permissions")
            }
            KeyringError::Key { source: KeyError::Protocol { .. }, .. } => (ErrorKind::Protocol, ""),
            KeyringError::Policy(PolicyError::Unauthenticated { .. }) => (
                ErrorKind::Unauthenticated,
                "allow unauthenticated suites if you trust the store not to change bytes",
            ),
            KeyringError::Policy(PolicyError::Moved { .. }) => (ErrorKind::Moved, ""),
            KeyringError::Policy(PolicyError::WrapAlgorithm { .. }) => {
                (ErrorKind::Envelope, "no writer makes such an envelope: somebody changed it")
            }
            KeyringError::Policy(_) => (
                ErrorKind::NotBound,
                "whoever wrote it bound less, or somebody put another object in its place; require less to read it",
            ),
            KeyringError::Content(ContentError::CommitmentFailed) => (ErrorKind::Integrity, ""),
            KeyringError::Content(_) => (ErrorKind::Envelope, ""),
            KeyringError::Empty
            | KeyringError::Ambiguous { .. }
            | KeyringError::WrapRefused { .. }
            | KeyringError::Context(_)
            | KeyringError::EnvelopeTooLarge { .. } => (ErrorKind::Usage, ""),
            _ => (ErrorKind::Local, ""),
        };
        let message = if advice.is_empty() { error.to_string() } else { format!("{error}; {advice}") };
        Failure::new(kind, message)
    }
}

impl From<ContextError> for Failure {
    fn from(error: ContextError) -> Failure {
        Failure::new(ErrorKind::Usage, error.to_string())
    }
}

impl From<ContentError> for Failure {
    fn from(error: ContentError) -> Failure {
        let kind = match error {
            ContentError::Range(error) => return error.into(),
            ContentError::Layout(error) => return error.into(),
            ContentError::IntegrityFailed { .. } | ContentError::CommitmentFailed => ErrorKind::Integrity,
            ContentError::Truncated { .. }
            | ContentError::Overlong { .. }
            | ContentError::OtherTotal { .. }
            | ContentError::EndUnproven => ErrorKind::Protocol,
            ContentError::CounterOverflow => ErrorKind::Unsupported,
            ContentError::NoSuchPart { .. } | ContentError::PartTaken { .. } => ErrorKind::Usage,
            _ => ErrorKind::Local,
        };
        Failure::new(kind, error.to_string())
    }
}

impl From<RangeError> for Failure {
    fn from(error: RangeError) -> Failure {
        let kind = match error {
            RangeError::NotSatisfiable { .. } | RangeError::Inverted { .. } => ErrorKind::Range,
            RangeError::Length(_) => ErrorKind::Integrity,
            _ => ErrorKind::Protocol,
        };
        Failure::new(kind, error.to_string())
    }
}

impl From<LayoutError> for Failure {
    fn from(error: LayoutError) -> Failure {
        Failure::new(ErrorKind::Usage, error.to_string())
    }
}
