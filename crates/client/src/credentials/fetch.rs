//! One request and its short reply.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Uri};

use crate::transport::{self, Transport, read_up_to};

/// Most bytes of a reply.
const MAX: usize = 64 << 10;

/// The HTTP client of sources.
#[derive(Clone)]
pub(super) struct HttpClient(pub(super) Arc<dyn Transport>);

impl HttpClient {
    /// Sends a request and reads its reply, both within `limit`.
    pub(super) async fn ask(
        &self,
        request: http::Request<Bytes>,
        limit: Duration,
    ) -> Result<(StatusCode, Bytes), String> {
        let exchange = async {
            let request =
                request.map(|body| if body.is_empty() { transport::empty() } else { transport::full(body) });
            let reply = self.0.send(request).await.map_err(|error| reasons(&error))?;
            let status = reply.status();
            match read_up_to(reply.into_body(), MAX).await {
                Ok(Some(body)) => Ok((status, body)),
                Ok(None) => Err("the reply is longer than 64 KiB".to_owned()),
                Err(error) => Err(format!("the reply broke off: {error}")),
            }
        };
        tokio::time::timeout(limit, exchange)
            .await
            .unwrap_or_else(|_| Err(format!("no reply within {} s", limit.as_secs())))
    }
}

/// A request without a body. `None` when the address has no host.
pub(super) fn request(method: Method, address: &Uri) -> Option<http::Request<Bytes>> {
    let host = HeaderValue::from_str(address.authority()?.as_str()).ok()?;
    let mut request = http::Request::new(Bytes::new());
    if method != Method::GET {
        request.headers_mut().insert(http::header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    *request.method_mut() = method;
    *request.uri_mut() = address.clone();
    request.headers_mut().insert(http::header::HOST, host);
    Some(request)
}

/// An error with its causes.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
