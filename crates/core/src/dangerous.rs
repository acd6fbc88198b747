//! Everything that needs a loud name.
//!
//! One module, so that one search finds every use and one lint can forbid them.

use crate::content::{COMMITMENT, ContentError, ContentKey, Opener, PartSlots, PastPart, SALT, Sealer};
use crate::layout::PartPlan;
use crate::secret::Secret;

/// Says that objects without an envelope are to be read, or written, as they are. Whoever can strip metadata can then pass off any bytes.
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

/// A sealer that seals nothing: stored bytes are plaintext bytes, and only their checksum is made. For objects without an envelope.
///
/// # Security
/// Whoever holds the store reads and changes them.
pub fn plaintext_sealer(_: AllowPlaintextObjects, plain_total: Option<u64>) -> Sealer {
    ContentKey::none().sealer(plain_total)
}

/// An opener for objects without an envelope: it hands out stored bytes as they are. Nothing says who wrote them.
pub fn plaintext_opener(_: AllowPlaintextObjects) -> Opener {
    Opener::plaintext()
}

/// The parts of an object that a former process began to upload and did not finish.
///
/// This is the one case where a part may be sealed that was sealed before. `content` comes from [`Keyring::resume`](crate::Keyring::resume), `plan` and `past` from
/// the record that the former process kept: every part whose first byte may have left is in `past`. A part that was acknowledged is not handed out; one
/// that was recorded gives its sealed bytes only if they are those of the former process, and else
/// [`ContentError::OtherThanRecorded`]; any other is sealed for the first time.
///
/// # Security
/// The digest is compared here, before sealed bytes are handed out; that all parts are in `past` is the caller's to ensure. A record that is older than the upload
/// (restored, copied, used by two processes) lacks parts that have left: sealing those from a source that has changed reveals both texts and lets others
/// forge. So the record is authenticated, locked and synced before a part leaves, and a part that the store has and the record does not
/// know means a fresh data key.
///
/// # Errors
/// [`ContentError::NotResumable`], [`ContentError::NoSuchPart`], [`ContentError::PartTaken`] for a part that is in `past` twice, [`ContentError::Layout`].
pub fn resumed_parts(
    content: ContentKey,
    plan: PartPlan,
    past: impl IntoIterator<Item = (u32, PastPart)>,
) -> Result<PartSlots, ContentError> {
    PartSlots::resumed(content, plan, past)
}

/// A content key that digests parts, of given bytes, for vectors and for tests of what must never happen. `start` is the salt or the initial counter that the key was made with.
///
/// # Security
/// As for [`fixed_content_key`] and [`fixed_sealed_key`].
pub fn fixed_resumable(
    content: ContentKey,
    data_key: [u8; 32],
    start: &[u8],
) -> Result<ContentKey, ContentError> {
    content.resumable(&Secret::new(data_key.to_vec()), start)
}
