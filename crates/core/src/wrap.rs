//! The interfaces of keys that wrap and unwrap data keys.
//!
//! A key service, a hardware module or a test implements [`WrapKey`], [`UnwrapKey`] or both. Futures are boxed so that
//! implementations may wait for a network; those of this crate are ready at once.

mod aes;
mod kms;
mod pem;
mod protected;
mod rsa;

use std::future::Future;
use std::pin::Pin;

use data_encoding::BASE64;

use crate::policy::ReadPolicy;
use crate::secret::Secret;

pub use aes::AesKey;
pub use kms::kms_blob_text;
pub use pem::KeyFileError;
pub use protected::protected_pem;
pub use rsa::{RsaKey, RsaPadding, UnknownPadding};

/// How a data key was wrapped, named by the `wrap-alg` header (`docs/format.md` §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WrapAlgorithm {
    /// RSAES-PKCS1-v1_5 (RFC 8017, 7.2).
    RsaPkcs1,
    /// RSAES-OAEP with SHA-1 and MGF1 with SHA-1 (RFC 8017, 7.1).
    RsaOaepSha1,
    /// RSAES-OAEP with SHA-256 and MGF1 with SHA-256.
    RsaOaepSha256,
    /// AES-256 key wrap (RFC 3394).
    AesKw,
    /// Alibaba Cloud KMS.
    Kms,
    /// `rsa` of the legacy names: RSAES-OAEP with SHA-1.
    LegacyRsa,
    /// `kms` of the legacy names.
    LegacyKms,
}

impl WrapAlgorithm {
    const PRESENT: [WrapAlgorithm; 5] = [
        WrapAlgorithm::RsaPkcs1,
        WrapAlgorithm::RsaOaepSha1,
        WrapAlgorithm::RsaOaepSha256,
        WrapAlgorithm::AesKw,
        WrapAlgorithm::Kms,
    ];
    const LEGACY: [WrapAlgorithm; 2] = [WrapAlgorithm::LegacyRsa, WrapAlgorithm::LegacyKms];

    /// The header value.
    pub const fn wire_name(self) -> &'static str {
        match self {
            WrapAlgorithm::RsaPkcs1 => "RSA/NONE/PKCS1Padding",
            WrapAlgorithm::RsaOaepSha1 => "RSA/NONE/OAEPWithSHA-1AndMGF1Padding",
            WrapAlgorithm::RsaOaepSha256 => "RSA/NONE/OAEPWithSHA-256AndMGF1Padding",
            WrapAlgorithm::AesKw => "AES/KW/NoPadding",
            WrapAlgorithm::Kms => "KMS/ALICLOUD",
            WrapAlgorithm::LegacyRsa => "rsa",
            WrapAlgorithm::LegacyKms => "kms",
        }
    }

    /// The algorithm of a `wrap-alg` value under the present names, in any case.
    pub fn from_wire_name(name: &str) -> Option<WrapAlgorithm> {
        Self::PRESENT.into_iter().find(|algorithm| algorithm.wire_name().eq_ignore_ascii_case(name))
    }

    /// The algorithm of a `wrap-alg` value under the legacy names, in any case.
    pub fn from_legacy_name(name: &str) -> Option<WrapAlgorithm> {
        Self::LEGACY.into_iter().find(|algorithm| algorithm.wire_name().eq_ignore_ascii_case(name))
    }
}

impl std::fmt::Display for WrapAlgorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.wire_name())
    }
}

/// A wrapped value: the decoded bytes of its header. Not secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wrapped(pub Vec<u8>);

impl Wrapped {
    /// The CiphertextBlob of a KMS reply. It is base64 text, and the header of the envelope holds it unchanged.
    ///
    /// # Errors
    /// [`KeyError::WrapFailed`] if the text is empty or not standard, padded base64: storing it would change it.
    pub fn from_kms_blob(text: &str) -> Result<Wrapped, KeyError> {
        let bytes = BASE64.decode(text.as_bytes()).ok();
        let bytes = bytes.filter(|bytes| !bytes.is_empty() && BASE64.encode(bytes) == text);
        bytes.map(Wrapped).ok_or(KeyError::WrapFailed)
    }
}

