//! `[key.NAME]`: wrapping keys and their files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osseal::credentials::CredentialSource;
use osseal::{AesKey, KmsKey, MaterialDescription, NamedKey, RsaKey, RsaPadding, Suite};
use serde::Deserialize;

use super::kms_key::Account;
use crate::exit::Failure;
use crate::output::Output;
use crate::smallfile;

/// Largest key file.
pub(crate) const MAX_KEY_FILE: usize = 64 << 10;

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
    /// The one source of the key service's credentials.
    #[serde(default, deserialize_with = "super::parsed")]
    pub(super) credentials: Option<CredentialSource>,
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
    /// Reads the key's file, or finds the way to the key service; relative paths start from `folder`. An RSA key without a padding has the suite's.
    pub(crate) fn load(
        &self,
        name: &str,
        folder: &Path,
        suite: Suite,
        account: &Account,
    ) -> Result<LoadedKey, Failure> {
        let about = |failure: Failure| failure.about(&format!("the key {name:?}"));
        let material = match self.kind {
            Kind::Rsa => {
                let path = folder.join(self.path(name)?);
                rsa(&path, self.padding.unwrap_or(padding_of(suite)), self.private.is_some())
            }
            Kind::Aes => aes(&folder.join(self.path(name)?)),
            Kind::Kms => {
                let section = self.kms().map_err(|failure| failure.about(&format!("[key.{name}]")))?;
                section.open(folder, account).map(|key| Material::Kms(Arc::new(key)))
            }
        };
        let material = material.map_err(about)?;
        Ok(LoadedKey { name: name.to_owned(), description: self.description(), material })
    }

    /// What objects written with this key say about it.
    pub(crate) fn description(&self) -> MaterialDescription {
        self.description.clone().into_iter().collect()
    }

    /// The one file that the key comes from.
    fn path(&self, name: &str) -> Result<&Path, Failure> {
        let wrong = |text: &str| Err(Failure::usage(format!("[key.{name}]: {text}")));
        if self.id.is_some()
            || self.region.is_some()
            || self.endpoint.is_some()
            || self.ca.is_some()
            || self.passphrase_file.is_some()
            || self.credentials.is_some()
        {
            return wrong("id, region, endpoint, ca, passphrase-file and credentials are for kind = \"kms\"");
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

/// Reads an RSA key file.
pub(crate) fn rsa(path: &Path, padding: RsaPadding, must_be_private: bool) -> Result<Material, Failure> {
    let bytes = smallfile::read(path, "key file", MAX_KEY_FILE)?;
    let key = RsaKey::from_pem(&bytes, padding).map_err(|error| refused(path, &error))?;
    if must_be_private && !key.is_private() {
        let text = format!("{} holds the public half only, and a private key is needed", path.display());
        return Err(Failure::usage(text).hint("write public = … for a key that only writes"));
    }
    if key.is_private() {
        warn_if_open(path);
    }
    Ok(Material::Rsa(Arc::new(key)))
}

fn aes(path: &Path) -> Result<Material, Failure> {
    let bytes = smallfile::read(path, "key file", MAX_KEY_FILE)?;
    let key = AesKey::from_file_content(&bytes).map_err(|error| refused(path, &error))?;
    warn_if_open(path);
    Ok(Material::Aes(Arc::new(key)))
}

/// Warns of a secret that others can read.
pub(super) fn warn_if_open(path: &Path) {
    if smallfile::is_open_to_all(path) {
        Output::warn(format_args!(
            "everybody on this machine can read the key file {}; chmod 600 changes that",
            path.display()
        ));
    }
}

fn refused(path: &Path, error: &osseal::KeyFileError) -> Failure {
    Failure::usage(format!("cannot use the key file {}", path.display())).caused_by(error)
}

fn padding<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<RsaPadding>, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map(Some).map_err(serde::de::Error::custom)
}
