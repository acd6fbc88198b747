//! `[key.NAME]`: wrapping keys and their files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osseal::{AesKey, MaterialDescription, NamedKey, RsaKey, RsaPadding, Suite};
use serde::Deserialize;

use crate::exit::Failure;
use crate::output::Output;
use crate::smallfile;

/// Largest key file.
pub(crate) const MAX_KEY_FILE: usize = 64 << 10;

/// What the configuration says about a key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyEntry {
    pub(crate) kind: Kind,
    private: Option<PathBuf>,
    public: Option<PathBuf>,
    file: Option<PathBuf>,
    #[serde(default, deserialize_with = "padding")]
    padding: Option<RsaPadding>,
    #[serde(default)]
    description: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Rsa,
    Aes,
}

/// A key whose file has been read.
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
}

impl KeyEntry {
    /// Reads the key's file; relative paths start from `folder`. An RSA key without a padding has the suite's.
    pub(crate) fn load(&self, name: &str, folder: &Path, suite: Suite) -> Result<LoadedKey, Failure> {
        let path = folder.join(self.path(name)?);
        let material = match self.kind {
            Kind::Rsa => rsa(&path, self.padding.unwrap_or(padding_of(suite)), self.private.is_some()),
            Kind::Aes => aes(&path),
        };
        let material = material.map_err(|failure| failure.about(&format!("the key {name:?}")))?;
        Ok(LoadedKey { name: name.to_owned(), description: self.description(), material })
    }

    /// What objects written with this key say about it.
    pub(crate) fn description(&self) -> MaterialDescription {
        self.description.clone().into_iter().collect()
    }

    /// The one file that the key comes from.
    fn path(&self, name: &str) -> Result<&Path, Failure> {
        let wrong = |text: &str| Err(Failure::usage(format!("[key.{name}]: {text}")));
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
        }
    }
}

impl LoadedKey {
    /// The key as the keyring takes it: a public half writes, everything else also reads.
    pub(crate) fn named(&self) -> NamedKey {
        let named = NamedKey::new(&self.name, self.description.clone());
        match &self.material {
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

fn warn_if_open(path: &Path) {
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
