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

/// Every variable that the command reads, and its meaning, for the command reference.
pub(crate) const REFERENCE: [(&str, &str); 11] = [
    (CONFIG, "Configuration file; `--config` overrides it."),
    (PROFILE, "Profile of the configuration; `--profile` overrides it."),
    (ENDPOINT, "Host of the service; `--endpoint` overrides it."),
    (REGION, "Region that requests are signed for; `--region` overrides it."),
    ("OSS_ACCESS_KEY_ID", "Id of the access key."),
    ("OSS_ACCESS_KEY_SECRET", "Secret of the access key."),
    ("OSS_SESSION_TOKEN", "Token of temporary credentials."),
    (LOG, "Log level: off, error, warn, info, debug or trace; `--verbose` overrides it."),
    (TEMPORARY, "Folder for sealed bytes of standard input while they are uploaded."),
    ("XDG_CONFIG_HOME", "Folder that holds `osseal/config.toml`."),
    ("XDG_STATE_HOME", "Folder that holds `osseal`, the checkpoints of uploads and downloads."),
];

/// A variable as text.
pub(crate) fn text(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var_os(name).filter(|value| !value.is_empty()) {
        None => Ok(None),
        // The value may be a secret, so the error contains the name only.
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
