//! Everything in one folder, safe against a kill at any instant.
//!
//! ```text
//! lock                                held while open: one process at a time
//! format                              which layout this is
//! temp/…                              files being written; swept on open
//! data/ID                             one body each, never changed
//! buckets/B/bucket                    record of a bucket: when it was made, whether it keeps versions
//! buckets/B/objects/SHA256-OF-KEY     record of a key and all its versions: headers, the bodies they are made of
//! buckets/B/uploads/ID/upload         record of an unfinished upload
//! buckets/B/uploads/ID/parts/N        record of a part: facts, its body
//! ```
//! A body is written aside, flushed, renamed into `data`; then its record likewise, renamed over the old one. That last rename is
//! the one commit point: before it the write has not happened, after it it has. A completed upload is a record that names the bodies
//! of its parts, a copy one that names those of its source; no bytes move. Bodies that no record names are removed when their last
//! reader lets go or, after a kill, when the folder is opened next.
//!
//! Records carry their own digest. One that is damaged is never skipped: requests for it, and listings that would have to show
//! it, fail and name the file; writing or deleting its key heals it, except where versions are kept: there it would lose them, and is refused.
//!
//! Every change of a key is the replacement of one record, however many versions it has; the price is that the record grows with them.
//! Folders of the layout before versions (`osseal-store-1`) are opened, and are of the present one from then on.

mod files;
mod folder;
mod load;
mod records;
mod shared;
mod state;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::FutureExt;
use jiff::Timestamp;
use osseal_wire::oss::{Acl, Versioning};
use tokio::task::{JoinHandle, spawn_blocking};

use self::{
    files::{Aside, Blob},
    folder::Folder,
    shared::Shared,
    state::{Content, Culprit, Record, State},
};
use super::{
    Backend, BackendError, BackendFuture, Bucket, Cursor, Listed, ListedVersion, NewMarker, NewObject,
    NewPart, Object, Opened, Overwrite, Part, Place, Removed, Upload, VersionCursor, history::Entry,
};
use crate::body::ingest::Incoming;

pub use self::load::OpenError;

/// Bytes gathered before they are written at once.
const BATCH: usize = 1 << 20;

/// A backend in a folder.
pub struct Disk {
    shared: Arc<Shared>,
}

impl Disk {
    /// Opens a folder, which is made where it does not exist. Reads every record; may take a while for a large store.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Disk, OpenError> {
        let folder = Folder::new(folder.into());
        let lock = load::lock(&folder)?;
        let state = load::load(&folder)?;
        Ok(Disk { shared: Arc::new(Shared { folder, state: Mutex::new(state), _lock: lock }) })
    }

    /// The damaged records found on opening: the file and what is wrong with it.
    pub fn damaged(&self) -> Vec<(String, String)> {
        self.shared
            .state()
            .damage
            .values()
            .map(|damage| (damage.what.clone(), damage.reason.clone()))
            .collect()
    }

    /// Runs file work where it may block.
    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, BackendError> + Send + 'static,
    ) -> BackendFuture<'static, T> {
        let shared = self.shared.clone();
        joined(spawn_blocking(move || work(&shared))).boxed()
    }

    /// Answers from memory.
    fn now<'a, T: Send + 'a>(
        &'a self,
        answer: impl FnOnce(&State) -> Result<T, BackendError> + Send + 'a,
    ) -> BackendFuture<'a, T> {
        async move { answer(&self.shared.state()) }.boxed()
    }

    /// Writes a body aside, chunk by chunk, the next ones arriving while the last are written.
    async fn receive(&self, body: &mut Incoming) -> Result<Received, BackendError> {
        let mut file: Option<JoinHandle<Result<Aside, BackendError>>> = None;
        let (mut batch, mut gathered, mut size) = (Vec::new(), 0, 0);
        loop {
            let chunk = body.next().await?;
            let ended = chunk.is_none();
            if let Some(chunk) = chunk {
                gathered += chunk.len();
                size += chunk.len() as u64;
                batch.push(chunk);
            }
            if gathered >= BATCH || (ended && gathered > 0) {
                let before = match file.take() {
                    Some(writing) => Some(joined(writing).await?),
                    None => None,
                };
                let (shared, chunks) = (self.shared.clone(), std::mem::take(&mut batch));
                gathered = 0;
                file = Some(spawn_blocking(move || append(&shared, before, &chunks)));
            }
            if ended {
                let aside = match file {
                    Some(writing) => Some(joined(writing).await?),
                    None => None,
                };
                return Ok(Received { aside, size });
            }
        }
    }
}

/// A body that was written aside; none for an empty one.
struct Received {
    aside: Option<Aside>,
    size: u64,
}

