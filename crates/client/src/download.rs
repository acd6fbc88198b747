//! Reading objects: one request or many, decrypted as bytes arrive, pinned to one version of the object.

pub(crate) mod body_reader;
pub(crate) mod get;
mod ordered;
pub(crate) mod parallel;
mod partial_file;
pub(crate) mod presigned;
mod resume_record;
mod unordered;
pub(crate) mod verify;
