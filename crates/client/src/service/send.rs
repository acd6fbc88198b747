//! One call: signing, sending, repeating.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use osseal_wire::oss::reply::{REQUEST_ID, ReplyError};
use osseal_wire::oss::request::{Call, Request};
use osseal_wire::oss::xml::{MAX_DOCUMENT, XmlError};
use osseal_wire::oss::{Credentials, ServiceError, SignError, Subject, presign_v4, sign_v1, sign_v4};
use osseal_wire::session_credentials::SessionCredentials;
use tokio::time::Instant;

use crate::error::{ErrorKind, OpError, Outcome, changes_state};
use crate::runtime::retry::{RetryAction, RetryableCall, retry};
use crate::runtime::spans;
use crate::service::signature::SignatureVersion;
use crate::service::store::Store;
use crate::transport::{self, Body, StallDetector, TransportError, read_up_to};

/// Longest time in which the network takes no byte of a request and gives no reply, in addition to the time that
/// [`MAX_BUFFERED_BYTES`] take at [`MIN_UPLOAD_RATE`].
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Most bytes that lie in buffers on their way out.
const MAX_BUFFERED_BYTES: u64 = 4 << 20;
/// Slowest that they leave, bytes per second.
const MIN_UPLOAD_RATE: u64 = 32 << 10;
/// Most bytes of an error document that are read.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// A body that a call sends.
pub(crate) enum Payload {
    None,
    /// Sent again on a retry, byte for byte.
    Bytes(Bytes),
    /// Sent once.
    Stream(Body),
}

/// A request on its way.
enum OutgoingRequest {
    ToSign(Request),
    /// A GET of an address that is signed already.
    Signed(Uri, HeaderMap),
}

impl OutgoingRequest {
    fn name(&self) -> &'static str {
        match self {
            OutgoingRequest::ToSign(request) => request.call.operation().name(),
            OutgoingRequest::Signed(..) => "GetObject",
        }
    }

    fn body(&self) -> Option<Bytes> {
        match self {
            OutgoingRequest::ToSign(request) => request.body(),
            OutgoingRequest::Signed(..) => None,
        }
    }

    /// Whether the reply's body is content, which is streamed. Other replies are documents: the attempt succeeds once the document has arrived.
    fn asks_for_content(&self) -> bool {
        match self {
            OutgoingRequest::ToSign(request) => matches!(request.call, Call::GetObject(_)),
            OutgoingRequest::Signed(..) => true,
        }
    }
}

/// A reply with a status of success.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// Unknown if an earlier, failed attempt may have been executed.
    pub(crate) earlier_outcome: Outcome,
}

impl Reply {
    /// The document of the reply, within bounds.
    pub(crate) async fn document(self) -> Result<Bytes, OpError> {
        document(self.body).await
    }
}

async fn document(body: Body) -> Result<Bytes, OpError> {
    match tokio::time::timeout(STALL_TIMEOUT, read_up_to(body, MAX_DOCUMENT)).await {
        Ok(Ok(Some(document))) => Ok(document),
        Ok(Ok(None)) => Err(ReplyError::Xml(XmlError::TooLarge).into()),
        Ok(Err(error)) => Err(TransportError::broken("the reply broke off", error).into()),
        Err(_) => Err(TransportError::late(STALL_TIMEOUT).into()),
    }
}

impl Store {
    /// Makes a call without data and reads the document it answers.
    pub(crate) async fn document(
        &self,
        bucket: Option<&str>,
        key: Option<&str>,
        call: Call,
    ) -> Result<Bytes, OpError> {
        self.call(bucket, key, call, Payload::None).await?.document().await
    }

    /// Makes a call, again and again where that may help, and gives back the reply of success.
    pub(crate) async fn call(
        &self,
        bucket: Option<&str>,
        key: Option<&str>,
        call: Call,
        payload: Payload,
    ) -> Result<Reply, OpError> {
        let request = Request { bucket: bucket.map(str::to_owned), key: key.map(str::to_owned), call };
        self.send(&OutgoingRequest::ToSign(request), payload).await
    }

    /// Reads the object of a presigned address. `headers` are those that the signature leaves open.
    pub(crate) async fn read_presigned(&self, address: Uri, headers: HeaderMap) -> Result<Reply, OpError> {
        self.send(&OutgoingRequest::Signed(address, headers), Payload::None).await
    }

    async fn send(&self, outgoing: &OutgoingRequest, payload: Payload) -> Result<Reply, OpError> {
        let (repeatable, stream) = match payload {
            Payload::None => (outgoing.body(), None),
            Payload::Bytes(bytes) => (Some(bytes), None),
            Payload::Stream(body) => (None, Some(body)),
        };
        let mut call = StoreCall {
            store: self,
            outgoing,
            is_streaming: stream.is_some(),
            repeatable,
            stream,
            credentials: None,
            outcome: Outcome::NotDone,
            attempt_start: Instant::now(),
        };
        let sent = retry(&mut call, self.0.retry, Some(&self.0.retry_tokens), None).await;
        // A read that was executed changed nothing.
        let is_read = !changes_state(outgoing.name());
        sent.map_err(|failure| {
            if is_read {
                failure.with_outcome(Outcome::NotDone)
            } else {
                failure.after_attempts(call.outcome)
            }
        })
    }

