//! A limit of bytes a second over all connections of a transport.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Sleep, sleep_until};

use crate::transport::frame_splitter::FrameSplitter;
use crate::transport::interface::{Body, BoxError, Transport, TransportError};
use crate::transport::stall_detection::{StallDetector, watch_response};

use crate::runtime::rate_limiter::RateLimiter;

/// The burst after a pause.
const BURST: Duration = Duration::from_millis(50);
/// Least number of frames per second, so that many connections progress at a low rate; it bounds the frame size.
const PIECES: u64 = 64;
const SMALLEST: u64 = 256;
const LARGEST: u64 = 64 << 10;

/// A transport that limits the bytes per second of all bodies, requests and replies together. Retries count again; heads
/// do not count.
pub struct Throttled {
    inner: Arc<dyn Transport>,
    rate: Rate,
}

#[derive(Clone)]
struct Rate {
    limiter: Arc<RateLimiter>,
    piece: usize,
}

impl Throttled {
    /// Limits a transport to `bytes_per_second`, at least 1.
    pub fn new(inner: Arc<dyn Transport>, bytes_per_second: u64) -> Throttled {
        let piece = (bytes_per_second / PIECES).clamp(SMALLEST, LARGEST);
        let rate = Rate {
            limiter: Arc::new(RateLimiter::new(bytes_per_second, BURST)),
            piece: usize::try_from(piece).unwrap_or(usize::MAX),
        };
        Throttled { inner, rate }
    }

    /// Another transport under the same limit: the bodies of both together bring as many bytes.
    #[must_use]
    pub fn beside(&self, inner: Arc<dyn Transport>) -> Throttled {
        Throttled { inner, rate: self.rate.clone() }
    }
}

impl Transport for Throttled {
    fn send(
        &self,
        request: http::Request<Body>,
    ) -> BoxFuture<'static, Result<http::Response<Body>, TransportError>> {
        let stall_detector = request.extensions().get::<StallDetector>().cloned();
        let rate = self.rate.clone();
        let sent = self.inner.send(request.map(|body| paced(body, rate.clone(), stall_detector)));
        async move { Ok(watch_response(sent.await?).map(|body| paced(body, rate, None))) }.boxed()
    }
}

fn paced(body: Body, rate: Rate, stall_detector: Option<StallDetector>) -> Body {
    Paced { frames: FrameSplitter::of(body), rate, stall_detector, turn: None }.boxed_unsync()
}

struct Paced {
    frames: FrameSplitter,
    rate: Rate,
    /// For a request: tells the stall detector that the limit delays the body.
    stall_detector: Option<StallDetector>,
    turn: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let length = match ready!(this.frames.poll_bytes(context)) {
            Ok(bytes) => bytes.min(this.rate.piece),
            Err(other) => return Poll::Ready(other),
        };
        let turn =
            this.turn.get_or_insert_with(|| Box::pin(sleep_until(this.rate.limiter.reserve(length as u64))));
        if turn.as_mut().poll(context).is_pending() {
            this.stall_detector.iter().for_each(StallDetector::held_back);
            return Poll::Pending;
        }
        this.turn = None;
        this.stall_detector.iter().for_each(StallDetector::handed_over);
        Poll::Ready(Some(Ok(this.frames.take(length))))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.frames.size_hint()
    }
}
