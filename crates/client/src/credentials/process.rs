//! A command that prints credentials.
//!
//! It runs in a shell, without standard input and in its own process group, for at most 15 s. Its standard error is
//! discarded: it may hold a secret.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use crate::credentials::error::CredentialsError;
use osseal_wire::session_credentials::SessionCredentials;

const PATIENCE: Duration = Duration::from_secs(15);
/// Most bytes of output.
const MAX: usize = 64 << 10;

/// Runs a command and parses its output.
pub(super) async fn run(command: &str) -> Result<SessionCredentials, CredentialsError> {
    let broken = |reason: &str| CredentialsError::broken(format!("the credential command {reason}"));
    let by_hand = |what: &str| broken(&format!("{what}; run the command by hand for the reason"));
    let mut running =
        Running::start(command).map_err(|error| broken(&format!("cannot be started: {}", error.kind())))?;
    let finished = tokio::time::timeout(PATIENCE, running.finish()).await;
    let output = finished
        .map_err(|_| by_hand("did not end within 15 s and was stopped; it gets no input"))?
        .map_err(|error| broken(&format!("cannot be read: {}", error.kind())))?;
    let (status, output) = output.ok_or_else(|| broken("prints more than 64 KiB and was stopped"))?;
    if !status.success() {
        return Err(by_hand(&match status.code() {
            Some(code) => format!("ended with exit code {code}"),
            None => "was ended by a signal".to_owned(),
        }));
    }
    SessionCredentials::from_program(&output)
        .map_err(|error| by_hand(&format!("printed something of no use: {error}")))
}

/// A command and all it started; dropped before its end, all of that is stopped.
struct Running {
    child: Child,
    has_ended: bool,
}

impl Running {
    fn start(command: &str) -> std::io::Result<Running> {
        let mut shell = shell(command);
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        Ok(Running { child: shell.spawn()?, has_ended: false })
    }

    /// The command's exit status and output; `None` if the output is too long.
    async fn finish(&mut self) -> std::io::Result<Option<(std::process::ExitStatus, Zeroizing<Vec<u8>>)>> {
        let mut output = Zeroizing::new(Vec::with_capacity(MAX + 1));
        if let Some(pipe) = self.child.stdout.take() {
            pipe.take(MAX as u64 + 1).read_to_end(&mut output).await?;
        }
        if output.len() > MAX {
            return Ok(None);
        }
        let status = self.child.wait().await?;
        self.has_ended = true;
        Ok(Some((status, output)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended {
            stop_group(&self.child);
        }
    }
}

#[cfg(unix)]
fn stop_group(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    // An error means that the whole group has ended.
    let _gone = group.map(|group| kill_process_group(group, Signal::KILL));
}

/// Dropping the child stops the shell; processes it started cannot be found.
#[cfg(not(unix))]
fn stop_group(_child: &Child) {}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).process_group(0);
    shell
}

#[cfg(not(unix))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.arg("/C").arg(command);
    shell
}
