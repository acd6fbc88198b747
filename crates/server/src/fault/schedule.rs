//! Schedule of faults, shared by the store and the key service: which calls a fault applies to, and
//! call
//! counters.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use tokio::time::Instant;

/// Scheduled faults and call counters. Clones share both.
#[derive(Debug, Clone)]
pub struct Faults<O, A>(Arc<Mutex<State<O, A>>>);

#[derive(Debug)]
struct State<O, A> {
    orders: Vec<Fault<O, A>>,
    calls: BTreeMap<O, u64>,
    /// Last reply to each operation.
    replies: BTreeMap<O, String>,
}

/// An action and the calls it applies to: by default the next call of any operation.
#[derive(Debug, Clone)]
pub struct Fault<O, A> {
    action: A,
    operation: Option<O>,
    pub(crate) key: Option<String>,
    skip: u64,
    times: u64,
    per_cent: Option<u8>,
    until: Option<Instant>,
}

impl<O: Copy + Ord, A: Clone> Fault<O, A> {
    /// Applies the action to the next call.
    pub fn new(action: A) -> Self {
        Fault { action, operation: None, key: None, skip: 0, times: 1, per_cent: None, until: None }
    }

    /// Limits the fault to calls of this operation.
    #[must_use]
    pub fn on(mut self, operation: impl Into<O>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// Skips this many matching calls first.
    #[must_use]
    pub fn skip(mut self, calls: u64) -> Self {
        self.skip = calls;
        self
    }

    /// Applies to this many matching calls. Default: 1.
    #[must_use]
    pub fn times(mut self, calls: u64) -> Self {
        self.times = calls;
        self
    }

    /// Applies to every matching call.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(u64::MAX)
    }

    /// Applies to about `per_cent` of all matching calls. The choice depends only on the number of
    /// the call,
    /// so it is the same in every run.
    #[must_use]
    pub fn share(mut self, per_cent: u8) -> Self {
        self.per_cent = Some(per_cent);
        self.always()
    }

    /// Applies to every matching call until `duration` has passed on tokio's clock. Call it within
    /// a tokio
    /// runtime.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.until = Some(Instant::now() + duration);
        self.always()
    }

    fn matches(&self, operation: O, key: Option<&str>) -> bool {
        self.operation.is_none_or(|wanted| wanted == operation)
            && self.key.as_deref().is_none_or(|wanted| Some(wanted) == key)
            && self.until.is_none_or(|until| Instant::now() < until)
    }
}

impl<O, A> Default for Faults<O, A> {
    fn default() -> Self {
        let state = State { orders: Vec::new(), calls: BTreeMap::new(), replies: BTreeMap::new() };
        Faults(Arc::new(Mutex::new(state)))
    }
}

impl<O: Copy + Ord, A: Clone> Faults<O, A> {
    /// Creates an empty schedule.
    pub fn new() -> Self {
        Self::default()
    }

    /// Schedules a fault.
    pub fn inject(&self, fault: Fault<O, A>) {
        self.state().orders.push(fault);
    }

    /// Removes all scheduled faults. Counters keep their values.
    pub fn clear(&self) {
        self.state().orders.clear();
    }

    /// Number of calls of an operation, with or without a fault.
    pub fn calls(&self, operation: impl Into<O>) -> u64 {
        self.state().calls.get(&operation.into()).copied().unwrap_or(0)
    }

    /// Number of calls of all operations, with or without a fault.
    pub fn total(&self) -> u64 {
        self.state().calls.values().sum()
    }

    /// Counts a call and returns the actions that apply to it, in the order of injection.
    pub(crate) fn meet(&self, operation: O, key: Option<&str>) -> Vec<A> {
        let mut state = self.state();
        *state.calls.entry(operation).or_default() += 1;
        let call: u64 = state.calls.values().sum();
        let mut actions = Vec::new();
        for order in state.orders.iter_mut().filter(|order| order.matches(operation, key)) {
            if order.skip > 0 {
                order.skip -= 1;
            } else if order.times > 0 && order.per_cent.is_none_or(|share| draw(call) < share) {
                order.times = if order.times == u64::MAX { u64::MAX } else { order.times - 1 };
                actions.push(order.action.clone());
            }
        }
        state.orders.retain(|order| order.times > 0);
        actions
    }

    /// Stores a reply for actions that repeat it, and returns the previous reply of the operation.
    pub(crate) fn previous(&self, operation: O, reply: &str) -> Option<String> {
        self.state().replies.insert(operation, reply.to_owned())
    }

    fn state(&self) -> MutexGuard<'_, State<O, A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Maps the number of a call to 0..=99: evenly spread, and the same in every run.
fn draw(call: u64) -> u8 {
    let hash = digest(&SHA256, &call.to_le_bytes());
    let word = hash.as_ref().first_chunk().copied().map_or(0, u32::from_le_bytes);
    u8::try_from(word % 100).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults() -> Faults<u8, &'static str> {
        Faults::new()
    }

    #[test]
    fn a_fault_hits_the_calls_it_was_ordered_for() {
        let faults = faults();
        let mut order = Fault::new("hang").on(1).skip(1).times(2);
        order.key = Some("a".into());
        faults.inject(order);
        assert!(faults.meet(2, Some("a")).is_empty());
        assert!(faults.meet(1, Some("b")).is_empty());
        assert!(faults.meet(1, Some("a")).is_empty(), "skipped");
        assert_eq!(faults.meet(1, Some("a")), ["hang"]);
        assert_eq!(faults.meet(1, Some("a")), ["hang"]);
        assert!(faults.meet(1, Some("a")).is_empty(), "used up");
        assert_eq!((faults.calls(1), faults.total()), (5, 6));
    }

    #[test]
    fn a_fault_for_always_stays() {
        let faults = faults();
        faults.inject(Fault::new("drop").always());
        for _ in 0..3 {
            assert_eq!(faults.meet(0, None), ["drop"]);
        }
        faults.clear();
        assert!(faults.meet(0, None).is_empty());
    }

    #[test]
    fn a_share_is_about_what_was_ordered() {
        let faults = faults();
        faults.inject(Fault::new("refuse").share(30));
        let hit = (0..10_000).filter(|_| !faults.meet(0, None).is_empty()).count();
        assert!((2_850..3_150).contains(&hit), "{hit}");
        assert_eq!((faults.calls(0), faults.total()), (10_000, 10_000));
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_ends() {
        let faults = faults();
        faults.inject(Fault::new("hang").lasting(Duration::from_secs(10)));
        assert_eq!(faults.meet(0, None), ["hang"]);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(faults.meet(0, None).is_empty());
    }
}
