//! Configuration and key files: small regular files, read without waiting for anybody.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use crate::exit::{Exit, Failure};

/// Reads a regular file of at most `most` bytes; the bytes are wiped when dropped. `what` is for people.
pub(crate) fn read(path: &Path, what: &str, most: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
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
    let bytes = bounded(File::open(path).map_err(failed)?, most).map_err(failed)?;
    check(bytes, most).map_err(|reason| refused(&reason))
}

/// Reads standard input to its end, at most `most` bytes.
pub(crate) fn read_stdin(what: &str, most: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let read = bounded(std::io::stdin().lock(), most);
    let bytes = read.map_err(|error| Failure::local("standard input cannot be read", error))?;
    check(bytes, most).map_err(|reason| Failure::usage(format!("the {what} on standard input {reason}")))
}

fn bounded(source: impl Read, most: usize) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(most.min(64 << 10) + 1));
    source.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check(bytes: Zeroizing<Vec<u8>>, most: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    match bytes.len() {
        0 => Err("is empty".to_owned()),
        length if length > most => Err(format!("is larger than {}", crate::output::size(most as u64))),
        _ => Ok(bytes),
    }
}

/// Whether everybody on this machine can use the file.
pub(crate) fn is_open_to_all(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}
