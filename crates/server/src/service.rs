//! The service: a request in, a reply out.
//!
//! ```text
//!   head ─▶ faults on order ─▶ signature ─▶ typed call ─▶ rules ─▶ backend ─▶ reply
//!   body ───────────────────────────────── ledger ────────▲
//! ```

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use osseal_wire::oss::reply::PutReply;
use osseal_wire::oss::request::Call;
use osseal_wire::oss::xml::MAX_DOCUMENT;
use osseal_wire::oss::{Credentials, Hosts, Request, ServiceError, Subject, auth, http_date};

use crate::backend::disk::{Disk, OpenError};
use crate::backend::memory::Memory;
use crate::backend::{Backend, BackendError, Place};
use crate::body::{self, Body, BoxError};
use crate::cse_rules::{self, Declared};
use crate::faults::Faults;
use crate::faulty::{self, Plan};
use crate::ingest::{BodyFailure, Demands, Incoming};
use crate::ledger::{self, Ledger};
use crate::quirks::Quirks;
use crate::versions::marked;
use crate::{Operation, random, refusal};

/// What time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// An object store. Clones share it.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) region: String,
    pub(crate) quirks: Quirks,
    /// `None` lets everybody in.
    credentials: Option<Vec<Credentials>>,
    hosts: Hosts,
    clock: Clock,
    ledger: Option<Ledger>,
    faults: Option<Faults>,
}

/// The connection ends without a reply, or with half of one: a fault on order, or a client that went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed")]
pub struct Closed;

/// A reply before the headers that all replies have.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

/// How an operation ends.
pub(crate) type Outcome = Result<Answer, ServiceError>;

impl Answer {
    pub(crate) fn empty(status: StatusCode) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body::empty() }
    }

    pub(crate) fn xml(document: String) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(document.len()));
        Answer { status: StatusCode::OK, headers, body: body::full(document) }
    }

    pub(crate) fn stored(reply: &PutReply) -> Outcome {
        let headers = reply.to_headers().map_err(|_| refusal::internal())?;
        Ok(Answer { headers, ..Answer::empty(StatusCode::OK) })
    }
}

/// Puts a [`Service`] together.
pub struct ServiceBuilder {
    backend: Arc<dyn Backend>,
    region: String,
    quirks: Quirks,
    credentials: Option<Vec<Credentials>>,
    hosts: Hosts,
    clock: Clock,
    ledger: Option<Ledger>,
    faults: Option<Faults>,
}

impl ServiceBuilder {
    /// Keeps everything in memory, which is the default.
    #[must_use]
    pub fn memory(self) -> Self {
        ServiceBuilder { backend: Arc::new(Memory::new()), ..self }
    }

    /// Keeps everything in a folder, which is made where it does not exist. One process at a time.
    ///
    /// # Errors
    /// [`OpenError`]: in use, not a store, unreadable.
    pub fn disk(self, folder: impl Into<std::path::PathBuf>) -> Result<Self, OpenError> {
        Ok(ServiceBuilder { backend: Arc::new(Disk::open(folder)?), ..self })
    }

    /// Keeps everything somewhere else.
    #[must_use]
    pub fn backend(self, backend: Arc<dyn Backend>) -> Self {
        ServiceBuilder { backend, ..self }
    }

    /// Who may do anything; nobody else may do something.
    #[must_use]
    pub fn credentials(self, credentials: Vec<Credentials>) -> Self {
        ServiceBuilder { credentials: Some(credentials), ..self }
    }

    /// Asks for no signature.
    #[must_use]
    pub fn anonymous(self) -> Self {
        ServiceBuilder { credentials: None, ..self }
    }

    /// The region that signatures must name; `cn-hangzhou` unless said.
    #[must_use]
    pub fn region(self, region: impl Into<String>) -> Self {
        ServiceBuilder { region: region.into(), ..self }
    }

    /// Domains whose first label is the bucket, besides `localhost` and the vendor's own.
    #[must_use]
    pub fn domains(mut self, domains: impl IntoIterator<Item = String>) -> Self {
        self.hosts.0.extend(domains);
        self
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        ServiceBuilder { clock, ..self }
    }

