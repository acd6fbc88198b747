//! Passphrases from a file, the environment, a command or the terminal. Never from an argument, which other processes can see.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::environment;
use crate::fs::secret_file::SecretFilePolicy;
use crate::fs::small_file;
use crate::ui::error::Failure;

/// Wiped when dropped.
pub(crate) type Passphrase = Zeroizing<String>;

/// The default name of the secret in prompts.
pub(crate) const PASSPHRASE: &str = "passphrase";
/// Longest passphrase, in bytes.
const MAX: usize = 4096;
/// Time limit of a passphrase command: the user may have to touch a security key.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// A source of passphrases that needs no terminal.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    File(PathBuf),
    /// Standard input, which flags alone can name.
    Stdin,
    /// A variable of this name.
    Environment(String),
    /// A program and its arguments, without a shell; it prints the passphrase.
    Command(Vec<OsString>),
}

impl Source {
    /// Reads it. One line end after it is no part of it: editors and programs leave one.
    pub(crate) fn read(&self, guard: SecretFilePolicy) -> Result<Passphrase, Failure> {
        match self {
            Source::Stdin => {
                text(&small_file::read_stdin("passphrase", MAX)?, "the passphrase on standard input")
            }
            Source::File(path) => {
                let bytes = guard.read(path, "passphrase file", MAX)?;
                text(&bytes, &format!("the passphrase in {}", path.display()))
            }
            Source::Environment(name) => environment::text(name)?.map(Zeroizing::new).ok_or_else(|| {
                Failure::usage(format!(
                    "the environment variable {name} is to hold a passphrase and is not set"
                ))
            }),
            Source::Command(command) => {
                text(&printed_by(command)?, "the passphrase that the command printed")
            }
        }
    }
}

/// Whether standard input and error are a terminal.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a secret on the terminal without echo; `what` names it in errors.
pub(crate) fn ask(prompt: &str, what: &str) -> Result<Passphrase, Failure> {
    let hidden = rpassword::ConfigBuilder::new().password_feedback_hide().build();
    let typed = rpassword::prompt_password_with_config(prompt, hidden)
        .map(Zeroizing::new)
        .map_err(|error| Failure::local(format!("the {what} cannot be read from the terminal"), error))?;
    if typed.is_empty() { Err(Failure::usage(format!("the {what} is empty"))) } else { Ok(typed) }
}

/// Asks for one that nothing can be compared with yet.
pub(crate) fn ask_twice(prompt: &str) -> Result<Passphrase, Failure> {
    if !can_ask() {
        return Err(Failure::usage("there is no terminal to ask for a passphrase")
            .hint("say --passphrase-file or --passphrase-env"));
    }
    let first = ask(prompt, PASSPHRASE)?;
    if *first == *ask("The same again: ", PASSPHRASE)? {
        Ok(first)
    } else {
        Err(Failure::usage("the two passphrases differ").hint("nothing was written; try again"))
    }
}

fn text(bytes: &[u8], what: &str) -> Result<Passphrase, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|_| Failure::usage(format!("{what} is not UTF-8")))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Failure::usage(format!("{what} is empty")));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// Runs a command and reads its output. Standard input is empty, and standard error is discarded: it may contain the secret.
fn printed_by(command: &[OsString]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let [program, arguments @ ..] = command else {
        return Err(Failure::usage("passphrase-command is empty; it names a program, then its arguments"));
    };
    let broken = |reason: &str| {
        Failure::usage(format!("the passphrase command {:?} {reason}", program.to_string_lossy()))
            .hint("run it by hand to see why; it gets no input")
    };
    let deadline = Instant::now() + COMMAND_TIMEOUT;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| broken("cannot be started").caused_by(&error))?;
    let (sender, receiver) = mpsc::channel();
    if let Some(pipe) = child.stdout.take() {
        // The receiver is gone if the command timed out.
        std::thread::spawn(move || drop(sender.send(small_file::bounded(pipe, MAX))));
    }
    let late = || broken("did not end within 60 s and was stopped");
    let output = match receiver.recv_timeout(COMMAND_TIMEOUT) {
        // The pipe closes at the limit, so the exit status means nothing.
        Ok(Ok(bytes)) if bytes.len() > MAX => Err(broken("prints more than 4 KiB")),
        Ok(Ok(bytes)) => ended(&mut child, deadline).map(|status| (status, bytes)).ok_or_else(late),
        Ok(Err(error)) => Err(broken("prints what cannot be read").caused_by(&error)),
        Err(RecvTimeoutError::Timeout) => Err(late()),
        Err(RecvTimeoutError::Disconnected) => Err(broken("prints nothing that can be read")),
    };
    match output {
        Ok((status, bytes)) if status.success() => Ok(bytes),
        Ok((status, _)) => Err(broken(&format!("failed ({status})"))),
        Err(failure) => {
            // It may have ended meanwhile, which is as good.
            drop(child.kill());
            drop(child.wait());
            Err(failure)
        }
    }
}

/// Waits for the end of a command that prints no more.
fn ended(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Ok(status) => return status,
            Err(_) => return None,
        }
    }
    None
}
