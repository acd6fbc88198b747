//! The access key on the command line: its id only. Other processes and the shell's history see arguments, so secrets are refused.

use std::convert::Infallible;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use osseal::Credentials;
use osseal::credentials::{
    CredentialsError, CredentialsErrorKind, Environment, ProvideCredentials, SessionCredentials,
};

use crate::keys::passphrase;
use crate::ui::error::Failure;
use crate::ui::text::printable;

/// An access key among the arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Signer {
    /// Id of the access key; its secret comes from $OSS_ACCESS_KEY_SECRET or the terminal [default: both from the first source that has them; see `osseal config show`]
    #[arg(long = "access-key-id", short = 'i', global = true, value_name = "ID")]
    id: Option<String>,
    /// Refused, as every secret among the arguments is
    #[arg(long = "access-key-secret", short = 'k', global = true, hide = true, value_name = "SECRET",
          allow_hyphen_values = true, action = clap::ArgAction::Append, value_parser = withhold)]
    secret: Vec<Withheld>,
    /// Refused, likewise
    #[arg(long = "sts-token", short = 't', global = true, hide = true, value_name = "TOKEN",
          allow_hyphen_values = true, action = clap::ArgAction::Append, value_parser = withhold)]
    token: Vec<Withheld>,
}

/// A secret argument that is dropped. It is parsed, so that no error message repeats it.
#[derive(Clone, Copy, Debug)]
struct Withheld;

#[expect(clippy::unnecessary_wraps, reason = "the parser's signature")]
fn withhold(_: &str) -> Result<Withheld, Infallible> {
    Ok(Withheld)
}

/// The access key of a given id.
pub(crate) enum Signing {
    /// With the environment's secret.
    Known(Credentials),
    /// The secret is typed at the terminal.
    Prompted(PromptedSecret),
}

/// An access key whose secret is typed at the terminal. Signs only after [`PromptedSecret::ask`].
pub(crate) struct PromptedSecret {
    pub(crate) id: String,
}

impl Signer {
    /// Refuses secrets among the arguments.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let given = [("--access-key-secret", &self.secret), ("--sts-token", &self.token)];
        let Some((name, _)) = given.iter().find(|(_, values)| !values.is_empty()) else { return Ok(()) };
        Err(Failure::usage(format!("{name} is refused: other processes and the shell's history see arguments")).hint(
            "set OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET and OSS_SESSION_TOKEN, or use ~/.ossutilconfig or ~/.aliyun/config.json; with --access-key-id alone the terminal is asked; replace a secret that was given so",
        ))
    }

    /// The access key; `None` when none was given.
    pub(crate) fn signing(&self) -> Result<Option<Signing>, Failure> {
        let Some(id) = &self.id else { return Ok(None) };
        if id.is_empty() {
            return Err(Failure::usage("the value of --access-key-id is empty"));
        }
        let known = Environment::of_process().credentials_of(id).map_err(|error| {
            Failure::usage("the secret of the environment cannot be used").caused_by(&error)
        })?;
        match known {
            Some(credentials) => Ok(Some(Signing::Known(credentials))),
            None if passphrase::can_ask() => Ok(Some(Signing::Prompted(PromptedSecret { id: id.clone() }))),
            None => Err(Failure::usage("--access-key-id is given, and nothing gives its secret").hint(
                "set OSS_ACCESS_KEY_SECRET, or run it on a terminal, which is asked; or leave the id out and let a source of credentials have both",
            )),
        }
    }
}

impl PromptedSecret {
    /// Asks, and waits for the answer.
    pub(crate) fn ask(self) -> Result<Credentials, Failure> {
        let prompt = format!("Secret of the access key {}: ", printable(&self.id));
        let secret = passphrase::ask(&prompt, "secret")?;
        Ok(Credentials::new(self.id, secret.as_str()))
    }
}

impl ProvideCredentials for PromptedSecret {
    fn provide(&self) -> BoxFuture<'_, Result<SessionCredentials, CredentialsError>> {
        let message = format!("nobody was asked for the secret of the access key {}", printable(&self.id));
        async move { Err(CredentialsError::new(CredentialsErrorKind::Absent, message)) }.boxed()
    }
}
