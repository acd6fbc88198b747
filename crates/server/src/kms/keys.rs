//! Keys, their versions, their aliases.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use osseal_wire::kms::{Alias, KeyId, KeyMetadata};
use serde::{Deserialize, Serialize};

use crate::rules::random;

/// The key file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written", .path.display())]
pub struct SaveError {
    pub(super) path: PathBuf,
    #[source]
    pub(super) source: io::Error,
}

/// Characters of a version's identifier.
pub(super) const VERSION_ID: usize = 36;

/// The account that everything belongs to.
const ACCOUNT: &str = "1000000000000001";

/// Whether a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum KeyState {
    /// It may.
    Enabled,
    /// It may not, until it is enabled again.
    Disabled,
    /// It may not, and will be deleted.
    PendingDeletion,
    /// It may not, for want of its material.
    PendingImport,
}

impl KeyState {
    /// As replies write it.
    pub const fn wire_name(self) -> &'static str {
        match self {
            KeyState::Enabled => "Enabled",
            KeyState::Disabled => "Disabled",
            KeyState::PendingDeletion => "PendingDeletion",
            KeyState::PendingImport => "PendingImport",
        }
    }
}

/// Why keys were not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyChangeError {
    /// Nothing of that name.
    #[error("there is no key {0}")]
    NoSuchKey(String),
    /// A name that the wire does not allow.
    #[error("{0:?} is no alias; aliases are written alias/NAME")]
    Alias(String),
    /// A version's identifier that does not fit into blobs.
    #[error(
        "{0:?} is no identifier of a version, which has {VERSION_ID} ASCII characters and names no other version"
    )]
    Version(String),
    /// The file of the keys could not be written; the keys in memory were changed.
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// One version of a key: what encrypts. Not shown by `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Version {
    id: String,
    secret: [u8; 32],
}

impl Version {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn secret(&self) -> [u8; 32] {
        self.secret
    }
}

/// A key.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) state: KeyState,
    /// Seconds since 1970.
    created: i64,
    /// All that ever encrypted, oldest first.
    versions: Vec<Version>,
}

impl Key {
    /// The version that encrypts: the newest.
    pub(super) fn primary(&self) -> Option<&Version> {
        self.versions.last()
    }
}

/// All keys.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Keys {
    keys: BTreeMap<String, Key>,
    aliases: BTreeMap<String, String>,
}

impl Keys {
    /// The key of a name: its identifier and itself.
    pub(super) fn find(&self, name: &KeyId, region: &str) -> Option<(&str, &Key)> {
        let is_elsewhere = name.region().is_some() && !name.as_str().starts_with(&arn(region, ""));
        let id = match name.alias() {
            Some(alias) => self.aliases.get(alias)?,
            None => name.key()?,
        };
        let (id, key) = self.keys.get_key_value(id)?;
        (!is_elsewhere).then_some((id.as_str(), key))
    }

    /// The key of a version, and the version.
    pub(super) fn of_version(&self, version: &str) -> Option<(&str, &Key, &Version)> {
        self.keys.iter().find_map(|(id, key)| {
            let version = key.versions.iter().find(|known| known.id == version)?;
            Some((id.as_str(), key, version))
        })
    }

    /// The key that an alias points to.
    pub(super) fn of_alias(&self, alias: &str) -> Option<&str> {
        self.aliases.get(alias).map(String::as_str)
    }

    /// The identifiers of all keys.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    pub(super) fn create(&mut self, now: Timestamp) -> String {
        let id = format!("key-{}", random::id().to_ascii_lowercase());
        let key = Key { state: KeyState::Enabled, created: now.as_second(), versions: vec![fresh()] };
        self.keys.insert(id.clone(), key);
        id
    }

    /// Adds a version that is made elsewhere, and the key if need be.
    pub(super) fn import(
        &mut self,
        id: &str,
        version: &str,
        secret: [u8; 32],
        now: Timestamp,
    ) -> Result<(), KeyChangeError> {
        if version.len() != VERSION_ID || !version.is_ascii() || self.of_version(version).is_some() {
            return Err(KeyChangeError::Version(version.to_owned()));
        }
        if id.parse::<KeyId>().ok().and_then(|parsed| parsed.key().map(|key| key == id)) != Some(true) {
            return Err(KeyChangeError::NoSuchKey(id.to_owned()));
        }
        let empty = || Key { state: KeyState::Enabled, created: now.as_second(), versions: Vec::new() };
        let key = self.keys.entry(id.to_owned()).or_insert_with(empty);
        key.versions.push(Version { id: version.to_owned(), secret });
        Ok(())
    }

    pub(super) fn rotate(&mut self, id: &str) -> Result<(), KeyChangeError> {
        self.key_mut(id)?.versions.push(fresh());
        Ok(())
    }

    pub(super) fn set_state(&mut self, id: &str, state: KeyState) -> Result<(), KeyChangeError> {
        self.key_mut(id)?.state = state;
        Ok(())
    }

    pub(super) fn set_alias(&mut self, alias: &str, id: &str) -> Result<(), KeyChangeError> {
        if alias.parse::<KeyId>().ok().and_then(|parsed| parsed.alias().map(|name| name == alias))
            != Some(true)
        {
            return Err(KeyChangeError::Alias(alias.to_owned()));
        }
        self.key_mut(id)?;
        self.aliases.insert(alias.to_owned(), id.to_owned());
        Ok(())
    }

    /// All aliases, by name.
    pub(super) fn aliases(&self, region: &str) -> Vec<Alias> {
        let one = |(name, id): (&String, &String)| Alias {
            alias_name: name.clone(),
            alias_arn: arn(region, name),
            key_id: id.clone(),
        };
        self.aliases.iter().map(one).collect()
    }

    pub(super) fn metadata(id: &str, key: &Key, region: &str) -> KeyMetadata {
        KeyMetadata {
            key_id: id.to_owned(),
            arn: arn(region, &format!("key/{id}")),
            key_state: key.state.wire_name().to_owned(),
            key_usage: "ENCRYPT/DECRYPT".to_owned(),
            key_spec: "Aliyun_AES_256".to_owned(),
            origin: "Aliyun_KMS".to_owned(),
            primary_key_version: key.primary().map(|version| version.id.clone()).unwrap_or_default(),
            creation_date: Timestamp::from_second(key.created)
                .map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
                .unwrap_or_default(),
            ..KeyMetadata::default()
        }
    }

    fn key_mut(&mut self, id: &str) -> Result<&mut Key, KeyChangeError> {
        self.keys.get_mut(id).ok_or_else(|| KeyChangeError::NoSuchKey(id.to_owned()))
    }
}

fn fresh() -> Version {
    Version { id: random::uuid(), secret: random::bytes() }
}

fn arn(region: &str, resource: &str) -> String {
    format!("acs:kms:{region}:{ACCOUNT}:{resource}")
}
