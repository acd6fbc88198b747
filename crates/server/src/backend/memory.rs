//! Everything in memory, gone with the process. Bodies are kept as the chunks they came in and handed out without copying.

mod content;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use jiff::Timestamp;
use osseal_wire::oss::{Acl, Versioning};

use self::content::{Content, Stretch, collect, is_kept, joined, slices};
use super::{
    Backend, BackendError, BackendFuture, Bucket, Cursor, Listed, ListedVersion, NewMarker, NewObject,
    NewPart, Object, Opened, Overwrite, Part, Place, Removed, Upload, VersionCursor,
    history::Entry,
    index::{Change, Index, Pending, Shelf},
};
use crate::body::ingest::{Facts, Incoming};

pub use self::content::Pattern;

/// A backend without a disk.
#[derive(Default)]
pub struct Memory {
    index: Mutex<Index<Content>>,
    discard: bool,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty one that counts and sums bodies and keeps none of them: for measuring what sends them. Records are kept, reading
    /// content is refused.
    pub fn discarding() -> Self {
        Memory { discard: true, ..Self::default() }
    }

    /// Puts an object in place whose content is made when it is read: for measuring what reads it. Its ETag is no MD5.
    ///
    /// # Errors
    /// [`BackendError::NoSuchBucket`].
    pub fn synthesise(
        &self,
        place: Place<'_>,
        new: NewObject,
        pattern: Pattern,
    ) -> Result<Arc<Object>, BackendError> {
        let facts = Facts { size: pattern.size(), md5: None, crc64: pattern.crc64() };
        let content = [Stretch::Made(pattern, 0..facts.size)].into();
        let mut index = self.index();
        let shelf = index.shelf_mut(place.bucket)?;
        let change = shelf.written(place.key, &new.with(&facts), content);
        Ok(applied(shelf, place.key, change))
    }

    fn index(&self) -> MutexGuard<'_, Index<Content>> {
        // Every change is one insertion or removal, so the index is whole even where a holder panicked.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now<'a, T: Send + 'a>(
        &'a self,
        change: impl FnOnce(&mut Index<Content>) -> Result<T, BackendError> + Send + 'a,
    ) -> BackendFuture<'a, T> {
        async move { change(&mut self.index()) }.boxed()
    }
}

impl Backend for Memory {
    fn create_bucket<'a>(&'a self, bucket: &'a str, created: Timestamp) -> BackendFuture<'a, ()> {
        self.now(move |index| {
            index.add(bucket, Shelf::new(created, Acl::Private, None));
            Ok(())
        })
    }

    fn delete_bucket<'a>(&'a self, bucket: &'a str) -> BackendFuture<'a, ()> {
        self.now(move |index| {
            if !index.shelf(bucket)?.is_empty() {
                return Err(BackendError::BucketNotEmpty);
            }
            index.remove(bucket);
            Ok(())
        })
    }

