//! Reading objects: one request or many, decrypted as bytes arrive, pinned to one version of the object.

pub(crate) mod body_reader;
mod fetch;
pub(crate) mod get;
mod ordered;
mod origin;
pub(crate) mod parallel;
pub(crate) mod partial_file;
pub(crate) mod presigned;
pub(crate) mod resume_record;
mod stored_range;
mod unordered;
pub(crate) mod verify;
pub(crate) mod write_at;
