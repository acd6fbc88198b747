//! The retry loop and its policy: exponential backoff with full jitter, within a token bucket that all calls of a store share.

use std::sync::Mutex;
use std::time::Duration;

use aws_lc_rs::rand;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

/// How often and how patiently calls are repeated.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Most attempts of one call, the first among them; at least 1.
    pub attempts: u32,
    /// Bound of the first wait. Each further bound doubles; the wait is random between zero and the bound.
    pub base: Duration,
    /// Largest bound, and the most of a `Retry-After` that is honoured, to which the usual wait is added.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    /// 5 attempts, 200 ms, 20 s.
    fn default() -> Self {
        RetryPolicy { attempts: 5, base: Duration::from_millis(200), cap: Duration::from_secs(20) }
    }
}

impl RetryPolicy {
    pub(crate) fn delays(&self) -> Delays {
        let builder =
            ExponentialBuilder::new().with_min_delay(self.base).with_max_delay(self.cap).with_factor(2.0);
        Delays(builder.with_max_times(self.attempts.saturating_sub(1) as usize).build())
    }
}

/// The next step after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryAction {
    /// Another attempt cannot help.
    GiveUp,
    /// Another attempt after a wait, paid with a token so that a broken service gets few requests.
    Backoff { retry_after: Option<Duration> },
    /// Another attempt after a wait, free: the service works and says when it has had enough.
    FreeBackoff,
    /// Another attempt with renewed credentials, once.
    RenewCredentials,
    /// Another attempt with the clock corrected, once.
    CorrectClock,
}

/// A call that [`retry`] repeats.
pub(crate) trait RetryableCall: Send {
    /// The result of an attempt that succeeded.
    type Output: Send;
    /// The failure of an attempt.
    type Error: Send + Sync;

    /// Makes one attempt; the first has number 1.
    fn attempt(&mut self, number: u32) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;

    /// Decides on the next step after a failure.
    fn action(&self, error: &Self::Error) -> RetryAction;

    /// Replaces rejected credentials. `false`: no others exist.
    fn renew_credentials(&mut self) -> impl Future<Output = Result<bool, Self::Error>> + Send {
        std::future::ready(Ok(false))
    }

    /// Prepares the first attempt, and the next one after a wait: credentials must still be valid by then.
    fn prepare(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        std::future::ready(Ok(()))
    }

