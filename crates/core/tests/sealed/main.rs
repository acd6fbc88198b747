//! The sealed suite: vectors, other implementations, properties, attacks.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test")]
#![expect(clippy::disallowed_methods, reason = "the vectors are files")]

mod attacks;
mod downgrades;
mod properties;
mod support;
mod vectors;
mod wycheproof;
