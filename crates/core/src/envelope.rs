//! The envelope: everything stored beside an object that opening needs (`docs/format.md` §2).
//!
//! ```text
//!   x-oss-meta-client-side-encryption-…         legacy: x-oss-meta-oss-…
//!   ├ key        wrapped data key, base64        crypto-key
//!   ├ start      wrapped counter, base64         crypto-start   (decimal digits inside)
//!   │            of a sealed object: salt, commitment and context, base64
//!   ├ cek-alg    the suite                       cek-alg        AES/GCM/NoPadding, which it is not
//!   ├ wrap-alg   how both were wrapped           wrap-alg       rsa | kms
//!   ├ matdesc    which wrapping key, optional    crypto-matdesc
//!   ├ unencrypted-content-length   optional      crypto-unencrypted-content-length
//!   ├ unencrypted-content-md5      ignored       crypto-unencrypted-content-md5
//!   └ data-size, part-size         multipart     -
//! ```

mod names;
mod start;

use std::fmt;

use data_encoding::BASE64;

use crate::context::SealedContext;
use crate::layout::PartPlan;
use crate::matdesc::MaterialDescription;
use crate::suite::Suite;
use crate::wrap::{WrapAlgorithm, Wrapped};
use names::{LEGACY, LEGACY_CEK_ALG, META, NOW, Names, is_foreign};

pub use names::is_envelope_header;
pub(crate) use start::StartError;
pub use start::{SealedStart, Start};

/// Largest user metadata of an object by the service's rules, bytes: names without `x-oss-meta-`, and values.
pub const MAX_METADATA: usize = 8 * 1024;

/// Everything stored beside an object that opening needs, complete and typed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope {
    /// The content algorithm.
    pub suite: Suite,
    /// How the data key was wrapped.
    pub wrap: WrapAlgorithm,
    /// The wrapped data key.
    pub data_key: Wrapped,
    /// The content of the `start` header.
    pub start: Start,
    /// Which wrapping key was used.
    pub description: StoredDescription,
    /// Plaintext bytes, by the writer's claim. Compared with the stored length; no allocation depends on it.
    pub plain_len: Option<u64>,
}

/// A stored material description.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoredDescription {
    /// A map, empty when the header is absent.
    Map(MaterialDescription),
    /// A map with text that is not UTF-8, read byte by byte as characters: Java SDK 1 garbles non-ASCII text.
    Garbled(MaterialDescription),
    /// Not a map of strings. It matches no key, so opening fails with a missing key, not as damage.
    Unreadable(Vec<u8>),
}

impl StoredDescription {
    fn parse(text: &[u8]) -> StoredDescription {
        if let Ok(map) = MaterialDescription::from_json(text) {
            return StoredDescription::Map(map);
        }
        if std::str::from_utf8(text).is_err() {
            let latin1: String = text.iter().copied().map(char::from).collect();
            if let Ok(map) = MaterialDescription::from_json(latin1.as_bytes()) {
                return StoredDescription::Garbled(map);
            }
        }
        StoredDescription::Unreadable(text.to_vec())
    }

    /// Whether this is the description of a key, undamaged.
    pub(crate) fn is_exactly(&self, key: &MaterialDescription) -> bool {
        matches!(self, StoredDescription::Map(map) if map == key)
    }

    /// Whether the envelope means a key with this description: the maps are equal, or equal after the damage that the Java
    /// SDKs do to non-ASCII text (`docs/format.md` §5).
    pub fn names(&self, key: &MaterialDescription) -> bool {
        match self {
            StoredDescription::Map(map) => map == key || *map == key.map_text(garbled_by_java2),
            StoredDescription::Garbled(map) => *map == key.map_text(garbled_by_java1),
            StoredDescription::Unreadable(_) => false,
        }
    }
}

/// Java SDK 2 writes `?` for every UTF-16 unit that is not ASCII.
fn garbled_by_java2(text: &str) -> String {
    text.encode_utf16()
        .map(|unit| u8::try_from(unit).ok().filter(u8::is_ascii).map_or('?', char::from))
        .collect()
}

/// Java SDK 1 writes UTF-8 with `?` for every byte from 0x80 to 0x9F; other bytes become characters.
fn garbled_by_java1(text: &str) -> String {
    text.bytes().map(|byte| if (0x80..=0x9F).contains(&byte) { '?' } else { char::from(byte) }).collect()
}

impl fmt::Display for StoredDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoredDescription::Map(map) if map.is_empty() => f.write_str("no description"),
            StoredDescription::Map(map) => map.fmt(f),
            StoredDescription::Garbled(map) => write!(f, "{map}, garbled by its writer"),
            StoredDescription::Unreadable(bytes) => {
                let shown: String = String::from_utf8_lossy(bytes).chars().take(64).collect();
                write!(f, "an unreadable description {shown:?}")
            }
        }
    }
}

