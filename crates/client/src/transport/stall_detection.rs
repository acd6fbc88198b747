//! Detects stalled bodies. Only time in which the peer is expected to act counts: not the time for reading a file, waiting
//! for a bandwidth limit, or waiting for a consumer.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::transport::frame_splitter::FrameSplitter;
use crate::transport::interface::{Body, BoxError};

/// Bytes that are handed to the network at once.
const FRAME_BYTES: usize = 256 << 10;
/// Time in which a reply's body is judged.
const THROUGHPUT_WINDOW: Duration = Duration::from_secs(30);
/// Bytes that have to come in it: 1 KiB a second.
const MIN_WINDOW_BYTES: u64 = 30 << 10;

/// When the network was last expected to take bytes or to reply. Clones share it. A transport that delays a body reports it.
#[derive(Clone, Debug)]
pub(crate) struct StallDetector(Arc<Mutex<Option<Instant>>>);

impl StallDetector {
    pub(crate) fn new() -> StallDetector {
        StallDetector(Arc::new(Mutex::new(Some(Instant::now()))))
    }

    /// The network has all available bytes.
    pub(super) fn handed_over(&self) {
        *self.since() = Some(Instant::now());
    }

    /// The network would take more, and waits for us.
    pub(super) fn held_back(&self) {
        *self.since() = None;
    }

    /// Waits until the network has not got on for so long.
    pub(crate) async fn stalled_for(&self, limit: Duration) {
        loop {
            let since = *self.since();
            match since {
                Some(since) if since.elapsed() >= limit => return,
                Some(since) => sleep_until(since + limit).await,
                None => sleep(limit).await,
            }
        }
    }

    fn since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's body, in frames, that says how it gets on.
pub(crate) fn watch_request(body: Body, stall_detector: StallDetector) -> Body {
    WatchedRequest { frames: FrameSplitter::of(body), stall_detector }.boxed_unsync()
}

/// Fails the body of a reply that brings less than 1 KiB/s for 30 s. A reply is watched once, below any bandwidth limit.
pub(crate) fn watch_response(mut reply: http::Response<Body>) -> http::Response<Body> {
    #[derive(Clone)]
    struct Watched;
    if reply.extensions_mut().insert(Watched).is_some() {
        return reply;
    }
    reply.map(|body| {
        let end = Box::pin(sleep(THROUGHPUT_WINDOW));
        WatchedResponse { body, since: None, waited: Duration::ZERO, came: 0, end }.boxed_unsync()
    })
}

/// A body that brought so few bytes that it was given up.
#[derive(Debug, thiserror::Error)]
#[error("{0} bytes in {secs} s", secs = THROUGHPUT_WINDOW.as_secs())]
pub(crate) struct TooSlow(u64);

struct WatchedRequest {
    frames: FrameSplitter,
    stall_detector: StallDetector,
}

impl http_body::Body for WatchedRequest {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Poll::Ready(bytes) = this.frames.poll_bytes(context) else {
            this.stall_detector.held_back();
            return Poll::Pending;
        };
        this.stall_detector.handed_over();
        Poll::Ready(match bytes {
            Ok(_) => Some(Ok(this.frames.take(FRAME_BYTES))),
            Err(other) => other,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.frames.size_hint()
    }
}

struct WatchedResponse {
    body: Body,
    /// Since when the network has its turn.
    since: Option<Instant>,
    /// Time for which the network was expected to act in this window, and the bytes it brought.
    waited: Duration,
    came: u64,
    end: Pin<Box<Sleep>>,
}

impl WatchedResponse {
    fn waited(&self) -> Duration {
        self.waited + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Ends a window that is over, if it was good enough.
    fn judge(&mut self) -> Result<(), BoxError> {
        if self.waited() < THROUGHPUT_WINDOW {
            return Ok(());
        }
        if self.came < MIN_WINDOW_BYTES {
            return Err(TooSlow(self.came).into());
        }
        (self.waited, self.came) = (Duration::ZERO, 0);
        self.since = self.since.map(|_| Instant::now());
        Ok(())
    }
}

impl http_body::Body for WatchedResponse {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.waited = this.waited();
            this.since = None;
            let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref);
            this.came += bytes.map_or(0, Bytes::len) as u64;
            return Poll::Ready(frame);
        }
        this.since.get_or_insert_with(Instant::now);
        loop {
            if let Err(error) = this.judge() {
                return Poll::Ready(Some(Err(error)));
            }
            let end = Instant::now() + THROUGHPUT_WINDOW.saturating_sub(this.waited());
            if this.end.is_elapsed() || this.end.deadline() > end {
                this.end.as_mut().reset(end);
            }
            ready!(this.end.as_mut().poll(context));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
