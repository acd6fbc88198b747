//! `config`: shows the effective configuration, creates a file.

use std::path::PathBuf;
use std::sync::Arc;

use osseal::Addressing;
use osseal::credentials::{CredentialsErrorKind, Outcome, Provided, SessionCredentials, SourceReport};
use osseal::transport::Https;
use serde_json::{Value, json};

use crate::account::credentials::chain;
use crate::args::{ConfigCommand, Signing};
use crate::client::session::Context;
use crate::config::endpoint::ResolvedEndpoint;
use crate::config::{self, Profile};
use crate::environment;
use crate::fs::dirs::folder_of;
use crate::fs::dirs::make_folder;
use crate::fs::new_file::write_private;
use crate::ui::error::{Exit, Failure, NO_CREDENTIALS};
use crate::ui::output::Output;
use crate::ui::text::printable;

const SAMPLE: &str = include_str!("sample.toml");
/// Characters of an access key id that are shown at each end.
const SHOWN: usize = 4;

pub(crate) async fn run(context: &Context, command: ConfigCommand) -> Result<(), Failure> {
    if context.local()?.is_some() {
        return Err(Failure::usage("--local reads no configuration").hint("leave --local out"));
    }
    match command {
        ConfigCommand::Show => show(context).await,
        ConfigCommand::Init => init(context),
    }
}

fn init(context: &Context) -> Result<(), Failure> {
    let named = context.globals().config.clone().or_else(|| environment::path(environment::CONFIG));
    let path = if let Some(path) = named {
        path
    } else {
        let path = user_path()?;
        make_folder(folder_of(&path))?;
        path
    };
    write_private(&path, SAMPLE)?;
    let report = json!({ "file": path.to_string_lossy() });
    context.output().report(
        &report,
        format_args!(
            "wrote {}; paths in it are relative to its folder; next: osseal keys new rsa {}, then remove the # in front of region, keyring and [key.backup]",
            path.display(),
            folder_of(&path).join("keys/backup.pem").display()
        ),
    )
}

/// The file in the user's configuration folder.
fn user_path() -> Result<PathBuf, Failure> {
    config::user_file().ok_or_else(|| {
        Failure::new(Exit::Usage, "cannot find the user's configuration folder")
            .hint("name a file: --config FILE")
    })
}

/// The rows to print, and the first failure.
struct Shown {
    rows: Vec<(&'static str, String)>,
    json: serde_json::Map<String, Value>,
    failure: Option<Failure>,
}

/// Prints every setting, then fails with the first error that would stop a command.
async fn show(context: &Context) -> Result<(), Failure> {
    let (config, profile) = context.config()?;
    let mut shown = Shown { rows: Vec::new(), json: serde_json::Map::new(), failure: None };
    let file = config.path.as_ref().map(|path| path.to_string_lossy().into_owned());
    shown.add("configuration", file.clone().unwrap_or_else(|| "no file".to_owned()), json!(file));
    let name = context.profile_name()?;
    shown.add("profile", name.clone(), json!(name));
    match ResolvedEndpoint::resolve(context.globals(), &config, &profile) {
        Ok(place) => shown.place(&place),
        Err(failure) => shown.failure = Some(failure),
    }
    shown.keys(&profile);
    shown.credentials(context, &profile).await?;
    if context.output().is_json {
        Output::json(&Value::Object(shown.json))?;
    } else {
        for (name, value) in &shown.rows {
            Output::line(format_args!("{name:<14} {}", printable(value)))?;
        }
    }
    shown.failure.map_or(Ok(()), Err)
}

impl Shown {
    fn add(&mut self, name: &'static str, text: String, value: Value) {
        self.rows.push((name, text));
        self.json.insert(name.to_owned(), value);
    }

    fn place(&mut self, place: &ResolvedEndpoint) {
        let addressing = match place.addressing.value {
            Addressing::VirtualHost => "virtual-host",
            Addressing::Path => "path",
            Addressing::Cname => "cname",
        };
        for (name, value, source) in [
            ("endpoint", place.endpoint.value.to_string(), place.endpoint.source),
            ("region", place.region.value.clone(), place.region.source),
            ("addressing", addressing.to_owned(), place.addressing.source),
        ] {
            self.add(
                name,
                format!("{value} (from {source})"),
                json!({ "value": value, "from": source.to_string() }),
            );
        }
    }

