//! What several test files share.

use std::path::PathBuf;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;
use osseal_core::{
    KeyError, KeyFuture, Secret, UnwrapKey, UnwrapRequest, WrapAlgorithm, WrappedContent, kms_blob_text,
};

/// A file below `vectors/official`.
pub(crate) fn official(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/official").join(name)
}

/// The KMS that the official vectors were made with, as `vectors/official/README.md` describes it.
pub(crate) struct VectorKms;

impl VectorKms {
    /// KMS Decrypt: blob text in, plaintext text out.
    fn decrypt(blob: &str) -> Option<String> {
        let raw = BASE64.decode(blob.as_bytes()).ok()?;
        let (version, rest) = raw.split_at_checked(36)?;
        let (iv, sealed) = rest.split_at_checked(12)?;
        let key = digest(&SHA256, &[b"kms-stub-key:", version].concat());
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).ok()?);
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(iv).ok()?;
        let plain = key.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }
}

impl UnwrapKey for VectorKms {
    fn unwraps(&self, algorithm: WrapAlgorithm) -> bool {
        matches!(algorithm, WrapAlgorithm::Kms | WrapAlgorithm::LegacyKms)
    }

    fn unwrap<'a>(&'a self, request: UnwrapRequest<'a>) -> KeyFuture<'a, Secret> {
        Box::pin(async move {
            let text = Self::decrypt(&kms_blob_text(request.wrapped)).ok_or(KeyError::UnwrapFailed)?;
            match request.content {
                WrappedContent::LegacyCounter => Ok(Secret::new(text.into_bytes())),
                _ => BASE64.decode(text.as_bytes()).map(Secret::new).map_err(|_| KeyError::UnwrapFailed),
            }
        })
    }
}
