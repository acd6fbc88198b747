//! Storing objects: one request up to the multipart threshold, parts above it, resumable across processes.

pub(crate) mod checkpoint;
mod checkpoint_writer;
mod content_key;
mod file_source;
pub(crate) mod manual;
mod multipart;
mod multipart_put;
mod object_metadata;
mod part_scheduler;
pub(crate) mod progress;
pub(crate) mod put;
pub(crate) mod report;
pub(crate) mod resume;
mod send_sealed;
pub(crate) mod source;
mod source_error;
mod streaming;
pub(crate) mod unfinished;
mod upload_listing;
