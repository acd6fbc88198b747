//! What is in the folder, in memory: the index, and the records that are damaged.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    super::{
        BackendError, NewMarker, Object, Overwrite, Place, Removed,
        history::Entry,
        index::{Change, Index, Pending},
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

    pub(super) fn object(
        &self,
        place: Place<'_>,
        version: Option<&str>,
    ) -> Result<&Entry<Content>, BackendError> {
        self.sound(&Culprit::object(place))?;
        self.index.object(place, version)
    }

    /// Whether a write is allowed. One heals a damaged record, but not where versions are kept: it would lose them.
    pub(super) fn admits(&self, place: Place<'_>, overwrite: Overwrite) -> Result<(), BackendError> {
        let shelf = self.index.shelf(place.bucket)?;
        if shelf.versioning.is_some() {
            self.sound(&Culprit::object(place))?;
        }
        if overwrite == Overwrite::Forbidden {
            self.sound(&Culprit::object(place)).map_err(|_| BackendError::Exists)?;
        }
        shelf.admits(place.key, overwrite)
    }

    pub(super) fn deleted(
        &self,
        place: Place<'_>,
        new: &NewMarker,
    ) -> Result<Change<Content, Removed>, BackendError> {
        let shelf = self.index.shelf(place.bucket)?;
        match self.sound(&Culprit::object(place)) {
            Ok(()) => shelf.deleted(place.key, new),
            Err(_) if shelf.versioning.is_none() => Ok(Change { history: None, answer: Removed::Gone }),
            Err(damaged) => Err(damaged),
        }
    }

    pub(super) fn purged(
        &self,
        place: Place<'_>,
        version: &str,
    ) -> Result<Change<Content, Removed>, BackendError> {
        self.sound(&Culprit::object(place))?;
        self.index.shelf(place.bucket)?.purged(place.key, version)
    }

    /// Whether an object that is about to grow is still as it was `before`.
    pub(super) fn growing(
        &self,
        place: Place<'_>,
        before: Option<&Object>,
    ) -> Result<Option<&Entry<Content>>, BackendError> {
        let shelf = self.index.shelf(place.bucket)?;
        self.sound(&Culprit::object(place))?;
        shelf.growing(place.key, before)
    }

    pub(super) fn grown(
        &self,
        place: Place<'_>,
        before: Option<&Object>,
        record: &Object,
        added: &Content,
    ) -> Result<Change<Content, Arc<Object>>, BackendError> {
        let old = self.growing(place, before)?;
        let content =
            old.iter().flat_map(|entry| entry.content.iter()).chain(added.iter()).cloned().collect();
        self.index.shelf(place.bucket)?.grown(place.key, before, record, content)
    }

    /// Nobody knows the keys of damaged records: any listing of a bucket might lack one of the `kind` that it has.
    pub(super) fn listable(&self, bucket: &str, kind: fn(&Record) -> bool) -> Result<(), BackendError> {
        let mut damage = self.damage.iter();
        let unlistable = damage.find(|(culprit, _)| culprit.bucket == bucket && kind(&culprit.record));
        unlistable.map_or(Ok(()), |(_, damage)| Err(damage.error()))
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
    /// Of a key and its versions, by the digest of the key.
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
