//! `keys`: make, list, check, and give the public half away.

mod check;
mod new;

use std::ffi::OsStr;
use std::path::Path;

use osseal::{MaterialDescription, RsaPadding, Suite};
use serde_json::json;

use crate::account::Account;
use crate::args::Keys;
use crate::client::embedded;
use crate::client::session::{Context, Purpose};
use crate::fs::secret_file::SecretFilePolicy;
use crate::keys::{self, Kind, LoadedKey, Material, Unlocking};
use crate::ui::error::Failure;
use crate::ui::output::Output;
use crate::ui::text::printable;

pub(crate) async fn run(context: &Context, command: Keys) -> Result<(), Failure> {
    match command {
        Keys::New(args) => new::run(context, args).await,
        Keys::List => list(context),
        Keys::Check => check::run(context).await,
        Keys::Public { key, allow_shared, passphrase } => {
            let guard = SecretFilePolicy::of_flag(allow_shared);
            let unlocking = Unlocking { guard, passphrase: passphrase.source(), may_ask: true };
            public(context, &key, &unlocking)
        }
    }
}

/// A key of the configuration and how it fares.
struct Row {
    name: String,
    kind: Kind,
    /// The suite of the profile's writes.
    suite: Suite,
    is_writing: bool,
    in_keyring: bool,
    description: MaterialDescription,
    loaded: Result<LoadedKey, Failure>,
}

/// Which keys are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeySelection {
    /// All keys. Asks for no secrets.
    All,
    /// Those of the profile's keyring.
    Keyring,
}

fn rows(context: &Context, wanted: KeySelection) -> Result<Vec<Row>, Failure> {
    if let Some(local) = context.local()? {
        // The open store locks the folder against a second process that creates the key.
        let _store = local.store()?;
        let suite = Suite::Sealed;
        let keys = local.keys(suite)?.into_iter().enumerate();
        let row = |(index, key): (usize, LoadedKey)| Row {
            name: key.name.clone(),
            kind: key.material.kind(),
            suite,
            is_writing: index == 0,
            in_keyring: true,
            description: key.description.clone(),
            loaded: Ok(key),
        };
        return Ok(keys.map(row).collect());
    }
    let (config, profile) = context.config()?;
    let suite = profile.rules(None).suite();
    let (may_ask, purpose) = match wanted {
        KeySelection::All => (false, Purpose::Show),
        KeySelection::Keyring => (true, Purpose::of_keyring(&config, &profile)),
    };
    let account = Account { may_ask, ..context.account(&profile, purpose)? };
    // Those of the keyring in its order, then the others by name.
    for name in profile.keyring.iter().filter(|name| !config.keys.contains_key(*name)) {
        config.key(name, suite, &account)?;
    }
    let is_other = |name: &&String| wanted == KeySelection::All && !profile.keyring.contains(name);
    let others = config.keys.keys().filter(is_other);
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
    for row in rows(context, KeySelection::All)? {
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

fn public(context: &Context, key: &OsStr, unlocking: &Unlocking) -> Result<(), Failure> {
    let named = match (context.local()?, key.to_str()) {
        (Some(local), Some(embedded::NAME)) => {
            let _store = local.store()?;
            local.keys(Suite::Sealed)?.into_iter().next()
        }
        (None, Some(name)) => {
            let (config, profile) = context.config()?;
            if config.keys.contains_key(name) {
                Some(config.key(name, Suite::Sealed, &context.account(&profile, Purpose::Show)?)?)
            } else {
                None
            }
        }
        _ => None,
    };
    let material = match named {
        Some(key) => key.material,
        None if !Path::new(key).exists() => {
            return Err(Failure::usage(format!("{} is neither a key nor a file", Path::new(key).display()))
                .hint("give the name of a key in the configuration, or an RSA key file"));
        }
        None => keys::rsa(Path::new(key), RsaPadding::Pkcs1, false, unlocking)?,
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

    fn kind(&self) -> Kind {
        match self {
            Material::Rsa(_) => Kind::Rsa,
            Material::Aes(_) => Kind::Aes,
            Material::Kms(_) => Kind::Kms,
        }
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
