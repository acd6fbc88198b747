//! Arguments of `uploads`.

use std::ffi::OsString;
use std::time::Duration;

use clap::Subcommand;

use crate::units;

#[derive(Debug, Subcommand)]
pub(crate) enum Uploads {
    /// List unfinished uploads, and whether this machine can resume them
    List(ListUploads),
    /// Abort unfinished uploads and delete their checkpoints
    Abort(AbortUploads),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListUploads {
    /// A bucket or a prefix, oss://bucket[/prefix]; without it, lists the local checkpoints without a request
    pub(crate) place: Option<OsString>,
    /// Ask for the parts that the service has, which takes a request for every 1,000 of each upload
    #[arg(long, requires = "place")]
    pub(crate) parts: bool,
    /// Requests at the same time, of --parts
    #[arg(long, short, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,
}

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(crate) struct AbortUploads {
    /// The key whose uploads are aborted, oss://bucket/key; with --all a bucket or a prefix, oss://bucket[/prefix]
    pub(crate) place: OsString,
    /// Abort this upload of the key, and no other; may be repeated
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    pub(crate) upload_id: Vec<String>,
    /// Abort the uploads of all keys that start with the prefix
    #[arg(long)]
    pub(crate) all: bool,
    /// Only uploads that were begun longer ago, such as 12h or 7d
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub(crate) older_than: Option<Duration>,
    /// Also abort uploads that a process of this machine is running; it restarts them
    #[arg(long)]
    pub(crate) in_use: bool,
    /// Print the uploads without aborting them
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// With --all, abort without asking
    #[arg(long, short)]
    pub(crate) force: bool,
    /// Requests at the same time [default: the profile's, then 4]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
}
