//! The configuration file.

mod check;
pub(crate) mod endpoint;
mod field_names;
mod locate;

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};

use osseal::credentials::CredentialSource;
use osseal::{Addressing, Bind, EndpointKind, Suite};
use serde::Deserialize;

use crate::account::Account;
use crate::fs::small_file;
use crate::keys::{Base, KeyEntry, LoadedKey};
use crate::rules::{self, Pairs, Read, Rules};
use crate::ui::error::Failure;
use crate::units;

use check::nearest;
pub(crate) use locate::user_file;
use locate::{ConfigFile, locate};

/// Largest configuration file.
const MAX: usize = 1 << 20;

/// A configuration file that has been read.
#[derive(Debug)]
pub(crate) struct Config {
    /// The file; `None` if none was found.
    pub(crate) path: Option<PathBuf>,
    /// It happened to lie in the working directory.
    is_discovered: bool,
    pub(crate) profiles: BTreeMap<String, Profile>,
    pub(crate) keys: BTreeMap<String, KeyEntry>,
}

/// `[profile.NAME]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Profile {
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    #[serde(default)]
    pub(crate) keyring: Vec<String>,
    #[serde(default, deserialize_with = "rules::suite")]
    suite: Option<Suite>,
    read: Option<Read>,
    #[serde(default, deserialize_with = "rules::bind")]
    bind: Option<Bind>,
    context: Option<Pairs>,
    #[serde(default, deserialize_with = "rules::bind")]
    require_bind: Option<Bind>,
    require_context: Option<Pairs>,
    /// Other rules for single buckets.
    #[serde(default)]
    pub(crate) bucket: BTreeMap<String, Rules>,
    pub(crate) addressing: Option<Style>,
    /// Which endpoint of the region, when none is named.
    #[serde(default, deserialize_with = "units::parsed")]
    pub(crate) network: Option<EndpointKind>,
    /// Transfers at the same time.
    pub(crate) jobs: Option<NonZeroU8>,
    /// Memory limit of all transfers, bytes.
    #[serde(default, deserialize_with = "units::size_field")]
    pub(crate) memory: Option<u64>,
    /// Bytes a second over all connections.
    #[serde(default, deserialize_with = "units::rate_field")]
    pub(crate) bandwidth: Option<u64>,
    /// The one source of credentials.
    #[serde(default, deserialize_with = "units::parsed")]
    pub(crate) credentials: Option<CredentialSource>,
}

/// How buckets are named in requests.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Style {
    VirtualHost,
    Path,
    Cname,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    profile: BTreeMap<String, Profile>,
    #[serde(default)]
    key: BTreeMap<String, KeyEntry>,
}

impl Config {
    /// Reads the file that the flag, the environment or the folders lead to.
    pub(crate) fn load(flag: Option<&Path>) -> Result<Config, Failure> {
        match locate(flag)? {
            Some(found) => Config::read(&found),
            None => Ok(Config {
                path: None,
                is_discovered: false,
                profiles: BTreeMap::new(),
                keys: BTreeMap::new(),
            }),
        }
    }

    fn read(found: &ConfigFile) -> Result<Config, Failure> {
        let path = &found.path;
        let bytes = small_file::read(path, "configuration", MAX)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Failure::usage(format!("the configuration {} is not UTF-8", path.display())))?;
        check::names(text, found)?;
        let file: File = toml::from_str(text).map_err(|error| check::malformed(text, found, &error))?;
        Ok(Config {
            path: Some(path.clone()),
            is_discovered: found.is_discovered,
            profiles: file.profile,
            keys: file.key,
        })
    }

    /// The profile of that name. Only the default one may be missing.
    pub(crate) fn profile(&self, name: &str, is_asked_for: bool) -> Result<Profile, Failure> {
        if let Some(profile) = self.profiles.get(name) {
            return Ok(profile.clone());
        }
        if !is_asked_for {
            return Ok(Profile::default());
        }
        let failure = Failure::usage(format!("there is no profile {name:?} in {}", self.shown()));
        Err(match (nearest(name, self.profiles.keys()), self.profiles.is_empty()) {
            (Some(near), _) => failure.hint(format!("did you mean {near:?}?")),
            (None, true) => failure.hint(format!("add a section [profile.{name}]")),
            (None, false) => failure.hint(format!("there are: {}", listing(self.profiles.keys()))),
        })
    }

    /// The keys of a keyring, in order.
    pub(crate) fn keyring(
        &self,
        names: &[String],
        suite: Suite,
        account: &Account,
    ) -> Result<Vec<LoadedKey>, Failure> {
        names.iter().map(|name| self.key(name, suite, account)).collect()
    }

    /// Reads the key of that name, to wrap as the suite wants unless the configuration says how.
    pub(crate) fn key(&self, name: &str, suite: Suite, account: &Account) -> Result<LoadedKey, Failure> {
        let Some(entry) = self.keys.get(name) else {
            let failure = Failure::usage(format!("there is no key {name:?} in {}", self.shown()));
            return Err(match nearest(name, self.keys.keys()) {
                Some(near) => failure.hint(format!("did you mean {near:?}?")),
                None => failure.hint(format!("add a section [key.{name}]")),
            });
        };
        entry.load(name, self.base(), suite, account)
    }

    /// The folder that relative paths start from.
    fn base(&self) -> Base<'_> {
        let folder = self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        Base { folder, is_discovered: self.is_discovered }
    }

    /// The file, for people.
    pub(crate) fn shown(&self) -> String {
        match &self.path {
            Some(path) => format!("the configuration {}", path.display()),
            None => "the configuration (no file was found)".to_owned(),
        }
    }
}

impl Profile {
    /// The rules of a bucket, or of the profile.
    pub(crate) fn rules(&self, bucket: Option<&str>) -> Rules {
        let own = Rules {
            suite: self.suite,
            read: self.read,
            bind: self.bind,
            context: self.context.clone(),
            require_bind: self.require_bind,
            require_context: self.require_context.clone(),
        };
        match bucket.and_then(|bucket| self.bucket.get(bucket)) {
            Some(rules) => rules.clone().or(own),
            None => own,
        }
    }
}

impl From<Style> for Addressing {
    fn from(style: Style) -> Addressing {
        match style {
            Style::VirtualHost => Addressing::VirtualHost,
            Style::Path => Addressing::Path,
            Style::Cname => Addressing::Cname,
        }
    }
}

fn listing<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}
