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
    /// Largest bound.
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

/// The waits of one call.
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
pub(crate) struct Budget(Mutex<u32>);

const FULL: u32 = 500;
const COST: u32 = 5;

impl Default for Budget {
    fn default() -> Self {
        Budget(Mutex::new(FULL))
    }
}

impl Budget {
    /// Pays for one retry, if there is enough left.
    pub(crate) fn spend(&self) -> bool {
        let mut tokens = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let enough = *tokens >= COST;
        if enough {
            *tokens -= COST;
        }
        enough
    }

    /// A call succeeded.
    pub(crate) fn refill(&self) {
        let mut tokens = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *tokens = (*tokens + 1).min(FULL);
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

    #[test]
    fn a_budget_runs_out_and_comes_back() {
        let budget = Budget::default();
        assert_eq!((0..1000).filter(|_| budget.spend()).count(), 100);
        (0..4).for_each(|_| budget.refill());
        assert!(!budget.spend());
        budget.refill();
        assert!(budget.spend());
    }
}
