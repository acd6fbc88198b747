//! Errors of envelopes, keys and content: kind and hint of each.

use osseal_core::{
    ContentError, ContextError, EnvelopeError, KeyError, KeyringError, LayoutError, PolicyError, RangeError,
};

use super::{ErrorKind, OpError};

fn hinted(
    kind: ErrorKind,
    hint: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> OpError {
    let failure = OpError::caused_by(kind, error);
    if hint.is_empty() { failure } else { failure.with_hint(hint) }
}

impl From<EnvelopeError> for OpError {
    fn from(error: EnvelopeError) -> OpError {
        let (kind, hint) = match &error {
            EnvelopeError::NotEncrypted => (
                ErrorKind::NotEncrypted,
                "it was stored without encryption, or its envelope was removed; allow plaintext objects to read it as it is",
            ),
            EnvelopeError::UnsupportedSuite { .. }
            | EnvelopeError::UnsupportedWrap { .. }
            | EnvelopeError::ForeignFamily { .. } => {
                (ErrorKind::Unsupported, "another client wrote it: read it with that client")
            }
            _ => (
                ErrorKind::Envelope,
                "the object's metadata was damaged; restore it from a copy that still has its encryption headers",
            ),
        };
        hinted(kind, hint, error)
    }
}

impl From<KeyringError> for OpError {
    fn from(error: KeyringError) -> OpError {
        let (kind, hint) = match &error {
            KeyringError::NoMatchingKey { .. } => (
                ErrorKind::NoMatchingKey,
                "add the key that wrapped the data key to the keyring, with the same description",
            ),
            KeyringError::CannotRead { .. } => {
                (ErrorKind::NoMatchingKey, "add the private key to the keyring")
            }
            KeyringError::CannotWrite { .. } => {
                (ErrorKind::Usage, "put a key that can wrap first in the keyring")
            }
            // The same hint for every cause: see `ErrorKind::UnwrapFailed`.
            KeyringError::Key { source: KeyError::UnwrapFailed, .. } => (
                ErrorKind::UnwrapFailed,
                "it is not the key that wrapped the data key, or the envelope was changed",
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
            KeyringError::Policy(PolicyError::Moved { .. }) => (
                ErrorKind::WrongLocation,
                "read it from the location that it is bound to, or allow moved objects",
            ),
            KeyringError::Policy(PolicyError::WrapAlgorithm { .. }) => (
                ErrorKind::Envelope,
                "no writer produces such an envelope: it was tampered with; restore the object from a copy",
            ),
            KeyringError::Policy(_) => (
                ErrorKind::NotBound,
                "its writer bound less than you require, or it is another object than you expect; require less to read it",
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
        hinted(kind, hint, error)
    }
}

impl From<ContextError> for OpError {
    fn from(error: ContextError) -> OpError {
        OpError::caused_by(ErrorKind::Usage, error)
    }
}

impl From<ContentError> for OpError {
    fn from(error: ContentError) -> OpError {
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
        OpError::caused_by(kind, error)
    }
}

impl From<RangeError> for OpError {
    fn from(error: RangeError) -> OpError {
        let kind = match error {
            RangeError::NotSatisfiable { .. } | RangeError::Inverted { .. } => ErrorKind::Range,
            RangeError::Length(_) => ErrorKind::Integrity,
            _ => ErrorKind::Protocol,
        };
        OpError::caused_by(kind, error)
    }
}

impl From<LayoutError> for OpError {
    fn from(error: LayoutError) -> OpError {
        OpError::caused_by(ErrorKind::Usage, error)
    }
}
