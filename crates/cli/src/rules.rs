//! Encryption rules of a profile, and of single buckets in `[profile.NAME.bucket.BUCKET]`.

use std::collections::BTreeMap;

use osseal::{Bind, EncryptionContext, ReadPolicy, Suite, dangerous};
use serde::Deserialize;

use crate::ui::error::Failure;

/// The rules of a section. A bucket's section inherits the profile's values.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Rules {
    #[serde(default, deserialize_with = "suite")]
    pub(crate) suite: Option<Suite>,
    /// The weakest that may be read.
    pub(crate) read: Option<Read>,
    #[serde(default, deserialize_with = "bind")]
    pub(crate) bind: Option<Bind>,
    pub(crate) context: Option<Pairs>,
    #[serde(default, deserialize_with = "bind")]
    pub(crate) require_bind: Option<Bind>,
    pub(crate) require_context: Option<Pairs>,
}

pub(crate) type Pairs = BTreeMap<String, String>;

/// Objects that may be read, strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Read {
    /// Sealed objects alone.
    Sealed,
    /// Also AES/CTR, which does not notice changes.
    AesCtr,
    /// Also objects that were never encrypted.
    Plaintext,
}

impl Rules {
    /// These rules, and where they say nothing those of `other`.
    #[must_use]
    pub(crate) fn or(self, other: Rules) -> Rules {
        Rules {
            suite: self.suite.or(other.suite),
            read: self.read.or(other.read),
            bind: self.bind.or(other.bind),
            context: self.context.or(other.context),
            require_bind: self.require_bind.or(other.require_bind),
            require_context: self.require_context.or(other.require_context),
        }
    }

    /// The suite to write.
    pub(crate) fn suite(&self) -> Suite {
        self.suite.unwrap_or(Suite::Sealed)
    }

    /// The weakest protection that may be read. Defaults to that of writes.
    pub(crate) fn read(&self) -> Read {
        self.read.unwrap_or(if self.suite().is_authenticated() { Read::Sealed } else { Read::AesCtr })
    }

    /// How much of an object's place is bound when it is written.
    pub(crate) fn bind(&self) -> Bind {
        self.bind.unwrap_or_default()
    }

    /// The pairs that are bound when an object is written.
    pub(crate) fn context(&self) -> Result<EncryptionContext, Failure> {
        context(self.context.iter().flatten())
    }

    /// The read policy. Bindings of writes are required, too.
    pub(crate) fn policy(&self) -> Result<ReadPolicy, Failure> {
        let policy = match self.read() {
            Read::Sealed => ReadPolicy::AUTHENTICATED,
            Read::AesCtr => ReadPolicy::ALSO_UNAUTHENTICATED,
            Read::Plaintext => {
                ReadPolicy::ALSO_UNAUTHENTICATED.with_plaintext(dangerous::AllowPlaintextObjects)
            }
        };
        Ok(policy
            .requiring_bind(self.require_bind.unwrap_or_default())
            .requiring_pairs(context(self.require_context.iter().flatten())?))
    }
}

impl Read {
    /// As the configuration writes it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Read::Sealed => "sealed",
            Read::AesCtr => "aes-ctr",
            Read::Plaintext => "plaintext",
        }
    }
}

/// Pairs to bind or to require.
pub(crate) fn context<'a>(
    pairs: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<EncryptionContext, Failure> {
    let mut context = EncryptionContext::empty();
    for (key, value) in pairs {
        let added = context.insert(key, value);
        added.map_err(|error| Failure::usage("the encryption context cannot be used").caused_by(&error))?;
    }
    Ok(context)
}

pub(crate) fn suite<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Suite>, D::Error> {
    let name = String::deserialize(deserializer)?;
    Suite::from_name(&name).map(Some).ok_or_else(|| {
        let known = Suite::ALL.map(Suite::name).join(", ");
        serde::de::Error::custom(format!("unknown suite {name:?}; there are: {known}"))
    })
}

pub(crate) fn bind<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Bind>, D::Error> {
    let name = String::deserialize(deserializer)?;
    Bind::from_name(&name).map(Some).ok_or_else(|| {
        let known = Bind::ALL.map(Bind::name).join(", ");
        serde::de::Error::custom(format!("unknown bind {name:?}; there are: {known}"))
    })
}
