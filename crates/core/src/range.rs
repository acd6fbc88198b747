//! Ranges: the requested bytes, the bytes in the reply, and the bytes to release.
//!
//! The reply positions decryption; the request decides which bytes are released (`docs/format.md` §6):
//!
//! ```text
//!   request   from 5000                         plaintext, of the caller
//!   ask       bytes=5000-                       stored, to the store
//!   reply     200, whole object  |  206, 5000-9999/10000  |  anything else
//!   window    0..10000 of 10000  |  5000..10000 of 10000  |  an error
//!   release   5000..10000        |  5000..10000
//! ```
//!
//! The length of an object is the store's claim. In an authenticated suite the last chunk proves it. A read that reaches the
//! end, is cut to it, or counts from it is complete only once that chunk has been opened; the same holds for the answer that
//! a range lies past the end. [`Reading`] knows those cases, and its [`OpenStream`](crate::OpenStream) enforces them.

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

/// A request to the store, in half-open stored bytes.
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

    /// Plaintext bytes of the object, by the store's claim.
    fn plain_total(self, layout: Layout) -> Result<u64, RangeError> {
        if self.start > self.end || self.end > self.total {
            return Err(self.wrong());
        }
        Ok(layout.plain_len(self.total)?)
    }

    /// The error of a reply that lacks needed bytes.
    pub(crate) const fn wrong(self) -> RangeError {
        RangeError::WrongRange { start: self.start, end: self.end, total: self.total }
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

/// The plan of one read, computed from request and reply before any byte is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    layout: Layout,
    window: Window,
    span: Range<u64>,
    release: Range<u64>,
    plain_total: u64,
    end: End,
    is_satisfiable: bool,
}

/// How a read depends on the end of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// Nothing, or nothing that can be proven.
    Apart,
    /// It needs the last chunk, which is in the span.
    Within,
    /// It needs the last chunk, which the reply does not hold: these stored bytes.
    Missing(Range<u64>),
}

impl Reading {
    /// Resolves `request` against the object that `reply` describes.
    ///
    /// # Errors
    /// [`RangeError::NotSatisfiable`] only if the suite proves nothing. In an authenticated suite a range past the end makes a
    /// plan that releases nothing, and its stream returns that error as soon as the size is proven.
    pub fn plan(layout: Layout, request: &ByteRange, reply: Window) -> Result<Reading, RangeError> {
        let plain_total = reply.plain_total(layout)?;
        let (release, is_satisfiable) = match request.resolve(plain_total) {
            Ok(release) => (release, true),
            Err(RangeError::NotSatisfiable { .. }) if layout.proves_end() => {
                (plain_total..plain_total, false)
            }
            Err(error) => return Err(error),
        };
        Reading::over(layout, reply, release, plain_total, is_satisfiable)
    }

    /// A reading that releases nothing and proves how long the object is, as far as the suite can.
    pub fn plan_end(layout: Layout, reply: Window) -> Result<Reading, RangeError> {
        let plain_total = reply.plain_total(layout)?;
        let release = plain_total..plain_total;
        Reading::over(layout, reply, release, plain_total, true)
    }

    /// Finds the stored bytes that opening and proving need.
    fn over(
        layout: Layout,
        window: Window,
        release: Range<u64>,
        plain_total: u64,
        is_satisfiable: bool,
    ) -> Result<Reading, RangeError> {
        let holds = |span: &Range<u64>| window.start <= span.start && span.end <= window.end;
        let data = layout.stored_span(&release, window.total);
        let last = layout.end_span(window.total).filter(|_| release.end == plain_total);
        let (span, end) = match last {
            Some(last) if holds(&last) && release.is_empty() => (last, End::Within),
            Some(last) if holds(&last) => (data.start..last.end, End::Within),
            Some(last) => (data, End::Missing(last)),
            None => (data, End::Apart),
        };
        if span.is_empty() || holds(&span) {
            Ok(Reading { layout, window, span, release, plain_total, end, is_satisfiable })
        } else {
            Err(window.wrong())
        }
    }

    /// The layout that it was planned for.
    pub(crate) const fn layout(&self) -> Layout {
        self.layout
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

    /// Whether every stored byte of the object is read, so that a checksum of the whole object can be compared.
    pub fn covers_object(&self) -> bool {
        self.window.start == 0 && self.window.end == self.window.total
    }

    /// Whether the range has a byte in the object, by the store's claim. If not, the stream returns an error once the size is
    /// proven.
    pub const fn is_satisfiable(&self) -> bool {
        self.is_satisfiable
    }

    /// Whether success takes the proof of the object's length.
    pub const fn needs_end(&self) -> bool {
        !matches!(self.end, End::Apart)
    }

    /// The stored bytes that prove the end and that this reply lacks. Fetch them from the same object and pass them to
    /// [`OpenStream::prove_end`](crate::OpenStream::prove_end).
    pub fn missing_end(&self) -> Option<Range<u64>> {
        match &self.end {
            End::Missing(span) => Some(span.clone()),
            End::Apart | End::Within => None,
        }
    }
}

impl ByteRange {
    /// Checks the range as far as possible without the size.
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
