//! One account at one endpoint of the key service: rate, signature, attempts, deadlines.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::rand;
use data_encoding::HEXLOWER;
use http_body_util::BodyExt;
use jiff::Timestamp;
use osseal_core::KeyError;
use osseal_wire::acs3;
use osseal_wire::kms::json::MAX_DOCUMENT;
use osseal_wire::kms::{Call, ErrorClass, JsonError, KmsError};
use osseal_wire::oss::{Credentials, Endpoint};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::limiter::Limiter;
use crate::error::{Error, ErrorKind, Failure, Scene};
use crate::retry::{Budget, RetryPolicy};
use crate::store::Clock;
use crate::transport::{self, Body, BoxError, Https, Transport, TransportError};

/// An account at one endpoint of the key service. Clones share connections, the rate and the counters.
#[derive(Clone)]
pub struct Kms(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    credentials: Credentials,
    transport: Arc<dyn Transport>,
    limits: KmsLimits,
    retry: RetryPolicy,
    budget: Budget,
    limiter: Limiter,
    clock: Clock,
    counters: Counters,
}

/// How much is asked of the service, and how long it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KmsLimits {
    /// Most calls of a second, at least 1. The service takes 1,000 of an account, of whatever machine.
    pub per_second: u32,
    /// Longest that one call may take.
    pub call: Duration,
    /// Longest that all attempts of one call may take, waits among them.
    pub operation: Duration,
}

impl Default for KmsLimits {
    /// 1,000 calls a second, 10 s, 60 s.
    fn default() -> Self {
        KmsLimits { per_second: 1000, call: Duration::from_secs(10), operation: Duration::from_secs(60) }
    }
}

/// What has been asked so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KmsCounts {
    /// Requests sent, repeated ones among them.
    pub calls: u64,
    /// Requests that repeated another.
    pub retries: u64,
    /// Replies that refused for too many calls.
    pub throttled: u64,
    /// Unwrapped keys that were still there.
    pub kept: u64,
    /// Unwrapped keys that somebody else was asking for at that moment.
    pub shared: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    calls: AtomicU64,
    retries: AtomicU64,
    throttled: AtomicU64,
    pub(super) kept: AtomicU64,
    pub(super) shared: AtomicU64,
}

/// Counts one more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Puts a [`Kms`] together.
pub struct KmsBuilder {
    endpoint: Endpoint,
    credentials: Option<Credentials>,
    transport: Option<Arc<dyn Transport>>,
    limits: KmsLimits,
    retry: RetryPolicy,
    clock: Clock,
    allow_plain_http: bool,
}

impl KmsBuilder {
    /// Who signs. Needed.
    #[must_use]
    pub fn credentials(self, credentials: Credentials) -> Self {
        KmsBuilder { credentials: Some(credentials), ..self }
    }

    /// Another way to send requests than [`Https`].
    #[must_use]
    pub fn transport(self, transport: Arc<dyn Transport>) -> Self {
        KmsBuilder { transport: Some(transport), ..self }
    }

    /// Other limits.
    #[must_use]
    pub fn limits(self, limits: KmsLimits) -> Self {
        KmsBuilder { limits, ..self }
    }

    /// How often and how patiently calls are repeated. Unless said: 30 attempts, 200 ms, 5 s, within [`KmsLimits::operation`].
    #[must_use]
    pub fn retry(self, retry: RetryPolicy) -> Self {
        KmsBuilder { retry, ..self }
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        KmsBuilder { clock, ..self }
    }

    /// Allows requests without TLS to hosts other than this machine. Whoever is between can read every data key.
    #[must_use]
    pub fn allow_plain_http(self) -> Self {
        KmsBuilder { allow_plain_http: true, ..self }
    }

