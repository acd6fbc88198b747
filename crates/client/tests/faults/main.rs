//! Transfers over networks and services at their worst: connections that are cut at any byte, replies that are lost, requests that arrive twice, storms of
//! refusals, futures that are dropped. What is stored is whole, what is read is what was written or an error, and nothing is left.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(unused, reason = "each test program uses its share of the support module")]

#[path = "../support/mod.rs"]
mod support;

mod clock;
mod cuts;
mod deliveries;
mod drops;
mod refusals;
mod storms;
mod transfers;
mod wire;
