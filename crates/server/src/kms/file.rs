//! The file of the keys: written aside, readable by its owner alone, renamed into place, and on the disk before anybody learns of a change.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::keys::{Keys, SaveError};

/// Says which layout the file has.
const FORMAT: &str = "osseal-kms-1";

/// Why the file of the keys cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The system says no.
    #[error("{} cannot be read", .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// It is something else.
    #[error("{} is not a file of keys that was written here; name another, or remove it together with what its keys encrypt", .0.display())]
    Damaged(PathBuf),
}

#[derive(Deserialize)]
struct Stored {
    format: String,
    keys: Keys,
}

#[derive(Serialize)]
struct ToStore<'a> {
    format: &'a str,
    keys: &'a Keys,
}

/// Reads the keys; none when there is no file.
pub(super) fn load(path: &Path) -> Result<Keys, OpenError> {
    match fs::read(path) {
        Ok(content) => parse(path, &content),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Keys::default()),
        Err(error) => Err(OpenError::Io(path.to_owned(), error)),
    }
}

/// Reads the keys that a file holds.
pub(super) fn parse(path: &Path, content: &[u8]) -> Result<Keys, OpenError> {
    match serde_json::from_slice::<Stored>(content) {
        Ok(stored) if stored.format == FORMAT => Ok(stored.keys),
        _ => Err(OpenError::Damaged(path.to_owned())),
    }
}

/// Writes the keys.
pub(super) fn save(path: &Path, keys: &Keys) -> Result<(), SaveError> {
    let write = || {
        let text = serde_json::to_vec(&ToStore { format: FORMAT, keys })?;
        let aside = path.with_extension("aside");
        // What another run left.
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private(&aside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        sync_folder_of(path)
    };
    write().map_err(|source| SaveError { path: path.to_owned(), source })
}

/// Makes a rename outlive a crash. On systems where folders cannot be opened this is the file system's own business.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// A file that only its owner reads and writes.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
