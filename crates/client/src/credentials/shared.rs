//! Credentials that many calls share, renewed before they end, by one question at a time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use osseal_wire::oss::Credentials;
use secrecy::ExposeSecret;

use crate::credentials::error::CredentialsError;
use crate::credentials::error::CredentialsErrorKind;
use crate::credentials::provided::ProvideCredentials;
use osseal_wire::session_credentials::SessionCredentials;

use crate::runtime::clock::Clock;
use crate::runtime::retry::{RetryAction, RetryPolicy, RetryableCall, retry};
use crate::runtime::single_flight::{InFlight, Joined, SingleFlight};

/// How long before their end credentials are renewed, in the background.
const REFRESH_MARGIN: SignedDuration = SignedDuration::from_secs(180);
/// Short-lived credentials are renewed in the last of so many parts of their life.
const REFRESH_LIFETIME_DIVISOR: i32 = 4;
/// How long a failed renewal in the background is not repeated.
const FAILED_REFRESH_PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// Retries of a source that is unavailable.
const SOURCE_RETRY: RetryPolicy =
    RetryPolicy { attempts: 4, base: Duration::from_millis(200), cap: Duration::from_secs(5) };

/// Credentials, fixed or renewed. Clones share them, and share one renewal.
///
/// A renewal starts in the background 180 s before expiry, or in the last quarter of a shorter lifetime, while calls use
/// the current credentials. After expiry, and when the service rejects the token, calls wait for the renewal; the old
/// credentials are not used again.
#[derive(Clone)]
pub struct SharedCredentials(Arc<Inner>);

struct Inner {
    /// `None` for fixed credentials.
    source: Option<Arc<dyn ProvideCredentials>>,
    clock: Clock,
    state: Mutex<State>,
    renewals: SingleFlight<(), Renewed>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    next_refresh_at: Option<Timestamp>,
}

struct Held {
    grant: Arc<SessionCredentials>,
    renew_at: Option<Timestamp>,
}

/// The result of a renewal.
type Renewed = Result<Arc<SessionCredentials>, CredentialsError>;

impl SharedCredentials {
    /// Credentials from a source, which is asked when they are first needed.
    pub fn new(source: impl ProvideCredentials + 'static) -> SharedCredentials {
        SharedCredentials::with_clock(source, Arc::new(Timestamp::now))
    }

    /// The same with another clock than the system's.
    pub fn with_clock(source: impl ProvideCredentials + 'static, clock: Clock) -> SharedCredentials {
        SharedCredentials(Arc::new(Inner {
            source: Some(Arc::new(source)),
            clock,
            state: Mutex::default(),
            renewals: SingleFlight::default(),
        }))
    }

    /// Credentials that are good now.
    pub(crate) async fn current(&self) -> Result<Arc<SessionCredentials>, CredentialsError> {
        let renewal = {
            let state = self.state();
            let now = (self.0.clock)();
            match &state.held {
                Some(held) if held.grant.expires.is_none_or(|end| now < end) => {
                    let grant = held.grant.clone();
                    let is_due = held.renew_at.is_some_and(|time| time <= now);
                    if is_due && state.next_refresh_at.is_none_or(|time| time <= now) {
                        // The current credentials are still valid, so no caller waits for the refresh.
                        drop(self.refresh());
                    }
                    return Ok(grant);
                }
                _ => self.refresh(),
            }
        };
        renewal.await
    }

    /// Credentials in place of rejected ones; `None` if no others exist.
    pub(crate) async fn instead_of(
        &self,
        rejected: &Arc<SessionCredentials>,
    ) -> Result<Option<Arc<SessionCredentials>>, CredentialsError> {
        if self.0.source.is_none() {
            return Ok(None);
        }
        let renewal = {
            let mut state = self.state();
            if let Some(held) = &state.held
                && !Arc::ptr_eq(&held.grant, rejected)
            {
                return Ok(Some(held.grant.clone()));
            }
            state.held = None;
            self.refresh()
        };
        let grant = renewal.await?;
        Ok(Some(grant).filter(|grant| !is_same(&grant.credentials, &rejected.credentials)))
    }