/// Why metadata make no envelope. Each names its header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The object has none of the envelope's headers.
    #[error("the object is not encrypted: it has no envelope")]
    NotEncrypted,
    /// The envelope of another product.
    #[error("the object has an envelope of another family ({header}), which is not read here")]
    ForeignFamily {
        /// The first header of that family.
        header: String,
    },
    /// Some headers are there and one that is needed is not.
    #[error("the object has half an envelope: {header} is missing or empty")]
    Missing {
        /// The missing header.
        header: &'static str,
    },
    /// A header stands twice.
    #[error("the envelope has {header} twice")]
    Repeated {
        /// The repeated header.
        header: &'static str,
    },
    /// Headers of the present and the legacy names.
    #[error("the envelope has present and legacy names at once ({header})")]
    MixedLegacy {
        /// A legacy header.
        header: &'static str,
    },
    /// A value that cannot be read.
    #[error("the envelope's {header} is malformed: {reason}")]
    Malformed {
        /// The header.
        header: &'static str,
        /// The expected value.
        reason: &'static str,
    },
    /// A content algorithm that is not known.
    #[error("the content algorithm {name:?} is not supported")]
    UnsupportedSuite {
        /// The stored name.
        name: String,
    },
    /// A wrap algorithm that is not known.
    #[error("the wrap algorithm {name:?} is not supported")]
    UnsupportedWrap {
        /// The stored name.
        name: String,
    },
}

impl Envelope {
    /// Parses an envelope from an object's headers: `(name, value)` pairs, names in any case with their `x-oss-meta-` prefix.
    /// Other headers are skipped.
    pub fn from_metadata<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Envelope, EnvelopeError> {
        let found = Found::collect(pairs)?;
        match (found.now.any(), found.legacy.any()) {
            (None, None) => Err(match found.foreign {
                Some(header) => EnvelopeError::ForeignFamily { header },
                None => EnvelopeError::NotEncrypted,
            }),
            (Some(_), Some(header)) => Err(EnvelopeError::MixedLegacy { header }),
            (Some(_), None) => found.now.present(),
            (None, Some(_)) => found.legacy.legacy(),
        }
    }

    /// The headers to store, in lower case, in the order of the table above. `parts` is for multipart uploads.
    ///
    /// An envelope that was read under legacy names has no metadata here: only its author rewrites it.
    pub fn to_metadata(&self, parts: Option<PartPlan>) -> Vec<(&'static str, String)> {
        let Some(start) = self.start.to_bytes() else { return Vec::new() };
        let mut pairs = vec![
            (NOW.key, BASE64.encode(&self.data_key.0)),
            (NOW.start, BASE64.encode(&start)),
            (NOW.cek_alg, self.suite.wire_name().to_owned()),
            (NOW.wrap_alg, self.wrap.wire_name().to_owned()),
        ];
        if let StoredDescription::Map(map) = &self.description
            && !map.is_empty()
        {
            pairs.push((NOW.matdesc, map.to_json()));
        }
        if let Some(len) = self.plain_len {
            pairs.push((NOW.plain_len, len.to_string()));
        }
        if let Some(plan) = parts {
            pairs.push((NOW.data_size, plan.data_size.to_string()));
            pairs.push((NOW.part_size, plan.part_size.to_string()));
        }
        pairs
    }

    /// User metadata that the envelope takes, bytes, as the service counts them against [`MAX_METADATA`].
    pub fn metadata_size(&self, parts: Option<PartPlan>) -> usize {
        let size = |(name, value): &(&str, String)| name.len() - META.len() + value.len();
        self.to_metadata(parts).iter().map(size).sum()
    }

    /// Bytes of the `start` header's value.
    pub(crate) fn start_size(&self) -> usize {
        self.start.to_bytes().map_or(0, |bytes| BASE64.encode_len(bytes.len()))
    }

    /// The context that is bound to the content of a sealed object. A claim until the keyring has opened the envelope.
    pub const fn context(&self) -> Option<&SealedContext> {
        match &self.start {
            Start::Sealed(start) => Some(start.context()),
            Start::WrappedIv(_) | Start::WrappedDecimal(_) => None,
        }
    }

    /// Whether the envelope stands under the legacy names.
    pub const fn is_legacy(&self) -> bool {
        matches!(self.start, Start::WrappedDecimal(_))
    }
}

