//! Maps plaintext positions to stored positions. No other module does.
//!
//! ```text
//!   AES/CTR   byte i is stored at i
//!
//!   sealed    plaintext  | 16,384      | 16,384      | … | 0 to 16,383 |
//!             stored     | 16,384 + 16 | 16,384 + 16 | … | … + 16      |
//!             chunk        0             1                 n − 1, always shorter than the others
//! ```
//!
//! AES-CTR stores every byte at its own offset. The sealed suite stores more bytes and is read by whole chunks. The modules
//! above ask here and assume nothing.

use std::ops::Range;

use crate::range::{ByteRange, StoredAsk};

/// Smallest part of a multipart upload but the last, in stored bytes (100 KiB).
pub const MIN_PART: u64 = 100 * 1024;
/// Largest part and largest single put, in stored bytes (5 GiB).
pub const MAX_PART: u64 = 5 << 30;
/// Most parts of one upload.
pub const MAX_PARTS: u64 = 10_000;

/// Plaintext bytes of every chunk of a sealed object but the last.
pub(crate) const CHUNK: u64 = 16 * 1024;
/// Bytes that sealing adds to a chunk.
pub(crate) const TAG: u64 = 16;
/// Stored bytes of every chunk but the last.
pub(crate) const STORED_CHUNK: u64 = CHUNK + TAG;
/// Most chunks of one object (4 PiB), by the specification of the suite.
pub(crate) const MAX_CHUNKS: u64 = 1 << 38;
/// Largest part of a sealed object: whole chunks within 5 GB, the service's limit read in powers of ten.
const MAX_SEALED_PART: u64 = 5_000_000_000 / STORED_CHUNK * STORED_CHUNK;

/// The arrangement of one suite's stored bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Identity,
    Chunked,
}

/// How an object is cut into parts, in stored bytes. All parts but the last have `part_size` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartPlan {
    /// Stored bytes of the whole object.
    pub data_size: u64,
    /// Stored bytes of every part but the last; a multiple of the suite's [`Layout::stored_unit`].
    pub part_size: u64,
}

/// Why sizes do not fit the layout or the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The object would be larger than parts can hold.
    #[error("{data_size} bytes need more than {MAX_PARTS} parts of at most {max_part} bytes")]
    TooLarge {
        /// Stored bytes of the object.
        data_size: u64,
        /// Stored bytes of the largest part.
        max_part: u64,
    },
    /// More plaintext than the suite can count.
    #[error("{plain} plaintext bytes are more than an object of this suite can hold")]
    Overflow {
        /// Plaintext bytes.
        plain: u64,
    },
    /// A part size outside the service's rules, or one that needs too many parts.
    #[error(
        "a part size of {part_size} bytes does not do for {data_size} bytes: it must be a multiple of {unit}, from {MIN_PART} to {MAX_PART} bytes, and give at most {MAX_PARTS} parts"
    )]
    PartSize {
        /// The refused part size in stored bytes.
        part_size: u64,
        /// Stored bytes of the object.
        data_size: u64,
        /// The part size must be a multiple of this.
        unit: u64,
    },
    /// No object of this suite has this stored length.
    #[error("no object of this suite has {stored} stored bytes")]
    ImpossibleLength {
        /// Stored bytes.
        stored: u64,
    },
}

impl Layout {
    /// Stored bytes are plaintext bytes, one for one.
    pub(crate) const fn identity() -> Layout {
        Layout { shape: Shape::Identity }
    }

    /// Chunks with a tag each, the last one shorter than the others.
    pub(crate) const fn chunked() -> Layout {
        Layout { shape: Shape::Chunked }
    }

    /// Stored bytes of `plain` plaintext bytes; `None` when they are more than the suite can hold.
    pub const fn stored_len(self, plain: u64) -> Option<u64> {
        match self.shape {
            Shape::Identity => Some(plain),
            Shape::Chunked => {
                let chunks = plain / CHUNK + 1;
                if chunks > MAX_CHUNKS { None } else { Some(plain + chunks * TAG) }
            }
        }
    }

