//! The environment. A variable that is set but empty counts as unset.

use std::path::PathBuf;

use osseal::Credentials;

use crate::exit::Failure;

pub(crate) const CONFIG: &str = "OSSEAL_CONFIG";
pub(crate) const PROFILE: &str = "OSSEAL_PROFILE";
pub(crate) const ENDPOINT: &str = "OSS_ENDPOINT";
pub(crate) const REGION: &str = "OSS_REGION";
pub(crate) const SCRATCH_BUCKET: &str = "OSSEAL_SCRATCH_BUCKET";
const ID: &str = "OSS_ACCESS_KEY_ID";
const SECRET: &str = "OSS_ACCESS_KEY_SECRET";
const TOKEN: &str = "OSS_SESSION_TOKEN";

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

/// A variable as a path.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Who signs. `None` when neither the id nor the secret is set.
pub(crate) fn credentials() -> Result<Option<Credentials>, Failure> {
    let missing = |set, unset| {
        Err(Failure::usage(format!("{set} is set and {unset} is not"))
            .hint("set both; credentials are read from the environment alone"))
    };
    match (text(ID)?, text(SECRET)?) {
        (None, None) => Ok(None),
        (Some(_), None) => missing(ID, SECRET),
        (None, Some(_)) => missing(SECRET, ID),
        (Some(id), Some(secret)) => {
            let credentials = Credentials::new(id, secret);
            Ok(Some(match text(TOKEN)? {
                Some(token) => credentials.with_token(token),
                None => credentials,
            }))
        }
    }
}

/// What to say when nobody can sign.
pub(crate) fn no_credentials() -> Failure {
    Failure::usage("there are no credentials")
        .hint(format!("set {ID} and {SECRET} in the environment, or use --local for an embedded store"))
}
