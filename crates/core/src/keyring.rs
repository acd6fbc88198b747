//! One writing key, any number of reading keys, and the choice between them.

use std::fmt;
use std::sync::Arc;

use futures_util::future::try_join;

use crate::content::{ContentError, ContentKey, SALT, ctr_iv};
use crate::context::{ContextError, Place, SealedContext};
use crate::envelope::{Envelope, MAX_METADATA, SealedStart, Start, StartError, StoredDescription};
use crate::matdesc::MaterialDescription;
use crate::policy::{PolicyError, ReadPolicy};
use crate::secret::Secret;
use crate::suite::Suite;
use crate::wrap::{KeyError, UnwrapKey, UnwrapRequest, WrapAlgorithm, WrapKey, Wrapped, WrappedContent};

/// Bytes of every data key.
const DATA_KEY: usize = 32;

/// A wrapping key with the name that people know it by and the description that objects carry.
#[derive(Clone)]
pub struct NamedKey {
    name: String,
    description: MaterialDescription,
    wrap: Option<Arc<dyn WrapKey>>,
    unwrap: Option<Arc<dyn UnwrapKey>>,
}

impl NamedKey {
    /// A key that can do nothing yet; `name` is for people.
    pub fn new(name: impl Into<String>, description: MaterialDescription) -> NamedKey {
        NamedKey { name: name.into(), description, wrap: None, unwrap: None }
    }

    /// Lets it wrap.
    #[must_use]
    pub fn wrapping(mut self, key: Arc<dyn WrapKey>) -> NamedKey {
        self.wrap = Some(key);
        self
    }

    /// Lets it unwrap.
    #[must_use]
    pub fn unwrapping(mut self, key: Arc<dyn UnwrapKey>) -> NamedKey {
        self.unwrap = Some(key);
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The description that objects written with this key carry.
    pub fn description(&self) -> &MaterialDescription {
        &self.description
    }

    /// The algorithm that it writes with, if it can wrap.
    pub fn algorithm(&self) -> Option<WrapAlgorithm> {
        self.wrap.as_ref().map(|key| key.algorithm())
    }

    /// Whether it can wrap.
    pub fn can_write(&self) -> bool {
        self.wrap.is_some()
    }

    /// Whether it can unwrap.
    pub fn can_read(&self) -> bool {
        self.unwrap.is_some()
    }

    /// Whether this key is the one that an envelope asks for, by algorithm and description.
    fn fits(&self, envelope: &Envelope) -> bool {
        let algorithm = self
            .unwrap
            .as_ref()
            .map_or(self.algorithm() == Some(envelope.wrap), |key| key.unwraps(envelope.wrap));
        algorithm && envelope.description.names(&self.description)
    }
}

impl fmt::Debug for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedKey")
            .field("name", &self.name)
            .field("description", &self.description)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

/// Keys: the first writes, all read.
///
/// This is the mapping between keys and objects that users of client-side encryption must keep: an object names its key by
/// wrap algorithm and description, and the keyring finds it.
#[derive(Clone, Debug)]
pub struct Keyring {
    keys: Vec<NamedKey>,
}

/// The reason why no content key is available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// No key fits the envelope. No other key is tried.
    #[error("no key for this object: it wants {wrap} with {description}; the keyring has {configured}")]
    NoMatchingKey {
        /// The wrap algorithm of the object.
        wrap: WrapAlgorithm,
        /// The description of the object.
        description: StoredDescription,
        /// The keys that are there, for people.
        configured: String,
    },
    /// The key that fits has only its public half.
    #[error("the key {name:?} fits this object, but only its public half is here")]
    CannotRead {
        /// The key's name.
        name: String,
    },
    /// No key can write.
    #[error("the first key of the keyring, {name:?}, cannot write")]
    CannotWrite {
        /// The key's name.
        name: String,
    },
    /// Two keys of one name, or two that the same objects would ask for.
    #[error("the keys {first:?} and {second:?} have the same name, or the same algorithm and description")]
    Ambiguous {
        /// One key.
        first: String,
        /// The other.
        second: String,
    },
    /// The keyring has no keys.
    #[error("the keyring is empty")]
    Empty,
    /// The key was asked and did not give the data key.
    #[error("the key {name:?}: {source}")]
    Key {
        /// The key's name.
        name: String,
        /// The key's error.
        source: KeyError,
    },
    /// The read policy keeps the object out.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The key wraps in a way that sealed objects do not take.
    #[error(
        "the key {name:?} wraps by {wrap}, which sealed objects do not take; configure an RSA key of their own for them, with padding oaep-sha256"
    )]
    WrapRefused {
        /// The key's name.
        name: String,
        /// How it wraps.
        wrap: WrapAlgorithm,
    },
    /// Name and encryption context cannot be bound.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The envelope alone is larger than all metadata may be.
    #[error(
        "the envelope would have {size} bytes, {context} of them for name and encryption context, and the service takes {MAX_METADATA} for all metadata; shorten the context or the description"
    )]
    EnvelopeTooLarge {
        /// Bytes of the envelope, as the service counts them.
        size: usize,
        /// Bytes of the `start` header's value.
        context: usize,
    },
    /// The content cipher refused.
    #[error(transparent)]
    Content(#[from] ContentError),
}

