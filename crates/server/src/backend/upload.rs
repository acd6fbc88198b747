//! Records of unfinished multipart uploads and their parts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Attributes, Meta, record};
use crate::body::ingest::Facts;

/// An unfinished multipart upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The upload id.
    pub id: String,
    /// The key it is for.
    pub key: String,
    /// When it was opened.
    #[serde(with = "record::millis")]
    pub initiated: Timestamp,
    /// The headers its object will have.
    pub meta: Meta,
    /// The storage class, access control and tags its object will have.
    #[serde(default)]
    pub attributes: Attributes,
    /// Whether its object may replace another.
    pub forbid_overwrite: bool,
}

/// A stored part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Unlike that of every other write.
    pub id: String,
    /// 1 to 10,000.
    pub number: u32,
    /// Stored bytes.
    pub size: u64,
    /// The ETag with its quotes.
    pub etag: String,
    /// CRC-64/XZ of the stored bytes.
    pub crc64: u64,
    /// When it was stored.
    #[serde(with = "record::millis")]
    pub modified: Timestamp,
}

/// A part about to be stored.
#[derive(Debug, Clone)]
pub struct NewPart {
    /// See [`Part::id`].
    pub id: String,
    /// See [`Part::number`].
    pub number: u32,
    /// See [`Part::modified`].
    pub modified: Timestamp,
}

impl NewPart {
    /// The record, with what the body turned out to be.
    pub fn with(self, facts: &Facts) -> Part {
        Part {
            id: self.id,
            number: self.number,
            size: facts.size,
            etag: facts.etag(),
            crc64: facts.crc64,
            modified: self.modified,
        }
    }
}
