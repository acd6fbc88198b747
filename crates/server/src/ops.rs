//! The operations of the service: a typed call in, an answer out.

mod access;
mod append;
mod bucket_info;
mod buckets;
mod copy;
mod ledger_entry;
mod listing;
mod multipart;
mod objects;
mod part_copy;
mod properties;
pub(crate) mod state;
mod symlink;
mod versions;
