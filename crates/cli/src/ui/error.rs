//! How the command ends: eight codes, one table, and the words on stderr.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use osseal::ErrorKind;

use crate::ui::terminal;
use crate::ui::text::printable;

/// Exit codes. `TABLE` says the same to people, and so does `docs/cli.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Local = 1,
    Usage = 2,
    NotFound = 3,
    Refused = 4,
    CannotOpen = 5,
    Mismatch = 6,
    Unavailable = 7,
}

/// The table for `osseal --help`.
pub(crate) const TABLE: &str = "\
Exit codes:
  0  done
  1  something on this machine failed: a file, the disk, a closed pipe, an interruption
  2  wrong usage or configuration, or a range outside the object
  3  not found (object, bucket), or exists although it must not
  4  refused by the service: credentials, permission, clock, a rule of the service
  5  cannot decrypt: no key fits, not encrypted, not authenticated, half an envelope
  6  mismatch: bytes differ, bound to another bucket or key, changed during the transfer
  7  service or network unavailable: retry later

Data goes to standard output, everything else to standard error.";

/// The hint for missing credentials.
pub(crate) const NO_CREDENTIALS: &str = "set OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET; `osseal config show` lists every source; --local needs none";

/// An error of a command: message, causes and hint.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    is_quiet: bool,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), causes: Vec::new(), hint: None, is_quiet: false }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// Something on this machine.
    pub(crate) fn local(message: impl Into<String>, cause: impl StdError) -> Failure {
        Failure::new(Exit::Local, message).caused_by(&cause)
    }

    /// Standard output does not take more. A closed pipe is the reader's choice and needs no words.
    pub(crate) fn stdout(error: &std::io::Error) -> Failure {
        let is_quiet = error.kind() == std::io::ErrorKind::BrokenPipe;
        Failure { is_quiet, ..Failure::new(Exit::Local, "cannot write to standard output").caused_by(error) }
    }

    pub(crate) fn interrupted() -> Failure {
        Failure::new(Exit::Local, "interrupted")
    }

    /// Adds an error and the chain of its sources, each text once: many errors repeat their source.
    #[must_use]
    pub(crate) fn caused_by(mut self, cause: &dyn StdError) -> Failure {
        let mut next = Some(cause);
        while let Some(cause) = next {
            let text = cause.to_string();
            let is_repeated = |shown: &String| shown.contains(&text);
            if !is_repeated(&self.message) && !self.causes.iter().any(is_repeated) {
                self.causes.push(text);
            }
            next = cause.source();
        }
        self
    }

    /// Puts the subject in front of the message.
    #[must_use]
    pub(crate) fn about(self, what: &str) -> Failure {
        Failure { message: format!("{what}: {}", self.message), ..self }
    }

    /// Sets the hint.
    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// The failure of many, of which this one was the first and has been printed.
    pub(crate) fn summed(self, failed: u64, all: u64) -> Failure {
        Failure { message: format!("{failed} of {all} failed"), causes: Vec::new(), hint: None, ..self }
    }

    /// Prints the failure and gives its code.
    pub(crate) fn report(&self) -> ExitCode {
        self.print();
        ExitCode::from(self.exit as u8)
    }

    /// Prints the failure. Nothing from outside reaches the terminal unescaped.
    pub(crate) fn print(&self) {
        if !self.is_quiet {
            let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            let mut text = format!("{red}osseal:{red:#} {}\n", printable(&self.message));
            for cause in &self.causes {
                _ = writeln!(text, "  caused by: {}", printable(cause));
            }
            if let Some(hint) = &self.hint {
                _ = writeln!(text, "  hint: {}", printable(hint));
            }
            drop(terminal::suspend_bars(|| {
                std::io::Write::write_all(&mut anstream::stderr(), text.as_bytes())
            }));
        }
    }
}

/// The first line and its causes, in one.
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl From<osseal::Error> for Failure {
    fn from(error: osseal::Error) -> Failure {
        let failure = Failure::new(code(error.kind()), error.to_string());
        let failure = match error.source() {
            Some(source) => failure.caused_by(source),
            None => failure,
        };
        // Where a flag or a command of this program helps, it is the hint; else the library's.
        let hint = match error.kind() {
            ErrorKind::Credentials => NO_CREDENTIALS.to_owned(),
            ErrorKind::NoMatchingKey => "`osseal keys list` shows the keys of this profile".to_owned(),
            ErrorKind::Unauthenticated => format!(
                "--allow-unauthenticated reads it; for all objects, write read = \"aes-ctr\" into the profile or its [profile.NAME.bucket.{}]",
                error.bucket().unwrap_or("BUCKET")
            ),
            ErrorKind::NotEncrypted => "--allow-plaintext reads it without authentication".to_owned(),
            ErrorKind::WrongLocation => "--allow-moved reads or copies it".to_owned(),
            ErrorKind::UnwrapFailed => "`osseal keys check` tries every key of this profile".to_owned(),
            _ => match error.hint() {
                Some(hint) => hint.to_owned(),
                None => return failure,
            },
        };
        failure.hint(hint)
    }
}

fn code(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::Usage | ErrorKind::Range | ErrorKind::Credentials => Exit::Usage,
        ErrorKind::NotFound | ErrorKind::Exists => Exit::NotFound,
        ErrorKind::Denied | ErrorKind::Service => Exit::Refused,
        ErrorKind::NotEncrypted
        | ErrorKind::Envelope
        | ErrorKind::Unsupported
        | ErrorKind::NoMatchingKey
        | ErrorKind::UnwrapFailed
        | ErrorKind::Unauthenticated => Exit::CannotOpen,
        ErrorKind::Integrity
        | ErrorKind::Changed
        | ErrorKind::Protocol
        | ErrorKind::WrongLocation
        | ErrorKind::NotBound => Exit::Mismatch,
        ErrorKind::Transient => Exit::Unavailable,
        _ => Exit::Local,
    }
}
