//! Credentials: every source with real files and a cloud that answers in this process, and how they stay good.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(unused, reason = "each test program uses its share of the support module")]

mod chain;
mod cloud;
#[cfg(unix)]
mod commands;
mod ecs;
mod files;
mod renewal;
mod roles;
#[path = "../support/mod.rs"]
mod support;
