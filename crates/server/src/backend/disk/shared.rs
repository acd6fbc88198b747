//! The changes themselves. All of it may block.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::{
    super::{
        BackendError, Object, Part, Place, Upload,
        index::{Entry, Pending, Shelf},
    },
    files::{self, failed, prepare, sync_folder},
    folder::Folder,
    state::{BucketRecord, Content, Culprit, ObjectRecord, PartRecord, State},
};

/// The folder and what is in it.
pub(super) struct Shared {
    pub(super) folder: Folder,
    pub(super) state: Mutex<State>,
    /// Held as long as the backend lives.
    pub(super) _lock: File,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Files first, index last, one insertion or removal: whole even where a holder panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an object in its place, if `admitted` still says so when the moment has come.
    pub(super) fn commit(
        &self,
        place: Place<'_>,
        entry: Entry<Content>,
        admitted: impl FnOnce(&State) -> Result<(), BackendError>,
    ) -> Result<Arc<Object>, BackendError> {
        let record = ObjectRecord {
            key: place.key.to_owned(),
            object: (*entry.object).clone(),
            blobs: names(&entry.content),
        };
        let aside = prepare(&self.folder.temp(), &record)?;
        let path = self.folder.object_record(place.bucket, place.key);
        let object = entry.object.clone();
        let (before, ended) = {
            let mut state = self.state();
            admitted(&state)?;
            let shelf = state.index.shelf_mut(place.bucket)?;
            aside.place(&path)?;
            entry.content.iter().for_each(|blob| blob.link());
            let ended = object.upload.as_ref().and_then(|upload| shelf.uploads.remove(upload));
            let before = shelf.objects.insert(place.key.to_owned(), entry);
            state.damage.remove(&Culprit::object(place));
            (before, ended)
        };
        // What the old records name may go only after the one that replaces them is safe.
        sync_folder(&self.folder.objects(place.bucket))?;
        if let Some(before) = before {
            release(&before.content);
        }
        if let Some(ended) = ended {
            self.forget(place.bucket, ended)?;
        }
        Ok(object)
    }

    /// Removes what is left of an upload that is over.
    pub(super) fn forget(&self, bucket: &str, ended: Pending<Content>) -> Result<(), BackendError> {
        self.remove_upload(bucket, &ended.upload.id)?;
        ended.parts.into_values().for_each(|(_, content)| release(&content));
        Ok(())
    }

    pub(super) fn remove_upload(&self, bucket: &str, id: &str) -> Result<(), BackendError> {
        files::remove(&self.folder.upload_record(bucket, id))?;
        let place = self.folder.upload(bucket, id);
        sync_folder(&place)?;
        fs::remove_dir_all(&place).map_err(failed("remove", &place))
    }

    pub(super) fn create_bucket(&self, bucket: &str, created: Timestamp) -> Result<(), BackendError> {
        let aside = prepare(&self.folder.temp(), &BucketRecord { created: created.as_millisecond() })?;
        let mut state = self.state();
        if state.index.contains(bucket) {
            return Ok(());
        }
        for part in [self.folder.objects(bucket), self.folder.uploads(bucket)] {
            fs::create_dir_all(&part).map_err(failed("create", &part))?;
        }
        sync_folder(&self.folder.buckets())?;
        aside.place(&self.folder.bucket_record(bucket))?;
        sync_folder(&self.folder.bucket(bucket))?;
        state.index.add(bucket, Shelf::new(created));
        Ok(())
    }

    pub(super) fn delete_bucket(&self, bucket: &str) -> Result<(), BackendError> {
        let mut state = self.state();
        let damaged = state.damage.keys().any(|culprit| culprit.bucket == bucket);
        if !state.index.shelf(bucket)?.is_empty() || damaged {
            return Err(BackendError::BucketNotEmpty);
        }
        files::remove(&self.folder.bucket_record(bucket))?;
        state.index.remove(bucket);
        let place = self.folder.bucket(bucket);
        sync_folder(&place)?;
        fs::remove_dir_all(&place).map_err(failed("remove", &place))
    }

    pub(super) fn delete(&self, place: Place<'_>) -> Result<(), BackendError> {
        let before = {
            let mut state = self.state();
            let shelf = state.index.shelf_mut(place.bucket)?;
            let known = shelf.objects.contains_key(place.key);
            let damaged = state.damage.contains_key(&Culprit::object(place));
            if !known && !damaged {
                return Err(BackendError::NoSuchKey);
            }
            files::remove(&self.folder.object_record(place.bucket, place.key))?;
            state.damage.remove(&Culprit::object(place));
            state.index.shelf_mut(place.bucket)?.objects.remove(place.key)
        };
        sync_folder(&self.folder.objects(place.bucket))?;
        if let Some(before) = before {
            release(&before.content);
        }
        Ok(())
    }

    pub(super) fn create_upload(&self, bucket: &str, upload: Upload) -> Result<(), BackendError> {
        let aside = prepare(&self.folder.temp(), &upload)?;
        let mut state = self.state();
        let shelf = state.index.shelf_mut(bucket)?;
        let parts = self.folder.parts(bucket, &upload.id);
        fs::create_dir_all(&parts).map_err(failed("create", &parts))?;
        sync_folder(&self.folder.uploads(bucket))?;
        aside.place(&self.folder.upload_record(bucket, &upload.id))?;
        sync_folder(&self.folder.upload(bucket, &upload.id))?;
        shelf.uploads.insert(upload.id.clone(), Pending { upload: Arc::new(upload), parts: BTreeMap::new() });
        Ok(())
    }

    pub(super) fn put_part(
        &self,
        place: Place<'_>,
        id: &str,
        part: Part,
        content: Content,
    ) -> Result<Part, BackendError> {
        let aside = prepare(&self.folder.temp(), &PartRecord { part: part.clone(), blobs: names(&content) })?;
        let before = {
            let mut state = self.state();
            state.sound(&Culprit::upload(place, id))?;
            let pending = state.index.shelf_mut(place.bucket)?.pending_mut(place.key, id)?;
            aside.place(&self.folder.part_record(place.bucket, id, part.number))?;
            content.iter().for_each(|blob| blob.link());
            pending.parts.insert(part.number, (part.clone(), content))
        };
        sync_folder(&self.folder.parts(place.bucket, id)).or_else(|error| {
            // The upload may have ended since, and its folder with it.
            if self.state().pending(place, id).is_ok() { Err(error) } else { Ok(()) }
        })?;
        if let Some((_, before)) = before {
            release(&before);
        }
        Ok(part)
    }

    pub(super) fn abort(&self, place: Place<'_>, id: &str) -> Result<(), BackendError> {
        let ended = {
            let mut state = self.state();
            let damaged = state.damage.contains_key(&Culprit::upload(place, id));
            if !damaged {
                state.pending(place, id)?;
            }
            files::remove(&self.folder.upload_record(place.bucket, id))?;
            state.damage.remove(&Culprit::upload(place, id));
            state.index.shelf_mut(place.bucket)?.uploads.remove(id)
        };
        match ended {
            Some(ended) => self.forget(place.bucket, ended),
            None => self.remove_upload(place.bucket, id),
        }
    }
}

fn names(content: &Content) -> Vec<(String, u64)> {
    content.iter().map(|blob| (blob.name.clone(), blob.size)).collect()
}

fn release(content: &Content) {
    content.iter().for_each(|blob| blob.unlink());
}
