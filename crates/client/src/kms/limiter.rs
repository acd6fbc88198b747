//! A token bucket on tokio's clock, so that tests need not wait. (The ready-made ones have clocks of their own.)

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// At most so many calls a second, some of them at once.
#[derive(Debug)]
pub(super) struct Limiter {
    interval: Duration,
    /// How far behind the clock the next turn may lie: what a bucket that has filled up gives at once.
    burst: Duration,
    next: Mutex<Option<Instant>>,
}

impl Limiter {
    /// `per_second` is at least 1; a tenth of it may come at once.
    pub(super) fn new(per_second: u32) -> Limiter {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Limiter { interval, burst: interval * (per_second / 10), next: Mutex::new(None) }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) {
        let turn = {
            let now = Instant::now();
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let earliest = now.checked_sub(self.burst).unwrap_or(now);
            let turn = next.map_or(earliest, |next| next.max(earliest));
            *next = Some(turn + self.interval);
            turn
        };
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
        let (limiter, begin) = (Limiter::new(1000), Instant::now());
        for _ in 0..=100 {
            limiter.turn().await;
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
        for _ in 0..1000 {
            limiter.turn().await;
        }
        assert!(begin.elapsed().abs_diff(Duration::from_secs(1)) < Duration::from_millis(5));
    }
}
