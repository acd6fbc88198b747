//! Arguments of `cp`.

use std::ffi::OsString;

use super::transfer::{Many, Transfer};

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(crate) struct Copy {
    /// A file, oss://bucket/key, a presigned URL or url-file:FILE that holds one, or - for standard input
    pub(crate) source: OsString,
    /// A file or folder, oss://bucket/key or oss://bucket/folder/, or - for standard output
    pub(crate) target: OsString,
    /// Copy everything below a folder or a prefix
    #[arg(long, short)]
    pub(crate) recursive: bool,
    /// Fail if the target exists
    #[arg(long)]
    pub(crate) forbid_overwrite: bool,
    /// Skip files that are at least as recent in the target
    #[arg(long, short)]
    pub(crate) update: bool,
    /// Fail unless the source object has this ETag
    #[arg(long, value_name = "ETAG", conflicts_with = "recursive")]
    pub(crate) if_match: Option<String>,
    /// Version of the source object
    #[arg(long, value_name = "ID", conflicts_with = "recursive")]
    pub(crate) version_id: Option<String>,
    #[command(flatten)]
    pub(crate) many: Many,
    #[command(flatten)]
    pub(crate) transfer: Transfer,
    /// Accepted for compatibility; cp asks nothing
    #[arg(long, short, hide = true)]
    pub(crate) force: bool,
}
