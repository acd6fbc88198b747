//! One request of a case, with whatever is odd about it, and its reply.

use bytes::Bytes;
use futures_util::stream;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use jiff::{SignedDuration, Timestamp};
use osseal_wire::oss::request::Request;
use osseal_wire::oss::{
    Credentials, ObjectReply, PutReply, ServiceError, Subject, presign_v4, sign_v1, sign_v4,
};

use crate::body;
use crate::expect::{Outcome, Stop, readable};
use crate::probe::Probe;

/// How a request is signed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signing {
    V4,
    V1,
    /// In the address, good for so many seconds.
    V4Query(u32),
    /// In the address, good until so many seconds from now.
    V1Query(i64),
    Nobody,
}

/// A request that has not been sent yet.
pub(super) struct Letter<'a> {
    probe: &'a Probe<'a>,
    request: Request,
    body: Bytes,
    headers: Vec<(&'static str, String)>,
    path_suffix: String,
    credentials: Option<Credentials>,
    signing: Signing,
    skew: SignedDuration,
    is_chunked: bool,
}

impl<'a> Letter<'a> {
    pub(super) fn new(probe: &'a Probe<'a>, request: Request) -> Letter<'a> {
        Letter {
            probe,
            body: request.body().unwrap_or_default(),
            request,
            headers: Vec::new(),
            path_suffix: String::new(),
            credentials: probe.target.credentials.clone(),
            signing: Signing::V4,
            skew: SignedDuration::ZERO,
            is_chunked: false,
        }
    }

    pub(super) fn body(self, body: impl Into<Bytes>) -> Self {
        Letter { body: body.into(), ..self }
    }

    /// Sends the body without saying before how long it is.
    pub(super) fn chunked(self) -> Self {
        Letter { is_chunked: true, ..self }
    }

    /// Sets a header that the request's type does not have.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Makes the key longer than the request's type lets it be, by letters that need no escaping.
    pub(super) fn longer_by(self, suffix: impl Into<String>) -> Self {
        Letter { path_suffix: suffix.into(), ..self }
    }

    pub(super) fn signed(self, signing: Signing) -> Self {
        Letter { signing, ..self }
    }

    pub(super) fn signed_by(self, credentials: Credentials) -> Self {
        Letter { credentials: Some(credentials), ..self }
    }

    /// Signs with a clock that is off.
    pub(super) fn skewed(self, skew: SignedDuration) -> Self {
        Letter { skew, ..self }
    }

    pub(super) async fn send(self) -> Outcome<Reply> {
        let target = self.probe.target;
        let mut head = readable("a request that can be built", self.request.head(&target.endpoint))?;
        if !self.path_suffix.is_empty() {
            let address = format!("{}{}", head.uri, self.path_suffix);
            head.uri = readable("an address", address.parse())?;
        }
        for (name, value) in &self.headers {
            let value = readable("a header value", HeaderValue::from_str(value))?;
            head.headers.insert(HeaderName::from_static(name), value);
        }
        if self.is_chunked {
            let chunked = HeaderValue::from_static("chunked");
            head.headers.insert(http::header::TRANSFER_ENCODING, chunked);
        } else if matches!(head.method, Method::PUT | Method::POST) {
            head.headers.insert(http::header::CONTENT_LENGTH, self.body.len().into());
        }
        self.sign(&mut head)?;
        let length = self.body.len() as u64;
        let body = if self.is_chunked { pieces(&self.body) } else { body::full(self.body) };
        self.probe.traces.send(target, &self.request, head, body, length).await
    }

    fn sign(&self, head: &mut Parts) -> Outcome {
        let Some(credentials) = &self.credentials else { return Ok(()) };
        let key = self.request.key.as_deref().map(|key| format!("{key}{}", self.path_suffix));
        let (bucket, region) = (self.request.bucket.as_deref(), &*self.probe.target.region);
        let subject = Subject { bucket, key: key.as_deref(), region };
        let now = Timestamp::now() + self.skew;
        let signed = match self.signing {
            Signing::V4 => sign_v4::sign(head, subject, credentials, &[], now),
            Signing::V1 => sign_v1::sign(head, subject, credentials, now),
            Signing::V4Query(seconds) => presign_v4::presign(head, subject, credentials, &[], seconds, now),
            Signing::V1Query(seconds) => {
                sign_v1::presign(head, subject, credentials, now.as_second() + seconds)
            }
            Signing::Nobody => Ok(()),
        };
        readable("a request that can be signed", signed)
    }
}

/// A body whose length nobody can ask for.
fn pieces(bytes: &Bytes) -> body::Body {
    let middle = bytes.len() / 2;
    let halves = [bytes.slice(..middle), bytes.slice(middle..)].map(|half| Ok(http_body::Frame::data(half)));
    StreamBody::new(stream::iter(halves)).boxed_unsync()
}

/// A reply that has arrived whole.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    /// The value of a header; empty when it is not there.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Asserts a status of success.
    pub(super) fn answers(self, status: u16) -> Outcome<Reply> {
        if self.status.as_u16() == status {
            Ok(self)
        } else {
            Err(Stop::differs(format!("status {status}"), self.shown()))
        }
    }

    /// Asserts a refusal with this status and code and, where it is given, this EC.
    pub(super) fn refuses(self, status: u16, code: &str, ec: &str) -> Outcome<ServiceError> {
        let error = ServiceError::from_reply(self.status, &self.headers, &self.body);
        if self.status.as_u16() == status && error.code == code && (ec.is_empty() || error.ec == ec) {
            Ok(error)
        } else {
            Err(Stop::differs(format!("status {status}, code {code} {ec}").trim_end(), self.shown()))
        }
    }

    /// The head of an object.
    pub(super) fn object(&self) -> Outcome<ObjectReply> {
        readable("the head of an object", ObjectReply::from_head(self.status, &self.headers))
    }

    /// The head of something stored.
    pub(super) fn stored(self) -> Outcome<PutReply> {
        let reply = self.answers(200)?;
        readable("the head of something stored", PutReply::from_head(&reply.headers))
    }

    /// The status and, of a refusal, what it says.
    pub(super) fn shown(&self) -> String {
        let status = self.status.as_u16();
        if self.status.is_success() || self.status == StatusCode::NOT_MODIFIED {
            return format!("status {status}");
        }
        let error = ServiceError::from_reply(self.status, &self.headers, &self.body);
        format!("status {status}, code {} {}", error.code, error.ec).trim_end().to_owned()
    }
}
