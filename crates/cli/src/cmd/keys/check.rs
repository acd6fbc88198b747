//! `keys check`: wraps and unwraps a test key with every key of the keyring.

use osseal::kms::KmsCheck;
use osseal::{KeyError, KmsKey, Secret, Suite, UnwrapKey, UnwrapRequest, WrapKey, WrappedContent};
use serde_json::json;

use super::{KeySelection, rows};
use crate::client::session::Context;
use crate::keys::Material;
use crate::ui::error::{Exit, Failure};
use crate::ui::output::Output;
use crate::ui::text::printable;

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let (mut failed, mut first, mut exit) = (Vec::new(), None, None);
    let rows = rows(context, KeySelection::Keyring)?;
    if rows.is_empty() {
        return Err(Failure::usage("the profile has no keyring").hint("name its keys in keyring = […]"));
    }
    for row in rows {
        let outcome = match &row.loaded {
            Ok(key) => key.material.try_out(row.suite).await,
            Err(failure) => Outcome::bad(Proven::Nothing, Exit::Usage, failure.to_string()),
        };
        let is_good = outcome.exit.is_none();
        if context.output().is_json {
            Output::json(&json!({
                "name": row.name, "good": is_good, "proven": outcome.proven.name(), "state": outcome.words
            }))?;
        } else {
            Output::line(format_args!("{:16}  {}", printable(&row.name), printable(&outcome.words)))?;
        }
        if !is_good {
            exit = exit.or(outcome.exit);
            first = first.or(row.loaded.err());
            failed.push(row.name);
        }
    }
    match first {
        Some(failure) => Err(failure),
        None if failed.is_empty() => Ok(()),
        None => {
            let exit = exit.unwrap_or(Exit::CannotOpen);
            Err(Failure::new(exit, format!("not all keys are good: {}", failed.join(", "))))
        }
    }
}

/// The result of checking a key.
struct Outcome {
    proven: Proven,
    words: String,
    /// How the command ends, if it is not good.
    exit: Option<Exit>,
}

#[derive(Clone, Copy)]
enum Proven {
    RoundTrip,
    Wrapping,
    Nothing,
}

impl Proven {
    fn name(self) -> &'static str {
        match self {
            Proven::RoundTrip => "round-trip",
            Proven::Wrapping => "wrapping",
            Proven::Nothing => "nothing",
        }
    }
}

impl Outcome {
    fn good(proven: Proven, words: impl Into<String>) -> Outcome {
        Outcome { proven, words: words.into(), exit: None }
    }

    fn bad(proven: Proven, exit: Exit, words: impl Into<String>) -> Outcome {
        Outcome { proven, words: words.into(), exit: Some(exit) }
    }

    fn failed(proven: Proven, error: &KeyError) -> Outcome {
        Outcome::bad(proven, code(error), error.to_string())
    }
}

impl Material {
    /// Wraps and unwraps a test key.
    async fn try_out(&self, suite: Suite) -> Outcome {
        match self {
            Material::Kms(key) => try_kms(key, suite).await,
            Material::Aes(key) => round_trip(key.as_ref(), Some(key.as_ref())).await,
            Material::Rsa(key) => {
                let unwrap = key.is_private().then_some(key.as_ref() as &dyn UnwrapKey);
                round_trip(key.as_ref(), unwrap).await
            }
        }
    }
}

/// Has the service make a data key and unwrap it; if the suite has it wrap counters, also a value of ours. A writer may lack the permission to unwrap:
/// then only the remaining steps are verified, and the result names them.
async fn try_kms(key: &KmsKey, suite: Suite) -> Outcome {
    let checked = match key.check().await {
        Err(KeyError::Denied { message }) => {
            let words =
                format!("cannot make a data key: denied: {message}; whether it unwraps is not proven");
            return Outcome::bad(Proven::Nothing, Exit::Refused, words);
        }
        Err(error) => return Outcome::failed(Proven::Nothing, &error),
        Ok(checked) => checked,
    };
    match (checked, suite) {
        (KmsCheck::RoundTrip, Suite::AesCtr) => match round_trip(key, Some(key)).await {
            Outcome { proven: Proven::Nothing, exit: Some(exit), words } => {
                let words = format!("makes data keys, and cannot encrypt, which AES/CTR takes: {words}");
                Outcome::bad(Proven::Nothing, exit, words)
            }
            outcome => outcome,
        },
        (KmsCheck::RoundTrip, _) => Outcome::good(Proven::RoundTrip, "good"),
        (KmsCheck::WrapsOnly { message }, suite) => {
            if suite == Suite::AesCtr
                && let Some(exit) = round_trip(key, None).await.exit
            {
                let words = format!(
                    "makes data keys, and can neither encrypt, which AES/CTR takes, nor unwrap: denied: {message}"
                );
                return Outcome::bad(Proven::Nothing, exit, words);
            }
            let words = format!("wraps, which is enough for a writer; cannot unwrap: denied: {message}");
            Outcome::bad(Proven::Wrapping, Exit::Refused, words)
        }
        (_, _) => Outcome::bad(Proven::Nothing, Exit::CannotOpen, "what was proven is not understood"),
    }
}

/// Wraps 32 random bytes and unwraps them again, as far as the key can.
async fn round_trip(wrap: &dyn WrapKey, unwrap: Option<&dyn UnwrapKey>) -> Outcome {
    let mut bytes = vec![0; 32];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        return Outcome::bad(Proven::Nothing, Exit::Local, "the system gives no random bytes");
    }
    let secret = Secret::new(bytes);
    let wrapped = match wrap.wrap(&secret).await {
        Ok(wrapped) => wrapped,
        Err(error) => return Outcome::failed(Proven::Nothing, &error),
    };
    let Some(unwrap) = unwrap else {
        let words = "good for writing; only the public half is here, so it cannot read";
        return Outcome::good(Proven::Wrapping, words);
    };
    match unwrap.unwrap(UnwrapRequest::new(wrap.algorithm(), &wrapped, WrappedContent::DataKey)).await {
        Ok(back) if back.expose() == secret.expose() => Outcome::good(Proven::RoundTrip, "good"),
        Ok(_) => Outcome::bad(Proven::Wrapping, Exit::CannotOpen, "what was wrapped does not come back"),
        Err(error) => Outcome::failed(Proven::Wrapping, &error),
    }
}

/// How a command ends that failed so.
fn code(error: &KeyError) -> Exit {
    match error {
        KeyError::Unavailable { retryable: true, .. } => Exit::Unavailable,
        KeyError::Unavailable { .. } => Exit::Local,
        KeyError::Denied { .. } => Exit::Refused,
        KeyError::Credentials { .. } => Exit::Usage,
        KeyError::Protocol { .. } => Exit::Mismatch,
        _ => Exit::CannotOpen,
    }
}
