//! Unfinished multipart uploads: those that the store lists, their local records, and how they are aborted.
//!
//! The store is listed first and the records are read afterwards. An upload that a process of this machine is working
//! on therefore has a locked record. Before its first part is sent the record does not name the upload, and stands for
//! all uploads of its key.

use std::sync::Arc;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use osseal_wire::oss::request::Call;
use osseal_wire::oss::{ListedUpload, ServiceCode, UploadPage};

use crate::error::{Error, ErrorKind, OpError};
use crate::object::context::BucketContext;
use crate::object::options::ListUploadsOptions;
use crate::state::{Record, RecordName, StateDir};
use crate::upload::checkpoint::Checkpoint;
use crate::upload::file_source::{Stamp, blocking};
use crate::upload::multipart::abort_others;
use crate::upload::upload_listing::{page_of_uploads, parts_of};

/// A multipart upload that is not complete. Its parts occupy billed storage until it is completed or aborted.
#[derive(Clone, Debug)]
pub struct UnfinishedUpload {
    /// The key that it is to be stored under.
    pub key: String,
    /// The service's name for it; none of one whose beginning was not heard to be answered.
    pub upload_id: Option<String>,
    /// When it was initiated, ISO 8601 as the service reports it. `None` if the service does not list it.
    pub initiated: Option<String>,
    /// Its local record.
    pub kept: Option<LocalUploadRecord>,
    /// Whether it can be resumed.
    pub status: ResumeStatus,
}

/// The local record of an upload, for the next [resumable](crate::PutBody::resumable) put of the same file under the
/// same key.
#[derive(Clone, Debug)]
pub struct LocalUploadRecord {
    /// Where the store is.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// Absolute path of the file.
    pub source: PathBuf,
    /// The service's name for it; none of one of which no part has left.
    pub upload_id: Option<String>,
    /// When something of it was recorded last.
    pub recorded: Timestamp,
    /// Number of parts of the complete upload.
    pub parts: u64,
    /// Stored bytes of all parts.
    pub stored_size: u64,
    /// The parts that the service has acknowledged, as far as that is recorded.
    pub sent: UploadedParts,
    /// Whether it can be resumed, as far as this machine knows.
    pub status: ResumeStatus,
    state: StateDir,
    name: RecordName,
}

/// Whether an unfinished upload can be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResumeStatus {
    /// No local record: another machine or program started it, or it was started without a record. It may be in
    /// progress.
    Unknown,
    /// A process of this machine is at work on it.
    InUse,
    /// The same put resumes it, if keys, headers and sizes are the same.
    Resumes,
    /// The same put starts over: the file changed or is gone, nothing was sent, the service does not list the upload, or
    /// the record was copied here.
    StartsOver,
}

/// Parts that the service has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UploadedParts {
    /// How many.
    pub parts: u64,
    /// Their stored bytes.
    pub stored_bytes: u64,
}

impl StateDir {
    /// Returns the local records of unfinished uploads to any store, by endpoint, bucket, key and source. Unreadable
    /// records are skipped.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn uploads(&self) -> io::Result<Vec<LocalUploadRecord>> {
        let read = self.names()?.into_iter().map(|name| LocalUploadRecord::read(self, name));
        let mut uploads = read.filter_map(Result::transpose).collect::<io::Result<Vec<_>>>()?;
        let place = |upload: &LocalUploadRecord| {
            let LocalUploadRecord { endpoint, bucket, key, source, .. } = upload;
            (endpoint.clone(), bucket.clone(), key.clone(), source.clone())
        };
        uploads.sort_by_cached_key(place);
        Ok(uploads)
    }
}

