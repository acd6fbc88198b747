//! The rules of the service that need no state: error replies, encryption headers, choices, and names.

pub(crate) mod clock;
pub mod cse_rules;
pub(crate) mod error_reply;
pub mod quirks;
pub(crate) mod random;
