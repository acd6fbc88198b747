//! Files that several tasks read and write at positions, without a shared file position.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, OpError};
use crate::runtime::join::{self, stopped};
use crate::upload::source_error::{ended_early, is_longer, length_in_memory, unreadable};

/// A file with the length that was declared of it.
#[derive(Debug)]
pub(crate) struct FileSource {
    pub(crate) file: File,
    pub(crate) length: u64,
}

/// A file that is being put: read from its beginning, and found the same at the end.
#[derive(Clone)]
pub(crate) struct OpenSource {
    source: Arc<FileSource>,
    stamp: Stamp,
}

/// Detects a change of a file, also by another process. Times are seconds and nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stamp {
    /// Device and inode.
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
    /// Of the last change of content or attributes, which no program sets.
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &File) -> io::Result<Stamp> {
        Stamp::read(&file.metadata()?)
    }

    /// The stamp of the file at a path; links are followed.
    pub(crate) fn at(path: &Path) -> io::Result<Stamp> {
        Stamp::read(&path.metadata()?)
    }

    #[cfg(unix)]
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    fn read(found: &Metadata) -> io::Result<Stamp> {
        use std::os::unix::fs::MetadataExt;
        Ok(Stamp {
            file: (found.dev(), found.ino()),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }

    #[cfg(not(unix))]
    fn read(found: &Metadata) -> io::Result<Stamp> {
        let modified = found.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(modified.as_secs()).unwrap_or(i64::MAX);
        let modified = (seconds, modified.subsec_nanos().into());
        Ok(Stamp { file: (0, 0), length: found.len(), modified, changed: (0, 0) })
    }
}

impl OpenSource {
    pub(crate) async fn open(source: FileSource) -> Result<OpenSource, OpError> {
        let source = Arc::new(source);
        blocking(move || {
            let stamp = Stamp::of(&source.file).map_err(unreadable)?;
            Ok(OpenSource { source, stamp })
        })
        .await
    }

    /// The same file as it is by now.
    pub(crate) async fn again(&self) -> Result<OpenSource, OpError> {
        let source = self.source.clone();
        blocking(move || {
            let stamp = Stamp::of(&source.file).map_err(unreadable)?;
            let again = OpenSource { source, stamp };
            if stamp.length < again.length() {
                return Err(ended_early(again.length() - stamp.length));
            }
            again.compare().map(|()| again)
        })
        .await
    }

    pub(crate) fn length(&self) -> u64 {
        self.source.length
    }

    /// Whether it had, when it was opened, the length that was declared.
    pub(crate) fn has_its_length(&self) -> bool {
        self.stamp.length == self.source.length
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Bytes at their place, in a buffer with room for `capacity` bytes.
    pub(crate) async fn read(&self, range: Range<u64>, capacity: u64) -> Result<BytesMut, OpError> {
        let source = self.source.clone();
        blocking(move || source.read(range, capacity)).await
    }

    /// Reads the whole file for a single request, and checks that it ends there.
    pub(crate) async fn read_whole(self, capacity: u64) -> Result<BytesMut, OpError> {
        blocking(move || {
            let plain = self.source.read(0..self.source.length, capacity)?;
            self.compare().map(|()| plain)
        })
        .await
    }

    /// Fails if the file is longer than declared, or is another one than when it was opened.
    pub(crate) async fn expect_same(&self) -> Result<(), OpError> {
        let this = self.clone();
        blocking(move || this.compare()).await
    }

    /// Whether it is, by everything that tells, the file that it was when it was opened.
    pub(crate) async fn is_same(&self) -> Result<bool, OpError> {
        let (source, stamp) = (self.source.clone(), self.stamp);
        blocking(move || Ok(Stamp::of(&source.file).map_err(unreadable)? == stamp)).await
    }

    fn compare(&self) -> Result<(), OpError> {
        let FileSource { file, length } = &*self.source;
        match read_exact_at(file, &mut [0], *length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(unreadable(error)),
            Ok(()) => return Err(is_longer()),
        }
        if Stamp::of(file).map_err(unreadable)? == self.stamp { Ok(()) } else { Err(changed()) }
    }
}

pub(crate) fn changed() -> OpError {
    OpError::new(ErrorKind::Source, "the source changed while it was read; nothing was stored")
}

impl FileSource {
    fn read(&self, range: Range<u64>, capacity: u64) -> Result<BytesMut, OpError> {
        read(&self.file, range.clone(), capacity).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                let there = self.file.metadata().map_or(range.start, |found| found.len());
                ended_early(self.length.saturating_sub(there))
            }
            io::ErrorKind::OutOfMemory => {
                length_in_memory(range.end - range.start).err().unwrap_or_else(|| unreadable(error))
            }
            _ => unreadable(error),
        })
    }
}

/// Sealed bytes of an object of unknown length. The file has no name, so it disappears with the process.
#[derive(Clone)]
pub(crate) struct Spool(Arc<File>);

impl Spool {
    /// Creates a file in `folder` that no other process can open.
    pub(crate) async fn create(folder: std::path::PathBuf) -> Result<Spool, OpError> {
        blocking(move || {
            let failed = |error| spool_failed(&format!("cannot be made in {}", folder.display()), error);
            tempfile::tempfile_in(&folder).map(|file| Spool(Arc::new(file))).map_err(failed)
        })
        .await
    }

    /// Writes bytes at their place; writing the same again does no harm.
    pub(crate) async fn write(&self, bytes: Bytes, offset: u64) -> Result<(), OpError> {
        let file = self.0.clone();
        blocking(move || {
            write_all_at(&file, &bytes, offset).map_err(|error| spool_failed("cannot be written", error))
        })
        .await
    }

    pub(crate) async fn read(&self, range: Range<u64>) -> Result<Bytes, OpError> {
        let file = self.0.clone();
        blocking(move || {
            let capacity = range.end - range.start;
            let bytes =
                read(&file, range, capacity).map_err(|error| spool_failed("cannot be read", error))?;
            Ok(bytes.freeze())
        })
        .await
    }
}

fn spool_failed(what: &str, error: io::Error) -> OpError {
    let message = format!("the spool of sealed bytes {what}: {error}; nothing was stored");
    OpError::new(ErrorKind::Local, message).with_source(error)
}

/// Runs blocking file operations on a thread where they delay no other task.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpError> + Send + 'static,
) -> Result<T, OpError> {
    join::outcome(tokio::task::spawn_blocking(work).await).unwrap_or_else(|| Err(stopped()))
}

/// Memory that the system gives is zero already, so making the buffer touches none of it.
fn read(file: &File, range: Range<u64>, capacity: u64) -> io::Result<BytesMut> {
    let fits = |bytes: u64| usize::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory));
    let length = fits(range.end - range.start)?;
    let mut buffer = BytesMut::zeroed(fits(capacity)?.max(length));
    buffer.truncate(length);
    read_exact_at(file, &mut buffer, range.start)?;
    Ok(buffer)
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Systems without positioned reads share one file position, so seek and read happen under a lock.
#[cfg(not(unix))]
static POSITION: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Read, Seek};
    let _alone = POSITION.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    file.seek(io::SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

#[cfg(not(unix))]
fn write_all_at(mut file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    use std::io::{Seek, Write};
    let _alone = POSITION.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    file.seek(io::SeekFrom::Start(offset))?;
    file.write_all(bytes)
}
