//! Credentials that many calls share, renewed before they end, by one question at a time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, Shared};
use jiff::{SignedDuration, Timestamp};
use osseal_wire::oss::Credentials;
use secrecy::ExposeSecret;

use super::{CredentialsError, CredentialsErrorKind, ProvideCredentials, SessionCredentials};

use crate::runtime::clock::Clock;
use crate::runtime::retry::RetryPolicy;

/// How long before their end credentials are renewed, in the background.
const REFRESH_MARGIN: SignedDuration = SignedDuration::from_secs(180);
/// Short-lived credentials are renewed in the last of so many parts of their life.
const REFRESH_LIFETIME_DIVISOR: i32 = 4;
/// How long a failed renewal in the background is not repeated.
const FAILED_REFRESH_PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// How a source that is unavailable is asked again.
const SOURCE_RETRY: RetryPolicy =
    RetryPolicy { attempts: 4, base: Duration::from_millis(200), cap: Duration::from_secs(5) };

/// Credentials, fixed or renewed. Clones share them: one that renews does it for all.
///
/// Renewal begins 180 s before the end, or in the last quarter of a shorter life, while calls go on with what there is. After the end, and when
/// the service says that the token is no longer good, calls wait for the new ones; the old are not used again.
#[derive(Clone)]
pub struct SharedCredentials(Arc<Inner>);

struct Inner {
    /// None for credentials that stay what they are.
    source: Option<Arc<dyn ProvideCredentials>>,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    flight: Option<InFlight>,
    next_refresh_at: Option<Timestamp>,
}

struct Held {
    grant: Arc<SessionCredentials>,
    renew_at: Option<Timestamp>,
}

/// A renewal that is under way.
type InFlight = Shared<BoxFuture<'static, Result<Arc<SessionCredentials>, CredentialsError>>>;

impl SharedCredentials {
    /// Credentials from a source, which is asked when they are first needed.
    pub fn new(source: impl ProvideCredentials + 'static) -> SharedCredentials {
        SharedCredentials::with_clock(source, Arc::new(Timestamp::now))
    }

    /// The same with another clock than the system's.
    pub fn with_clock(source: impl ProvideCredentials + 'static, clock: Clock) -> SharedCredentials {
        SharedCredentials(Arc::new(Inner { source: Some(Arc::new(source)), clock, state: Mutex::default() }))
    }

    /// Credentials that are good now.
    pub(crate) async fn current(&self) -> Result<Arc<SessionCredentials>, CredentialsError> {
        let flight = {
            let mut state = self.state();
            let now = (self.0.clock)();
            match &state.held {
                Some(held) if held.grant.expires.is_none_or(|end| now < end) => {
                    let grant = held.grant.clone();
                    let is_due = held.renew_at.is_some_and(|time| time <= now);
                    if is_due && state.next_refresh_at.is_none_or(|time| time <= now) {
                        // Nobody waits for it: there is something good.
                        drop(self.flight(&mut state));
                    }
                    return Ok(grant);
                }
                _ => self.flight(&mut state),
            }
        };
        self.join(flight).await
    }

    /// Other credentials than these, which the service no longer takes; `None` when there are none.
    pub(crate) async fn instead_of(
        &self,
        rejected: &Arc<SessionCredentials>,
    ) -> Result<Option<Arc<SessionCredentials>>, CredentialsError> {
        if self.0.source.is_none() {
            return Ok(None);
        }
        let flight = {
            let mut state = self.state();
            if let Some(held) = &state.held
                && !Arc::ptr_eq(&held.grant, rejected)
            {
                return Ok(Some(held.grant.clone()));
            }
            state.held = None;
            self.flight(&mut state)
        };
        let grant = self.join(flight).await?;
        Ok(Some(grant).filter(|grant| !is_same(&grant.credentials, &rejected.credentials)))
    }

    /// The renewal that is under way, or one that begins now.
    fn flight(&self, state: &mut State) -> InFlight {
        if let Some(flight) = &state.flight {
            return flight.clone();
        }
        // A task of its own: whoever gives up waiting does not stop it for the others.
        let task = tokio::spawn(self.clone().renew());
        let cut_off = |_| Err(CredentialsError::unavailable("the renewal of the credentials was cut off"));
        let flight = async move { task.await.unwrap_or_else(cut_off) }.boxed().shared();
        state.flight = Some(flight.clone());
        flight
    }

    async fn join(&self, flight: InFlight) -> Result<Arc<SessionCredentials>, CredentialsError> {
        let outcome = flight.clone().await;
        let mut state = self.state();
        if state.flight.as_ref().is_some_and(|known| known.ptr_eq(&flight)) {
            state.flight = None;
        }
        outcome
    }

    async fn renew(self) -> Result<Arc<SessionCredentials>, CredentialsError> {
        let outcome = self.ask().await.map(Arc::new);
        let mut state = self.state();
        let now = (self.0.clock)();
        state.flight = None;
        match &outcome {
            Ok(grant) => {
                state.held = Some(Held { grant: grant.clone(), renew_at: renewal(grant, now) });
                state.next_refresh_at = None;
            }
            Err(error) => {
                tracing::warn!(%error, "the credentials could not be renewed");
                state.next_refresh_at = Some(now + FAILED_REFRESH_PAUSE);
            }
        }
        outcome
    }

    /// Asks the source, again where that may help.
    async fn ask(&self) -> Result<SessionCredentials, CredentialsError> {
        let Some(source) = &self.0.source else {
            return Err(CredentialsError::absent("fixed credentials cannot be renewed"));
        };
        let mut delays = SOURCE_RETRY.delays();
        loop {
            let error = match source.provide().await {
                Ok(grant) => match grant.expires {
                    Some(end) if end <= (self.0.clock)() => CredentialsError::unavailable(format!(
                        "the source gives credentials that ended at {end}; check this machine's clock and the source"
                    )),
                    _ => return Ok(grant),
                },
                Err(error) => error,
            };
            let wait = delays.next().filter(|_| error.kind() == CredentialsErrorKind::Unavailable);
            let Some(wait) = wait else { return Err(error) };
            tokio::time::sleep(wait).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Credentials> for SharedCredentials {
    fn from(credentials: Credentials) -> SharedCredentials {
        let held = Held { grant: Arc::new(SessionCredentials::permanent(credentials)), renew_at: None };
        let state = Mutex::new(State { held: Some(held), ..State::default() });
        SharedCredentials(Arc::new(Inner { source: None, clock: Arc::new(Timestamp::now), state }))
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
