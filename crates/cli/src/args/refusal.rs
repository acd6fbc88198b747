//! Parses arguments and explains errors.

use std::process::ExitCode;

use clap::Parser;

use super::Args;
use crate::ui::error::{self, Failure};

/// Longest piece of an argument that an error repeats, in characters.
const SHOWN: usize = 400;

/// Commands of ossutil that cannot be here, or have another name.
const INSTEAD: [(&[&str], &str); 5] = [
    (
        &["append", "append-object", "appendfromfile", "append-from-file"],
        "encrypted objects are not appended to: a key stream may be used once; write the whole object, or a further one",
    ),
    (
        &["process", "process-object", "image-process"],
        "the service sees ciphertext and can process nothing; read the object with cat and process the plaintext",
    ),
    (
        &["select", "select-object", "select-object-content"],
        "the service sees ciphertext and can select nothing; read the object with cat and filter the plaintext",
    ),
    (&["sign"], "the command is presign"),
    (&["du"], "ls -r --json lists stored sizes, and with --plain plaintext sizes, to add up"),
];

/// Reads the arguments. Help and refusals are printed here.
pub(crate) fn parse() -> Result<Args, ExitCode> {
    let error = match Args::try_parse() {
        Ok(args) => {
            args.globals.printing.color.apply();
            args.globals.signer.check().map_err(|failure| failure.report())?;
            return Ok(args);
        }
        Err(error) => error,
    };
    if !error.use_stderr() {
        // Help and version: a closed pipe is no failure of ours.
        drop(error.print());
        return Err(ExitCode::SUCCESS);
    }
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        drop(error.print());
        return Err(ExitCode::from(error::Exit::Usage as u8));
    }
    Err(refusal(&error).report())
}

/// One line that names the argument, and the parser's suggestion.
fn refusal(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("the arguments are not understood");
    let mut message = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    let mut hint = None;
    for line in lines {
        if let Some(tip) = line.strip_prefix("tip: ") {
            hint = Some(tip.to_owned());
        } else if line.starts_with("Usage:") || line.starts_with("For more information") {
            break;
        } else {
            message = format!("{message} {line}");
        }
    }
    let hint = instead_of(error)
        .map(str::to_owned)
        .or(hint)
        .unwrap_or_else(|| "osseal --help lists commands and options".to_owned());
    Failure::usage(shortened(&message)).hint(shortened(&hint))
}

/// The advice for a command of ossutil that osseal does not have.
fn instead_of(error: &clap::Error) -> Option<&'static str> {
    let Some(clap::error::ContextValue::String(name)) =
        error.get(clap::error::ContextKind::InvalidSubcommand)
    else {
        return None;
    };
    INSTEAD.iter().find(|(names, _)| names.contains(&name.as_str())).map(|(_, advice)| *advice)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
