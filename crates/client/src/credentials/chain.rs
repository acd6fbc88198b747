//! The sources in order.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use futures_util::future::{BoxFuture, FutureExt};
use jiff::Timestamp;

use crate::credentials::environment::{self, Environment};
use crate::credentials::error::{CredentialsError, CredentialsErrorKind};
use crate::credentials::fetch::HttpClient;
use crate::credentials::provided::ProvideCredentials;
use crate::credentials::provided::Provided;
use crate::credentials::source::SourceContext;
use crate::credentials::{aliyun, ecs, ossutil, token_service, uri};
use osseal_wire::session_credentials::SessionCredentials;

use crate::runtime::clock::Clock;
use crate::transport::{Https, Transport, TransportError};

/// Where credentials can come from, in the order in which a [`CredentialChain`] asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CredentialSource {
    /// `OSS_ACCESS_KEY_ID`, `OSS_ACCESS_KEY_SECRET` and `OSS_SESSION_TOKEN`, otherwise `ALIBABA_CLOUD_ACCESS_KEY_ID` and its siblings.
    Environment,
    /// The role of a cluster's service account (RRSA): `ALIBABA_CLOUD_ROLE_ARN`, `ALIBABA_CLOUD_OIDC_PROVIDER_ARN` and
    /// `ALIBABA_CLOUD_OIDC_TOKEN_FILE`.
    Oidc,
    /// `~/.aliyun/config.json`, in the modes AK, StsToken, RamRoleArn, EcsRamRole, OIDC and External.
    Aliyun,
    /// `~/.ossutilconfig`, of version 1 and 2.
    Ossutil,
    /// The role of the instance of ECS.
    Ecs,
    /// The service at `ALIBABA_CLOUD_CREDENTIALS_URI`.
    Uri,
}

/// Not the name of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a source of credentials is environment, oidc, aliyun, ossutil, ecs or uri")]
pub struct UnknownSource;

impl CredentialSource {
    /// All of them, in order.
    pub const ALL: [CredentialSource; 6] = [
        CredentialSource::Environment,
        CredentialSource::Oidc,
        CredentialSource::Aliyun,
        CredentialSource::Ossutil,
        CredentialSource::Ecs,
        CredentialSource::Uri,
    ];

    /// As configurations write it.
    pub const fn name(self) -> &'static str {
        match self {
            CredentialSource::Environment => "environment",
            CredentialSource::Oidc => "oidc",
            CredentialSource::Aliyun => "aliyun",
            CredentialSource::Ossutil => "ossutil",
            CredentialSource::Ecs => "ecs",
            CredentialSource::Uri => "uri",
        }
    }
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for CredentialSource {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<CredentialSource, UnknownSource> {
        CredentialSource::ALL.into_iter().find(|source| source.name() == text).ok_or(UnknownSource)
    }
}

/// Asks the sources in order and uses the first that provides credentials. From then on only that source is asked: the
/// account does not change in the middle of the work.
pub struct CredentialChain {
    context: SourceContext,
    sources: Vec<CredentialSource>,
    chosen: OnceLock<CredentialSource>,
}

/// The outcome of one source.
#[derive(Clone, Debug)]
pub struct SourceReport {
    /// The source.
    pub source: CredentialSource,
    /// The outcome.
    pub outcome: Outcome,
}

/// The outcome of asking a source.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It gave credentials.
    Provided(Provided),
    /// It is not there.
    PassedOver(CredentialsError),
    /// The source exists and failed, which ends the search.
    Failed(CredentialsError),
    /// An earlier one decided.
    NotAsked,
}

impl CredentialChain {
    /// All sources, with the environment and home folder of this process.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn of_process() -> Result<CredentialChain, TransportError> {
        Ok(CredentialChain::new(Environment::of_process(), Arc::new(Https::new()?)))
    }

    /// A chain of all sources with the given environment and transport. Secrets travel through the transport.
    pub fn new(environment: Environment, transport: Arc<dyn Transport>) -> CredentialChain {
        CredentialChain {
            context: SourceContext {
                environment,
                http: HttpClient(transport),
                clock: Arc::new(Timestamp::now),
            },
            sources: CredentialSource::ALL.to_vec(),
            chosen: OnceLock::new(),
        }
    }

    /// One source and no other.
    #[must_use]
    pub fn only(self, source: CredentialSource) -> Self {
        CredentialChain { sources: vec![source], chosen: OnceLock::new(), ..self }
    }

    /// Another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.context.clock = clock;
        self
    }

    /// Asks as [`ProvideCredentials::provide`] does, and reports the outcome of each source.
    pub async fn diagnose(&self) -> Vec<SourceReport> {
        let mut has_ended = false;
        let mut findings = Vec::new();
        for &source in &self.sources {
            let outcome = if has_ended {
                Outcome::NotAsked
            } else {
                match self.ask(source).await {
                    Ok(found) => Outcome::Provided(found),
                    Err(error) if error.kind() == CredentialsErrorKind::Absent => Outcome::PassedOver(error),
                    Err(error) => Outcome::Failed(error),
                }
            };
            has_ended |= !matches!(outcome, Outcome::PassedOver(_));
            findings.push(SourceReport { source, outcome });
        }
        findings
    }

    async fn ask(&self, source: CredentialSource) -> Result<Provided, CredentialsError> {
        let context = &self.context;
        match source {
            CredentialSource::Environment => environment::find(&context.environment),
            CredentialSource::Oidc => token_service::find(context).await,
            CredentialSource::Aliyun => aliyun::find(context).await,
            CredentialSource::Ossutil => ossutil::find(context).await,
            CredentialSource::Ecs => ecs::find(context).await,
            CredentialSource::Uri => uri::find(context).await,
        }
    }

    async fn first(&self) -> Result<SessionCredentials, CredentialsError> {
        if let Some(&source) = self.chosen.get() {
            let found = self.ask(source).await.map_err(|error| error.about(source.name()))?;
            return Ok(found.grant);
        }
        let mut reasons = Vec::new();
        for SourceReport { source, outcome } in self.diagnose().await {
            match outcome {
                Outcome::Provided(found) => {
                    tracing::debug!(%source, detail = found.detail, "credentials found");
                    // Of two that ask at the same time both have asked the same sources.
                    self.chosen.get_or_init(|| source);
                    return Ok(found.grant);
                }
                Outcome::Failed(error) => return Err(error.about(source.name())),
                Outcome::PassedOver(error) => reasons.push(error.about(source.name()).to_string()),
                Outcome::NotAsked => {}
            }
        }
        Err(CredentialsError::absent(format!("no source has credentials: {}", reasons.join("; "))))
    }
}

impl ProvideCredentials for CredentialChain {
    fn provide(&self) -> BoxFuture<'_, Result<SessionCredentials, CredentialsError>> {
        self.first().boxed()
    }
}

impl fmt::Debug for CredentialChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialChain")
            .field("environment", &self.context.environment)
            .field("sources", &self.sources)
            .field("chosen", &self.chosen.get())
            .finish_non_exhaustive()
    }
}
