//! `osseal`: client-side encryption for Alibaba Cloud OSS, from the command line.

mod account;
mod args;
mod client;
mod cmd;
mod config;
mod environment;
mod fs;
mod keys;
mod logging;
mod rules;
mod signals;
mod target;
mod transfer;
mod ui;
mod units;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::args::Args;
use crate::client::session::Context;
use crate::signals::Signals;
use crate::ui::error::Failure;

/// Time limit for aborting interrupted uploads at exit.
const GRACE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let args = match args::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(args));
            // An abandoned read of standard input must not delay the exit.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(Failure::local("no threads can be started", error)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Runs the command until it ends or is interrupted, then waits for cleanup. A second signal skips the cleanup.
async fn run(args: Args) -> Result<(), Failure> {
    logging::begin(&args.globals.printing)?;
    let context = Arc::new(Context::new(args.globals));
    let mut signals = Signals::catch()?;
    let (has_own_end, interruption_hint) = (args.command.handles_signals(), args.command.interruption_hint());
    let mut task = tokio::spawn({
        let context = context.clone();
        async move { cmd::run(&context, args.command).await }
    });
    let outcome = tokio::select! {
        ended = &mut task => ended.unwrap_or_else(|error| Err(Failure::local("the command broke down", error))),
        () = signals.next(), if !has_own_end => {
            task.abort();
            let failure = Failure::interrupted();
            Err(interruption_hint.into_iter().fold(failure, Failure::hint))
        }
    };
    let cleanup = async {
        if !task.is_finished() {
            drop(task.await);
        }
        if let Some(store) = context.opened() {
            store.idle().await;
        }
    };
    tokio::select! {
        _ = tokio::time::timeout(GRACE, cleanup) => {}
        () = signals.next() => {}
    }
    outcome.map_err(|failure| context.with_resume_hint(failure))
}
