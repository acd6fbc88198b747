//! Everything that needs a loud name.
//!
//! One module, so that one search finds every use and one lint can forbid them.

use crate::content::{COMMITMENT, ContentError, ContentKey, Opener, SALT};
use crate::secret::Secret;

/// Says that objects without an envelope are to be read as they are. Whoever can strip metadata can then pass off any bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowPlaintextObjects;

/// A content key of given bytes, for vectors and for tests of what must never happen.
///
/// # Security
/// Sealing two objects with one key and counter reveals both.
pub fn fixed_content_key(data_key: [u8; 32], iv: [u8; 16]) -> Result<ContentKey, ContentError> {
    ContentKey::aes_ctr(&Secret::new(data_key.to_vec()), iv)
}

/// A content key of the sealed suite from given bytes, with the commitment that nobody has compared, for vectors and for tests of what
/// must never happen. `context` is any bytes; objects hold the record of a [`SealedContext`](crate::SealedContext).
///
/// # Security
/// Sealing two objects with one data key, salt and context reveals both and lets others forge.
pub fn fixed_sealed_key(
    data_key: [u8; 32],
    salt: [u8; SALT],
    context: &[u8],
) -> Result<(ContentKey, [u8; COMMITMENT]), ContentError> {
    ContentKey::sealed(&Secret::new(data_key.to_vec()), &salt, context)
}

/// An opener for objects without an envelope: it hands out stored bytes as they are. Nothing says who wrote them.
pub fn plaintext_opener(_: AllowPlaintextObjects) -> Opener {
    Opener::plaintext()
}