impl From<StartError> for KeyringError {
    fn from(error: StartError) -> KeyringError {
        match error {
            StartError::Context(error) => error.into(),
            StartError::Content(error) => error.into(),
        }
    }
}

/// Random bytes for one object, generated by the caller and wiped here. No two objects may share them.
pub struct ContentRandom {
    /// Seed of the data key.
    pub data_key: Secret,
    /// The salt of a sealed object; for AES-CTR the first 12 bytes are the random part of the initial counter.
    pub start: [u8; SALT],
}

impl Keyring {
    /// The first key writes if it can, all that can read read. Names and meanings must differ.
    pub fn new(keys: Vec<NamedKey>) -> Result<Keyring, KeyringError> {
        if keys.is_empty() {
            return Err(KeyringError::Empty);
        }
        for (index, first) in keys.iter().enumerate() {
            for second in keys.iter().skip(index + 1) {
                let same_meaning = first.algorithm().is_some()
                    && first.algorithm() == second.algorithm()
                    && first.description == second.description;
                if first.name == second.name || same_meaning {
                    return Err(KeyringError::Ambiguous {
                        first: first.name.clone(),
                        second: second.name.clone(),
                    });
                }
            }
        }
        Ok(Keyring { keys })
    }

    /// The same keyring with every unwrapping key replaced by the result of the function, such as one that runs on other threads.
    #[must_use]
    pub fn map_unwrapping(mut self, through: impl Fn(Arc<dyn UnwrapKey>) -> Arc<dyn UnwrapKey>) -> Keyring {
        for key in &mut self.keys {
            key.unwrap = key.unwrap.take().map(&through);
        }
        self
    }

    /// All keys, the writing one first.
    pub fn keys(&self) -> &[NamedKey] {
        &self.keys
    }

    /// Makes the content key of a new object and its envelope. Nothing from the store takes part.
    ///
    /// # Errors
    /// [`KeyringError::WrapRefused`], [`KeyringError::Context`], [`KeyringError::EnvelopeTooLarge`]: nothing was sealed. The
    /// envelope is measured alone; callers that add metadata measure the sum.
    pub async fn new_content(
        &self,
        suite: Suite,
        context: &SealedContext,
        random: ContentRandom,
        plain_len: Option<u64>,
    ) -> Result<(ContentKey, Envelope), KeyringError> {
        self.make(suite, context, random, plain_len, Digests::None).await
    }

