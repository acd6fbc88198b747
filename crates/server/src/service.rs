//! The service: a request in, a reply out.
//!
//! ```text
//!   head ─▶ faults on order ─▶ signature ─▶ typed call ─▶ rules ─▶ backend ─▶ reply
//!   body ───────────────────────────────── ledger ────────▲
//! ```

mod builder;
pub(crate) mod listener;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use osseal_wire::oss::reply::REQUEST_ID;
use osseal_wire::oss::request::Call;
use osseal_wire::oss::{BodyKind, Hosts, Operation, Request, ServiceError, http_date};

use crate::backend::memory::Memory;
use crate::backend::{BackendError, Place};
use crate::body::ingest::{BodyFailure, Incoming};
use crate::body::{Body, BoxError, Closed, collect};
use crate::fault::apply::{self, Plan};
use crate::ops::state::{Answer, Inner, Outcome, refusal_of};
use crate::rules::quirks::Quirks;
use crate::rules::{error_reply, random};

pub use builder::ServiceBuilder;

/// An object store. Clones share it.
#[derive(Clone)]
pub struct Service(pub(crate) Arc<Inner>);

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
    async fn answer(&self, head: Parts, mut body: Body) -> Result<Response<Body>, Closed> {
        let request_id = random::request_id();
        let carries_document = Request::operation(&head, &self.hosts)
            .is_ok_and(|operation| operation.request_body() == BodyKind::Document);
        let document = if carries_document { Some(collect(&mut body).await?) } else { None };
        let request = match &document {
            None => Request::from_http(&head, &self.hosts, b""),
            Some(Some(document)) => Request::from_http(&head, &self.hosts, document),
            Some(None) => Err(error_reply::too_large()),
        };
        let operation = request.as_ref().ok().map(|request| request.call.operation());
        let key = request.as_ref().ok().and_then(|request| request.key.as_deref());
        let plan =
            Plan::new(self.faults.as_ref().map(|faults| faults.meet(operation, key)).unwrap_or_default());
        plan.before().await?;
        let outcome = match plan.refusal() {
            Some(refusal) => Err(refusal),
            None => self.perform(&head, request, body, &plan).await?,
        };
        let answer = outcome.unwrap_or_else(|error| refused(&head, error, &request_id));
        // Not the query: whoever knows a presigned one may use it.
        let operation = operation.map_or("Unknown", Operation::name);
        tracing::debug!(%operation, method = %head.method, path = head.uri.path(), status = answer.status.as_u16(), request_id);
        let mut response = Response::new(answer.body);
        (*response.status_mut(), *response.headers_mut()) = (answer.status, answer.headers);
        self.sign_off(response.headers_mut(), &request_id);
        apply::after(response, &plan)
    }

    /// Checks the signature, then does what is asked. Bodies of refused requests are read all the same, for the ledger.
    async fn perform(
        &self,
        head: &Parts,
        request: Result<Request, ServiceError>,
        body: Body,
        plan: &Plan,
    ) -> Result<Outcome, Closed> {
        let authorized = self.authorize(head, request.as_ref().ok()).await;
        let request = match (authorized, request) {
            (Err(refusal), Ok(request)) if request.call.operation().request_body() == BodyKind::Content => {
                self.incoming(&request, body, plan.stop_reading()).await.drain().await;
                return Ok(Err(refusal));
            }
            (Err(refusal), _) | (Ok(()), Err(refusal)) => return Ok(Err(refusal)),
            (Ok(()), Ok(request)) => request,
        };
        if request.call.operation().request_body() == BodyKind::Content {
            let measured =
                head.headers.contains_key("content-length") || head.headers.contains_key("transfer-encoding");
            if !measured {
                return Ok(Err(error_reply::missing_length()));
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
            Call::AppendObject(append) => self.append_object(place, append, incoming).await,
            _ => Err(BackendError::Body(error_reply::internal().into())),
        }
    }

    async fn dispatch(&self, request: Request) -> Outcome {
        let (bucket, key) = (request.bucket.as_deref(), request.key.as_deref());
        match (bucket, key) {
            (None, _) => match request.call {
                Call::ListBuckets(list) => self.list_buckets(&list).await,
                _ => Err(error_reply::internal()),
            },
            (Some(bucket), None) => match request.call {
                Call::PutBucket(put) => self.put_bucket(bucket, &put).await,
                Call::DeleteBucket => self.delete_bucket(bucket).await,
                Call::ListObjects(list) => self.list_objects(bucket, &list).await,
                Call::PutBucketVersioning(state) => self.put_versioning(bucket, state).await,
                Call::GetBucketVersioning => self.get_versioning(bucket).await,
                Call::ListObjectVersions(list) => self.list_versions(bucket, &list).await,
                Call::DeleteMultipleObjects(many) => self.delete_many(bucket, &many).await,
                Call::ListMultipartUploads(list) => self.list_uploads(bucket, &list).await,
                Call::PutBucketAcl(acl) => self.put_bucket_acl(bucket, acl).await,
                Call::GetBucketAcl => self.bucket_acl(bucket).await,
                Call::GetBucketInfo => self.bucket_info(bucket).await,
                Call::GetBucketLocation => self.bucket_location(bucket).await,
                Call::GetBucketStat => self.bucket_stat(bucket).await,
                _ => Err(error_reply::internal()),
            },
            (Some(bucket), Some(key)) => {
                let place = Place { bucket, key };
                match request.call {
                    Call::GetObject(get) => self.get_object(place, &get, true).await,
                    Call::HeadObject(get) => self.get_object(place, &get, false).await,
                    Call::DeleteObject(delete) => self.delete_object(place, &delete).await,
                    Call::CopyObject(copy) => self.copy_object(place, &copy).await,
                    Call::InitiateMultipartUpload(put) => self.initiate(place, &put).await,
                    Call::ListParts(list) => self.list_parts(place, &list).await,
                    Call::CompleteMultipartUpload(complete) => self.complete(place, &complete).await,
                    Call::AbortMultipartUpload { upload_id } => self.abort(place, &upload_id).await,
                    call => self.dispatch_about(place, call).await,
                }
            }
        }
    }

    /// Calls about what belongs to an object.
    async fn dispatch_about(&self, place: Place<'_>, call: Call) -> Outcome {
        match call {
            Call::UploadPartCopy(copy) => self.upload_part_copy(place, &copy).await,
            Call::GetObjectMeta { version_id } => self.object_meta(place, version_id.as_deref()).await,
            Call::PutObjectTagging(put) => self.put_tagging(place, &put).await,
            Call::GetObjectTagging { version_id } => self.tagging(place, version_id.as_deref()).await,
            Call::DeleteObjectTagging { version_id } => {
                self.delete_tagging(place, version_id.as_deref()).await
            }
            Call::PutObjectAcl(put) => self.put_object_acl(place, &put).await,
            Call::GetObjectAcl { version_id } => self.object_acl(place, version_id.as_deref()).await,
            Call::PutSymlink(put) => self.put_symlink(place, &put).await,
            Call::GetSymlink { version_id } => self.symlink(place, version_id.as_deref()).await,
            _ => Err(error_reply::internal()),
        }
    }

    fn sign_off(&self, headers: &mut HeaderMap, request_id: &str) {
        let mut set = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        set("server", "AliyunOSS");
        set("date", &http_date((self.clock)()));
        set(REQUEST_ID, request_id);
    }
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
