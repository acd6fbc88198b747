//! `aliyun`: the configuration of the vendor's command line, `~/.aliyun/config.json`.
//!
//! Source: <https://github.com/aliyun/aliyun-cli/blob/master/config/profile.go>

use std::path::Path;

use osseal_wire::oss::{Credentials, printable};
use serde::Deserialize;

use crate::credentials::ecs::{self, EcsRoleSpec};
use crate::credentials::environment::names;
use crate::credentials::error::CredentialsError;
use crate::credentials::provided::Provided;
use crate::credentials::source::SourceContext;
use crate::credentials::token_service::{self, Identity, RoleSpec};
use crate::credentials::{file, process};
use osseal_wire::session_credentials::SessionCredentials;

const PATH: &str = ".aliyun/config.json";
const DEFAULT: &str = "default";
const MODES: &str = "AK, StsToken, RamRoleArn, EcsRamRole, OIDC and External";

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    current: Option<String>,
    #[serde(default)]
    profiles: Option<Vec<Profile>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Profile {
    name: String,
    mode: String,
    access_key_id: String,
    access_key_secret: String,
    sts_token: String,
    ram_role_name: String,
    ram_role_arn: String,
    ram_session_name: String,
    expired_seconds: u32,
    policy: String,
    external_id: String,
    sts_region: String,
    enable_vpc: bool,
    oidc_provider_arn: String,
    oidc_token_file: String,
    process_command: String,
}

pub(super) async fn find(context: &SourceContext) -> Result<Provided, CredentialsError> {
    let environment = &context.environment;
    if environment.switch(names::PROFILES_DISABLED)? {
        return Err(CredentialsError::absent(format!("{} switches it off", names::PROFILES_DISABLED)));
    }
    let wanted = environment.text(names::PROFILE)?;
    let (path, by) = match (environment.path(names::CONFIG_FILE), wanted) {
        (Some(path), _) => (path.to_owned(), Some(names::CONFIG_FILE)),
        (None, Some(_)) => (environment.at_home(PATH)?, Some(names::PROFILE)),
        (None, None) => (environment.at_home(PATH)?, None),
    };
    let text = match by {
        Some(by) => file::read_named(&path, by).await?,
        None => file::read(&path).await?,
    };
    let profile = choose(&text, &path, wanted)?;
    let shown = format!("profile {} of {}", printable(&profile.name), path.display());
    let found = profile.credentials(context).await.map_err(|error| error.about(&shown))?;
    let mode = printable(&profile.mode);
    Ok(Provided { detail: format!("{shown}, mode {mode}"), ..found })
}

/// The profile that is asked for, or the current one.
fn choose(text: &str, path: &Path, wanted: Option<&str>) -> Result<Profile, CredentialsError> {
    let shown = path.display();
    // The parser's own errors can quote values.
    let config: Config = serde_json::from_str(text).map_err(|error| {
        CredentialsError::broken(format!(
            "{shown} is not the configuration of the command line aliyun: line {} is not understood",
            error.line()
        ))
    })?;
    let current = config.current.filter(|name| !name.is_empty());
    let name = wanted.or(current.as_deref()).unwrap_or(DEFAULT);
    let profiles = config.profiles.unwrap_or_default();
    if profiles.is_empty() && wanted.is_none() {
        return Err(CredentialsError::absent(format!("{shown} has no profiles")));
    }
    profiles
        .into_iter()
        .find(|profile| profile.name == name)
        .ok_or_else(|| CredentialsError::broken(format!("{shown} has no profile {}", printable(name))))
}

impl Profile {
    async fn credentials(&self, context: &SourceContext) -> Result<Provided, CredentialsError> {
        let lasting = |credentials| Provided {
            grant: SessionCredentials::permanent(credentials),
            detail: String::new(),
        };
        match self.mode.to_ascii_lowercase().as_str() {
            // `aliyun configure` leaves such a profile behind when it is broken off.
            "" | "ak" if self.access_key_id.is_empty() && self.access_key_secret.is_empty() => {
                Err(CredentialsError::absent("it has no access key yet"))
            }
            "ak" => Ok(lasting(self.access_key()?)),
            "ststoken" => {
                let credentials = self.access_key()?;
                Ok(lasting(credentials.with_token(needed("sts_token", &self.sts_token)?)))
            }
            "ramrolearn" => {
                let key = self.access_key()?;
                let base =
                    if self.sts_token.is_empty() { key } else { key.with_token(self.sts_token.as_str()) };
                token_service::assume(context, &self.role()?, &base).await
            }
            "ecsramrole" => {
                let role = Some(self.ram_role_name.as_str()).filter(|role| !role.is_empty());
                ecs::of_role(context, EcsRoleSpec { role, by_name: true }).await
            }
            "oidc" => {
                let identity = Identity {
                    provider: needed("oidc_provider_arn", &self.oidc_provider_arn)?.to_owned(),
                    token_file: needed("oidc_token_file", &self.oidc_token_file)?.into(),
                };
                token_service::with_identity(context, &self.role()?, &identity).await
            }
            "external" => {
                let grant = process::run(needed("process_command", &self.process_command)?).await?;
                Ok(Provided { grant, detail: String::new() })
            }
            _ => Err(CredentialsError::broken(format!(
                "its mode {} is not supported; the supported modes are {MODES}",
                mode(&self.mode)
            ))),
        }
    }

    fn access_key(&self) -> Result<Credentials, CredentialsError> {
        let id = needed("access_key_id", &self.access_key_id)?;
        Ok(Credentials::new(id, needed("access_key_secret", &self.access_key_secret)?))
    }

    fn role(&self) -> Result<RoleSpec, CredentialsError> {
        Ok(RoleSpec {
            arn: needed("ram_role_arn", &self.ram_role_arn)?.to_owned(),
            session: self.ram_session_name.clone(),
            seconds: self.expired_seconds,
            policy: self.policy.clone(),
            external_id: self.external_id.clone(),
            region: self.sts_region.clone(),
            is_internal: self.enable_vpc,
        })
    }
}

/// A mode as an error may show it: only known names. A secret in the wrong field is never repeated.
pub(super) fn mode(name: &str) -> String {
    let legal = name.len() <= 24 && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    if legal { format!("{name:?}") } else { "(not a name)".to_owned() }
}

fn needed<'a>(name: &str, value: &'a str) -> Result<&'a str, CredentialsError> {
    if value.is_empty() { Err(CredentialsError::broken(format!("it has no {name}"))) } else { Ok(value) }
}