/// Values of one family of names.
struct Family {
    names: &'static Names,
    values: Vec<(&'static str, Vec<u8>)>,
}

struct Found {
    now: Family,
    legacy: Family,
    foreign: Option<String>,
}

impl Found {
    fn collect<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Found, EnvelopeError> {
        let family = |names| Family { names, values: Vec::new() };
        let mut found = Found { now: family(&NOW), legacy: family(&LEGACY), foreign: None };
        for (name, value) in pairs {
            let name = name.to_ascii_lowercase();
            if name.starts_with(META) {
                for family in [&mut found.now, &mut found.legacy] {
                    family.take(&name, value)?;
                }
            }
            if found.foreign.is_none() && is_foreign(&name) {
                found.foreign = Some(name);
            }
        }
        Ok(found)
    }
}

impl Family {
    fn take(&mut self, name: &str, value: &[u8]) -> Result<(), EnvelopeError> {
        let Some(header) = self.names.all().into_iter().find(|known| *known == name) else { return Ok(()) };
        if self.values.iter().any(|(known, _)| *known == header) {
            return Err(EnvelopeError::Repeated { header });
        }
        self.values.push((header, trim_white_space(value).to_vec()));
        Ok(())
    }

    fn any(&self) -> Option<&'static str> {
        self.values.first().map(|(header, _)| *header)
    }

    fn optional(&self, header: &'static str) -> Option<&[u8]> {
        self.values.iter().find(|(known, _)| *known == header).map(|(_, value)| value.as_slice())
    }

    fn needed(&self, header: &'static str) -> Result<&[u8], EnvelopeError> {
        self.optional(header).filter(|value| !value.is_empty()).ok_or(EnvelopeError::Missing { header })
    }

    fn base64(&self, header: &'static str) -> Result<Wrapped, EnvelopeError> {
        let reason = "it is not standard, padded base64 (RFC 4648, section 4)";
        let value = self.needed(header)?;
        // The decoder also accepts concatenated padded texts; accept only its own encoding.
        let bytes = BASE64.decode(value).ok().filter(|bytes| BASE64.encode(bytes).as_bytes() == value);
        bytes.map(Wrapped).ok_or(EnvelopeError::Malformed { header, reason })
    }

    fn text(&self, header: &'static str) -> Result<&str, EnvelopeError> {
        let reason = "it is not text";
        std::str::from_utf8(self.needed(header)?).map_err(|_| EnvelopeError::Malformed { header, reason })
    }

    fn number(&self, header: &'static str) -> Result<Option<u64>, EnvelopeError> {
        let Some(value) = self.optional(header) else { return Ok(None) };
        let number = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let reason = "it is not a decimal number of at most 64 bits";
        number.and_then(|text| text.parse().ok()).map(Some).ok_or(EnvelopeError::Malformed { header, reason })
    }

    fn description(&self) -> StoredDescription {
        match self.optional(self.names.matdesc) {
            None | Some([]) => StoredDescription::Map(MaterialDescription::empty()),
            Some(text) => StoredDescription::parse(text),
        }
    }

    fn present(&self) -> Result<Envelope, EnvelopeError> {
        let data_key = self.base64(NOW.key)?;
        let start = self.base64(NOW.start)?;
        let cek_alg = self.text(NOW.cek_alg)?;
        let wrap_alg = self.text(NOW.wrap_alg)?;
        let suite = Suite::from_wire_name(cek_alg)
            .ok_or_else(|| EnvelopeError::UnsupportedSuite { name: cek_alg.to_owned() })?;
        let wrap = WrapAlgorithm::from_wire_name(wrap_alg)
            .ok_or_else(|| EnvelopeError::UnsupportedWrap { name: wrap_alg.to_owned() })?;
        let start = match suite {
            Suite::AesCtr => Start::WrappedIv(start),
            Suite::Sealed => {
                // Only osseal writes this suite, so its wrap algorithm has a single spelling.
                if wrap.wire_name() != wrap_alg {
                    return Err(EnvelopeError::UnsupportedWrap { name: wrap_alg.to_owned() });
                }
                let malformed = |reason| EnvelopeError::Malformed { header: NOW.start, reason };
                Start::Sealed(SealedStart::from_bytes(&start.0).map_err(malformed)?)
            }
        };
        Ok(Envelope {
            suite,
            wrap,
            data_key,
            start,
            description: self.description(),
            plain_len: self.number(NOW.plain_len)?,
        })
    }

    fn legacy(&self) -> Result<Envelope, EnvelopeError> {
        let data_key = self.base64(LEGACY.key)?;
        let start = Start::WrappedDecimal(self.base64(LEGACY.start)?);
        let cek_alg = self.text(LEGACY.cek_alg)?;
        let wrap_alg = self.text(LEGACY.wrap_alg)?;
        if cek_alg != LEGACY_CEK_ALG {
            return Err(EnvelopeError::UnsupportedSuite { name: cek_alg.to_owned() });
        }
        let wrap = WrapAlgorithm::from_legacy_name(wrap_alg)
            .ok_or_else(|| EnvelopeError::UnsupportedWrap { name: wrap_alg.to_owned() })?;
        Ok(Envelope {
            suite: Suite::AesCtr,
            wrap,
            data_key,
            start,
            description: self.description(),
            plain_len: self.number(LEGACY.plain_len)?,
        })
    }
}

/// Trims spaces and tabs around a value, which belong to the protocol (RFC 9110, section 5.5).
fn trim_white_space(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
