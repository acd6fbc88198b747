//! Downloads land under a temporary name in the target's folder and take the target's name when every byte has been checked.
//!
//! One that is large lands under a name that the next run finds again, see [`osseal::PartialFile`].

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};

use osseal::{PartialFile, StateDir};
use tempfile::{NamedTempFile, TempPath};

use super::safe_path;
use crate::fs::dirs::{folder_of, sync_folder};
use crate::ui::error::{Exit, Failure};
use crate::ui::output::Output;

/// How the names of files begin that are not whole yet.
pub(crate) const UNFINISHED: &str = ".osseal-";

/// A file that is not there yet. Dropping it leaves nothing behind.
pub(crate) struct AtomicFile {
    target: PathBuf,
    temporary: NamedTempFile,
    may_replace: bool,
}

/// Path and bytes of a written file.
pub(crate) type Written = (PathBuf, u64);

impl AtomicFile {
    /// Begins a download to `target`; into a folder it goes by `name`.
    pub(crate) fn create<'a>(
        target: &Path,
        name: impl FnOnce() -> Result<&'a str, Failure>,
        may_replace: bool,
    ) -> Result<AtomicFile, Failure> {
        let into_folder = target.is_dir() || ends_with_separator(target);
        let target = if into_folder { target.join(name()?) } else { target.to_owned() };
        let (target, replaced) = resolve(target)?;
        AtomicFile::begin(target, replaced.as_ref(), may_replace)
    }

    /// Begins a download to a path that is no folder and no link. A link that takes the path later is replaced, not followed.
    pub(crate) fn create_file(target: &Path, may_replace: bool) -> Result<AtomicFile, Failure> {
        let replaced = match target.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::local(format!("cannot write {}", target.display()), error)),
            Ok(found) if found.is_symlink() => return Err(safe_path::link(target)),
            Ok(found) => Some(replaceable(target, found)?),
        };
        AtomicFile::begin(target.to_owned(), replaced.as_ref(), may_replace)
    }

    fn begin(target: PathBuf, replaced: Option<&Metadata>, may_replace: bool) -> Result<AtomicFile, Failure> {
        if replaced.is_some() && !may_replace {
            return Err(exists(&target));
        }
        let failed = |error| {
            Failure::local(format!("cannot write into the folder {}", folder_of(&target).display()), error)
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(UNFINISHED);
        permit(&mut builder, replaced);
        let temporary = builder.tempfile_in(folder_of(&target)).map_err(failed)?;
        Ok(AtomicFile { target, temporary, may_replace })
    }

    /// The file that it will be.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Fetches an object into it and puts it in its place.
    pub(crate) async fn fetch(self, object: osseal::Download) -> Result<Written, Failure> {
        let file = self.temporary.as_file().try_clone().map_err(|error| self.failed(error))?;
        let written = object.write_to(file).await?;
        Ok((self.place()?, written))
    }

    /// The same with a file that stays, with what has come, when it does not come to its end. `register` is told where that is. None gives the object
    /// back: another process downloads it to the same place.
    pub(crate) async fn fetch_resumable(
        self,
        object: osseal::Download,
        state: &StateDir,
        register: impl FnOnce(&Path),
    ) -> Result<Result<Written, (AtomicFile, osseal::Download)>, Failure> {
        let opened = PartialFile::open(state, &object, &self.target).map_err(|error| self.failed(error))?;
        let Some(mut partial) = opened else { return Ok(Err((self, object))) };
        register(partial.path());
        let AtomicFile { target, temporary, may_replace } = self;
        let failed = |error| Failure::local(format!("cannot write {}", target.display()), error);
        // As if the file had been made in the ordinary way, which has told what that is.
        let permissions = temporary.as_file().metadata().map_err(failed)?.permissions();
        temporary.close().map_err(failed)?;
        let written = object.write_partial(&mut partial).await?;
        if !partial.is_in_place().map_err(failed)? {
            let text =
                format!("cannot write {}: another program has replaced what was fetched", target.display());
            return Err(Failure::new(Exit::Mismatch, text).hint("run the command again"));
        }
        let path = TempPath::try_from_path(partial.path()).map_err(failed)?;
        let mut temporary = NamedTempFile::from_parts(partial.file().try_clone().map_err(failed)?, path);
        temporary.disable_cleanup(true);
        temporary.as_file().set_permissions(permissions).map_err(failed)?;
        let target = match (AtomicFile { target, temporary, may_replace }).place() {
            Ok(target) => target,
            Err(misplaced) => {
                keep(&mut partial, &misplaced);
                return Err(misplaced.into());
            }
        };
        if let Err(error) = partial.complete() {
            Output::warn(format_args!("a record of the finished download is left: {error}"));
        }
        Ok(Ok((target, written)))
    }

    /// Puts the file in its place, when all bytes are on the disk.
    fn place(self) -> Result<PathBuf, Misplaced> {
        self.temporary.as_file().sync_all().map_err(|error| Misplaced::Failed(self.failed(error)))?;
        let AtomicFile { target, temporary, may_replace } = self;
        let placed =
            if may_replace { temporary.persist(&target) } else { temporary.persist_noclobber(&target) };
        match placed {
            Ok(_) => {}
            Err(error) if !may_replace && error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(Misplaced::Exists(target));
            }
            Err(error) => {
                let text = format!("cannot write {}", target.display());
                return Err(Misplaced::Failed(Failure::local(text, error.error)));
            }
        }
        sync_folder(folder_of(&target));
        Ok(target)
    }

    fn failed(&self, error: std::io::Error) -> Failure {
        Failure::local(format!("cannot write {}", self.target.display()), error)
    }
}