    /// Credentials that are valid now, for a request that has to be signed.
    async fn credentials(
        &self,
        outgoing: &OutgoingRequest,
    ) -> Result<Option<Arc<SessionCredentials>>, OpError> {
        match (outgoing, &self.0.credentials) {
            (OutgoingRequest::ToSign(_), Some(credentials)) => Ok(Some(credentials.current().await?)),
            _ => Ok(None),
        }
    }

    /// Credentials that replace rejected ones.
    async fn renewed_credentials(
        &self,
        rejected: Option<&Arc<SessionCredentials>>,
    ) -> Result<Option<Arc<SessionCredentials>>, OpError> {
        match (rejected, &self.0.credentials) {
            (Some(rejected), Some(credentials)) => Ok(credentials.instead_of(rejected).await?),
            _ => Ok(None),
        }
    }

    async fn attempt(
        &self,
        outgoing: &OutgoingRequest,
        grant: Option<&SessionCredentials>,
        body: Body,
    ) -> Result<(StatusCode, HeaderMap, Body), OpError> {
        let mut head = match outgoing {
            OutgoingRequest::ToSign(request) => request.head(&self.0.endpoint)?,
            OutgoingRequest::Signed(address, headers) => presigned_head(address, headers),
        };
        let carries = matches!(head.method, Method::PUT | Method::POST);
        if let Some(exact) = http_body::Body::size_hint(&body).exact() {
            if carries {
                head.headers.insert(http::header::CONTENT_LENGTH, exact.into());
            }
        } else if !head.headers.contains_key(http::header::CONTENT_LENGTH) {
            head.headers.insert(http::header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        if let (OutgoingRequest::ToSign(request), Some(grant)) = (outgoing, grant) {
            self.sign(&mut head, request, &grant.credentials)?;
        }
        let buffered =
            http_body::Body::size_hint(&body).upper().unwrap_or(MAX_BUFFERED_BYTES).min(MAX_BUFFERED_BYTES);
        let limit = STALL_TIMEOUT + Duration::from_secs(buffered / MIN_UPLOAD_RATE);
        let stall_detector = StallDetector::new();
        let mut request =
            http::Request::from_parts(head, transport::watch_request(body, stall_detector.clone()));
        request.extensions_mut().insert(stall_detector.clone());
        let response = tokio::select! {
            sent = self.0.transport.send(request) => sent?,
            () = stall_detector.stalled_for(limit) => return Err(TransportError::late(limit).into()),
        };
        let (head, body) = transport::watch_response(response).into_parts();
        if head.status.is_success() {
            let body =
                if outgoing.asks_for_content() { body } else { transport::full(document(body).await?) };
            return Ok((head.status, head.headers, body));
        }
        Err(self.refused(head.status, &head.headers, body).await)
    }

    fn sign(&self, head: &mut Parts, request: &Request, credentials: &Credentials) -> Result<(), OpError> {
        let subject = self.subject(request);
        match self.0.signature {
            SignatureVersion::V1 => sign_v1::sign(head, subject, credentials, self.now()),
            SignatureVersion::V4 => sign_v4::sign(head, subject, credentials, &[], self.now()),
        }
        .map_err(unsigned)
    }

    /// Signs the address of a request instead of its headers, valid for `seconds`, or until temporary credentials expire.
    /// Returns the address and its expiry.
    pub(crate) async fn presign(&self, request: &Request, seconds: u32) -> Result<(Uri, Timestamp), OpError> {
        let Some(credentials) = &self.0.credentials else {
            return Err(OpError::new(ErrorKind::Usage, "a store without credentials cannot sign addresses"));
        };
        let (mut head, subject) = (request.head(&self.0.endpoint)?, self.subject(request));
        let grant = credentials.current().await?;
        let now = self.now();
        let left = grant.expires.map_or(i64::MAX, |end| end.duration_since(now).as_secs());
        let seconds = u32::try_from(left.max(0)).unwrap_or(u32::MAX).min(seconds);
        if seconds == 0 {
            return Err(OpError::new(ErrorKind::Credentials, "the temporary credentials have expired")
                .with_hint("get new ones"));
        }
        let credentials = &grant.credentials;
        let end = now + SignedDuration::from_secs(seconds.into());
        match self.0.signature {
            SignatureVersion::V1 => sign_v1::presign(&mut head, subject, credentials, end.as_second()),
            SignatureVersion::V4 => presign_v4::presign(&mut head, subject, credentials, &[], seconds, now),
        }
        .map_err(unsigned)?;
        Ok((head.uri, end))
    }

    fn subject<'a>(&'a self, request: &'a Request) -> Subject<'a> {
        let (bucket, key) = (request.bucket.as_deref(), request.key.as_deref());
        Subject { bucket, key, region: &self.0.region }
    }

    /// The service's time, as far as we know it.
    fn now(&self) -> Timestamp {
        self.0.skew.corrected((self.0.clock)())
    }

    async fn refused(&self, status: StatusCode, headers: &HeaderMap, body: Body) -> OpError {
        let document = tokio::time::timeout(STALL_TIMEOUT, read_up_to(body, MAX_ERROR_BYTES)).await;
        let document = document.ok().and_then(Result::ok).flatten().unwrap_or_default();
        let error = ServiceError::from_reply(status, headers, &document);
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            let message = format!("HTTP {}: redirects are not followed", status.as_u16());
            return OpError {
                status: Some(error.status),
                request_id: Some(error.request_id.into()),
                ..OpError::new(ErrorKind::Protocol, message)
            }
            .with_hint("give the endpoint of the bucket's region");
        }
        let mut failure = OpError::from(error);
        failure.retry_after = retry_after(headers);
        if failure.is_clock_skewed()
            && let Some(ahead) = self.0.skew.learn(headers, (self.0.clock)())
        {
            failure.message = format!("{} (it is {} minutes off)", failure.message, ahead.as_mins().abs());
        }
        failure
    }
}

/// One call with its attempts.
struct StoreCall<'a> {
    store: &'a Store,
    outgoing: &'a OutgoingRequest,
    /// The body of every attempt.
    repeatable: Option<Bytes>,
    /// The body of the only attempt.
    stream: Option<Body>,
    is_streaming: bool,
    credentials: Option<Arc<SessionCredentials>>,
    /// Unknown if the service may have executed a failed attempt.
    outcome: Outcome,
    attempt_start: Instant,
}

