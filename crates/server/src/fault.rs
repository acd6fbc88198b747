//! Fault injection: network and service errors at calls that a test chooses.

mod action;
pub(crate) mod apply;
pub(crate) mod schedule;

pub use action::*;
