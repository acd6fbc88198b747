//! One account at one endpoint: signed requests to OSS, with their retries. Nothing here knows about encryption.

pub(crate) mod send;
pub(crate) mod signature;
pub(crate) mod store;
pub(crate) mod store_builder;
mod versioning;