    /// Like [`Keyring::new_content`], for an upload that another process may finish: the key digests the parts it seals, see
    /// [`Slot::seal_digested`](crate::Slot::seal_digested).
    ///
    /// # Errors
    /// As [`Keyring::new_content`], and [`KeyringError::CannotRead`] if the writing key cannot unwrap.
    pub async fn new_resumable(
        &self,
        suite: Suite,
        context: &SealedContext,
        random: ContentRandom,
        plain_len: Option<u64>,
    ) -> Result<(ContentKey, Envelope), KeyringError> {
        match self.keys.first() {
            Some(named) if !named.can_read() => Err(KeyringError::CannotRead { name: named.name.clone() }),
            _ => self.make(suite, context, random, plain_len, Digests::OfParts).await,
        }
    }

    async fn make(
        &self,
        suite: Suite,
        context: &SealedContext,
        random: ContentRandom,
        plain_len: Option<u64>,
        digests: Digests,
    ) -> Result<(ContentKey, Envelope), KeyringError> {
        let named = self.keys.first().ok_or(KeyringError::Empty)?;
        let cannot = || KeyringError::CannotWrite { name: named.name.clone() };
        let key = named.wrap.as_ref().ok_or_else(cannot)?;
        let failed = |source| KeyringError::Key { name: named.name.clone(), source };
        let wrap = key.algorithm();
        let description = StoredDescription::Map(named.description.clone());
        match suite {
            Suite::Sealed => {
                if !suite.admits(wrap) {
                    return Err(KeyringError::WrapRefused { name: named.name.clone(), wrap });
                }
                // A record that cannot be stored is refused before a key service is asked.
                context.to_record()?;
                let (data_key, wrapped) = key.data_key(random.data_key).await.map_err(failed)?;
                let (content, start) = SealedStart::seal(&data_key, random.start, context.clone())?;
                let content = digests.given_to(content, &data_key, start.salt())?;
                let start = Start::Sealed(start);
                let envelope =
                    Envelope { suite, wrap, data_key: wrapped, start, description, plain_len: None };
                let size = envelope.metadata_size(None);
                if size > MAX_METADATA {
                    return Err(KeyringError::EnvelopeTooLarge { size, context: envelope.start_size() });
                }
                Ok((content, envelope))
            }
            Suite::AesCtr => {
                if !context.is_empty() {
                    return Err(ContextError::NotBound { suite: suite.name() }.into());
                }
                let (random_iv, _) = random.start.split_first_chunk().ok_or(ContentError::Cipher)?;
                let iv = ctr_iv(*random_iv);
                let start = Secret::new(iv.to_vec());
                let ((data_key, wrapped), start) =
                    try_join(key.data_key(random.data_key), key.wrap(&start)).await.map_err(failed)?;
                let start = Start::WrappedIv(start);
                let envelope = Envelope { suite, wrap, data_key: wrapped, start, description, plain_len };
                let content = ContentKey::aes_ctr(&data_key, iv)?;
                Ok((digests.given_to(content, &data_key, &iv)?, envelope))
            }
        }
    }

    /// The key that the envelope asks for: by wrap algorithm and by description, compared as maps.
    pub fn select(&self, envelope: &Envelope) -> Result<&NamedKey, KeyringError> {
        let fitting = self.keys.iter().filter(|key| key.fits(envelope));
        // A key that is named exactly comes before one that fits only after the damage of a writer.
        let best = fitting.min_by_key(|key| !envelope.description.is_exactly(&key.description));
        best.ok_or_else(|| KeyringError::NoMatchingKey {
            wrap: envelope.wrap,
            description: envelope.description.clone(),
            configured: self.listing(),
        })
    }

    /// Opens the content key of an object that is read at `place`, in the only safe order: policy, key selection, unwrap,
    /// lengths; for a sealed object then commitment and location.
    ///
    /// The envelope was parsed strictly before; content is opened only afterwards.
    ///
    /// # Errors
    /// [`KeyringError::Policy`] before any unwrap, except [`PolicyError::Moved`], which needs an authenticated name;
    /// [`KeyringError::NoMatchingKey`], [`KeyringError::CannotRead`]; [`KeyringError::Key`] with the same
    /// [`KeyError::UnwrapFailed`] for every cause; [`ContentError::CommitmentFailed`].
    pub async fn open(
        &self,
        policy: &ReadPolicy,
        place: Place<'_>,
        envelope: &Envelope,
    ) -> Result<ContentKey, KeyringError> {
        self.unwrap(policy, place, envelope, Digests::None).await
    }

