//! What exists, in memory, for both backends: buckets, the versions of their keys, their unfinished uploads by id.
//!
//! Generic over `C`, the handle on stored content. Knows which changes are allowed and what they lead to; durability is the caller's: it
//! asks for a [`Change`], makes it durable, and applies it.

use std::{
    collections::{BTreeMap, btree_map},
    ops::Bound,
    sync::Arc,
};

use jiff::Timestamp;
use osseal_wire::oss::{Acl, Versioning};

use super::{
    BackendError, Bucket, Cursor, Listed, ListedVersion, Marker, NewMarker, Object, Overwrite, Part, Place,
    Removed, Upload, VersionCursor, VersionId, VersionKind,
    history::{Entry, History, Version},
};

/// Everything that exists.
pub(super) struct Index<C> {
    buckets: BTreeMap<String, Shelf<C>>,
}

/// One bucket.
pub(super) struct Shelf<C> {
    pub(super) created: Timestamp,
    pub(super) acl: Acl,
    /// None until it is set for the first time.
    pub(super) versioning: Option<Versioning>,
    pub(super) keys: BTreeMap<String, History<C>>,
    pub(super) uploads: BTreeMap<String, Pending<C>>,
}

/// What becomes of a key, and what is answered.
pub(super) struct Change<C, T> {
    /// None when no version is left.
    pub(super) history: Option<History<C>>,
    pub(super) answer: T,
}

/// One unfinished upload.
pub(super) struct Pending<C> {
    pub(super) upload: Arc<Upload>,
    pub(super) parts: BTreeMap<u32, (Part, C)>,
}

impl<C> Default for Index<C> {
    fn default() -> Self {
        Index { buckets: BTreeMap::new() }
    }
}

impl<C> Shelf<C> {
    pub(super) fn new(created: Timestamp, acl: Acl, versioning: Option<Versioning>) -> Self {
        Shelf { created, acl, versioning, keys: BTreeMap::new(), uploads: BTreeMap::new() }
    }

    /// Whether a write under these terms is allowed. Where versions are kept nothing is overwritten.
    pub(super) fn admits(&self, key: &str, overwrite: Overwrite) -> Result<(), BackendError> {
        match overwrite {
            Overwrite::Forbidden if self.versioning.is_none() && self.keys.contains_key(key) => {
                Err(BackendError::Exists)
            }
            _ => Ok(()),
        }
    }

    /// An object or one version of it.
    pub(super) fn entry(&self, key: &str, version: Option<&str>) -> Result<&Entry<C>, BackendError> {
        let none = if version.is_some() { BackendError::NoSuchVersion } else { BackendError::NoSuchKey };
        self.keys.get(key).ok_or(none)?.entry(version)
    }

    pub(super) fn pending(&self, key: &str, id: &str) -> Result<&Pending<C>, BackendError> {
        self.uploads.get(id).filter(|pending| pending.upload.key == key).ok_or(BackendError::NoSuchUpload)
    }

    pub(super) fn pending_mut(&mut self, key: &str, id: &str) -> Result<&mut Pending<C>, BackendError> {
        self.uploads.get_mut(id).filter(|pending| pending.upload.key == key).ok_or(BackendError::NoSuchUpload)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.uploads.is_empty()
    }

    /// Puts a change into effect; gives back what the key was.
    pub(super) fn apply(&mut self, key: &str, history: Option<History<C>>) -> Option<History<C>> {
        match history {
            Some(history) => self.keys.insert(key.to_owned(), history),
            None => self.keys.remove(key),
        }
    }
}

impl<C: Clone> Shelf<C> {
    /// A write of the record, whose version is decided here.
    pub(super) fn written(&self, key: &str, record: &Object, content: C) -> Change<C, Arc<Object>> {
        let version = VersionId::made_by(&record.id, self.versioning);
        let object = Arc::new(Object { version, ..record.clone() });
        let version = Version::Object(Entry { object: object.clone(), content });
        Change { history: Some(History::with(self.keys.get(key), version)), answer: object }
    }