    /// Plaintext bytes of `stored` stored bytes.
    pub const fn plain_len(self, stored: u64) -> Result<u64, LayoutError> {
        match self.shape {
            Shape::Identity => Ok(stored),
            Shape::Chunked => {
                let chunks = stored / STORED_CHUNK + 1;
                // The last chunk has its tag and is shorter than the others, so some lengths do not occur.
                if stored % STORED_CHUNK < TAG || chunks > MAX_CHUNKS {
                    Err(LayoutError::ImpossibleLength { stored })
                } else {
                    Ok(stored - chunks * TAG)
                }
            }
        }
    }

    /// Parts are multiples of this many stored bytes, which hold [`Layout::plain_unit`] plaintext bytes.
    pub const fn stored_unit(self) -> u64 {
        match self.shape {
            Shape::Identity => 16,
            Shape::Chunked => STORED_CHUNK,
        }
    }

    /// Plaintext bytes in one [`Layout::stored_unit`].
    pub const fn plain_unit(self) -> u64 {
        match self.shape {
            Shape::Identity => 16,
            Shape::Chunked => CHUNK,
        }
    }

    /// Whether opening the last stored bytes proves how long the object is.
    pub const fn proves_end(self) -> bool {
        matches!(self.shape, Shape::Chunked)
    }

    /// The request to the store that makes `range` releasable.
    pub fn ask(self, range: &ByteRange) -> StoredAsk {
        match (self.shape, range) {
            (_, ByteRange::Whole | ByteRange::From(0)) => StoredAsk::Whole,
            (Shape::Identity, ByteRange::From(start)) => StoredAsk::From(*start),
            (Shape::Chunked, ByteRange::From(start)) => StoredAsk::From(chunk_start(*start)),
            // The protocol cannot ask for no bytes: ask for one and release none.
            (Shape::Identity, ByteRange::Suffix(count)) => StoredAsk::Suffix((*count).max(1)),
            // The length of the last chunk is unknown: ask for whole chunks, and for the longest last one.
            (Shape::Chunked, ByteRange::Suffix(count)) => {
                let chunks = count.div_ceil(CHUNK);
                StoredAsk::Suffix(chunks.saturating_mul(STORED_CHUNK).saturating_add(STORED_CHUNK - 1))
            }
            (Shape::Identity, ByteRange::Bounded(range)) => {
                StoredAsk::Bounded(range.start..after_first(range))
            }
            (Shape::Chunked, ByteRange::Bounded(range)) => {
                let end = chunk_end(after_first(range));
                StoredAsk::Bounded(chunk_start(range.start).min(end - 1)..end)
            }
        }
    }

    /// The request that reveals the length of an object after the store refused a range as past the end. The refusal proves
    /// nothing, the last chunk does ([`Reading::plan`](crate::Reading::plan) with the range and that reply). `None` if the suite
    /// proves nothing.
    pub const fn ask_end(self) -> Option<StoredAsk> {
        match self.shape {
            Shape::Identity => None,
            Shape::Chunked => Some(StoredAsk::Suffix(STORED_CHUNK - 1)),
        }
    }

    /// Stored bytes to read for the plaintext bytes `plain` of an object of `stored_total` bytes.
    pub(crate) fn stored_span(self, plain: &Range<u64>, stored_total: u64) -> Range<u64> {
        match self.shape {
            Shape::Identity => plain.clone(),
            Shape::Chunked if plain.is_empty() => {
                let at = chunk_start(plain.start).min(stored_total);
                at..at
            }
            Shape::Chunked => chunk_start(plain.start)..chunk_end(plain.end).min(stored_total),
        }
    }

