//! A store that lies about sealed objects, through the client: whatever it answers, what is released is the truth or a prefix of it, and
//! what comes of each lie is one kind of error.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(unused, reason = "each test program uses its share of the support module")]

mod bodies;
mod downgrades;
mod envelopes;
mod liar;
mod replies;
#[path = "../support/mod.rs"]
mod support;
mod unwrapping;
mod writes;
