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

use std::time::Duration;

use crate::fault::schedule;
use osseal_wire::oss::Operation;

/// Scheduled faults and call counters. Clones share them. A request that is no operation of the table is `None`.
pub type Faults = schedule::Faults<Option<Operation>, Action>;

/// An [`Action`] and the calls it hits: by default the next one, whatever it is.
pub type Fault = schedule::Fault<Option<Operation>, Action>;

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

impl Fault {
    /// Only calls about this key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Fault {
        self.key = Some(key.into());
        self
    }
}