    /// Stored bytes for the plaintext bytes `plain` of an object of `stored_total` bytes, with its last chunk if `plain` reaches
    /// the end: the request for one piece of several. Bounds of `plain` that are multiples of [`Layout::plain_unit`] make
    /// neighbouring pieces disjoint.
    pub fn stored_piece(self, plain: &Range<u64>, stored_total: u64) -> Range<u64> {
        let span = self.stored_span(plain, stored_total);
        let reaches_end = self.plain_len(stored_total).is_ok_and(|total| plain.end >= total);
        let end = if reaches_end && self.proves_end() { stored_total } else { span.end };
        span.start..end
    }

    /// Plaintext bytes that open with the first `stored` bytes of an object, if more follow: those of whole chunks.
    pub const fn plain_before(self, stored: u64) -> u64 {
        match self.shape {
            Shape::Identity => stored,
            Shape::Chunked => stored / STORED_CHUNK * CHUNK,
        }
    }

    /// Stored bytes of a part of about `preferred` bytes: whole units, at least the service's minimum.
    pub fn part_near(self, preferred: u64) -> u64 {
        let unit = self.stored_unit();
        preferred.max(MIN_PART).div_ceil(unit).saturating_mul(unit).min(self.max_part())
    }

    /// The stored bytes of the last chunk of an object of `stored_total` bytes; `None` if the suite proves nothing.
    pub(crate) const fn end_span(self, stored_total: u64) -> Option<Range<u64>> {
        match self.shape {
            Shape::Identity => None,
            Shape::Chunked => Some(stored_total / STORED_CHUNK * STORED_CHUNK..stored_total),
        }
    }

    /// Stored bytes of the largest part, a multiple of [`Layout::stored_unit`].
    pub const fn max_part(self) -> u64 {
        match self.shape {
            Shape::Identity => MAX_PART,
            Shape::Chunked => MAX_SEALED_PART,
        }
    }

    /// A part size for `plain_total` plaintext bytes: `preferred` stored bytes, rounded up to the suite's unit and raised until
    /// the number of parts is within the limit.
    pub fn part_plan(self, plain_total: u64, preferred: u64) -> Result<PartPlan, LayoutError> {
        let (unit, max_part) = (self.stored_unit(), self.max_part());
        let data_size = self.stored_len(plain_total).ok_or(LayoutError::Overflow { plain: plain_total })?;
        let fewest = data_size.div_ceil(MAX_PARTS).max(MIN_PART);
        let part_size = preferred.max(fewest).div_ceil(unit).saturating_mul(unit).min(max_part);
        if data_size.div_ceil(part_size) > MAX_PARTS {
            return Err(LayoutError::TooLarge { data_size, max_part });
        }
        Ok(PartPlan { data_size, part_size })
    }

    /// The plan for `plain_total` plaintext bytes by parts of exactly `part_size` stored bytes.
    ///
    /// # Errors
    /// [`LayoutError::PartSize`] where [`Layout::part_plan`] would round.
    pub fn exact_plan(self, plain_total: u64, part_size: u64) -> Result<PartPlan, LayoutError> {
        let data_size = self.stored_len(plain_total).ok_or(LayoutError::Overflow { plain: plain_total })?;
        let plan = PartPlan { data_size, part_size };
        self.check_plan(&plan).map(|_| plan)
    }

    /// How many parts a plan has, if the service takes them and they end with the suite's units.
    pub(crate) fn check_plan(self, plan: &PartPlan) -> Result<u32, LayoutError> {
        let PartPlan { data_size, part_size } = *plan;
        let unit = self.stored_unit();
        let sound = (MIN_PART..=self.max_part()).contains(&part_size) && part_size.is_multiple_of(unit);
        // A plan without a part size has no number of parts.
        let parts = if sound { plan.parts() } else { u64::MAX };
        match u32::try_from(parts) {
            Ok(count) if parts <= MAX_PARTS => Ok(count),
            _ => Err(LayoutError::PartSize { part_size, data_size, unit }),
        }
    }

