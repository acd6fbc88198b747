//! Files that appear whole or not at all: written aside, flushed, renamed into place, the folder flushed.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_util::{StreamExt, stream};
use serde::{Serialize, de::DeserializeOwned};

use super::super::{BackendError, ContentStream};
use crate::rules::random;

/// First word of every record. A reader refuses what it does not know.
const RECORD: &str = "osseal-record-1";
/// Bytes read from a file at once.
const READ: usize = 256 << 10;

/// Turns an error of the operating system into ours.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BackendError {
    let what = path.display().to_string();
    move |source| BackendError::Io { action, what, source }
}

/// Flushes the entries of a folder. On systems where folders cannot be opened this is the file system's own business.
pub(super) fn sync_folder(folder: &Path) -> Result<(), BackendError> {
    if cfg!(unix) {
        File::open(folder).and_then(|file| file.sync_all()).map_err(failed("flush", folder))?;
    }
    Ok(())
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> Result<(), BackendError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// A file that nobody sees yet. Removed when dropped before it was put in its place.
pub(super) struct Aside {
    path: PathBuf,
    file: File,
    placed: bool,
}

impl Aside {
    pub(super) fn create(temp: &Path) -> Result<Aside, BackendError> {
        let path = temp.join(random::id());
        let file = File::create_new(&path).map_err(failed("create", &path))?;
        Ok(Aside { path, file, placed: false })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), BackendError> {
        self.file.write_all(bytes).map_err(failed("write", &self.path))
    }

    pub(super) fn sync(&self) -> Result<(), BackendError> {
        self.file.sync_all().map_err(failed("flush", &self.path))
    }

    /// Renames it over whatever is there. The folder is not flushed yet.
    pub(super) fn place(mut self, path: &Path) -> Result<(), BackendError> {
        fs::rename(&self.path, path).map_err(failed("rename into", path))?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.placed {
            // What stays is swept when the folder is opened next.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Writes a record aside: one line with its kind and digest, then JSON.
pub(super) fn prepare(temp: &Path, record: &impl Serialize) -> Result<Aside, BackendError> {
    let mut aside = Aside::create(temp)?;
    let json = serde_json::to_vec(record).map_err(|error| failed("write", &aside.path)(error.into()))?;
    aside.write(format!("{RECORD} {}\n", sha256(&json)).as_bytes())?;
    aside.write(&json)?;
    aside.sync()?;
    Ok(aside)
}

/// Reads a record. [`BackendError::Damaged`] when it is not, byte for byte, what was written.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, BackendError> {
    let damaged =
        |reason: &str| BackendError::Damaged { what: path.display().to_string(), reason: reason.to_owned() };
    let text = fs::read(path).map_err(failed("read", path))?;
    let mut halves = text.splitn(2, |byte| *byte == b'\n');
    let (head, json) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    let head = std::str::from_utf8(head).unwrap_or_default();
    match head.split_once(' ') {
        Some((RECORD, written)) if written == sha256(json) => {
            serde_json::from_slice(json).map_err(|error| damaged(&error.to_string()))
        }
        Some((RECORD, _)) => Err(damaged("its bytes are not those that were written")),
        _ => Err(damaged("it is not a record")),
    }
}

/// SHA-256 as lower-case hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

/// The file of one body. It is removed when the last holder lets go and no record names it.
#[derive(Debug)]
pub(super) struct Blob {
    pub(super) name: String,
    pub(super) size: u64,
    path: PathBuf,
    links: AtomicUsize,
}

impl Blob {
    /// A body that was written aside, in its place under `data`, named by no record yet.
    pub(super) fn place(aside: Aside, data: &Path, size: u64) -> Result<Arc<Blob>, BackendError> {
        aside.sync()?;
        let name = random::id();
        let blob = Blob::known(data, &name, size);
        aside.place(&blob.path)?;
        sync_folder(data)?;
        Ok(blob)
    }

    /// A body that lies under `data` already.
    pub(super) fn known(data: &Path, name: &str, size: u64) -> Arc<Blob> {
        Arc::new(Blob { name: name.to_owned(), size, path: data.join(name), links: AtomicUsize::new(0) })
    }

    /// One more record names it.
    pub(super) fn link(&self) {
        self.links.fetch_add(1, Ordering::Relaxed);
    }

    /// One record less names it.
    pub(super) fn unlink(&self) {
        self.links.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether the file has the length it was written with.
    pub(super) fn check(&self) -> Result<(), BackendError> {
        let damaged =
            |reason: String| BackendError::Damaged { what: self.path.display().to_string(), reason };
        match fs::metadata(&self.path) {
            Ok(found) if found.len() == self.size => Ok(()),
            Ok(found) => Err(damaged(format!("it has {} bytes instead of {}", found.len(), self.size))),
            Err(error) => Err(damaged(error.to_string())),
        }
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        if *self.links.get_mut() == 0 {
            // What stays is swept when the folder is opened next.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// The bytes of a range of an object that is made of these blobs, one after the other.
pub(super) fn stream(blobs: &[Arc<Blob>], range: Range<u64>) -> ContentStream {
    let mut start = 0;
    let mut stretches = Vec::new();
    for blob in blobs {
        let end = start + blob.size;
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from < to {
            stretches.push((blob.clone(), from - start..to - start));
        }
        start = end;
    }
    stretches.reverse();
    let reader = Reader { stretches, open: None };
    stream::try_unfold(reader, |mut reader| async move {
        let step = tokio::task::spawn_blocking(move || {
            reader.step().map(|bytes| bytes.map(|bytes| (bytes, reader)))
        });
        step.await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
    })
    .boxed()
}

/// What is left to read: stretches of blobs, last first.
struct Reader {
    stretches: Vec<(Arc<Blob>, Range<u64>)>,
    open: Option<File>,
}

impl Reader {
    fn step(&mut self) -> std::io::Result<Option<Bytes>> {
        let Some((blob, range)) = self.stretches.last_mut() else { return Ok(None) };
        let file = match &mut self.open {
            Some(file) => file,
            slot => {
                let mut file = File::open(&blob.path)?;
                file.seek(SeekFrom::Start(range.start))?;
                slot.insert(file)
            }
        };
        let length = usize::try_from(range.end - range.start).unwrap_or(READ).min(READ);
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        range.start += length as u64;
        if range.is_empty() {
            self.stretches.pop();
            self.open = None;
        }
        Ok(Some(Bytes::from(bytes)))
    }
}
