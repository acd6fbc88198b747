//! Resumable downloads: a partial file, and a record of its authenticated ranges.
//!
//! The partial file lies in the target's folder. Its name is derived from host, bucket, key, target and the state
//! directory. It holds plaintext, as the target will, with mode 0600 until it is renamed to the target. The record in the
//! state directory identifies the object and holds a digest of every range that was synced before the record was
//! written. The next process reads the ranges back and compares; ranges that differ are fetched again.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::download::parallel::{Download, UnorderedDownload, WrittenRange, finish};
use crate::download::resume_record::{DownloadCheckpoint, Identity, recordable};
use crate::error::{Error, ErrorKind, OpError};
use crate::runtime::join::broke_down;
use crate::state::{Record, RecordName, StateDir, bytes_of, system};

/// A download of at most this many parts restarts instead: recording its progress costs more than it saves.
const MIN_RESUMABLE_PARTS: u64 = 4;
/// Minimum time between two checkpoints. Each one syncs the file first.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(250);

/// The partial file of a download, locked for this process. A dropped file stays for the next process if a record names it.
pub struct PartialFile {
    record: Arc<Record>,
    path: PathBuf,
    file: Arc<File>,
    checkpoint: DownloadCheckpoint,
    /// How many stretches have come, and how many of them had when a record was begun last.
    came: u64,
    noted: u64,
    saved: Arc<Mutex<Saved>>,
    is_over: bool,
}

/// The state of the record. Locked by its writer, so that no older record replaces a newer one.
#[derive(Default)]
struct Saved {
    /// How many stretches had come by then.
    came: u64,
    /// Whether a record names the file.
    is_recorded: bool,
    /// Nothing is to be recorded any more.
    is_over: bool,
}