    /// The account.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: no credentials, plain http to another machine without leave. [`ErrorKind::Local`]: TLS cannot be set up.
    pub fn build(self) -> Result<Kms, Error> {
        let scene = Scene { operation: "open the key service", ..Scene::default() };
        let usage = |message: &str| Failure::new(ErrorKind::Usage, message).at(scene);
        if self.endpoint.is_plain_http() && !self.endpoint.is_loopback() && !self.allow_plain_http {
            return Err(usage(
                "the endpoint is plain http to another machine; use https, or allow plain http by name",
            ));
        }
        let credentials =
            self.credentials.ok_or_else(|| usage("no credentials; give an access key id and its secret"))?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(Https::new().map_err(|error| {
                Failure {
                    source: Some(error.into()),
                    ..Failure::new(ErrorKind::Local, "TLS cannot be set up")
                }
                .at(scene)
            })?),
        };
        Ok(Kms(Arc::new(Inner {
            endpoint: self.endpoint,
            credentials,
            transport,
            limiter: Limiter::new(self.limits.per_second),
            limits: self.limits,
            retry: self.retry,
            budget: Budget::default(),
            clock: self.clock,
            counters: Counters::default(),
        })))
    }
}

/// Why a call gave nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Not now, for all attempts.
    Unavailable(String),
    /// Not for these credentials, or not with this key.
    Denied(String),
    /// Not this call: for `Decrypt`, a blob that does not open. The service's words are not passed on where they could tell why.
    Refused(String),
    /// The reply is none.
    Protocol(String),
    /// The call could not be made.
    Local(String),
}

impl From<Trouble> for KeyError {
    fn from(trouble: Trouble) -> KeyError {
        match trouble {
            Trouble::Unavailable(message) => KeyError::Unavailable { message, retryable: true },
            Trouble::Denied(message) | Trouble::Refused(message) => KeyError::Denied { message },
            Trouble::Protocol(message) => KeyError::Protocol { message },
            Trouble::Local(message) => KeyError::Unavailable { message, retryable: false },
        }
    }
}

impl From<JsonError> for Trouble {
    fn from(error: JsonError) -> Trouble {
        Trouble::Protocol(error.to_string())
    }
}

/// A failed attempt, and whether another may do better.
struct Attempt {
    trouble: Trouble,
    again: Again,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    /// Paid for, so that a broken service is hardly asked more than a sound one.
    Paid,
    /// The service works, and says when it has had enough.
    Free,
}

impl Kms {
    /// Begins an account at `endpoint`; [`osseal_wire::kms::endpoint`] knows those of regions and instances.
    pub fn builder(endpoint: Endpoint) -> KmsBuilder {
        KmsBuilder {
            endpoint,
            credentials: None,
            transport: None,
            limits: KmsLimits::default(),
            retry: RetryPolicy {
                attempts: 30,
                base: Duration::from_millis(200),
                cap: Duration::from_secs(5),
            },
            clock: Arc::new(Timestamp::now),
            allow_plain_http: false,
        }
    }

