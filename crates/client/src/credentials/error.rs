//! [`CredentialsError`]: the failure of a source of credentials.

use crate::error::{ErrorKind, OpError};

/// The failure of a source: what failed, on which source, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CredentialsError {
    kind: CredentialsErrorKind,
    message: String,
}

/// The consequence of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialsErrorKind {
    /// The source is not set up here; another may be.
    Absent,
    /// The source is set up, and wrongly.
    Broken,
    /// A service refused to give credentials.
    Refused,
    /// A service or the network is unavailable at the moment; a retry may help.
    Unavailable,
}

impl CredentialsError {
    /// An error of that kind. The message must hold nothing secret.
    pub fn new(kind: CredentialsErrorKind, message: impl Into<String>) -> CredentialsError {
        CredentialsError { kind, message: message.into() }
    }

    /// Its kind.
    pub const fn kind(&self) -> CredentialsErrorKind {
        self.kind
    }

    pub(super) fn absent(message: impl Into<String>) -> CredentialsError {
        CredentialsError::new(CredentialsErrorKind::Absent, message)
    }

    pub(super) fn broken(message: impl Into<String>) -> CredentialsError {
        CredentialsError::new(CredentialsErrorKind::Broken, message)
    }

    pub(super) fn refused(message: impl Into<String>) -> CredentialsError {
        CredentialsError::new(CredentialsErrorKind::Refused, message)
    }

    pub(super) fn unavailable(message: impl Into<String>) -> CredentialsError {
        CredentialsError::new(CredentialsErrorKind::Unavailable, message)
    }

    /// Puts the source before the message.
    pub(super) fn about(self, what: &str) -> CredentialsError {
        CredentialsError { message: format!("{what}: {}", self.message), ..self }
    }
}

impl From<CredentialsError> for OpError {
    fn from(error: CredentialsError) -> OpError {
        let kind = match error.kind() {
            CredentialsErrorKind::Absent | CredentialsErrorKind::Broken => ErrorKind::Credentials,
            CredentialsErrorKind::Refused => ErrorKind::Denied,
            CredentialsErrorKind::Unavailable => ErrorKind::Transient,
        };
        OpError::caused_by(kind, error)
    }
}
