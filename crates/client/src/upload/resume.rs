//! Resumable puts of files: either resume the upload of a previous process, or restart with another data key.
//!
//! ```text
//!   record locked ─┬─ none, or another source ───────────────────────────┐
//!                  └─ key unwrapped ─ parts listed ─┬─ consistent ───────┼─► send missing parts ─ complete ─ remove record
//!                                                   └─ any ─ abort ──────┴─► new data key, write record, initiate ─ send all parts …
//! ```
//! Wrapped key, salt and sizes come from the record. From the store only the list of parts is believed.

use std::sync::Arc;

use std::path::PathBuf;

use osseal_core::{Envelope, PartPlan, Place, StoredDescription, dangerous};
use osseal_wire::oss::{Metadata, ServiceCode};

use crate::error::{Error, ErrorKind, OpError, Outcome};
use crate::object::context::BucketContext;
use crate::object::options::PutOptions;
use crate::state::{Record, StateDir};
use crate::upload::checkpoint::{Checkpoint, UploadLocation};
use crate::upload::checkpoint_writer::CheckpointWriter;
use crate::upload::content_key::{NewContentKey, bound, new_resumable_content_key};
use crate::upload::file_source::{OpenSource, blocking};
use crate::upload::multipart::{ActiveUpload, UploadSpec, abort_or_warn, abort_others};
use crate::upload::multipart_put::{Replayable, put_parts_again};
use crate::upload::object_metadata::with_envelope;
use crate::upload::part_scheduler::Parts;
use crate::upload::progress::ResumableProgress;
use crate::upload::report::{PutReport, report};
use crate::upload::send_sealed::find_ours;
use crate::upload::source::ResumeTarget;
use crate::upload::upload_listing::parts_of;

/// How often an upload begins, the resumed one not counted.
const MAX_ATTEMPTS: u32 = 3;

/// A put that is kept, as far as it is known before anything is sent.
struct ResumableUpload<'a> {
    bucket: &'a Arc<BucketContext>,
    key: &'a str,
    metadata: Metadata,
    options: &'a PutOptions,
    plan: PartPlan,
    writer: CheckpointWriter,
    place: UploadLocation,
    lock: (u64, u64),
    progress: ResumableProgress,
}

