//! A key that the service keeps, as the keyring uses it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::constant_time;
use data_encoding::BASE64;
use osseal_core::{
    KeyError, KeyFuture, Secret, UnwrapKey, UnwrapRequest, WrapAlgorithm, WrapKey, Wrapped, WrappedContent,
    kms_blob_text,
};
use osseal_wire::kms::{
    Call, CiphertextBlob, ContextError, DataKey, Decrypted, DescribedKey, Encrypted, EncryptionContext,
    KeyId, Plaintext,
};
use tokio::sync::OnceCell;

use super::cache::{CachePolicy, UnwrapCache, UnwrapCacheKey};
use super::client::{CallError, Kms, count};
use super::replay_detector::{Domain, ReplayDetector};

use crate::error::{Error, ErrorKind, OpContext, OpError};
use crate::runtime::single_flight::{Joined, SingleFlight};

/// Bytes of a data key.
const DATA_KEY: u16 = 32;
/// Bytes of the initial counter of AES/CTR.
const COUNTER: usize = 16;
/// The one pair that `oss2` binds a blob to when it was given a passphrase.
const PASSPHRASE: &str = "x-passphrase";

/// A KMS key, by id, alias or ARN. Clones share the cache.
#[derive(Clone)]
pub struct KmsKey(Arc<Inner>);

struct Inner {
    kms: Kms,
    id: KeyId,
    /// The key's own id. An alias is looked up once.
    resolved: OnceCell<String>,
    context: EncryptionContext,
    passphrase: Option<EncryptionContext>,
    cache: UnwrapCache,
    in_flight: SingleFlight<UnwrapCacheKey, Result<Arc<Secret>, KeyError>>,
    replay_detector: ReplayDetector,
    /// Whether wrapped values need not be unwrapped for verification, after a success or at all.
    is_verified: AtomicBool,
}

/// The result of [`KmsKey::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KmsCheck {
    /// The key unwraps the values that it wraps.
    RoundTrip,
    /// The key makes data keys, and these credentials may not have them decrypted: enough for a writer.
    WrapsOnly {
        /// The service's reason, safe to print.
        message: String,
    },
}

/// Puts a [`KmsKey`] together.
pub struct KmsKeyBuilder {
    kms: Kms,
    id: KeyId,
    context: EncryptionContext,
    passphrase: Option<EncryptionContext>,
    cache: CachePolicy,
    verifies_first: bool,
}

impl KmsKeyBuilder {
    /// Sets pairs that KMS binds every wrapped value to, on writing and on reading. Objects of other writers have none.
    pub fn context(
        self,
        pairs: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Result<Self, ContextError> {
        Ok(KmsKeyBuilder { context: EncryptionContext::new(pairs)?, ..self })
    }

    /// The passphrase that `oss2` was given; its objects are tried with it, then without.
    pub fn passphrase(self, passphrase: &str) -> Result<Self, ContextError> {
        Ok(KmsKeyBuilder { passphrase: Some(EncryptionContext::new([(PASSPHRASE, passphrase)])?), ..self })
    }

    /// How long unwrapped keys are kept.
    #[must_use]
    pub fn cache(self, cache: CachePolicy) -> Self {
        KmsKeyBuilder { cache, ..self }
    }

    /// Unwraps each value after wrapping it and compares, until that has succeeded once. Costs one more call and the
    /// permission to decrypt, which a writer does not need otherwise.
    #[must_use]
    pub fn verify_first(self) -> Self {
        KmsKeyBuilder { verifies_first: true, ..self }
    }

    /// The key. Nothing is asked yet.
    ///
    /// # Errors
    /// [`ErrorKind::Local`]: the system gives no random bytes.
    pub fn build(self) -> Result<KmsKey, Error> {
        let op_context = OpContext { operation: "BuildKmsKey", ..OpContext::default() };
        let replay_detector = ReplayDetector::new().ok_or_else(|| {
            OpError::new(ErrorKind::Local, "the system gives no random bytes").with_context(op_context)
        })?;
        Ok(KmsKey(Arc::new(Inner {
            kms: self.kms,
            resolved: OnceCell::new_with(self.id.key().map(str::to_owned)),
            id: self.id,
            context: self.context,
            passphrase: self.passphrase,
            cache: UnwrapCache::new(self.cache),
            in_flight: SingleFlight::default(),
            replay_detector,
            is_verified: AtomicBool::new(!self.verifies_first),
        })))
    }
}

impl KmsKey {
    /// Begins a key of an account.
    pub fn builder(kms: Kms, id: KeyId) -> KmsKeyBuilder {
        KmsKeyBuilder {
            kms,
            id,
            context: EncryptionContext::default(),
            passphrase: None,
            cache: CachePolicy::default(),
            verifies_first: false,
        }
    }

    /// How the key was named.
    pub fn id(&self) -> &KeyId {
        &self.0.id
    }

