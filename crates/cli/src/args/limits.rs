//! How much a command may use.

use std::time::Duration;

use crate::units;

/// Limits of a command as a whole, whatever it transfers.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Limits {
    /// Memory limit of all transfers together, such as 512MiB [default: the profile's, then 256MiB]
    #[arg(long, global = true, value_name = "SIZE", value_parser = units::size)]
    pub(crate) memory: Option<u64>,
    /// Bytes a second over all connections, both ways, such as 2MiB; at least 8KiB [default: the profile's, then unlimited]
    #[arg(long, global = true, value_name = "SIZE", value_parser = units::rate)]
    pub(crate) bandwidth: Option<u64>,
    /// Fail if the command takes longer, such as 90s or 2h
    #[arg(long, global = true, value_name = "TIME", value_parser = units::timeout)]
    pub(crate) timeout: Option<Duration>,
}