    /// The object that is about to grow, if it is still as it was `before`; none where there is none, or a delete marker.
    pub(super) fn growing(
        &self,
        key: &str,
        before: Option<&Object>,
    ) -> Result<Option<&Entry<C>>, BackendError> {
        let now = self.keys.get(key).and_then(|history| history.latest.entry());
        let of = |object: &Object| object.id.clone();
        if now.map(|entry| of(&entry.object)) == before.map(of) {
            Ok(now)
        } else {
            Err(BackendError::Changed)
        }
    }

    /// The growth of the latest version, which stays the one it is. What makes the object is a write.
    pub(super) fn grown(
        &self,
        key: &str,
        before: Option<&Object>,
        record: &Object,
        content: C,
    ) -> Result<Change<C, Arc<Object>>, BackendError> {
        match (self.growing(key, before)?, self.keys.get(key)) {
            (Some(_), Some(history)) => Ok(history.replaced(history.latest.id(), record, content)),
            _ => Ok(self.written(key, record, content)),
        }
    }

    /// Another record for the version of the write `expected`, whose content stays.
    pub(super) fn amended(
        &self,
        key: &str,
        expected: &str,
        record: &Object,
    ) -> Result<Change<C, Arc<Object>>, BackendError> {
        let history = self.keys.get(key).ok_or(BackendError::Changed)?;
        let entry = history.of_write(expected)?;
        Ok(history.replaced(&entry.object.version, record, entry.content.clone()))
    }

    /// A removal of the object, by a marker where versions are kept.
    pub(super) fn deleted(&self, key: &str, new: &NewMarker) -> Result<Change<C, Removed>, BackendError> {
        let before = self.keys.get(key);
        if self.versioning.is_none() {
            return before
                .map(|_| Change { history: None, answer: Removed::Gone })
                .ok_or(BackendError::NoSuchKey);
        }
        let version = VersionId::made_by(&new.id, self.versioning);
        let marker = Marker { id: new.id.clone(), version: version.clone(), modified: new.modified };
        Ok(Change {
            history: Some(History::with(before, Version::Marker(Arc::new(marker)))),
            answer: Removed::Marked(version),
        })
    }

    /// A removal of one version for good.
    pub(super) fn purged(&self, key: &str, version: &str) -> Result<Change<C, Removed>, BackendError> {
        let before = self.keys.get(key).ok_or(BackendError::NoSuchVersion)?;
        let gone = before.all().find(|known| known.id().as_str() == version);
        let answer = match gone.ok_or(BackendError::NoSuchVersion)? {
            Version::Object(_) => Removed::Gone,
            Version::Marker(_) => Removed::Unmarked,
        };
        Ok(Change { history: before.without(version), answer })
    }
}

impl<C> Pending<C> {
    /// The content of the parts, if each is still the one listed.
    pub(super) fn listed<'s>(&'s self, parts: &'s [Part]) -> Result<Vec<&'s C>, BackendError> {
        parts
            .iter()
            .map(|part| match self.parts.get(&part.number) {
                Some((stored, content)) if stored.id == part.id => Ok(content),
                _ => Err(BackendError::Changed),
            })
            .collect()
    }
}

impl<C> Index<C> {
    pub(super) fn shelf(&self, bucket: &str) -> Result<&Shelf<C>, BackendError> {
        self.buckets.get(bucket).ok_or(BackendError::NoSuchBucket)
    }

    pub(super) fn shelf_mut(&mut self, bucket: &str) -> Result<&mut Shelf<C>, BackendError> {
        self.buckets.get_mut(bucket).ok_or(BackendError::NoSuchBucket)
    }

    pub(super) fn contains(&self, bucket: &str) -> bool {
        self.buckets.contains_key(bucket)
    }

    /// Adds a bucket; one that exists stays.
    pub(super) fn add(&mut self, bucket: &str, shelf: Shelf<C>) {
        if let btree_map::Entry::Vacant(vacant) = self.buckets.entry(bucket.to_owned()) {
            vacant.insert(shelf);
        }
    }

    pub(super) fn remove(&mut self, bucket: &str) {
        self.buckets.remove(bucket);
    }

