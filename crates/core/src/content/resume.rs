//! Digests by which a process can tell that it would seal the bytes that a former one sealed.
//!
//! ```text
//!   resume key (32) = HKDF-Expand-SHA-512(data key, "osseal resume v1" ‖ 0x00 ‖ salt or initial counter)
//!   part digest     = HMAC-SHA-256(resume key, u32 part number ‖ tags of the part's chunks)      sealed
//!                     HMAC-SHA-256(resume key, u32 part number ‖ plaintext of the part)          AES/CTR
//! ```
//!
//! Equal digests mean equal sealed bytes. Without the data key a digest says nothing about the plaintext, not even whether two parts are the same.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf::{HKDF_SHA512, Prk};
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use zeroize::Zeroizing;

use super::ContentError;
use super::chunked::Length;
use crate::secret::{Secret, on_wiped_stack};

const LABEL: &[u8] = b"osseal resume v1\0";
/// Bytes of the key and of a digest.
const LEN: usize = 32;

/// The key of one object's digests.
pub(super) struct ResumeKey(Secret);

/// What a part was sealed from, in 32 bytes that are kept beside the wrapped key of its object.
#[derive(Clone, Copy, Debug, Eq)]
pub struct PartDigest([u8; LEN]);

impl ResumeKey {
    /// Derives the key; `start` is the salt of a sealed object or the initial counter of another.
    pub(super) fn derive(data_key: &Secret, start: &[u8]) -> Result<ResumeKey, ContentError> {
        let mut derived = Zeroizing::new([0; LEN]);
        on_wiped_stack(|| {
            Prk::new_less_safe(HKDF_SHA512, data_key.expose())
                .expand(&[LABEL, start], Length(LEN))
                .and_then(|okm| okm.fill(&mut derived[..]))
        })
        .map_err(|_| ContentError::Cipher)?;
        Ok(ResumeKey(Secret::take_from(&mut derived[..])))
    }

    /// Begins the digest of a part.
    pub(super) fn begin(&self, number: u32) -> Digesting {
        let mut context = Context::with_key(&Key::new(HMAC_SHA256, self.0.expose()));
        context.update(&number.to_be_bytes());
        Digesting(context)
    }
}

/// A digest that is being made.
pub(super) struct Digesting(Context);

impl Digesting {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> PartDigest {
        let mut digest = [0; LEN];
        digest.copy_from_slice(self.0.sign().as_ref());
        PartDigest(digest)
    }
}

impl PartDigest {
    /// A digest that was kept.
    pub const fn from_bytes(bytes: [u8; LEN]) -> PartDigest {
        PartDigest(bytes)
    }

    /// The bytes to keep.
    pub const fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }
}

/// In constant time.
impl PartialEq for PartDigest {
    fn eq(&self, other: &PartDigest) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}
