//! Arguments of `sync`.

use std::ffi::OsString;

use super::transfer::Transfer;

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(crate) struct Sync {
    /// A folder, or oss://bucket[/prefix]
    pub(crate) source: OsString,
    /// oss://bucket[/prefix], or a folder
    pub(crate) target: OsString,
    /// Compare content, not times: read and decrypt every object whose size could be right
    #[arg(long)]
    pub(crate) checksum: bool,
    /// Delete extraneous files or objects from the target, if nothing failed
    #[arg(long)]
    pub(crate) delete: bool,
    /// Print the changes without making them
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// With --delete, delete without asking
    #[arg(long, short)]
    pub(crate) force: bool,
    /// Only names that match, such as '*.txt'; may be repeated
    #[arg(long, value_name = "PATTERN")]
    pub(crate) include: Vec<String>,
    /// No names that match; may be repeated; goes before --include
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    /// Transfers at the same time [default: the profile's, then 4]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
    #[command(flatten)]
    pub(crate) transfer: Transfer,
}
