//! Folders of the user's in which something outlives a command, or is kept suspend_bars while it runs.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use osseal::StateDir;

use crate::environment;
use crate::ui::error::Failure;
use crate::ui::output::Output;

/// The folder where transfers are remembered; none, with a warning, when there can be none.
pub(crate) fn state() -> Option<StateDir> {
    let warn = |why: &str| Output::warn(format_args!("if this breaks off it starts over: {why}"));
    let Some(folder) = state_folder() else {
        warn("the user's state folder is not known");
        return None;
    };
    let state = StateDir::open(&folder);
    state.inspect_err(|error| warn(&one_line(error))).ok()
}

/// The same as it is: none when nothing was ever remembered.
pub(crate) fn existing_state() -> Result<Option<StateDir>, Failure> {
    let Some(folder) = state_folder() else { return Ok(None) };
    if folder.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    let failed = |error| Failure::local("what this machine keeps of transfers cannot be read", error);
    StateDir::open(&folder).map(Some).map_err(failed)
}

fn state_folder() -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    folders.state_dir().map(|folder| folder.join("osseal"))
}

/// The folder where sealed bytes of standard input are kept while they are sent: that of `TMPDIR`, or one in the user's cache folder, which seldom lies in
/// memory. None, with a warning, when there can be none.
pub(crate) fn spool() -> Option<PathBuf> {
    if let Some(folder) = environment::path(environment::TEMPORARY) {
        return Some(folder);
    }
    let warn = |why: &str| {
        Output::warn(format_args!(
            "standard input is sent in one request of at most 5 GiB that cannot be repeated: {why}"
        ));
    };
    let Ok(folders) = etcetera::choose_base_strategy() else {
        warn("the user's cache folder is not known");
        return None;
    };
    let folder = folders.cache_dir().join("osseal");
    let made = make_folder(&folder);
    made.inspect_err(|failure| warn(&failure.to_string())).ok().map(|()| folder)
}

/// An error and its cause on one line.
fn one_line(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Makes a folder that only its owner can look into.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| Failure::local(format!("cannot make the folder {}", folder.display()), error))
}

/// The folder that a path lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes a rename survive a crash, where the system lets folders be synced.
pub(crate) fn sync_folder(folder: &Path) {
    drop(File::open(folder).and_then(|folder| folder.sync_all()));
}
