//! [`Environment`]: the variables and the home folder that sources read, of this process or of a test; and the source
//! `environment`: an access key in variables. `OSS_…` variables take precedence over `ALIBABA_CLOUD_…` ones.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use osseal_wire::oss::Credentials;

use crate::credentials::error::CredentialsError;
use crate::credentials::provided::Provided;
use osseal_wire::session_credentials::SessionCredentials;

/// Names of variables, each in one place.
pub(super) mod names {
    pub(crate) const OSS: [&str; 3] = ["OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"];
    pub(crate) const ALIBABA: [&str; 3] =
        ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"];
    pub(crate) const ROLE_ARN: &str = "ALIBABA_CLOUD_ROLE_ARN";
    pub(crate) const SESSION_NAME: &str = "ALIBABA_CLOUD_ROLE_SESSION_NAME";
    pub(crate) const OIDC_PROVIDER: &str = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN";
    pub(crate) const OIDC_TOKEN_FILE: &str = "ALIBABA_CLOUD_OIDC_TOKEN_FILE";
    pub(crate) const STS_REGION: &str = "ALIBABA_CLOUD_STS_REGION";
    pub(crate) const VPC: &str = "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED";
    pub(crate) const CONFIG_FILE: &str = "ALIBABA_CLOUD_CONFIG_FILE";
    pub(crate) const PROFILE: &str = "ALIBABA_CLOUD_PROFILE";
    pub(crate) const PROFILES_DISABLED: &str = "ALIBABA_CLOUD_CLI_PROFILE_DISABLED";
    pub(crate) const ECS_ROLE: &str = "ALIBABA_CLOUD_ECS_METADATA";
    pub(crate) const ECS_DISABLED: &str = "ALIBABA_CLOUD_ECS_METADATA_DISABLED";
    pub(crate) const ECS_V1_DISABLED: &str = "ALIBABA_CLOUD_IMDSV1_DISABLED";
    pub(crate) const URI: &str = "ALIBABA_CLOUD_CREDENTIALS_URI";
}

/// Variables and a home folder. A variable that is set but empty counts as unset.
#[derive(Clone, Default)]
pub struct Environment {
    variables: HashMap<OsString, OsString>,
    home: Option<PathBuf>,
}

impl Environment {
    /// The variables of this process as they are now, and the user's home folder.
    pub fn of_process() -> Environment {
        Environment::new(std::env::vars_os(), std::env::home_dir().filter(|home| home.is_absolute()))
    }

    /// Other variables, and another home folder.
    pub fn new<N, V>(variables: impl IntoIterator<Item = (N, V)>, home: Option<PathBuf>) -> Environment
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        let pairs = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        let mut variables: HashMap<OsString, OsString> = pairs.collect();
        variables.retain(|name, value| {
            let name = name.to_string_lossy();
            (name.starts_with("OSS_") || name.starts_with("ALIBABA_CLOUD_")) && !value.is_empty()
        });
        Environment { variables, home }
    }

    /// Returns the access key in the variables: the source `environment` alone.
    ///
    /// # Errors
    /// Only one of id and secret is set, or a variable is not UTF-8.
    pub fn credentials(&self) -> Result<Option<Credentials>, CredentialsError> {
        Ok(read(self)?.map(|(credentials, _)| credentials))
    }

    /// Returns the access key for an id that is given elsewhere, if the variables have its secret: next to this id, or
    /// next to no id. Variables for another id are ignored.
    ///
    /// # Errors
    /// A variable is not UTF-8.
    pub fn credentials_of(&self, id: &str) -> Result<Option<Credentials>, CredentialsError> {
        read_of(self, id)
    }

    /// A variable as text. Its value may be a secret: errors have its name only.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, CredentialsError> {
        let Some(value) = self.variables.get(std::ffi::OsStr::new(name)) else { return Ok(None) };
        match value.to_str() {
            Some(value) => Ok(Some(value)),
            None => Err(CredentialsError::broken(format!("the environment variable {name} is not UTF-8"))),
        }
    }

    /// A variable as a path.
    pub(super) fn path(&self, name: &str) -> Option<&Path> {
        self.variables.get(std::ffi::OsStr::new(name)).map(Path::new)
    }

    /// Whether a switch is on.
    pub(super) fn switch(&self, name: &str) -> Result<bool, CredentialsError> {
        let value = self.text(name)?.unwrap_or("false").to_ascii_lowercase();
        match value.as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(CredentialsError::broken(format!("{name} is neither true nor false"))),
        }
    }

    /// A file in the home folder.
    pub(super) fn at_home(&self, name: &str) -> Result<PathBuf, CredentialsError> {
        let home =
            self.home.as_ref().ok_or_else(|| CredentialsError::absent("the home folder is not known"))?;
        Ok(home.join(name))
    }
}

/// Names only: values are secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.variables.keys().collect();
        names.sort();
        f.debug_struct("Environment").field("variables", &names).field("home", &self.home).finish()
    }
}

pub(super) fn find(environment: &Environment) -> Result<Provided, CredentialsError> {
    let (credentials, name) = read(environment)?.ok_or_else(|| {
        CredentialsError::absent(format!("neither {} nor {} is set", names::OSS[0], names::ALIBABA[0]))
    })?;
    Ok(Provided { grant: SessionCredentials::permanent(credentials), detail: name.to_owned() })
}

/// The access key, and the name of the variable that has its id.
pub(super) fn read(
    environment: &Environment,
) -> Result<Option<(Credentials, &'static str)>, CredentialsError> {
    for names in [names::OSS, names::ALIBABA] {
        if let Some(credentials) = read_one(environment, names)? {
            return Ok(Some((credentials, names[0])));
        }
    }
    Ok(None)
}

/// The access key of an id: with the secret next to it, otherwise with a secret next to no id.
pub(super) fn read_of(environment: &Environment, id: &str) -> Result<Option<Credentials>, CredentialsError> {
    for wanted in [Some(id), None] {
        for [named, secret, token] in [names::OSS, names::ALIBABA] {
            if environment.text(named)? == wanted
                && let Some(secret) = environment.text(secret)?
            {
                return Ok(Some(credentials(id, secret, environment.text(token)?)));
            }
        }
    }
    Ok(None)
}

fn credentials(id: &str, secret: &str, token: Option<&str>) -> Credentials {
    let credentials = Credentials::new(id, secret);
    match token {
        Some(token) => credentials.with_token(token),
        None => credentials,
    }
}

fn read_one(
    environment: &Environment,
    [id, secret, token]: [&str; 3],
) -> Result<Option<Credentials>, CredentialsError> {
    let half = |set: &str, unset: &str| {
        Err(CredentialsError::broken(format!("{set} is set and {unset} is not; set both or neither")))
    };
    match (environment.text(id)?, environment.text(secret)?, environment.text(token)?) {
        (None, None, None) => Ok(None),
        (None, None, Some(_)) => half(token, id),
        (Some(_), None, _) => half(id, secret),
        (None, Some(_), _) => half(secret, id),
        (Some(id), Some(secret), token) => Ok(Some(credentials(id, secret, token))),
    }
}
