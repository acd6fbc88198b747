//! The embedded store of `--local`: a folder with objects and keys, no account, no network.
//!
//! | in the folder | |
//! |---|---|
//! | `objects` | the store |
//! | `key.pem` | an RSA key, made on first use; the default for writing |
//! | `kms-keys` | the keys of a key service in this process, once one was made |

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::BaseStrategy as _;
use osseal::transport::InProcess;
use osseal::{Credentials, Endpoint, Kms, KmsKey, Store, Suite};
use osseal_server::Service;
use osseal_server::backend::disk::OpenError;
use osseal_server::kms::{KmsService, KmsServiceBuilder};
use osseal_server::quirks::{Etag, Quirks};

use crate::fs::dirs::make_folder;
use crate::fs::new_file;
use crate::fs::secret_file::SecretFilePolicy;
use crate::keys::generate;
use crate::keys::{self, LoadedKey, Material, Unlocking};
use crate::ui::error::{Exit, Failure};

/// Access key id for a store in this process.
const WHO: &str = "local";
/// The region of embedded stores.
pub(crate) const REGION: &str = "cn-hangzhou";
/// Name of the folder's RSA key.
pub(crate) const NAME: &str = "local";
/// The key in the folder.
const KEY_FILE: &str = "key.pem";
/// The keys of the key service.
const KMS_FILE: &str = "kms-keys";
/// Largest file of them, in bytes: some ten thousand.
const MAX_KMS_FILE: usize = 4 << 20;

/// The folder of an embedded store.
pub(crate) struct Local {
    folder: PathBuf,
}

impl Local {
    /// The folder of that name, or the one in the user's data folder.
    pub(crate) fn new(folder: Option<&Path>) -> Result<Local, Failure> {
        if let Some(folder) = folder {
            if folder.as_os_str().is_empty() {
                return Err(Failure::usage("the value of --local is empty"));
            }
            return Ok(Local { folder: folder.to_owned() });
        }
        let folders = etcetera::choose_base_strategy().map_err(|error| {
            Failure::new(Exit::Usage, "the user's data folder is not known")
                .caused_by(&error)
                .hint("name a folder: --local=DIR")
        })?;
        Ok(Local { folder: folders.data_dir().join("osseal").join("local") })
    }

    /// Opens the store, which keeps other processes out while this one runs.
    pub(crate) fn store(&self) -> Result<Store, Failure> {
        let objects = self.folder.join("objects");
        make_folder(&self.folder)?;
        let service = Service::builder()
            .disk(&objects)
            .map_err(|error| self.refused(&error))?
            .quirks(embedded())
            .credentials(vec![credentials()])
            .region(REGION)
            .build();
        in_process(service)
    }

    /// The keys of the folder: the RSA key, made on first use, as the suite wants it and then as the other does, and those of the key service, by
    /// their ids. The store is open by then: its lock keeps a second process from creating one.
    pub(crate) fn keys(&self, suite: Suite) -> Result<Vec<LoadedKey>, Failure> {
        let mut keys = self.key_files(suite)?;
        if self.folder.join(KMS_FILE).symlink_metadata().is_ok() {
            keys.extend(self.kms_keys()?);
        }
        Ok(keys)
    }

    /// Makes a key in the key service of the folder and gives its id. The store is open by then.
    pub(crate) fn new_kms_key(&self) -> Result<String, Failure> {
        let failed = |error| Failure::local("the keys of the key service cannot be kept", error);
        self.key_service()?.create_key().map_err(failed)
    }

    fn kms_keys(&self) -> Result<Vec<LoadedKey>, Failure> {
        let service = self.key_service()?;
        let ids = service.key_ids();
        let transport = InProcess::new(move |request| service.call(request));
        let kms =
            Kms::builder(loopback()?).credentials(credentials()).transport(Arc::new(transport)).build()?;
        let one = |id: String| {
            let parsed = id
                .parse()
                .map_err(|error| Failure::local(format!("{id:?} in {KMS_FILE} is no id of a key"), error))?;
            let material = Material::Kms(Arc::new(KmsKey::builder(kms.clone(), parsed).build()?));
            // Keys of one kind are told apart by their material description.
            let description = [("purpose", "local"), ("key", &id)].into_iter().collect();
            Ok(LoadedKey { name: id, description, material })
        };
        ids.into_iter().map(one).collect()
    }

    fn key_service(&self) -> Result<KmsService, Failure> {
        let builder = KmsService::builder().credentials(vec![credentials()]).region(REGION);
        Ok(with_keys(builder, &self.folder)?.build())
    }

    fn key_files(&self, suite: Suite) -> Result<Vec<LoadedKey>, Failure> {
        let path = self.folder.join(KEY_FILE);
        if path.symlink_metadata().is_err() {
            new_file::write_private(&path, &generate::rsa(generate::BITS)?)?;
        }
        let others = Suite::ALL.into_iter().filter(|other| *other != suite);
        std::iter::once(suite)
            .chain(others)
            .map(|suite| {
                let material = keys::rsa(&path, keys::padding_of(suite), true, &Unlocking::NONE)?;
                let description = [("purpose", "local")].into_iter().collect();
                let name = if suite.is_authenticated() {
                    NAME.to_owned()
                } else {
                    format!("{NAME}-{}", suite.name())
                };
                Ok(LoadedKey { name, description, material })
            })
            .collect()
    }

    fn refused(&self, error: &OpenError) -> Failure {
        let failure =
            Failure::new(Exit::Local, format!("cannot open the embedded store in {}", self.folder.display()))
                .caused_by(error);
        match error {
            OpenError::InUse { .. } => failure.hint(
                "wait for the other process, or let several share a store with `osseal serve --dir` and --endpoint",
            ),
            _ => failure.hint("name another folder: --local=DIR"),
        }
    }
}

/// A key service with the keys in a folder, if some are there; those that it makes go there. Others than their owner must not be able to read them.
pub(crate) fn with_keys(builder: KmsServiceBuilder, folder: &Path) -> Result<KmsServiceBuilder, Failure> {
    let path = folder.join(KMS_FILE);
    let failed = |error| Failure::local("the keys of the key service cannot be used", error);
    // Does not follow links: a dangling link exists and must not count as absent.
    if path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return builder.file_with(path, None).map_err(failed);
    }
    let content = SecretFilePolicy::STRICT.read(&path, "file of keys", MAX_KMS_FILE)?;
    builder.file_with(path, Some(&content)).map_err(failed)
}

/// A client of a service in this process.
pub(crate) fn in_process(service: Service) -> Result<Store, Failure> {
    let transport = InProcess::new(move |request| service.call(request));
    Ok(Store::builder(loopback()?, REGION)
        .credentials(credentials())
        .transport(Arc::new(transport))
        .build()?)
}

fn loopback() -> Result<Endpoint, Failure> {
    Endpoint::parse("http://127.0.0.1").map_err(|error| Failure::local("no endpoint", error))
}

/// Behaviour of stores in this process: the ETag of a part would cost more than everything else together.
pub(crate) fn embedded() -> Quirks {
    let mut quirks = Quirks::default();
    quirks.etag = Etag::Crc64;
    quirks
}

/// Credentials made up for a store in this process.
pub(crate) fn credentials() -> Credentials {
    Credentials::new(WHO, "no secret: the store is in this process")
}
