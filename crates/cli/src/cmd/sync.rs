//! `sync`: mirrors a folder to a prefix, or a prefix to a folder. Merges both listings in the order of their names and copies
//! differences on the way. Deletes extraneous targets last, and only if nothing failed before.

mod compare;
mod down;
mod pairs;
mod up;

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use crate::args::Sync;
use crate::args::Tuning;
use crate::client::session::Context;
use crate::target::Location;
use crate::transfer::batch::Tally;
use crate::transfer::filter::Filter;
use crate::ui::confirm;
use crate::ui::error::{Exit, Failure};
use crate::ui::output::Output;
use crate::ui::text::{printable, size};

pub(super) async fn run(context: &Context, args: &Sync) -> Result<(), Failure> {
    let (source, target) = (Location::parse(&args.source)?, Location::parse(&args.target)?);
    if args.delete && !args.force && !args.dry_run {
        confirm::require_terminal("what the source does not have")?;
    }
    if args.force && !args.delete {
        return Err(Failure::usage("--force is for --delete, which alone asks"));
    }
    match (source, target) {
        (Location::File(source), Location::Object(target)) => {
            if args.transfer.opening.is_given() && !args.checksum {
                let text = "--require-context and --allow-… are for what is read from the store";
                return Err(Failure::usage(text).hint("--checksum reads objects to compare them"));
            }
            up::run(context, args, &source, target.into_folder()).await
        }
        (Location::Object(source), Location::File(target)) => {
            let is_large = args.transfer.multipart_threshold.is_some();
            if args.transfer.headers.is_given() || args.transfer.sealing.is_given() || is_large {
                return Err(Failure::usage(
                    "headers, --suite, --context, --bind and --multipart-threshold are for what is stored",
                ));
            }
            down::run(context, args, source, &target).await
        }
        _ => Err(Failure::usage("sync is between a folder and a bucket or prefix, oss://bucket/prefix")
            .hint("cp -r -u copies between two prefixes")),
    }
}

/// Names that the target has beyond the source.
#[derive(Debug, Default)]
struct Extraneous(Mutex<Vec<String>>);

impl Extraneous {
    fn add(&self, name: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }

    /// The names that are to be deleted now: none unless `--delete` is given and all went well, and none without a source.
    fn agreed(self, args: &Sync, tally: &Tally, what: &str) -> Result<Vec<String>, Failure> {
        let names = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !args.delete || names.is_empty() {
            return Ok(Vec::new());
        }
        if tally.failed() > 0 {
            Output::warn(format_args!("nothing is deleted, because something failed"));
            return Ok(Vec::new());
        }
        if tally.is_empty() {
            // So looks a disk that is not mounted, or a prefix that is misspelt.
            let text = format!("the source is empty; {} {what} are not deleted for that", names.len());
            return Err(Failure::new(Exit::NotFound, text).hint("rm -r deletes everything"));
        }
        if !args.force && !args.dry_run {
            confirm::deletion(&format!("{} {what}", names.len()))?;
        }
        Ok(names)
    }
}

impl Sync {
    fn selection(&self) -> Result<Filter, Failure> {
        Filter::new(&self.include, &self.exclude)
    }

    fn tuning(&self) -> Tuning {
        // Files are transferred in parallel instead of parts.
        self.transfer.tuning(1)
    }
}

/// A line of a dry run: data, also when quiet.
fn would_copy(
    output: Output,
    verb: &str,
    source: &dyn Display,
    target: &dyn Display,
    bytes: u64,
) -> Result<(), Failure> {
    let (source, target) = (source.to_string(), target.to_string());
    if output.is_json {
        return Output::json(&json!({ "would": verb, "source": source, "target": target, "size": bytes }));
    }
    Output::line(format_args!("would {verb} {}: {}", printable(&target), size(bytes)))
}

/// The same for a deletion.
fn would_delete(output: Output, target: &dyn Display) -> Result<(), Failure> {
    let target = target.to_string();
    if output.is_json {
        return Output::json(&json!({ "would": "delete", "target": target }));
    }
    Output::line(format_args!("would delete {}", printable(&target)))
}
