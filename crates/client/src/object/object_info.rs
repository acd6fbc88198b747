//! [`ObjectInfo`]: the description of an object by the headers of a reply.

use http::HeaderMap;
use osseal_core::{
    Envelope, EnvelopeError, Keyring, KeyringError, Layout, ReadPolicy, SealedContext, Start, Suite,
    WrapAlgorithm, is_envelope_header,
};
use osseal_wire::oss::ObjectReply;
use osseal_wire::oss::meta::USER_PREFIX;

use crate::error::{ErrorKind, OpError};

/// An object as the store describes it. None of it is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: String,
    /// Plaintext bytes.
    pub plain_size: u64,
    /// Stored bytes.
    pub stored_size: u64,
    /// The encryption. `None`: the object has no envelope. It was stored without encryption, or its envelope was removed.
    pub encryption: Option<Encryption>,
    /// Quoted; empty when the store sent none.
    pub etag: String,
    /// CRC-64/XZ of the stored bytes.
    pub crc64: Option<u64>,
    /// An HTTP date; may be empty.
    pub last_modified: String,
    /// `Normal`, `Multipart`, …; may be empty.
    pub object_type: String,
    /// Such as `Standard`; may be empty.
    pub storage_class: String,
    /// Content type of the plaintext, as its writer declared it.
    pub content_type: Option<String>,
    /// The other headers its writer chose, such as `cache-control`: lower-case name, value.
    pub other_headers: Vec<(String, String)>,
    /// User metadata without the envelope, names without `x-oss-meta-`.
    pub metadata: Vec<(String, Vec<u8>)>,
    /// Its version, in buckets that have them.
    pub version_id: Option<String>,
}

/// The content of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// The suite of the content.
    pub suite: Suite,
    /// How the data key was wrapped.
    pub wrap: WrapAlgorithm,
    /// The material description as it is stored, fit to print.
    pub description: String,
    /// The key of the keyring that the envelope names, if the keyring has it.
    pub key_name: Option<String>,
    /// The parties that can have written an object that opens with this envelope.
    pub authenticity: Authenticity,
    /// The context that is bound to the content of a sealed object. A claim until the object is opened.
    pub context: Option<SealedContext>,
    /// Key commitment of a sealed object, 32 bytes.
    pub commitment: Option<[u8; 32]>,
}

/// The parties that can have written the plaintext of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authenticity {
    /// Everyone who can use the wrapping key: it is symmetric, or in a key service.
    KeyHolders,
    /// Everyone who has the public key. All bytes come from the same writer.
    PublicKeyHolders,
    /// Everyone who can change stored bytes: the suite does not detect it.
    Anybody,
}

impl Authenticity {
    /// Whether changed content is noticed.
    pub const fn notices_changes(self) -> bool {
        !matches!(self, Authenticity::Anybody)
    }

    fn of(suite: Suite, wrap: WrapAlgorithm) -> Authenticity {
        match wrap {
            _ if !suite.is_authenticated() => Authenticity::Anybody,
            WrapAlgorithm::AesKw | WrapAlgorithm::Kms => Authenticity::KeyHolders,
            _ => Authenticity::PublicKeyHolders,
        }
    }
}

/// The head of a reply about an object, with its envelope.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) reply: ObjectReply,
    /// None for plaintext objects.
    pub(crate) envelope: Option<Envelope>,
}

impl Described {
    /// Reads head and envelope.
    pub(crate) fn read(status: http::StatusCode, headers: &HeaderMap) -> Result<Described, OpError> {
        let reply = ObjectReply::from_head(status, headers)?;
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let envelope = match Envelope::from_metadata(pairs) {
            Ok(envelope) => Some(envelope),
            Err(EnvelopeError::NotEncrypted) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Described { reply, envelope })
    }

    /// Refuses objects that the policy excludes or no client writes, before a key is unwrapped or a size is used.
    pub(crate) fn admit(&self, policy: &ReadPolicy) -> Result<(), OpError> {
        match &self.envelope {
            Some(envelope) => policy.admits_envelope(envelope).map_err(KeyringError::from)?,
            None => self.refuse_plaintext(policy)?,
        }
        self.refuse_appendable()?;
        self.plain_size().map(drop)
    }

    /// Refuses an object without an envelope unless the policy admits that.
    pub(crate) fn refuse_plaintext(&self, policy: &ReadPolicy) -> Result<(), OpError> {
        if self.envelope.is_some() || policy.admits_plaintext() {
            Ok(())
        } else {
            Err(EnvelopeError::NotEncrypted.into())
        }
    }

    pub(crate) fn layout(&self) -> Layout {
        // Plaintext objects are stored byte for byte, as AES/CTR's are.
        self.envelope.as_ref().map_or(Suite::AesCtr, |envelope| envelope.suite).layout()
    }

    /// Refuses an appendable object: each append may have been encrypted from position 0 of the same key stream.
    fn refuse_appendable(&self) -> Result<(), OpError> {
        if self.envelope.is_none() || self.reply.object_type != "Appendable" {
            return Ok(());
        }
        let message = "the object was made by appending, which no encryption client does; where its pieces begin is not known. Read it with the client that wrote it";
        Err(OpError::new(ErrorKind::Unsupported, message))
    }

    /// The plaintext size, if the writer's record agrees with the stored size.
    pub(crate) fn plain_size(&self) -> Result<u64, OpError> {
        let stored = self.reply.range.total;
        let integrity = |message: String| OpError::new(ErrorKind::Integrity, message);
        let plain = self.layout().plain_len(stored).map_err(|error| integrity(error.to_string()))?;
        match self.envelope.as_ref().and_then(|envelope| envelope.plain_len) {
            Some(claimed) if claimed != plain => Err(integrity(format!(
                "its writer recorded {claimed} plaintext bytes, and {plain} are stored; the object was cut or extended"
            ))),
            _ => Ok(plain),
        }
    }

    pub(crate) fn info(&self, key: &str, keyring: Option<&Keyring>) -> Result<ObjectInfo, OpError> {
        let lossy = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let text = |name: &str| self.reply.metadata.value(name).map(lossy);
        let is_other = |name: &str| name != "content-type" && !name.starts_with(USER_PREFIX);
        let other = self.reply.metadata.pairs().filter(|(name, _)| is_other(name));
        let user = self.reply.metadata.user().filter(|(name, _)| !is_envelope_header(name));
        Ok(ObjectInfo {
            key: key.to_owned(),
            plain_size: self.plain_size()?,
            stored_size: self.reply.range.total,
            encryption: self.envelope.as_ref().map(|envelope| Encryption {
                suite: envelope.suite,
                wrap: envelope.wrap,
                description: envelope.description.to_string(),
                key_name: keyring
                    .and_then(|keyring| keyring.select(envelope).ok())
                    .map(|key| key.name().to_owned()),
                authenticity: Authenticity::of(envelope.suite, envelope.wrap),
                context: envelope.context().cloned(),
                commitment: match &envelope.start {
                    Start::Sealed(start) => Some(*start.commitment()),
                    _ => None,
                },
            }),
            etag: self.reply.etag.clone(),
            crc64: self.reply.crc64,
            last_modified: self.reply.last_modified.clone(),
            object_type: self.reply.object_type.clone(),
            storage_class: self.reply.storage_class.clone(),
            content_type: text("content-type"),
            other_headers: other.map(|(name, value)| (name.to_owned(), lossy(value))).collect(),
            metadata: user
                .map(|(name, value)| (name[USER_PREFIX.len()..].to_owned(), value.to_vec()))
                .collect(),
            version_id: self.reply.version_id.clone(),
        })
    }
}