impl LocalUploadRecord {
    /// None when the record is gone, or of something else.
    fn read(state: &StateDir, name: RecordName) -> io::Result<Option<LocalUploadRecord>> {
        let content = state.load(name)?;
        let Some(checkpoint) = content.and_then(|content| Checkpoint::parse(&content)) else {
            return Ok(None);
        };
        if checkpoint.place.name() != name {
            return Ok(None);
        }
        let Some(stored) = state.stored(name)? else { return Ok(None) };
        let source = PathBuf::from(&checkpoint.place.source);
        let status = match state.lock(name)? {
            Some((_, true)) => ResumeStatus::InUse,
            Some((lock, false)) if checkpoint.is_ready(lock, Stamp::at(&source).ok()) => {
                ResumeStatus::Resumes
            }
            _ => ResumeStatus::StartsOver,
        };
        let (plan, (parts, stored_bytes)) = (checkpoint.plan(), checkpoint.sent());
        Ok(Some(LocalUploadRecord {
            parts: plan.parts(),
            stored_size: plan.data_size,
            sent: UploadedParts { parts, stored_bytes },
            endpoint: checkpoint.place.host,
            bucket: checkpoint.place.bucket,
            key: checkpoint.place.key,
            source,
            upload_id: checkpoint.upload_id,
            recorded: Timestamp::try_from(stored).unwrap_or(Timestamp::UNIX_EPOCH),
            status,
            state: state.clone(),
            name,
        }))
    }

    /// Locks the record and reads it. `None`: another process holds it.
    async fn take(&self) -> Result<Option<(Record, Option<Checkpoint>)>, OpError> {
        let (state, name) = (self.state.clone(), self.name);
        let taken = move || {
            let Some(record) = state.take(name)? else { return Ok(None) };
            let content = record.load()?;
            Ok(Some((record, content.and_then(|content| Checkpoint::parse(&content)))))
        };
        blocking(move || taken().map_err(unreadable)).await
    }
}

pub(crate) async fn list_uploads(
    bucket: &Arc<BucketContext>,
    options: &ListUploadsOptions,
) -> Result<UploadPage, Error> {
    bucket.op_context("ListMultipartUploads", None).run(page_of_uploads(bucket, options)).await
}

pub(crate) async fn unfinished_uploads(
    bucket: &Arc<BucketContext>,
    state: Option<&StateDir>,
    prefix: &str,
) -> Result<Vec<UnfinishedUpload>, Error> {
    bucket.op_context("ListMultipartUploads", None).run(gather(bucket, state.cloned(), prefix)).await
}

pub(crate) async fn uploaded_parts(
    bucket: &Arc<BucketContext>,
    key: &str,
    upload_id: &str,
) -> Result<UploadedParts, Error> {
    let parts = async {
        let (parts, _) = parts_of(bucket, key, upload_id, None).await?;
        let stored_bytes = parts.iter().map(|part| part.size).fold(0, u64::saturating_add);
        Ok::<_, OpError>(UploadedParts { parts: parts.len() as u64, stored_bytes })
    };
    bucket.op_context("ListParts", Some(key)).run(parts).await
}

pub(crate) async fn abort_upload(
    bucket: &Arc<BucketContext>,
    key: &str,
    upload_id: &str,
) -> Result<(), Error> {
    bucket.op_context("AbortMultipartUpload", Some(key)).run(abort(bucket, key, upload_id)).await
}

pub(crate) async fn abort_unfinished(
    bucket: &Arc<BucketContext>,
    upload: &UnfinishedUpload,
) -> Result<bool, Error> {
    bucket.op_context("AbortMultipartUpload", Some(&upload.key)).run(give_up(bucket, upload)).await
}

async fn gather(
    bucket: &Arc<BucketContext>,
    state: Option<StateDir>,
    prefix: &str,
) -> Result<Vec<UnfinishedUpload>, OpError> {
    let mut options = ListUploadsOptions { prefix: prefix.to_owned(), ..ListUploadsOptions::default() };
    let mut listed = Vec::new();
    loop {
        let page = page_of_uploads(bucket, &options).await?;
        listed.extend(page.uploads);
        match page.next {
            Some(next) => options.after = Some(next),
            None => break,
        }
    }
    let Some(state) = state else { return Ok(matched(listed, Vec::new())) };
    let mut kept = blocking(move || state.uploads().map_err(unreadable)).await?;
    // A bucket has several addresses: an upload that runs through another one is running.
    let is_running = |kept: &LocalUploadRecord| {
        let is_listed = |listed: &ListedUpload| {
            listed.key == kept.key && kept.upload_id.as_ref().is_none_or(|id| *id == listed.upload_id)
        };
        kept.status == ResumeStatus::InUse && kept.bucket == bucket.name && listed.iter().any(is_listed)
    };
    kept.retain(|kept| kept.key.starts_with(prefix) && (is_place_of(bucket, kept) || is_running(kept)));
    Ok(matched(listed, kept))
}

