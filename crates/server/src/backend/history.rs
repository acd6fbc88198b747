//! The versions of one key, for both backends: what a write, a removal and the removal of a version make of them.
//!
//! ```text
//!                  never versioned       Enabled               Suspended
//!   write          replaces `null`       adds a version        replaces `null`
//!   removal        removes `null`        adds a marker         replaces `null` with a marker
//! ```
//! What replaces `null` becomes the latest, wherever `null` was.

use std::sync::Arc;

use osseal_wire::oss::Versioning;

use super::{BackendError, Marker, Object, VersionId, index::Change};

/// The versions of a key, the latest first; at least one.
pub(super) struct History<C> {
    pub(super) latest: Version<C>,
    pub(super) earlier: Vec<Version<C>>,
}

/// One version.
pub(super) enum Version<C> {
    Object(Entry<C>),
    Marker(Arc<Marker>),
}

/// One object.
pub(super) struct Entry<C> {
    pub(super) object: Arc<Object>,
    pub(super) content: C,
}

impl<C: Clone> Clone for Entry<C> {
    fn clone(&self) -> Self {
        Entry { object: self.object.clone(), content: self.content.clone() }
    }
}

impl<C: Clone> Clone for Version<C> {
    fn clone(&self) -> Self {
        match self {
            Version::Object(entry) => Version::Object(entry.clone()),
            Version::Marker(marker) => Version::Marker(marker.clone()),
        }
    }
}

impl<C> Version<C> {
    pub(super) fn id(&self) -> &VersionId {
        match self {
            Version::Object(entry) => &entry.object.version,
            Version::Marker(marker) => &marker.version,
        }
    }

    /// Unlike that of every other write and removal.
    fn write(&self) -> &str {
        match self {
            Version::Object(entry) => &entry.object.id,
            Version::Marker(marker) => &marker.id,
        }
    }

    pub(super) fn entry(&self) -> Option<&Entry<C>> {
        match self {
            Version::Object(entry) => Some(entry),
            Version::Marker(_) => None,
        }
    }
}

impl<C> History<C> {
    pub(super) fn all(&self) -> impl Iterator<Item = &Version<C>> {
        std::iter::once(&self.latest).chain(&self.earlier)
    }

    /// The content of all versions.
    pub(super) fn content(&self) -> impl Iterator<Item = &C> {
        self.all().filter_map(Version::entry).map(|entry| &entry.content)
    }

    /// The object, or one version of it.
    pub(super) fn entry(&self, version: Option<&str>) -> Result<&Entry<C>, BackendError> {
        let found = match version {
            None => &self.latest,
            Some(id) => {
                self.all().find(|known| known.id().as_str() == id).ok_or(BackendError::NoSuchVersion)?
            }
        };
        match found {
            Version::Object(entry) => Ok(entry),
            Version::Marker(marker) if version.is_none() => {
                Err(BackendError::Deleted { marker: marker.version.clone() })
            }
            Version::Marker(marker) => Err(BackendError::IsMarker { marker: marker.version.clone() }),
        }
    }

    /// The object that a write made.
    pub(super) fn of_write(&self, id: &str) -> Result<&Entry<C>, BackendError> {
        let mut entries = self.all().filter_map(Version::entry);
        entries.find(|entry| entry.object.id == id).ok_or(BackendError::Changed)
    }

    /// Whether both are of the same writes and removals.
    pub(super) fn is(&self, other: &Self) -> bool {
        let facts = |history: &Self| -> Vec<(VersionId, String)> {
            history.all().map(|version| (version.id().clone(), version.write().to_owned())).collect()
        };
        facts(self) == facts(other)
    }
}

impl<C: Clone> History<C> {
    /// What is left, the latest first.
    pub(super) fn of(versions: impl IntoIterator<Item = Version<C>>) -> Option<History<C>> {
        let mut versions = versions.into_iter();
        Some(History { latest: versions.next()?, earlier: versions.collect() })
    }

    /// With one more version: beside the others, or in place of `null`.
    pub(super) fn with(before: Option<&History<C>>, version: Version<C>) -> History<C> {
        let kept = before.into_iter().flat_map(History::all);
        let earlier = kept.filter(|known| known.id() != version.id()).cloned().collect();
        History { latest: version, earlier }
    }

    /// With another object as one of the versions, which all keep their places.
    pub(super) fn replaced(&self, id: &VersionId, record: &Object, content: C) -> Change<C, Arc<Object>> {
        let object = Arc::new(Object { version: id.clone(), ..record.clone() });
        let entry = Entry { object: object.clone(), content };
        let kept = |version: &Version<C>| {
            if version.id() == id { Version::Object(entry.clone()) } else { version.clone() }
        };
        let history =
            History { latest: kept(&self.latest), earlier: self.earlier.iter().map(kept).collect() };
        Change { history: Some(history), answer: object }
    }

    /// Without a version; none when nothing is left.
    pub(super) fn without(&self, id: &str) -> Option<History<C>> {
        History::of(self.all().filter(|version| version.id().as_str() != id).cloned())
    }
}

impl VersionId {
    /// The version that the write or removal `id` makes.
    pub(super) fn made_by(id: &str, versioning: Option<Versioning>) -> VersionId {
        match versioning {
            Some(Versioning::Enabled) => VersionId(id.to_owned()),
            Some(Versioning::Suspended) | None => VersionId::default(),
        }
    }
}
