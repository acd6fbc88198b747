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
use osseal_wire::kms::{Call, ErrorClass, JsonError, KmsError, REQUEST_ID};
use osseal_wire::oss::{Credentials, Endpoint};
use osseal_wire::session_credentials::SessionCredentials;
use tokio::time::{Instant, timeout_at};
use zeroize::{Zeroize, Zeroizing};

use super::limits::KmsLimits;

use crate::credentials::{CredentialsError, CredentialsErrorKind, SharedCredentials};
use crate::runtime::clock::Clock;
use crate::runtime::clock_skew::ClockSkew;
use crate::runtime::rate_limiter::RateLimiter;
use crate::runtime::retry::{RetryAction, RetryPolicy, RetryTokenBucket, RetryableCall, retry};
use crate::runtime::spans;
use crate::transport::{self, Body, BoxError, Transport, TransportError};

/// A client of Alibaba Cloud KMS at one endpoint. Clones share connections, the rate limit and the counters.
#[derive(Clone)]
pub struct Kms(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) endpoint: Endpoint,
    pub(super) credentials: SharedCredentials,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) limits: KmsLimits,
    pub(super) retry: RetryPolicy,
    pub(super) retry_tokens: RetryTokenBucket,
    pub(super) limiter: RateLimiter,
    pub(super) clock: Clock,
    pub(super) skew: ClockSkew,
    pub(super) counters: Counters,
}

/// Counts of requests.
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
    /// Unwraps that joined a request in flight.
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

/// Why a call gave nothing.
#[derive(Debug)]
pub(super) enum CallError {
    /// Not now, for all attempts.
    Unavailable(String),
    /// Not for these credentials, or not with this key.
    Denied(String),
    /// Refused: for `Decrypt`, a blob that does not open. The service's message is not passed on where it could tell why.
    Refused(String),
    /// The reply is none.
    Protocol(String),
    /// No credentials to sign with.
    Credentials(String),
    /// The call could not be made.
    Local(String),
}

impl CallError {
    /// Fit to print, without anything secret.
    fn message(&self) -> &str {
        let (CallError::Unavailable(message)
        | CallError::Denied(message)
        | CallError::Refused(message)
        | CallError::Protocol(message)
        | CallError::Credentials(message)
        | CallError::Local(message)) = self;
        message
    }
}

impl From<CallError> for KeyError {
    fn from(error: CallError) -> KeyError {
        match error {
            CallError::Unavailable(message) => KeyError::Unavailable { message, retryable: true },
            CallError::Denied(message) | CallError::Refused(message) => KeyError::Denied { message },
            CallError::Protocol(message) => KeyError::Protocol { message },
            CallError::Credentials(message) => KeyError::Credentials { message },
            CallError::Local(message) => KeyError::Unavailable { message, retryable: false },
        }
    }
}

impl From<JsonError> for CallError {
    fn from(error: JsonError) -> CallError {
        CallError::Protocol(error.to_string())
    }
}

impl From<CredentialsError> for CallError {
    fn from(error: CredentialsError) -> CallError {
        let message = format!("no credentials: {error}");
        match error.kind() {
            CredentialsErrorKind::Unavailable => CallError::Unavailable(message),
            CredentialsErrorKind::Refused => CallError::Denied(message),
            _ => CallError::Credentials(error.to_string()),
        }
    }
}

/// A failed attempt, with the next step.
struct FailedAttempt {
    error: CallError,
    action: RetryAction,
}

impl Kms {
    /// Returns the counts so far.
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

    /// Makes a call with retries, and returns the document of its reply. A reply after the deadline is dropped.
    pub(super) async fn call(&self, call: &Call) -> Result<Zeroizing<Vec<u8>>, CallError> {
        spans::kms_call(call.name(), self.call_with_retries(call)).await
    }

    async fn call_with_retries(&self, call: &Call) -> Result<Zeroizing<Vec<u8>>, CallError> {
        let inner = &self.0;
        let deadline = Instant::now() + inner.limits.operation;
        let mut attempts = KmsCall { kms: self, call, deadline, credentials: None, count: 0 };
        let document = retry(&mut attempts, inner.retry, Some(&inner.retry_tokens), Some(deadline)).await;
        document.map_err(|failed| failed.after(attempts.count))
    }

