//! Keys that a key service keeps, against the development key service in this process.

mod counts;
mod credentials;
mod kept;
mod official;
mod rows;
mod silence;
mod tls;
pub(crate) mod vault;
