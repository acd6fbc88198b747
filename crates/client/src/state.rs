//! The state directory: records that transfers keep between processes. Its content is treated as hostile input.
//!
//! ```text
//!   key              32 random bytes that authenticate the records, mode 0600
//!   NAME.record      "osseal state" ‖ version ‖ u32 length ‖ content ‖ HMAC-SHA-256 over the name and all of that
//!   NAME.lock        locked while a process uses the record
//! ```
//!
//! The directory belongs to the user and has mode 0700. A record is written under a temporary name, synced and renamed,
//! and its directory is synced. A record that is truncated, changed, stored under another name, too long, or owned by
//! another user counts as absent.

pub(crate) mod system;

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

const MAGIC: &[u8] = b"osseal state";
const VERSION: u8 = 1;
/// Magic, version and length.
const HEAD: usize = MAGIC.len() + 1 + 4;
const TAG: usize = 32;
/// Longest content of a record, bytes.
pub(crate) const MAX_CONTENT: usize = 4 << 20;
const KEY: &str = "key";
const KEY_LEN: usize = 32;
/// How often a lock is tried for whose file is taken away meanwhile.
const ATTEMPTS: u32 = 16;
/// Longest time for which a process that only tests a lock may hold it.
const LOOK: Duration = Duration::from_millis(20);

/// A directory with records of transfers, and the key that authenticates them. Clones share it.
#[derive(Clone)]
pub struct StateDir(Arc<Inner>);

struct Inner {
    path: PathBuf,
    key: hmac::Key,
}

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It cannot be read or written.
    #[error("cannot use the state directory {path}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Other users can read or change the directory or its key, or it is not a directory.
    #[error("the state directory {path} is not safe to use: {reason}")]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// The reason.
        reason: &'static str,
    },
}

/// The name of a record: a digest, which reveals nothing of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordName([u8; 32]);

/// A record in exclusive use.
pub(crate) struct Record {
    state: StateDir,
    name: RecordName,
    /// Locked until it is closed.
    lock: File,
}

impl RecordName {
    /// The name of the record that `parts` together identify, for one kind of transfer.
    pub(crate) fn of(kind: &str, parts: &[&[u8]]) -> RecordName {
        let mut digest = Context::new(&SHA256);
        for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let mut name = [0; 32];
        name.copy_from_slice(digest.finish().as_ref());
        RecordName(name)
    }

    /// The name that the file of a record has.
    fn parse(file: &OsStr) -> Option<RecordName> {
        let digits = file.to_str()?.strip_suffix(".record")?;
        HEXLOWER.decode(digits.as_bytes()).ok()?.try_into().ok().map(RecordName)
    }

    /// The bytes that a tag authenticates.
    fn signed(&self, bytes: &[u8]) -> Vec<u8> {
        [&self.0[..], bytes].concat()
    }
}

