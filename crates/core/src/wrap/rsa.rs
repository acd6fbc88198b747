//! RSA wrapping keys, on AWS-LC: constant time, blinded, and each private operation checked against the public key.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};

use super::pem::{KeyFileError, RsaDer, read_rsa};
use super::{KeyError, KeyFuture, UnwrapKey, UnwrapRequest, WrapAlgorithm, WrapKey, Wrapped};
use crate::secret::{Secret, on_wiped_stack};

/// How an RSA key pads. A key has one padding and unwraps no other: an oracle for one would open the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RsaPadding {
    /// RSAES-PKCS1-v1_5, which every official SDK reads.
    #[default]
    Pkcs1,
    /// RSAES-OAEP with SHA-1.
    OaepSha1,
    /// RSAES-OAEP with SHA-256.
    OaepSha256,
}

impl RsaPadding {
    const ALL: [RsaPadding; 3] = [RsaPadding::Pkcs1, RsaPadding::OaepSha1, RsaPadding::OaepSha256];

    /// The name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            RsaPadding::Pkcs1 => "pkcs1",
            RsaPadding::OaepSha1 => "oaep-sha1",
            RsaPadding::OaepSha256 => "oaep-sha256",
        }
    }

    /// The wrap algorithm that it makes.
    pub const fn algorithm(self) -> WrapAlgorithm {
        match self {
            RsaPadding::Pkcs1 => WrapAlgorithm::RsaPkcs1,
            RsaPadding::OaepSha1 => WrapAlgorithm::RsaOaepSha1,
            RsaPadding::OaepSha256 => WrapAlgorithm::RsaOaepSha256,
        }
    }
}

impl fmt::Display for RsaPadding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RsaPadding {
    type Err = UnknownPadding;

    fn from_str(name: &str) -> Result<Self, UnknownPadding> {
        Self::ALL.into_iter().find(|padding| padding.name() == name).ok_or(UnknownPadding)
    }
}

/// A name that is no padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the paddings are pkcs1, oaep-sha1 and oaep-sha256")]
pub struct UnknownPadding;

/// An RSA key with its padding, parsed and checked once. A public key wraps, a private one also unwraps.
pub struct RsaKey {
    padding: RsaPadding,
    public: PublicEncryptingKey,
    encrypting: Encrypting,
    decrypting: Option<Decrypting>,
}

enum Encrypting {
    Pkcs1(Pkcs1PublicEncryptingKey),
    Oaep(OaepPublicEncryptingKey, &'static OaepAlgorithm),
}

enum Decrypting {
    Pkcs1(Pkcs1PrivateDecryptingKey),
    Oaep(OaepPrivateDecryptingKey, &'static OaepAlgorithm),
}

impl RsaKey {
    /// Reads a PEM file: a private key (PKCS#1, PKCS#8) or a public one (PKCS#1, SPKI), of 2048 to 8192 bits.
    ///
    /// # Errors
    /// [`KeyFileError::Encrypted`]: [`RsaKey::from_protected_pem`] reads it.
    pub fn from_pem(text: &[u8], padding: RsaPadding) -> Result<RsaKey, KeyFileError> {
        Self::of(read_rsa(text, None)?, padding)
    }

    /// Reads a PEM file with a private key that a passphrase protects (PKCS#8 with PBES2). Deriving takes a second or so, on this thread.
    ///
    /// # Errors
    /// [`KeyFileError::WrongPassphrase`], with one text for every cause; [`KeyFileError::NotEncrypted`]; [`KeyFileError::Protection`] and
    /// [`KeyFileError::TooCostly`], before anything is derived.
    pub fn from_protected_pem(
        text: &[u8],
        passphrase: &[u8],
        padding: RsaPadding,
    ) -> Result<RsaKey, KeyFileError> {
        Self::of(read_rsa(text, Some(passphrase))?, padding)
    }

    fn of(der: RsaDer, padding: RsaPadding) -> Result<RsaKey, KeyFileError> {
        match der {
            RsaDer::Private { pkcs8 } => {
                let private = PrivateDecryptingKey::from_pkcs8(&pkcs8).map_err(|_| {
                    KeyFileError::Inconsistent { reason: "primes, exponents and modulus disagree" }
                })?;
                let public = private.public_key();
                Self::build(padding, public, Some(private))
            }
            RsaDer::Public { spki } => {
                let public = PublicEncryptingKey::from_der(&spki)
                    .map_err(|_| KeyFileError::Inconsistent { reason: "modulus or public exponent" })?;
                Self::build(padding, public, None)
            }
        }
    }