    async fn attempt(
        &self,
        call: &Call,
        credentials: &Credentials,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, FailedAttempt> {
        let inner = &self.0;
        if timeout_at(deadline, inner.limiter.turn()).await.is_err() {
            return Err(FailedAttempt::unavailable("too many calls are waiting for their turn"));
        }
        count(&inner.counters.calls);
        spans::record_request();
        let limit = deadline.min(Instant::now() + inner.limits.call);
        match timeout_at(limit, self.exchange(call, credentials)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(FailedAttempt::unavailable("no reply in time")),
        }
    }

    async fn exchange(
        &self,
        call: &Call,
        credentials: &Credentials,
    ) -> Result<Zeroizing<Vec<u8>>, FailedAttempt> {
        let inner = &self.0;
        let mut nonce = [0; 16];
        rand::fill(&mut nonce).map_err(|_| FailedAttempt::local("the system gives no random bytes"))?;
        let unsigned = |error: osseal_wire::oss::SignError| {
            FailedAttempt::local(format!("the call cannot be signed: {error}"))
        };
        let mut head = call.head(&inner.endpoint).map_err(unsigned)?;
        let (nonce, now) = (HEXLOWER.encode(&nonce), inner.now());
        acs3::sign(&mut head, b"", credentials, &nonce, now).map_err(unsigned)?;
        let request = http::Request::from_parts(head, transport::empty());
        let reply =
            inner.transport.send(request).await.map_err(|error| FailedAttempt::of_transport(&error))?;
        let (head, body) = reply.into_parts();
        let request_id = spans::request_id(&head.headers, REQUEST_ID);
        spans::record_reply(request_id);
        tracing::debug!(
            call = call.name(),
            status = head.status.as_u16(),
            request_id,
            "the key service answered"
        );
        let broke_off =
            |error| FailedAttempt::of_transport(&TransportError::broken("the reply broke off", error));
        let document = read(body).await.map_err(broke_off)?;
        if head.status.is_success() {
            return document.ok_or_else(|| FailedAttempt::protocol(&JsonError::TooLarge.to_string()));
        }
        if head.status.is_redirection() || head.status.is_informational() {
            return Err(FailedAttempt::protocol(&format!("HTTP {}", head.status.as_u16())));
        }
        let error = KmsError::from_reply(head.status, &document.unwrap_or_default());
        if error.class() == ErrorClass::Throttled {
            count(&inner.counters.throttled);
        }
        let refused = FailedAttempt::of_refusal(&error);
        let learned = || inner.skew.learn(&head.headers, (inner.clock)());
        if error.is_clock_skewed() && learned().is_some_and(ClockSkew::believes) {
            return Err(FailedAttempt { action: RetryAction::CorrectClock, ..refused });
        }
        Err(refused)
    }
}

/// One call of the key service with its attempts.
struct KmsCall<'a> {
    kms: &'a Kms,
    call: &'a Call,
    deadline: Instant,
    credentials: Option<Arc<SessionCredentials>>,
    /// Attempts made.
    count: u32,
}

impl RetryableCall for KmsCall<'_> {
    type Output = Zeroizing<Vec<u8>>;
    type Error = FailedAttempt;

    async fn attempt(&mut self, number: u32) -> Result<Zeroizing<Vec<u8>>, FailedAttempt> {
        self.count = number;
        match &self.credentials {
            Some(grant) => self.kms.attempt(self.call, &grant.credentials, self.deadline).await,
            None => Err(FailedAttempt::local("the call was made without credentials")),
        }
    }

    fn action(&self, failed: &FailedAttempt) -> RetryAction {
        failed.action
    }

    async fn renew_credentials(&mut self) -> Result<bool, FailedAttempt> {
        let Some(rejected) = &self.credentials else { return Ok(false) };
        let renewed = in_time(self.deadline, self.kms.0.credentials.instead_of(rejected)).await?;
        let is_renewed = renewed.is_some();
        self.credentials = renewed.or(self.credentials.take());
        Ok(is_renewed)
    }

    async fn prepare(&mut self) -> Result<(), FailedAttempt> {
        self.credentials = Some(in_time(self.deadline, self.kms.0.credentials.current()).await?);
        Ok(())
    }

    fn on_retry(&self, number: u32, failed: &FailedAttempt, reason: &'static str, wait: Duration) {
        count(&self.kms.0.counters.retries);
        let error = failed.error.message();
        tracing::debug!(call = self.call.name(), attempt = number, error, ?wait, "{reason}");
    }
}

