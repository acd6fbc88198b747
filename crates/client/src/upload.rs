//! Storing objects: one request up to the multipart threshold, parts above it, resumable across processes.

pub(crate) mod checkpoint;
mod checkpoint_writer;
mod file_source;
pub(crate) mod manual;
mod multipart;
mod part_scheduler;
pub(crate) mod progress;
pub(crate) mod put;
mod resume;
pub(crate) mod source;
mod streaming;
pub(crate) mod unfinished;
