//! Faults on order, for tests: the key service at its worst, at the call of one's choice.
//!
//! ```
//! use std::time::Duration;
//! use osseal_server::kms::faults::{Action, Fault, Faults, Operation};
//!
//! let faults = Faults::new();
//! // Three calls of ten are throttled; for ten seconds nothing is decrypted.
//! faults.inject(Fault::new(Action::throttle()).share(30));
//! faults.inject(Fault::new(Action::refuse(503, "ServiceUnavailableTemporary")).on(Operation::Decrypt).lasting(Duration::from_secs(10)));
//! assert_eq!(faults.calls(Operation::Decrypt), 0);
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;
use tokio::time::Instant;

/// One kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// `GenerateDataKey`.
    GenerateDataKey,
    /// `Encrypt`.
    Encrypt,
    /// `Decrypt`.
    Decrypt,
    /// `DescribeKey`.
    DescribeKey,
    /// `ListAliases`.
    ListAliases,
    /// A request that is none of these.
    Unknown,
}

impl Operation {
    /// The operation of a name.
    pub fn of(name: &str) -> Operation {
        match name {
            "GenerateDataKey" => Operation::GenerateDataKey,
            "Encrypt" => Operation::Encrypt,
            "Decrypt" => Operation::Decrypt,
            "DescribeKey" => Operation::DescribeKey,
            "ListAliases" => Operation::ListAliases,
            _ => Operation::Unknown,
        }
    }
}

/// What goes wrong. Several may hit one call; the first [`Action::Refuse`], [`Action::Drop`] or [`Action::Hang`] decides.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Answers with an error before doing anything.
    Refuse {
        /// Its status.
        status: u16,
        /// Its code.
        code: String,
    },
    /// Closes the connection before doing anything.
    Drop,
    /// Never answers.
    Hang,
    /// Waits, on tokio's clock, before doing anything.
    Delay(Duration),
    /// Does the work, then waits before it answers.
    LateReply(Duration),
    /// Gives a member of the reply another value, or leaves it out.
    Member {
        /// Its name.
        name: &'static str,
        /// Its value; `None` leaves it out.
        value: Option<Value>,
    },
    /// Gives a member of the reply the value that it had in the previous reply to this operation.
    RepeatMember(&'static str),
    /// Sends the previous reply to this operation once more.
    RepeatReply,
    /// Names a member of the reply twice.
    Twice(&'static str),
    /// Breaks the reply off after this many bytes, and says that it ends there.
    Truncate(usize),
    /// Answers a success with another document.
    Document {
        /// Its type.
        content_type: &'static str,
        /// Its bytes.
        body: Vec<u8>,
    },
}

impl Action {
    /// An error.
    pub fn refuse(status: u16, code: impl Into<String>) -> Action {
        Action::Refuse { status, code: code.into() }
    }

    /// The error of too many calls.
    pub fn throttle() -> Action {
        Action::refuse(429, "Rejected.Throttling")
    }

    /// A member with another value.
    pub fn member(name: &'static str, value: impl Into<Value>) -> Action {
        Action::Member { name, value: Some(value.into()) }
    }
}

/// An [`Action`] and the calls it hits: by default the next one, whatever it is.
#[derive(Debug, Clone)]
pub struct Fault {
    action: Action,
    operation: Option<Operation>,
    skip: u64,
    times: u64,
    per_cent: Option<u8>,
    until: Option<Instant>,
}

impl Fault {
    /// The next call.
    pub fn new(action: Action) -> Fault {
        Fault { action, operation: None, skip: 0, times: 1, per_cent: None, until: None }
    }

    /// Only calls of this operation.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Fault {
        self.operation = Some(operation);
        self
    }

    /// Lets this many matching calls pass first.
    #[must_use]
    pub fn skip(mut self, calls: u64) -> Fault {
        self.skip = calls;
        self
    }

    /// Hits this many calls.
    #[must_use]
    pub fn times(mut self, calls: u64) -> Fault {
        self.times = calls;
        self
    }

    /// Hits every matching call from then on.
    #[must_use]
    pub fn always(self) -> Fault {
        self.times(u64::MAX)
    }

    /// Hits about so many of a hundred matching calls, the same ones in every run.
    #[must_use]
    pub fn share(mut self, per_cent: u8) -> Fault {
        self.per_cent = Some(per_cent);
        self.always()
    }

    /// Hits every matching call for a while, from now on, on tokio's clock. To be called in a runtime.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Fault {
        self.until = Some(Instant::now() + duration);
        self.always()
    }

    fn matches(&self, operation: Operation) -> bool {
        self.operation.is_none_or(|wanted| wanted == operation)
            && self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// Orders and counters. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    orders: Vec<Fault>,
    calls: BTreeMap<Operation, u64>,
    previous: BTreeMap<Operation, String>,
}

impl Faults {
    /// None ordered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Orders a fault.
    pub fn inject(&self, fault: Fault) {
        self.state().orders.push(fault);
    }

    /// Withdraws all orders. Counters stay.
    pub fn clear(&self) {
        self.state().orders.clear();
    }

    /// How many calls of an operation have come in, faulty or not.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.state().calls.get(&operation).copied().unwrap_or(0)
    }

    /// How many calls have come in altogether.
    pub fn total(&self) -> u64 {
        self.state().calls.values().sum()
    }

    /// Counts a call and takes the actions that hit it, in the order in which they were ordered.
    pub(super) fn meet(&self, operation: Operation) -> Vec<Action> {
        let mut state = self.state();
        *state.calls.entry(operation).or_default() += 1;
        let call: u64 = state.calls.values().sum();
        let mut actions = Vec::new();
        for order in state.orders.iter_mut().filter(|order| order.matches(operation)) {
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

    /// Keeps a reply for [`Action::RepeatReply`] and gives back the one before it.
    pub(super) fn previous(&self, operation: Operation, reply: &str) -> Option<String> {
        self.state().previous.insert(operation, reply.to_owned())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 0 to 99, without pattern in the number of the call and the same in every run.
fn draw(call: u64) -> u8 {
    let hash = digest(&SHA256, &call.to_le_bytes());
    let word = hash.as_ref().first_chunk().copied().map_or(0, u32::from_le_bytes);
    u8::try_from(word % 100).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_about_what_was_ordered() {
        let faults = Faults::new();
        faults.inject(Fault::new(Action::throttle()).share(30));
        let hit = (0..10_000).filter(|_| !faults.meet(Operation::Decrypt).is_empty()).count();
        assert!((2_850..3_150).contains(&hit), "{hit}");
        assert_eq!((faults.calls(Operation::Decrypt), faults.total()), (10_000, 10_000));
    }

    #[test]
    fn a_fault_hits_the_calls_it_was_ordered_for() {
        let faults = Faults::new();
        faults.inject(Fault::new(Action::Drop).on(Operation::Encrypt).skip(1).times(1));
        assert!(faults.meet(Operation::Decrypt).is_empty());
        assert!(faults.meet(Operation::Encrypt).is_empty(), "skipped");
        assert_eq!(faults.meet(Operation::Encrypt), [Action::Drop]);
        assert!(faults.meet(Operation::Encrypt).is_empty(), "used up");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_ends() {
        let faults = Faults::new();
        faults.inject(Fault::new(Action::Hang).lasting(Duration::from_secs(10)));
        assert_eq!(faults.meet(Operation::Encrypt), [Action::Hang]);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(faults.meet(Operation::Encrypt).is_empty());
    }
}
