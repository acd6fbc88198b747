//! `environment`: an access key in variables. `OSS_…` variables take precedence over `ALIBABA_CLOUD_…` ones.

use osseal_wire::oss::Credentials;

use super::SessionCredentials;
use super::chain::Provided;
use super::environment::{Environment, names};
use super::error::CredentialsError;

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
