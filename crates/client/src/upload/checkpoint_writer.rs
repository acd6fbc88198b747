//! Writes the checkpoint of an upload. A part is sent only after the disk records that it may have been sent.
//!
//! ```text
//!   part      read ─ source compared ─ sealed ─ digest recorded ─┐              ┌─ sent ─ acknowledgement recorded
//!   record                       encoded, written, synced: all parts recorded so far
//! ```
//! Parts that are recorded during a write share the next one. Acknowledgements wait for the next digest or the end.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use osseal_core::{ContentError, SealedPart, Slot};

use crate::error::{ErrorKind, OpError};
use crate::state::Record;
use crate::upload::checkpoint::{Acknowledged, Checkpoint};
use crate::upload::file_source::{OpenSource, blocking, changed};
use osseal_wire::oss::ServiceCode;

/// A checkpoint in use. Clones share it. Dropping the last one writes the latest state, unless no part was
/// sent: then only the record of a previous process stays.
#[derive(Clone)]
pub(crate) struct CheckpointWriter(Arc<Inner>);

struct Inner {
    record: Record,
    path: PathBuf,
    notes: Mutex<Notes>,
    /// How many updates the record holds. Locked during a write, so that no write overtakes a newer one.
    written: Mutex<Written>,
    /// Whether the source, or its sealed form, changed since the upload started.
    is_stale: AtomicBool,
}

struct Notes {
    checkpoint: Checkpoint,
    count: u64,
}

enum Written {
    Up(u64),
    /// The record is gone, and stays so.
    Gone,
}

impl CheckpointWriter {
    /// Nothing is written before [`CheckpointWriter::begin`], or the first part.
    pub(crate) fn new(record: Record, path: PathBuf, checkpoint: Checkpoint) -> CheckpointWriter {
        let notes = Mutex::new(Notes { checkpoint, count: 0 });
        let (written, is_stale) = (Mutex::new(Written::Up(0)), AtomicBool::new(false));
        CheckpointWriter(Arc::new(Inner { record, path, notes, written, is_stale }))
    }

    /// Replaces the record when an upload starts or resumes. The disk holds it when this returns.
    pub(crate) async fn begin(&self, checkpoint: Checkpoint) -> Result<(), OpError> {
        self.0.is_stale.store(false, Ordering::Release);
        self.0.note(|kept| *kept = checkpoint);
        self.save().await
    }

    /// Notes the service's name for the upload. The first part takes it to the disk.
    pub(crate) fn name(&self, upload_id: &str) {
        self.0.note(|checkpoint| checkpoint.upload_id = Some(upload_id.to_owned()));
    }

    /// Reads a part of a source, seals it, and puts on the disk that it may have left.
    pub(crate) async fn sealed(
        &self,
        file: &OpenSource,
        slot: Slot,
        range: Range<u64>,
    ) -> Result<SealedPart, OpError> {
        let plain = file.read(range, slot.stored_len()).await;
        self.expect_same(file).await?;
        let (part, digest) = slot.seal_digested(plain?).inspect_err(|error| {
            if matches!(error, ContentError::OtherThanRecorded { .. }) {
                self.0.is_stale.store(true, Ordering::Release);
            }
        })?;
        // A part that a previous process recorded is on the disk already: no write, no wait.
        if self.0.note_part(part.number, &digest) {
            self.save().await?;
        }
        Ok(part)
    }

    /// Fails if the source changed since the upload started.
    pub(crate) async fn expect_same(&self, file: &OpenSource) -> Result<(), OpError> {
        if file.is_same().await? {
            return Ok(());
        }
        self.0.is_stale.store(true, Ordering::Release);
        Err(changed())
    }

    /// Records the service's acknowledgement of a part.
    pub(crate) fn acknowledge(&self, number: u32, said: Acknowledged) {
        self.0.note(|checkpoint| checkpoint.acknowledge(number, said));
    }

    /// Whether a part may have left.
    pub(crate) fn has_parts(&self) -> bool {
        self.0.notes().checkpoint.has_parts()
    }

    /// Whether the source, or its sealed form, differs from the recorded one.
    pub(crate) fn is_stale(&self) -> bool {
        self.0.is_stale.load(Ordering::Acquire)
    }

    /// Whether the upload may be resumed after a failure.
    pub(crate) fn keeps(&self, failure: &OpError) -> bool {
        // One that the service no longer has may be an object; the next process finds it by the record.
        let is_gone = failure.code == ServiceCode::NoSuchUpload && !failure.outcome.is_unknown();
        let is_resumable = failure.kind.is_resumable() || failure.outcome.is_unknown();
        is_resumable && !is_gone && !self.is_stale() && self.has_parts()
    }

    /// Writes the latest state to the disk.
    pub(crate) async fn save(&self) -> Result<(), OpError> {
        let inner = self.0.clone();
        blocking(move || {
            inner.save().map_err(|error| OpError {
                source: Some(error.into()),
                ..OpError::new(
                    ErrorKind::Local,
                    format!("the progress of the upload cannot be recorded in {}", inner.path.display()),
                )
            })
        })
        .await
    }

    /// Takes the record away, for good.
    pub(crate) async fn forget(&self) {
        let inner = self.0.clone();
        let gone = blocking(move || {
            inner.forget();
            Ok(())
        });
        drop(gone.await);
    }
}

impl Inner {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut Checkpoint)) {
        let mut notes = self.notes();
        change(&mut notes.checkpoint);
        notes.count += 1;
    }

    /// Records that a part is about to be sent. `false`: the record of a previous process has it.
    fn note_part(&self, number: u32, digest: &osseal_core::PartDigest) -> bool {
        let mut notes = self.notes();
        let is_new = notes.checkpoint.add(number, digest);
        notes.count += u64::from(is_new);
        is_new
    }

    fn save(&self) -> std::io::Result<()> {
        // A writer that panicked leaves the state of the disk unknown: write again.
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let Written::Up(there) = *written else { return Err(std::io::ErrorKind::NotFound.into()) };
        let (content, count) = {
            let notes = self.notes();
            if notes.count == there {
                return Ok(());
            }
            (notes.checkpoint.encode()?, notes.count)
        };
        self.record.store(&content)?;
        *written = Written::Up(count);
        Ok(())
    }

    fn forget(&self) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*written, Written::Gone) {
            return;
        }
        *written = Written::Gone;
        if let Err(error) = self.record.remove() {
            tracing::warn!(path = %self.path.display(), %error, "the record of an upload is left");
        }
    }
}

impl Drop for Inner {
    /// At the price of waiting for the disk: this is how an interrupted upload ends.
    fn drop(&mut self) {
        let is_over = matches!(self.written.get_mut(), Ok(Written::Gone));
        let (has_parts, count) = {
            let notes = self.notes();
            (notes.checkpoint.has_parts(), notes.count)
        };
        if is_over || (count == 0 && self.path.exists()) {
            return;
        }
        if !has_parts {
            self.forget();
        } else if let Err(error) = self.save() {
            tracing::warn!(path = %self.path.display(), %error, "the last parts are not recorded");
        }
    }
}
