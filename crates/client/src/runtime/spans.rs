//! Spans: one per operation, named `oss`, and one per KMS call, named `kms`. All of them are created here.
//!
//! ```text
//!   info   oss{operation bucket key bytes requests request_id error}
//!   debug  └─ kms{call requests request_id error}
//!   debug     events: each reply, each retry with its wait
//! ```
//! Recorded are names, counts, waits, statuses, codes and request ids. Headers, queries, addresses and bodies are not:
//! they carry credentials, signatures and keys.

use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::error::{Error, ErrorKind, OpContext, OpError};

tokio::task_local! {
    /// The operation of the current task.
    static OPERATION: Operation;
}

/// A running operation or call, shared by everything that belongs to it. Its span closes when the last holder is
/// dropped: an object that is being read holds it until it is dropped.
#[derive(Clone)]
pub(crate) struct Operation(Arc<ActiveOperation>);

struct ActiveOperation {
    span: Span,
    record: Mutex<Record>,
}

/// Values that are recorded once, at the end: a field that is recorded twice appears twice in a log.
#[derive(Default)]
struct Record {
    requests: u64,
    request_id: Option<String>,
    bytes: Option<u64>,
    error: Option<ErrorKind>,
}

impl Operation {
    fn begin(span: Span) -> Operation {
        Operation(Arc::new(ActiveOperation { span, record: Mutex::default() }))
    }

    /// The current operation, or a disabled one outside of operations.
    pub(crate) fn current() -> Operation {
        OPERATION.try_with(Operation::clone).unwrap_or_else(|_| Operation::begin(Span::none()))
    }

    /// Runs work that belongs to it, and record its failure.
    pub(crate) fn run<T, E: HasErrorKind>(
        self,
        work: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> {
        self.scope(async {
            let outcome = work.await;
            if let Err(error) = &outcome {
                update(|record| record.error = Some(error.kind()));
            }
            outcome
        })
    }

    /// Runs work that belongs to it.
    fn scope<T>(self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        let span = self.0.span.clone();
        OPERATION.scope(self, work).instrument(span)
    }
}

impl Drop for ActiveOperation {
    fn drop(&mut self) {
        let Record { requests, request_id, bytes, error } =
            std::mem::take(self.record.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.span.record("requests", requests);
        self.span.record("request_id", request_id);
        self.span.record("bytes", bytes);
        self.span.record("error", error.map(tracing::field::debug));
    }
}

/// An error with a kind.
pub(crate) trait HasErrorKind {
    fn kind(&self) -> ErrorKind;
}

impl HasErrorKind for OpError {
    fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl HasErrorKind for Error {
    fn kind(&self) -> ErrorKind {
        Error::kind(self)
    }
}

impl OpContext<'_> {
    /// Runs an operation in its span, and adds its context to a failure.
    pub(crate) fn run<T>(
        self,
        work: impl Future<Output = Result<T, OpError>>,
    ) -> impl Future<Output = Result<T, Error>> {
        let traced = self.trace(work);
        async move { traced.await.map_err(|failure| failure.with_context(self)) }
    }

    /// Runs an operation in its span. The future is boxed: otherwise its full size is moved through every layer.
    pub(crate) fn trace<T, E: HasErrorKind>(
        self,
        work: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> {
        let work = Box::pin(work);
        let span = tracing::info_span!(
            "oss",
            operation = self.operation,
            bucket = self.bucket,
            key = self.key,
            bytes = Empty,
            requests = Empty,
            request_id = Empty,
            error = Empty,
        );
        Operation::begin(span).run(work)
    }
}

/// Runs a call of the key service in its span.
pub(crate) async fn kms_call<T, E>(
    call: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let span = tracing::debug_span!("kms", call, requests = Empty, request_id = Empty, error = Empty,);
    // Not the current one: that is the operation's where this one is not wanted.
    let own = span.clone();
    let work = async {
        let outcome = work.await;
        if outcome.is_err() {
            own.record("error", true);
        }
        outcome
    };
    Operation::begin(span).scope(work).await
}

/// Work for a task of its own that belongs to the operation that is under way.
pub(crate) fn in_operation<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    OPERATION.scope(Operation::current(), work).in_current_span()
}

/// A request of the operation that is under way was sent.
pub(crate) fn record_request() {
    update(|record| record.requests += 1);
}

/// It was answered.
pub(crate) fn record_reply(request_id: &str) {
    if !request_id.is_empty() {
        update(|record| record.request_id = Some(request_id.to_owned()));
    }
}

/// So many more plaintext bytes were stored, or handed out.
pub(crate) fn record_bytes(bytes: u64) {
    update(|record| record.bytes = Some(record.bytes.unwrap_or_default() + bytes));
}

/// Outside of operations this does nothing.
fn update(change: impl FnOnce(&mut Record)) {
    OPERATION
        .try_with(|operation| change(&mut operation.0.record.lock().unwrap_or_else(PoisonError::into_inner)))
        .unwrap_or_default();
}

/// The request id in a reply's header; empty if it is missing.
pub(crate) fn request_id<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|id| id.to_str().ok()).unwrap_or_default()
}
