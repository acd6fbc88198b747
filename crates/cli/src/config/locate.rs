//! Where the configuration is looked for.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use crate::environment;
use crate::ui::error::Failure;

/// The file in the working directory.
const LOCAL: &str = "osseal.toml";

/// A configuration file, and whether it was named or discovered.
#[derive(Clone, Debug)]
pub(crate) struct ConfigFile {
    pub(crate) path: PathBuf,
    /// It happened to lie in the working directory, where a download or an archive may have put it.
    pub(crate) is_discovered: bool,
}

/// The flag, then the environment, then the working directory, then the user's configuration folder.
pub(crate) fn locate(flag: Option<&Path>) -> Result<Option<ConfigFile>, Failure> {
    if let Some(path) = flag {
        if path.as_os_str().is_empty() {
            return Err(Failure::usage("the value of --config is empty"));
        }
        return Ok(Some(ConfigFile { path: path.to_owned(), is_discovered: false }));
    }
    if let Some(path) = environment::path(environment::CONFIG) {
        return Ok(Some(ConfigFile { path, is_discovered: false }));
    }
    let local = Path::new(LOCAL);
    if local.symlink_metadata().is_ok() {
        return Ok(Some(ConfigFile { path: local.to_owned(), is_discovered: true }));
    }
    let Some(path) = user_file() else { return Ok(None) };
    Ok(path.symlink_metadata().is_ok().then_some(ConfigFile { path, is_discovered: false }))
}

/// The file in the user's configuration folder; may not exist.
pub(crate) fn user_file() -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    Some(folders.config_dir().join("osseal").join("config.toml"))
}
