//! Who is asked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use osseal_wire::oss::{Credentials, Endpoint};

use crate::body::{Body, BoxError};

type Transport = dyn Fn(Request<Body>) -> BoxFuture<'static, Result<Response<Body>, BoxError>> + Send + Sync;

/// An endpoint, a bucket that may be scribbled in, and a function that sends requests there.
#[derive(Clone)]
pub struct Target {
    pub(super) endpoint: Endpoint,
    pub(super) region: String,
    pub(super) bucket: String,
    pub(super) credentials: Option<Credentials>,
    pub(super) transport: Arc<Transport>,
    pub(super) limits: Limits,
    pub(super) makes_buckets: bool,
}

/// What a run may cost. A case that would go beyond fails; cleaning up is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Most requests; 2,000 unless said.
    pub requests: u64,
    /// Most bytes of all bodies sent; 32 MiB unless said.
    pub bytes: u64,
    /// Longest that one reply may take, head and body; 30 seconds unless said.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { requests: 2000, bytes: 32 << 20, patience: Duration::from_secs(30) }
    }
}

/// Why a run did not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotRun {
    /// The bucket does not answer as one that can be written to.
    #[error("the bucket {bucket} cannot be used: {found}")]
    Unusable {
        /// The bucket.
        bucket: String,
        /// What came instead.
        found: String,
    },
    /// Deleted objects would stay as versions, and overwrites could not be forbidden.
    #[error("the bucket {bucket} keeps versions: name one that does not")]
    Versioned {
        /// The bucket.
        bucket: String,
    },
}

impl Target {
    /// A target that signs nothing. `transport` sends a request and gives the reply back as it came: it follows no redirects, repeats
    /// nothing and changes no header. Its error is a connection that ended without a reply.
    pub fn new<F, R, E>(
        endpoint: Endpoint,
        region: impl Into<String>,
        bucket: impl Into<String>,
        transport: F,
    ) -> Target
    where
        F: Fn(Request<Body>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Response<Body>, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let transport = move |request| {
            let reply = transport(request);
            async move { reply.await.map_err(Into::into) }.boxed()
        };
        Target {
            endpoint,
            region: region.into(),
            bucket: bucket.into(),
            credentials: None,
            transport: Arc::new(transport),
            limits: Limits::default(),
            makes_buckets: false,
        }
    }

    /// Who signs. Without credentials the cases about signatures are skipped.
    #[must_use]
    pub fn credentials(self, credentials: Credentials) -> Self {
        Target { credentials: Some(credentials), ..self }
    }

    /// What the run may cost.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Target { limits, ..self }
    }

    /// Lets cases make buckets of their own, which they remove. Without it those cases are skipped.
    #[must_use]
    pub fn may_make_buckets(self) -> Self {
        Target { makes_buckets: true, ..self }
    }
}