/// The result of looking for the upload of a previous process.
enum PreviousAttempt {
    /// The upload resumes.
    Resumed(ActiveUpload, Box<Parts>),
    /// An object: it was complete before.
    Done(Box<PutReport>),
    /// Nothing that could be used, and why.
    Unusable(&'static str),
}

pub(crate) fn is_worth_resuming(bucket: &Arc<BucketContext>, length: u64) -> bool {
    length > bucket.multipart_threshold
}

pub(crate) fn upload_record(
    bucket: &Arc<BucketContext>,
    state: &StateDir,
    key: &str,
    path: &std::path::Path,
) -> Result<PathBuf, Error> {
    let place = upload_place(bucket, key, path);
    let place = place.map_err(|error| {
        OpError::new(ErrorKind::Local, "the source does not exist")
            .with_source(error)
            .with_context(bucket.op_context("PutObject", Some(key)))
    })?;
    Ok(state.file(place.name(), "record"))
}

fn upload_place(
    bucket: &Arc<BucketContext>,
    key: &str,
    path: &std::path::Path,
) -> std::io::Result<UploadLocation> {
    Ok(UploadLocation {
        host: bucket.store.host(),
        bucket: bucket.name.clone(),
        key: key.to_owned(),
        source: path.canonicalize()?.into_os_string(),
    })
}

/// Puts a file in parts, and resumes the upload of a previous process if one is recorded.
pub(crate) async fn put_resumable(
    bucket: &Arc<BucketContext>,
    key: &str,
    file: OpenSource,
    keep: ResumeTarget,
    metadata: Metadata,
    options: &PutOptions,
) -> Result<PutReport, OpError> {
    let can_unwrap =
        !bucket.is_plain && bucket.keyring()?.keys().first().is_some_and(osseal_core::NamedKey::can_read);
    // One that is shorter or longer than declared fails as it would otherwise.
    let taken = if can_unwrap && file.has_its_length() { take_record(bucket, key, keep).await } else { None };
    let Some((record, place, path)) = taken else {
        return put_parts_again(bucket, key, Replayable::File(file), metadata, options).await;
    };
    let plan = bucket.suite.layout().part_plan(file.length(), bucket.part_size)?;
    let (record, previous, lock) = blocking(move || {
        let read = record.load().and_then(|content| Ok((content, record.lock_identity()?)));
        let (content, lock) = read.map_err(unusable)?;
        Ok((record, content.and_then(|content| Checkpoint::parse(&content)), lock))
    })
    .await?;
    // The record of a previous upload stays until this upload replaces it.
    let nothing = || Checkpoint::new(place.clone(), lock, file.stamp(), &metadata, None, plan);
    let writer = CheckpointWriter::new(record, path, previous.clone().unwrap_or_else(nothing));
    let progress = ResumableProgress::new(options);
    let put = ResumableUpload { bucket, key, metadata, options, plan, writer, place, lock, progress };
    let outcome = put.run(file, previous).await;
    match &outcome {
        // Of two failures the first one is progress.
        Err(failure) if put.writer.keeps(failure) => drop(put.writer.save().await),
        _ => put.writer.forget().await,
    }
    outcome
}

/// The record of a put, for this process alone; none, with a warning, when that cannot be had.
async fn take_record(
    bucket: &Arc<BucketContext>,
    key: &str,
    keep: ResumeTarget,
) -> Option<(Record, UploadLocation, PathBuf)> {
    let (bucket, key) = (Arc::clone(bucket), key.to_owned());
    let taken = blocking(move || {
        let taken = upload_place(&bucket, &key, &keep.path).and_then(|place| {
            let name = place.name();
            Ok(keep.state.take(name)?.map(|record| (record, place, keep.state.file(name, "record"))))
        });
        taken.map_err(unusable)
    });
    match taken.await {
        Ok(Some(taken)) => Some(taken),
        Ok(None) => {
            tracing::warn!("another process puts this file there; this one starts over, and keeps nothing");
            None
        }
        Err(failure) => {
            tracing::warn!(error = failure.message, "if this put breaks off it starts over");
            None
        }
    }
}

impl ResumableUpload<'_> {
    async fn run(
        &self,
        mut file: OpenSource,
        mut previous: Option<Checkpoint>,
    ) -> Result<PutReport, OpError> {
        let mut attempts = 0;
        loop {
            let active = match previous.take() {
                Some(checkpoint) => match self.resume(&checkpoint, &file).await? {
                    PreviousAttempt::Resumed(active, parts) => Some((active, *parts)),
                    PreviousAttempt::Done(report) => return Ok(*report),
                    PreviousAttempt::Unusable(why) => {
                        tracing::warn!(key = self.key, why, "starting over with another data key");
                        self.abort_previous(&checkpoint).await;
                        None
                    }
                },
                None => None,
            };
            let (mut active, parts) = if let Some(active) = active {
                active
            } else {
                attempts += 1;
                self.begin(&file).await?
            };
            let ended = match active.send_all(parts).await {
                Ok(()) => match self.writer.save().await {
                    Ok(()) => active.complete().await,
                    Err(failure) => Err(active.abort_after(failure).await),
                },
                Err(failure) => Err(active.abort_after(failure).await),
            };
            let Err(failure) = ended else { return ended };
            let is_over = self.writer.is_stale() || failure.code == ServiceCode::NoSuchUpload;
            // If the outcome is unknown the object may exist: a restart would store it twice.
            if !is_over || failure.outcome.is_unknown() || attempts >= MAX_ATTEMPTS {
                return Err(failure);
            }
            tracing::warn!(key = self.key, why = failure.message, "starting over with another data key");
            file = file.again().await?;
            self.progress.restart();
        }
    }

    /// Begins an upload with a data key of its own.
    async fn begin(&self, file: &OpenSource) -> Result<(ActiveUpload, Parts), OpError> {
        self.progress.restart();
        let NewContentKey { sealer, envelope } =
            new_resumable_content_key(self.bucket, self.key, self.options, file.length()).await?;
        let checkpoint = self.checkpoint(file, envelope.as_ref());
        self.writer.begin(checkpoint).await?;
        let parts = Parts::File(file.clone(), sealer.into_parts(self.plan)?);
        let active = self.spec(envelope, file)?.begin(Some(self.writer.clone())).await;
        // An upload that began is no object.
        let active = active.map_err(|failure| failure.with_outcome(Outcome::NotDone))?;
        Ok((active, parts))
    }