impl RetryableCall for StoreCall<'_> {
    type Output = Reply;
    type Error = OpError;

    async fn attempt(&mut self, number: u32) -> Result<Reply, OpError> {
        spans::record_request();
        self.attempt_start = Instant::now();
        let body = self
            .stream
            .take()
            .unwrap_or_else(|| self.repeatable.clone().map_or_else(transport::empty, transport::full));
        match self.store.attempt(self.outgoing, self.credentials.as_deref(), body).await {
            Ok((status, headers, body)) => {
                let request_id = spans::request_id(&headers, REQUEST_ID);
                spans::record_reply(request_id);
                tracing::debug!(
                    call = self.outgoing.name(),
                    attempt = number,
                    status = status.as_u16(),
                    request_id,
                    took = ?self.attempt_start.elapsed(),
                    "answered"
                );
                Ok(Reply { status, headers, body, earlier_outcome: self.outcome })
            }
            Err(failure) => {
                self.outcome = self.outcome.or(failure.outcome);
                spans::record_reply(failure.request_id.as_deref().unwrap_or_default());
                Err(failure)
            }
        }
    }

    fn action(&self, failure: &OpError) -> RetryAction {
        if failure.is_token_expired() {
            return RetryAction::RenewCredentials;
        }
        if self.is_streaming {
            return RetryAction::GiveUp;
        }
        if failure.is_clock_skewed() && self.store.0.skew.is_known() {
            return RetryAction::CorrectClock;
        }
        if failure.is_transient() {
            return RetryAction::Backoff { retry_after: failure.retry_after };
        }
        RetryAction::GiveUp
    }

    /// A streamed call cannot be repeated, but leaves valid credentials to the calls that follow.
    async fn renew_credentials(&mut self) -> Result<bool, OpError> {
        let renewed = self.store.renewed_credentials(self.credentials.as_ref()).await?;
        if renewed.is_none() || self.is_streaming {
            return Ok(false);
        }
        self.credentials = renewed;
        Ok(true)
    }

    async fn prepare(&mut self) -> Result<(), OpError> {
        self.credentials = self.store.credentials(self.outgoing).await?;
        Ok(())
    }

    fn on_retry(&self, number: u32, failure: &OpError, reason: &'static str, wait: Duration) {
        tracing::debug!(
            call = self.outgoing.name(),
            attempt = number,
            status = failure.status,
            code = failure.code.as_str(),
            request_id = failure.request_id.as_deref(),
            error = failure.message,
            took = ?self.attempt_start.elapsed(),
            ?wait,
            "{reason}"
        );
    }
}

/// The seconds of `Retry-After` (RFC 9110, section 10.2.3); its other form, a date, counts as none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn unsigned(error: SignError) -> OpError {
    OpError::new(ErrorKind::Usage, format!("the request cannot be signed: {error}")).with_source(error)
}

fn presigned_head(address: &Uri, headers: &HeaderMap) -> Parts {
    let (mut head, ()) = http::Request::new(()).into_parts();
    (head.uri, head.headers) = (address.clone(), headers.clone());
    let host = address.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let Some(host) = host {
        head.headers.insert(http::header::HOST, host);
    }
    head
}
