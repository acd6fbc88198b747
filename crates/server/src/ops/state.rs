//! The state of a service, and the answers of its operations.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use osseal_wire::oss::reply::PutReply;
use osseal_wire::oss::{CopyReply, Credentials, Hosts, ServiceError};

use crate::backend::{Backend, BackendError};
use crate::body::ingest::BodyFailure;
use crate::body::{self, Body};
use crate::fault::Faults;
use crate::ledger::Ledger;
use crate::rules::clock::Clock;
use crate::rules::cse_rules::{self, Declared};
use crate::rules::error_reply;
use crate::rules::error_reply::marked;
use crate::rules::quirks::Quirks;

/// The state of a service.
pub(crate) struct Inner {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) region: String,
    pub(crate) quirks: Quirks,
    /// `None` lets everybody in.
    pub(crate) credentials: Option<Vec<Credentials>>,
    pub(crate) hosts: Hosts,
    pub(crate) clock: Clock,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) faults: Option<Faults>,
}

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
        Answer::empty(StatusCode::OK).with(reply)
    }

    /// Adds what a reply says about something that was stored.
    pub(crate) fn with(mut self, reply: &PutReply) -> Outcome {
        self.headers.extend(reply.to_headers().map_err(|_| error_reply::internal())?);
        Ok(self)
    }

    /// Adds what a reply says about versions that were copied.
    pub(crate) fn copied(mut self, reply: &CopyReply) -> Outcome {
        self.headers.extend(reply.to_headers().map_err(|_| error_reply::internal())?);
        Ok(self)
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Timestamp {
        let now = (self.clock)();
        // Records keep whole milliseconds.
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// Headers of the encryption family that a set of pairs declares.
pub(crate) fn declared(pairs: &[(String, Vec<u8>)]) -> Declared<'_> {
    cse_rules::Declared::of(pairs.iter().map(|(name, value)| (name.as_str(), value.as_slice())))
}

/// The service's words for what a backend says.
pub(crate) fn refusal_of(error: BackendError) -> ServiceError {
    match error {
        BackendError::NoSuchBucket => error_reply::no_such_bucket(),
        BackendError::BucketNotEmpty => error_reply::bucket_not_empty(),
        BackendError::NoSuchKey => error_reply::no_such_key(),
        BackendError::NoSuchVersion => error_reply::no_such_version(),
        BackendError::Deleted { marker } => marked(error_reply::no_such_key(), marker.as_str()),
        BackendError::IsMarker { marker } => marked(error_reply::is_marker(), marker.as_str()),
        BackendError::NoSuchUpload => error_reply::no_such_upload(),
        BackendError::Exists => error_reply::exists(),
        BackendError::Changed => error_reply::invalid_part(),
        BackendError::Body(BodyFailure::Refused(refusal)) => refusal,
        BackendError::Body(BodyFailure::Lost) => error_reply::incomplete_body(),
        BackendError::Damaged { .. } | BackendError::Io { .. } => {
            tracing::error!(%error, "the backend failed");
            error_reply::internal()
        }
    }
}
