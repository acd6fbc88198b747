//! Plain calls: signing, retries, errors. Nothing here knows about encryption.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use osseal_wire::oss::reply::ReplyError;
use osseal_wire::oss::request::{Call, ListBuckets, Request};
use osseal_wire::oss::xml::{ListBucketsResult, MAX_DOCUMENT, XmlError};
use osseal_wire::oss::{Credentials, Endpoint, ServiceError, Subject, parse_http_date, sign_v4};
use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Failure, Scene};
use crate::retry::{Budget, RetryPolicy};
use crate::transport::{self, Body, Https, Transport, TransportError};

/// What time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Longest wait for a reply's head, beside the time that sending the body takes at [`SLOWEST`].
const PATIENCE: Duration = Duration::from_secs(60);
/// Slowest upload that is not given up, bytes per second.
const SLOWEST: u64 = 32 << 10;
/// Most bytes of an error document that are read.
const MAX_ERROR: usize = 64 << 10;

/// An account at one endpoint. Clones share connections, the retry budget and the clock's correction.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    region: String,
    credentials: Credentials,
    transport: Arc<dyn Transport>,
    retry: RetryPolicy,
    budget: Budget,
    clock: Clock,
    /// Seconds to add to our clock to have the service's.
    skew: AtomicI64,
    cleaning: AtomicUsize,
    cleaned: Notify,
}

/// Puts a [`Store`] together.
pub struct StoreBuilder {
    endpoint: Endpoint,
    region: String,
    credentials: Option<Credentials>,
    transport: Option<Arc<dyn Transport>>,
    retry: RetryPolicy,
    clock: Clock,
    allow_plain_http: bool,
}

/// A bucket of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketEntry {
    /// Its name.
    pub name: String,
    /// Its region, such as `cn-hangzhou`.
    pub region: String,
    /// When it was made, ISO 8601.
    pub creation_date: String,
}

/// A body that a call sends.
pub(crate) enum Payload {
    None,
    /// Sent again on a retry, byte for byte.
    Bytes(Bytes),
    /// Sent once.
    Stream(Body),
}

/// A reply with a status of success.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// How often the call was sent.
    pub(crate) attempts: u32,
}

impl Reply {
    /// The document of the reply, within bounds.
    pub(crate) async fn document(self) -> Result<Bytes, Failure> {
        match tokio::time::timeout(PATIENCE, read_up_to(self.body, MAX_DOCUMENT)).await {
            Ok(Ok(Some(document))) => Ok(document),
            Ok(Ok(None)) => Err(ReplyError::Xml(XmlError::TooLarge).into()),
            Ok(Err(error)) => Err(TransportError::broken("the reply broke off", error).into()),
            Err(_) => Err(TransportError::late(PATIENCE).into()),
        }
    }
}

impl StoreBuilder {
    /// Who signs. Needed.
    #[must_use]
    pub fn credentials(self, credentials: Credentials) -> Self {
        StoreBuilder { credentials: Some(credentials), ..self }
    }

    /// Another way to send requests than [`Https`].
    #[must_use]
    pub fn transport(self, transport: Arc<dyn Transport>) -> Self {
        StoreBuilder { transport: Some(transport), ..self }
    }

    /// How often and how patiently calls are repeated.
    #[must_use]
    pub fn retry(self, retry: RetryPolicy) -> Self {
        StoreBuilder { retry, ..self }
    }