    /// Records that another attempt follows after `wait`.
    fn on_retry(&self, number: u32, error: &Self::Error, reason: &'static str, wait: Duration);
}

/// Makes a call until it succeeds, its policy is exhausted, no token is left, or the next wait would end
/// after the deadline. Every retry decision of the library is made here and in [`BodyRetryPolicy`].
pub(crate) async fn retry<C: RetryableCall>(
    call: &mut C,
    policy: RetryPolicy,
    tokens: Option<&RetryTokenBucket>,
    deadline: Option<Instant>,
) -> Result<C::Output, C::Error> {
    let mut delays = policy.delays();
    let (mut renewed, mut corrected) = (false, false);
    let mut number = 0;
    call.prepare().await?;
    loop {
        number += 1;
        let error = match call.attempt(number).await {
            Ok(output) => {
                if let Some(tokens) = tokens {
                    tokens.refill();
                }
                return Ok(output);
            }
            Err(error) => error,
        };
        let (is_free, retry_after) = match call.action(&error) {
            RetryAction::RenewCredentials if !renewed => {
                renewed = true;
                if !call.renew_credentials().await? {
                    return Err(error);
                }
                call.on_retry(number, &error, "retrying with renewed credentials", Duration::ZERO);
                continue;
            }
            RetryAction::CorrectClock if !corrected => {
                corrected = true;
                call.on_retry(number, &error, "retrying with the clock corrected", Duration::ZERO);
                continue;
            }
            RetryAction::Backoff { retry_after } => (false, retry_after),
            RetryAction::FreeBackoff => (true, None),
            RetryAction::GiveUp | RetryAction::RenewCredentials | RetryAction::CorrectClock => {
                return Err(error);
            }
        };
        let in_time = |wait: &Duration| deadline.is_none_or(|deadline| Instant::now() + *wait < deadline);
        let is_paid = || is_free || tokens.is_none_or(RetryTokenBucket::spend);
        let Some(wait) = delays.next().filter(in_time).filter(|_| is_paid()) else { return Err(error) };
        // The jitter comes on top: clients that were all sent away until the same instant return one by one.
        let wait = retry_after.map_or(wait, |after| after.min(policy.cap) + wait);
        call.on_retry(number, &error, "retrying", wait);
        tokio::time::sleep(wait).await;
        call.prepare().await?;
    }
}

/// Whether a body that broke off is asked for again, and after which wait.
#[derive(Debug)]
pub(crate) struct BodyRetryPolicy {
    policy: RetryPolicy,
    /// Waits until one body has been worth asking for.
    waits: Delays,
    /// Bodies in a row that were not, and bodies that crawled without [`PROGRESS_BYTES`] between.
    failures: u32,
    slow_bodies: u32,
    /// Stored bytes of this body, and since the last that crawled.
    received: u64,
    bytes_since_slow_body: u64,
    /// With how many stored bytes this body is worth it.
    progress_threshold: u64,
}

/// How often a body is asked for again while nothing is gained by it.
const MAX_BODY_RETRIES: u32 = 5;
/// Stored bytes after which a body made enough progress, however much is left.
const PROGRESS_BYTES: u64 = 64 << 10;
/// The share of the requested bytes that is enough progress, too: small bodies progress in small steps, a bounded number of them.
const PROGRESS_DIVISOR: u64 = 10;

impl BodyRetryPolicy {
    /// For a first body that has `asked` stored bytes.
    pub(crate) fn new(policy: RetryPolicy, asked: u64) -> BodyRetryPolicy {
        let waits = BodyRetryPolicy::waits(policy);
        let progress_threshold = BodyRetryPolicy::progress_threshold(asked);
        BodyRetryPolicy {
            policy,
            waits,
            failures: 0,
            slow_bodies: 0,
            received: 0,
            bytes_since_slow_body: 0,
            progress_threshold,
        }
    }

    /// More stored bytes have come.
    pub(crate) fn on_bytes(&mut self, bytes: u64) {
        self.received += bytes;
        self.bytes_since_slow_body += bytes;
        if self.received >= self.progress_threshold && self.failures > 0 {
            (self.failures, self.waits) = (0, BodyRetryPolicy::waits(self.policy));
        }
        if self.bytes_since_slow_body >= PROGRESS_BYTES {
            self.slow_bodies = 0;
        }
    }

    /// The body broke off with `left` stored bytes to come: the wait before they are requested, or `None` to give up. After
    /// a body that made progress the wait is zero.
    pub(crate) fn next(&mut self, left: u64, was_slow: bool) -> Option<Duration> {
        self.failures += 1;
        if was_slow {
            (self.slow_bodies, self.bytes_since_slow_body) = (self.slow_bodies + 1, 0);
        }
        (self.received, self.progress_threshold) = (0, BodyRetryPolicy::progress_threshold(left));
        match self.failures {
            _ if self.failures.max(self.slow_bodies) > MAX_BODY_RETRIES => None,
            1 => Some(Duration::ZERO),
            _ => Some(self.waits.next().unwrap_or_default()),
        }
    }

    fn waits(policy: RetryPolicy) -> Delays {
        RetryPolicy { attempts: MAX_BODY_RETRIES, ..policy }.delays()
    }

    fn progress_threshold(asked: u64) -> u64 {
        (asked / PROGRESS_DIVISOR).clamp(1, PROGRESS_BYTES)
    }
}

/// The waits of one call.
#[derive(Debug)]
pub(crate) struct Delays(ExponentialBackoff);

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|bound| bound.mul_f64(fraction()))
    }
}

