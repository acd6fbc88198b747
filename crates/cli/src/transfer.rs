//! Transfers of one object and of many.

pub(crate) mod atomic_file;
pub(crate) mod batch;
pub(crate) mod filter;
pub(crate) mod listing;
pub(crate) mod mtime;
pub(crate) mod safe_path;
pub(crate) mod source;
pub(crate) mod walk;
