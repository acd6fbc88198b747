//! What is in the folder, in memory: the index, and the records that are damaged.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    super::{
        BackendError, Object, Overwrite, Part, Place,
        index::{Entry, Index, Pending},
    },
    files::{Blob, sha256},
};

pub(super) struct State {
    pub(super) index: Index<Content>,
    pub(super) damage: BTreeMap<Culprit, Damage>,
}

impl State {
    /// Refuses what would need a damaged record.
    pub(super) fn sound(&self, culprit: &Culprit) -> Result<(), BackendError> {
        self.damage.get(culprit).map_or(Ok(()), |damage| Err(damage.error()))
    }

    pub(super) fn object(&self, place: Place<'_>) -> Result<&Entry<Content>, BackendError> {
        self.sound(&Culprit::object(place))?;
        self.index.object(place)
    }

    pub(super) fn admits(&self, place: Place<'_>, overwrite: Overwrite) -> Result<(), BackendError> {
        let shelf = self.index.shelf(place.bucket)?;
        if overwrite == Overwrite::Forbidden {
            self.sound(&Culprit::object(place)).map_err(|_| BackendError::Exists)?;
        }
        shelf.admits(place.key, overwrite)
    }

    pub(super) fn pending(&self, place: Place<'_>, id: &str) -> Result<&Pending<Content>, BackendError> {
        self.sound(&Culprit::upload(place, id))?;
        self.index.shelf(place.bucket)?.pending(place.key, id)
    }
}

/// The bodies an object is made of, in order.
pub(super) type Content = Arc<[Arc<Blob>]>;

/// A damaged record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Culprit {
    pub(super) bucket: String,
    pub(super) record: Record,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Record {
    /// Of an object, by the digest of its key.
    Object(String),
    /// Of an upload or one of its parts, by the upload's id.
    Upload(String),
}

impl Culprit {
    pub(super) fn object(place: Place<'_>) -> Culprit {
        Culprit { bucket: place.bucket.to_owned(), record: Record::Object(sha256(place.key.as_bytes())) }
    }

    pub(super) fn upload(place: Place<'_>, id: &str) -> Culprit {
        Culprit { bucket: place.bucket.to_owned(), record: Record::Upload(id.to_owned()) }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Damage {
    pub(super) what: String,
    pub(super) reason: String,
}

impl Damage {
    pub(super) fn error(&self) -> BackendError {
        BackendError::Damaged { what: self.what.clone(), reason: self.reason.clone() }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct BucketRecord {
    pub(super) created: i64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ObjectRecord {
    pub(super) key: String,
    pub(super) object: Object,
    pub(super) blobs: Vec<(String, u64)>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PartRecord {
    pub(super) part: Part,
    pub(super) blobs: Vec<(String, u64)>,
}