impl PartialFile {
    /// Opens the partial file of a download to `target` with its completed ranges. `None`: another process downloads the
    /// same object to the same target. A file without a record, or of another object, starts over.
    ///
    /// # Errors
    /// The file cannot be created in the target's folder, or the state directory cannot be read.
    pub fn open(state: &StateDir, download: &Download, target: &Path) -> io::Result<Option<PartialFile>> {
        let Some(object) = Identity::of(&download.object) else {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "downloads from presigned URLs cannot be resumed",
            ));
        };
        let (folder, name) = (target.parent().unwrap_or(Path::new("")), target.file_name());
        let folder = if folder == Path::new("") { Path::new(".") } else { folder }.canonicalize()?;
        let target = folder.join(name.ok_or(io::ErrorKind::InvalidFilename)?);
        let parts =
            [object.host.as_bytes(), object.bucket.as_bytes(), object.key.as_bytes(), bytes_of(&target)];
        let name = RecordName::of("download", &parts);
        let path = folder.join(format!(".osseal-{}.part", state.digits(name)));
        let Some(record) = state.take(name)? else { return Ok(None) };
        let former =
            record.load()?.and_then(|content| serde_json::from_slice::<DownloadCheckpoint>(&content).ok());
        let former = former.filter(|checkpoint| {
            checkpoint.object == object && checkpoint.range == download.range && checkpoint.is_sound(download)
        });
        if let Some(checkpoint) = former
            && let Some(file) = reopen(&path, &checkpoint)?
        {
            return Ok(Some(PartialFile::new(record, path, file, checkpoint, true)));
        }
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = system::open(OpenOptions::new().read(true).write(true).create_new(true), &path)?;
        let (device, inode) = system::identity(&file.metadata()?);
        let checkpoint =
            DownloadCheckpoint { object, range: download.range.clone(), device, inode, done: Vec::new() };
        Ok(Some(PartialFile::new(record, path, file, checkpoint, false)))
    }

    fn new(
        record: Record,
        path: PathBuf,
        file: File,
        checkpoint: DownloadCheckpoint,
        is_recorded: bool,
    ) -> PartialFile {
        let (record, file) = (Arc::new(record), Arc::new(file));
        let saved = Arc::new(Mutex::new(Saved { is_recorded, ..Saved::default() }));
        PartialFile { record, path, file, checkpoint, came: 0, noted: 0, saved, is_over: false }
    }

    /// Where the file lies until it takes the target's name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether the file still has its path, rather than another file that was moved there.
    ///
    /// # Errors
    /// The system cannot tell.
    pub fn is_in_place(&self) -> io::Result<bool> {
        match self.path.symlink_metadata() {
            Ok(there) => Ok(system::is_same(&there, &self.file.metadata()?)),
            Err(error) => absent(error).map(|()| false),
        }
    }

    /// Plaintext bytes that are there, by the record.
    pub fn there(&self) -> u64 {
        self.checkpoint.done.iter().map(|done| done.plain.end - done.plain.start).sum()
    }

    /// Forgets the download: its file has taken the target's name.
    pub fn complete(mut self) -> io::Result<()> {
        self.end();
        self.record.remove()
    }

    /// Ends the recording, after a write in progress.
    fn end(&mut self) {
        self.is_over = true;
        lock(&self.saved).is_over = true;
    }

    /// Whether it was opened for this download.
    fn is_of(&self, download: &Download) -> bool {
        let is_same = Identity::of(&download.object).is_some_and(|object| object == self.checkpoint.object);
        is_same && self.checkpoint.range == download.range && !self.is_over
    }

    /// Removes file and record: the download cannot be resumed.
    pub fn discard(&mut self) {
        self.end();
        for gone in [std::fs::remove_file(&self.path), self.record.remove()] {
            if let Err(error) = gone.or_else(absent) {
                tracing::warn!(path = %self.path.display(), %error, "an unfinished download is left");
            }
        }
    }

    /// Writes all pieces, with a checkpoint from time to time. No checkpoint is in progress when this returns.
    async fn fill(&mut self, unordered: &mut UnorderedDownload) -> Result<(), OpError> {
        let (mut saving, mut last) = (None::<JoinHandle<_>>, None::<Instant>);
        let filled = loop {
            let saved = async {
                match &mut saving {
                    Some(saving) => saving.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                stretch = unordered.next() => match stretch {
                    Ok(Some(stretch)) => {
                        self.checkpoint.add(stretch);
                        self.came += 1;
                    }
                    Ok(None) => break Ok(()),
                    Err(failure) => break Err(failure),
                },
                saved = saved => {
                    saving = None;
                    written(saved)?;
                }
            }
            if self.noted < self.came
                && saving.is_none()
                && last.is_none_or(|last| last.elapsed() >= CHECKPOINT_INTERVAL)
            {
                saving = Some(self.save());
                last = Some(Instant::now());
            }
        };
        if let Some(saving) = saving {
            written(saving.await)?;
        }
        filled
    }

    /// Syncs the file, then records its ranges.
    fn save(&mut self) -> JoinHandle<io::Result<()>> {
        self.noted = self.came;
        let (file, record, checkpoint) = (self.file.clone(), self.record.clone(), self.checkpoint.clone());
        let (saved, came) = (self.saved.clone(), self.came);
        tokio::task::spawn_blocking(move || save(&file, &record, &checkpoint, &saved, came))
    }
}

/// Records the ranges that were complete at count `came`. An outdated call does nothing.
fn save(
    file: &File,
    record: &Record,
    checkpoint: &DownloadCheckpoint,
    saved: &Mutex<Saved>,
    came: u64,
) -> io::Result<()> {
    let mut saved = lock(saved);
    if saved.is_over || came < saved.came {
        return Ok(());
    }
    file.sync_data()?;
    match serde_json::to_vec(checkpoint)
        .map_err(io::Error::from)
        .and_then(|checkpoint| record.store(&checkpoint))
    {
        Ok(()) => (saved.came, saved.is_recorded) = (came, true),
        // The download itself is none the worse for it.
        Err(error) => tracing::warn!(%error, "how far the download is cannot be recorded"),
    }
    Ok(())
}

