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

use std::time::Duration;

use serde_json::Value;

use crate::fault::schedule;

/// Orders and counters. Clones share them.
pub type Faults = schedule::Faults<Operation, Action>;

/// An [`Action`] and the calls it hits: by default the next one, whatever it is.
pub type Fault = schedule::Fault<Operation, Action>;

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
