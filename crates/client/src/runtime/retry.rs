//! When to try again: full jitter between growing bounds, within a budget that all calls of a store share.

use std::sync::Mutex;
use std::time::Duration;

use aws_lc_rs::rand;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// How often and how patiently calls are repeated.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Most attempts of one call, the first among them; at least 1.
    pub attempts: u32,
    /// Bound of the first wait. Each further bound is twice the one before; the wait is drawn between zero and the bound.
    pub base: Duration,
    /// Largest bound; and the longest that a service is waited for that says how long (`Retry-After`), before a wait as usual.
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
/// Stored bytes for which it was worth it to ask again, whatever is left.
const PROGRESS_BYTES: u64 = 64 << 10;
/// The share of what was asked for that is enough, too: what is small gets on by small steps, and by a bounded number of them.
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

    /// The body broke off with `left` stored bytes to come: how long to wait before they are asked for, if they are. After a body that was worth it not at
    /// all.
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

/// From 0 to 1. Without random bytes there is no jitter, which is no reason to fail.
fn fraction() -> f64 {
    let mut bytes = [0; 4];
    if rand::fill(&mut bytes).is_err() {
        return 1.0;
    }
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

/// Tokens that retries cost and successes pay back: while a service is broken, it is asked hardly more often than when it is not.
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
    /// Pays for one retry, if there is enough left.
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

    /// Bodies of an object of that size until it has come or is given up, each of so many bytes as `body` says of those that are left.
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
