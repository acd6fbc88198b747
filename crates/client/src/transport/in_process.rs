//! [`InProcess`]: a transport to a server in the same process.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use crate::transport::interface::{Body, BoxError, Transport, TransportError};

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