/// Why a file whose bytes are all there has not got its name.
enum Misplaced {
    /// Another one has it, and is not to be replaced.
    Exists(PathBuf),
    Failed(Failure),
}

impl From<Misplaced> for Failure {
    fn from(misplaced: Misplaced) -> Failure {
        match misplaced {
            Misplaced::Exists(target) => exists(&target),
            Misplaced::Failed(failure) => failure,
        }
    }
}

/// Leaves a partial file as the next run needs it, if that run can end otherwise.
fn keep(partial: &mut PartialFile, misplaced: &Misplaced) {
    if matches!(misplaced, Misplaced::Exists(_)) {
        partial.discard();
    } else if let Err(error) = make_private(partial.file()) {
        Output::warn(format_args!("{} cannot be gone on with: {error}", partial.path().display()));
    }
}

fn exists(target: &Path) -> Failure {
    Failure::new(Exit::NotFound, format!("{} exists", target.display()))
        .hint("leave --forbid-overwrite out to replace it")
}

/// Follows symbolic links and refuses targets that are not regular files. Returns the existing file.
fn resolve(target: PathBuf) -> Result<(PathBuf, Option<Metadata>), Failure> {
    let link = match target.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((target, None)),
        Err(error) => return Err(Failure::local(format!("cannot write {}", target.display()), error)),
        Ok(metadata) => metadata.file_type().is_symlink(),
    };
    let resolved = if link {
        target.canonicalize().map_err(|error| {
            Failure::local(format!("the symbolic link {} leads nowhere", target.display()), error)
        })?
    } else {
        target
    };
    match resolved.metadata() {
        Err(error) => Err(Failure::local(format!("cannot write {}", resolved.display()), error)),
        Ok(metadata) => replaceable(&resolved, metadata).map(|metadata| (resolved, Some(metadata))),
    }
}

/// Whether a target may be replaced.
fn replaceable(path: &Path, found: Metadata) -> Result<Metadata, Failure> {
    let shown = path.display();
    if found.is_dir() {
        return Err(Failure::new(Exit::Local, format!("{shown} is a directory")));
    }
    if !found.is_file() {
        return Err(Failure::new(Exit::Local, format!("{shown} is not a regular file"))
            .hint("write to - and redirect standard output instead"));
    }
    Ok(found)
}

/// Sets the permissions of the replaced file, or read and write permission under the user's umask.
#[cfg(unix)]
fn permit(builder: &mut tempfile::Builder<'_, '_>, replaced: Option<&Metadata>) {
    use std::os::unix::fs::PermissionsExt;
    let mode = replaced.map_or(0o666, |old| old.permissions().mode() & 0o777);
    builder.permissions(std::fs::Permissions::from_mode(mode));
}

/// Only the owner has access, which a resumable file requires.
#[cfg(unix)]
fn make_private(file: &File) -> std::io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(_: &File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn permit(_: &mut tempfile::Builder<'_, '_>, _: Option<&Metadata>) {}

fn ends_with_separator(path: &Path) -> bool {
    let is_separator = |byte: &u8| std::path::is_separator(char::from(*byte));
    OsStr::as_encoded_bytes(path.as_os_str()).last().is_some_and(is_separator)
}

#[cfg(all(test, unix))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn one_of_many_follows_no_link_however_late_it_comes() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (target, secret) = (folder.path().join("a"), outside.path().join("secret"));
        std::fs::write(&secret, "not ours").unwrap();
        symlink(&secret, &target).unwrap();
        assert!(AtomicFile::create_file(&target, true).is_err());
        std::fs::remove_file(&target).unwrap();
        for may_replace in [true, false] {
            let mut download = AtomicFile::create_file(&target, may_replace).unwrap();
            download.temporary.write_all(b"new").unwrap();
            symlink(&secret, &target).unwrap();
            assert_eq!(download.place().is_ok(), may_replace);
            assert_eq!(std::fs::read(&secret).unwrap(), b"not ours");
            assert_eq!(target.is_symlink(), !may_replace);
            std::fs::remove_file(&target).unwrap();
        }
        // The control: a single one goes where the link leads.
        symlink(&secret, &target).unwrap();
        let mut download = AtomicFile::create(&target, || Ok("a"), true).unwrap();
        download.temporary.write_all(b"new").unwrap();
        download.place().ok().unwrap();
        assert_eq!(std::fs::read(&secret).unwrap(), b"new");
    }
}