    /// Makes a data key, unwraps it and compares.
    ///
    /// # Errors
    /// The service's refusal to make a data key; [`KeyError::Protocol`] if the two differ.
    pub async fn check(&self) -> Result<KmsCheck, KeyError> {
        let (data_key, wrapped) = self.0.data_key().await?;
        match self.0.verify(&data_key, &wrapped).await {
            Ok(()) => Ok(KmsCheck::RoundTrip),
            Err(KeyError::Denied { message }) => Ok(KmsCheck::WrapsOnly { message }),
            Err(error) => Err(error),
        }
    }
}

impl Inner {
    /// The key's own id.
    async fn key(&self) -> Result<&str, CallError> {
        let look_up = async || {
            let call = Call::DescribeKey { key: self.id.clone() };
            let described = DescribedKey::from_json(&self.kms.call(&call).await?)?;
            Ok(described.key_metadata.key_id)
        };
        self.resolved.get_or_try_init(look_up).await.map(String::as_str)
    }

    async fn data_key(&self) -> Result<(Secret, Wrapped), KeyError> {
        let key = self.key().await?;
        let call =
            Call::GenerateDataKey { key: self.id.clone(), bytes: DATA_KEY, context: self.context.clone() };
        let reply = DataKey::from_json(&self.kms.call(&call).await?).map_err(CallError::from)?;
        let mut bytes = reply.plaintext.to_bytes().ok_or_else(|| suspect("its data key is not base64"))?;
        if bytes.len() != usize::from(DATA_KEY) {
            return Err(suspect("its data key has not 32 bytes"));
        }
        if bytes.iter().all(|byte| *byte == 0) || !self.replay_detector.is_first(Domain::DataKey, &bytes) {
            return Err(suspect("it gave a data key of zeros, or one that it gave before"));
        }
        let secret = Secret::take_from(&mut bytes);
        let wrapped = self.wrapped(key, &reply.key_id, &reply.ciphertext_blob, &reply.request_id)?;
        Ok((secret, wrapped))
    }

    async fn encrypt(&self, secret: &Secret) -> Result<Wrapped, KeyError> {
        let key = self.key().await?;
        let plaintext = Plaintext::of_bytes(secret.expose());
        let call = Call::Encrypt { key: self.id.clone(), plaintext, context: self.context.clone() };
        let reply = Encrypted::from_json(&self.kms.call(&call).await?).map_err(CallError::from)?;
        self.wrapped(key, &reply.key_id, &reply.ciphertext_blob, &reply.request_id)
    }

    /// The blob of a reply that answers this call and no other.
    fn wrapped(
        &self,
        key: &str,
        replied: &str,
        blob: &CiphertextBlob,
        request_id: &str,
    ) -> Result<Wrapped, KeyError> {
        if replied != key {
            return Err(suspect("it answers for another key than the one that was asked"));
        }
        let is_fresh = self.replay_detector.is_first(Domain::Blob, blob.as_str().as_bytes())
            && (request_id.is_empty()
                || self.replay_detector.is_first(Domain::RequestId, request_id.as_bytes()));
        if !is_fresh {
            return Err(suspect("it is the reply to another request"));
        }
        let wrapped = Wrapped::from_kms_blob(blob.as_str())
            .map_err(|_| suspect("its blob is not base64 as headers hold it"))?;
        // A reader of AES/CTR tells the two encodings of blobs apart by their content.
        if kms_blob_text(&wrapped) != blob.as_str() {
            return Err(suspect("its blob reads as one that was encoded twice"));
        }
        Ok(wrapped)
    }