    /// What has been asked so far.
    pub fn counts(&self) -> KmsCounts {
        let counters = &self.0.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        KmsCounts {
            calls: read(&counters.calls),
            retries: read(&counters.retries),
            throttled: read(&counters.throttled),
            kept: read(&counters.kept),
            shared: read(&counters.shared),
        }
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Makes a call, again and again where that may help, and gives back the document of success. What arrives after the deadline is dropped.
    pub(super) async fn call(&self, call: &Call) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let inner = &self.0;
        let deadline = Instant::now() + inner.limits.operation;
        let mut delays = inner.retry.delays();
        let mut attempts = 1;
        loop {
            let failed = match self.attempt(call, deadline).await {
                Ok(document) => {
                    inner.budget.refill();
                    return Ok(document);
                }
                Err(failed) => failed,
            };
            let may = match failed.again {
                Again::No => false,
                Again::Free => true,
                Again::Paid => inner.budget.spend(),
            };
            let wait = delays.next().filter(|wait| may && Instant::now() + *wait < deadline);
            let Some(wait) = wait else { return Err(failed.after(attempts)) };
            attempts += 1;
            count(&inner.counters.retries);
            tracing::debug!(operation = call.name(), attempts, ?wait, "asking the key service again");
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(&self, call: &Call, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, Attempt> {
        let inner = &self.0;
        if timeout_at(deadline, inner.limiter.turn()).await.is_err() {
            return Err(Attempt::unavailable("too many calls are waiting for their turn"));
        }
        count(&inner.counters.calls);
        let limit = deadline.min(Instant::now() + inner.limits.call);
        match timeout_at(limit, self.exchange(call)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Attempt::unavailable("no reply in time")),
        }
    }

    async fn exchange(&self, call: &Call) -> Result<Zeroizing<Vec<u8>>, Attempt> {
        let inner = &self.0;
        let mut nonce = [0; 16];
        rand::fill(&mut nonce).map_err(|_| Attempt::local("the system gives no random bytes"))?;
        let unsigned = |error: osseal_wire::oss::SignError| {
            Attempt::local(format!("the call cannot be signed: {error}"))
        };
        let mut head = call.head(&inner.endpoint).map_err(unsigned)?;
        let (nonce, now) = (HEXLOWER.encode(&nonce), (inner.clock)());
        acs3::sign(&mut head, b"", &inner.credentials, &nonce, now).map_err(unsigned)?;
        let request = http::Request::from_parts(head, transport::empty());
        let reply = inner.transport.send(request).await.map_err(|error| Attempt::of_transport(&error))?;
        let (head, body) = reply.into_parts();
        let broke_off = |error| Attempt::of_transport(&TransportError::broken("the reply broke off", error));
        let document = read(body).await.map_err(broke_off)?;
        if head.status.is_success() {
            return document.ok_or_else(|| Attempt::protocol(&JsonError::TooLarge.to_string()));
        }
        if head.status.is_redirection() || head.status.is_informational() {
            return Err(Attempt::protocol(&format!("HTTP {}", head.status.as_u16())));
        }
        let error = KmsError::from_reply(head.status, &document.unwrap_or_default());
        if error.class() == ErrorClass::Throttled {
            count(&inner.counters.throttled);
        }
        Err(Attempt::of_refusal(&error))
    }
}

impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kms").field("endpoint", &self.0.endpoint.to_string()).finish_non_exhaustive()
    }
}

impl Attempt {
    fn unavailable(message: &str) -> Attempt {
        Attempt { trouble: Trouble::Unavailable(message.to_owned()), again: Again::Paid }
    }

    fn local(message: impl Into<String>) -> Attempt {
        Attempt { trouble: Trouble::Local(message.into()), again: Again::No }
    }

    fn protocol(what: &str) -> Attempt {
        let message = format!("{what}; check that the endpoint is the key service's");
        Attempt { trouble: Trouble::Protocol(message), again: Again::No }
    }

    fn of_transport(error: &TransportError) -> Attempt {
        if error.is_retryable() {
            Attempt::unavailable(&error.to_string())
        } else {
            Attempt::protocol(&error.to_string())
        }
    }

    fn of_refusal(error: &KmsError) -> Attempt {
        let message = match error.request_id.as_str() {
            "" => error.to_string(),
            id => format!("{error} (request {id})"),
        };
        let (trouble, again) = match error.class() {
            ErrorClass::Throttled => (Trouble::Unavailable(message), Again::Free),
            ErrorClass::Unavailable => (Trouble::Unavailable(message), Again::Paid),
            ErrorClass::Denied => (Trouble::Denied(message), Again::No),
            _ => (Trouble::Refused(message), Again::No),
        };
        Attempt { trouble, again }
    }

    /// The trouble after the last attempt.
    fn after(self, attempts: u32) -> Trouble {
        match self.trouble {
            Trouble::Unavailable(message) if attempts > 1 => {
                Trouble::Unavailable(format!("{message}, after {attempts} attempts"))
            }
            other => other,
        }
    }
}

/// Reads a document; `None` when it is too large. There is one copy of it here, which is wiped.
async fn read(mut body: Body) -> Result<Option<Zeroizing<Vec<u8>>>, BoxError> {
    // Room for all of it: a buffer that grows leaves its former self behind.
    let mut document = Zeroizing::new(Vec::with_capacity(MAX_DOCUMENT));
    while let Some(frame) = body.frame().await {
        let data = frame?.into_data().unwrap_or_default();
        if document.len() + data.len() > MAX_DOCUMENT {
            return Ok(None);
        }
        document.extend_from_slice(&data);
    }
    Ok(Some(document))
}
