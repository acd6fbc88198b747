//! AES-256 wrapping keys (RFC 3394).

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use super::pem::KeyFileError;
use super::{KeyError, KeyFuture, UnwrapKey, UnwrapRequest, WrapAlgorithm, WrapKey, Wrapped};
use crate::secret::{Secret, on_wiped_stack};

/// Integrity block that key wrap puts in front, in bytes.
const OVERHEAD: usize = 8;

/// A symmetric wrapping key of 256 bits.
pub struct AesKey(Secret);

impl AesKey {
    /// Takes the content of a key file: 32 bytes, or 64 hex digits with white space around them.
    pub fn from_file_content(content: &[u8]) -> Result<AesKey, KeyFileError> {
        let wrong = KeyFileError::AesLength { len: content.len() };
        if content.len() == 32 {
            return Ok(AesKey(Secret::new(content.to_vec())));
        }
        let digits = content.trim_ascii();
        if digits.len() != 64 {
            return Err(wrong);
        }
        let bytes = HEXLOWER_PERMISSIVE.decode(digits).map_err(|_| wrong)?;
        Ok(AesKey(Secret::new(bytes)))
    }

    fn kek(&self) -> Result<AesKek, KeyError> {
        AesKek::new(&AES_256, self.0.expose()).map_err(|_| KeyError::WrapFailed)
    }

    fn wrap_now(&self, secret: &Secret) -> Result<Wrapped, KeyError> {
        let mut out = vec![0; secret.len() + OVERHEAD];
        let len = self.kek()?.wrap(secret.expose(), &mut out).map_err(|_| KeyError::WrapFailed)?.len();
        out.truncate(len);
        Ok(Wrapped(out))
    }

    fn unwrap_now(&self, wrapped: &Wrapped) -> Result<Secret, KeyError> {
        let mut out = Zeroizing::new(vec![0; wrapped.0.len()]);
        let plain = self.kek()?.unwrap(&wrapped.0, &mut out).map_err(|_| KeyError::UnwrapFailed)?;
        Ok(Secret::new(plain.to_vec()))
    }
}

impl std::fmt::Debug for AesKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AesKey(256 bits)")
    }
}

impl WrapKey for AesKey {
    fn algorithm(&self) -> WrapAlgorithm {
        WrapAlgorithm::AesKw
    }

    fn wrap<'a>(&'a self, secret: &'a Secret) -> KeyFuture<'a, Wrapped> {
        Box::pin(async move { on_wiped_stack(|| self.wrap_now(secret)) })
    }
}

impl UnwrapKey for AesKey {
    fn unwraps(&self, algorithm: WrapAlgorithm) -> bool {
        algorithm == WrapAlgorithm::AesKw
    }

    fn unwrap<'a>(&'a self, request: UnwrapRequest<'a>) -> KeyFuture<'a, Secret> {
        Box::pin(async move { on_wiped_stack(|| self.unwrap_now(request.wrapped)) })
    }
}