    /// Opens the content key of an object whose upload to `place` a previous process started, for
    /// [`dangerous::resumed_parts`](crate::dangerous::resumed_parts). The envelope comes from the record of that process, never
    /// from the store.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub async fn resume(&self, place: Place<'_>, envelope: &Envelope) -> Result<ContentKey, KeyringError> {
        let policy = ReadPolicy::for_writer_of(envelope.suite);
        self.unwrap(&policy, place, envelope, Digests::OfParts).await
    }

    async fn unwrap(
        &self,
        policy: &ReadPolicy,
        place: Place<'_>,
        envelope: &Envelope,
        digests: Digests,
    ) -> Result<ContentKey, KeyringError> {
        policy.admits_envelope(envelope)?;
        let named = self.select(envelope)?;
        let key =
            named.unwrap.as_ref().ok_or_else(|| KeyringError::CannotRead { name: named.name.clone() })?;
        let request =
            |wrapped, content| UnwrapRequest { wrap: envelope.wrap, wrapped, content, policy: Some(policy) };
        let ask = |wrapped, content| key.unwrap(request(wrapped, content));
        let failed = |source| KeyringError::Key { name: named.name.clone(), source };
        let (start, content): (&Wrapped, _) = match &envelope.start {
            Start::WrappedIv(start) => (start, WrappedContent::Iv),
            Start::WrappedDecimal(start) => (start, WrappedContent::LegacyCounter),
            Start::Sealed(start) => {
                let data_key =
                    ask(&envelope.data_key, WrappedContent::SealedDataKey).await.map_err(failed)?;
                if data_key.len() != DATA_KEY {
                    return Err(failed(KeyError::UnwrapFailed));
                }
                let content = start.open(&data_key).inspect_err(|_| {
                    key.forget(request(&envelope.data_key, WrappedContent::SealedDataKey));
                })?;
                policy.admits_place(&start.context().binding, place)?;
                return Ok(digests.given_to(content, &data_key, start.salt())?);
            }
        };
        let (data_key, start) =
            try_join(ask(&envelope.data_key, WrappedContent::DataKey), ask(start, content))
                .await
                .map_err(failed)?;
        let iv: Option<[u8; 16]> = match content {
            WrappedContent::LegacyCounter => decimal_counter(&start),
            _ => start.expose().try_into().ok(),
        };
        match iv {
            Some(iv) if data_key.len() == DATA_KEY => {
                Ok(digests.given_to(ContentKey::aes_ctr(&data_key, iv)?, &data_key, &iv)?)
            }
            _ => Err(failed(KeyError::UnwrapFailed)),
        }
    }

    /// Lists the keys for an error message.
    fn listing(&self) -> String {
        let one = |key: &NamedKey| {
            let algorithm = key.algorithm().map_or("read only", WrapAlgorithm::wire_name);
            format!("{:?} ({algorithm}, {})", key.name, StoredDescription::Map(key.description.clone()))
        };
        self.keys.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// Whether a content key digests the parts that it seals.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Digests {
    None,
    OfParts,
}

impl Digests {
    fn given_to(
        self,
        content: ContentKey,
        data_key: &Secret,
        start: &[u8],
    ) -> Result<ContentKey, ContentError> {
        match self {
            Digests::None => Ok(content),
            Digests::OfParts => content.resumable(data_key, start),
        }
    }
}

/// The initial counter that the legacy names store as ASCII digits.
fn decimal_counter(digits: &Secret) -> Option<[u8; 16]> {
    let text = std::str::from_utf8(digits.expose()).ok()?;
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse::<u128>().ok()).flatten().map(u128::to_be_bytes)
}
