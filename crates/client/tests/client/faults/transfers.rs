//! The kinds of transfers that things go wrong with, and what has to be true of each afterwards.

use std::fs::File;
use std::path::{Path, PathBuf};

use osseal::{
    EncryptedBucket, Error, ErrorKind, GetOptions, PartialFile, PutBody, PutOptions, StateDir, Store, Suite,
};
use osseal_wire::oss::Call;
use osseal_wire::oss::request::ListMultipartUploads;
use osseal_wire::oss::xml::ListMultipartUploadsResult;

use crate::support::{PART, TestStore, keyring, ramp};

/// Plaintext bytes of a chunk of a sealed object, and of the objects that are put in one request: three chunks.
pub(crate) const CHUNK: u64 = 16_384;
pub(crate) const SMALL: u64 = 2 * CHUNK + 7_000;

/// A transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    Put,
    PutParts,
    /// Of a file, with a record to go on from.
    PutKept,
    Get,
    GetRange,
    Download,
    /// Into a partial file, with a record to go on from.
    DownloadKept,
}

impl Transfer {
    pub(crate) const ALL: [Transfer; 7] = [
        Transfer::Put,
        Transfer::PutParts,
        Transfer::PutKept,
        Transfer::Get,
        Transfer::GetRange,
        Transfer::Download,
        Transfer::DownloadKept,
    ];

    pub(crate) fn is_put(self) -> bool {
        matches!(self, Transfer::Put | Transfer::PutParts | Transfer::PutKept)
    }

    /// Whether the next process goes on with what is left of one that failed.
    pub(crate) fn is_kept(self) -> bool {
        matches!(self, Transfer::PutKept | Transfer::DownloadKept)
    }

    /// Plaintext bytes of the object.
    pub(crate) fn size(self, suite: Suite) -> u64 {
        match self {
            Transfer::Put | Transfer::Get | Transfer::GetRange => SMALL,
            Transfer::PutParts | Transfer::PutKept | Transfer::Download | Transfer::DownloadKept => {
                2 * part_plain(suite) + 33
            }
        }
    }

    /// Does it, with source, target and record in `folder`; what is read is compared with what was written.
    pub(crate) async fn run(
        self,
        bucket: &EncryptedBucket,
        suite: Suite,
        folder: &Path,
    ) -> Result<(), Error> {
        let whole = ramp(self.size(suite));
        let state = || StateDir::open(&folder.join("state")).unwrap();
        match self {
            Transfer::Put | Transfer::PutParts => {
                bucket.put("k", whole, PutOptions::default()).await?;
            }
            Transfer::PutKept => {
                let source = folder.join("source");
                // A file that is written again is another one.
                if !source.exists() {
                    std::fs::write(&source, &whole).unwrap();
                }
                let body = PutBody::file(File::open(&source).unwrap(), self.size(suite));
                bucket.put("k", body.resumable(&state(), source), PutOptions::default()).await?;
            }
            Transfer::Get => {
                let read = bucket.get("k", GetOptions::default()).await?.bytes().await?;
                assert!(read == whole, "other bytes");
            }
            Transfer::GetRange => {
                let range = GetOptions::default().range(10_000..30_000);
                let read = bucket.get("k", range).await?.bytes().await?;
                assert!(read == whole[10_000..30_000], "other bytes");
            }
            Transfer::Download => {
                let mut download = bucket.download("k", GetOptions::default()).await?;
                let mut read = Vec::new();
                while let Some(chunk) = download.next_chunk().await? {
                    read.extend_from_slice(&chunk.bytes);
                }
                assert!(read == whole, "other bytes");
            }
            Transfer::DownloadKept => {
                let download = bucket.download("k", GetOptions::default()).await?;
                let partial = PartialFile::open(&state(), &download, &folder.join("target"));
                let mut partial = partial.unwrap().expect("nobody else downloads it");
                download.write_partial(&mut partial).await?;
                assert!(std::fs::read(partial.path()).unwrap() == whole, "other bytes");
                std::fs::remove_file(partial.path()).unwrap();
                partial.complete().unwrap();
            }
        }
        Ok(())
    }
}

/// Plaintext bytes of the smallest part.
pub(crate) fn part_plain(suite: Suite) -> u64 {
    if suite == Suite::Sealed { 7 * CHUNK } else { PART }
}

/// A bucket of a store, with the smallest parts.
pub(crate) fn bucket(store: &Store, suite: Suite) -> EncryptedBucket {
    let builder = EncryptedBucket::builder(store.clone(), "box").keyring(keyring(&["test"])).suite(suite);
    builder.multipart_threshold(PART).part_size(PART).build().unwrap()
}

/// The uploads that the server has, by key.
pub(crate) async fn uploads(world: &TestStore) -> Vec<(String, String)> {
    let page = world.raw(Call::ListMultipartUploads(ListMultipartUploads::default()), None, vec![]).await;
    let page = ListMultipartUploadsResult::from_xml(page.body()).unwrap();
    assert!(!page.is_truncated);
    page.uploads.into_iter().map(|upload| (upload.key, upload.upload_id)).collect()
}

/// Whether the object is there; if it is, it is the one that was written.
pub(crate) async fn is_stored(world: &TestStore, size: u64) -> bool {
    match world.bucket().get("k", GetOptions::default()).await {
        Ok(object) => {
            assert!(object.bytes().await.unwrap() == ramp(size), "other bytes");
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            false
        }
    }
}

/// Whether nothing is in a folder that a process would go on from: no record, no partial file.
pub(crate) fn keeps_nothing(folder: &Path) -> bool {
    let files = |folder: &Path| -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let is_kept = |file: &PathBuf| file.extension().is_some_and(|kind| kind == "part" || kind == "record");
    !files(folder).iter().chain(&files(&folder.join("state"))).any(is_kept)
}
