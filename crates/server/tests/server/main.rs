//! The development servers, over HTTP and in this process.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod append;
mod buckets;
mod conformance;
mod encryption;
mod folders;
mod golden;
mod kms;
mod life;
mod measuring;
mod objects;
mod part_copy;
mod properties;
mod support;
mod transport;
mod versions;
mod versions_everywhere;
mod versions_model;
