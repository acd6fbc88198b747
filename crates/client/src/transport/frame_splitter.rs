//! A body that is handed on piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use crate::transport::interface::{Body, BoxError};

/// A body, and bytes that were read from it and not handed on.
pub(super) struct FrameSplitter {
    body: Body,
    rest: Bytes,
}

/// An item of a body.
pub(super) type Given = Option<Result<Frame<Bytes>, BoxError>>;

impl FrameSplitter {
    pub(super) fn of(body: Body) -> FrameSplitter {
        FrameSplitter { body, rest: Bytes::new() }
    }

    /// Waits for bytes to hand on. Any other item of the body is returned as the error.
    pub(super) fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, Given>> {
        while self.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) if frame.is_data() => self.rest = frame.into_data().unwrap_or_default(),
                other => return Poll::Ready(Err(other)),
            }
        }
        Poll::Ready(Ok(self.rest.len()))
    }

    /// The next bytes, so many at most.
    pub(super) fn take(&mut self, most: usize) -> Frame<Bytes> {
        Frame::data(self.rest.split_to(self.rest.len().min(most)))
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let (rest, before) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + before);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + before);
        }
        hint
    }
}