impl StateDir {
    /// Opens the directory, and makes it and its key if they are not there.
    ///
    /// # Errors
    /// When it is not the user's own, others may enter it, it cannot be written, or its key is damaged.
    pub fn open(path: &Path) -> Result<StateDir, StateError> {
        let failed = |source| StateError::Io { path: path.to_owned(), source };
        let refused = |reason| StateError::Unsafe { path: path.to_owned(), reason };
        system::make_folder(path).map_err(failed)?;
        let found = path.symlink_metadata().map_err(failed)?;
        if !found.is_dir() {
            return Err(refused("it is no directory"));
        }
        if !system::is_ours(&found) {
            return Err(refused("it belongs to another user, or this system does not say whose it is"));
        }
        if !system::is_private(&found) {
            return Err(refused("others may enter it; give it the mode 0700"));
        }
        let key = match read(&path.join(KEY), KEY_LEN).map_err(failed)? {
            Some(key) => key,
            None => make_key(path).map_err(failed)?,
        };
        if key.len() != KEY_LEN {
            return Err(refused(
                "the file `key` in it is damaged; remove it, and unfinished transfers start over",
            ));
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        Ok(StateDir(Arc::new(Inner { path: path.to_owned(), key })))
    }

    /// Takes a record for this process alone; none while another one uses it.
    pub(crate) fn take(&self, name: RecordName) -> io::Result<Option<Record>> {
        let path = self.file(name, "lock");
        let mut has_waited = false;
        for _ in 0..ATTEMPTS {
            let lock = system::open(OpenOptions::new().write(true).create(true).truncate(false), &path)?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) if has_waited => return Ok(None),
                Err(std::fs::TryLockError::WouldBlock) => {
                    has_waited = true;
                    std::thread::sleep(LOOK);
                    continue;
                }
                Err(std::fs::TryLockError::Error(error)) => return Err(error),
            }
            // The previous holder may have removed the file, and another process created it again.
            if path
                .symlink_metadata()
                .is_ok_and(|there| lock.metadata().is_ok_and(|ours| system::is_same(&there, &ours)))
            {
                return Ok(Some(Record { state: self.clone(), name, lock }));
            }
        }
        Ok(None)
    }

    /// 32 hexadecimal digits for a file outside of the directory that a record describes. They differ per state directory.
    pub(crate) fn digits(&self, name: RecordName) -> String {
        HEXLOWER.encode(&hmac::sign(&self.0.key, &name.signed(b"file")).as_ref()[..16])
    }

    pub(crate) fn file(&self, name: RecordName, kind: &str) -> PathBuf {
        self.0.path.join(format!("{}.{kind}", HEXLOWER.encode(&name.0)))
    }

    /// The names of all records, in no order. Some may be gone, or count as absent.
    pub(crate) fn names(&self) -> io::Result<Vec<RecordName>> {
        let entries = std::fs::read_dir(&self.0.path)?;
        let names = entries.filter_map(|entry| match entry {
            Ok(entry) => RecordName::parse(&entry.file_name()).map(Ok),
            Err(error) => Some(Err(error)),
        });
        names.collect()
    }

    /// The latest content of a record, if it exists and is authentic. The process that uses the record may replace it at any time.
    pub(crate) fn load(&self, name: RecordName) -> io::Result<Option<Vec<u8>>> {
        let Some(bytes) = read(&self.file(name, "record"), HEAD + MAX_CONTENT + TAG)? else {
            return Ok(None);
        };
        let content = || {
            let (signed, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
            let rest = signed.strip_prefix(MAGIC)?.strip_prefix(&[VERSION])?;
            let (length, content) = rest.split_first_chunk::<4>()?;
            hmac::verify(&self.0.key, &name.signed(signed), tag).ok()?;
            (usize::try_from(u32::from_be_bytes(*length)).ok()? == content.len()).then(|| content.to_vec())
        };
        Ok(content())
    }

    /// When a record was stored; none when it is gone.
    pub(crate) fn stored(&self, name: RecordName) -> io::Result<Option<SystemTime>> {
        match self.file(name, "record").symlink_metadata() {
            Ok(found) => found.modified().map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Device and inode of a record's lock, and whether a process holds it. `None`: no process ever locked it.
    pub(crate) fn lock(&self, name: RecordName) -> io::Result<Option<((u64, u64), bool)>> {
        let lock = match system::open(OpenOptions::new().write(true), &self.file(name, "lock")) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let identity = system::identity(&lock.metadata()?);
        match lock.try_lock_shared() {
            Ok(()) => Ok(Some((identity, false))),
            Err(std::fs::TryLockError::WouldBlock) => Ok(Some((identity, true))),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

impl std::fmt::Debug for StateDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateDir").field("path", &self.0.path).finish_non_exhaustive()
    }
}

impl Record {
    /// The latest content, if it exists and is authentic.
    pub(crate) fn load(&self) -> io::Result<Option<Vec<u8>>> {
        self.state.load(self.name)
    }

    /// Replaces the content; the disk holds it when this returns.
    pub(crate) fn store(&self, content: &[u8]) -> io::Result<()> {
        let length = u32::try_from(content.len()).ok().filter(|_| content.len() <= MAX_CONTENT);
        let length = length.ok_or(io::ErrorKind::FileTooLarge)?;
        let head = [MAGIC, &[VERSION], &length.to_be_bytes()].concat();
        let signed = [&head, content].concat();
        let tag = hmac::sign(&self.state.0.key, &self.name.signed(&signed));
        let folder = &self.state.0.path;
        // Made with mode 0600.
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(&signed)?;
        file.write_all(tag.as_ref())?;
        file.as_file().sync_all()?;
        file.persist(self.state.file(self.name, "record"))?;
        system::sync_folder(folder)
    }

    /// Device and inode of the lock, which survives replacements of the record. A copy of the directory has another one.
    pub(crate) fn lock_identity(&self) -> io::Result<(u64, u64)> {
        Ok(system::identity(&self.lock.metadata()?))
    }

    /// Takes record and lock away; they are gone from the disk when this returns.
    pub(crate) fn remove(&self) -> io::Result<()> {
        for kind in ["record", "lock"] {
            match std::fs::remove_file(self.state.file(self.name, kind)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        system::sync_folder(&self.state.0.path)
    }
}

/// Reads a file that is ours and no link. A file longer than `most` is cut one byte after that.
fn read(path: &Path, most: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match system::open(OpenOptions::new().read(true), path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if system::is_link_refused(path) => {
            tracing::warn!(path = %path.display(), %error, "a link in the state directory counts as absent");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    if !found.is_file() || !system::is_ours(&found) || !system::is_private(&found) {
        return Ok(None);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Draws the key. Of two processes that do so at a time, one's stays.
fn make_key(folder: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new(vec![0; KEY_LEN]);
    aws_lc_rs::rand::fill(&mut key).map_err(|_| io::Error::other("the system provides no random bytes"))?;
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(folder.join(KEY)) {
        Ok(_) => system::sync_folder(folder)?,
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            let there = read(&folder.join(KEY), KEY_LEN)?;
            return there.ok_or_else(|| io::Error::other("the file `key` is not ours"));
        }
        Err(error) => return Err(error.error),
    }
    Ok(key)
}

/// The name of a file below its folder, for messages and digests.
pub(crate) fn bytes_of(path: &Path) -> &[u8] {
    OsStr::as_encoded_bytes(path.as_os_str())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn state() -> (tempfile::TempDir, StateDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::open(&folder.path().join("a/b")).expect("a state directory");
        (folder, state)
    }

    fn name(text: &str) -> RecordName {
        RecordName::of("test", &[text.as_bytes()])
    }

    fn taken(state: &StateDir, text: &str) -> Record {
        state.take(name(text)).expect("no trouble").expect("no other process holds it")
    }

    #[test]
    fn names_tell_parts_apart() {
        let of = |parts: &[&[u8]]| RecordName::of("k", parts);
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"a"]), RecordName::of("ka", &[]));
    }

    #[test]
    fn digits_tell_directories_apart() {
        let ((_one, first), (_other, second)) = (state(), state());
        assert_eq!(first.digits(name("a")).len(), 32);
        assert_ne!(first.digits(name("a")), first.digits(name("b")));
        assert_ne!(first.digits(name("a")), second.digits(name("a")));
    }

    #[test]
    fn a_stored_record_is_loaded_by_the_next_holder() {
        let (_folder, state) = state();
        let record = taken(&state, "a");
        assert_eq!(record.load().expect("readable"), None);
        record.store(b"one").expect("writable");
        record.store(b"two").expect("writable");
        assert!(state.take(name("a")).expect("no trouble").is_none(), "in use");
        assert!(state.take(name("b")).expect("no trouble").is_some());
        drop(record);
        let again = StateDir::open(&state.0.path).expect("the same key");
        let record = taken(&again, "a");
        assert_eq!(record.load().expect("readable").as_deref(), Some(&b"two"[..]));
        for file in ["key".into(), state.file(name("a"), "record"), state.file(name("a"), "lock")] {
            let found = state.0.path.join::<PathBuf>(file).metadata().expect("there");
            assert_eq!(found.permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(state.names().expect("readable"), [name("a")]);
        record.remove().expect("removable");
        assert_eq!(state.names().expect("readable"), []);
        assert_eq!(taken(&state, "a").load().expect("readable"), None);
        let long = taken(&state, "a").store(&vec![0; MAX_CONTENT + 1]);
        assert_eq!(long.expect_err("too long").kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn testing_a_lock_delays_no_holder() {
        let (_folder, state) = state();
        assert_eq!(state.lock(name("a")).expect("readable"), None);
        let record = taken(&state, "a");
        let ours = record.lock_identity().expect("readable");
        assert_eq!(state.lock(name("a")).expect("readable"), Some((ours, true)));
        drop(record);
        assert_eq!(state.lock(name("a")).expect("readable"), Some((ours, false)));
        // A thread may come to its turn too late on a busy machine; not each time.
        let is_waited_for = |_| {
            let looking = File::open(state.file(name("a"), "lock")).expect("there");
            looking.lock_shared().expect("free");
            let late = std::thread::spawn(move || {
                std::thread::sleep(LOOK / 4);
                drop(looking);
            });
            let taken = state.take(name("a")).expect("no trouble");
            late.join().expect("no panic");
            taken.is_some()
        };
        assert!((0..20).any(is_waited_for), "waits for who looks");
    }

    #[test]
    fn a_record_that_is_cut_or_changed_counts_as_absent() {
        let (_folder, state) = state();
        let record = taken(&state, "a");
        record.store(b"content of some length").expect("writable");
        let path = state.file(name("a"), "record");
        let good = std::fs::read(&path).expect("there");
        for cut in 0..good.len() {
            std::fs::write(&path, &good[..cut]).expect("writable");
            assert_eq!(record.load().expect("readable"), None, "cut at {cut}");
        }
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, bad).expect("writable");
            assert_eq!(record.load().expect("readable"), None, "bit {bit}");
        }
        std::fs::write(&path, [&good[..], b"x"].concat()).expect("writable");
        assert_eq!(record.load().expect("readable"), None);
        std::fs::write(&path, &good).expect("writable");
        assert!(record.load().expect("readable").is_some(), "the control");
        // Of another name, of another directory.
        let other = taken(&state, "b");
        std::fs::write(state.file(name("b"), "record"), &good).expect("writable");
        std::fs::set_permissions(state.file(name("b"), "record"), std::fs::Permissions::from_mode(0o600))
            .expect("ours");
        assert_eq!(other.load().expect("readable"), None);
    }

    #[test]
    fn links_and_files_that_others_can_read_count_as_absent() {
        let (folder, state) = state();
        let record = taken(&state, "a");
        record.store(b"content").expect("writable");
        let path = state.file(name("a"), "record");
        let elsewhere = folder.path().join("elsewhere");
        std::fs::rename(&path, &elsewhere).expect("movable");
        symlink(&elsewhere, &path).expect("a link");
        assert_eq!(record.load().expect("readable"), None);
        record.store(b"again").expect("replaces the link");
        assert!(!path.is_symlink() && record.load().expect("readable").is_some());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("ours");
        assert_eq!(record.load().expect("readable"), None);
    }

    #[test]
    fn a_directory_that_others_may_enter_is_refused() {
        let (folder, state) = state();
        let path = state.0.path.clone();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
        assert!(matches!(StateDir::open(&path), Err(StateError::Unsafe { .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("ours");
        std::fs::write(path.join(KEY), b"short").expect("writable");
        assert!(matches!(StateDir::open(&path), Err(StateError::Unsafe { .. })));
        let link = folder.path().join("link");
        symlink(&path, &link).expect("a link");
        assert!(matches!(StateDir::open(&link), Err(StateError::Unsafe { .. })));
        assert!(matches!(
            StateDir::open(&path.join(KEY)),
            Err(StateError::Io { .. } | StateError::Unsafe { .. })
        ));
    }
}
