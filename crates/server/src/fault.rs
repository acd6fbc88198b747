//! Faults on demand: the network and the service at their worst.

mod action;
pub(crate) mod apply;
pub(crate) mod schedule;

pub use action::*;
