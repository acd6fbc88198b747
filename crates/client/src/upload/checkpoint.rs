//! The checkpoint of a multipart upload: its source, its envelope, and every part that may have been sent.
//!
//! It holds wrapped keys only. Its content is hostile input even when it is authentic: it may be older than the upload.

use std::collections::BTreeMap;
use std::ffi::OsString;

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use osseal_core::{Envelope, PartDigest, PartPlan, PastPart};
use osseal_wire::oss::xml::{ListPartsResult, PartEntry};
use osseal_wire::oss::{Crc64, Metadata};
use serde::{Deserialize, Serialize};

use crate::state::{RecordName, bytes_of};
use crate::upload::file_source::Stamp;

/// Version of the record format. Other versions are not read.
const VERSION: u32 = 1;

/// One upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checkpoint {
    version: u32,
    /// Identifies the upload: this target from this source path.
    pub(crate) place: UploadLocation,
    /// Device and inode of the lock of the record that it was written to.
    lock: (u64, u64),
    /// The source when the upload began.
    source: Stamp,
    /// SHA-256 of the headers that the object is to have besides its envelope.
    headers: String,
    /// The service's name for it; none before the service was asked to begin.
    pub(crate) upload_id: Option<String>,
    /// The envelope's headers: wrapped key, salt or wrapped counter, context record, description, sizes.
    envelope: Vec<(String, String)>,
    data_size: u64,
    part_size: u64,
    /// Every part whose first byte may have left, by number.
    parts: BTreeMap<u32, KeptPart>,
}

/// Where an upload goes, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadLocation {
    pub(crate) host: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// Absolute path of the source.
    pub(crate) source: OsString,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptPart {
    /// See [`PartDigest`], hexadecimal.
    digest: String,
    acknowledged: Option<Acknowledged>,
}

/// The service's acknowledgement of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acknowledged {
    pub(crate) etag: String,
    pub(crate) crc64: u64,
    pub(crate) length: u64,
}

/// A part that a previous process left.
pub(crate) type Past = (u32, PastPart, Option<Acknowledged>);

impl Checkpoint {
    /// Of an upload that begins; without an envelope, to be compared with another one.
    pub(crate) fn new(
        place: UploadLocation,
        lock: (u64, u64),
        source: Stamp,
        headers: &Metadata,
        envelope: Option<&Envelope>,
        plan: PartPlan,
    ) -> Checkpoint {
        let pairs = envelope.into_iter().flat_map(|envelope| envelope.to_metadata(Some(plan)));
        Checkpoint {
            version: VERSION,
            place,
            lock,
            source,
            headers: digest(headers),
            upload_id: None,
            envelope: pairs.map(|(name, value)| (name.to_owned(), value)).collect(),
            data_size: plan.data_size,
            part_size: plan.part_size,
            parts: BTreeMap::new(),
        }
    }

    /// Reads one; none when it is of another version, or no checkpoint.
    pub(crate) fn parse(content: &[u8]) -> Option<Checkpoint> {
        let read: Checkpoint = serde_json::from_slice(content).ok()?;
        (read.version == VERSION).then_some(read)
    }

    /// The bytes that [`Checkpoint::parse`] reads.
    pub(crate) fn encode(&self) -> std::io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// The envelope, if it can be read.
    pub(crate) fn envelope(&self) -> Option<Envelope> {
        let pairs = self.envelope.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        Envelope::from_metadata(pairs).ok()
    }