    /// Plaintext bytes of every part of a plan but the last.
    pub const fn part_plain(self, plan: &PartPlan) -> u64 {
        plan.part_size / self.stored_unit() * self.plain_unit()
    }
}

impl PartPlan {
    /// Number of parts, at least one. The last part of a sealed object may be one empty chunk of 16 stored bytes.
    pub const fn parts(&self) -> u64 {
        let parts = self.data_size.div_ceil(self.part_size);
        if parts == 0 { 1 } else { parts }
    }
}

/// The end of a range, or of its first byte when it is empty.
fn after_first(range: &Range<u64>) -> u64 {
    range.end.max(range.start.saturating_add(1))
}

/// Where the chunk that holds plaintext byte `plain` begins, in stored bytes.
const fn chunk_start(plain: u64) -> u64 {
    (plain / CHUNK).saturating_mul(STORED_CHUNK)
}

/// Where the chunk that holds the byte before `plain` ends, if it is a whole one, in stored bytes.
const fn chunk_end(plain: u64) -> u64 {
    plain.div_ceil(CHUNK).saturating_mul(STORED_CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEALED: Layout = Layout::chunked();

    #[test]
    fn parts_of_a_sealed_object_hold_whole_chunks_within_the_services_limits() {
        assert_eq!((MAX_SEALED_PART / STORED_CHUNK, MIN_PART.div_ceil(STORED_CHUNK)), (304_878, 7));
        let smallest = SEALED.part_plan(1 << 20, 1).expect("fits");
        assert_eq!(smallest.part_size, 7 * STORED_CHUNK);
        let largest = SEALED.part_plan(1 << 20, u64::MAX).expect("fits");
        assert_eq!(largest.part_size, 304_878 * STORED_CHUNK);
        let most = MAX_PARTS * 304_878 * CHUNK;
        assert_eq!(SEALED.part_plan(most - 1, 1).expect("fits").parts(), MAX_PARTS);
        let (data_size, max_part) = (MAX_PARTS * MAX_SEALED_PART + TAG, MAX_SEALED_PART);
        assert_eq!(SEALED.part_plan(most, 1), Err(LayoutError::TooLarge { data_size, max_part }));
    }

    #[test]
    fn a_plaintext_of_whole_parts_ends_with_a_part_of_one_empty_chunk() {
        let plan = SEALED.part_plan(3 * 7 * CHUNK, 1).expect("fits");
        assert_eq!((plan.parts(), plan.data_size % plan.part_size), (4, TAG));
    }

    #[test]
    fn pieces_at_multiples_of_the_unit_tile_the_object_and_its_last_chunk() {
        for layout in [SEALED, Layout::identity()] {
            let part = 2 * layout.plain_unit();
            for plain in [1, 15, 16, part - 1, part, part + 1, 3 * part, 3 * part + 5] {
                let total = layout.stored_len(plain).expect("small");
                let mut at = 0;
                for start in (0..plain).step_by(usize::try_from(part).expect("small")) {
                    let piece = layout.stored_piece(&(start..(start + part).min(plain)), total);
                    assert_eq!(piece.start, at, "{plain}");
                    assert!(layout.plain_before(piece.start) == start);
                    at = piece.end;
                }
                assert_eq!(at, total, "{plain}");
            }
        }
    }

    #[test]
    fn four_pebibytes_are_the_end() {
        let most = MAX_CHUNKS * CHUNK - 1;
        let stored = SEALED.stored_len(most).expect("2^38 chunks");
        assert_eq!(SEALED.plain_len(stored), Ok(most));
        assert_eq!(SEALED.stored_len(most + 1), None);
        let stored = MAX_CHUNKS * STORED_CHUNK + TAG;
        assert_eq!(SEALED.plain_len(stored), Err(LayoutError::ImpossibleLength { stored }));
        assert_eq!(SEALED.part_plan(most + 1, 1), Err(LayoutError::Overflow { plain: most + 1 }));
    }
}
