//! The commands.

mod bucket;
mod cat;
mod config;
mod conformance;
mod copy;
mod demo;
mod keys;
mod list;
mod man;
mod presign;
mod reference;
mod remove;
mod serve;
mod set_meta;
mod stat;
mod sync;
mod uploads;

use crate::args::{Command, command};
use crate::client::session::Context;
use crate::ui::error::{Exit, Failure};
use crate::ui::output::Output;

/// Runs one, for no longer than it may take.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    // Boxed: a state machine of all commands is too large to be moved about.
    let done = Box::pin(dispatch(context, command));
    let Some(limit) = context.globals().limits.timeout else { return done.await };
    let ended = tokio::time::timeout(limit, done).await;
    ended.unwrap_or_else(|_| {
        let text = format!("not done after {} s, which is what --timeout gives it", limit.as_secs());
        Err(Failure::new(Exit::Unavailable, text))
    })
}

async fn dispatch(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Cp(args) => copy::run(context, *args).await,
        Command::Sync(args) => sync::run(context, &args).await,
        Command::Cat(args) => cat::run(context, args).await,
        Command::Ls(args) => list::run(context, args).await,
        Command::Stat(args) => stat::run(context, args).await,
        Command::Rm(args) => remove::run(context, args).await,
        Command::Uploads(args) => uploads::run(context, args).await,
        Command::SetMeta(args) => set_meta::run(context, args).await,
        Command::Presign(args) => presign::run(context, args).await,
        Command::Mb { bucket } => bucket::make_bucket(context, &bucket).await,
        Command::Rb { bucket } => bucket::remove_bucket(context, &bucket).await,
        Command::Keys(args) => keys::run(context, args).await,
        Command::Config(args) => config::run(context, args).await,
        Command::Serve(args) => serve::run(context, args).await,
        Command::Conformance(args) => conformance::run(context, args).await,
        Command::Demo { file } => demo::run(file.as_deref()).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut self::command(), "osseal", &mut script);
            Output::raw(&script)
        }
        Command::Man(args) => man::run(&args),
        Command::Reference => reference::run(),
    }
}
