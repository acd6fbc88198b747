//! Small regular files that hold secrets.

use std::io::ErrorKind;
use std::path::Path;

use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use crate::credentials::error::CredentialsError;

/// Largest file.
const MAX: u64 = 1 << 20;

/// The text of a file, without a byte order mark. A missing file makes the source absent.
pub(super) async fn read(path: &Path) -> Result<Zeroizing<String>, CredentialsError> {
    let shown = path.display();
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            CredentialsError::absent(format!("the file {shown} does not exist"))
        }
        kind => CredentialsError::broken(format!("{shown} cannot be read: {kind}")),
    };
    let broken = |reason: &str| CredentialsError::broken(format!("{shown} {reason}"));
    // Asked before opening: opening a pipe would wait for a writer.
    if !tokio::fs::metadata(path).await.map_err(failed)?.is_file() {
        return Err(broken("is not a regular file"));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    file.take(MAX + 1).read_to_end(&mut bytes).await.map_err(failed)?;
    if bytes.len() as u64 > MAX {
        return Err(broken("is larger than 1 MiB"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| broken("is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(broken("is empty"));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// The text of a file that the configuration names: a missing file is an error.
pub(super) async fn read_named(path: &Path, by: &str) -> Result<Zeroizing<String>, CredentialsError> {
    read(path).await.map_err(|error| CredentialsError::broken(error.to_string()).about(by))
}
