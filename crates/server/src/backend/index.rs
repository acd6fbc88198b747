//! What exists, in memory, for both backends: buckets, their objects by key, their unfinished uploads by id.
//!
//! Generic over `C`, the handle on stored content. Knows which changes are allowed and makes them; durability is the caller's.

use std::{
    collections::{BTreeMap, btree_map},
    ops::Bound,
    sync::Arc,
};

use jiff::Timestamp;

use super::{BackendError, Bucket, Cursor, Listed, Object, Overwrite, Part, Place, Upload};

/// Everything that exists.
pub(super) struct Index<C> {
    buckets: BTreeMap<String, Shelf<C>>,
}

/// One bucket.
pub(super) struct Shelf<C> {
    pub(super) created: Timestamp,
    pub(super) objects: BTreeMap<String, Entry<C>>,
    pub(super) uploads: BTreeMap<String, Pending<C>>,
}

/// One object.
#[derive(Clone)]
pub(super) struct Entry<C> {
    pub(super) object: Arc<Object>,
    pub(super) content: C,
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
    pub(super) fn new(created: Timestamp) -> Self {
        Shelf { created, objects: BTreeMap::new(), uploads: BTreeMap::new() }
    }

    /// Whether a write under these terms is allowed.
    pub(super) fn admits(&self, key: &str, overwrite: Overwrite) -> Result<(), BackendError> {
        match overwrite {
            Overwrite::Forbidden if self.objects.contains_key(key) => Err(BackendError::Exists),
            _ => Ok(()),
        }
    }

    pub(super) fn entry(&self, key: &str) -> Result<&Entry<C>, BackendError> {
        self.objects.get(key).ok_or(BackendError::NoSuchKey)
    }

    pub(super) fn pending(&self, key: &str, id: &str) -> Result<&Pending<C>, BackendError> {
        self.uploads.get(id).filter(|pending| pending.upload.key == key).ok_or(BackendError::NoSuchUpload)
    }

    pub(super) fn pending_mut(&mut self, key: &str, id: &str) -> Result<&mut Pending<C>, BackendError> {
        self.uploads.get_mut(id).filter(|pending| pending.upload.key == key).ok_or(BackendError::NoSuchUpload)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.uploads.is_empty()
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
            .map(|(name, shelf)| Bucket { name: name.clone(), created: shelf.created })
            .collect()
    }

    pub(super) fn object(&self, place: Place<'_>) -> Result<&Entry<C>, BackendError> {
        self.shelf(place.bucket)?.entry(place.key)
    }

    /// The entry that a copy reads, if it is still the one expected.
    pub(super) fn source(&self, place: Place<'_>, expected: &str) -> Result<&Entry<C>, BackendError> {
        let entry = self.object(place)?;
        if entry.object.id == expected { Ok(entry) } else { Err(BackendError::Changed) }
    }

    pub(super) fn scan(
        &self,
        bucket: &str,
        prefix: &str,
        from: Cursor<'_>,
        limit: usize,
    ) -> Result<Vec<Listed>, BackendError> {
        let start = match from {
            Cursor::At(key) if key > prefix => Bound::Included(key),
            Cursor::After(key) if key >= prefix => Bound::Excluded(key),
            _ => Bound::Included(prefix),
        };
        let rows = self.shelf(bucket)?.objects.range::<str, _>((start, Bound::Unbounded));
        Ok(rows
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
            .map(|(key, entry)| Listed { key: key.clone(), object: entry.object.clone() })
            .collect())
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
