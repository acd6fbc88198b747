//! Records of objects and delete markers: what is known of a version beside its bytes.

use jiff::Timestamp;
use osseal_wire::oss::Crc64;
use osseal_wire::oss::versions::NULL_VERSION;
use serde::{Deserialize, Serialize};

use super::{Attributes, record};
use crate::body::ingest::Facts;

/// Names a version of a key: `null` for the one that is written where no versions are kept, else unlike every other. Opaque.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionId(pub(super) String);

impl VersionId {
    /// The id as requests and replies have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.0 == NULL_VERSION
    }
}

impl Default for VersionId {
    fn default() -> Self {
        VersionId(NULL_VERSION.to_owned())
    }
}

/// Headers kept with an object: lower-case names, raw values, in the order they came in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta(#[serde(with = "record::pairs")] pub Vec<(String, Vec<u8>)>);

impl Meta {
    /// The value of a header, by its lower-case name.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// Sets a header, replacing one of that name.
    pub fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value.into(),
            None => self.0.push((name.to_owned(), value.into())),
        }
    }
}

/// How an object came to be; the value of `x-oss-object-type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// `PutObject` or a copy of such an object.
    Normal,
    /// `CompleteMultipartUpload`.
    Multipart,
    /// `AppendObject`.
    Appendable,
    /// `PutSymlink`: it stands for another object of its bucket, which need not exist.
    Symlink {
        /// The other's key.
        target: String,
    },
}

impl Kind {
    /// As the service writes it.
    pub const fn wire_name(&self) -> &'static str {
        match self {
            Kind::Normal => "Normal",
            Kind::Multipart => "Multipart",
            Kind::Appendable => "Appendable",
            Kind::Symlink { .. } => "Symlink",
        }
    }
}

/// The record of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Unlike that of every other write.
    pub id: String,
    /// Which version it is. The backend's to say: what a record to be stored has here does not count.
    #[serde(default, skip_serializing_if = "VersionId::is_null")]
    pub version: VersionId,
    /// Stored bytes.
    pub size: u64,
    /// The ETag with its quotes.
    pub etag: String,
    /// CRC-64/XZ of the stored bytes.
    pub crc64: u64,
    /// MD5 of the stored bytes; unknown for the object of a multipart upload.
    pub md5: Option<[u8; 16]>,
    /// When it was stored, in whole milliseconds.
    #[serde(with = "record::millis")]
    pub modified: Timestamp,
    /// How it came to be.
    pub kind: Kind,
    /// The upload it was completed from.
    pub upload: Option<String>,
    /// Its headers.
    pub meta: Meta,
    /// Its storage class, access control and tags.
    #[serde(default)]
    pub attributes: Attributes,
}

/// An object about to be stored: all that is known before its body.
#[derive(Debug, Clone)]
pub struct NewObject {
    /// See [`Object::id`].
    pub id: String,
    /// See [`Object::modified`].
    pub modified: Timestamp,
    /// See [`Object::meta`].
    pub meta: Meta,
    /// See [`Object::kind`].
    pub kind: Kind,
    /// See [`Object::attributes`].
    pub attributes: Attributes,
}

impl NewObject {
    /// The record, with what the body turned out to be.
    pub fn with(self, facts: &Facts) -> Object {
        Object {
            id: self.id,
            version: VersionId::default(),
            size: facts.size,
            etag: facts.etag(),
            crc64: facts.crc64,
            md5: facts.md5,
            modified: self.modified,
            kind: self.kind,
            upload: None,
            meta: self.meta,
            attributes: self.attributes,
        }
    }

    /// The record of an object that can grow, with what the body turned out to be. Headers and attributes are those that it was made
    /// with, and nothing is no growth.
    pub fn after(self, before: Option<&Object>, facts: &Facts) -> Object {
        let Some(before) = before else {
            return self.with(&Facts { md5: None, ..facts.clone() });
        };
        let size = before.size + facts.size;
        let crc64 = Crc64::combine(before.crc64, facts.crc64, facts.size);
        Object {
            id: self.id,
            size,
            etag: Facts { size, md5: None, crc64 }.etag(),
            crc64,
            modified: if facts.size == 0 { before.modified } else { self.modified },
            ..before.clone()
        }
    }
}

/// The record of a delete marker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Unlike that of every other write and removal.
    pub id: String,
    /// Which version it is.
    #[serde(default, skip_serializing_if = "VersionId::is_null")]
    pub version: VersionId,
    /// When the object was removed.
    #[serde(with = "record::millis")]
    pub modified: Timestamp,
}

/// A delete marker about to be made.
#[derive(Debug, Clone)]
pub struct NewMarker {
    /// See [`Marker::id`].
    pub id: String,
    /// See [`Marker::modified`].
    pub modified: Timestamp,
}