impl Received {
    fn place(self, folder: &Folder) -> Result<Content, BackendError> {
        match self.aside {
            Some(aside) => Ok([Blob::place(aside, &folder.data(), self.size)?].into()),
            None => Ok([].into()),
        }
    }
}

fn append(shared: &Shared, file: Option<Aside>, chunks: &[Bytes]) -> Result<Aside, BackendError> {
    let mut file = match file {
        Some(file) => file,
        None => Aside::create(&shared.folder.temp())?,
    };
    chunks.iter().try_for_each(|chunk| file.write(chunk))?;
    Ok(file)
}

async fn joined<T>(task: JoinHandle<Result<T, BackendError>>) -> Result<T, BackendError> {
    task.await.unwrap_or_else(|error| {
        Err(BackendError::Io {
            action: "finish",
            what: "file work".to_owned(),
            source: std::io::Error::other(error),
        })
    })
}

/// A [`Place`] that a task on another thread can hold.
struct Owned {
    bucket: String,
    key: String,
}

impl Owned {
    fn of(place: Place<'_>) -> Owned {
        Owned { bucket: place.bucket.to_owned(), key: place.key.to_owned() }
    }

    fn place(&self) -> Place<'_> {
        Place { bucket: &self.bucket, key: &self.key }
    }
}

impl Backend for Disk {
    fn create_bucket<'a>(&'a self, bucket: &'a str, created: Timestamp) -> BackendFuture<'a, ()> {
        let bucket = bucket.to_owned();
        self.blocking(move |shared| shared.create_bucket(&bucket, created))
    }

    fn delete_bucket<'a>(&'a self, bucket: &'a str) -> BackendFuture<'a, ()> {
        let bucket = bucket.to_owned();
        self.blocking(move |shared| shared.delete_bucket(&bucket))
    }