/// The content of a wrapped value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WrappedContent {
    /// A data key of 32 bytes.
    DataKey,
    /// A data key of 32 bytes of a sealed object. A KMS blob is encoded once, whatever it looks like.
    SealedDataKey,
    /// The initial counter, 16 bytes.
    Iv,
    /// The initial counter as ASCII decimal digits (legacy names).
    LegacyCounter,
}

/// A request to unwrap a value.
#[derive(Clone, Copy, Debug)]
pub struct UnwrapRequest<'a> {
    /// How it was wrapped.
    pub wrap: WrapAlgorithm,
    /// The wrapped bytes.
    pub wrapped: &'a Wrapped,
    /// The content of the value.
    pub content: WrappedContent,
    /// The reader's policy, which was applied before. A cached value serves readers of the same policy.
    pub policy: Option<&'a ReadPolicy>,
}

impl<'a> UnwrapRequest<'a> {
    /// A request without a particular reader.
    pub const fn new(
        wrap: WrapAlgorithm,
        wrapped: &'a Wrapped,
        content: WrappedContent,
    ) -> UnwrapRequest<'a> {
        UnwrapRequest { wrap, wrapped, content, policy: None }
    }

    /// The CiphertextBlob text to give to the Decrypt call of KMS.
    pub fn kms_blob(&self) -> String {
        match self.content {
            WrappedContent::SealedDataKey => BASE64.encode(&self.wrapped.0),
            _ => kms_blob_text(self.wrapped),
        }
    }
}

/// Why a wrapping key could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The wrapped value does not open with this key. On purpose one variant and one text for every cause.
    #[error("the wrapped key does not open with this key")]
    UnwrapFailed,
    /// The value could not be wrapped.
    #[error("the key could not wrap a data key")]
    WrapFailed,
    /// Only the public half of the key is here.
    #[error("only the public half of this key is here; it can write and not read")]
    PublicOnly,
    /// The service that holds the key cannot be used at this time.
    #[error("the key service is unavailable: {message}")]
    Unavailable {
        /// The service's message, safe to print.
        message: String,
        /// Whether a retry may help.
        retryable: bool,
    },
    /// No credentials exist for the service that holds the key; no request was made.
    #[error("there are no credentials for the key service: {message}")]
    Credentials {
        /// The missing or broken source, safe to print.
        message: String,
    },
    /// The service that holds the key refuses.
    #[error("the key service refused: {message}")]
    Denied {
        /// The service's message, safe to print.
        message: String,
    },
    /// The reply of the service that holds the key breaks the rules, or is not to be trusted.
    #[error("the key service's reply cannot be used: {message}")]
    Protocol {
        /// The fault, safe to print.
        message: String,
    },
}

/// The result of the methods of the key traits.
pub type KeyFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, KeyError>> + Send + 'a>>;

/// A key that can wrap.
pub trait WrapKey: Send + Sync {
    /// The algorithm that the envelope will name.
    fn algorithm(&self) -> WrapAlgorithm;

    /// Wraps `secret`, at most 32 bytes.
    fn wrap<'a>(&'a self, secret: &'a Secret) -> KeyFuture<'a, Wrapped>;

    /// Makes a data key of 32 bytes and wraps it. `seed` is 32 random bytes and becomes the key, unless the service that holds
    /// the wrapping key makes data keys itself.
    fn data_key(&self, seed: Secret) -> KeyFuture<'_, (Secret, Wrapped)> {
        Box::pin(async move {
            let wrapped = self.wrap(&seed).await?;
            Ok((seed, wrapped))
        })
    }
}

/// A key that can unwrap.
pub trait UnwrapKey: Send + Sync {
    /// Whether values wrapped by `algorithm` may be given to this key.
    fn unwraps(&self, algorithm: WrapAlgorithm) -> bool;

    /// Unwraps one value. The caller checks its length.
    ///
    /// # Security
    /// Every fault of the wrapped bytes returns [`KeyError::UnwrapFailed`].
    fn unwrap<'a>(&'a self, request: UnwrapRequest<'a>) -> KeyFuture<'a, Secret>;

    /// Whether unwrapping computes for about a millisecond rather than waits. The client runs such keys on blocking threads.
    fn computes(&self) -> bool {
        false
    }

    /// The result of this request was not the key of its object. Caches drop it.
    fn forget(&self, _request: UnwrapRequest<'_>) {}
}