fn lock(saved: &Mutex<Saved>) -> MutexGuard<'_, Saved> {
    saved.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for PartialFile {
    /// Records the last ranges, waiting for the disk: this is how an interrupted download ends. A checkpoint in progress is
    /// awaited.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if lock(&self.saved).came < self.came
            && let Err(error) = save(&self.file, &self.record, &self.checkpoint, &self.saved, self.came)
        {
            tracing::warn!(path = %self.path.display(), %error, "the last ranges are not recorded");
        }
        if !lock(&self.saved).is_recorded {
            self.discard();
        }
    }
}

impl Download {
    /// Whether the download is large enough to be resumable: more than four parts of an object with an ETag.
    pub fn is_worth_resuming(&self) -> bool {
        let enough = self
            .part
            .checked_mul(MIN_RESUMABLE_PARTS)
            .is_some_and(|few| self.range.end - self.range.start > few);
        enough && !self.info.etag.is_empty() && Identity::of(&self.object).is_some()
    }

    /// Writes what is not there yet into the partial file, and gives the number of all bytes. They are on the disk, and all checks have been made,
    /// when this has returned without an error. When it fails, what has come stays for the next try, unless it turned out to be wrong or of an object that
    /// is no longer there.
    ///
    /// # Errors
    /// As [`Download::write_to`]; and [`ErrorKind::Usage`] when the file was opened for another object or range, which leaves it as it is.
    pub async fn write_partial(self, partial: &mut PartialFile) -> Result<u64, Error> {
        let (object, is_ours) = (self.object.clone(), partial.is_of(&self));
        let outcome = self.operation.clone().run(Box::pin(self.resume(partial))).await;
        outcome.map_err(|failure| {
            if !failure.kind.is_resumable() && is_ours {
                partial.discard();
            }
            object.error(failure)
        })
    }

    async fn resume(mut self, partial: &mut PartialFile) -> Result<u64, OpError> {
        if !partial.is_of(&self) {
            let message = "the partial file is of another object or range; open one for this download";
            return Err(OpError::new(ErrorKind::Usage, message));
        }
        let (object, range, is_whole) = (self.object.clone(), self.range.clone(), self.is_whole);
        let unit = object.described().layout().plain_unit();
        self.part = self.part.max(recordable(range.end - range.start, unit));
        let (file, base, done) =
            (partial.file.clone(), range.start, std::mem::take(&mut partial.checkpoint.done));
        let read = tokio::task::spawn_blocking(move || {
            done.into_iter().filter(|done| done.is_on(&file, base)).collect::<Vec<_>>()
        });
        partial.checkpoint.done = read.await.map_err(|_| broke_down())?;
        if let Some(progress) = &self.progress {
            progress(partial.there());
        }
        let there: Vec<_> = partial.checkpoint.done.iter().map(|done| done.plain.clone()).collect();
        let mut unordered = self.unordered(partial.file.clone(), &there, true);
        let outcome = partial.fill(&mut unordered).await;
        unordered.end().await;
        if let Err(failure) = outcome {
            if failure.kind.is_resumable() && partial.noted < partial.came {
                written(partial.save().await)?;
            }
            return Err(failure);
        }
        let file = partial.file.clone();
        written(tokio::task::spawn_blocking(move || file.sync_all()).await)?;
        let done = partial.checkpoint.done.iter();
        let done =
            done.map(|done| WrittenRange { plain: done.plain.clone(), crc64: done.crc64, sha256: None });
        finish(&object, &range, is_whole, done.collect())
    }
}

/// Reopens the file that a record names, if it is the same file.
fn reopen(path: &Path, checkpoint: &DownloadCheckpoint) -> io::Result<Option<File>> {
    let file = match system::open(OpenOptions::new().read(true).write(true), path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound || system::is_link_refused(path) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    let is_it = found.is_file()
        && system::is_ours(&found)
        && system::is_private(&found)
        && system::identity(&found) == (checkpoint.device, checkpoint.inode);
    Ok(is_it.then_some(file))
}

fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn written(outcome: Result<io::Result<()>, tokio::task::JoinError>) -> Result<(), OpError> {
    outcome.map_err(|_| broke_down())?.map_err(|error| {
        OpError::new(ErrorKind::Local, "the downloaded bytes cannot be written").with_source(error)
    })
}
