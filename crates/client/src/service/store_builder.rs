//! Putting a [`Store`] together.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use jiff::Timestamp;
use osseal_wire::oss::Endpoint;
use tokio::sync::Notify;

use crate::credentials::SharedCredentials;
use crate::error::{Error, ErrorKind, OpContext, OpError};
use crate::runtime::clock::Clock;
use crate::runtime::clock_skew::ClockSkew;
use crate::runtime::retry::{RetryPolicy, RetryTokenBucket};
use crate::service::signature::SignatureVersion;
use crate::service::store::{Inner, Store};
use crate::transport::{Https, Transport};

/// Puts a [`Store`] together.
pub struct StoreBuilder {
    /// The endpoint, or the reason why the text does not name one.
    endpoint: Result<Endpoint, String>,
    region: String,
    credentials: Option<SharedCredentials>,
    is_anonymous: bool,
    signature: SignatureVersion,
    transport: Option<Arc<dyn Transport>>,
    retry: RetryPolicy,
    clock: Clock,
    allow_plain_http: bool,
}

impl Store {
    /// Starts to build a store at `endpoint`, such as `oss-cn-hangzhou.aliyuncs.com`, in `region`, such as
    /// `cn-hangzhou`.
    ///
    /// Takes an [`Endpoint`] or any text that parses to one; [`StoreBuilder::build`] reports other texts.
    pub fn builder<E>(endpoint: E, region: impl Into<String>) -> StoreBuilder
    where
        E: TryInto<Endpoint>,
        E::Error: fmt::Display,
    {
        StoreBuilder {
            endpoint: endpoint.try_into().map_err(|error| error.to_string()),
            region: region.into(),
            credentials: None,
            is_anonymous: false,
            signature: SignatureVersion::default(),
            transport: None,
            retry: RetryPolicy::default(),
            clock: Arc::new(Timestamp::now),
            allow_plain_http: false,
        }
    }
}

impl StoreBuilder {
    /// Sets the credentials: fixed [`Credentials`](crate::Credentials), or [`SharedCredentials`] that are renewed. Required
    /// unless the store is [`StoreBuilder::anonymous`].
    #[must_use]
    pub fn credentials(self, credentials: impl Into<SharedCredentials>) -> Self {
        StoreBuilder { credentials: Some(credentials.into()), is_anonymous: false, ..self }
    }

    /// Signs no request: for public buckets and presigned URLs.
    #[must_use]
    pub fn anonymous(self) -> Self {
        StoreBuilder { credentials: None, is_anonymous: true, ..self }
    }

    /// Another version of signatures than the fourth.
    #[must_use]
    pub fn signature(self, signature: SignatureVersion) -> Self {
        StoreBuilder { signature, ..self }
    }

    /// Another way to send requests than [`Https`].
    #[must_use]
    pub fn transport(self, transport: Arc<dyn Transport>) -> Self {
        StoreBuilder { transport: Some(transport), ..self }
    }

    /// How often and how patiently calls are repeated.
    #[must_use]
    pub fn retry(self, retry: RetryPolicy) -> Self {
        StoreBuilder { retry, ..self }
    }

    /// Most attempts of one call.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.retry.attempts = attempts;
        self
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        StoreBuilder { clock, ..self }
    }

    /// Allows requests without TLS to other machines. The network can then read the token of temporary credentials and
    /// replay requests.
    #[must_use]
    pub fn allow_plain_http(self) -> Self {
        StoreBuilder { allow_plain_http: true, ..self }
    }

    /// Builds the store. Sends no request.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: no endpoint, no credentials, no region, or plain http to another machine without permission.
    /// [`ErrorKind::Local`]: TLS cannot be set up.
    pub fn build(self) -> Result<Store, Error> {
        let op_context = OpContext { operation: "BuildStore", ..OpContext::default() };
        let usage = |message: &str| OpError::new(ErrorKind::Usage, message).with_context(op_context);
        let endpoint = self.endpoint.map_err(|reason| usage(&format!("not an endpoint: {reason}")))?;
        if endpoint.is_plain_http() && !endpoint.is_loopback() && !self.allow_plain_http {
            return Err(usage(
                "the endpoint is plain http to another machine; use https, or allow plain http by name",
            ));
        }
        if self.region.is_empty() && !self.is_anonymous && self.signature == SignatureVersion::V4 {
            return Err(usage("no region; signatures name it, such as cn-hangzhou"));
        }
        if self.credentials.is_none() && !self.is_anonymous {
            return Err(usage("no credentials; give an access key id and its secret"));
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(Https::new().map_err(|error| {
                OpError::new(ErrorKind::Local, "TLS cannot be set up")
                    .with_source(error)
                    .with_context(op_context)
            })?),
        };
        Ok(Store(Arc::new(Inner {
            endpoint,
            region: self.region,
            credentials: self.credentials,
            signature: self.signature,
            transport,
            retry: self.retry,
            retry_tokens: RetryTokenBucket::default(),
            clock: self.clock,
            skew: ClockSkew::default(),
            cleaning: AtomicUsize::new(0),
            cleaned: Notify::new(),
        })))
    }
}
