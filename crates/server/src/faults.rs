//! Faults on order, for tests: the network, the service and the disk at their worst, at the call of one's choice.
//!
//! ```
//! use osseal_server::{Operation, faults::{Action, Fault, Faults}};
//!
//! let faults = Faults::new();
//! // The second part's reply is lost, once; every listing is refused.
//! faults.inject(Fault::new(Action::LoseReply).on(Operation::UploadPart).skip(1));
//! faults.inject(Fault::new(Action::refuse(503, "ServiceUnavailable")).on(Operation::ListObjectsV2).always());
//! assert_eq!(faults.calls(Operation::UploadPart), 0);
//! ```

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::Operation;

/// Orders and counters. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    orders: Vec<Fault>,
    calls: BTreeMap<Operation, u64>,
}

/// What goes wrong. Several may hit one call; the first [`Action::Refuse`], [`Action::Drop`] or [`Action::Hang`] decides.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Answers with an error before doing anything.
    Refuse {
        /// Its status.
        status: u16,
        /// Its code.
        code: String,
        /// More headers, such as Retry-After.
        headers: Vec<(String, String)>,
    },
    /// Does the work, then answers with an error all the same.
    RefuseAfter {
        /// Its status.
        status: u16,
        /// Its code.
        code: String,
    },
    /// Closes the connection before doing anything.
    Drop,
    /// Does the work, then closes the connection without a reply.
    LoseReply,
    /// Never answers. The request's body is not read.
    Hang,
    /// Waits, on tokio's clock, before doing anything.
    Delay(Duration),
    /// Closes the connection when this many bytes of the request's body have been read.
    StopReading {
        /// Bytes read before that.
        after: u64,
    },
    /// Breaks the reply's body off after this many bytes.
    CutReply {
        /// Bytes sent before that.
        after: u64,
    },
    /// Sends this many bytes of the reply's body and then neither more nor the end.
    StallReply {
        /// Bytes sent before that.
        after: u64,
    },
    /// Turns one bit of the reply's body around.
    FlipReply {
        /// Which byte.
        at: u64,
    },
    /// Sends a header with another value, or not at all.
    ReplyHeader {
        /// Its name.
        name: &'static str,
        /// Its value; `None` removes it.
        value: Option<String>,
    },
}

impl Action {
    /// [`Action::Refuse`] without more headers.
    pub fn refuse(status: u16, code: impl Into<String>) -> Action {
        Action::Refuse { status, code: code.into(), headers: Vec::new() }
    }
}

/// An [`Action`] and the calls it hits: by default the next one, whatever it is.
#[derive(Debug, Clone)]
pub struct Fault {
    action: Action,
    operation: Option<Operation>,
    key: Option<String>,
    skip: u64,
    times: u64,
}

impl Fault {
    /// The next call.
    pub fn new(action: Action) -> Fault {
        Fault { action, operation: None, key: None, skip: 0, times: 1 }
    }

    /// Only calls of this operation.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Fault {
        self.operation = Some(operation);
        self
    }

    /// Only calls about this key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Fault {
        self.key = Some(key.into());
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

    fn matches(&self, operation: Operation, key: Option<&str>) -> bool {
        self.operation.is_none_or(|wanted| wanted == operation)
            && self.key.as_deref().is_none_or(|wanted| Some(wanted) == key)
    }
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
    pub(crate) fn meet(&self, operation: Operation, key: Option<&str>) -> Vec<Action> {
        let mut state = self.state();
        *state.calls.entry(operation).or_default() += 1;
        let mut actions = Vec::new();
        for order in state.orders.iter_mut().filter(|order| order.matches(operation, key)) {
            if order.skip > 0 {
                order.skip -= 1;
            } else if order.times > 0 {
                order.times = if order.times == u64::MAX { u64::MAX } else { order.times - 1 };
                actions.push(order.action.clone());
            }
        }
        state.orders.retain(|order| order.times > 0);
        actions
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_hits_the_calls_it_was_ordered_for() {
        let faults = Faults::new();
        faults.inject(Fault::new(Action::Hang).on(Operation::GetObject).key("a").skip(1).times(2));
        assert!(faults.meet(Operation::PutObject, Some("a")).is_empty());
        assert!(faults.meet(Operation::GetObject, Some("b")).is_empty());
        assert!(faults.meet(Operation::GetObject, Some("a")).is_empty(), "skipped");
        assert_eq!(faults.meet(Operation::GetObject, Some("a")), [Action::Hang]);
        assert_eq!(faults.meet(Operation::GetObject, Some("a")), [Action::Hang]);
        assert!(faults.meet(Operation::GetObject, Some("a")).is_empty(), "used up");
        assert_eq!(faults.calls(Operation::GetObject), 5);
        assert_eq!(faults.total(), 6);
    }

    #[test]
    fn a_fault_for_always_stays() {
        let faults = Faults::new();
        faults.inject(Fault::new(Action::Drop).always());
        for _ in 0..3 {
            assert_eq!(faults.meet(Operation::Unknown, None), [Action::Drop]);
        }
        faults.clear();
        assert!(faults.meet(Operation::Unknown, None).is_empty());
    }
}
