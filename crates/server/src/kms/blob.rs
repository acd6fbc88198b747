//! Ciphertext blobs, which nobody but this service reads.
//!
//! ```text
//!   version id, 36 ASCII characters | nonce, 12 bytes | AES-256-GCM of the plaintext's text, and its tag of 16 bytes
//! ```
//! The associated data are empty without an encryption context, else the SHA-256 of its pairs `name=value`, sorted and joined by `&`: so the
//! vendor's SDKs map blobs of dedicated instances to these. What the service itself does is not documented.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use osseal_wire::kms::{CiphertextBlob, EncryptionContext, Plaintext};

use super::keys::{VERSION_ID, Version};

/// Encrypts under a version of a key. `None` only when the system gives no random bytes.
pub(super) fn seal(
    version: &Version,
    plaintext: &Plaintext,
    context: &EncryptionContext,
) -> Option<CiphertextBlob> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, &version.secret()).ok()?;
    let mut sealed = plaintext.expose().as_bytes().to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(associated(context)), &mut sealed).ok()?;
    CiphertextBlob::of_bytes(&[version.id().as_bytes(), nonce.as_ref(), &sealed].concat()).ok()
}

/// The version that a blob names.
pub(super) fn version_of(raw: &[u8]) -> Option<&str> {
    std::str::from_utf8(raw.get(..VERSION_ID)?).ok()
}

/// Decrypts under the version that the blob names.
pub(super) fn open(version: &Version, raw: &[u8], context: &EncryptionContext) -> Option<Plaintext> {
    let (nonce, sealed) = raw.get(VERSION_ID..)?.split_at_checked(NONCE_LEN)?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, &version.secret()).ok()?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut sealed = sealed.to_vec();
    let plain = key.open_in_place(nonce, Aad::from(associated(context)), &mut sealed).ok()?;
    Some(Plaintext::of_text(std::str::from_utf8(plain).ok()?))
}

fn associated(context: &EncryptionContext) -> Vec<u8> {
    if context.is_empty() {
        return Vec::new();
    }
    let pairs: Vec<String> = context.pairs().map(|(name, value)| format!("{name}={value}")).collect();
    digest(&SHA256, pairs.join("&").as_bytes()).as_ref().to_vec()
}
