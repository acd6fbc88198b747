//! Keys that a key service keeps, against the development key service in this process.

mod counts;
mod credentials;
pub(crate) mod fake_kms;
mod kept;
mod kms_replies;
mod official;
mod redaction;
mod tls;
