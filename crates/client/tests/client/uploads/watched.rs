//! A transport that keeps what went by: which requests, how many at a time, and with which headers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::request::Parts;
use osseal::transport::{Body, InProcess, Transport, TransportError};

/// What went by.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Inner>);

#[derive(Default)]
struct Inner {
    heads: Mutex<Vec<Parts>>,
    now: AtomicUsize,
    most: AtomicUsize,
    /// When an abort left, how many parts were on their way.
    at_abort: Mutex<Vec<usize>>,
}

/// Whether a request sends a part.
pub(crate) fn is_part(head: &Parts) -> bool {
    head.method == http::Method::PUT && head.uri.query().is_some_and(|query| query.contains("partNumber="))
}

impl Log {
    /// The heads of all parts that were sent, in the order in which they left.
    pub(crate) fn parts(&self) -> Vec<Parts> {
        self.0.heads.lock().unwrap().iter().filter(|head| is_part(head)).cloned().collect()
    }

    /// Most parts that were on their way at a time.
    pub(crate) fn most(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }

    pub(crate) fn at_abort(&self) -> Vec<usize> {
        self.0.at_abort.lock().unwrap().clone()
    }
}

/// A transport that takes its time over parts.
pub(crate) struct Watched {
    pub(crate) inner: InProcess,
    pub(crate) log: Log,
    pub(crate) part_takes: Duration,
}

/// Counts a part while it is on its way, however that ends.
struct OnItsWay(Log);

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Transport for Watched {
    fn send(
        &self,
        request: http::Request<Body>,
    ) -> futures_util::future::BoxFuture<'static, Result<http::Response<Body>, TransportError>> {
        let (head, body) = request.into_parts();
        self.log.0.heads.lock().unwrap().push(head.clone());
        if head.method == http::Method::DELETE {
            self.log.0.at_abort.lock().unwrap().push(self.log.0.now.load(Ordering::SeqCst));
        }
        let counted = is_part(&head).then(|| {
            let now = self.log.0.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.log.0.most.fetch_max(now, Ordering::SeqCst);
            OnItsWay(self.log.clone())
        });
        let (sent, takes) = (self.inner.send(http::Request::from_parts(head, body)), self.part_takes);
        Box::pin(async move {
            // As a network does, so that there are moments before and after what the server does.
            tokio::task::yield_now().await;
            if counted.is_some() && !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            let reply = sent.await;
            tokio::task::yield_now().await;
            drop(counted);
            reply
        })
    }
}