    /// Other behaviour where the vendor's sources leave a choice.
    #[must_use]
    pub fn quirks(self, quirks: Quirks) -> Self {
        ServiceBuilder { quirks, ..self }
    }

    /// Test mode: writes down every body received.
    #[must_use]
    pub fn ledger(self, ledger: Ledger) -> Self {
        ServiceBuilder { ledger: Some(ledger), ..self }
    }

    /// Test mode: counts calls and lets things go wrong on order.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        ServiceBuilder { faults: Some(faults), ..self }
    }

    /// The service.
    pub fn build(self) -> Service {
        Service(Arc::new(Inner {
            backend: self.backend,
            region: self.region,
            quirks: self.quirks,
            credentials: self.credentials,
            hosts: self.hosts,
            clock: self.clock,
            ledger: self.ledger,
            faults: self.faults,
        }))
    }
}

impl Service {
    /// A service in memory that lets nobody in until [`ServiceBuilder::credentials`] says who.
    pub fn builder() -> ServiceBuilder {
        ServiceBuilder {
            backend: Arc::new(Memory::new()),
            region: "cn-hangzhou".into(),
            quirks: Quirks::default(),
            credentials: Some(Vec::new()),
            hosts: Hosts::default(),
            clock: Arc::new(Timestamp::now),
            ledger: None,
            faults: None,
        }
    }

    /// Answers a request. Refusals are replies; an error is a connection that ends without one.
    pub fn call<B>(&self, request: http::Request<B>) -> BoxFuture<'static, Result<Response<Body>, Closed>>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (head, body) = request.into_parts();
        let (inner, body) = (self.0.clone(), body.map_err(Into::into).boxed_unsync());
        async move { inner.answer(head, body).await }.boxed()
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        let now = (self.clock)();
        // Records keep whole milliseconds.
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    async fn answer(&self, head: Parts, mut body: Body) -> Result<Response<Body>, Closed> {
        let request_id = random::request_id();
        let document = if carries_document(&head) { Some(collect(&mut body).await?) } else { None };
        let request = match &document {
            None => Request::from_http(&head, &self.hosts, b""),
            Some(Some(document)) => Request::from_http(&head, &self.hosts, document),
            Some(None) => Err(refusal::too_large()),
        };
        let operation = request.as_ref().map_or(Operation::Unknown, |request| Operation::of(&request.call));
        let key = request.as_ref().ok().and_then(|request| request.key.as_deref());
        let plan =
            Plan::new(self.faults.as_ref().map(|faults| faults.meet(operation, key)).unwrap_or_default());
        plan.before().await?;
        let outcome = match plan.refusal() {
            Some(refusal) => Err(refusal),
            None => self.perform(&head, request, body, &plan).await?,
        };
        let answer = outcome.unwrap_or_else(|error| refused(&head, error, &request_id));
        tracing::debug!(?operation, method = %head.method, uri = %head.uri, status = answer.status.as_u16(), request_id);
        let mut response = Response::new(answer.body);
        (*response.status_mut(), *response.headers_mut()) = (answer.status, answer.headers);
        self.sign_off(response.headers_mut(), &request_id);
        faulty::after(response, &plan)
    }

    /// Checks the signature, then does what is asked. Bodies of refused requests are read all the same, for the ledger.
    async fn perform(
        &self,
        head: &Parts,
        request: Result<Request, ServiceError>,
        body: Body,
        plan: &Plan,
    ) -> Result<Outcome, Closed> {
        let request = match (self.authorize(head), request) {
            (Err(refusal), Ok(request)) if request.call.carries_data() => {
                self.incoming(&request, body, plan.stop_reading()).await.drain().await;
                return Ok(Err(refusal));
            }
            (Err(refusal), _) | (Ok(()), Err(refusal)) => return Ok(Err(refusal)),
            (Ok(()), Ok(request)) => request,
        };
        if request.call.carries_data() {
            let measured =
                head.headers.contains_key("content-length") || head.headers.contains_key("transfer-encoding");
            if !measured {
                return Ok(Err(refusal::missing_length()));
            }
            let mut incoming = self.incoming(&request, body, plan.stop_reading()).await;
            let outcome = self.store(&request, &mut incoming).await;
            incoming.drain().await;
            return match outcome {
                Err(BackendError::Body(BodyFailure::Lost)) => Err(Closed),
                Err(error) => Ok(Err(refusal_of(error))),
                Ok(answer) => Ok(Ok(answer)),
            };
        }
        Ok(self.dispatch(request).await)
    }

