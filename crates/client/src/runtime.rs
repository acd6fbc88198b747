//! Mechanisms below every wing: retries, limits, clocks, memory, threads and spans. Nothing here knows OSS operations.

pub(crate) mod blocking_unwrap;
pub(crate) mod clock;
pub(crate) mod clock_skew;
pub(crate) mod join;
pub(crate) mod memory_budget;
pub(crate) mod rate_limiter;
pub(crate) mod retry;
pub(crate) mod single_flight;
pub(crate) mod spans;
