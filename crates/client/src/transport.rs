//! The joint between the client and the bytes of HTTP: [`Transport`].

mod frame_splitter;
mod stall_detection;
mod throttled;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::{StreamExt, TryStreamExt};
use http_body::Body as _;
use http_body_util::{BodyDataStream, BodyExt, Empty, Full, StreamBody};

pub(crate) use stall_detection::{StallDetector, TooSlow, watch_request, watch_response};
pub use throttled::Throttled;

/// A body on its way out or in.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;
/// The error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Longest that making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends one HTTP request, and returns the reply as soon as its head has arrived.
///
/// A transport does not retry, follow redirects, decompress or sign; the layers above do. Requests carry `Host`, and
/// `Content-Length` if their length is known. Dropping the future or the reply's body closes the connection.
pub trait Transport: Send + Sync {
    /// Sends a request.
    fn send(
        &self,
        request: http::Request<Body>,
    ) -> BoxFuture<'static, Result<http::Response<Body>, TransportError>>;
}

/// A request that got no reply.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    message: String,
    is_retryable: bool,
    is_sent: bool,
    #[source]
    source: Option<BoxError>,
}

impl TransportError {
    /// No connection was made: no byte of the request was sent.
    pub fn unsent(message: impl Into<String>, source: impl Into<BoxError>) -> TransportError {
        TransportError { is_sent: false, ..TransportError::broken(message, source) }
    }

    /// The connection ended early, or it is not known how far the request came.
    pub fn broken(message: impl Into<String>, source: impl Into<BoxError>) -> TransportError {
        let source = Some(source.into());
        TransportError { message: message.into(), is_retryable: true, is_sent: true, source }
    }

    /// The other side does not speak the protocol.
    pub fn fatal(message: impl Into<String>, source: impl Into<BoxError>) -> TransportError {
        TransportError { is_retryable: false, ..TransportError::broken(message, source) }
    }

    /// The request cannot be sent, or the peer failed to authenticate: no byte of the request was sent.
    pub fn refused(message: impl Into<String>, source: impl Into<BoxError>) -> TransportError {
        TransportError { is_sent: false, ..TransportError::fatal(message, source) }
    }

    /// The reply did not come in time.
    pub(crate) fn late(limit: Duration) -> TransportError {
        TransportError {
            message: format!("no reply within {} s", limit.as_secs()),
            is_retryable: true,
            is_sent: true,
            source: None,
        }
    }

    /// Whether another attempt may succeed.
    pub const fn is_retryable(&self) -> bool {
        self.is_retryable
    }

    /// Whether bytes of the request may have left.
    pub const fn is_sent(&self) -> bool {
        self.is_sent
    }
}

/// HTTP/1.1 over TLS, or in the clear. Verifies certificates against the system roots. Does not follow redirects,
/// decompress replies, or use proxies of the environment.
#[derive(Clone, Debug)]
pub struct Https {
    client: reqwest::Client,
}

impl Https {
    /// A transport with a pool of connections of its own.
    pub fn new() -> Result<Https, TransportError> {
        Https::build(|builder| builder)
    }

    /// Like [`Https::new`], for a server with its own certificate authority, such as a dedicated KMS instance: trusts the
    /// certificates in `pem` and no others.
    ///
    /// # Errors
    /// `pem` holds no certificate.
    pub fn trusting(pem: &[u8]) -> Result<Https, TransportError> {
        let malformed = |error: BoxError| TransportError::refused("the PEM file holds no certificate", error);
        let authorities =
            reqwest::Certificate::from_pem_bundle(pem).map_err(|error| malformed(error.into()))?;
        if authorities.is_empty() {
            return Err(malformed("it has no section CERTIFICATE".into()));
        }
        Https::build(|builder| builder.tls_certs_only(authorities))
    }

    fn build(
        with: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Https, TransportError> {
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("osseal/", env!("CARGO_PKG_VERSION")));
        let client = with(builder).build();
        Ok(Https { client: client.map_err(|error| TransportError::refused("TLS cannot be set up", error))? })
    }
}

impl Transport for Https {
    fn send(
        &self,
        request: http::Request<Body>,
    ) -> BoxFuture<'static, Result<http::Response<Body>, TransportError>> {
        let client = self.client.clone();
        async move {
            let (head, body) = request.into_parts();
            let nothing = body.is_end_stream() && !head.headers.contains_key(http::header::CONTENT_LENGTH);
            let request = http::Request::from_parts(head, outgoing(body).await?);
            let mut request = reqwest::Request::try_from(request)
                .map_err(|error| TransportError::refused("the request is malformed", error))?;
            if nothing {
                *request.body_mut() = None;
            }
            let response = client.execute(request).await.map_err(classify)?;
            let broken = |error: reqwest::Error| BoxError::from(error.without_url());
            Ok(http::Response::<reqwest::Body>::from(response)
                .map(|body| body.map_err(broken).boxed_unsync()))
        }
        .boxed()
    }
}

/// Sends a body of one frame as it is; others are streamed with the length in the head.
async fn outgoing(mut body: Body) -> Result<reqwest::Body, TransportError> {
    if body.is_end_stream() {
        return Ok(reqwest::Body::from(Bytes::new()));
    }
    if body.size_hint().exact().is_none() {
        return Ok(reqwest::Body::wrap_stream(BodyDataStream::new(body)));
    }
    let first = match body.frame().await {
        Some(frame) => frame
            .map_err(|error| TransportError::broken("the request's body broke off", error))?
            .into_data()
            .unwrap_or_default(),
        None => Bytes::new(),
    };
    if body.is_end_stream() {
        return Ok(reqwest::Body::from(first));
    }
    let rest = BodyDataStream::new(body);
    Ok(reqwest::Body::wrap_stream(futures_util::stream::iter([Ok(first)]).chain(rest)))
}

fn classify(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    // An invalid request or certificate fails the same way on a retry.
    let tls = error.is_connect() && root_text(&error).contains("certificate");
    if tls {
        TransportError::refused("the endpoint's TLS certificate is not accepted", error)
    } else if error.is_builder() {
        TransportError::refused("the request is malformed", error)
    } else if error.is_connect() {
        TransportError::unsent("no connection to the endpoint", error)
    } else {
        TransportError::broken("the connection broke", error)
    }
}

fn root_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(&source.to_string());
        next = source.source();
    }
    text.to_lowercase()
}

/// Hands requests to a function in this process, such as a development server's.
pub struct InProcess {
    handler: Arc<Handler>,
}

type Handler = dyn Fn(http::Request<Body>) -> BoxFuture<'static, Result<http::Response<Body>, TransportError>>
    + Send
    + Sync;

impl InProcess {
    /// A transport to `handler`, whose error is a connection that ends without a reply.
    pub fn new<F, R, E>(handler: F) -> InProcess
    where
        F: Fn(http::Request<Body>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<http::Response<Body>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let handler = move |request| {
            let reply = handler(request);
            async move { reply.await.map_err(|error| TransportError::broken("the connection broke", error)) }
                .boxed()
        };
        InProcess { handler: Arc::new(handler) }
    }
}

impl Transport for InProcess {
    fn send(
        &self,
        request: http::Request<Body>,
    ) -> BoxFuture<'static, Result<http::Response<Body>, TransportError>> {
        (self.handler)(request)
    }
}

pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn stream(
    pieces: impl futures_util::Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
) -> Body {
    StreamBody::new(pieces.map_ok(http_body::Frame::data)).boxed_unsync()
}

/// Reads a body; `None` when it is longer than `most` bytes.
pub(crate) async fn read_up_to(mut body: Body, most: usize) -> Result<Option<Bytes>, BoxError> {
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