    async fn store(&self, request: &Request, incoming: &mut Incoming) -> Result<Answer, BackendError> {
        let (Some(bucket), Some(key)) = (&request.bucket, &request.key) else {
            return Err(BackendError::NoSuchBucket);
        };
        let place = Place { bucket, key };
        match &request.call {
            Call::PutObject(put) => self.put_object(place, put, incoming).await,
            Call::UploadPart(part) => self.upload_part(place, part, incoming).await,
            _ => Err(BackendError::Body(refusal::internal().into())),
        }
    }

    async fn dispatch(&self, request: Request) -> Outcome {
        let (bucket, key) = (request.bucket.as_deref(), request.key.as_deref());
        match (bucket, key) {
            (None, _) => match request.call {
                Call::ListBuckets(list) => self.list_buckets(&list).await,
                _ => Err(refusal::internal()),
            },
            (Some(bucket), None) => match request.call {
                Call::PutBucket => self.put_bucket(bucket).await,
                Call::DeleteBucket => self.delete_bucket(bucket).await,
                Call::ListObjects(list) => self.list_objects(bucket, &list).await,
                Call::PutBucketVersioning(state) => self.put_versioning(bucket, state).await,
                Call::GetBucketVersioning => self.get_versioning(bucket).await,
                Call::ListVersions(list) => self.list_versions(bucket, &list).await,
                Call::DeleteMany(many) => self.delete_many(bucket, &many).await,
                _ => Err(refusal::internal()),
            },
            (Some(bucket), Some(key)) => {
                let place = Place { bucket, key };
                match request.call {
                    Call::GetObject(get) => self.get_object(place, &get, true).await,
                    Call::HeadObject(get) => self.get_object(place, &get, false).await,
                    Call::DeleteObject(delete) => self.delete_object(place, &delete).await,
                    Call::CopyObject(copy) => self.copy_object(place, &copy).await,
                    Call::Initiate(put) => self.initiate(place, &put).await,
                    Call::ListParts(list) => self.list_parts(place, &list).await,
                    Call::Complete(complete) => self.complete(place, &complete).await,
                    Call::Abort { upload_id } => self.abort(place, &upload_id).await,
                    _ => Err(refusal::internal()),
                }
            }
        }
    }

    fn authorize(&self, head: &Parts) -> Result<(), ServiceError> {
        let Some(credentials) = &self.credentials else { return Ok(()) };
        let (bucket, key) = Request::subject(head, &self.hosts)?;
        let subject = Subject { bucket: bucket.as_deref(), key: key.as_deref(), region: &self.region };
        let known = |id: &str| credentials.iter().find(|known| known.access_key_id == id).cloned();
        auth::verify(head, subject, known, (self.clock)())
    }

    /// The body of a call that carries data, entered into the ledger from its first byte.
    async fn incoming(&self, request: &Request, body: Body, stop_after: Option<u64>) -> Incoming {
        let (metadata, length, part) = match &request.call {
            Call::PutObject(put) => (Some(&put.metadata), put.content_length, None),
            Call::UploadPart(part) => (Some(&part.metadata), part.content_length, Some(part)),
            _ => (None, None, None),
        };
        let demands = Demands { length, largest: self.quirks.largest_body, stop_after, ..Demands::default() };
        let Some(ledger) = &self.ledger else { return Incoming::new(body, demands, None) };
        let (bucket, key) =
            (request.bucket.clone().unwrap_or_default(), request.key.clone().unwrap_or_default());
        let upload = match part {
            Some(part) => {
                self.backend.upload(Place { bucket: &bucket, key: &key }, &part.upload_id).await.ok()
            }
            None => None,
        };
        let own: Vec<(String, Vec<u8>)> = metadata
            .map(|metadata| metadata.pairs().map(|(name, value)| (name.to_owned(), value.to_vec())).collect())
            .unwrap_or_default();
        let theirs = upload.map(|(upload, _)| upload.meta.0.clone()).unwrap_or_default();
        let is_envelope = |(name, _): &&(String, Vec<u8>)| ledger::is_envelope(name);
        let from = if own.iter().any(|pair| is_envelope(&pair)) { own } else { theirs };
        let envelope: Vec<(String, Vec<u8>)> = from.iter().filter(is_envelope).cloned().collect();
        let sizes =
            Declared::of(envelope.iter().map(|(name, value)| (name.as_str(), value.as_slice()))).plan();
        let stored_start = part.zip(sizes).map_or(0, |(part, plan)| plan.offset(part.part_number));
        let subject = ledger::Subject {
            bucket,
            key,
            upload_id: part.map(|part| part.upload_id.clone()),
            part_number: part.map(|part| part.part_number),
            envelope,
            stored_start,
        };
        Incoming::new(body, demands, Some(ledger.open(subject)))
    }