    fn buckets(&self) -> BackendFuture<'_, Vec<Bucket>> {
        self.now(|index| Ok(index.buckets()))
    }

    fn versioning<'a>(&'a self, bucket: &'a str) -> BackendFuture<'a, Option<Versioning>> {
        self.now(move |index| Ok(index.shelf(bucket)?.versioning))
    }

    fn set_versioning<'a>(&'a self, bucket: &'a str, versioning: Versioning) -> BackendFuture<'a, ()> {
        self.now(move |index| {
            index.shelf_mut(bucket)?.versioning = Some(versioning);
            Ok(())
        })
    }

    fn put<'a>(
        &'a self,
        place: Place<'a>,
        new: NewObject,
        overwrite: Overwrite,
        body: &'a mut Incoming,
    ) -> BackendFuture<'a, Arc<Object>> {
        async move {
            self.index().shelf(place.bucket)?.admits(place.key, overwrite)?;
            let content = collect(body, self.discard).await?;
            let object = new.with(&body.finish()?);
            let mut index = self.index();
            let shelf = index.shelf_mut(place.bucket)?;
            shelf.admits(place.key, overwrite)?;
            let change = shelf.written(place.key, &object, content);
            Ok(applied(shelf, place.key, change))
        }
        .boxed()
    }

    fn object<'a>(&'a self, place: Place<'a>, version: Option<&'a str>) -> BackendFuture<'a, Arc<Object>> {
        self.now(move |index| index.object(place, version).map(|entry| entry.object.clone()))
    }

    fn open<'a>(&'a self, place: Place<'a>, version: Option<&'a str>) -> BackendFuture<'a, Opened> {
        self.now(move |index| {
            let Entry { object, content } = index.object(place, version)?.clone();
            Ok(Opened {
                object,
                is_kept: is_kept(&content),
                read: Box::new(move |range| slices(&content, range)),
            })
        })
    }

    fn delete<'a>(&'a self, place: Place<'a>, marker: NewMarker) -> BackendFuture<'a, Removed> {
        self.now(move |index| {
            let shelf = index.shelf_mut(place.bucket)?;
            let change = shelf.deleted(place.key, &marker)?;
            Ok(applied(shelf, place.key, change))
        })
    }

    fn delete_version<'a>(&'a self, place: Place<'a>, version: &'a str) -> BackendFuture<'a, Removed> {
        self.now(move |index| {
            let shelf = index.shelf_mut(place.bucket)?;
            let change = shelf.purged(place.key, version)?;
            Ok(applied(shelf, place.key, change))
        })
    }

    fn copy<'a>(
        &'a self,
        source: Place<'a>,
        expected: &'a str,
        target: Place<'a>,
        record: Object,
        overwrite: Overwrite,
    ) -> BackendFuture<'a, Arc<Object>> {
        self.now(move |index| {
            let content = index.source(source, expected)?.content.clone();
            let shelf = index.shelf_mut(target.bucket)?;
            shelf.admits(target.key, overwrite)?;
            let change = shelf.written(target.key, &record, content);
            Ok(applied(shelf, target.key, change))
        })
    }

    fn scan<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        from: Cursor<'a>,
        limit: usize,
    ) -> BackendFuture<'a, Vec<Listed>> {
        self.now(move |index| index.scan(bucket, prefix, from, limit))
    }

    fn scan_versions<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        from: VersionCursor<'a>,
        limit: usize,
    ) -> BackendFuture<'a, Vec<ListedVersion>> {
        self.now(move |index| index.scan_versions(bucket, prefix, from, limit))
    }

    fn create_upload<'a>(&'a self, place: Place<'a>, upload: Upload) -> BackendFuture<'a, ()> {
        self.now(move |index| {
            let pending = Pending { upload: Arc::new(upload), parts: std::collections::BTreeMap::new() };
            index.shelf_mut(place.bucket)?.uploads.insert(pending.upload.id.clone(), pending);
            Ok(())
        })
    }

    fn upload<'a>(&'a self, place: Place<'a>, id: &'a str) -> BackendFuture<'a, (Arc<Upload>, Vec<Part>)> {
        self.now(move |index| index.upload(place, id))
    }

    fn put_part<'a>(
        &'a self,
        place: Place<'a>,
        id: &'a str,
        new: NewPart,
        body: &'a mut Incoming,
    ) -> BackendFuture<'a, Part> {
        async move {
            self.index().shelf(place.bucket)?.pending(place.key, id)?;
            let content = collect(body, self.discard).await?;
            let part = new.with(&body.finish()?);
            let mut index = self.index();
            let pending = index.shelf_mut(place.bucket)?.pending_mut(place.key, id)?;
            pending.parts.insert(part.number, (part.clone(), content));
            Ok(part)
        }
        .boxed()
    }

    fn complete<'a>(
        &'a self,
        place: Place<'a>,
        id: &'a str,
        parts: &'a [Part],
        record: Object,
        overwrite: Overwrite,
    ) -> BackendFuture<'a, Arc<Object>> {
        self.now(move |index| {
            let shelf = index.shelf_mut(place.bucket)?;
            let chunks = shelf.pending(place.key, id)?.listed(parts)?;
            let content = joined(chunks);
            shelf.admits(place.key, overwrite)?;
            shelf.uploads.remove(id);
            let change = shelf.written(place.key, &record, content);
            Ok(applied(shelf, place.key, change))
        })
    }

    fn abort<'a>(&'a self, place: Place<'a>, id: &'a str) -> BackendFuture<'a, ()> {
        self.now(move |index| {
            let shelf = index.shelf_mut(place.bucket)?;
            shelf.pending(place.key, id)?;
            shelf.uploads.remove(id);
            Ok(())
        })
    }

    fn append<'a>(
        &'a self,
        place: Place<'a>,
        before: Option<Arc<Object>>,
        new: NewObject,
        body: &'a mut Incoming,
    ) -> BackendFuture<'a, Arc<Object>> {
        async move {
            self.index().shelf(place.bucket)?.growing(place.key, before.as_deref())?;
            let added = collect(body, self.discard).await?;
            let object = new.after(before.as_deref(), &body.finish()?);
            let mut index = self.index();
            let shelf = index.shelf_mut(place.bucket)?;
            let content = match shelf.growing(place.key, before.as_deref())? {
                Some(entry) => joined([&entry.content, &added]),
                None => added,
            };
            let change = shelf.grown(place.key, before.as_deref(), &object, content)?;
            Ok(applied(shelf, place.key, change))
        }
        .boxed()
    }

    fn amend<'a>(&'a self, place: Place<'a>, expected: &'a str, record: Object) -> BackendFuture<'a, ()> {
        self.now(move |index| {
            let shelf = index.shelf_mut(place.bucket)?;
            let change = shelf.amended(place.key, expected, &record)?;
            applied(shelf, place.key, change);
            Ok(())
        })
    }

    fn uploads<'a>(&'a self, bucket: &'a str, prefix: &'a str) -> BackendFuture<'a, Vec<Arc<Upload>>> {
        self.now(move |index| index.uploads(bucket, prefix))
    }

    fn bucket<'a>(&'a self, bucket: &'a str) -> BackendFuture<'a, Bucket> {
        self.now(move |index| index.bucket(bucket))
    }

    fn set_bucket_acl<'a>(&'a self, bucket: &'a str, acl: Acl) -> BackendFuture<'a, ()> {
        self.now(move |index| {
            index.shelf_mut(bucket)?.acl = acl;
            Ok(())
        })
    }
}

fn applied<T>(shelf: &mut Shelf<Content>, key: &str, change: Change<Content, T>) -> T {
    shelf.apply(key, change.history);
    change.answer
}
