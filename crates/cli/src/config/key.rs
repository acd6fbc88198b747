//! `[key.NAME]`: wrapping keys and their files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osseal::credentials::CredentialSource;
use osseal::{AesKey, KeyFileError, KmsKey, MaterialDescription, NamedKey, RsaKey, RsaPadding, Suite};
use serde::Deserialize;

use super::kms_key::Account;
use crate::exit::Failure;
use crate::output::printable;
use crate::passphrase::{self, Passphrase, Source};
use crate::secretfile::Guard;
use crate::smallfile;

/// Largest key file.
pub(crate) const MAX_KEY_FILE: usize = 64 << 10;
/// For people.
const KEY_FILE: &str = "key file";

/// What the configuration says about a key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct KeyEntry {
    pub(crate) kind: Kind,
    pub(super) private: Option<PathBuf>,
    pub(super) public: Option<PathBuf>,
    pub(super) file: Option<PathBuf>,
    #[serde(default, deserialize_with = "padding")]
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
    #[serde(default, deserialize_with = "super::parsed")]
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

/// A key whose file, if it has one, has been read.
#[derive(Clone, Debug)]
pub(crate) struct LoadedKey {
    pub(crate) name: String,
    pub(crate) description: MaterialDescription,
    pub(crate) material: Material,
}

#[derive(Clone, Debug)]
pub(crate) enum Material {
    Rsa(Arc<RsaKey>),
    Aes(Arc<AesKey>),
    Kms(Arc<KmsKey>),
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

    /// What objects written with this key say about it.
    pub(crate) fn description(&self) -> MaterialDescription {
        self.description.clone().into_iter().collect()
    }

    /// Whether its calls are signed by the account that signs for the store.
    pub(crate) fn is_signed_for(&self) -> bool {
        self.kind == Kind::Kms && self.credentials.is_none()
    }

    /// What holds for its files with secrets.
    pub(super) fn guard(&self, base: Base<'_>) -> Guard {
        if base.is_discovered { Guard::of_found_section() } else { Guard::of_section(self.allow_shared) }
    }

    /// Where its passphrase comes from, if the section says so.
    pub(super) fn passphrase(&self, folder: &Path) -> Result<Option<Source>, Failure> {
        let file = self.passphrase_file.as_ref().map(|path| Source::File(folder.join(path)));
        let variable = self.passphrase_env.clone().map(Source::Environment);
        let command = self.passphrase_command.as_ref().map(|command| {
            let mut command: Vec<OsString> = command.iter().map(OsString::from).collect();
            // A bare name is looked up in PATH; what names a place starts from where all paths do.
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

impl LoadedKey {
    /// The key as the keyring takes it: a public half writes, everything else also reads.
    pub(crate) fn named(&self) -> NamedKey {
        let named = NamedKey::new(&self.name, self.description.clone());
        match &self.material {
            Material::Kms(key) => named.wrapping(key.clone()).unwrapping(key.clone()),
            Material::Aes(key) => named.wrapping(key.clone()).unwrapping(key.clone()),
            Material::Rsa(key) if key.is_private() => named.wrapping(key.clone()).unwrapping(key.clone()),
            Material::Rsa(key) => named.wrapping(key.clone()),
        }
    }
}

/// The padding of RSA keys that a suite wants: what all official SDKs read for AES/CTR, and what cannot be an oracle for sealed objects.
pub(crate) fn padding_of(suite: Suite) -> RsaPadding {
    if suite.is_authenticated() { RsaPadding::OaepSha256 } else { RsaPadding::Pkcs1 }
}

/// What relative paths start from, and whether anybody named the file that has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) is_discovered: bool,
}

/// What it takes to use a private key file.
#[derive(Debug)]
pub(crate) struct Unlocking {
    pub(crate) guard: Guard,
    pub(crate) passphrase: Option<Source>,
    /// Whether somebody may be asked for a passphrase that nothing else gives.
    pub(crate) may_ask: bool,
}

impl Unlocking {
    /// Of a file without a passphrase.
    pub(crate) const NONE: Unlocking = Unlocking { guard: Guard::STRICT, passphrase: None, may_ask: false };

    /// The passphrase of a file that has one.
    fn passphrase_of(&self, path: &Path) -> Result<Option<Passphrase>, Failure> {
        match &self.passphrase {
            Some(source) => source.read(self.guard).map(Some),
            None if self.may_ask && passphrase::can_ask() => {
                let prompt = format!("Passphrase of {}: ", printable(&path.display().to_string()));
                passphrase::ask(&prompt, passphrase::PASSPHRASE).map(Some)
            }
            None => Ok(None),
        }
    }
}

/// Reads an RSA key file.
pub(crate) fn rsa(
    path: &Path,
    padding: RsaPadding,
    must_be_private: bool,
    unlocking: &Unlocking,
) -> Result<Material, Failure> {
    let (guard, (bytes, metadata)) = (unlocking.guard, smallfile::open(path, KEY_FILE, MAX_KEY_FILE)?);
    let key = match RsaKey::from_pem(&bytes, padding) {
        Err(KeyFileError::Encrypted) => {
            guard.check(path, KEY_FILE, &metadata)?;
            match unlocking.passphrase_of(path)? {
                Some(passphrase) => RsaKey::from_protected_pem(&bytes, passphrase.as_bytes(), padding),
                None => Err(KeyFileError::Encrypted),
            }
        }
        Ok(_) if unlocking.passphrase.is_some() => Err(KeyFileError::NotEncrypted),
        other => other,
    };
    let key = key.map_err(|error| {
        let failure = refused(path, &error);
        match error {
            KeyFileError::Encrypted => failure.hint(guard.passphrase_hint()),
            KeyFileError::NotEncrypted => failure.hint("leave the passphrase out"),
            _ => failure,
        }
    })?;
    if must_be_private && !key.is_private() {
        let text = format!("{} holds the public half only, and a private key is needed", path.display());
        return Err(Failure::usage(text).hint("write public = … for a key that only writes"));
    }
    if key.is_private() {
        guard.check(path, KEY_FILE, &metadata)?;
    }
    Ok(Material::Rsa(Arc::new(key)))
}

fn aes(path: &Path, guard: Guard) -> Result<Material, Failure> {
    let (bytes, metadata) = smallfile::open(path, KEY_FILE, MAX_KEY_FILE)?;
    let key = AesKey::from_file_content(&bytes).map_err(|error| refused(path, &error))?;
    guard.check(path, KEY_FILE, &metadata)?;
    Ok(Material::Aes(Arc::new(key)))
}

fn refused(path: &Path, error: &KeyFileError) -> Failure {
    Failure::usage(format!("cannot use the key file {}", path.display())).caused_by(error)
}

fn padding<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<RsaPadding>, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map(Some).map_err(serde::de::Error::custom)
}