impl From<CallError> for FailedAttempt {
    fn from(error: CallError) -> FailedAttempt {
        FailedAttempt { error, action: RetryAction::GiveUp }
    }
}

impl Inner {
    /// The service's time, as far as we know it.
    fn now(&self) -> Timestamp {
        self.skew.corrected((self.clock)())
    }
}

impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kms").field("endpoint", &self.0.endpoint.to_string()).finish_non_exhaustive()
    }
}

impl FailedAttempt {
    fn unavailable(message: &str) -> FailedAttempt {
        FailedAttempt {
            error: CallError::Unavailable(message.to_owned()),
            action: RetryAction::Backoff { retry_after: None },
        }
    }

    fn local(message: impl Into<String>) -> FailedAttempt {
        FailedAttempt { error: CallError::Local(message.into()), action: RetryAction::GiveUp }
    }

    fn protocol(what: &str) -> FailedAttempt {
        let message = format!("{what}; check that the endpoint is the key service's");
        FailedAttempt { error: CallError::Protocol(message), action: RetryAction::GiveUp }
    }

    fn of_transport(error: &TransportError) -> FailedAttempt {
        if error.is_retryable() {
            FailedAttempt::unavailable(&error.to_string())
        } else {
            FailedAttempt::protocol(&error.to_string())
        }
    }

    fn of_refusal(error: &KmsError) -> FailedAttempt {
        let message = match error.request_id.as_str() {
            "" => error.to_string(),
            id => format!("{error} (request {id})"),
        };
        let (error, action) = match error.class() {
            ErrorClass::Throttled => (CallError::Unavailable(message), RetryAction::FreeBackoff),
            ErrorClass::Unavailable => {
                (CallError::Unavailable(message), RetryAction::Backoff { retry_after: None })
            }
            ErrorClass::Denied if error.is_token_expired() => {
                (CallError::Denied(message), RetryAction::RenewCredentials)
            }
            ErrorClass::Denied => (CallError::Denied(message), RetryAction::GiveUp),
            _ => (CallError::Refused(message), RetryAction::GiveUp),
        };
        FailedAttempt { error, action }
    }

    /// The error after the last attempt.
    fn after(self, attempts: u32) -> CallError {
        match self.error {
            CallError::Unavailable(message) if attempts > 1 => {
                CallError::Unavailable(format!("{message}, after {attempts} attempts"))
            }
            other => other,
        }
    }
}

/// Waits for credentials, as long as the call may take.
async fn in_time<T>(
    deadline: Instant,
    credentials: impl Future<Output = Result<T, CredentialsError>>,
) -> Result<T, CallError> {
    let late = |_| CallError::Unavailable("no credentials in time".to_owned());
    Ok(timeout_at(deadline, credentials).await.map_err(late)??)
}

/// Reads a document; `None` if it is too long. The only copy here is wiped.
async fn read(mut body: Body) -> Result<Option<Zeroizing<Vec<u8>>>, BoxError> {
    // Room for all of it: a buffer that grows leaves its former self behind.
    let mut document = Zeroizing::new(Vec::with_capacity(MAX_DOCUMENT));
    while let Some(frame) = body.frame().await {
        let data = frame?.into_data().unwrap_or_default();
        if document.len() + data.len() > MAX_DOCUMENT {
            return Ok(None);
        }
        document.extend_from_slice(&data);
        // The frame held a secret. If it has no other owner, wipe the transport's copy too.
        if let Ok(mut data) = data.try_into_mut() {
            data.zeroize();
        }
    }
    Ok(Some(document))
}
