//! `[key.NAME]`: wrapping keys and their files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osseal::credentials::CredentialSource;
use osseal::{MaterialDescription, RsaPadding, Suite};
use serde::Deserialize;

use super::loaded_key::{LoadedKey, Material, Unlocking, aes, padding_of, rsa};
use super::passphrase::Source;
use crate::account::Account;
use crate::fs::secret_file::SecretFilePolicy;
use crate::ui::error::Failure;
use crate::units;

/// The `[key.NAME]` section of a key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct KeyEntry {
    pub(crate) kind: Kind,
    pub(super) private: Option<PathBuf>,
    pub(super) public: Option<PathBuf>,
    pub(super) file: Option<PathBuf>,
    #[serde(default, deserialize_with = "units::parsed")]
    pub(super) padding: Option<RsaPadding>,
    pub(super) id: Option<String>,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) ca: Option<PathBuf>,
    pub(super) passphrase_file: Option<PathBuf>,
    pub(super) passphrase_env: Option<String>,
    pub(super) passphrase_command: Option<Vec<String>>,
    /// Pairs that values of the key service are bound to.
    pub(super) context: Option<BTreeMap<String, String>>,
    /// The one source of the key service's credentials.
    #[serde(default, deserialize_with = "units::parsed")]
    pub(super) credentials: Option<CredentialSource>,
    /// Lets others than the owner use the files of the key.
    #[serde(default)]
    pub(super) allow_shared: bool,
    #[serde(default)]
    description: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Rsa,
    Aes,
    Kms,
}

impl KeyEntry {
    /// Reads the key's file, or finds the way to the key service. An RSA key without a padding has the suite's.
    pub(crate) fn load(
        &self,
        name: &str,
        base: Base<'_>,
        suite: Suite,
        account: &Account,
    ) -> Result<LoadedKey, Failure> {
        if base.is_discovered && self.allow_shared {
            return Err(Failure::usage(format!(
                "[key.{name}]: allow-shared is refused: a configuration found in the working directory may not say that others are to use key files"
            ))
            .hint("name the file with --config if you trust it"));
        }
        let about = |failure: Failure| failure.about(&format!("the key {name:?}"));
        let material = match self.kind {
            Kind::Rsa => {
                let path = &base.folder.join(self.path(name)?);
                let passphrase = self.passphrase(base.folder)?;
                let padding = self.padding.unwrap_or(padding_of(suite));
                let unlocking = Unlocking { guard: self.guard(base), passphrase, may_ask: account.may_ask };
                rsa(path, padding, self.private.is_some(), &unlocking)
            }
            Kind::Aes => aes(&base.folder.join(self.path(name)?), self.guard(base)),
            Kind::Kms => {
                let section = self.kms(base).map_err(|failure| failure.about(&format!("[key.{name}]")))?;
                section.open(base, account).map(|key| Material::Kms(Arc::new(key)))
            }
        };
        let material = material.map_err(about)?;
        Ok(LoadedKey { name: name.to_owned(), description: self.description(), material })
    }

    /// The material description of objects that this key writes.
    pub(crate) fn description(&self) -> MaterialDescription {
        self.description.clone().into_iter().collect()
    }

    /// Whether its calls are signed by the account that signs for the store.
    pub(crate) fn is_signed_for(&self) -> bool {
        self.kind == Kind::Kms && self.credentials.is_none()
    }

    /// Access rules for its secret files.
    pub(super) fn guard(&self, base: Base<'_>) -> SecretFilePolicy {
        if base.is_discovered {
            SecretFilePolicy::of_found_section()
        } else {
            SecretFilePolicy::of_section(self.allow_shared)
        }
    }

    /// The passphrase source, if the section names one.
    pub(super) fn passphrase(&self, folder: &Path) -> Result<Option<Source>, Failure> {
        let file = self.passphrase_file.as_ref().map(|path| Source::File(folder.join(path)));
        let variable = self.passphrase_env.clone().map(Source::Environment);
        let command = self.passphrase_command.as_ref().map(|command| {
            let mut command: Vec<OsString> = command.iter().map(OsString::from).collect();
            // A bare name is looked up in PATH; a path is relative to the configuration file.
            if let Some(program) = command.first_mut()
                && Path::new(program).components().nth(1).is_some()
            {
                *program = folder.join(&*program).into_os_string();
            }
            Source::Command(command)
        });
        let mut said = file.into_iter().chain(variable).chain(command);
        match (said.next(), said.next()) {
            (source, None) => Ok(source),
            _ => Err(Failure::usage("passphrase-file, passphrase-env and passphrase-command: one of them")),
        }
    }

    /// The one file that the key comes from.
    fn path(&self, name: &str) -> Result<&Path, Failure> {
        let wrong = |text: &str| Err(Failure::usage(format!("[key.{name}]: {text}")));
        if self.id.is_some()
            || self.region.is_some()
            || self.endpoint.is_some()
            || self.ca.is_some()
            || self.context.is_some()
            || self.credentials.is_some()
        {
            return wrong("id, region, endpoint, ca, context and credentials are for kind = \"kms\"");
        }
        let has_passphrase = self.passphrase_file.is_some()
            || self.passphrase_env.is_some()
            || self.passphrase_command.is_some();
        if self.kind == Kind::Aes && has_passphrase {
            return wrong("an AES key has no passphrase");
        }
        match (self.kind, &self.private, &self.public, &self.file) {
            (Kind::Rsa, _, _, Some(_)) => wrong("an RSA key has private or public, not file"),
            (Kind::Rsa, None, None, None) => {
                wrong("an RSA key needs private or public, the path of its file")
            }
            (Kind::Aes, Some(_), _, _) | (Kind::Aes, _, Some(_), _) => {
                wrong("an AES key has file, neither private nor public")
            }
            (Kind::Aes, None, None, _) if self.padding.is_some() => wrong("an AES key has no padding"),
            (Kind::Aes, None, None, None) => wrong("an AES key needs file, the path of its file"),
            (Kind::Rsa, Some(path), _, None)
            | (Kind::Rsa, None, Some(path), None)
            | (Kind::Aes, None, None, Some(path)) => Ok(path),
            (Kind::Kms, ..) => wrong("a KMS key has no file"),
        }
    }
}

/// The base of relative paths, and whether the file was discovered in the working directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) is_discovered: bool,
}
