//! The kinds of transfers that things go wrong with, and what has to be true of each afterwards.

use osseal::{CopyOptions, EncryptedBucket, Error, ErrorKind, GetOptions, PutOptions, Store, Suite};
use osseal_wire::oss::Call;
use osseal_wire::oss::request::ListUploads;
use osseal_wire::oss::xml::ListUploadsResult;

use crate::support::{PART, World, keyring, ramp};

/// Plaintext bytes of a chunk of a sealed object, and of the objects that are put in one request: three chunks.
pub(crate) const CHUNK: u64 = 16_384;
pub(crate) const SMALL: u64 = 2 * CHUNK + 7_000;

/// A transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    Put,
    PutParts,
    Get,
    GetRange,
    Download,
}

impl Transfer {
    pub(crate) const ALL: [Transfer; 5] =
        [Transfer::Put, Transfer::PutParts, Transfer::Get, Transfer::GetRange, Transfer::Download];

    pub(crate) fn is_put(self) -> bool {
        matches!(self, Transfer::Put | Transfer::PutParts)
    }

    /// Plaintext bytes of the object.
    pub(crate) fn size(self, suite: Suite) -> u64 {
        match self {
            Transfer::Put | Transfer::Get | Transfer::GetRange => SMALL,
            Transfer::PutParts | Transfer::Download => 2 * part_plain(suite) + 33,
        }
    }

    /// Does it; what is read is compared with what was written.
    pub(crate) async fn run(self, bucket: &EncryptedBucket, suite: Suite) -> Result<(), Error> {
        let whole = ramp(self.size(suite));
        match self {
            Transfer::Put | Transfer::PutParts => {
                bucket.put("k", whole, PutOptions::default()).await?;
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
pub(crate) async fn uploads(world: &World) -> Vec<(String, String)> {
    let page = world.raw(Call::ListUploads(ListUploads::default()), None, vec![]).await;
    let page = ListUploadsResult::from_xml(page.body()).unwrap();
    assert!(!page.is_truncated);
    page.uploads.into_iter().map(|upload| (upload.key, upload.upload_id)).collect()
}

/// Whether the object is there; if it is, it is the one that was written.
pub(crate) async fn is_stored(world: &World, size: u64) -> bool {
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
