//! The client: a store and a keyring, from flags, environment and file.

pub(crate) mod embedded;
pub(crate) mod session;
