//! A token bucket on the clock of tokio, so that tests use virtual time. (Published ones have clocks of their own.)

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// At most so many units a second, some of them at once: calls, or bytes.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    per_second: u64,
    /// How far the next turn may lie behind the clock: the burst of a full bucket.
    burst: Duration,
    next: Mutex<Option<Instant>>,
}

impl RateLimiter {
    /// `per_second` is at least 1. The tokens of one `burst` may be used at once.
    pub(crate) fn new(per_second: u64, burst: Duration) -> RateLimiter {
        RateLimiter { per_second: per_second.max(1), burst, next: Mutex::new(None) }
    }

    /// The instant at which so many units may pass. They are taken: who asks first is first.
    pub(crate) fn reserve(&self, units: u64) -> Instant {
        let now = Instant::now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(self.burst).unwrap_or(now);
        let turn = next.map_or(earliest, |next| next.max(earliest));
        let nanos = u128::from(units) * 1_000_000_000 / u128::from(self.per_second);
        *next = Some(turn + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
        turn
    }

    /// Waits for a turn of one unit.
    pub(crate) async fn turn(&self) {
        let turn = self.reserve(1);
        if turn > Instant::now() {
            tokio::time::sleep_until(turn).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_come_at_the_rate_after_the_burst() {
        let (limiter, begin) = (RateLimiter::new(1000, Duration::from_millis(100)), Instant::now());
        for _ in 0..=100 {
            limiter.turn().await;
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
        for _ in 0..1000 {
            limiter.turn().await;
        }
        assert!(begin.elapsed().abs_diff(Duration::from_secs(1)) < Duration::from_millis(5));
    }

    #[tokio::test(start_paused = true)]
    async fn units_are_paid_by_those_who_come_after() {
        let (limiter, begin) = (RateLimiter::new(1000, Duration::ZERO), Instant::now());
        assert_eq!(limiter.reserve(500), begin);
        assert_eq!(limiter.reserve(1), begin + Duration::from_millis(500));
        assert_eq!(limiter.reserve(1), begin + Duration::from_millis(501));
    }
}
