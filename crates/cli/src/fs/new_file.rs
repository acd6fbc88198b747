//! Files that are written once, whole or not at all.

use std::io::Write;
use std::path::Path;

use super::dirs::{folder_of, sync_folder};
use crate::ui::error::{Exit, Failure};

/// Writes a file that only its owner can read. Creation is atomic, and an existing file is never replaced.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    write(path, text, 0o600)
}

/// Like [`write_private`], but readable for all users.
pub(crate) fn write_public(path: &Path, text: &str) -> Result<(), Failure> {
    write(path, text, 0o644)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::new(Exit::Local, format!("{shown} exists, and is never replaced"))
                .hint("choose another name, or move the file away")
        }
        _ => Failure::local(format!("cannot write {shown}"), error),
    };
    if path.symlink_metadata().is_ok() {
        return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
    }
    let folder = folder_of(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".osseal-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist_noclobber(path).map_err(|error| failed(error.error))?;
    sync_folder(folder);
    Ok(())
}
