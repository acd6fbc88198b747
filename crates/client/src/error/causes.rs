//! What failures come from: of each cause its kind, and what to do about it.

use osseal_core::{
    ContentError, ContextError, EnvelopeError, KeyError, KeyringError, LayoutError, PolicyError, RangeError,
};
use osseal_wire::oss::request::BuildError;
use osseal_wire::oss::{ErrorDetail, ReplyError, ServiceError};

use super::{ErrorKind, Failure, TOKEN_EXPIRED};

use crate::credentials::{CredentialsError, CredentialsErrorKind};
use crate::transport::TransportError;

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Failure {
        let (kind, advice) = match error.detail.as_deref() {
            Some(ErrorDetail::DeleteMarker(_)) if matches!(error.status, 404 | 405) => (
                ErrorKind::NotFound,
                "a delete marker is there: earlier versions can be read by their ids, and come back when it is removed",
            ),
            _ => class(error.status, &error.code),
        };
        // Without a code it is no word of the service's, and whoever spoke for it may have passed the request on.
        let is_throttling = matches!(error.status, 429 | 503) && !error.code.is_empty();
        let shown = if error.code.is_empty() {
            format!("HTTP {}: {}", error.status, error.message)
        } else {
            error.to_string()
        };
        Failure {
            message: if advice.is_empty() { shown } else { format!("{shown}; {advice}") },
            code: error.code,
            may_be_done: kind == ErrorKind::Transient && !is_throttling,
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
