//! Everything that needs a loud name.
//!
//! One module, so that one search finds every use and one lint can forbid them.

use crate::content::{ContentError, ContentKey, Opener};
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

/// An opener for objects without an envelope: it hands out stored bytes as they are. Nothing says who wrote them.
pub fn plaintext_opener(_: AllowPlaintextObjects) -> Opener {
    Opener::plaintext()
}
