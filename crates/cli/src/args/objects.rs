//! Arguments of commands about single objects and listings.

use std::ffi::OsString;
use std::time::Duration;

use clap::ValueEnum;
use osseal::ByteRange;

use super::sealing::Opening;
use super::transfer::{Headers, Many};
use crate::units;

#[derive(Debug, clap::Args)]
pub(crate) struct Cat {
    /// The object, oss://bucket/key, or a presigned URL (url-file:FILE reads one from a file, url-file:- from standard input)
    pub(crate) object: OsString,
    /// Plaintext bytes FIRST-LAST (both included), FIRST- (to the end) or -COUNT (the last ones)
    #[arg(long, value_name = "RANGE", value_parser = units::range, allow_hyphen_values = true)]
    pub(crate) range: Option<ByteRange>,
    /// Version of the object
    #[arg(long, value_name = "ID")]
    pub(crate) version_id: Option<String>,
    #[command(flatten)]
    pub(crate) opening: Opening,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Presign {
    /// The object, oss://bucket/key
    pub(crate) object: OsString,
    /// Lifetime of the URL, such as 90s, 15m or 12h; at most 7d
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = units::duration)]
    pub(crate) expires_duration: Duration,
    /// Version of the object
    #[arg(long, value_name = "ID")]
    pub(crate) version_id: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Stat {
    /// The object, oss://bucket/key
    pub(crate) object: OsString,
    /// Version of the object
    #[arg(long, value_name = "ID")]
    pub(crate) version_id: Option<String>,
    /// Verify the object: "end" authenticates key, context and size of a sealed object by its last bytes; "all" reads every byte
    #[arg(long, value_name = "WHAT", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "end")]
    pub(crate) verify: Option<Verify>,
    #[command(flatten)]
    pub(crate) opening: Opening,
}

/// How much of an object is read to verify it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verify {
    End,
    All,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    /// The objects, oss://bucket/key; with -r every object whose key starts with it
    #[arg(required = true)]
    pub(crate) objects: Vec<OsString>,
    /// Delete everything below the prefixes
    #[arg(long, short)]
    pub(crate) recursive: bool,
    /// With -r, delete without asking
    #[arg(long, short)]
    pub(crate) force: bool,
    /// Delete this version of one object for good
    #[arg(long, value_name = "ID", conflicts_with = "recursive")]
    pub(crate) version_id: Option<String>,
    #[command(flatten)]
    pub(crate) many: Many,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SetMeta {
    /// The object, oss://bucket/key
    pub(crate) object: OsString,
    #[command(flatten)]
    pub(crate) headers: Headers,
    /// Header or metadata name to remove; may be repeated
    #[arg(long, value_name = "NAME", conflicts_with = "replace")]
    pub(crate) remove: Vec<String>,
    /// Remove all headers and metadata that are not given, except the envelope
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// A bucket or a prefix, oss://bucket[/prefix]; without it, the buckets are listed
    pub(crate) place: Option<OsString>,
    /// List all keys instead of grouping them by /
    #[arg(long, short)]
    pub(crate) recursive: bool,
    /// Show plaintext sizes; takes one request per object
    #[arg(long)]
    pub(crate) plain: bool,
    /// List all versions and delete markers, newest first, instead of the latest objects
    #[arg(long, requires = "place", conflicts_with = "plain")]
    pub(crate) all_versions: bool,
    /// Concurrent requests of --plain
    #[arg(long, short, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,
}
