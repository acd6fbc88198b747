//! [`DownloadCheckpoint`]: the object of a resumable download, its partial file, and the completed ranges.

use std::fs::File;
use std::ops::Range;

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::download::body_reader::Snapshot;
use crate::download::origin::Origin;
use crate::download::parallel::{Download, WrittenRange};
use crate::state::system;

/// Approximate limit of ranges in a record, at 200 bytes each: the size of a record is bounded.
const MAX_RANGES: u64 = 10_000;
/// Bytes that are read back at a time.
const READ_BACK_BYTES: usize = 1 << 20;

/// The content of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DownloadCheckpoint {
    pub(crate) object: Identity,
    /// Plaintext bytes that the file is to have.
    pub(crate) range: Range<u64>,
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) done: Vec<CompletedRange>,
}

/// Which object the bytes are of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub(crate) host: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
    pub(crate) etag: String,
    pub(crate) stored_size: u64,
    /// SHA-256 of the wrapped data key, which differs for every object. `None` without encryption.
    pub(crate) data_key: Option<String>,
}

/// A stretch that was on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompletedRange {
    pub(crate) plain: Range<u64>,
    /// Of its stored bytes.
    pub(crate) crc64: u64,
    /// Of its plaintext.
    pub(crate) sha256: String,
}

impl Identity {
    /// `None` for a presigned URL, which need not say which object it names.
    pub(crate) fn of(object: &Snapshot) -> Option<Identity> {
        let Origin::Key { key, version_id } = object.origin() else { return None };
        let (bucket, described) = (object.bucket(), object.described());
        Some(Identity {
            host: bucket.store.host(),
            bucket: bucket.name.clone(),
            key: key.clone(),
            version_id: version_id.clone(),
            etag: described.reply.etag.clone(),
            stored_size: described.reply.range.total,
            data_key: described.envelope.as_ref().map(|envelope| {
                HEXLOWER.encode(aws_lc_rs::digest::digest(&SHA256, &envelope.data_key.0).as_ref())
            }),
        })
    }
}

impl DownloadCheckpoint {
    /// Whether the stretches are in order, inside the range, and begin and end where pieces may.
    pub(crate) fn is_sound(&self, download: &Download) -> bool {
        let unit = download.object.described().layout().plain_unit();
        let is_bound = |at: u64| at == self.range.start || at == self.range.end || at.is_multiple_of(unit);
        let mut at = self.range.start;
        self.done.iter().all(|CompletedRange { plain, .. }| {
            let is_next = at <= plain.start && plain.start < plain.end && plain.end <= self.range.end;
            at = plain.end;
            is_next && is_bound(plain.start) && is_bound(plain.end)
        })
    }

    pub(crate) fn add(&mut self, stretch: WrittenRange) {
        let sha256 = stretch.sha256.map(|digest| HEXLOWER.encode(&digest)).unwrap_or_default();
        let done = CompletedRange { plain: stretch.plain, crc64: stretch.crc64, sha256 };
        let at = self.done.partition_point(|other| other.plain.start < done.plain.start);
        self.done.insert(at, done);
    }
}

impl CompletedRange {
    /// Whether the file has the bytes that were recorded.
    pub(crate) fn is_on(&self, file: &File, base: u64) -> bool {
        let mut digest = Context::new(&SHA256);
        let mut buffer = vec![0; READ_BACK_BYTES];
        let mut at = self.plain.start;
        while at < self.plain.end {
            let left = usize::try_from(self.plain.end - at).unwrap_or(READ_BACK_BYTES).min(READ_BACK_BYTES);
            if system::read_exact_at(file, &mut buffer[..left], at - base).is_err() {
                return false;
            }
            digest.update(&buffer[..left]);
            at += left as u64;
        }
        HEXLOWER.encode(digest.finish().as_ref()) == self.sha256
    }
}

/// The smallest piece with which a record of this many plaintext bytes stays within its limit, in whole units.
pub(crate) fn recordable(length: u64, unit: u64) -> u64 {
    length.div_ceil(MAX_RANGES).div_ceil(unit).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::MAX_CONTENT;

    #[test]
    fn a_record_of_the_largest_object_can_be_stored() {
        let digest = "f".repeat(64);
        for (length, unit) in [(1, 16), (160_001, 16), (48_800 << 30, 16), (48_800 << 30, 16_384)] {
            let piece = recordable(length, unit);
            assert!(piece.is_multiple_of(unit) && length.div_ceil(piece) <= MAX_RANGES, "{length}");
        }
        let done = CompletedRange { plain: u64::MAX - 1..u64::MAX, crc64: u64::MAX, sha256: digest.clone() };
        let name = "n".repeat(1023);
        let object = Identity {
            host: name.clone(),
            bucket: name.clone(),
            key: name.clone(),
            version_id: Some(name.clone()),
            etag: name,
            stored_size: u64::MAX,
            data_key: Some(digest),
        };
        // One for each piece, and the first one, which is smaller.
        let done = vec![done; usize::try_from(MAX_RANGES).expect("small") + 1];
        let checkpoint =
            DownloadCheckpoint { object, range: 0..u64::MAX, device: u64::MAX, inode: u64::MAX, done };
        let length = serde_json::to_vec(&checkpoint).expect("serializable").len();
        assert!(length < MAX_CONTENT, "{length} bytes");
    }
}
