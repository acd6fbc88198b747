//! Regular files below a folder, in the order that keys have in a listing.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;
use walkdir::{DirEntry, WalkDir};

use crate::transfer::atomic_file::UNFINISHED;
use crate::transfer::filter::Filter;
use crate::ui::error::{Exit, Failure};
use crate::ui::output::Output;

/// Files that a walk may be ahead of who reads them.
const AHEAD: usize = 256;

/// A file below the folder.
#[derive(Debug)]
pub(crate) struct LocalFile {
    pub(crate) path: PathBuf,
    /// Relative to the folder, parts joined by `/`.
    pub(crate) name: String,
}

/// An entry of a walk.
#[derive(Debug)]
pub(crate) enum Item {
    File(LocalFile),
    /// A file whose name cannot be a key: it is not UTF-8.
    Nameless(PathBuf),
}

impl Item {
    /// The file, which has to have a name.
    pub(crate) fn named(self) -> Result<LocalFile, Failure> {
        match self {
            Item::File(found) => Ok(found),
            Item::Nameless(path) => {
                let text = format!("the name of {} is not UTF-8, and keys are", path.display());
                Err(Failure::new(Exit::Local, text).hint("rename the file"))
            }
        }
    }
}

/// Fails unless the path is a folder.
pub(crate) fn check(folder: &Path) -> Result<(), Failure> {
    let shown = folder.display();
    let found =
        std::fs::metadata(folder).map_err(|error| Failure::local(format!("cannot read {shown}"), error))?;
    if found.is_dir() { Ok(()) } else { Err(Failure::usage(format!("{shown} is not a folder"))) }
}

/// The selected files below a folder. Symbolic links are skipped with a warning, because they may lead out of the folder. An
/// unreadable entry is an error; the walk continues with the others.
pub(crate) fn below(
    folder: PathBuf,
    selection: Filter,
) -> impl Iterator<Item = Result<Item, Failure>> + Send + 'static {
    let entries = WalkDir::new(&folder).sort_by(in_key_order).into_iter();
    entries.filter_map(move |entry| match entry {
        Ok(entry) => wanted(&folder, &selection, entry).map(Ok),
        // They come and go beside a walk.
        Err(error)
            if is_gone(&error) && error.path().and_then(Path::file_name).is_some_and(is_unfinished) =>
        {
            None
        }
        Err(error) => Some(Err(Failure::local(format!("cannot read all of {}", folder.display()), error))),
    })
}

/// The same as a stream, a little ahead of its reader.
pub(crate) fn stream(
    folder: PathBuf,
    selection: Filter,
) -> impl Stream<Item = Result<Item, Failure>> + Send + 'static {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let walk = tokio::task::spawn_blocking(move || {
        let mut items = below(folder, selection);
        while items.next().is_some_and(|item| sender.blocking_send(item).is_ok()) {}
    });
    stream::unfold((receiver, Some(walk)), |(mut receiver, walk)| async move {
        if let Some(item) = receiver.recv().await {
            return Some((item, (receiver, walk)));
        }
        // A walk that broke down has not seen everything.
        let error = walk?.await.err()?;
        Some((Err(Failure::local("the folder was not read to its end", error)), (receiver, None)))
    })
}

fn wanted(folder: &Path, selection: &Filter, entry: DirEntry) -> Option<Item> {
    if entry.file_type().is_dir() {
        return None;
    }
    let left_out = |what| Output::warn(format_args!("{} is {what} and is left out", entry.path().display()));
    if is_unfinished(entry.file_name()) {
        left_out("an unfinished download");
        return None;
    }
    let below = entry.path().strip_prefix(folder).ok()?;
    let parts: Option<Vec<_>> = below.iter().map(|part| part.to_str()).collect();
    let Some(name) = parts.map(|parts| parts.join("/")) else {
        return Some(Item::Nameless(entry.into_path()));
    };
    if !selection.takes(&name) {
        return None;
    }
    if entry.file_type().is_symlink() {
        left_out("a symbolic link");
    } else if !entry.file_type().is_file() {
        left_out("not a regular file");
    } else {
        return Some(Item::File(LocalFile { path: entry.into_path(), name }));
    }
    None
}

fn is_gone(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

fn is_unfinished(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes())
}

/// The order of whole names: a folder stands where its name with the slash does.
fn in_key_order(one: &DirEntry, other: &DirEntry) -> Ordering {
    let bytes = |entry: &DirEntry| {
        let slash = entry.file_type().is_dir().then_some(b'/');
        entry.file_name().as_encoded_bytes().iter().copied().chain(slash).collect::<Vec<_>>()
    };
    bytes(one).cmp(&bytes(other))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn files_come_in_the_order_of_their_keys() {
        let folder = tempfile::tempdir().unwrap();
        let mut names = ["a-", "a.txt", "a/b", "a/b.c", "a/b0/x", "a0", "b/a", "b-/z", "ü", ".osseal-x"];
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            // One name is both: the folder's files stand in for it.
            drop(std::fs::write(&path, ""));
        }
        names.sort_unstable();
        let all = Filter::new(&[], &[]).unwrap();
        let walked = stream(folder.path().to_owned(), all).map(|item| item.unwrap().named().unwrap().name);
        let walked: Vec<_> = walked.collect().await;
        let wanted: Vec<_> = names.into_iter().filter(|name| *name != ".osseal-x").collect();
        assert_eq!(walked, wanted);
    }
}
