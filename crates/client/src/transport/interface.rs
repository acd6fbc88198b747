//! [`Transport`]: the interface between the client and the bytes of HTTP.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::error::{ErrorKind, OpError, Outcome};

/// A body on its way out or in.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

/// The error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

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

impl From<TransportError> for OpError {
    fn from(error: TransportError) -> OpError {
        let (kind, hint) = if error.is_retryable() {
            (ErrorKind::Transient, "check the endpoint and the network, or try again later")
        } else {
            (ErrorKind::Protocol, "check that the endpoint is the service's")
        };
        let outcome = Outcome::unknown_if(error.is_sent());
        OpError::new(kind, "the connection failed").with_hint(hint).with_outcome(outcome).with_source(error)
    }
}