    /// Joins the renewal in progress, or starts one.
    fn refresh(&self) -> InFlight<Renewed> {
        let credentials = self.clone();
        let renew = async move {
            // A source that panics fails the callers with an error.
            let renewed = tokio::spawn(credentials.renew()).await;
            renewed.unwrap_or_else(|_| {
                Err(CredentialsError::unavailable("the renewal of the credentials was cut off"))
            })
        };
        match self.0.renewals.join((), renew) {
            Joined::Running(renewal) => renewal,
            Joined::Started(renewal) => {
                // Driven by a task of its own: a caller that stops waiting does not stop it for the others.
                tokio::spawn(renewal.clone());
                renewal
            }
        }
    }

    async fn renew(self) -> Result<Arc<SessionCredentials>, CredentialsError> {
        let outcome = self.ask().await.map(Arc::new);
        let mut state = self.state();
        let now = (self.0.clock)();
        match &outcome {
            Ok(grant) => {
                state.held = Some(Held { grant: grant.clone(), renew_at: renewal(grant, now) });
                state.next_refresh_at = None;
            }
            Err(error) => {
                // Without credentials the caller gets the error, and a warning would repeat it.
                if state.held.is_some() {
                    tracing::warn!(%error, "the credentials could not be renewed");
                }
                state.next_refresh_at = Some(now + FAILED_REFRESH_PAUSE);
            }
        }
        outcome
    }

    /// Asks the source, and retries while it is unavailable.
    async fn ask(&self) -> Result<SessionCredentials, CredentialsError> {
        let Some(source) = &self.0.source else {
            return Err(CredentialsError::absent("fixed credentials cannot be renewed"));
        };
        retry(&mut SourceCall { source: &**source, clock: &self.0.clock }, SOURCE_RETRY, None, None).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One renewal with its attempts.
struct SourceCall<'a> {
    source: &'a dyn ProvideCredentials,
    clock: &'a Clock,
}

impl RetryableCall for SourceCall<'_> {
    type Output = SessionCredentials;
    type Error = CredentialsError;

    async fn attempt(&mut self, _number: u32) -> Result<SessionCredentials, CredentialsError> {
        let grant = self.source.provide().await?;
        match grant.expires {
            Some(end) if end <= (self.clock)() => Err(CredentialsError::unavailable(format!(
                "the source gives credentials that ended at {end}; check this machine's clock and the source"
            ))),
            _ => Ok(grant),
        }
    }

    fn action(&self, error: &CredentialsError) -> RetryAction {
        if error.kind() == CredentialsErrorKind::Unavailable {
            RetryAction::Backoff { retry_after: None }
        } else {
            RetryAction::GiveUp
        }
    }

    fn on_retry(&self, number: u32, error: &CredentialsError, reason: &'static str, wait: Duration) {
        tracing::debug!(attempt = number, %error, ?wait, "{reason}");
    }
}

impl From<Credentials> for SharedCredentials {
    fn from(credentials: Credentials) -> SharedCredentials {
        let held = Held { grant: Arc::new(SessionCredentials::permanent(credentials)), renew_at: None };
        let state = Mutex::new(State { held: Some(held), ..State::default() });
        SharedCredentials(Arc::new(Inner {
            source: None,
            clock: Arc::new(Timestamp::now),
            state,
            renewals: SingleFlight::default(),
        }))
    }
}

impl fmt::Debug for SharedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let grant = state.held.as_ref().map(|held| &held.grant);
        f.debug_struct("SharedCredentials")
            .field("access_key_id", &grant.map(|grant| &grant.credentials.access_key_id))
            .field("expires", &grant.and_then(|grant| grant.expires))
            .field("is_fixed", &self.0.source.is_none())
            .finish()
    }
}

fn renewal(grant: &SessionCredentials, now: Timestamp) -> Option<Timestamp> {
    let end = grant.expires?;
    Some(end - REFRESH_MARGIN.min(end.duration_since(now) / REFRESH_LIFETIME_DIVISOR))
}

fn is_same(one: &Credentials, other: &Credentials) -> bool {
    let token = |credentials: &Credentials| {
        credentials.security_token.as_ref().map(|token| token.expose_secret().to_owned())
    };
    one.access_key_id == other.access_key_id && token(one) == token(other)
}
