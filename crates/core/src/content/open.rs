//! Opening stored bytes as they arrive.

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use super::{ContentError, Opener};
use crate::range::Reading;

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
/// Bytes around the wanted ones are dropped unopened. A buffer that nobody else holds is opened in place.
#[derive(Debug)]
pub struct OpenStream {
    opener: Opener,
    span: Range<u64>,
    at: u64,
    end: u64,
}

impl Reading {
    /// Begins to open the body of the reply.
    pub fn into_stream(self, opener: Opener) -> OpenStream {
        let window = self.window();
        OpenStream { opener, span: self.stored_span(), at: window.start, end: window.end }
    }
}

impl OpenStream {
    /// Takes the next stored bytes; gives the plaintext of those that were asked for.
    pub fn push(&mut self, mut stored: Bytes) -> Result<Option<Chunk>, ContentError> {
        let start = self.at;
        let end = start.checked_add(stored.len() as u64).filter(|end| *end <= self.end);
        let end = end.ok_or(ContentError::Overlong { wanted: self.end })?;
        self.at = end;
        let wanted = start.max(self.span.start)..end.min(self.span.end);
        if wanted.is_empty() {
            return Ok(None);
        }
        stored.advance(position(wanted.start - start));
        stored.truncate(position(wanted.end - wanted.start));
        let mut bytes = stored.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        self.opener.open_at(wanted.start, &mut bytes)?;
        Ok(Some(Chunk { offset: wanted.start, bytes: bytes.freeze() }))
    }

    /// The stored offset that the next pushed byte has.
    pub const fn position(&self) -> u64 {
        self.at
    }

    /// Whether all wanted bytes have been given out.
    pub const fn is_complete(&self) -> bool {
        self.at >= self.span.end
    }

    /// Says that the body has ended. Fails when stored bytes of the reply are missing.
    pub fn finish(self) -> Result<Option<Chunk>, ContentError> {
        if self.at < self.end {
            return Err(ContentError::Truncated { end: self.at, wanted: self.end });
        }
        Ok(None)
    }
}

/// An offset inside a buffer, which fits `usize` because the buffer does.
fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
