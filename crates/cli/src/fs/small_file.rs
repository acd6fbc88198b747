//! Configuration and key files: small regular files. Never blocks on a pipe.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use crate::ui::error::{Exit, Failure};

/// Reads a regular file of at most `most` bytes; the bytes are wiped when dropped. `what` names the file in errors.
pub(crate) fn read(path: &Path, what: &str, most: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    open(path, what, most).map(|(bytes, _)| bytes)
}

/// Like [`read`], with the metadata of the open file.
pub(crate) fn open(path: &Path, what: &str, most: usize) -> Result<(Zeroizing<Vec<u8>>, Metadata), Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let failure = Failure::new(Exit::Usage, format!("cannot read the {what} {shown}")).caused_by(&error);
        if missing { failure.hint("check the path") } else { failure }
    };
    let refused = |reason: &str| Failure::usage(format!("the {what} {shown} {reason}"));
    // Asked before opening: opening a pipe would wait for a writer.
    let kind = std::fs::metadata(path).map_err(failed)?;
    if kind.is_dir() {
        return Err(refused("is a directory"));
    }
    if !kind.is_file() {
        return Err(refused("is not a regular file"));
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let bytes = bounded(file, most).map_err(failed)?;
    Ok((check(bytes, most).map_err(|reason| refused(&reason))?, metadata))
}

/// Reads standard input to its end, at most `most` bytes.
pub(crate) fn read_stdin(what: &str, most: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let read = bounded(std::io::stdin().lock(), most);
    let bytes = read.map_err(|error| Failure::local("standard input cannot be read", error))?;
    check(bytes, most).map_err(|reason| Failure::usage(format!("the {what} on standard input {reason}")))
}

/// Reads at most one byte more than `most`.
pub(crate) fn bounded(source: impl Read, most: usize) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(most.min(64 << 10) + 1));
    source.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check(bytes: Zeroizing<Vec<u8>>, most: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    match bytes.len() {
        0 => Err("is empty".to_owned()),
        length if length > most => Err(format!("is larger than {}", crate::ui::text::size(most as u64))),
        _ => Ok(bytes),
    }
}
