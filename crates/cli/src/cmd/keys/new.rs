//! `keys new`: key files, and keys in the key service of an embedded store.

use std::path::Path;

use serde_json::json;

use crate::args::{KeyKind, NewKey};
use crate::client::session::Context;
use crate::fs::dirs::{folder_of, make_folder};
use crate::fs::new_file;
use crate::fs::secret_file::SecretFilePolicy;
use crate::keys::generate;
use crate::keys::passphrase::{self, Passphrase, Source};
use crate::ui::error::{Exit, Failure};

pub(super) async fn run(context: &Context, args: NewKey) -> Result<(), Failure> {
    let NewKey { kind, file, bits, passphrase, passphrase_prompt } = args;
    let passphrase = NewPassphrase { from: passphrase.source(), is_asked_for: passphrase_prompt };
    match (kind, file) {
        (KeyKind::Kms | KeyKind::Aes, _) if bits.is_some() => {
            Err(Failure::usage("--bits is for RSA keys; others have 256"))
        }
        (KeyKind::Kms | KeyKind::Aes, _) if passphrase.is_given() => {
            Err(Failure::usage("a passphrase is for the file of an RSA key"))
        }
        (KeyKind::Kms, None) => kms(context),
        (KeyKind::Kms, Some(_)) => Err(Failure::usage("a KMS key has no file")),
        (KeyKind::Aes, Some(file)) => aes(context, &file),
        (KeyKind::Rsa, Some(file)) => rsa(context, &file, bits.as_deref(), passphrase).await,
        (KeyKind::Rsa | KeyKind::Aes, None) => Err(Failure::usage("the key needs a file")),
    }
}

/// The passphrase that a key file is to have, if any.
struct NewPassphrase {
    from: Option<Source>,
    is_asked_for: bool,
}

impl NewPassphrase {
    fn is_given(&self) -> bool {
        self.from.is_some() || self.is_asked_for
    }

    fn read(&self) -> Result<Option<Passphrase>, Failure> {
        match &self.from {
            Some(source) => source.read(SecretFilePolicy::STRICT).map(Some),
            None if self.is_asked_for => passphrase::ask_twice("Passphrase of the key file: ").map(Some),
            None => Ok(None),
        }
    }
}

fn kms(context: &Context) -> Result<(), Failure> {
    let Some(local) = context.local()? else {
        return Err(Failure::usage("keys of the key service are made there")
            .hint("give the id of one a section: kind = \"kms\" and id = \"…\"; with --local, keys new kms makes one for the embedded store"));
    };
    // The open store locks the folder against a second process that creates a key.
    let _store = local.store()?;
    let id = local.new_kms_key()?;
    let report = json!({ "kind": "kms", "id": id });
    context.output().report(
        &report,
        format_args!("made {id} in the key service of the embedded store; cp --key {id} writes with it"),
    )
}

fn aes(context: &Context, file: &Path) -> Result<(), Failure> {
    make_folder(folder_of(file))?;
    new_file::write_private(file, &generate::aes()?)?;
    let report = json!({ "kind": "aes", "bits": 256, "file": file.to_string_lossy() });
    context.output().report(
        &report,
        format_args!(
            "wrote {}: AES-256; keep a backup: objects cannot be decrypted without it",
            file.display()
        ),
    )
}

async fn rsa(
    context: &Context,
    file: &Path,
    bits: Option<&str>,
    passphrase: NewPassphrase,
) -> Result<(), Failure> {
    let bits = bits.and_then(|bits| bits.parse().ok()).unwrap_or(generate::BITS);
    for path in [file, &generate::public_path(file)] {
        if path.symlink_metadata().is_ok() {
            return Err(Failure::new(Exit::Local, format!("{} exists, and is never replaced", path.display()))
                .hint("the private half and its public half go into two files; choose another name, or move the file away"));
        }
    }
    let beside = generate::public_path(file);
    let passphrase = passphrase.read()?;
    let is_protected = passphrase.is_some();
    // Large ones take seconds, in which an interruption has to be heard.
    let made = tokio::task::spawn_blocking(move || -> Result<_, Failure> {
        let private = generate::rsa(bits)?;
        let public = generate::public_half(&private)?;
        match passphrase {
            Some(passphrase) => Ok((generate::protect(&private, &passphrase)?, public)),
            None => Ok((private, public)),
        }
    });
    let made = made.await.map_err(|error| Failure::local("the RSA key could not be made", error));
    let (private, public) = made??;
    make_folder(folder_of(file))?;
    new_file::write_private(file, &private)?;
    new_file::write_public(&beside, &public)?;
    let report = json!({
        "kind": "rsa", "bits": bits, "file": file.to_string_lossy(), "public": beside.to_string_lossy(),
        "protected": is_protected
    });
    context.output().report(
        &report,
        format_args!(
            "wrote {}: RSA-{bits}{}; keep a backup: objects cannot be decrypted without it{}; its public half is in {}",
            file.display(),
            if is_protected { " under the passphrase" } else { "" },
            if is_protected { " and the passphrase" } else { "" },
            beside.display()
        ),
    )
}
