//! Keys as paths below one folder, and nowhere else.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use crate::ui::error::{Exit, Failure};

/// How the name of a file begins that is made to find out whether case matters; a walk leaves such files out.
const PROBE: &str = ".osseal-case-";

/// Where a key lies below the folder of a recursive download: a plain relative path.
///
/// # Errors
/// Keys that name no path below: with empty, `.` or `..` parts, or parts that mean something to the system.
pub(crate) fn relative(name: &str) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(name);
    let is_plain = !name.contains('\0')
        && name.split('/').all(|part| {
            let mut components = Path::new(part).components();
            matches!((components.next(), components.next()), (Some(Component::Normal(only)), None) if only == part)
        });
    if is_plain {
        return Ok(path);
    }
    Err(Failure::new(Exit::Local, format!("{name:?} is no path below the target folder"))
        .hint("copy the object by itself, to a file that you name"))
}

/// Makes the folders above `below` in `root`; none of them may be a link to somewhere else.
pub(crate) fn make_folders(root: &Path, below: &Path) -> Result<PathBuf, Failure> {
    let target = root.join(below);
    let mut folder = root.to_owned();
    let above = below.parent().unwrap_or(Path::new(""));
    for part in above.components() {
        folder.push(part);
        match std::fs::create_dir(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(Failure::local(format!("cannot make the folder {}", folder.display()), error));
            }
        }
        let found = folder.symlink_metadata();
        let found = found
            .map_err(|error| Failure::local(format!("cannot use the folder {}", folder.display()), error))?;
        if found.is_symlink() {
            return Err(link(&folder));
        }
        if !found.is_dir() {
            return Err(Failure::new(Exit::Local, format!("{} is not a folder", folder.display())));
        }
    }
    if target.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
        return Err(link(&target).hint("copy the object by itself to write through the link"));
    }
    Ok(target)
}

/// Refuses to go through a link.
pub(crate) fn link(path: &Path) -> Failure {
    Failure::new(Exit::Local, format!("{} is a symbolic link, which may lead elsewhere", path.display()))
}

/// Files that keys have asked for, in the order of the keys: two that would be one are found before either is written.
#[derive(Debug)]
pub(crate) struct Claims {
    /// Names as a file system compares them that takes upper and lower case for the same.
    folded: Option<HashSet<String>>,
    /// Names that the next ones may lie below.
    above: Vec<String>,
}

impl Claims {
    /// For files below an existing or new folder.
    pub(crate) fn below(root: &Path) -> Claims {
        Claims { folded: folds_case(root).then(HashSet::new), above: Vec::new() }
    }

    /// Claims the file of a name that comes after all before.
    ///
    /// # Errors
    /// Another object has the file, or is a file where a folder would have to be.
    pub(crate) fn claim(&mut self, name: &str) -> Result<(), Failure> {
        self.above.retain(|above| name.starts_with(above));
        let is_below = |above: &&String| name.as_bytes().get(above.len()) == Some(&b'/');
        let hint = "copy one of the two by itself, to a file that you name";
        if let Some(above) = self.above.iter().find(is_below) {
            let text = format!("{name:?} lies below {above:?}, which is an object too; a file is no folder");
            return Err(Failure::new(Exit::Local, text).hint(hint));
        }
        self.above.push(name.to_owned());
        if self.folded.as_mut().is_some_and(|folded| !folded.insert(name.to_lowercase())) {
            let text = format!("{name:?} is the same file as that of another object here");
            return Err(Failure::new(Exit::Local, text).hint(hint));
        }
        Ok(())
    }
}

/// Whether names that differ in case alone are the same file below a folder.
fn folds_case(root: &Path) -> bool {
    let Some(there) = root.ancestors().find(|folder| folder.is_dir()) else { return false };
    let probe = tempfile::Builder::new().prefix(PROBE).rand_bytes(12).tempfile_in(there);
    let Ok(probe) = probe else { return false };
    let name = probe.path().file_name().map(OsStr::to_ascii_uppercase).unwrap_or_default();
    probe.path().with_file_name(name).symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn only_plain_names_become_paths() {
        for good in ["a", "a/b", "...", "a b/ c", "a/..b", "~", "-"] {
            assert_eq!(relative(good).unwrap(), Path::new(good));
        }
        for bad in
            ["", "/", "/etc/passwd", "a//b", "../a", "a/../b", "a/..", ".", "a/./b", "./a", "a/", "a\0b"]
        {
            assert!(relative(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn two_objects_are_not_one_file() {
        let refused = |folds: bool| {
            let mut claims = Claims { folded: folds.then(HashSet::new), above: Vec::new() };
            let names = ["A", "a", "a!", "a!b", "a-b/c", "a/b", "a/b/c", "a0", "a0/x", "b"];
            names.into_iter().filter(|name| claims.claim(name).is_err()).collect::<Vec<_>>()
        };
        assert_eq!(refused(false), ["a/b", "a/b/c", "a0/x"]);
        assert_eq!(refused(true), ["a", "a/b", "a/b/c", "a0/x"]);
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("x"), "").unwrap();
        assert_eq!(folds_case(&root.path().join("not/there")), root.path().join("X").exists());
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(outside.path(), root.path().join("out")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("leaf")).unwrap();
        std::fs::write(root.path().join("file"), "").unwrap();
        for bad in ["out/a", "out/deep/a", "leaf", "file/a"] {
            assert!(make_folders(root.path(), Path::new(bad)).is_err(), "{bad}");
        }
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
        assert_eq!(make_folders(root.path(), Path::new("x/y/z")).unwrap(), root.path().join("x/y/z"));
        assert!(root.path().join("x/y").is_dir());
    }
}