    /// Resumes the previous upload if it belongs to this put, its key unwraps, and the store does not contradict it.
    async fn resume(&self, previous: &Checkpoint, file: &OpenSource) -> Result<PreviousAttempt, OpError> {
        if let Some(why) = previous.differs(&self.checkpoint(file, None)) {
            return Ok(PreviousAttempt::Unusable(why));
        }
        let Some(envelope) = previous.envelope().filter(|envelope| self.would_write(envelope)) else {
            return Ok(PreviousAttempt::Unusable("the object is to have another key, suite or context"));
        };
        let (Some(id), true) = (&previous.upload_id, previous.has_parts()) else {
            return Ok(PreviousAttempt::Unusable("nothing had been sent"));
        };
        let (listed, is_ours) = match parts_of(self.bucket, self.key, id, Some(previous)).await {
            Ok(listed) => listed,
            Err(failure) if failure.code == ServiceCode::NoSuchUpload => {
                return self.find_done(previous, envelope, file).await;
            }
            Err(failure) if failure.kind.is_resumable() => return Err(failure),
            Err(_) => return Ok(PreviousAttempt::Unusable("the store does not list the parts")),
        };
        if !is_ours {
            return Ok(PreviousAttempt::Unusable("the store speaks of another upload"));
        }
        let past = match previous.reconcile(&listed) {
            Ok(past) => past,
            Err(why) => return Ok(PreviousAttempt::Unusable(why)),
        };
        let place = Place::object(&self.bucket.name, self.key);
        let content = match self.bucket.keyring()?.resume(place, &envelope).await.map_err(OpError::from) {
            Ok(content) => content,
            Err(failure) if failure.kind.is_resumable() => return Err(failure),
            Err(_) => return Ok(PreviousAttempt::Unusable("the key does not unwrap the recorded data key")),
        };
        let states = past.iter().map(|(number, part, _)| (*number, *part));
        let Ok(slots) = dangerous::resumed_parts(content, self.plan, states) else {
            return Ok(PreviousAttempt::Unusable("the record is of other parts"));
        };
        let mut checkpoint = previous.clone();
        checkpoint.forget_acknowledgements(&past);
        self.writer.begin(checkpoint).await?;
        let acknowledged = past.into_iter().filter_map(|(number, _, said)| Some((number, said?)));
        let active = self.spec(Some(envelope), file)?.resume(id.clone(), self.writer.clone(), acknowledged);
        Ok(PreviousAttempt::Resumed(active, Box::new(Parts::File(file.clone(), slots))))
    }

    /// The object, if it was made of all parts and only the record was left behind.
    async fn find_done(
        &self,
        previous: &Checkpoint,
        envelope: Envelope,
        file: &OpenSource,
    ) -> Result<PreviousAttempt, OpError> {
        const GONE: PreviousAttempt = PreviousAttempt::Unusable("the service no longer knows the upload");
        if !previous.is_whole(self.plan.parts()) {
            return Ok(GONE);
        }
        let reply = match find_ours(self.bucket, self.key, Some(&envelope)).await {
            Ok(Some(reply)) => reply,
            Err(failure) if failure.is_transient() => return Err(failure),
            Ok(None) | Err(_) => return Ok(GONE),
        };
        let crc64 = previous.crc64();
        if reply.crc64.is_some_and(|theirs| theirs != crc64) {
            return Ok(GONE);
        }
        self.progress.add(file.length());
        let parts = u32::try_from(self.plan.parts()).unwrap_or(u32::MAX);
        let report = report(self.bucket, file.length(), self.plan.data_size, parts, crc64, reply)?;
        Ok(PreviousAttempt::Done(Box::new(report)))
    }

    /// Aborts the upload of a previous process.
    async fn abort_previous(&self, previous: &Checkpoint) {
        // A record that names another target was planted here: its upload is not ours to abort.
        if previous.place != self.place {
            return;
        }
        match &previous.upload_id {
            Some(id) => abort_or_warn(self.bucket, self.key, id).await,
            None => {
                if let Err(failure) = abort_others(self.bucket, self.key, &previous.headers(), None).await {
                    tracing::warn!(
                        key = self.key,
                        error = failure.message,
                        "an unfinished upload may be left"
                    );
                }
            }
        }
    }

    /// The first checkpoint of this put.
    fn checkpoint(&self, file: &OpenSource, envelope: Option<&Envelope>) -> Checkpoint {
        Checkpoint::new(self.place.clone(), self.lock, file.stamp(), &self.metadata, envelope, self.plan)
    }

    /// Whether a new object would get an envelope like this one: same suite, key and bound context.
    fn would_write(&self, envelope: &Envelope) -> bool {
        let Ok(bound) = bound(self.bucket, self.key, self.options) else { return false };
        let first = self.bucket.keyring().ok().and_then(|keyring| keyring.keys().first());
        let is_key = first.is_some_and(|key| {
            key.algorithm() == Some(envelope.wrap)
                && matches!(&envelope.description, StoredDescription::Map(map) if map == key.description())
        });
        let is_bound = envelope.context().map_or_else(|| bound.is_empty(), |context| *context == bound);
        envelope.suite == self.bucket.suite && is_key && is_bound
    }

    fn spec(&self, envelope: Option<Envelope>, file: &OpenSource) -> Result<UploadSpec, OpError> {
        Ok(UploadSpec {
            bucket: self.bucket.clone(),
            key: self.key.to_owned(),
            metadata: with_envelope(self.metadata.clone(), envelope.as_ref(), Some(self.plan))?,
            envelope,
            plan: self.plan,
            plain_total: file.length(),
            forbid_overwrite: self.options.forbid_overwrite,
            progress: self.progress.clone(),
        })
    }
}

fn unusable(error: std::io::Error) -> OpError {
    OpError::new(ErrorKind::Local, "the record of the upload cannot be used").with_source(error)
}
