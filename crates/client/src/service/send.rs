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

use crate::error::{ErrorKind, Failure};
use crate::runtime::spans;
use crate::service::store::Store;
use crate::service::store_builder::SignatureVersion;
use crate::transport::{self, Body, StallDetector, TransportError, read_up_to};

/// Longest that the network may take nothing of a body, and give no reply, beside the time for what it has taken and not sent: [`MAX_BUFFERED_BYTES`] at [`MIN_UPLOAD_RATE`].
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
            OutgoingRequest::ToSign(request) => request.call.name(),
            OutgoingRequest::Signed(..) => "GetObject",
        }
    }

    fn body(&self) -> Option<Bytes> {
        match self {
            OutgoingRequest::ToSign(request) => request.body(),
            OutgoingRequest::Signed(..) => None,
        }
    }

    /// Whether the reply's body is content, which is read as it comes. Any other is a document, and an attempt has succeeded when it is there.
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
    /// Whether the service may have done it before, at an attempt that failed.
    pub(crate) may_be_done_before: bool,
}

impl Reply {
    /// The document of the reply, within bounds.
    pub(crate) async fn document(self) -> Result<Bytes, Failure> {
        document(self.body).await
    }
}

async fn document(body: Body) -> Result<Bytes, Failure> {
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
    ) -> Result<Bytes, Failure> {
        self.call(bucket, key, call, Payload::None).await?.document().await
    }

    /// Makes a call, again and again where that may help, and gives back the reply of success.
    pub(crate) async fn call(
        &self,
        bucket: Option<&str>,
        key: Option<&str>,
        call: Call,
        payload: Payload,
    ) -> Result<Reply, Failure> {
        let request = Request { bucket: bucket.map(str::to_owned), key: key.map(str::to_owned), call };
        self.send(&OutgoingRequest::ToSign(request), payload).await
    }

    /// Reads what a presigned address leads to. `headers` are those that its signature leaves open.
    pub(crate) async fn read_presigned(&self, address: Uri, headers: HeaderMap) -> Result<Reply, Failure> {
        self.send(&OutgoingRequest::Signed(address, headers), Payload::None).await
    }

    async fn send(&self, outgoing: &OutgoingRequest, payload: Payload) -> Result<Reply, Failure> {
        let mut may_be_done = false;
        self.send_with_retries(outgoing, payload, &mut may_be_done)
            .await
            .map_err(|failure| failure.after(may_be_done))
    }

    /// Takes down whether a failed attempt may have been done.
    async fn send_with_retries(
        &self,
        outgoing: &OutgoingRequest,
        payload: Payload,
        may_be_done: &mut bool,
    ) -> Result<Reply, Failure> {
        let (repeatable, mut once) = match payload {
            Payload::None => (outgoing.body(), None),
            Payload::Bytes(bytes) => (Some(bytes), None),
            Payload::Stream(body) => (None, Some(body)),
        };
        let streams = once.is_some();
        let mut delays = self.0.retry.delays();
        let mut attempts = 0;
        let (mut corrected, mut renewed) = (false, false);
        let mut grant = self.grant(outgoing).await?;
        loop {
            attempts += 1;
            spans::record_request();
            let begin = Instant::now();
            let body = once
                .take()
                .unwrap_or_else(|| repeatable.clone().map_or_else(transport::empty, transport::full));
            let failure = match self.attempt(outgoing, grant.as_deref(), body).await {
                Ok((status, headers, body)) => {
                    self.0.retry_tokens.refill();
                    let request_id = spans::request_id(&headers, REQUEST_ID);
                    spans::record_reply(request_id);
                    tracing::debug!(
                        call = outgoing.name(),
                        attempt = attempts,
                        status = status.as_u16(),
                        request_id,
                        took = ?begin.elapsed(),
                        "answered"
                    );
                    return Ok(Reply { status, headers, body, may_be_done_before: *may_be_done });
                }
                Err(failure) => failure,
            };
            *may_be_done |= failure.may_be_done;
            spans::record_reply(failure.request_id.as_deref().unwrap_or_default());
            let again = |why: &str, wait: Duration| {
                tracing::debug!(
                    call = outgoing.name(),
                    attempt = attempts,
                    status = failure.status,
                    code = failure.code,
                    request_id = failure.request_id,
                    error = failure.message,
                    took = ?begin.elapsed(),
                    ?wait,
                    "{why}"
                );
            };
            if failure.is_token_expired() && !renewed {
                renewed = true;
                // What cannot be sent again leaves good credentials to those who come after it.
                let other = self.other_grant(grant.as_ref()).await?;
                if other.is_some() && !streams {
                    again("asking again with other credentials", Duration::ZERO);
                    grant = other;
                    continue;
                }
            }
            if streams {
                return Err(failure);
            }
            if failure.is_skewed() && !corrected && self.0.skew.is_known() {
                corrected = true;
                again("asking again with the clock corrected", Duration::ZERO);
                continue;
            }
            let wait = delays.next().filter(|_| failure.is_transient() && self.0.retry_tokens.spend());
            let Some(wait) = wait else { return Err(failure) };
            // All who were sent away together come back one by one.
            let wait = failure.retry_after.map_or(wait, |asked| asked.min(self.0.retry.cap) + wait);
            again("trying again", wait);
            tokio::time::sleep(wait).await;
            grant = self.grant(outgoing).await?;
        }
    }

    /// Credentials that are good now, for what is to be signed.
    async fn grant(&self, outgoing: &OutgoingRequest) -> Result<Option<Arc<SessionCredentials>>, Failure> {
        match (outgoing, &self.0.credentials) {
            (OutgoingRequest::ToSign(_), Some(credentials)) => Ok(Some(credentials.current().await?)),
            _ => Ok(None),
        }
    }

    /// Credentials in place of those that the service refused.
    async fn other_grant(
        &self,
        rejected: Option<&Arc<SessionCredentials>>,
    ) -> Result<Option<Arc<SessionCredentials>>, Failure> {
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
    ) -> Result<(StatusCode, HeaderMap, Body), Failure> {
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

    fn sign(&self, head: &mut Parts, request: &Request, credentials: &Credentials) -> Result<(), Failure> {
        let subject = self.subject(request);
        match self.0.signature {
            SignatureVersion::V1 => sign_v1::sign(head, subject, credentials, self.now()),
            SignatureVersion::V4 => sign_v4::sign(head, subject, credentials, &[], self.now()),
        }
        .map_err(unsigned)
    }

    /// Signs the address of a request instead of its headers, good for some seconds from now, or until temporary credentials end. Gives the
    /// address and the end of its life.
    pub(crate) async fn presign(&self, request: &Request, seconds: u32) -> Result<(Uri, Timestamp), Failure> {
        let Some(credentials) = &self.0.credentials else {
            return Err(Failure::new(ErrorKind::Usage, "a store without credentials cannot sign addresses"));
        };
        let (mut head, subject) = (request.head(&self.0.endpoint)?, self.subject(request));
        let grant = credentials.current().await?;
        let now = self.now();
        let left = grant.expires.map_or(i64::MAX, |end| end.duration_since(now).as_secs());
        let seconds = u32::try_from(left.max(0)).unwrap_or(u32::MAX).min(seconds);
        if seconds == 0 {
            return Err(Failure::new(
                ErrorKind::Credentials,
                "the temporary credentials end now; get others",
            ));
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

    async fn refused(&self, status: StatusCode, headers: &HeaderMap, body: Body) -> Failure {
        let document = tokio::time::timeout(STALL_TIMEOUT, read_up_to(body, MAX_ERROR_BYTES)).await;
        let document = document.ok().and_then(Result::ok).flatten().unwrap_or_default();
        let error = ServiceError::from_reply(status, headers, &document);
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            let message = format!(
                "HTTP {}: redirects are not followed; give the endpoint of the bucket's region",
                status.as_u16()
            );
            return Failure {
                request_id: Some(error.request_id),
                ..Failure::new(ErrorKind::Protocol, message)
            };
        }
        let mut failure = Failure::from(error);
        failure.retry_after = retry_after(headers);
        if failure.is_skewed()
            && let Some(ahead) = self.0.skew.learn(headers, (self.0.clock)())
        {
            failure.message = format!("{} (it is {} minutes off)", failure.message, ahead.as_mins().abs());
        }
        failure
    }
}

/// The seconds of `Retry-After` (RFC 9110, section 10.2.3); its other form, a date, counts as none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn unsigned(error: SignError) -> Failure {
    Failure::new(ErrorKind::Usage, format!("the request cannot be signed: {error}"))
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
