//! The embedded store of `--local`: a folder with objects and a key, no account, no network.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::BaseStrategy as _;
use osseal::transport::InProcess;
use osseal::{Credentials, Endpoint, Store, Suite};
use osseal_server::Service;
use osseal_server::backend::disk::OpenError;
use osseal_server::quirks::{Etag, Quirks};

use crate::config::{self, LoadedKey};
use crate::exit::{Exit, Failure};
use crate::keys;

/// Who signs towards a store that is in this process.
const WHO: &str = "local";
/// The region of embedded stores.
pub(crate) const REGION: &str = "cn-hangzhou";
/// What the folder's key is called.
pub(crate) const NAME: &str = "local";
/// The key in the folder.
const KEY_FILE: &str = "key.pem";

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

    /// The key of the folder, made on first use, as the suite wants it and then as the other does. The store is open by then, so nobody else makes
    /// one at the same time.
    pub(crate) fn keys(&self, suite: Suite) -> Result<Vec<LoadedKey>, Failure> {
        let path = self.folder.join(KEY_FILE);
        if path.symlink_metadata().is_err() {
            keys::write_private(&path, &keys::rsa(keys::BITS)?)?;
        }
        let others = Suite::ALL.into_iter().filter(|other| *other != suite);
        std::iter::once(suite)
            .chain(others)
            .map(|suite| {
                let material = config::rsa(&path, config::padding_of(suite), true)?;
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

/// A client of a service in this process.
pub(crate) fn in_process(service: Service) -> Result<Store, Failure> {
    let endpoint =
        Endpoint::parse("http://127.0.0.1").map_err(|error| Failure::local("no endpoint", error))?;
    let transport = InProcess::new(move |request| service.call(request));
    Ok(Store::builder(endpoint, REGION).credentials(credentials()).transport(Arc::new(transport)).build()?)
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

/// Makes a folder that only its owner can look into.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| Failure::local(format!("cannot make the folder {}", folder.display()), error))
}
