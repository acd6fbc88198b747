//! An OSS-compatible development server with the service's awkward corners, for tests and for work without an account.
//!
//! The store holds no keys and depends on nothing that could use one: what clients encrypt stays encrypted here. Beside it, and out of its reach,
//! there is a key service for clients to test against.
//!
//! | module | holds |
//! |---|---|
//! | [`service`] | [`Service`]: a request in, a reply out; usable in-process |
//! | [`serve()`] | a listener in front of it |
//! | [`cse_rules`] | the service's rules about client-side encryption headers |
//! | [`quirks`] | behaviour on which the vendor's sources leave a choice |
//! | [`backend`] | where bytes are kept: [`backend::memory`], [`backend::disk`] |
//! | [`ledger`] | what every body ever received looked like |
//! | [`faults`] | the network and the service at their worst, on order |
//! | [`conformance`] | what the service documents, asked of any endpoint |
//! | [`kms`] | a key service, apart from all of the above |
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use osseal_server::{Service, body};
//!
//! let service = Service::builder().anonymous().build();
//! let request = http::Request::put("/box").header("host", "localhost").body(body::empty()).unwrap();
//! let reply = service.call(request).await.unwrap();
//! assert_eq!(reply.status(), 200);
//! # });
//! ```

mod access;
mod append;
pub mod backend;
pub mod body;
mod bucket_info;
mod buckets;
pub mod conformance;
mod copy;
pub mod cse_rules;
pub mod faults;
mod faulty;
mod incoming;
mod ingest;
pub mod kms;
pub mod ledger;
mod listing;
mod multipart;
mod objects;
mod orders;
mod part_copy;
mod properties;
pub mod quirks;
mod random;
mod refusal;
mod serve;
pub mod service;
mod symlink;
mod versions;

pub use body::{Body, BoxError};
pub use ingest::{BodyFailure, Facts, Incoming};
pub use osseal_wire::oss::Operation;
pub use serve::serve;
pub use service::{Closed, Service, ServiceBuilder};