    /// Most attempts of one call.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.retry.attempts = attempts;
        self
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        StoreBuilder { clock, ..self }
    }

    /// Allows requests without TLS to hosts other than this machine. Whoever is between can read the token of temporary credentials and
    /// replay requests.
    #[must_use]
    pub fn allow_plain_http(self) -> Self {
        StoreBuilder { allow_plain_http: true, ..self }
    }

    /// The store.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: no credentials, no region, plain http to another machine without leave. [`ErrorKind::Local`]: TLS cannot be
    /// set up.
    pub fn build(self) -> Result<Store, Error> {
        let scene = Scene { operation: "open the store", ..Scene::default() };
        let usage = |message: &str| Failure::new(ErrorKind::Usage, message).at(scene);
        if self.endpoint.is_plain_http() && !self.endpoint.is_loopback() && !self.allow_plain_http {
            return Err(usage(
                "the endpoint is plain http to another machine; use https, or allow plain http by name",
            ));
        }
        if self.region.is_empty() {
            return Err(usage("no region; signatures name it, such as cn-hangzhou"));
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
        Ok(Store(Arc::new(Inner {
            endpoint: self.endpoint,
            region: self.region,
            credentials,
            transport,
            retry: self.retry,
            budget: Budget::default(),
            clock: self.clock,
            skew: AtomicI64::new(0),
            cleaning: AtomicUsize::new(0),
            cleaned: Notify::new(),
        })))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("endpoint", &self.0.endpoint.to_string())
            .field("region", &self.0.region)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Begins a store at `endpoint` in `region`, such as `cn-hangzhou`.
    pub fn builder(endpoint: Endpoint, region: impl Into<String>) -> StoreBuilder {
        StoreBuilder {
            endpoint,
            region: region.into(),
            credentials: None,
            transport: None,
            retry: RetryPolicy::default(),
            clock: Arc::new(Timestamp::now),
            allow_plain_http: false,
        }
    }

    /// All buckets of the account, by name.
    pub async fn list_buckets(&self) -> Result<Vec<BucketEntry>, Error> {
        let scene = Scene { operation: "list buckets", ..Scene::default() };
        let mut buckets = Vec::new();
        let mut marker = String::new();
        loop {
            let call = Call::ListBuckets(ListBuckets { marker: marker.clone(), ..ListBuckets::default() });
            let page = self.document(None, None, call).await.map_err(|failure| failure.at(scene))?;
            let page = ListBucketsResult::from_xml(&page)
                .map_err(|error| Failure::from(ReplyError::Xml(error)).at(scene))?;
            buckets.extend(page.buckets.bucket.into_iter().map(|bucket| BucketEntry {
                name: bucket.name,
                region: bucket.region,
                creation_date: bucket.creation_date,
            }));
            if !page.is_truncated {
                return Ok(buckets);
            }
            if page.next_marker <= marker {
                let reason = "its continuation is missing or leads nowhere";
                return Err(Failure::from(ReplyError::Listing { reason }).at(scene));
            }
            marker = page.next_marker;
        }
    }

    /// Makes a bucket. One that exists and is ours stays as it is.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), Error> {
        let scene = Scene { operation: "make the bucket", bucket: Some(bucket), key: None };
        self.document(Some(bucket), None, Call::PutBucket)
            .await
            .map(drop)
            .map_err(|failure| failure.at(scene))
    }

    /// Removes an empty bucket.
    pub async fn delete_bucket(&self, bucket: &str) -> Result<(), Error> {
        let scene = Scene { operation: "remove the bucket", bucket: Some(bucket), key: None };
        match self.document(Some(bucket), None, Call::DeleteBucket).await {
            // An earlier attempt did it, and its reply was lost.
            Err(failure) if failure.kind == ErrorKind::NotFound && failure.attempts > 1 => Ok(()),
            other => other.map(drop).map_err(|failure| failure.at(scene)),
        }
    }

    /// Waits until what dropped operations left behind is cleaned up.
    pub async fn idle(&self) {
        loop {
            let cleaned = self.0.cleaned.notified();
            if self.0.cleaning.load(Ordering::Acquire) == 0 {
                return;
            }
            cleaned.await;
        }
    }

    /// Runs `work` in the background; [`Store::idle`] waits for it.
    pub(crate) fn clean_up(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let inner = self.0.clone();
            inner.cleaning.fetch_add(1, Ordering::AcqRel);
            runtime.spawn(async move {
                work.await;
                inner.cleaning.fetch_sub(1, Ordering::AcqRel);
                inner.cleaned.notify_waiters();
            });
        }
    }

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
        let (repeatable, mut once) = match payload {
            Payload::None => (request.body(), None),
            Payload::Bytes(bytes) => (Some(bytes), None),
            Payload::Stream(body) => (None, Some(body)),
        };
        let streams = once.is_some();
        let mut delays = self.0.retry.delays();
        let mut attempts = 0;
        let mut corrected = false;
        loop {
            attempts += 1;
            let body = once
                .take()
                .unwrap_or_else(|| repeatable.clone().map_or_else(transport::empty, transport::full));
            let limit = (!streams).then(|| {
                PATIENCE + Duration::from_secs(repeatable.as_ref().map_or(0, Bytes::len) as u64 / SLOWEST)
            });
            let mut failure = match self.attempt(&request, body, limit).await {
                Ok((status, headers, body)) => {
                    self.0.budget.refill();
                    return Ok(Reply { status, headers, body, attempts });
                }
                Err(failure) => failure,
            };
            failure.attempts = attempts;
            if streams {
                return Err(failure);
            }
            if failure.code == "RequestTimeTooSkewed"
                && !corrected
                && self.0.skew.load(Ordering::Relaxed) != 0
            {
                corrected = true;
                continue;
            }
            let wait = delays.next().filter(|_| failure.is_transient() && self.0.budget.spend());
            let Some(wait) = wait else { return Err(failure) };
            tracing::debug!(
                operation = request.call.name(),
                attempts,
                ?wait,
                message = failure.message,
                "trying again"
            );
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        body: Body,
        limit: Option<Duration>,
    ) -> Result<(StatusCode, HeaderMap, Body), Failure> {
        let mut head = request.head(&self.0.endpoint)?;
        let carries = matches!(head.method, Method::PUT | Method::POST);
        if let Some(exact) = http_body::Body::size_hint(&body).exact() {
            if carries {
                head.headers.insert(http::header::CONTENT_LENGTH, exact.into());
            }
        } else if !head.headers.contains_key(http::header::CONTENT_LENGTH) {
            head.headers.insert(http::header::TRANSFER_ENCODING, http::HeaderValue::from_static("chunked"));
        }
        let subject = Subject {
            bucket: request.bucket.as_deref(),
            key: request.key.as_deref(),
            region: &self.0.region,
        };
        let now = (self.0.clock)() + SignedDuration::from_secs(self.0.skew.load(Ordering::Relaxed));
        sign_v4::sign(&mut head, subject, &self.0.credentials, &[], now).map_err(|error| {
            Failure::new(ErrorKind::Usage, format!("the request cannot be signed: {error}"))
        })?;
        let sent = self.0.transport.send(http::Request::from_parts(head, body));
        let response = match limit {
            Some(limit) => tokio::time::timeout(limit, sent)
                .await
                .unwrap_or_else(|_| Err(TransportError::late(limit)))?,
            None => sent.await?,
        };
        let (head, body) = response.into_parts();
        if head.status.is_success() {
            return Ok((head.status, head.headers, body));
        }
        Err(self.refused(head.status, &head.headers, body).await)
    }

    async fn refused(&self, status: StatusCode, headers: &HeaderMap, body: Body) -> Failure {
        let document = tokio::time::timeout(PATIENCE, read_up_to(body, MAX_ERROR)).await;
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
        if failure.code == "RequestTimeTooSkewed"
            && let Some(theirs) =
                headers.get("date").and_then(|date| date.to_str().ok()).and_then(parse_http_date)
        {
            let ours = (self.0.clock)();
            let skew = theirs.duration_since(ours).as_secs();
            self.0.skew.store(skew, Ordering::Relaxed);
            failure.message = format!("{} (it is {} minutes off)", failure.message, skew.abs() / 60);
        }
        failure
    }
}

/// Reads a body; `None` when it is longer than `most` bytes.
async fn read_up_to(mut body: Body, most: usize) -> Result<Option<Bytes>, transport::BoxError> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let data = frame?.into_data().unwrap_or_default();
        if read.len() + data.len() > most {
            return Ok(None);
        }
        read.extend_from_slice(&data);
    }
    Ok(Some(read.freeze()))
}
