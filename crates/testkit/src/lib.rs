//! Helpers shared by the tests of the workspace. Not published; a development dependency only.
//!
//! - [`TestStore`]: a server in this process with credentials of its own, and its ledger.
//! - [`network`]: real sockets whose connections are cut at a chosen byte.
//! - [`keystream`]: the check that no key stream position encrypted two texts.
//! - [`keys`]: credentials and keys of this test process.
//! - [`ClosedPort`]: a port that refuses connections and that no other process can get.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

pub mod keys;
pub mod keystream;
pub mod network;
mod ports;
mod test_store;

pub use keys::{aes, credentials, keyring, named};
pub use ports::ClosedPort;
pub use test_store::{PART, TestStore, detached_store};

/// Test data in which a wrong offset shows: byte `i` is `i mod 251`.
pub fn ramp(length: u64) -> Vec<u8> {
    (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect()
}
