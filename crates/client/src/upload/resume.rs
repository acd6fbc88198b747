//! Puts of files that go on in another process, or begin again with another data key, and never do anything between.
//!
//! ```text
//!   record taken ─┬─ none, or not of this ──────────────────────────────┐
//!                 └─ key unwrapped ─ parts listed ─┬─ no contradiction ─┼─► the parts that are missing ─ complete ─ record removed
//!                                                  └─ any ─ aborted ────┴─► another data key, record written, begun ─ all parts …
//! ```
//! Wrapped key, salt and sizes are those of the record. Of the store nothing is believed but that it has parts.

use std::sync::Arc;

use std::path::PathBuf;

use osseal_core::{Envelope, PartPlan, Place, StoredDescription, dangerous};
use osseal_wire::oss::Metadata;

use crate::error::{Error, ErrorKind, Failure};
use crate::object::context::BucketContext;
use crate::object::options::PutOptions;
use crate::state::{Record, StateDir};
use crate::upload::checkpoint::{Checkpoint, UploadPlace};
use crate::upload::checkpoint_writer::Journal;
use crate::upload::content_key::{Fresh, bound, fresh_resumable};
use crate::upload::file_source::{OpenSource, blocking};
use crate::upload::multipart::{Begun, Draft, abort_or_warn, abort_others};
use crate::upload::multipart_put::{Replayable, put_parts_again};
use crate::upload::object_metadata::with_envelope;
use crate::upload::part_scheduler::Parts;
use crate::upload::progress::Told;
use crate::upload::report::{NO_SUCH_UPLOAD, PutReport, report};
use crate::upload::send_sealed::find_ours;
use crate::upload::source::Keep;
use crate::upload::upload_listing::parts_of;

/// How often an upload begins, the resumed one not counted.
const BEGINNINGS: u32 = 3;

/// A put that is kept, as far as it is known before anything is sent.
struct Put<'a> {
    bucket: &'a Arc<BucketContext>,
    key: &'a str,
    metadata: Metadata,
    options: &'a PutOptions,
    plan: PartPlan,
    journal: Journal,
    place: UploadPlace,
    lock: (u64, u64),
    told: Told,
}

/// What a former process left.
enum Former {
    /// An upload that goes on.
    GoesOn(Begun, Box<Parts>),
    /// An object: it was complete before.
    Done(Box<PutReport>),
    /// Nothing that could be used, and why.
    Over(&'static str),
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
        Failure { source: Some(error.into()), ..Failure::new(ErrorKind::Local, "there is no such source") }
            .at(bucket.scene("put", Some(key)))
    })?;
    Ok(state.file(place.name(), "record"))
}

fn upload_place(
    bucket: &Arc<BucketContext>,
    key: &str,
    path: &std::path::Path,
) -> std::io::Result<UploadPlace> {
    Ok(UploadPlace {
        host: bucket.store.host(),
        bucket: bucket.name.clone(),
        key: key.to_owned(),
        source: path.canonicalize()?.into_os_string(),
    })
}

/// Puts a file by parts, and goes on with what a former process left of that.
pub(crate) async fn put_resumable(
    bucket: &Arc<BucketContext>,
    key: &str,
    file: OpenSource,
    keep: Keep,
    metadata: Metadata,
    options: &PutOptions,
) -> Result<PutReport, Failure> {
    let can_unwrap =
        !bucket.is_plain && bucket.keyring()?.keys().first().is_some_and(osseal_core::NamedKey::can_read);
    // One that is shorter or longer than declared fails as it would otherwise.
    let taken = if can_unwrap && file.has_its_length() { take_record(bucket, key, keep).await } else { None };
    let Some((record, place, path)) = taken else {
        return put_parts_again(bucket, key, Replayable::File(file), metadata, options).await;
    };
    let plan = bucket.suite.layout().part_plan(file.length(), bucket.part_size)?;
    let (record, former, lock) = blocking(move || {
        let read = record.load().and_then(|content| Ok((content, record.lock_identity()?)));
        let (content, lock) = read.map_err(unusable)?;
        Ok((record, content.and_then(|content| Checkpoint::parse(&content)), lock))
    })
    .await?;
    // A former one stays what is kept until something takes its place.
    let nothing = || Checkpoint::new(place.clone(), lock, file.stamp(), &metadata, None, plan);
    let journal = Journal::new(record, path, former.clone().unwrap_or_else(nothing));
    let told = Told::new(options);
    let put = Put { bucket, key, metadata, options, plan, journal, place, lock, told };
    let outcome = put.run(file, former).await;
    match &outcome {
        // Of two failures the first one is told.
        Err(failure) if put.journal.keeps(failure) => drop(put.journal.save().await),
        _ => put.journal.forget().await,
    }
    outcome
}