    fn keys(&mut self, profile: &Profile) {
        let rules = profile.rules(None);
        for (name, value) in
            [("suite", rules.suite().name()), ("read", rules.read().name()), ("bind", rules.bind().name())]
        {
            self.add(name, value.to_owned(), json!(value));
        }
        let text = match profile.keyring.split_first() {
            None => "empty".to_owned(),
            Some((first, others)) => [&[format!("{first} (writes)")], others].concat().join(", "),
        };
        self.add("keyring", text, json!(profile.keyring));
    }

    async fn credentials(&mut self, context: &Context, profile: &Profile) -> Result<(), Failure> {
        if let Some(signing) = context.globals().signer.signing()? {
            let (source, detail) = ("flags", "--access-key-id");
            match signing {
                Signing::Known(credentials) => {
                    self.signer(source, detail, &SessionCredentials::permanent(credentials));
                }
                // No request is signed, so the secret is not asked for.
                Signing::Prompted(typist) => {
                    let id = masked(&typist.id);
                    let text =
                        format!("{id} (from {source}: {detail}), the terminal is asked for its secret");
                    let value = json!({
                        "source": source, "detail": detail, "access_key_id": id, "temporary": false, "expires": null
                    });
                    self.add("credentials", text, value);
                }
            }
            self.json.insert("sources".to_owned(), json!([]));
            return Ok(());
        }
        let transport = Https::new().map_err(|error| Failure::local("TLS cannot be set up", error))?;
        let findings = chain(profile.credentials, Arc::new(transport)).diagnose().await;
        let found = findings.iter().find_map(|finding| match &finding.outcome {
            Outcome::Provided(found) => Some((finding.source.name(), found)),
            _ => None,
        });
        match found {
            Some((source, Provided { grant, detail, .. })) => self.signer(source, detail, grant),
            None => self.add("credentials", "none".to_owned(), Value::Null),
        }
        let mut sources = Vec::new();
        for SourceReport { source, outcome } in &findings {
            let (state, reason) = match outcome {
                Outcome::Provided(_) => ("used", None),
                Outcome::PassedOver(error) => ("passed over", Some(error.to_string())),
                Outcome::Failed(error) => ("failed", Some(error.to_string())),
                _ => ("not asked", None),
            };
            if let Outcome::Failed(error) = outcome {
                self.fail(error.kind(), format!("the source of credentials {source} failed: {error}"));
            }
            let text =
                reason.as_ref().map_or_else(|| state.to_owned(), |reason| format!("{state}: {reason}"));
            self.rows.push(("", format!("{:<12} {text}", source.name())));
            sources.push(json!({ "source": source.name(), "state": state, "reason": reason }));
        }
        if findings.iter().all(|finding| matches!(finding.outcome, Outcome::PassedOver(_))) {
            self.fail(CredentialsErrorKind::Absent, "no source has credentials".to_owned());
        }
        self.json.insert("sources".to_owned(), Value::Array(sources));
        Ok(())
    }

    fn signer(&mut self, source: &str, detail: &str, grant: &SessionCredentials) {
        let id = masked(&grant.credentials.access_key_id);
        let is_temporary = grant.credentials.security_token.is_some();
        let end = grant.expires.map(|end| end.to_string());
        let mut text = format!("{id} (from {source}: {detail})");
        if is_temporary {
            text.push_str(", temporary");
        }
        if let Some(end) = &end {
            text = format!("{text}, until {end}");
        }
        let value = json!({
            "source": source, "detail": detail, "access_key_id": id, "temporary": is_temporary, "expires": end
        });
        self.add("credentials", text, value);
    }

    /// Keeps the first failure.
    fn fail(&mut self, kind: CredentialsErrorKind, message: String) {
        let exit = match kind {
            CredentialsErrorKind::Refused => Exit::Refused,
            CredentialsErrorKind::Unavailable => Exit::Unavailable,
            _ => Exit::Usage,
        };
        self.failure.get_or_insert_with(|| Failure::new(exit, message).hint(NO_CREDENTIALS));
    }
}

/// An access key id without its middle.
fn masked(id: &str) -> String {
    let count = id.chars().count();
    if count < 3 * SHOWN {
        return format!("{}…", id.chars().take(1).collect::<String>());
    }
    let (head, tail): (String, String) =
        (id.chars().take(SHOWN).collect(), id.chars().skip(count - SHOWN).collect());
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_masked() {
        for (id, shown) in [
            ("", "…"),
            ("a", "a…"),
            ("test-id", "t…"),
            ("LTAI5tAbcDef", "LTAI…cDef"),
            ("STS.NUabcdefghij", "STS.…ghij"),
        ] {
            assert_eq!(masked(id), shown);
        }
    }
}
