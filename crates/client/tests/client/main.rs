//! The client against the development server in this process.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod attacks;
mod copies;
mod credentials;
mod downloads;
mod downloads_resumed;
mod envelopes;
mod failures;
mod faults;
mod kms;
mod limits;
mod malformed_replies;
mod outcomes;
mod presigned;
mod round_trip;
mod sealed;
mod spans;
mod support;
mod unfinished;
mod uploads;
mod uploads_resumed;
mod versions;
