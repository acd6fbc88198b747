//! Opening stored bytes as they arrive.

use bytes::{Buf, Bytes, BytesMut};

use super::{ContentError, Opener};
use crate::layout::Layout;
use crate::range::{RangeError, Reading, Window};

/// Plaintext with its place in the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Offset of the first byte, in plaintext bytes.
    pub offset: u64,
    /// The plaintext.
    pub bytes: Bytes,
}

/// Turns the stored bytes of one reply, pushed in order and in pieces of any size, into exactly the plaintext that was asked for.
///
/// Bytes around the wanted ones are dropped unopened. A buffer that nobody else holds is opened in place. Of a sealed object no byte is
/// given out before the tag of its chunk holds, and [`OpenStream::is_complete`] stays false until the last chunk has been opened
/// where the read depends on where the object ends. After an error the stream gives that error and nothing else.
#[derive(Debug)]
pub struct OpenStream {
    opener: Opener,
    layout: Layout,
    reading: Reading,
    /// The stored offset of the next pushed byte.
    at: u64,
    /// The stored offset up to which has been opened.
    opened: u64,
    /// The beginning of a chunk, from `opened`.
    held: BytesMut,
    is_end_proven: bool,
    failed: Option<ContentError>,
}

impl Reading {
    /// Begins to open the body of the reply.
    pub fn into_stream(self, opener: Opener) -> OpenStream {
        let layout = opener.layout();
        OpenStream {
            at: self.window().start,
            opened: self.stored_span().start,
            held: BytesMut::new(),
            is_end_proven: false,
            failed: (layout != self.layout()).then_some(ContentError::OtherSuite),
            opener,
            layout,
            reading: self,
        }
    }
}

impl OpenStream {
    /// Takes the next stored bytes; gives the plaintext of those that were asked for.
    ///
    /// # Errors
    /// [`ContentError::IntegrityFailed`], [`ContentError::Overlong`]; [`ContentError::Range`] when the range turns out to lie past the end
    /// and the end has been proven.
    pub fn push(&mut self, stored: Bytes) -> Result<Option<Chunk>, ContentError> {
        self.or_fail(|stream| stream.take(stored))
    }

    /// Takes the stored bytes of another reply, `window`, which hold what [`Reading::missing_end`] named.
    ///
    /// # Errors
    /// Those of [`OpenStream::push`]; [`ContentError::OtherTotal`] when that reply tells another length.
    pub fn prove_end(&mut self, window: Window, stored: &[u8]) -> Result<(), ContentError> {
        self.or_fail(|stream| stream.take_end(window, stored))
    }

    /// The stored offset that the next pushed byte has.
    pub const fn position(&self) -> u64 {
        self.at
    }

    /// The stored bytes that prove the end, while [`OpenStream::prove_end`] has not had them and no push will.
    pub fn missing_end(&self) -> Option<std::ops::Range<u64>> {
        self.reading.missing_end().filter(|_| !self.is_end_proven)
    }

    /// Whether all wanted bytes have been given out, and the end is proven if the read depends on it.
    pub fn is_complete(&self) -> bool {
        self.failed.is_none() && self.opened >= self.reading.stored_span().end && !self.lacks_end()
    }

    /// Says that the body has ended. Fails when stored bytes of the reply are missing, or the proof of the end.
    pub fn finish(self) -> Result<(), ContentError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let wanted = self.reading.window().end;
        if self.at < wanted {
            return Err(ContentError::Truncated { end: self.at, wanted });
        }
        if self.lacks_end() { Err(ContentError::EndUnproven) } else { Ok(()) }
    }

    fn lacks_end(&self) -> bool {
        self.reading.needs_end() && !self.is_end_proven
    }

    fn or_fail<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, ContentError>,
    ) -> Result<T, ContentError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        step(self).inspect_err(|error| {
            self.failed = Some(*error);
            self.held.clear();
        })
    }

    fn take(&mut self, mut stored: Bytes) -> Result<Option<Chunk>, ContentError> {
        let (start, window, span) = (self.at, self.reading.window(), self.reading.stored_span());
        let end = start.checked_add(stored.len() as u64).filter(|end| *end <= window.end);
        self.at = end.ok_or(ContentError::Overlong { wanted: window.end })?;
        let wanted = start.max(span.start)..self.at.min(span.end);
        if wanted.is_empty() {
            return Ok(None);
        }
        stored.advance(position(wanted.start - start));
        stored.truncate(position(wanted.end - wanted.start));
        match self.whole_chunks(stored, wanted.end == span.end) {
            Some(bytes) => self.open(bytes),
            None => Ok(None),
        }
    }

    /// What of the bytes so far can be opened; the rest is held. AES/CTR holds nothing.
    fn whole_chunks(&mut self, stored: Bytes, is_end: bool) -> Option<BytesMut> {
        let unit = if self.layout.proves_end() { position(self.layout.stored_unit()) } else { 1 };
        if !is_end && self.held.len() + stored.len() < unit {
            self.held.extend_from_slice(&stored);
            return None;
        }
        let mut bytes = if self.held.is_empty() {
            stored.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]))
        } else {
            self.held.extend_from_slice(&stored);
            std::mem::take(&mut self.held)
        };
        if !is_end {
            let whole = bytes.len() / unit * unit;
            self.held = BytesMut::from(&bytes[whole..]);
            bytes.truncate(whole);
        }
        Some(bytes)
    }

    fn open(&mut self, mut bytes: BytesMut) -> Result<Option<Chunk>, ContentError> {
        let unit = (self.layout.stored_unit(), self.layout.plain_unit());
        let offset = self.opened / unit.0 * unit.1 + self.opened % unit.0;
        let plain = self.opener.open_at(self.opened, &mut bytes)?;
        self.opened += bytes.len() as u64;
        if self.opened == self.reading.window().total && self.layout.proves_end() {
            self.end_is_proven()?;
        }
        let release = self.reading.release();
        let wanted = offset.max(release.start)..(offset + plain as u64).min(release.end);
        if wanted.is_empty() {
            return Ok(None);
        }
        bytes.truncate(position(wanted.end - offset));
        bytes.advance(position(wanted.start - offset));
        Ok(Some(Chunk { offset: wanted.start, bytes: bytes.freeze() }))
    }

    fn take_end(&mut self, window: Window, stored: &[u8]) -> Result<(), ContentError> {
        // Bytes that nothing was missing of prove nothing.
        let Some(last) = self.missing_end() else { return Err(window.wrong().into()) };
        let first = self.reading.window().total;
        if window.total != first {
            return Err(ContentError::OtherTotal { first, second: window.total });
        }
        if last.start < window.start || window.end < last.end {
            return Err(window.wrong().into());
        }
        let end = window.start.saturating_add(stored.len() as u64);
        if end < window.end {
            return Err(ContentError::Truncated { end, wanted: window.end });
        }
        if end > window.end {
            return Err(ContentError::Overlong { wanted: window.end });
        }
        let mut chunk =
            stored[position(last.start - window.start)..position(last.end - window.start)].to_vec();
        self.opener.open_at(last.start, &mut chunk)?;
        self.end_is_proven()
    }

    /// The last chunk has been opened: the object is as long as the store says.
    fn end_is_proven(&mut self) -> Result<(), ContentError> {
        self.is_end_proven = true;
        if self.reading.is_satisfiable() {
            return Ok(());
        }
        Err(RangeError::NotSatisfiable { size: self.reading.plain_total() }.into())
    }
}

/// An offset inside a buffer, which fits `usize` because the buffer does.
fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