    /// Has a wrapped value unwrapped, and compares.
    async fn verify(&self, secret: &Secret, wrapped: &Wrapped) -> Result<(), KeyError> {
        let opened = self.decrypt(&kms_blob_text(wrapped), &self.context).await?;
        let bytes = opened.plaintext.to_bytes().unwrap_or_default();
        constant_time::verify_slices_are_equal(&bytes, secret.expose())
            .map_err(|_| suspect("a value that it wrapped unwraps to another one"))?;
        self.is_verified.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn decrypt(&self, blob: &str, context: &EncryptionContext) -> Result<Decrypted, KeyError> {
        let blob = CiphertextBlob::parse(blob).map_err(|_| KeyError::UnwrapFailed)?;
        let key = self.key().await?;
        let call = Call::Decrypt { blob, context: context.clone() };
        let reply = match self.kms.call(&call).await {
            Err(CallError::Refused(_)) => return Err(KeyError::UnwrapFailed),
            other => Decrypted::from_json(&other?).map_err(CallError::from)?,
        };
        // The blob says by which key it was made; that has to be the one that the keyring chose.
        if reply.key_id == key { Ok(reply) } else { Err(KeyError::UnwrapFailed) }
    }

    /// Asks for one value, in each context that may be its own.
    async fn ask(&self, wanted: &UnwrapCacheKey) -> Result<Secret, KeyError> {
        let form = Form::of(wanted.content).ok_or(KeyError::UnwrapFailed)?;
        let passphrase = self.passphrase.as_ref().filter(|_| wanted.is_of_oss2);
        let first = self.decrypt(&wanted.blob, passphrase.unwrap_or(&self.context)).await;
        let reply = match (first, passphrase) {
            (Err(KeyError::UnwrapFailed), Some(_)) => self.decrypt(&wanted.blob, &self.context).await?,
            (other, _) => other?,
        };
        match form {
            Form::Text => Ok(Secret::new(reply.plaintext.expose().as_bytes().to_vec())),
            Form::Bytes(length) => {
                let mut bytes = reply.plaintext.to_bytes().ok_or(KeyError::UnwrapFailed)?;
                if bytes.len() != length {
                    return Err(KeyError::UnwrapFailed);
                }
                Ok(Secret::take_from(&mut bytes))
            }
        }
    }

    /// Unwraps a value, once for all callers that want it at the same time.
    async fn share(self: &Arc<Self>, wanted: UnwrapCacheKey) -> Result<Arc<Secret>, KeyError> {
        let (inner, key) = (self.clone(), wanted.clone());
        let unwrap = async move {
            let outcome = inner.ask(&key).await.map(Arc::new);
            // Cached before the execution ends: a caller that finds none in flight finds the value here.
            if let Ok(secret) = &outcome {
                inner.cache.keep(key, secret.clone());
            }
            outcome
        };
        match self.in_flight.join(wanted, unwrap) {
            Joined::Started(execution) => execution.await,
            Joined::Running(execution) => {
                count(&self.kms.counters().shared);
                tracing::trace!(key = %self.id, "another caller is unwrapping the same key");
                execution.await
            }
        }
    }
}

impl WrapKey for KmsKey {
    fn algorithm(&self) -> WrapAlgorithm {
        WrapAlgorithm::Kms
    }

    fn wrap<'a>(&'a self, secret: &'a Secret) -> KeyFuture<'a, Wrapped> {
        Box::pin(async move {
            let wrapped = self.0.encrypt(secret).await?;
            if !self.0.is_verified.load(Ordering::Relaxed) {
                self.0.verify(secret, &wrapped).await?;
            }
            Ok(wrapped)
        })
    }

    /// The service draws the data key; the seed is wiped.
    fn data_key(&self, seed: Secret) -> KeyFuture<'_, (Secret, Wrapped)> {
        drop(seed);
        Box::pin(async move {
            let (secret, wrapped) = self.0.data_key().await?;
            if !self.0.is_verified.load(Ordering::Relaxed) {
                self.0.verify(&secret, &wrapped).await?;
            }
            Ok((secret, wrapped))
        })
    }
}

impl UnwrapKey for KmsKey {
    fn unwraps(&self, algorithm: WrapAlgorithm) -> bool {
        matches!(algorithm, WrapAlgorithm::Kms | WrapAlgorithm::LegacyKms)
    }

    fn unwrap<'a>(&'a self, request: UnwrapRequest<'a>) -> KeyFuture<'a, Secret> {
        Box::pin(async move {
            let wanted = UnwrapCacheKey::of(request);
            let secret = match self.0.cache.find(&wanted) {
                Some(secret) => {
                    count(&self.0.kms.counters().kept);
                    tracing::trace!(key = %self.0.id, "an unwrapped key was kept");
                    secret
                }
                None => self.0.share(wanted).await?,
            };
            Ok(Secret::new(secret.expose().to_vec()))
        })
    }

    /// One bad reply does not stay for the time of the cache.
    fn forget(&self, request: UnwrapRequest<'_>) {
        self.0.cache.forget(&UnwrapCacheKey::of(request));
    }
}

impl UnwrapCacheKey {
    fn of(request: UnwrapRequest<'_>) -> UnwrapCacheKey {
        let blob = request.kms_blob();
        let is_of_oss2 =
            request.wrap == WrapAlgorithm::LegacyKms || blob != BASE64.encode(&request.wrapped.0);
        let policy = request.policy.cloned();
        UnwrapCacheKey { wrap: request.wrap, content: request.content, blob, is_of_oss2, policy }
    }
}

/// How a reply holds a value.
enum Form {
    /// So many bytes, as base64.
    Bytes(usize),
    /// Text as it is.
    Text,
}

impl Form {
    fn of(content: WrappedContent) -> Option<Form> {
        match content {
            WrappedContent::DataKey | WrappedContent::SealedDataKey => Some(Form::Bytes(DATA_KEY.into())),
            WrappedContent::Iv => Some(Form::Bytes(COUNTER)),
            WrappedContent::LegacyCounter => Some(Form::Text),
            _ => None,
        }
    }
}

impl fmt::Debug for KmsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KmsKey({})", self.0.id)
    }
}

/// The error for a reply that is not to be trusted.
fn suspect(what: &str) -> KeyError {
    KeyError::Protocol { message: format!("{what}; nothing was written with it") }
}
