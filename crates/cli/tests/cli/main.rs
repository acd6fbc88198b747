//! The command as people and scripts run it: arguments in, bytes and exit codes out.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod arguments;
mod config;
mod conformance;
mod credentials;
mod demo;
mod envelopes;
mod golden;
mod headers;
mod interrupted;
mod key_files;
mod keys;
mod killed_uploads;
mod kills;
mod kms;
mod limits;
mod local;
mod logs;
mod passphrases;
mod pipes;
mod places;
mod presign;
mod reference;
mod sealing;
mod serve;
#[cfg(unix)]
mod soak;
mod support;
mod sync;
mod trees;
mod uploads;
mod versions;
