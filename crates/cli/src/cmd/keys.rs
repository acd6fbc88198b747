//! `keys`: make, list, check, and give the public half away.

use std::ffi::OsStr;
use std::path::Path;

use osseal::{
    KeyError, MaterialDescription, RsaPadding, Secret, Suite, UnwrapKey, UnwrapRequest, WrapKey,
    WrappedContent,
};
use serde_json::json;

use crate::args::{KeyKind, Keys};
use crate::config::{self, Kind, LoadedKey, Material};
use crate::exit::{Exit, Failure};
use crate::keys;
use crate::local;
use crate::output::{Output, printable};
use crate::session::Context;

pub(crate) async fn run(context: &Context, command: Keys) -> Result<(), Failure> {
    match command {
        Keys::New { kind: KeyKind::Aes, bits: Some(_), .. } => {
            Err(Failure::usage("--bits is for RSA keys; an AES key has 256"))
        }
        Keys::New { kind: KeyKind::Aes, file, .. } => new_aes(context, &file),
        Keys::New { kind: KeyKind::Rsa, file, bits } => new_rsa(context, &file, bits.as_deref()).await,
        Keys::List => list(context),
        Keys::Check => check(context).await,
        Keys::Public { key } => public(context, &key),
    }
}

fn new_aes(context: &Context, file: &Path) -> Result<(), Failure> {
    keys::write_private(file, &keys::aes()?)?;
    let report = json!({ "kind": "aes", "bits": 256, "file": file.to_string_lossy() });
    context.output().report(
        &report,
        format_args!("wrote {}: AES-256; whoever loses it loses the objects", file.display()),
    )
}

async fn new_rsa(context: &Context, file: &Path, bits: Option<&str>) -> Result<(), Failure> {
    let bits = bits.and_then(|bits| bits.parse().ok()).unwrap_or(keys::BITS);
    let beside = keys::public_path(file);
    if beside.symlink_metadata().is_ok() {
        return Err(Failure::new(Exit::Local, format!("{} exists, and is never replaced", beside.display()))
            .hint("the public half goes there; choose another name, or move the file away"));
    }
    // Large ones take seconds, in which an interruption has to be heard.
    let made = tokio::task::spawn_blocking(move || keys::rsa(bits)).await;
    let private = made.map_err(|error| Failure::local("the RSA key could not be made", error))??;
    keys::write_private(file, &private)?;
    keys::write_public(&beside, &keys::public_half(&private)?)?;
    let report = json!({
        "kind": "rsa", "bits": bits, "file": file.to_string_lossy(), "public": beside.to_string_lossy()
    });
    context.output().report(
        &report,
        format_args!(
            "wrote {}: RSA-{bits}; whoever loses it loses the objects; its public half is in {}",
            file.display(),
            beside.display()
        ),
    )
}

/// A key of the configuration and how it fares.
struct Row {
    name: String,
    kind: Kind,
    /// What the profile writes.
    suite: Suite,
    is_writing: bool,
    in_keyring: bool,
    description: MaterialDescription,
    loaded: Result<LoadedKey, Failure>,
}

fn rows(context: &Context) -> Result<Vec<Row>, Failure> {
    if let Some(local) = context.local()? {
        // Open, so that nobody else makes the key at the same time.
        let _store = local.store()?;
        let suite = Suite::Sealed;
        let keys = local.keys(suite)?.into_iter().enumerate();
        let row = |(index, key): (usize, LoadedKey)| Row {
            name: key.name.clone(),
            kind: Kind::Rsa,
            suite,
            is_writing: index == 0,
            in_keyring: true,
            description: key.description.clone(),
            loaded: Ok(key),
        };
        return Ok(keys.map(row).collect());
    }
    let (config, profile) = context.config()?;
    let (suite, account) = (profile.rules(None).suite(), context.account(&profile)?);
    // Those of the keyring in its order, then the others by name.
    for name in profile.keyring.iter().filter(|name| !config.keys.contains_key(*name)) {
        config.key(name, suite, &account)?;
    }
    let others = config.keys.keys().filter(|name| !profile.keyring.contains(name));
    let rows = profile.keyring.iter().chain(others).filter_map(|name| {
        let entry = config.keys.get(name)?;
        Some(Row {
            name: name.clone(),
            kind: entry.kind,
            suite,
            is_writing: profile.keyring.first() == Some(name),
            in_keyring: profile.keyring.contains(name),
            description: entry.description(),
            loaded: config.key(name, suite, &account),
        })
    });
    Ok(rows.collect())
}

fn list(context: &Context) -> Result<(), Failure> {
    for row in rows(context)? {
        let state = match &row.loaded {
            Ok(key) => key.material.shown(),
            Err(failure) => failure.to_string(),
        };
        let role = match (row.in_keyring, row.is_writing) {
            (true, true) => "writes",
            (true, false) => "reads",
            (false, _) => "unused",
        };
        if context.output().is_json {
            Output::json(&json!({
                "name": row.name,
                "kind": row.kind.name(),
                "role": role,
                "description": row.description.pairs().collect::<std::collections::BTreeMap<_, _>>(),
                "usable": row.loaded.is_ok(),
                "can_read": row.loaded.as_ref().is_ok_and(|key| key.named().can_read()),
                "state": state,
            }))?;
        } else {
            Output::line(format_args!(
                "{:16}  {:4}  {role:6}  {}  {}",
                printable(&row.name),
                row.kind.name(),
                row.description,
                printable(&state)
            ))?;
        }
    }
    Ok(())
}

