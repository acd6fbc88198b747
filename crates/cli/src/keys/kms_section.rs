//! `[key.NAME]` of the kind `kms`: a key that the key service keeps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use osseal::credentials::CredentialSource;
use osseal::kms::{Kms, endpoint};
use osseal::transport::Https;
use osseal::{Endpoint, EndpointKind, KeyId, KmsKey};

use super::key_section::{Base, KeyEntry};
use super::loaded_key::MAX_KEY_FILE;
use crate::account::credentials::only;
use crate::account::{Account, KmsRoute};
use crate::fs::secret_file::SecretFilePolicy;
use crate::fs::small_file;
use crate::keys::passphrase::Source;
use crate::ui::error::Failure;

/// The fields of a KMS key.
pub(super) struct KmsSection<'a> {
    pub(super) id: &'a str,
    pub(super) region: Option<&'a str>,
    pub(super) endpoint: Option<&'a str>,
    pub(super) ca: Option<&'a PathBuf>,
    pub(super) passphrase: Option<Source>,
    pub(super) context: Option<&'a BTreeMap<String, String>>,
    pub(super) credentials: Option<CredentialSource>,
    pub(super) guard: SecretFilePolicy,
}

impl KmsSection<'_> {
    /// The key. The service is not asked.
    pub(super) fn open(&self, base: Base<'_>, account: &Account) -> Result<KmsKey, Failure> {
        let id: KeyId = self.id.parse().map_err(|error| refused("id is not understood", &error))?;
        let endpoint = self.endpoint(&id, account)?;
        let ca = self.ca.map(|ca| base.folder.join(ca));
        let way = KmsRoute { endpoint: endpoint.to_string(), ca: ca.clone(), credentials: self.credentials };
        let kms = account.services.of(way, || self.service(endpoint, ca.as_deref(), account))?;
        let mut key = KmsKey::builder(kms, id);
        if let Some(pairs) = self.context {
            key = key.context(pairs).map_err(|error| refused("context cannot be used", &error))?;
        }
        if let Some(source) = &self.passphrase {
            let passphrase = source.read(self.guard)?;
            key = key
                .passphrase(&passphrase)
                .map_err(|error| refused("the passphrase cannot be used", &error))?;
        }
        Ok(key.build()?)
    }

    /// The service at an endpoint, whose certificate may be of an authority of its own.
    fn service(&self, endpoint: Endpoint, ca: Option<&Path>, account: &Account) -> Result<Kms, Failure> {
        let transport = match ca {
            Some(ca) => {
                let pem = small_file::read(ca, "certificate file", MAX_KEY_FILE)?;
                let https = Https::trusting(&pem).map_err(|error| refused("ca cannot be used", &error))?;
                account.beside(Arc::new(https))
            }
            None => account.transport.clone(),
        };
        let credentials = match self.credentials {
            Some(source) => only(source, account.transport.clone()),
            None => account.credentials.clone(),
        };
        let kms = Kms::builder(endpoint).credentials(credentials).transport(transport);
        Ok(if account.allow_plain_http { kms.allow_plain_http() } else { kms }.build()?)
    }

    /// The one that is named, or that of the region: the section's or the key's own, else the profile's.
    fn endpoint(&self, id: &KeyId, account: &Account) -> Result<Endpoint, Failure> {
        if let (Some(said), Some(own)) = (self.region, id.region())
            && said != own
        {
            return Err(Failure::usage(format!("id is of the region {own}, and region says {said:?}"))
                .hint("a key and what it wraps belong to one region; leave region out"));
        }
        if let Some(text) = self.endpoint {
            return Endpoint::parse(text).map_err(|error| refused("endpoint is not understood", &error));
        }
        let region = self.region.or(id.region()).or(account.region.as_deref()).ok_or_else(|| {
            Failure::usage("no region is given")
                .hint("write region = … into the key's section or the profile")
        })?;
        let in_private_network = account.network == EndpointKind::Internal;
        endpoint::of_region(region, in_private_network)
            .map_err(|error| refused("the region is not understood", &error))
    }
}

impl KeyEntry {
    /// The KMS fields. Fails if the section has fields of key files.
    pub(super) fn kms(&self, base: Base<'_>) -> Result<KmsSection<'_>, Failure> {
        if self.private.is_some() || self.public.is_some() || self.file.is_some() || self.padding.is_some() {
            return Err(Failure::usage("a KMS key has id, and neither a key file nor a padding"));
        }
        if base.is_discovered {
            self.sends_nothing_of_others()?;
        }
        let Some(id) = &self.id else {
            return Err(Failure::usage("a KMS key needs id: its id, alias/NAME or ARN"));
        };
        Ok(KmsSection {
            id,
            region: self.region.as_deref(),
            endpoint: self.endpoint.as_deref(),
            ca: self.ca.as_ref(),
            passphrase: self.passphrase(base.folder)?,
            context: self.context.as_ref(),
            credentials: self.credentials,
            guard: self.guard(base),
        })
    }

    /// Refuses a section that has something of the user's sent to a key service of its own choice: a passphrase is.
    fn sends_nothing_of_others(&self) -> Result<(), Failure> {
        let said = [
            ("passphrase-file", self.passphrase_file.is_some()),
            ("passphrase-env", self.passphrase_env.is_some()),
            ("passphrase-command", self.passphrase_command.is_some()),
        ];
        let Some((name, _)) = said.iter().find(|(_, is_said)| *is_said) else { return Ok(()) };
        Err(Failure::usage(format!(
            "{name} of a KMS key is refused: a configuration found in the working directory may not name what is sent to a key service"
        ))
        .hint("name the file with --config if you trust it"))
    }
}

fn refused(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::usage(what).caused_by(error)
}
