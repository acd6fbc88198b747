//! Where plaintext lies in stored bytes. The only place that maps one to the other.
//!
//! AES/CTR stores as many bytes as it reads, each at its own offset. A suite with chunks stores more and can only be read by
//! whole chunks; everything above this module asks here and assumes nothing.

use std::ops::Range;

use crate::range::{ByteRange, StoredAsk};

/// Smallest part of a multipart upload but the last, in stored bytes (100 KiB).
pub const MIN_PART: u64 = 100 * 1024;
/// Largest part and largest single put, in stored bytes (5 GiB).
pub const MAX_PART: u64 = 5 << 30;
/// Most parts of one upload.
pub const MAX_PARTS: u64 = 10_000;

/// The arrangement of one suite's stored bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Identity,
}

/// How an object is cut into parts, in stored bytes. All parts but the last have `part_size` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartPlan {
    /// Stored bytes of the whole object.
    pub data_size: u64,
    /// Stored bytes of every part but the last; a multiple of 16.
    pub part_size: u64,
}

/// Why sizes do not fit the layout or the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The object would be larger than parts can hold.
    #[error("{data_size} bytes need more than {MAX_PARTS} parts of at most {MAX_PART} bytes")]
    TooLarge {
        /// Stored bytes of the object.
        data_size: u64,
    },
    /// The size cannot be counted in 64 bits.
    #[error("the stored size of {plain} plaintext bytes does not fit 64 bits")]
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
        /// What the part size must be a multiple of.
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

    /// Stored bytes of `plain` plaintext bytes; `None` when they cannot be counted.
    pub const fn stored_len(self, plain: u64) -> Option<u64> {
        match self.shape {
            Shape::Identity => Some(plain),
        }
    }

    /// Plaintext bytes of `stored` stored bytes.
    pub const fn plain_len(self, stored: u64) -> Result<u64, LayoutError> {
        match self.shape {
            Shape::Identity => Ok(stored),
        }
    }

    /// Parts are multiples of this many stored bytes, which hold [`Layout::plain_unit`] plaintext bytes.
    pub const fn stored_unit(self) -> u64 {
        match self.shape {
            Shape::Identity => 16,
        }
    }

    /// Plaintext bytes in one [`Layout::stored_unit`].
    pub const fn plain_unit(self) -> u64 {
        match self.shape {
            Shape::Identity => 16,
        }
    }

    /// What to ask the store for so that `range` can be released.
    pub fn ask(self, range: &ByteRange) -> StoredAsk {
        match self.shape {
            Shape::Identity => match range {
                ByteRange::Whole | ByteRange::From(0) => StoredAsk::Whole,
                ByteRange::From(start) => StoredAsk::From(*start),
                // The service has no word for "no bytes": one byte is asked for and none released.
                ByteRange::Suffix(count) => StoredAsk::Suffix((*count).max(1)),
                ByteRange::Bounded(range) => {
                    StoredAsk::Bounded(range.start..range.end.max(range.start.saturating_add(1)))
                }
            },
        }
    }

    /// Stored bytes that must be read to release the plaintext bytes `plain` of an object of `stored_total` bytes.
    pub(crate) fn stored_span(self, plain: &Range<u64>) -> Range<u64> {
        match self.shape {
            Shape::Identity => plain.clone(),
        }
    }

    /// A part size for `plain_total` plaintext bytes: `preferred` stored bytes, rounded to the suite's unit and raised until the
    /// parts are few enough.
    pub fn part_plan(self, plain_total: u64, preferred: u64) -> Result<PartPlan, LayoutError> {
        let unit = self.stored_unit();
        let data_size = self.stored_len(plain_total).ok_or(LayoutError::Overflow { plain: plain_total })?;
        let fewest = data_size.div_ceil(MAX_PARTS).max(MIN_PART);
        let part_size = preferred.max(fewest).div_ceil(unit).saturating_mul(unit).min(MAX_PART / unit * unit);
        if data_size.div_ceil(part_size) > MAX_PARTS {
            return Err(LayoutError::TooLarge { data_size });
        }
        Ok(PartPlan { data_size, part_size })
    }
}

impl PartPlan {
    /// The number of parts; at least one.
    pub const fn parts(&self) -> u64 {
        let parts = self.data_size.div_ceil(self.part_size);
        if parts == 0 { 1 } else { parts }
    }
}