/// A random number from 0 to 1. Without random bytes the retry still works, without jitter.
fn fraction() -> f64 {
    let mut bytes = [0; 4];
    if rand::fill(&mut bytes).is_err() {
        return 1.0;
    }
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

/// Tokens that retries cost and successes pay back: a broken service gets hardly more requests than a working one.
#[derive(Debug)]
pub(crate) struct RetryTokenBucket(Mutex<u32>);

const CAPACITY: u32 = 500;
const RETRY_COST: u32 = 5;

impl Default for RetryTokenBucket {
    fn default() -> Self {
        RetryTokenBucket(Mutex::new(CAPACITY))
    }
}

impl RetryTokenBucket {
    /// Pays for one retry, if enough tokens are left.
    pub(crate) fn spend(&self) -> bool {
        let mut tokens = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let enough = *tokens >= RETRY_COST;
        if enough {
            *tokens -= RETRY_COST;
        }
        enough
    }

    /// A call succeeded.
    pub(crate) fn refill(&self) {
        let mut tokens = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *tokens = (*tokens + 1).min(CAPACITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let policy =
            RetryPolicy { attempts: 6, base: Duration::from_millis(100), cap: Duration::from_millis(400) };
        for _ in 0..50 {
            let waits: Vec<Duration> = policy.delays().collect();
            assert_eq!(waits.len(), 5);
            for (wait, bound) in waits.iter().zip([100, 200, 400, 400, 400]) {
                assert!(*wait <= Duration::from_millis(bound), "{wait:?}");
            }
        }
        assert_eq!(RetryPolicy { attempts: 1, ..policy }.delays().count(), 0);
        assert_eq!(RetryPolicy { attempts: 0, ..policy }.delays().count(), 0);
    }

    #[test]
    fn waits_are_spread_over_the_whole_bound() {
        let policy = RetryPolicy { attempts: 2, base: Duration::from_secs(1), cap: Duration::from_secs(1) };
        let mut quarters = [0; 4];
        for _ in 0..400 {
            let wait = policy.delays().next().unwrap_or_default().as_millis();
            quarters[usize::try_from(wait / 250).unwrap_or(3).min(3)] += 1;
        }
        assert!(quarters.iter().all(|count| *count > 50), "{quarters:?}");
    }

    /// Requests an object of `size` bytes until it is complete or given up; `body` is the bytes that each body brings of those left.
    fn bodies(size: u64, body: impl Fn(u64) -> u64, was_slow: bool) -> (u64, bool, Duration) {
        let policy = RetryPolicy { attempts: 1, base: Duration::from_secs(1), cap: Duration::from_secs(4) };
        let (mut left, mut resumes) = (size, BodyRetryPolicy::new(policy, size));
        let (mut count, mut waited) = (0, Duration::ZERO);
        loop {
            let came = body(left).min(left);
            resumes.on_bytes(came);
            left -= came;
            count += 1;
            if left == 0 {
                return (count, true, waited);
            }
            match resumes.next(left, was_slow) {
                Some(wait) => waited += wait,
                None => return (count, false, waited),
            }
        }
    }

    #[test]
    fn a_body_is_asked_for_again_while_that_gains_something() {
        // A byte a connection: of a large object, and of one that is small enough for it.
        let (count, is_whole, waited) = bodies(1 << 30, |_| 1, false);
        assert_eq!((count, is_whole), (6, false));
        assert!(Duration::from_millis(50) < waited && waited < Duration::from_secs(12), "{waited:?}");
        assert_eq!(bodies(10, |_| 1, false), (10, true, Duration::ZERO));
        assert!(!bodies(1 << 20, |_| 0, false).1);
        // Halves, a tenth each, and 64 KiB each: all of it comes.
        assert!(bodies(10_000, |left| left.div_ceil(2), false).1);
        assert_eq!(bodies(1 << 30, |_| PROGRESS_BYTES, false), (1 << 14, true, Duration::ZERO));
        let (count, is_whole, _) = bodies(10 * PROGRESS_BYTES, |left| left.div_ceil(PROGRESS_DIVISOR), false);
        assert!(is_whole && count < 150, "{count}");
        // A body that slow_bodies was worth it with 64 KiB alone.
        assert_eq!(
            (bodies(300_000, |_| 30_000, true).1, bodies(1 << 20, |_| PROGRESS_BYTES, true).1),
            (false, true)
        );
    }

    #[test]
    fn a_budget_runs_out_and_comes_back() {
        let budget = RetryTokenBucket::default();
        assert_eq!((0..1000).filter(|_| budget.spend()).count(), 100);
        (0..4).for_each(|_| budget.refill());
        assert!(!budget.spend());
        budget.refill();
        assert!(budget.spend());
    }
}