    fn sign_off(&self, headers: &mut HeaderMap, request_id: &str) {
        let mut set = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        set("server", "AliyunOSS");
        set("date", &http_date((self.clock)()));
        set("x-oss-request-id", request_id);
    }
}

/// Headers of the encryption family that a set of pairs declares.
pub(crate) fn declared(pairs: &[(String, Vec<u8>)]) -> Declared<'_> {
    cse_rules::Declared::of(pairs.iter().map(|(name, value)| (name.as_str(), value.as_slice())))
}

/// The service's words for what a backend says.
pub(crate) fn refusal_of(error: BackendError) -> ServiceError {
    match error {
        BackendError::NoSuchBucket => refusal::no_such_bucket(),
        BackendError::BucketNotEmpty => refusal::bucket_not_empty(),
        BackendError::NoSuchKey => refusal::no_such_key(),
        BackendError::NoSuchVersion => refusal::no_such_version(),
        BackendError::Deleted { marker } => marked(refusal::no_such_key(), marker.as_str()),
        BackendError::IsMarker { marker } => marked(refusal::is_marker(), marker.as_str()),
        BackendError::NoSuchUpload => refusal::no_such_upload(),
        BackendError::Exists => refusal::exists(),
        BackendError::Changed => refusal::invalid_part(),
        BackendError::Body(BodyFailure::Refused(refusal)) => refusal,
        BackendError::Body(BodyFailure::Lost) => refusal::incomplete_body(),
        BackendError::Damaged { .. } | BackendError::Io { .. } => {
            tracing::error!(%error, "the backend failed");
            refusal::internal()
        }
    }
}

fn carries_document(head: &Parts) -> bool {
    let names = head.uri.query().unwrap_or_default().split('&').map(|pair| pair.split('=').next());
    let mut names = names.flatten();
    match head.method {
        Method::POST => names.any(|name| matches!(name, "uploadId" | "delete")),
        Method::PUT => names.any(|name| name == "versioning"),
        _ => false,
    }
}

/// Reads a document; the inner `None` is one that is too large.
pub(crate) async fn collect(body: &mut Body) -> Result<Option<Bytes>, Closed> {
    let mut document = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let data = frame.map_err(|_| Closed)?.into_data().unwrap_or_default();
        if document.len() + data.len() > MAX_DOCUMENT {
            return Ok(None);
        }
        document.extend_from_slice(&data);
    }
    Ok(Some(document.freeze()))
}

/// A refusal as a reply: a document or, in answer to HEAD, a header.
fn refused(head: &Parts, mut error: ServiceError, request_id: &str) -> Answer {
    let host = head.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    request_id.clone_into(&mut error.request_id);
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status == StatusCode::NOT_MODIFIED {
        return Answer::empty(status);
    }
    let document = error.to_xml(host);
    let mut answer = if head.method == Method::HEAD {
        let mut answer = Answer::empty(status);
        if let Ok(value) = HeaderValue::from_str(&data_encoding::BASE64.encode(document.as_bytes())) {
            answer.headers.insert(HeaderName::from_static("x-oss-err"), value);
        }
        answer
    } else {
        Answer { status, ..Answer::xml(document) }
    };
    answer.headers.extend(error.to_headers());
    if let (false, Ok(ec)) = (error.ec.is_empty(), HeaderValue::from_str(&error.ec)) {
        answer.headers.insert(HeaderName::from_static("x-oss-ec"), ec);
    }
    answer
}
