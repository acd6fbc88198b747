//! A development server compatible with Alibaba Cloud OSS, for tests and for work without an
//! account.
//!
//! The store holds no keys and does not depend on the key service in [`kms`], so it cannot decrypt
//! objects that clients encrypt. Not for production.
//!
//! | module | holds |
//! |---|---|
//! | [`service`] | [`Service`]: handles one request; usable in-process |
//! | [`serve()`] | HTTP listener for a service |
//! | [`cse_rules`] | the rules of OSS for client-side encryption headers |
//! | [`quirks`] | settings for behaviour that the documentation of OSS leaves open |
//! | [`backend`] | storage: [`backend::memory`], [`backend::disk`] |
//! | [`ledger`] | record of every request body |
//! | [`fault`] | fault injection |
//! | [`kms`] | a key service, separate from the store |
//!
//! # In-process server in your own tests
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

/// Tests share these handles between threads.
const _: () = {
    const fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Service>();
    assert_send_sync::<ledger::Ledger>();
    assert_send_sync::<fault::Faults>();
};
