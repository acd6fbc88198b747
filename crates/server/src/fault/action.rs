//! Fault injection for tests: errors, delays and broken connections at chosen calls.
//!
//! ```
//! use osseal_server::{Operation, fault::{Action, Fault, Faults}};
//!
//! let faults = Faults::new();
//! // Drops the reply to the second part, once, and refuses every listing.
//! faults.inject(Fault::new(Action::LoseReply).on(Operation::UploadPart).skip(1));
//! faults.inject(Fault::new(Action::refuse(503, "ServiceUnavailable")).on(Operation::ListObjectsV2).always());
//! assert_eq!(faults.calls(Operation::UploadPart), 0);
//! ```

use std::time::Duration;

use crate::fault::schedule;
use osseal_wire::oss::Operation;

/// Scheduled faults and call counters. Clones share both. The operation is `None` for a request
/// that
/// does not parse as an [`Operation`].
pub type Faults = schedule::Faults<Option<Operation>, Action>;

/// An [`Action`] and the calls it applies to: by default the next call of any operation.
pub type Fault = schedule::Fault<Option<Operation>, Action>;

/// The effect of a fault. Several may apply to one call. Of several [`Action::Refuse`], the first
/// one
/// supplies the error; [`Action::Drop`], [`Action::Hang`] and [`Action::Delay`] run before it, in
/// the
/// order of their injection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Replies with an error without executing the request.
    Refuse {
        /// HTTP status.
        status: u16,
        /// Service error code.
        code: String,
        /// Additional reply headers, such as `Retry-After`.
        headers: Vec<(String, String)>,
    },
    /// Executes the request, then replies with an error.
    RefuseAfter {
        /// HTTP status.
        status: u16,
        /// Service error code.
        code: String,
    },
    /// Closes the connection without executing the request.
    Drop,
    /// Executes the request, then closes the connection without a reply.
    LoseReply,
    /// Never replies. Does not execute the request. A content body (of an object or a part) is not
    /// read.
    Hang,
    /// Waits on tokio's clock before executing the request.
    Delay(Duration),
    /// Closes the connection after reading this many bytes of the request body.
    StopReading {
        /// Bytes read before the connection closes.
        after: u64,
    },
    /// Closes the connection after sending this many bytes of the reply body.
    CutReply {
        /// Bytes sent before the connection closes.
        after: u64,
    },
    /// Stalls the reply body after this many bytes, with the connection open.
    StallReply {
        /// Bytes sent before the stall.
        after: u64,
    },
    /// Flips the lowest bit of one byte of the reply body.
    FlipReply {
        /// Offset of the byte.
        at: u64,
    },
    /// Replaces or removes a header of the reply.
    ReplyHeader {
        /// Header name.
        name: &'static str,
        /// New value; `None` removes the header.
        value: Option<String>,
    },
}

impl Action {
    /// [`Action::Refuse`] without additional headers.
    pub fn refuse(status: u16, code: impl Into<String>) -> Action {
        Action::Refuse { status, code: code.into(), headers: Vec::new() }
    }
}

impl Fault {
    /// Limits the fault to calls for this object key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Fault {
        self.key = Some(key.into());
        self
    }
}