    /// Why an upload that would begin now is not this one; none when it is.
    pub(crate) fn differs(&self, other: &Checkpoint) -> Option<&'static str> {
        let differences = [
            (self.place != other.place, "the record is of another upload"),
            (self.lock != other.lock, "the record was copied here"),
            (self.source != other.source, "the source changed"),
            (self.headers != other.headers, "the object is to have other headers"),
            (
                (self.data_size, self.part_size) != (other.data_size, other.part_size),
                "parts have another size",
            ),
        ];
        differences.into_iter().find_map(|(differs, why)| differs.then_some(why))
    }

    /// Whether the same put would resume this upload now, judged by lock, source, and the parts sent.
    pub(crate) fn is_ready(&self, lock: (u64, u64), source: Option<Stamp>) -> bool {
        let is_begun = self.upload_id.is_some() && self.has_parts();
        is_begun && self.lock == lock && source == Some(self.source)
    }

    /// How the object is cut into parts.
    pub(crate) fn plan(&self) -> PartPlan {
        PartPlan { data_size: self.data_size, part_size: self.part_size }
    }

    /// How many parts the service has acknowledged, and their stored bytes.
    pub(crate) fn sent(&self) -> (u64, u64) {
        let said = self.parts.values().filter_map(|part| part.acknowledged.as_ref());
        said.fold((0, 0), |(parts, bytes), said| (parts + 1, bytes.saturating_add(said.length)))
    }

    /// Whether a part may have left.
    pub(crate) fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Whether the service has acknowledged so many parts.
    pub(crate) fn is_whole(&self, parts: u64) -> bool {
        self.parts.values().filter(|part| part.acknowledged.is_some()).count() as u64 == parts
    }

    /// Notes that a part is about to leave; `false` when that was noted before.
    pub(crate) fn add(&mut self, number: u32, digest: &PartDigest) -> bool {
        let digest = HEXLOWER.encode(digest.as_bytes());
        if self.parts.get(&number).is_some_and(|part| part.digest == digest) {
            return false;
        }
        self.parts.insert(number, KeptPart { digest, acknowledged: None });
        true
    }

    /// Records the service's acknowledgement of a part.
    pub(crate) fn acknowledge(&mut self, number: u32, said: Acknowledged) {
        if let Some(part) = self.parts.get_mut(&number) {
            part.acknowledged = Some(said);
        }
    }

    /// Drops the acknowledgements of parts that the service no longer holds.
    pub(crate) fn forget_acknowledgements(&mut self, past: &[Past]) {
        for (number, _, said) in past {
            if let Some(part) = self.parts.get_mut(number) {
                part.acknowledged.clone_from(said);
            }
        }
    }

    /// CRC-64/XZ of all parts, in order.
    pub(crate) fn crc64(&self) -> u64 {
        let said = self.parts.values().filter_map(|part| part.acknowledged.as_ref());
        said.fold(Crc64::of(b""), |sum, part| Crc64::combine(sum, part.crc64, part.length))
    }

    /// The envelope's headers.
    pub(crate) fn headers(&self) -> Metadata {
        let pairs = self.envelope.iter();
        Metadata(pairs.map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect())
    }

    /// Compares the store's list of parts with this checkpoint. Every listed part must be recorded, have the
    /// expected size, and match its acknowledgement; otherwise the list belongs to another upload or is newer.
    pub(crate) fn reconcile(&self, listed: &[PartEntry]) -> Result<Vec<Past>, &'static str> {
        let plan = self.plan();
        let length = |number: u32| {
            let start = u64::from(number.saturating_sub(1)) * plan.part_size;
            plan.part_size.min(plan.data_size.saturating_sub(start))
        };
        let mut there = BTreeMap::new();
        for part in listed {
            let kept = self.parts.get(&part.part_number);
            let kept = kept.ok_or("the store has a part that the record does not know")?;
            if part.size != length(part.part_number) {
                return Err("the store has a part of another size");
            }
            if let Some(said) = &kept.acknowledged {
                let is_it = same_etag(&part.etag, &said.etag)
                    && (part.crc64.is_empty() || part.crc64 == said.crc64.to_string());
                if !is_it {
                    return Err("the store has another part than it acknowledged");
                }
                there.insert(part.part_number, said);
            }
        }
        let past = self.parts.iter().map(|(number, part)| {
            let digest = HEXLOWER.decode(part.digest.as_bytes()).ok();
            let digest = digest.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            let digest = digest.ok_or("the record cannot be read")?;
            Ok(match there.get(number) {
                Some(said) if said.length == length(*number) => {
                    (*number, PastPart::Acknowledged, Some((*said).clone()))
                }
                _ => (*number, PastPart::Recorded(PartDigest::from_bytes(digest)), None),
            })
        });
        past.collect()
    }

    /// Whether the store speaks of an upload with this envelope, as far as it says.
    pub(crate) fn is_of(&self, page: &ListPartsResult) -> bool {
        let ours = |name: &str| {
            let ours = self.envelope.iter().find(|(header, _)| header.ends_with(name));
            ours.map_or("", |(_, value)| value.as_str())
        };
        let pairs = [
            (&page.encryption_key, ours("encryption-key")),
            (&page.encryption_start, ours("encryption-start")),
            (&page.encryption_data_size, ours("encryption-data-size")),
            (&page.encryption_part_size, ours("encryption-part-size")),
        ];
        pairs.iter().all(|(theirs, ours)| theirs.is_empty() || theirs.as_str() == *ours)
    }
}

fn same_etag(one: &str, other: &str) -> bool {
    one.trim_matches('"') == other.trim_matches('"')
}

/// Each name and value with its length before it.
fn digest(headers: &Metadata) -> String {
    let mut digest = Context::new(&SHA256);
    for (name, value) in &headers.0 {
        for bytes in [name.as_bytes(), value.as_slice()] {
            digest.update(&(bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        }
    }
    HEXLOWER.encode(digest.finish().as_ref())
}

impl UploadLocation {
    pub(crate) fn name(&self) -> RecordName {
        let source = bytes_of(self.source.as_ref());
        RecordName::of("upload", &[self.host.as_bytes(), self.bucket.as_bytes(), self.key.as_bytes(), source])
    }
}
