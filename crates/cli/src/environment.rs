//! The environment. A variable that is set but empty counts as unset.

use std::path::PathBuf;

use osseal::Credentials;
use osseal::credentials::Environment;

use crate::ui::error::Failure;

pub(crate) const CONFIG: &str = "OSSEAL_CONFIG";
pub(crate) const PROFILE: &str = "OSSEAL_PROFILE";
pub(crate) const ENDPOINT: &str = "OSS_ENDPOINT";
pub(crate) const REGION: &str = "OSS_REGION";
pub(crate) const TEMPORARY: &str = "TMPDIR";
pub(crate) const LOG: &str = "OSSEAL_LOG";
pub(crate) const SCRATCH_BUCKET: &str = "OSSEAL_SCRATCH_BUCKET";

/// A variable as text.
pub(crate) fn text(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var_os(name).filter(|value| !value.is_empty()) {
        None => Ok(None),
        // The value may be a secret: only the name is said.
        Some(value) => match value.into_string() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(Failure::usage(format!("the environment variable {name} is not UTF-8"))),
        },
    }
}

/// The access key that the environment itself names, if it names one.
pub(crate) fn credentials() -> Result<Option<Credentials>, Failure> {
    Environment::of_process().credentials().map_err(|error| {
        Failure::usage("the credentials of the environment cannot be used").caused_by(&error)
    })
}

/// A variable as a path.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
