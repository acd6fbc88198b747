//! Everything that needs a loud name.
//!
//! One module, so that one search finds every use and one lint can forbid them.

use crate::content::{COMMITMENT, ContentError, ContentKey, Opener, PartSlots, PastPart, SALT, Sealer};
use crate::layout::PartPlan;
use crate::secret::Secret;

/// Allows objects without an envelope to be read or written as they are. Everyone who can strip metadata can then substitute any bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowPlaintextObjects;

/// A content key of given bytes, for vectors and for tests of misuse.
///
/// # Security
/// Sealing two objects with one key and counter reveals both.
pub fn fixed_content_key(data_key: [u8; 32], iv: [u8; 16]) -> Result<ContentKey, ContentError> {
    ContentKey::aes_ctr(&Secret::new(data_key.to_vec()), iv)
}

/// A content key of the sealed suite from given bytes, with a commitment that was not compared, for vectors and for
/// tests of misuse. `context` is any bytes; objects hold the record of a [`SealedContext`](crate::SealedContext).
///
/// # Security
/// Sealing two objects with one data key, salt and context reveals both and allows forgeries.
pub fn fixed_sealed_key(
    data_key: [u8; 32],
    salt: [u8; SALT],
    context: &[u8],
) -> Result<(ContentKey, [u8; COMMITMENT]), ContentError> {
    ContentKey::sealed(&Secret::new(data_key.to_vec()), &salt, context)
}

/// A sealer without encryption: stored bytes are plaintext bytes, and only their checksum is computed. For objects
/// without an envelope.
///
/// # Security
/// Everyone with access to the store can read and change them.
pub fn plaintext_sealer(_: AllowPlaintextObjects, plain_total: Option<u64>) -> Sealer {
    ContentKey::none().sealer(plain_total)
}

/// An opener for objects without an envelope: it returns stored bytes as they are. Their origin is unknown.
pub fn plaintext_opener(_: AllowPlaintextObjects) -> Opener {
    Opener::plaintext()
}

/// The parts of an object whose upload a previous process started and did not finish.
///
/// This is the only case in which a part may be sealed twice. `content` comes from
/// [`Keyring::resume`](crate::Keyring::resume); `plan` and `past` come from the record of the previous process. Every part
/// whose first byte may have been sent is in `past`. An acknowledged part is not handed out. A recorded part returns its
/// sealed bytes only if they equal those of the previous process, otherwise [`ContentError::OtherThanRecorded`]. All other
/// parts are sealed for the first time.
///
/// # Security
/// The digest is compared here, before sealed bytes are returned. The caller ensures that `past` is complete. A record that
/// is older than the upload (restored, copied, used by two processes) lacks parts that were sent; sealing those from a
/// changed source reveals both texts and allows forgeries. Therefore the record is authenticated, locked, and synced
/// before a part is sent, and a part that the store holds and the record lacks demands a new data key.
///
/// # Errors
/// [`ContentError::NotResumable`], [`ContentError::NoSuchPart`], [`ContentError::PartTaken`] for a part that is in `past`
/// twice, [`ContentError::Layout`].
pub fn resumed_parts(
    content: ContentKey,
    plan: PartPlan,
    past: impl IntoIterator<Item = (u32, PastPart)>,
) -> Result<PartSlots, ContentError> {
    PartSlots::resumed(content, plan, past)
}

/// A content key that digests parts, of given bytes, for vectors and for tests of misuse. `start` is the salt or the initial
/// counter of the key.
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
