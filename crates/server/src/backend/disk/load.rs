//! Opening a folder: take the lock, read every record, sweep what no record names.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::{self, File, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    super::{
        BackendError, Upload,
        history::{History, Version},
        index::{Index, Pending, Shelf},
    },
    files::{self, Blob, failed, sha256, sync_folder},
    folder::Folder,
    records::{BucketRecord, KeyRecord, PartRecord},
    state::{Content, Culprit, Damage, Record, State},
};

/// Says which layout the folder has.
const FORMAT: &str = "osseal-store-2\n";
/// The layout before there were versions, whose records are read as they are. What reads only that one would take the bodies of earlier
/// versions for bodies that nothing names.
const WITHOUT_VERSIONS: &str = "osseal-store-1\n";

/// Why a folder cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open.
    #[error("{} is in use by another process; end that one or give another folder", .0.display())]
    InUse(PathBuf),
    /// It holds something else.
    #[error("{} is not a store of this kind; give an empty folder or one that does not exist yet", .0.display())]
    NotAStore(PathBuf),
    /// It could not be read or written, or its own records are damaged.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// Takes the lock of a folder, which is made where it does not exist.
pub(super) fn lock(folder: &Folder) -> Result<File, OpenError> {
    let root = folder.root();
    fs::create_dir_all(root).map_err(failed("create", root))?;
    let names = names(root)?;
    let format = folder.format();
    let known = match fs::read(&format) {
        Ok(text) => [FORMAT, WITHOUT_VERSIONS].iter().any(|known| text == known.as_bytes()),
        Err(error) if error.kind() == ErrorKind::NotFound => names.iter().all(|name| name == "lock"),
        Err(error) => return Err(failed("read", &format)(error).into()),
    };
    if !known {
        return Err(OpenError::NotAStore(root.to_owned()));
    }
    let path = folder.lock();
    let file = File::options().create(true).append(true).open(&path).map_err(failed("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(root.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed("lock", &path)(error).into()),
    }
}

/// Reads everything. The lock is held.
pub(super) fn load(folder: &Folder) -> Result<State, OpenError> {
    for part in [folder.temp(), folder.data(), folder.buckets()] {
        fs::create_dir_all(&part).map_err(failed("create", &part))?;
    }
    for name in names(&folder.temp())? {
        files::remove(&folder.temp().join(name))?;
    }
    if fs::read(folder.format()).ok().as_deref() != Some(FORMAT.as_bytes()) {
        let mut aside = files::Aside::create(&folder.temp())?;
        aside.write(FORMAT.as_bytes())?;
        aside.sync()?;
        aside.place(&folder.format())?;
        sync_folder(folder.root())?;
    }
    let mut loading = Loading { folder, blobs: HashMap::new(), damage: BTreeMap::new() };
    let mut index = Index::default();
    for bucket in names(&folder.buckets())? {
        if let Some(shelf) = loading.bucket(&bucket)? {
            index.add(&bucket, shelf);
        }
    }
    loading.sweep()?;
    Ok(State { index, damage: loading.damage })
}

struct Loading<'a> {
    folder: &'a Folder,
    blobs: HashMap<String, Arc<Blob>>,
    damage: BTreeMap<Culprit, Damage>,
}

