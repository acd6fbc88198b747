//! What the `start` header holds: where decryption begins, and of a sealed object all that its chunk key was derived from.
//!
//! ```text
//!   AES/CTR   wrapped counter
//!   sealed    salt (24) ‖ commitment (32) ‖ context
//! ```

use crate::content::{COMMITMENT, ContentError, ContentKey, SALT};
use crate::context::{ContextError, SealedContext};
use crate::secret::Secret;
use crate::wrap::Wrapped;

/// What the `start` header holds, which depends on the suite.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// The initial counter, 16 bytes, wrapped.
    WrappedIv(Wrapped),
    /// The initial counter as wrapped ASCII decimal digits (legacy names).
    WrappedDecimal(Wrapped),
    /// Salt, commitment and context of a sealed object.
    Sealed(SealedStart),
}

impl Start {
    /// The bytes of the header; none under the legacy names, which are not written.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        match self {
            Start::WrappedIv(wrapped) => Some(wrapped.0.clone()),
            Start::WrappedDecimal(_) => None,
            Start::Sealed(start) => {
                Some([&start.salt[..], &start.commitment[..], &start.record[..]].concat())
            }
        }
    }
}

/// Salt, commitment and context of a sealed object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedStart {
    salt: [u8; SALT],
    commitment: [u8; COMMITMENT],
    /// The record of `context`.
    record: Vec<u8>,
    context: SealedContext,
}

/// Why there is no start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error(transparent)]
    Content(#[from] ContentError),
}

impl SealedStart {
    /// Begins a fresh object: its content key, and the start that commits to it.
    pub(crate) fn seal(
        data_key: &Secret,
        salt: [u8; SALT],
        context: SealedContext,
    ) -> Result<(ContentKey, SealedStart), StartError> {
        let record = context.to_record()?;
        let (key, commitment) = ContentKey::sealed(data_key, &salt, &record)?;
        Ok((key, SealedStart { salt, commitment, record, context }))
    }

    /// The content key of an object, if `data_key` is the one that the start commits to.
    pub(crate) fn open(&self, data_key: &Secret) -> Result<ContentKey, ContentError> {
        ContentKey::committed(data_key, &self.salt, &self.record, &self.commitment)
    }

    /// The salt.
    pub(crate) const fn salt(&self) -> &[u8; SALT] {
        &self.salt
    }

    /// What is bound to the content.
    pub const fn context(&self) -> &SealedContext {
        &self.context
    }

    /// The commitment to data key, salt and context.
    pub const fn commitment(&self) -> &[u8; COMMITMENT] {
        &self.commitment
    }

    /// Reads the bytes of a header, each of them.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<SealedStart, &'static str> {
        let cut = "it is too short for salt and commitment";
        let (salt, rest) = bytes.split_first_chunk().ok_or(cut)?;
        let (commitment, record) = rest.split_first_chunk().ok_or(cut)?;
        let context = SealedContext::from_record(record)?;
        Ok(SealedStart { salt: *salt, commitment: *commitment, record: record.to_vec(), context })
    }
}
