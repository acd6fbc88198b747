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
//! | [`fault`] | the network and the service at their worst, on demand |
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

pub mod backend;
pub mod body;
pub mod fault;
pub mod kms;
pub mod ledger;
mod ops;
mod rules;
pub mod service;

pub use body::ingest::{BodyFailure, Facts, Incoming};
pub use body::{Body, BoxError, Closed};
pub use osseal_wire::oss::Operation;
pub use rules::clock::Clock;
pub use rules::{cse_rules, quirks};
pub use service::listener::serve;
pub use service::{Service, ServiceBuilder};
