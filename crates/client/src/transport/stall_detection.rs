//! Bodies that do not get on. Only the time is counted in which the other side has its turn: not the time in which we read a file, wait for leave of a
//! bandwidth limit, or have no use for what has come.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::frame_splitter::Pieces;
use super::{Body, BoxError};

/// Bytes that are handed to the network at once.
const PIECE: usize = 256 << 10;
/// Time in which a reply's body is judged.
const WINDOW: Duration = Duration::from_secs(30);
/// Bytes that have to come in it: 1 KiB a second.
const LEAST: u64 = 30 << 10;

/// Since when it is the network's turn to take more of a request, or to answer it. Clones share it; a transport that holds a body back says so.
#[derive(Clone, Debug)]
pub(crate) struct Pulse(Arc<Mutex<Option<Instant>>>);

impl Pulse {
    pub(crate) fn new() -> Pulse {
        Pulse(Arc::new(Mutex::new(Some(Instant::now()))))
    }

    /// The network has what there is.
    pub(super) fn handed_over(&self) {
        *self.since() = Some(Instant::now());
    }

    /// The network would take more, and waits for us.
    pub(super) fn held_back(&self) {
        *self.since() = None;
    }

    /// Waits until the network has not got on for so long.
    pub(crate) async fn silent_for(&self, patience: Duration) {
        loop {
            let since = *self.since();
            match since {
                Some(since) if since.elapsed() >= patience => return,
                Some(since) => sleep_until(since + patience).await,
                None => sleep(patience).await,
            }
        }
    }

    fn since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's body, in pieces, that says how it gets on.
pub(crate) fn going(body: Body, pulse: Pulse) -> Body {
    Going { pieces: Pieces::of(body), pulse }.boxed_unsync()
}

/// A reply whose body breaks off when less than 1 KiB a second comes of it for 30 s. It is watched once, below what holds it back.
pub(crate) fn coming(mut reply: http::Response<Body>) -> http::Response<Body> {
    #[derive(Clone)]
    struct Watched;
    if reply.extensions_mut().insert(Watched).is_some() {
        return reply;
    }
    reply.map(|body| {
        let end = Box::pin(sleep(WINDOW));
        Coming { body, since: None, waited: Duration::ZERO, came: 0, end }.boxed_unsync()
    })
}

/// A body that brought so few bytes that it was given up.
#[derive(Debug, thiserror::Error)]
#[error("{0} bytes in {secs} s", secs = WINDOW.as_secs())]
pub(crate) struct Crawl(u64);

struct Going {
    pieces: Pieces,
    pulse: Pulse,
}

impl http_body::Body for Going {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Poll::Ready(bytes) = this.pieces.poll_bytes(context) else {
            this.pulse.held_back();
            return Poll::Pending;
        };
        this.pulse.handed_over();
        Poll::Ready(match bytes {
            Ok(_) => Some(Ok(this.pieces.take(PIECE))),
            Err(other) => other,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.pieces.size_hint()
    }
}

struct Coming {
    body: Body,
    /// Since when the network has its turn.
    since: Option<Instant>,
    /// How long it has had it, in this window, and what came of it.
    waited: Duration,
    came: u64,
    end: Pin<Box<Sleep>>,
}

impl Coming {
    fn waited(&self) -> Duration {
        self.waited + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Ends a window that is over, if it was good enough.
    fn judge(&mut self) -> Result<(), BoxError> {
        if self.waited() < WINDOW {
            return Ok(());
        }
        if self.came < LEAST {
            return Err(Crawl(self.came).into());
        }
        (self.waited, self.came) = (Duration::ZERO, 0);
        self.since = self.since.map(|_| Instant::now());
        Ok(())
    }
}

impl http_body::Body for Coming {
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
            let end = Instant::now() + WINDOW.saturating_sub(this.waited());
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
