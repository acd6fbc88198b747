//! Keys that a key service keeps, against the development key service in this process.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(unused, reason = "each test program uses its share of the support module")]

mod support;

#[path = "kms/counts.rs"]
mod counts;
#[path = "kms/credentials.rs"]
mod credentials;
#[path = "kms/kept.rs"]
mod kept;
#[path = "kms/official.rs"]
mod official;
#[path = "kms/rows.rs"]
mod rows;
#[path = "kms/silence.rs"]
mod silence;
#[path = "kms/tls.rs"]
mod tls;
#[path = "kms/vault.rs"]
mod vault;
