//! One budget of memory for all transfers, counted in bytes: no permit, no read.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that one permit of the semaphore stands for: budgets of any size stay within its counters.
const UNIT: u64 = 4096;
/// What transfers may hold unless said, bytes.
const DEFAULT: u64 = 256 << 20;

/// Bytes that transfers may hold in memory at a time: the parts that they read, seal and send, or receive and open. Clones share it, so that one budget
/// can serve any number of buckets and transfers.
#[derive(Clone)]
pub struct MemoryBudget {
    units: Arc<Semaphore>,
    /// Half of them, for what is read ahead.
    ahead: Arc<Semaphore>,
    total: u32,
}

/// Bytes of a budget in use, given back when dropped.
pub(crate) struct Permit {
    _units: OwnedSemaphorePermit,
    _ahead: Option<OwnedSemaphorePermit>,
}

impl MemoryBudget {
    /// A budget of so many bytes, in steps of 4 KiB and at least one. A single part that is larger is not refused: it waits until nothing else is held.
    pub fn new(bytes: u64) -> MemoryBudget {
        // What a semaphore counts is more than any machine has.
        let total = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).max(1);
        let semaphore =
            |units: u32| Arc::new(Semaphore::new(usize::try_from(units).unwrap_or(Semaphore::MAX_PERMITS)));
        MemoryBudget { units: semaphore(total), ahead: semaphore(total / 2), total }
    }

    /// Waits until so many bytes are free, and takes them. Who waits longest is first.
    pub(crate) async fn take(&self, bytes: u64) -> Permit {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.total);
        match self.units.clone().acquire_many_owned(units).await {
            Ok(units) => Permit { _units: units, _ahead: None },
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// The same for what is read before anybody wants it. It never holds more than half of the budget, so that who is to take it may wait for the other half;
    /// none of what is larger than that.
    pub(crate) async fn take_ahead(&self, bytes: u64) -> Option<Permit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok().filter(|units| *units <= self.total / 2)?;
        let ahead = self.ahead.clone().acquire_many_owned(units.max(1)).await.ok()?;
        Some(Permit { _ahead: Some(ahead), ..self.take(bytes).await })
    }
}

impl Default for MemoryBudget {
    /// 256 MiB.
    fn default() -> MemoryBudget {
        MemoryBudget::new(DEFAULT)
    }
}

impl fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBudget").field("bytes", &(u64::from(self.total) * UNIT)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn what_is_taken_is_there_again_when_dropped() {
        let budget = MemoryBudget::new(2 * UNIT);
        let one = budget.take(1).now_or_never().expect("room for one");
        let two = budget.clone().take(UNIT).now_or_never().expect("room for two");
        assert!(budget.take(1).now_or_never().is_none());
        drop(one);
        assert!(budget.take(UNIT + 1).now_or_never().is_none());
        drop(two);
        assert!(budget.take(2 * UNIT).now_or_never().is_some());
    }

    #[test]
    fn what_is_read_ahead_leaves_half() {
        let budget = MemoryBudget::new(4 * UNIT);
        let ahead = budget.take_ahead(2 * UNIT).now_or_never().expect("room").expect("half");
        assert!(budget.take_ahead(1).now_or_never().is_none());
        assert!(budget.take_ahead(3 * UNIT).now_or_never().expect("at once").is_none());
        let wanted = budget.take(2 * UNIT).now_or_never().expect("the other half");
        drop(ahead);
        assert!(budget.take_ahead(1).now_or_never().is_some());
        drop(wanted);
    }

    #[test]
    fn what_is_larger_than_the_budget_takes_all_of_it() {
        let budget = MemoryBudget::new(0);
        let all = budget.take(u64::MAX).now_or_never().expect("nothing else is held");
        assert!(budget.take(1).now_or_never().is_none());
        drop(all);
        assert!(budget.take(1).now_or_never().is_some());
    }
}
