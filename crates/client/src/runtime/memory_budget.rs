//! One budget of memory for all transfers, counted in bytes: no permit, no read.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that one permit of the semaphore stands for: budgets of any size stay within its counters.
const UNIT: u64 = 4096;
/// Default budget, bytes.
const DEFAULT: u64 = 256 << 20;

/// Bounds the bytes that transfers buffer: parts being read, encrypted, sent, received and decrypted. Clones share the
/// budget, so one budget can serve any number of buckets and transfers.
#[derive(Clone)]
pub struct MemoryBudget {
    units: Arc<Semaphore>,
    /// Half of the budget, for pieces that are read ahead.
    ahead: Arc<Semaphore>,
    total: u32,
}

/// Bytes of a budget in use, given back when dropped.
pub(crate) struct Permit {
    _units: OwnedSemaphorePermit,
    _ahead: Option<OwnedSemaphorePermit>,
}

impl MemoryBudget {
    /// Creates a budget of this many bytes, in steps of 4 KiB and at least one. A part larger than the budget is not
    /// refused: it waits until no other buffer is held.
    pub fn new(bytes: u64) -> MemoryBudget {
        // A semaphore of this size exceeds the memory of any machine.
        let total = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).max(1);
        let semaphore =
            |units: u32| Arc::new(Semaphore::new(usize::try_from(units).unwrap_or(Semaphore::MAX_PERMITS)));
        MemoryBudget { units: semaphore(total), ahead: semaphore(total / 2), total }
    }

    /// Waits until this many bytes are free, and takes them. Waiters are served in order.
    pub(crate) async fn take(&self, bytes: u64) -> Permit {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.total);
        match self.units.clone().acquire_many_owned(units).await {
            Ok(units) => Permit { _units: units, _ahead: None },
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Takes bytes for a piece that is read ahead. Such pieces never hold more than half of the budget, so that their
    /// consumer can wait for the other half. `None`: the piece is larger than half.
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
    fn permit_drop_releases_budget() {
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
    fn read_ahead_leaves_half_of_the_budget() {
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
    fn a_part_larger_than_the_budget_takes_all_of_it() {
        let budget = MemoryBudget::new(0);
        let all = budget.take(u64::MAX).now_or_never().expect("nothing else is held");
        assert!(budget.take(1).now_or_never().is_none());
        drop(all);
        assert!(budget.take(1).now_or_never().is_some());
    }
}
