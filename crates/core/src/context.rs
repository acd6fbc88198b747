//! The context that is bound to the content of a sealed object besides its key: a name, and the caller's pairs (`docs/format.md` §8).
//!
//! ```text
//!   "osseal" 0x01 | bind (1) | u16 length, name | u16 count | per pair: u16 length, key, u16 length, value
//!                   0: no name      1: object key      2: bucket 0x00 object key
//! ```
//!
//! The record is an input of the derivation of the chunk key. Every context has exactly one encoding, so that parsing and
//! encoding reproduce the bytes: integers are big-endian, keys of pairs ascend strictly, text is UTF-8, nothing follows.

use std::collections::BTreeMap;
use std::fmt;

/// Magic and version of the record.
const MAGIC: &[u8] = b"osseal\x01";
/// Longest record, in bytes. All metadata of an object together are at most that long.
const MAX_RECORD: usize = 8 * 1024;
/// Separates bucket and object key.
const SEPARATOR: char = '\0';

/// How much of an object's place is bound to its content, from the least to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bind {
    /// Nothing: the object may be renamed and copied by the server.
    #[default]
    None,
    /// The object key.
    Key,
    /// Bucket and object key.
    BucketKey,
}

impl Bind {
    /// Every mode, from the least to the most.
    pub const ALL: [Bind; 3] = [Bind::None, Bind::Key, Bind::BucketKey];

    /// The name in configurations and on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Bind::None => "none",
            Bind::Key => "key",
            Bind::BucketKey => "bucket-key",
        }
    }

    /// The mode of a configuration name.
    pub fn from_name(name: &str) -> Option<Bind> {
        Bind::ALL.into_iter().find(|bind| bind.name() == name)
    }

    const fn byte(self) -> u8 {
        match self {
            Bind::None => 0,
            Bind::Key => 1,
            Bind::BucketKey => 2,
        }
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The location where an object is written or read, as far as it is known.
///
/// The key is the decoded object key with its exact characters: no normalization, no added slash. For a symlink it is the
/// requested key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    bucket: Option<&'a str>,
    key: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// An object in a bucket.
    pub const fn object(bucket: &'a str, key: &'a str) -> Place<'a> {
        Place { bucket: Some(bucket), key: Some(key) }
    }

    /// An object key in a bucket whose name is not known, as behind a custom domain.
    pub const fn key(key: &'a str) -> Place<'a> {
        Place { bucket: None, key: Some(key) }
    }

    /// An unknown location. No binding holds there.
    pub const fn unknown() -> Place<'a> {
        Place { bucket: None, key: None }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.bucket, self.key) {
            (Some(bucket), Some(key)) => write!(f, "{key:?} of bucket {bucket:?}"),
            (None, Some(key)) => write!(f, "{key:?} of an unknown bucket"),
            _ => f.write_str("an unknown place"),
        }
    }
}

/// The place that an object's content is bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Binding {
    /// None.
    #[default]
    None,
    /// An object key, in any bucket.
    Key(String),
    /// A bucket and an object key.
    BucketKey {
        /// The bucket.
        bucket: String,
        /// The object key.
        key: String,
    },
}

impl Binding {
    /// Binds as much of `place` as `bind` says.
    pub fn new(bind: Bind, place: Place<'_>) -> Result<Binding, ContextError> {
        let binding = match (bind, place.bucket, place.key) {
            (Bind::None, ..) => Binding::None,
            (Bind::Key, _, Some(key)) => Binding::Key(key.to_owned()),
            (Bind::BucketKey, Some(bucket), Some(key)) => {
                Binding::BucketKey { bucket: bucket.to_owned(), key: key.to_owned() }
            }
            _ => return Err(ContextError::NoName { bind }),
        };
        Binding::parse(bind.byte(), &binding.name()).ok_or(ContextError::NoName { bind })
    }

    /// How much is bound.
    pub const fn bind(&self) -> Bind {
        match self {
            Binding::None => Bind::None,
            Binding::Key(_) => Bind::Key,
            Binding::BucketKey { .. } => Bind::BucketKey,
        }
    }

    /// Whether an object that is bound so may be at `place`.
    pub fn holds_at(&self, place: Place<'_>) -> bool {
        match self {
            Binding::None => true,
            Binding::Key(key) => place.key == Some(key),
            Binding::BucketKey { bucket, key } => place.bucket == Some(bucket) && place.key == Some(key),
        }
    }

    /// The name of the record.
    fn name(&self) -> String {
        match self {
            Binding::None => String::new(),
            Binding::Key(key) => key.clone(),
            Binding::BucketKey { bucket, key } => format!("{bucket}{SEPARATOR}{key}"),
        }
    }

    fn parse(bind: u8, name: &str) -> Option<Binding> {
        match bind {
            0 if name.is_empty() => Some(Binding::None),
            1 if !name.is_empty() => Some(Binding::Key(name.to_owned())),
            2 => {
                let (bucket, key) = name.split_once(SEPARATOR)?;
                let is_whole = !bucket.is_empty() && !key.is_empty();
                is_whole.then(|| Binding::BucketKey { bucket: bucket.to_owned(), key: key.to_owned() })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Binding::None => f.write_str("no name"),
            Binding::Key(key) => write!(f, "{key:?}"),
            Binding::BucketKey { bucket, key } => write!(f, "{}", Place::object(bucket, key)),
        }
    }
}

/// The caller's pairs, bound to the content: authenticated, not secret. Keys are not empty; values may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EncryptionContext(BTreeMap<String, String>);

impl EncryptionContext {
    /// No pairs.
    pub const fn empty() -> EncryptionContext {
        EncryptionContext(BTreeMap::new())
    }

