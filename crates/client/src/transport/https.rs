//! [`Https`]: HTTP/1.1 over TLS.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use http_body::Body as _;
use http_body_util::{BodyDataStream, BodyExt};

use crate::transport::interface::{Body, BoxError, Transport, TransportError};

/// Longest that making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

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
