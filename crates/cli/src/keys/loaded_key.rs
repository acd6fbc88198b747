//! Keys whose files have been read.

use std::path::Path;
use std::sync::Arc;

use osseal::{AesKey, KeyFileError, KmsKey, MaterialDescription, NamedKey, RsaKey, RsaPadding, Suite};

use super::passphrase::{self, Passphrase, Source};
use crate::fs::secret_file::SecretFilePolicy;
use crate::fs::small_file;
use crate::ui::error::Failure;
use crate::ui::text::printable;

/// Largest key file.
pub(crate) const MAX_KEY_FILE: usize = 64 << 10;

/// For people.
const KEY_FILE: &str = "key file";

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

/// The default padding of a suite: PKCS #1 v1.5 for AES-CTR, which all official SDKs read; OAEP for sealed, because it offers no padding oracle.
pub(crate) fn padding_of(suite: Suite) -> RsaPadding {
    if suite.is_authenticated() { RsaPadding::OaepSha256 } else { RsaPadding::Pkcs1 }
}

/// Access rules and passphrase of a private key file.
#[derive(Debug)]
pub(crate) struct Unlocking {
    pub(crate) guard: SecretFilePolicy,
    pub(crate) passphrase: Option<Source>,
    /// Whether the terminal may be asked if no source gives the passphrase.
    pub(crate) may_ask: bool,
}

impl Unlocking {
    /// Of a file without a passphrase.
    pub(crate) const NONE: Unlocking =
        Unlocking { guard: SecretFilePolicy::STRICT, passphrase: None, may_ask: false };

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
    let (guard, (bytes, metadata)) = (unlocking.guard, small_file::open(path, KEY_FILE, MAX_KEY_FILE)?);
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

pub(super) fn aes(path: &Path, guard: SecretFilePolicy) -> Result<Material, Failure> {
    let (bytes, metadata) = small_file::open(path, KEY_FILE, MAX_KEY_FILE)?;
    let key = AesKey::from_file_content(&bytes).map_err(|error| refused(path, &error))?;
    guard.check(path, KEY_FILE, &metadata)?;
    Ok(Material::Aes(Arc::new(key)))
}

fn refused(path: &Path, error: &KeyFileError) -> Failure {
    Failure::usage(format!("cannot use the key file {}", path.display())).caused_by(error)
}