    /// Whether the context has no pairs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a pair.
    ///
    /// # Errors
    /// [`ContextError::EmptyKey`], [`ContextError::Repeated`].
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<String>) -> Result<(), ContextError> {
        let key = key.into();
        if key.is_empty() {
            return Err(ContextError::EmptyKey);
        }
        if self.0.contains_key(&key) {
            return Err(ContextError::Repeated { key });
        }
        self.0.insert(key, value.into());
        Ok(())
    }

    /// The value of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The pairs, in order of the bytes of their keys.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// These pairs and those of `other`.
    ///
    /// # Errors
    /// [`ContextError::Repeated`] for a key that has another value there.
    pub fn and(mut self, other: &EncryptionContext) -> Result<EncryptionContext, ContextError> {
        for (key, value) in other.pairs() {
            if self.value(key) != Some(value) {
                self.insert(key, value)?;
            }
        }
        Ok(self)
    }

    /// The first pair that `other` lacks or has with another value.
    pub fn first_missing_in(&self, other: &EncryptionContext) -> Option<(&str, &str)> {
        self.pairs().find(|(key, value)| other.value(key) != Some(value))
    }
}

/// Everything that is bound to the content of a sealed object besides its key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SealedContext {
    /// The place.
    pub binding: Binding,
    /// The caller's pairs.
    pub pairs: EncryptionContext,
}

/// Why something cannot be bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The place lacks a name that the mode binds.
    #[error("bind {bind} takes the name of what it binds, and here it is empty or not known")]
    NoName {
        /// The mode.
        bind: Bind,
    },
    /// A pair without a key.
    #[error("a pair of the encryption context has an empty key")]
    EmptyKey,
    /// A key twice.
    #[error("the encryption context has the key {key:?} with two values")]
    Repeated {
        /// The key.
        key: String,
    },
    /// The record would be longer than any metadata.
    #[error(
        "name and encryption context make a record of {size} bytes; at most {MAX_RECORD} can be stored, and the object's other metadata take some of them"
    )]
    TooLong {
        /// Bytes of the record.
        size: usize,
    },
    /// The suite binds nothing.
    #[error("the suite {suite} binds neither name nor encryption context to the content; {} does", crate::Suite::Sealed.name())]
    NotBound {
        /// Name of the suite.
        suite: &'static str,
    },
}

impl SealedContext {
    /// Whether nothing is bound.
    pub fn is_empty(&self) -> bool {
        self.binding == Binding::None && self.pairs.is_empty()
    }

    /// The record.
    ///
    /// # Errors
    /// [`ContextError::TooLong`]; [`ContextError::NoName`] for a binding that names nothing.
    pub fn to_record(&self) -> Result<Vec<u8>, ContextError> {
        let (bind, name) = (self.binding.bind(), self.binding.name());
        if Binding::parse(bind.byte(), &name).as_ref() != Some(&self.binding) {
            return Err(ContextError::NoName { bind });
        }
        let texts: Vec<&str> = self.pairs.pairs().flat_map(|(key, value)| [key, value]).collect();
        let size = MAGIC.len() + 1 + 2 + name.len() + 2;
        let size = texts.iter().fold(size, |size, text| size + 2 + text.len());
        let too_long = ContextError::TooLong { size };
        if size > MAX_RECORD {
            return Err(too_long);
        }
        let length =
            |length: usize| u16::try_from(length).map(u16::to_be_bytes).map_err(|_| too_long.clone());
        let mut record = Vec::with_capacity(size);
        record.extend_from_slice(MAGIC);
        record.push(bind.byte());
        record.extend(length(name.len())?);
        record.extend_from_slice(name.as_bytes());
        record.extend(length(self.pairs.0.len())?);
        for text in texts {
            record.extend(length(text.len())?);
            record.extend_from_slice(text.as_bytes());
        }
        Ok(record)
    }

    /// Parses a record. Every byte is accounted for; the error names the fault.
    pub fn from_record(record: &[u8]) -> Result<SealedContext, &'static str> {
        if record.len() > MAX_RECORD {
            return Err("its context is longer than metadata can be");
        }
        let mut rest = Rest(record);
        if rest.take(MAGIC.len())? != MAGIC {
            return Err("its context is of another version or another product");
        }
        let bind = rest.take(1)?[0];
        let binding = Binding::parse(bind, rest.text()?).ok_or("its context binds no name that is known")?;
        let mut pairs = EncryptionContext::empty();
        let mut last = "";
        for _ in 0..rest.number()? {
            let (key, value) = (rest.text()?, rest.text()?);
            // Also refuses an empty key, which nothing precedes.
            if key <= last {
                return Err("the keys of its context do not ascend, or one is empty");
            }
            pairs.0.insert(key.to_owned(), value.to_owned());
            last = key;
        }
        if rest.0.is_empty() { Ok(SealedContext { binding, pairs }) } else { Err("bytes follow its context") }
    }
}

/// The bytes of a record that have not been read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("its context is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u16, &'static str> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn text(&mut self) -> Result<&'a str, &'static str> {
        let length = self.number()?;
        std::str::from_utf8(self.take(length.into())?).map_err(|_| "its context holds text that is not UTF-8")
    }
}