fn is_place_of(bucket: &Arc<BucketContext>, kept: &LocalUploadRecord) -> bool {
    kept.endpoint == bucket.store.host() && kept.bucket == bucket.name
}

async fn abort(bucket: &Arc<BucketContext>, key: &str, id: &str) -> Result<(), OpError> {
    match bucket.document(Some(key), Call::AbortMultipartUpload { upload_id: id.to_owned() }).await {
        Err(failure) if failure.code == ServiceCode::NoSuchUpload => Ok(()),
        other => other.map(drop),
    }
}

async fn give_up(bucket: &Arc<BucketContext>, upload: &UnfinishedUpload) -> Result<bool, OpError> {
    if upload.status == ResumeStatus::InUse {
        return Ok(false);
    }
    let Some(kept) = &upload.kept else {
        if let Some(id) = &upload.upload_id {
            abort(bucket, &upload.key, id).await?;
        }
        return Ok(true);
    };
    if !is_place_of(bucket, kept) {
        let message = format!("the record is of the bucket {} at {}", kept.bucket, kept.endpoint);
        return Err(OpError::new(ErrorKind::Usage, message));
    }
    let Some((record, now)) = kept.take().await? else { return Ok(false) };
    // Since the listing it may have been completed, or started again.
    let is_same = now.as_ref().is_none_or(|now| now.upload_id == upload.upload_id);
    match (&upload.upload_id, now) {
        (Some(id), _) => abort(bucket, &upload.key, id).await?,
        (None, _) if !is_same => return Ok(false),
        (None, Some(now)) => abort_others(bucket, &upload.key, &now.headers(), None).await?,
        (None, None) => {}
    }
    if is_same {
        blocking(move || record.remove().map_err(unreadable)).await?;
    }
    Ok(true)
}

/// Joins listed uploads with local records, by key and upload id.
fn matched(listed: Vec<ListedUpload>, kept: Vec<LocalUploadRecord>) -> Vec<UnfinishedUpload> {
    let is_nameless =
        |kept: &&LocalUploadRecord| kept.status == ResumeStatus::InUse && kept.upload_id.is_none();
    let busy: HashSet<String> = kept.iter().filter(is_nameless).map(|kept| kept.key.clone()).collect();
    let (mut named, mut rest) = (HashMap::new(), Vec::new());
    for record in kept {
        match &record.upload_id {
            Some(id) => rest.extend(named.insert((record.key.clone(), id.clone()), record)),
            None => rest.push(record),
        }
    }
    let mut all = Vec::with_capacity(listed.len());
    for ListedUpload { key, upload_id, initiated, .. } in listed {
        let kept = named.remove(&(key.clone(), upload_id.clone()));
        let status = match &kept {
            Some(kept) => kept.status,
            None if busy.contains(&key) => ResumeStatus::InUse,
            None => ResumeStatus::Unknown,
        };
        all.push(UnfinishedUpload {
            key,
            upload_id: Some(upload_id),
            initiated: Some(initiated),
            kept,
            status,
        });
    }
    rest.extend(named.into_values());
    all.extend(rest.into_iter().map(|kept| UnfinishedUpload {
        key: kept.key.clone(),
        upload_id: kept.upload_id.clone(),
        initiated: None,
        status: if kept.status == ResumeStatus::InUse {
            ResumeStatus::InUse
        } else {
            ResumeStatus::StartsOver
        },
        kept: Some(kept),
    }));
    all.sort_by(|one, other| (&one.key, &one.upload_id).cmp(&(&other.key, &other.upload_id)));
    all
}

fn unreadable(error: io::Error) -> OpError {
    OpError::new(ErrorKind::Local, "the upload records in the state directory cannot be used")
        .with_source(error)
}