    pub(super) fn buckets(&self) -> Vec<Bucket> {
        self.buckets
            .iter()
            .map(|(name, shelf)| Bucket { name: name.clone(), created: shelf.created, acl: shelf.acl })
            .collect()
    }

    pub(super) fn bucket(&self, bucket: &str) -> Result<Bucket, BackendError> {
        let shelf = self.shelf(bucket)?;
        Ok(Bucket { name: bucket.to_owned(), created: shelf.created, acl: shelf.acl })
    }

    pub(super) fn uploads(&self, bucket: &str, prefix: &str) -> Result<Vec<Arc<Upload>>, BackendError> {
        let all = self.shelf(bucket)?.uploads.values().map(|pending| pending.upload.clone());
        let mut uploads: Vec<_> = all.filter(|upload| upload.key.starts_with(prefix)).collect();
        uploads.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
        Ok(uploads)
    }

    pub(super) fn object(&self, place: Place<'_>, version: Option<&str>) -> Result<&Entry<C>, BackendError> {
        self.shelf(place.bucket)?.entry(place.key, version)
    }

    /// The entry that a copy reads, if it is still there.
    pub(super) fn source(&self, place: Place<'_>, expected: &str) -> Result<&Entry<C>, BackendError> {
        let history = self.shelf(place.bucket)?.keys.get(place.key).ok_or(BackendError::NoSuchKey)?;
        history.of_write(expected)
    }

    pub(super) fn scan(
        &self,
        bucket: &str,
        prefix: &str,
        from: Cursor<'_>,
        limit: usize,
    ) -> Result<Vec<Listed>, BackendError> {
        let objects = self.keys(bucket, prefix, from)?.filter_map(|(key, history)| {
            let entry = history.latest.entry()?;
            Some(Listed { key: key.clone(), object: entry.object.clone() })
        });
        Ok(objects.take(limit).collect())
    }

    pub(super) fn scan_versions(
        &self,
        bucket: &str,
        prefix: &str,
        from: VersionCursor<'_>,
        limit: usize,
    ) -> Result<Vec<ListedVersion>, BackendError> {
        let (from, after) = match from {
            VersionCursor::Key(from) => (from, None),
            VersionCursor::After { key, version } => (Cursor::At(key), Some((key, version))),
        };
        let rows = self.keys(bucket, prefix, from)?.flat_map(|(key, history)| {
            // Of a version that is gone nobody knows what came after it: the key is listed from its latest.
            let skipped = after
                .filter(|(marker, _)| marker == key)
                .and_then(|(_, version)| history.all().position(|known| known.id().as_str() == version))
                .map_or(0, |position| position + 1);
            history.all().enumerate().skip(skipped).map(move |(position, version)| ListedVersion {
                key: key.clone(),
                is_latest: position == 0,
                kind: match version {
                    Version::Object(entry) => VersionKind::Object(entry.object.clone()),
                    Version::Marker(marker) => VersionKind::Marker(marker.clone()),
                },
            })
        });
        Ok(rows.take(limit).collect())
    }

    fn keys(
        &self,
        bucket: &str,
        prefix: &str,
        from: Cursor<'_>,
    ) -> Result<impl Iterator<Item = (&String, &History<C>)>, BackendError> {
        let start = match from {
            Cursor::At(key) if key > prefix => Bound::Included(key),
            Cursor::After(key) if key >= prefix => Bound::Excluded(key),
            _ => Bound::Included(prefix),
        };
        let rows = self.shelf(bucket)?.keys.range::<str, _>((start, Bound::Unbounded));
        Ok(rows.take_while(move |(key, _)| key.starts_with(prefix)))
    }

    pub(super) fn upload(
        &self,
        place: Place<'_>,
        id: &str,
    ) -> Result<(Arc<Upload>, Vec<Part>), BackendError> {
        let pending = self.shelf(place.bucket)?.pending(place.key, id)?;
        Ok((pending.upload.clone(), pending.parts.values().map(|(part, _)| part.clone()).collect()))
    }
}