    fn buckets(&self) -> BackendFuture<'_, Vec<Bucket>> {
        self.now(|state| Ok(state.index.buckets()))
    }

    fn versioning<'a>(&'a self, bucket: &'a str) -> BackendFuture<'a, Option<Versioning>> {
        self.now(move |state| Ok(state.index.shelf(bucket)?.versioning))
    }

    fn set_versioning<'a>(&'a self, bucket: &'a str, versioning: Versioning) -> BackendFuture<'a, ()> {
        let bucket = bucket.to_owned();
        self.blocking(move |shared| shared.set_versioning(&bucket, versioning))
    }

    fn put<'a>(
        &'a self,
        place: Place<'a>,
        new: NewObject,
        overwrite: Overwrite,
        body: &'a mut Incoming,
    ) -> BackendFuture<'a, Arc<Object>> {
        async move {
            self.shared.state().admits(place, overwrite)?;
            let received = self.receive(body).await?;
            let object = new.with(&body.finish()?);
            let place = Owned::of(place);
            self.blocking(move |shared| {
                let content = received.place(&shared.folder)?;
                shared.change(place.place(), |state| {
                    state.admits(place.place(), overwrite)?;
                    Ok(state.index.shelf(&place.bucket)?.written(&place.key, &object, content.clone()))
                })
            })
            .await
        }
        .boxed()
    }

    fn object<'a>(&'a self, place: Place<'a>, version: Option<&'a str>) -> BackendFuture<'a, Arc<Object>> {
        self.now(move |state| state.object(place, version).map(|entry| entry.object.clone()))
    }

    fn open<'a>(&'a self, place: Place<'a>, version: Option<&'a str>) -> BackendFuture<'a, Opened> {
        let (place, version) = (Owned::of(place), version.map(str::to_owned));
        self.blocking(move |shared| {
            let Entry { object, content } = shared.state().object(place.place(), version.as_deref())?.clone();
            content.iter().try_for_each(|blob| blob.check())?;
            Ok(Opened { object, is_kept: true, read: Box::new(move |range| files::stream(&content, range)) })
        })
    }

    fn delete<'a>(&'a self, place: Place<'a>, marker: NewMarker) -> BackendFuture<'a, Removed> {
        let place = Owned::of(place);
        self.blocking(move |shared| {
            shared.change(place.place(), |state| state.deleted(place.place(), &marker))
        })
    }

    fn delete_version<'a>(&'a self, place: Place<'a>, version: &'a str) -> BackendFuture<'a, Removed> {
        let (place, version) = (Owned::of(place), version.to_owned());
        self.blocking(move |shared| {
            shared.change(place.place(), |state| state.purged(place.place(), &version))
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
        let (source, target, expected) = (Owned::of(source), Owned::of(target), expected.to_owned());
        self.blocking(move |shared| {
            shared.change(target.place(), |state| {
                state.admits(target.place(), overwrite)?;
                state.sound(&Culprit::object(source.place()))?;
                let content = state.index.source(source.place(), &expected)?.content.clone();
                Ok(state.index.shelf(&target.bucket)?.written(&target.key, &record, content))
            })
        })
    }

    fn scan<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        from: Cursor<'a>,
        limit: usize,
    ) -> BackendFuture<'a, Vec<Listed>> {
        self.now(move |state| {
            let listed = state.index.scan(bucket, prefix, from, limit)?;
            state.listable(bucket, |record| matches!(record, Record::Object(_))).map(|()| listed)
        })
    }

    fn scan_versions<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        from: VersionCursor<'a>,
        limit: usize,
    ) -> BackendFuture<'a, Vec<ListedVersion>> {
        self.now(move |state| {
            let listed = state.index.scan_versions(bucket, prefix, from, limit)?;
            state.listable(bucket, |record| matches!(record, Record::Object(_))).map(|()| listed)
        })
    }

    fn create_upload<'a>(&'a self, place: Place<'a>, upload: Upload) -> BackendFuture<'a, ()> {
        let bucket = place.bucket.to_owned();
        self.blocking(move |shared| shared.create_upload(&bucket, upload))
    }

    fn upload<'a>(&'a self, place: Place<'a>, id: &'a str) -> BackendFuture<'a, (Arc<Upload>, Vec<Part>)> {
        self.now(move |state| {
            state.pending(place, id)?;
            state.index.upload(place, id)
        })
    }

    fn put_part<'a>(
        &'a self,
        place: Place<'a>,
        id: &'a str,
        new: NewPart,
        body: &'a mut Incoming,
    ) -> BackendFuture<'a, Part> {
        async move {
            self.shared.state().pending(place, id)?;
            let received = self.receive(body).await?;
            let part = new.with(&body.finish()?);
            let (place, id) = (Owned::of(place), id.to_owned());
            self.blocking(move |shared| {
                let content = received.place(&shared.folder)?;
                shared.put_part(place.place(), &id, part, content)
            })
            .await
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
        let (place, id, parts) = (Owned::of(place), id.to_owned(), parts.to_vec());
        self.blocking(move |shared| {
            shared.change(place.place(), |state| {
                state.admits(place.place(), overwrite)?;
                let chunks = state.pending(place.place(), &id)?.listed(&parts)?;
                let content = chunks.into_iter().flat_map(|content| content.iter().cloned()).collect();
                Ok(state.index.shelf(&place.bucket)?.written(&place.key, &record, content))
            })
        })
    }

    fn abort<'a>(&'a self, place: Place<'a>, id: &'a str) -> BackendFuture<'a, ()> {
        let (place, id) = (Owned::of(place), id.to_owned());
        self.blocking(move |shared| shared.abort(place.place(), &id))
    }

    fn append<'a>(
        &'a self,
        place: Place<'a>,
        before: Option<Arc<Object>>,
        new: NewObject,
        body: &'a mut Incoming,
    ) -> BackendFuture<'a, Arc<Object>> {
        async move {
            self.shared.state().growing(place, before.as_deref())?;
            let received = self.receive(body).await?;
            let object = new.after(before.as_deref(), &body.finish()?);
            let place = Owned::of(place);
            self.blocking(move |shared| {
                let added = received.place(&shared.folder)?;
                shared.change(place.place(), |state| {
                    state.grown(place.place(), before.as_deref(), &object, &added)
                })
            })
            .await
        }
        .boxed()
    }

    fn amend<'a>(&'a self, place: Place<'a>, expected: &'a str, record: Object) -> BackendFuture<'a, ()> {
        let (place, expected) = (Owned::of(place), expected.to_owned());
        self.blocking(move |shared| {
            let amended = shared.change(place.place(), |state| {
                state.sound(&Culprit::object(place.place()))?;
                state.index.shelf(&place.bucket)?.amended(&place.key, &expected, &record)
            });
            amended.map(drop)
        })
    }

    fn uploads<'a>(&'a self, bucket: &'a str, prefix: &'a str) -> BackendFuture<'a, Vec<Arc<Upload>>> {
        self.now(move |state| {
            let uploads = state.index.uploads(bucket, prefix)?;
            state.listable(bucket, |record| matches!(record, Record::Upload(_))).map(|()| uploads)
        })
    }

    fn bucket<'a>(&'a self, bucket: &'a str) -> BackendFuture<'a, Bucket> {
        self.now(move |state| state.index.bucket(bucket))
    }

    fn set_bucket_acl<'a>(&'a self, bucket: &'a str, acl: Acl) -> BackendFuture<'a, ()> {
        let bucket = bucket.to_owned();
        self.blocking(move |shared| shared.set_bucket_acl(&bucket, acl))
    }
}
