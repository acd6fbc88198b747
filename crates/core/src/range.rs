//! Ranges: what was asked for, what the reply holds, what is released.
//!
//! The reply positions decryption; the request decides what is released (`docs/format.md` §6):
//!
//! ```text
//!   request   from 5000                         plaintext, of the caller
//!   ask       bytes=5000-                       stored, to the store
//!   reply     200, whole object  |  206, 5000-9999/10000  |  anything else
//!   window    0..10000 of 10000  |  5000..10000 of 10000  |  an error
//!   release   5000..10000        |  5000..10000
//! ```

use std::ops::Range;

use crate::layout::{Layout, LayoutError};

/// A range of plaintext bytes, as a caller asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ByteRange {
    /// All bytes.
    #[default]
    Whole,
    /// From this offset to the end.
    From(u64),
    /// The last so many bytes.
    Suffix(u64),
    /// A half-open range; an end past the object is cut to its size.
    Bounded(Range<u64>),
}

impl From<Range<u64>> for ByteRange {
    fn from(range: Range<u64>) -> Self {
        ByteRange::Bounded(range)
    }
}

impl From<std::ops::RangeFrom<u64>> for ByteRange {
    fn from(range: std::ops::RangeFrom<u64>) -> Self {
        ByteRange::From(range.start)
    }
}

/// What to ask the store for, in half-open stored bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredAsk {
    /// No range.
    Whole,
    /// From an offset to the end.
    From(u64),
    /// The last so many bytes, at least one.
    Suffix(u64),
    /// A range that is not empty.
    Bounded(Range<u64>),
}

/// The stored bytes that a reply carries: `Content-Range` of a 206, everything for a 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset after the last byte.
    pub end: u64,
    /// Stored bytes of the whole object, as the store claims.
    pub total: u64,
}

impl Window {
    /// The window of a reply that carries the whole object.
    pub const fn whole(total: u64) -> Window {
        Window { start: 0, end: total, total }
    }
}

/// Why nothing can be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// The range begins at or after the end, or asks for the last zero bytes.
    #[error("the range has no byte in an object of {size} bytes")]
    NotSatisfiable {
        /// Plaintext bytes of the object.
        size: u64,
    },
    /// The end lies before the start.
    #[error("the range ends at {end}, before its start at {start}")]
    Inverted {
        /// First byte asked for.
        start: u64,
        /// Byte after the last one asked for.
        end: u64,
    },
    /// The reply does not hold the bytes that were asked for.
    #[error("the store sent bytes {start}..{end} of {total}, which do not hold what was asked for")]
    WrongRange {
        /// First stored byte sent.
        start: u64,
        /// Byte after the last one sent.
        end: u64,
        /// Stored bytes of the object.
        total: u64,
    },
    /// The stored length does not occur in this suite.
    #[error(transparent)]
    Length(#[from] LayoutError),
}

/// What one reply will give: computed from request and reply before any byte is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    window: Window,
    span: Range<u64>,
    release: Range<u64>,
    plain_total: u64,
}

impl Reading {
    /// Resolves `request` against the object that `reply` describes.
    pub fn plan(layout: Layout, request: &ByteRange, reply: Window) -> Result<Reading, RangeError> {
        let wrong = RangeError::WrongRange { start: reply.start, end: reply.end, total: reply.total };
        if reply.start > reply.end || reply.end > reply.total {
            return Err(wrong);
        }
        let plain_total = layout.plain_len(reply.total)?;
        let release = request.resolve(plain_total)?;
        let span = layout.stored_span(&release);
        if !span.is_empty() && (span.start < reply.start || span.end > reply.end) {
            return Err(wrong);
        }
        Ok(Reading { window: reply, span, release, plain_total })
    }

    /// The plaintext bytes that will be released.
    pub fn release(&self) -> Range<u64> {
        self.release.clone()
    }

    /// Plaintext bytes of the whole object, by the store's claim.
    pub const fn plain_total(&self) -> u64 {
        self.plain_total
    }

    /// The stored bytes that opening needs; the reply may carry more around them.
    pub fn stored_span(&self) -> Range<u64> {
        self.span.clone()
    }

    /// The stored bytes of the reply.
    pub const fn window(&self) -> Window {
        self.window
    }

    /// Whether every stored byte of the object is read, so that a checksum of all of them can be compared.
    pub fn covers_object(&self) -> bool {
        self.window.start == 0 && self.window.end == self.window.total
    }
}

impl ByteRange {
    /// Checks what can be checked before the size is known.
    pub fn check(&self) -> Result<(), RangeError> {
        match self {
            ByteRange::Bounded(range) if range.start > range.end => {
                Err(RangeError::Inverted { start: range.start, end: range.end })
            }
            _ => Ok(()),
        }
    }

    /// The bytes of this range in an object of `size` plaintext bytes.
    pub fn resolve(&self, size: u64) -> Result<Range<u64>, RangeError> {
        self.check()?;
        let none = Err(RangeError::NotSatisfiable { size });
        match self {
            ByteRange::Whole | ByteRange::From(0) => Ok(0..size),
            ByteRange::From(start) if *start < size => Ok(*start..size),
            ByteRange::Suffix(count) if *count > 0 && size > 0 => Ok(size.saturating_sub(*count)..size),
            ByteRange::Bounded(range) if range.start < size => Ok(range.start..range.end.min(size)),
            ByteRange::From(_) | ByteRange::Suffix(_) | ByteRange::Bounded(_) => none,
        }
    }
}
