//! Putting a [`Kms`] together.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use osseal_wire::oss::Endpoint;

use super::client::{Counters, Inner, Kms};
use crate::kms::limits::KmsLimits;

use crate::credentials::SharedCredentials;
use crate::error::{Error, ErrorKind, OpContext, OpError};
use crate::runtime::clock::Clock;
use crate::runtime::clock_skew::ClockSkew;
use crate::runtime::rate_limiter::RateLimiter;
use crate::runtime::retry::{RetryPolicy, RetryTokenBucket};
use crate::transport::{Https, Transport};

/// Puts a [`Kms`] together.
pub struct KmsBuilder {
    endpoint: Endpoint,
    credentials: Option<SharedCredentials>,
    transport: Option<Arc<dyn Transport>>,
    limits: KmsLimits,
    retry: RetryPolicy,
    clock: Clock,
    allow_plain_http: bool,
}

impl KmsBuilder {
    /// Sets the credentials: fixed [`Credentials`](crate::Credentials), or [`SharedCredentials`] that are renewed. Required.
    /// They may be those of the store or others.
    #[must_use]
    pub fn credentials(self, credentials: impl Into<SharedCredentials>) -> Self {
        KmsBuilder { credentials: Some(credentials.into()), ..self }
    }

    /// Another way to send requests than [`Https`].
    #[must_use]
    pub fn transport(self, transport: Arc<dyn Transport>) -> Self {
        KmsBuilder { transport: Some(transport), ..self }
    }

    /// Other limits.
    #[must_use]
    pub fn limits(self, limits: KmsLimits) -> Self {
        KmsBuilder { limits, ..self }
    }

    /// Sets the retries. Default: 30 attempts, 200 ms, 5 s, within [`KmsLimits::operation`].
    #[must_use]
    pub fn retry(self, retry: RetryPolicy) -> Self {
        KmsBuilder { retry, ..self }
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        KmsBuilder { clock, ..self }
    }

    /// Allows requests without TLS to other machines. The network can then read every data key.
    #[must_use]
    pub fn allow_plain_http(self) -> Self {
        KmsBuilder { allow_plain_http: true, ..self }
    }

    /// Builds the client. Sends no request.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: no credentials, or plain http to another machine without permission. [`ErrorKind::Local`]: TLS
    /// cannot be set up.
    pub fn build(self) -> Result<Kms, Error> {
        let op_context = OpContext { operation: "BuildKms", ..OpContext::default() };
        let usage = |message: &str| OpError::new(ErrorKind::Usage, message).with_context(op_context);
        if self.endpoint.is_plain_http() && !self.endpoint.is_loopback() && !self.allow_plain_http {
            return Err(usage(
                "the endpoint is plain http to another machine; use https, or allow plain http by name",
            ));
        }
        let credentials =
            self.credentials.ok_or_else(|| usage("no credentials; give an access key id and its secret"))?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(Https::new().map_err(|error| {
                OpError::new(ErrorKind::Local, "TLS cannot be set up")
                    .with_source(error)
                    .with_context(op_context)
            })?),
        };
        // A tenth of a second's calls may come at once.
        let per_second = self.limits.per_second.max(1);
        Ok(Kms(Arc::new(Inner {
            endpoint: self.endpoint,
            credentials,
            transport,
            limiter: RateLimiter::new(
                per_second.into(),
                Duration::from_secs(1) / per_second * (per_second / 10),
            ),
            limits: self.limits,
            retry: self.retry,
            retry_tokens: RetryTokenBucket::default(),
            clock: self.clock,
            skew: ClockSkew::default(),
            counters: Counters::default(),
        })))
    }
}

impl Kms {
    /// Starts to build a client of `endpoint`; [`osseal_wire::kms::endpoint`] knows those of regions and instances.
    pub fn builder(endpoint: Endpoint) -> KmsBuilder {
        KmsBuilder {
            endpoint,
            credentials: None,
            transport: None,
            limits: KmsLimits::default(),
            retry: RetryPolicy {
                attempts: 30,
                base: Duration::from_millis(200),
                cap: Duration::from_secs(5),
            },
            clock: Arc::new(Timestamp::now),
            allow_plain_http: false,
        }
    }
}
