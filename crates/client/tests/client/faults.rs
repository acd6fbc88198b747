//! Transfers over networks and services at their worst: connections that are cut at any byte, replies that are lost, requests that arrive twice, storms of
//! refusals, futures that are dropped. What is stored is whole, what is read is what was written or an error, and nothing is left.
#![cfg(unix)]

mod clock;
mod cuts;
mod deliveries;
mod drops;
mod refusals;
mod throttling;
mod transfers;