/// The record of a put, for this process alone; none, with a warning, when that cannot be had.
async fn take_record(
    bucket: &Arc<BucketContext>,
    key: &str,
    keep: Keep,
) -> Option<(Record, UploadPlace, PathBuf)> {
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

impl Put<'_> {
    async fn run(&self, mut file: OpenSource, mut former: Option<Checkpoint>) -> Result<PutReport, Failure> {
        let mut beginnings = 0;
        loop {
            let begun = match former.take() {
                Some(checkpoint) => match self.go_on(&checkpoint, &file).await? {
                    Former::GoesOn(begun, parts) => Some((begun, *parts)),
                    Former::Done(report) => return Ok(*report),
                    Former::Over(why) => {
                        tracing::warn!(key = self.key, why, "starting over with another data key");
                        self.drop_former(&checkpoint).await;
                        None
                    }
                },
                None => None,
            };
            let (mut begun, parts) = if let Some(begun) = begun {
                begun
            } else {
                beginnings += 1;
                self.begin(&file).await?
            };
            let ended = match begun.send_all(parts).await {
                Ok(()) => match self.journal.save().await {
                    Ok(()) => begun.complete().await,
                    Err(failure) => Err(begun.abort_after(failure).await),
                },
                Err(failure) => Err(begun.abort_after(failure).await),
            };
            let Err(failure) = ended else { return ended };
            let is_over = self.journal.is_stale() || failure.code == NO_SUCH_UPLOAD;
            // What may be an object is not put again.
            if !is_over || failure.may_be_done || beginnings >= BEGINNINGS {
                return Err(failure);
            }
            tracing::warn!(key = self.key, why = failure.message, "starting over with another data key");
            file = file.again().await?;
            self.told.begin_again();
        }
    }

    /// Begins an upload with a data key of its own.
    async fn begin(&self, file: &OpenSource) -> Result<(Begun, Parts), Failure> {
        self.told.begin_again();
        let Fresh { sealer, envelope } =
            fresh_resumable(self.bucket, self.key, self.options, file.length()).await?;
        let checkpoint = self.checkpoint(file, envelope.as_ref());
        self.journal.begin(checkpoint).await?;
        let parts = Parts::File(file.clone(), sealer.into_parts(self.plan)?);
        let begun = self.draft(envelope, file)?.begin(Some(self.journal.clone())).await?;
        Ok((begun, parts))
    }

    /// What a former process left, if it is of this put, the key opens, and the store does not contradict.
    async fn go_on(&self, former: &Checkpoint, file: &OpenSource) -> Result<Former, Failure> {
        if let Some(why) = former.differs(&self.checkpoint(file, None)) {
            return Ok(Former::Over(why));
        }
        let Some(envelope) = former.envelope().filter(|envelope| self.would_write(envelope)) else {
            return Ok(Former::Over("the object is to have another key, suite or context"));
        };
        let (Some(id), true) = (&former.upload_id, former.has_parts()) else {
            return Ok(Former::Over("nothing had been sent"));
        };
        let (listed, is_ours) = match parts_of(self.bucket, self.key, id, Some(former)).await {
            Ok(listed) => listed,
            Err(failure) if failure.code == NO_SUCH_UPLOAD => {
                return self.find_done(former, envelope, file).await;
            }
            Err(failure) if failure.kind.is_passing() => return Err(failure),
            Err(_) => return Ok(Former::Over("the store does not say what it has")),
        };
        if !is_ours {
            return Ok(Former::Over("the store speaks of another upload"));
        }
        let past = match former.reconcile(&listed) {
            Ok(past) => past,
            Err(why) => return Ok(Former::Over(why)),
        };
        let place = Place::object(&self.bucket.name, self.key);
        let content = match self.bucket.keyring()?.resume(place, &envelope).await.map_err(Failure::from) {
            Ok(content) => content,
            Err(failure) if failure.kind.is_passing() => return Err(failure),
            Err(_) => return Ok(Former::Over("the key does not open what was kept")),
        };
        let states = past.iter().map(|(number, part, _)| (*number, *part));
        let Ok(slots) = dangerous::resumed_parts(content, self.plan, states) else {
            return Ok(Former::Over("the record is of other parts"));
        };
        let mut checkpoint = former.clone();
        checkpoint.forget_acknowledgements(&past);
        self.journal.begin(checkpoint).await?;
        let acknowledged = past.into_iter().filter_map(|(number, _, said)| Some((number, said?)));
        let begun = self.draft(Some(envelope), file)?.resume(id.clone(), self.journal.clone(), acknowledged);
        Ok(Former::GoesOn(begun, Box::new(Parts::File(file.clone(), slots))))
    }

    /// The object, if it was made of all parts and only the record was left behind.
    async fn find_done(
        &self,
        former: &Checkpoint,
        envelope: Envelope,
        file: &OpenSource,
    ) -> Result<Former, Failure> {
        const GONE: Former = Former::Over("the service no longer knows the upload");
        if !former.is_whole(self.plan.parts()) {
            return Ok(GONE);
        }
        let reply = match find_ours(self.bucket, self.key, Some(&envelope)).await {
            Ok(Some(reply)) => reply,
            Err(failure) if failure.is_transient() => return Err(failure),
            Ok(None) | Err(_) => return Ok(GONE),
        };
        let crc64 = former.crc64();
        if reply.crc64.is_some_and(|theirs| theirs != crc64) {
            return Ok(GONE);
        }
        self.told.add(file.length());
        let parts = u32::try_from(self.plan.parts()).unwrap_or(u32::MAX);
        let report = report(self.bucket, file.length(), self.plan.data_size, parts, crc64, reply)?;
        Ok(Former::Done(Box::new(report)))
    }

    /// Aborts what a former process began.
    async fn drop_former(&self, former: &Checkpoint) {
        // Its own place, which is ours unless somebody put the record there.
        if former.place != self.place {
            return;
        }
        match &former.upload_id {
            Some(id) => abort_or_warn(self.bucket, self.key, id).await,
            None => {
                if let Err(failure) = abort_others(self.bucket, self.key, &former.headers(), None).await {
                    tracing::warn!(
                        key = self.key,
                        error = failure.message,
                        "an unfinished upload may be left"
                    );
                }
            }
        }
    }

    /// What is kept of this put when it begins.
    fn checkpoint(&self, file: &OpenSource, envelope: Option<&Envelope>) -> Checkpoint {
        Checkpoint::new(self.place.clone(), self.lock, file.stamp(), &self.metadata, envelope, self.plan)
    }

    /// Whether an object that is put now would get an envelope like this: suite, key, and what is bound.
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

    fn draft(&self, envelope: Option<Envelope>, file: &OpenSource) -> Result<Draft, Failure> {
        Ok(Draft {
            bucket: self.bucket.clone(),
            key: self.key.to_owned(),
            metadata: with_envelope(self.metadata.clone(), envelope.as_ref(), Some(self.plan))?,
            envelope,
            plan: self.plan,
            plain_total: file.length(),
            forbid_overwrite: self.options.forbid_overwrite,
            told: self.told.clone(),
        })
    }
}

fn unusable(error: std::io::Error) -> Failure {
    Failure {
        source: Some(error.into()),
        ..Failure::new(ErrorKind::Local, "the record of the upload cannot be used")
    }
}