    fn build(
        padding: RsaPadding,
        public: PublicEncryptingKey,
        private: Option<PrivateDecryptingKey>,
    ) -> Result<RsaKey, KeyFileError> {
        let refused = |_| KeyFileError::Inconsistent { reason: "the library refuses them" };
        let oaep = match padding {
            RsaPadding::Pkcs1 => None,
            RsaPadding::OaepSha1 => Some(&OAEP_SHA1_MGF1SHA1),
            RsaPadding::OaepSha256 => Some(&OAEP_SHA256_MGF1SHA256),
        };
        let encrypting = match oaep {
            None => Encrypting::Pkcs1(Pkcs1PublicEncryptingKey::new(public.clone()).map_err(refused)?),
            Some(hash) => {
                Encrypting::Oaep(OaepPublicEncryptingKey::new(public.clone()).map_err(refused)?, hash)
            }
        };
        let decrypting = match (private, oaep) {
            (None, _) => None,
            (Some(key), None) => {
                Some(Decrypting::Pkcs1(Pkcs1PrivateDecryptingKey::new(key).map_err(refused)?))
            }
            (Some(key), Some(hash)) => {
                Some(Decrypting::Oaep(OaepPrivateDecryptingKey::new(key).map_err(refused)?, hash))
            }
        };
        Ok(RsaKey { padding, public, encrypting, decrypting })
    }

    /// Whether the private half is here, so that the key can unwrap.
    pub const fn is_private(&self) -> bool {
        self.decrypting.is_some()
    }

    /// Bits of the modulus.
    pub fn modulus_bits(&self) -> usize {
        self.public.key_size_bits()
    }

    /// The padding.
    pub const fn padding(&self) -> RsaPadding {
        self.padding
    }

    /// The public half as PEM (SPKI, RFC 7468), for writers that must not read.
    pub fn public_pem(&self) -> Result<String, KeyError> {
        let der: PublicKeyX509Der<'_> = self.public.as_der().map_err(|_| KeyError::WrapFailed)?;
        pem_rfc7468::encode_string("PUBLIC KEY", pem_rfc7468::LineEnding::LF, der.as_ref())
            .map_err(|_| KeyError::WrapFailed)
    }

    fn encrypt(&self, secret: &Secret) -> Result<Wrapped, KeyError> {
        let mut out = vec![0; self.public.key_size_bytes()];
        let len = match &self.encrypting {
            Encrypting::Pkcs1(key) => key.encrypt(secret.expose(), &mut out),
            Encrypting::Oaep(key, hash) => key.encrypt(hash, secret.expose(), &mut out, None),
        }
        .map_err(|_| KeyError::WrapFailed)?
        .len();
        out.truncate(len);
        Ok(Wrapped(out))
    }

    fn decrypt(&self, wrapped: &Wrapped) -> Result<Secret, KeyError> {
        let Some(decrypting) = &self.decrypting else { return Err(KeyError::PublicOnly) };
        let mut out = zeroize::Zeroizing::new(vec![0; self.public.key_size_bytes()]);
        let plain = match decrypting {
            Decrypting::Pkcs1(key) => key.decrypt(&wrapped.0, &mut out),
            Decrypting::Oaep(key, hash) => key.decrypt(hash, &wrapped.0, &mut out, None),
        }
        .map_err(|_| KeyError::UnwrapFailed)?;
        Ok(Secret::new(plain.to_vec()))
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey")
            .field("padding", &self.padding)
            .field("bits", &self.modulus_bits())
            .field("private", &self.is_private())
            .finish_non_exhaustive()
    }
}

impl WrapKey for RsaKey {
    fn algorithm(&self) -> WrapAlgorithm {
        self.padding.algorithm()
    }

    fn wrap<'a>(&'a self, secret: &'a Secret) -> KeyFuture<'a, Wrapped> {
        Box::pin(async move { on_wiped_stack(|| self.encrypt(secret)) })
    }
}

impl UnwrapKey for RsaKey {
    /// Its own padding; `rsa` of the legacy names is OAEP with SHA-1.
    fn unwraps(&self, algorithm: WrapAlgorithm) -> bool {
        algorithm == self.padding.algorithm()
            || (algorithm == WrapAlgorithm::LegacyRsa && self.padding == RsaPadding::OaepSha1)
    }

    fn unwrap<'a>(&'a self, request: UnwrapRequest<'a>) -> KeyFuture<'a, Secret> {
        Box::pin(async move { on_wiped_stack(|| self.decrypt(request.wrapped)) })
    }

    fn computes(&self) -> bool {
        true
    }
}
