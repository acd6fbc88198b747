//! The changes themselves. All of it may block.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use osseal_wire::oss::{Acl, Versioning};

use super::{
    super::{
        BackendError, Part, Place, Upload,
        history::History,
        index::{Change, Pending, Shelf},
    },
    files::{self, failed, prepare, sync_folder},
    folder::Folder,
    records::{BucketRecord, KeyRecord, PartRecord, names},
    state::{Content, Culprit, State},
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

    /// Makes a change of a key: decides, writes the record aside, and puts it in its place if the decision is still the same then.
    pub(super) fn change<T>(
        &self,
        place: Place<'_>,
        decide: impl Fn(&State) -> Result<Change<Content, T>, BackendError>,
    ) -> Result<T, BackendError> {
        let path = self.folder.object_record(place.bucket, place.key);
        let (before, answer, ended) = loop {
            let planned = decide(&self.state())?.history;
            let aside = planned
                .as_ref()
                .map(|history| prepare(&self.folder.temp(), &KeyRecord::of(place.key, history)))
                .transpose()?;
            let mut state = self.state();
            let Change { history, answer } = decide(&state)?;
            let same = match (&planned, &history) {
                (Some(planned), Some(history)) => planned.is(history),
                (planned, history) => planned.is_none() && history.is_none(),
            };
            if !same {
                // Somebody else was quicker, and the record would lose what they did.
                continue;
            }
            match aside {
                Some(aside) => aside.place(&path)?,
                None => files::remove(&path)?,
            }
            let ended = history.as_ref().and_then(|history| history.latest.entry()?.object.upload.clone());
            history.iter().flat_map(History::content).for_each(link);
            let shelf = state.index.shelf_mut(place.bucket)?;
            let ended = ended.and_then(|upload| shelf.uploads.remove(&upload));
            let before = shelf.apply(place.key, history);
            state.damage.remove(&Culprit::object(place));
            break (before, answer, ended);
        };
        // What the old records name may go only after the one that replaces them is safe.
        sync_folder(&self.folder.objects(place.bucket))?;
        before.iter().flat_map(History::content).for_each(release);
        if let Some(ended) = ended {
            self.forget(place.bucket, ended)?;
        }
        Ok(answer)
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
        let aside = prepare(&self.folder.temp(), &BucketRecord::new(created, Acl::Private, None))?;
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
        state.index.add(bucket, Shelf::new(created, Acl::Private, None));
        Ok(())
    }

    pub(super) fn set_versioning(&self, bucket: &str, versioning: Versioning) -> Result<(), BackendError> {
        let mut state = self.state();
        let shelf = state.index.shelf_mut(bucket)?;
        let record = BucketRecord::new(shelf.created, shelf.acl, Some(versioning));
        prepare(&self.folder.temp(), &record)?.place(&self.folder.bucket_record(bucket))?;
        shelf.versioning = Some(versioning);
        sync_folder(&self.folder.bucket(bucket))
    }

    pub(super) fn set_bucket_acl(&self, bucket: &str, acl: Acl) -> Result<(), BackendError> {
        let mut state = self.state();
        let shelf = state.index.shelf_mut(bucket)?;
        let record = BucketRecord::new(shelf.created, acl, shelf.versioning);
        prepare(&self.folder.temp(), &record)?.place(&self.folder.bucket_record(bucket))?;
        shelf.acl = acl;
        sync_folder(&self.folder.bucket(bucket))
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
            link(&content);
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

fn link(content: &Content) {
    content.iter().for_each(|blob| blob.link());
}

fn release(content: &Content) {
    content.iter().for_each(|blob| blob.unlink());
}
