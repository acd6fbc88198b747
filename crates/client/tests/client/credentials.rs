//! Credentials: every source with real files and a cloud that answers in this process, and how they stay good.

mod chain;
mod cloud;
#[cfg(unix)]
mod commands;
mod ecs;
mod files;
mod renewal;
mod roles;