impl Loading<'_> {
    fn bucket(&mut self, bucket: &str) -> Result<Option<Shelf<Content>>, BackendError> {
        let record = self.folder.bucket_record(bucket);
        if !record.exists() {
            return self.unmade(bucket).map(|()| None);
        }
        let facts: BucketRecord = files::read(&record)?;
        let created = Timestamp::from_millisecond(facts.created).unwrap_or_default();
        let versioning = facts.versioning().map_err(|word| BackendError::Damaged {
            what: record.display().to_string(),
            reason: format!("{word:?} is no versioning state"),
        })?;
        let mut shelf = Shelf::new(created, facts.acl, versioning);
        let mut completed = HashSet::new();
        for name in names(&self.folder.objects(bucket))? {
            match self.object(bucket, &name) {
                Ok((key, history)) => {
                    let entries = history.all().filter_map(Version::entry);
                    completed.extend(entries.filter_map(|entry| entry.object.upload.clone()));
                    shelf.keys.insert(key, history);
                }
                Err(error) => self.damaged(bucket, Record::Object(name), error)?,
            }
        }
        for id in names(&self.folder.uploads(bucket))? {
            let place = self.folder.upload(bucket, &id);
            if completed.contains(&id) || !self.folder.upload_record(bucket, &id).exists() {
                fs::remove_dir_all(&place).map_err(failed("remove", &place))?;
                continue;
            }
            match self.pending(bucket, &id) {
                Ok(pending) => drop(shelf.uploads.insert(id, pending)),
                Err(error) => self.damaged(bucket, Record::Upload(id), error)?,
            }
        }
        Ok(Some(shelf))
    }

    /// The remains of a bucket that was being made or removed when the process ended.
    fn unmade(&self, bucket: &str) -> Result<(), BackendError> {
        let place = self.folder.bucket(bucket);
        for part in [self.folder.objects(bucket), self.folder.uploads(bucket)] {
            if part.exists() && !names(&part)?.is_empty() {
                return Err(BackendError::Damaged {
                    what: place.display().to_string(),
                    reason: "it holds records but has lost its own".to_owned(),
                });
            }
        }
        fs::remove_dir_all(&place).map_err(failed("remove", &place))
    }

    fn object(&mut self, bucket: &str, name: &str) -> Result<(String, History<Content>), BackendError> {
        let path = self.folder.objects(bucket).join(name);
        let record: KeyRecord = files::read(&path)?;
        if sha256(record.key.as_bytes()) != name {
            return Err(misplaced(&path));
        }
        let key = record.key.clone();
        let history = record.history(|object, blobs| {
            let content = self.content(blobs)?;
            let size: u64 = content.iter().map(|blob| blob.size).sum();
            if size != object.size {
                return Err(BackendError::Damaged {
                    what: path.display().to_string(),
                    reason: format!("it names {size} bytes of an object of {}", object.size),
                });
            }
            Ok(content)
        })?;
        Ok((key, history))
    }

    fn pending(&mut self, bucket: &str, id: &str) -> Result<Pending<Content>, BackendError> {
        let record = self.folder.upload_record(bucket, id);
        let upload: Upload = files::read(&record)?;
        if upload.id != id {
            return Err(misplaced(&record));
        }
        let mut parts = BTreeMap::new();
        for name in names(&self.folder.parts(bucket, id))? {
            let path = self.folder.parts(bucket, id).join(&name);
            let PartRecord { part, blobs } = files::read(&path)?;
            if part.number.to_string() != name {
                return Err(misplaced(&path));
            }
            let content = self.content(&blobs)?;
            parts.insert(part.number, (part, content));
        }
        Ok(Pending { upload: Arc::new(upload), parts })
    }

    /// The blobs that a record names, checked and linked.
    fn content(&mut self, named: &[(String, u64)]) -> Result<Content, BackendError> {
        let data = self.folder.data();
        let mut content = Vec::with_capacity(named.len());
        for (name, size) in named {
            let blob = self.blobs.entry(name.clone()).or_insert_with(|| {
                let blob = Blob::known(&data, name, *size);
                blob.link(); // Held until the sweep: nothing is removed before everything is known.
                blob
            });
            blob.check()?;
            content.push(blob.clone());
        }
        for blob in &content {
            blob.link();
        }
        Ok(content.into())
    }

    /// Keeps what is damaged in mind; what could not be read for another reason ends the opening.
    fn damaged(&mut self, bucket: &str, record: Record, error: BackendError) -> Result<(), BackendError> {
        let BackendError::Damaged { what, reason } = error else { return Err(error) };
        tracing::error!(bucket, what, reason, "a damaged record; requests for it are refused");
        self.damage.insert(Culprit { bucket: bucket.to_owned(), record }, Damage { what, reason });
        Ok(())
    }

    /// Removes bodies that no record names. Where records are damaged nobody knows which those are, and all stay.
    fn sweep(&mut self) -> Result<(), BackendError> {
        if self.damage.is_empty() {
            for name in names(&self.folder.data())? {
                if !self.blobs.contains_key(&name) {
                    files::remove(&self.folder.data().join(name))?;
                }
            }
            self.blobs.values().for_each(|blob| blob.unlink());
        }
        Ok(())
    }
}

fn misplaced(path: &Path) -> BackendError {
    BackendError::Damaged {
        what: path.display().to_string(),
        reason: "it is the record of something else".to_owned(),
    }
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>, BackendError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        let entry = entry.map_err(failed("read", folder))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}
