//! Whether a file and an object are the same: by size and time, or by content.

use std::fs::{File, Metadata};
use std::path::Path;

use jiff::Timestamp;
use osseal::{EncryptedBucket, GetOptions, Suite};
use tokio::io::AsyncReadExt;

use crate::ui::error::Failure;

/// Size and modification time of a file. They differ after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStamp {
    pub(super) size: u64,
    pub(super) modified: Timestamp,
}

impl FileStamp {
    pub(super) fn at(path: &Path) -> Result<FileStamp, Failure> {
        FileStamp::of(path, path.metadata())
    }

    /// The same of a file that is open.
    pub(super) fn at_open(file: &File, path: &Path) -> Result<FileStamp, Failure> {
        FileStamp::of(path, file.metadata())
    }

    fn of(path: &Path, found: std::io::Result<Metadata>) -> Result<FileStamp, Failure> {
        let failed = || format!("cannot read the time of {}", path.display());
        let found = found.map_err(|error| Failure::local(failed(), error))?;
        let modified = found.modified().map_err(|error| Failure::local(failed(), error))?;
        let modified = Timestamp::try_from(modified).map_err(|error| Failure::local(failed(), error))?;
        Ok(FileStamp { size: found.len(), modified })
    }

    /// Whether an object of so many stored bytes can have this file's bytes in it. A listing does not say which suite an object has: `suites` are those
    /// that come into question.
    pub(super) fn fits(&self, stored: u64, suites: &[Suite]) -> bool {
        suites.iter().any(|suite| suite.layout().stored_len(self.size) == Some(stored))
    }
}

/// Whether an object and a file have the same content. Streams and decrypts the object; the end is authenticated, too.
pub(super) async fn content(bucket: &EncryptedBucket, key: &str, path: &Path) -> Result<bool, Failure> {
    let mut object = bucket.get(key, GetOptions::default()).await?;
    let failed = |error| Failure::local(format!("cannot read {}", path.display()), error);
    let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut here = Vec::new();
    while let Some(chunk) = object.next_chunk().await? {
        here.resize(chunk.bytes.len(), 0);
        match file.read_exact(&mut here).await {
            Ok(_) if here == chunk.bytes => {}
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(file.read(&mut [0]).await.map_err(failed)? == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_suites_in_question() {
        let stamp = |size| FileStamp { size, modified: Timestamp::UNIX_EPOCH };
        let (ctr, sealed) = (&[Suite::AesCtr][..], &[Suite::Sealed][..]);
        for (size, stored) in [(0, 16), (1, 17), (16_383, 16_399), (16_384, 16_416), (16_385, 16_417)] {
            assert!(stamp(size).fits(stored, sealed) && !stamp(size).fits(stored, ctr));
            assert!(stamp(size).fits(size, ctr) && !stamp(size).fits(size, sealed));
            assert!(stamp(size).fits(size, &Suite::ALL) && stamp(size).fits(stored, &Suite::ALL));
            assert!(!stamp(size + 1).fits(stored, &Suite::ALL) || stored == size + 1);
        }
        assert!(!stamp(u64::MAX).fits(u64::MAX, sealed));
    }
}
