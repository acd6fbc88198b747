//! Uploads: parts in parallel, parts that the application drives, sources of unknown length; and what is left when they do not end well.

mod driven;
mod endings;
mod parts;
mod spool;
mod watched;

use osseal::Suite;

use crate::support;

/// Plaintext bytes of the smallest part of a suite.
fn part_plain(suite: Suite) -> u64 {
    if suite == Suite::Sealed { 7 * 16_384 } else { support::PART }
}

/// Stored bytes of the smallest part of a suite.
fn part_stored(suite: Suite) -> u64 {
    if suite == Suite::Sealed { 7 * 16_400 } else { support::PART }
}
