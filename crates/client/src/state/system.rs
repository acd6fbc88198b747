//! System-specific file properties: owners, modes, links.

#[cfg(not(unix))]
pub(crate) use silent::*;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(unix)]
mod unix {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
    use std::path::Path;

    use rustix::fs::OFlags;

    pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    /// Opens a file that is no link; one that is made is the user's alone.
    pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
        options
            .mode(0o600)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(path)
    }

    pub(crate) fn is_ours(found: &Metadata) -> bool {
        found.uid() == rustix::process::geteuid().as_raw()
    }

    pub(crate) fn is_private(found: &Metadata) -> bool {
        let of_others = 0o077;
        found.mode() & of_others == 0
    }

    pub(crate) fn is_same(one: &Metadata, other: &Metadata) -> bool {
        identity(one) == identity(other)
    }

    /// Device and inode.
    pub(crate) fn identity(found: &Metadata) -> (u64, u64) {
        (found.dev(), found.ino())
    }

    pub(crate) fn is_link_refused(path: &Path) -> bool {
        path.symlink_metadata().is_ok_and(|found| found.is_symlink())
    }

    pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
    }
}

/// Other systems do not report owners and modes, so nothing is recorded there.
#[cfg(not(unix))]
mod silent {
    use std::fs::{File, Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
        options.open(path)
    }

    pub(crate) fn is_ours(_: &Metadata) -> bool {
        false
    }

    pub(crate) fn is_private(_: &Metadata) -> bool {
        false
    }

    pub(crate) fn is_same(_: &Metadata, _: &Metadata) -> bool {
        false
    }

    pub(crate) fn identity(_: &Metadata) -> (u64, u64) {
        (0, 0)
    }

    pub(crate) fn is_link_refused(_: &Path) -> bool {
        false
    }

    pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn read_exact_at(_: &File, _: &mut [u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
