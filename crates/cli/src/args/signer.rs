//! Who signs, on the command line.

use osseal::Credentials;
use secrecy::{ExposeSecret, SecretString};

use crate::exit::Failure;
use crate::output::Output;

/// An access key among the arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Signer {
    /// Id of the access key [default: from the first source that has one; see `osseal config show`]
    #[arg(long = "access-key-id", short = 'i', global = true, value_name = "ID")]
    id: Option<String>,
    /// Secret of the access key, where other processes and the shell's history can see it
    #[arg(long = "access-key-secret", short = 'k', global = true, value_name = "SECRET", value_parser = secret)]
    secret: Option<SecretString>,
    /// Token of temporary credentials, as visible
    #[arg(long = "sts-token", short = 't', global = true, value_name = "TOKEN", value_parser = secret)]
    token: Option<SecretString>,
}

impl Signer {
    /// The access key; `None` when nothing of it was given.
    pub(crate) fn credentials(&self) -> Result<Option<Credentials>, Failure> {
        let missing = |given: &str, missing: &str| {
            Err(Failure::usage(format!("{given} is given and {missing} is not"))
                .hint("give both, or neither and let a source of credentials have them"))
        };
        match (&self.id, &self.secret, &self.token) {
            (None, None, None) => Ok(None),
            (None, _, Some(_)) => missing("--sts-token", "--access-key-id"),
            (None, Some(_), None) => missing("--access-key-secret", "--access-key-id"),
            (Some(_), None, _) => missing("--access-key-id", "--access-key-secret"),
            (Some(id), _, _) if id.is_empty() => Err(Failure::usage("the value of --access-key-id is empty")),
            (Some(id), Some(secret), token) => {
                let credentials = Credentials::new(id, secret.clone());
                Ok(Some(match token {
                    Some(token) => credentials.with_token(token.clone()),
                    None => credentials,
                }))
            }
        }
    }

    /// Says what is unwise about secrets among the arguments.
    pub(crate) fn warn(&self) {
        let given = [("--access-key-secret", &self.secret), ("--sts-token", &self.token)];
        for (name, _) in given.iter().filter(|(_, value)| value.is_some()) {
            Output::warn(format_args!(
                "other processes and the shell's history can see {name}; use OSS_ACCESS_KEY_ID and its like, ~/.ossutilconfig or ~/.aliyun/config.json"
            ));
        }
    }
}

fn secret(text: &str) -> Result<SecretString, &'static str> {
    let secret = SecretString::from(text.to_owned());
    if secret.expose_secret().is_empty() { Err("it is empty") } else { Ok(secret) }
}