async fn check(context: &Context) -> Result<(), Failure> {
    let (mut failed, mut first, mut exit) = (Vec::new(), None, None);
    let rows: Vec<_> = rows(context)?.into_iter().filter(|row| row.in_keyring).collect();
    if rows.is_empty() {
        return Err(Failure::usage("the profile has no keyring").hint("name its keys in keyring = […]"));
    }
    for row in rows {
        let outcome = match &row.loaded {
            Ok(key) => key.material.round_trip(row.suite).await,
            Err(failure) => Err((Exit::Usage, failure.to_string())),
        };
        let (is_good, words) = match &outcome {
            Ok(words) => (true, *words),
            Err((_, words)) => (false, words.as_str()),
        };
        if context.output().is_json {
            Output::json(&json!({ "name": row.name, "good": is_good, "state": words }))?;
        } else {
            Output::line(format_args!("{:16}  {}", printable(&row.name), printable(words)))?;
        }
        if !is_good {
            exit = exit.or(outcome.err().map(|(exit, _)| exit));
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

fn public(context: &Context, key: &OsStr) -> Result<(), Failure> {
    let named = match (context.local()?, key.to_str()) {
        (Some(local), Some(local::NAME)) => {
            let _store = local.store()?;
            local.keys(Suite::Sealed)?.into_iter().next()
        }
        (None, Some(name)) => {
            let (config, profile) = context.config()?;
            if config.keys.contains_key(name) {
                Some(config.key(name, Suite::Sealed, &context.account(&profile)?)?)
            } else {
                None
            }
        }
        _ => None,
    };
    let material = match named {
        Some(key) => key.material,
        None => config::rsa(Path::new(key), RsaPadding::Pkcs1, false).map_err(|failure| {
            failure.hint("give the name of a key in the configuration, or an RSA key file")
        })?,
    };
    let Material::Rsa(key) = material else {
        return Err(Failure::usage("neither an AES key nor a KMS key has a public half"));
    };
    let pem =
        key.public_pem().map_err(|error| Failure::local("the public half could not be written", error))?;
    Output::raw(pem.as_bytes())
}

impl Material {
    fn shown(&self) -> String {
        match self {
            Material::Kms(key) => format!("KMS, {}", key.id()),
            Material::Aes(_) => "AES-256".to_owned(),
            Material::Rsa(key) if key.is_private() => {
                format!("RSA-{}, {}", key.modulus_bits(), key.padding())
            }
            Material::Rsa(key) => {
                format!("RSA-{}, {}, public half only", key.modulus_bits(), key.padding())
            }
        }
    }

    /// Wraps 32 random bytes and unwraps them again. A KMS key makes them itself, and wraps others besides if the suite has it wrap counters.
    async fn round_trip(&self, suite: Suite) -> Result<&'static str, (Exit, String)> {
        let failed = |error: KeyError| (code(&error), error.to_string());
        if let Material::Kms(key) = self {
            key.check().await.map_err(failed)?;
            if suite.is_authenticated() {
                return Ok("good");
            }
        }
        let mut bytes = vec![0; 32];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| (Exit::Local, "the system gives no random bytes".to_owned()))?;
        let secret = Secret::new(bytes);
        let (wrap, unwrap): (&dyn WrapKey, Option<&dyn UnwrapKey>) = match self {
            Material::Kms(key) => (key.as_ref(), Some(key.as_ref())),
            Material::Aes(key) => (key.as_ref(), Some(key.as_ref())),
            Material::Rsa(key) => (key.as_ref(), key.is_private().then_some(key.as_ref() as &dyn UnwrapKey)),
        };
        let wrapped = wrap.wrap(&secret).await.map_err(failed)?;
        let Some(unwrap) = unwrap else {
            return Ok("good for writing; only the public half is here, so it cannot read");
        };
        let request = UnwrapRequest::new(wrap.algorithm(), &wrapped, WrappedContent::DataKey);
        let back = unwrap.unwrap(request).await.map_err(failed)?;
        if back.expose() == secret.expose() {
            Ok("good")
        } else {
            Err((Exit::CannotOpen, "what was wrapped does not come back".to_owned()))
        }
    }
}

/// How a command ends that failed so.
fn code(error: &KeyError) -> Exit {
    match error {
        KeyError::Unavailable { retryable: true, .. } => Exit::Unavailable,
        KeyError::Unavailable { .. } => Exit::Local,
        KeyError::Denied { .. } => Exit::Refused,
        KeyError::Credentials { .. } => Exit::Usage,
        KeyError::Protocol { .. } => Exit::Wrong,
        _ => Exit::CannotOpen,
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Rsa => "rsa",
            Kind::Aes => "aes",
            Kind::Kms => "kms",
        }
    }
}
