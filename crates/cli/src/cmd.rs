//! The commands.

mod cat;
mod config;
mod conformance;
mod copy;
mod demo;
mod keys;
mod list;
mod man;
mod presign;
mod remove;
mod serve;
mod set_meta;
mod small;
mod stat;
mod sync;

use crate::args::{Command, command};
use crate::exit::Failure;
use crate::output::Output;
use crate::session::Context;

/// Runs one.
pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Cp(args) => copy::run(context, *args).await,
        Command::Sync(args) => sync::run(context, &args).await,
        Command::Cat(args) => cat::run(context, args).await,
        Command::Ls(args) => list::run(context, args).await,
        Command::Stat(args) => stat::run(context, args).await,
        Command::Rm(args) => remove::run(context, args).await,
        Command::SetMeta(args) => set_meta::run(context, args).await,
        Command::Presign(args) => presign::run(context, args).await,
        Command::Mb { bucket } => small::make_bucket(context, &bucket).await,
        Command::Rb { bucket } => small::remove_bucket(context, &bucket).await,
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
    }
}
