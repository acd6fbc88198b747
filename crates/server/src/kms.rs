//! A development key service with the wire format of Alibaba Cloud KMS, for tests and for work without an account.
//!
//! It is no part of the object store: [`Service`](crate::Service) holds nothing of it, no module outside this one names it, and the layer check of the
//! test command asserts that. The two share a process at most, as `osseal serve --kms-listen` starts them; what the store keeps stays closed to
//! the store.
//!
//! **Not for keys of value.** The keys lie in memory, or in a file as they are.
//!
//! It answers `GenerateDataKey`, `Encrypt`, `Decrypt`, `DescribeKey` and `ListAliases`; other operations are `InvalidAction.NotFound`. A call with
//! `DryRun=true`, which the service would try without making it, is refused with `UnsupportedOperation`. Other parameters that these operations do
//! not have are ignored, as the service ignores them.
//!
//! | module | holds |
//! |---|---|
//! | [`service`] | [`KmsService`]: a request in, a reply out; usable in-process |
//! | [`keys`] | states of keys and errors of changing them |
//! | [`faults`] | the key service at its worst, on order; counters of calls |
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use osseal_server::{body, kms::KmsService};
//!
//! let service = KmsService::builder().anonymous().build();
//! let id = service.create_key().unwrap();
//! let request = http::Request::post(format!("/?Action=DescribeKey&Version=2016-01-20&KeyId={id}"));
//! let reply = service.call(request.body(body::empty()).unwrap()).await.unwrap();
//! assert_eq!(reply.status(), 200);
//! # });
//! ```

mod blob;
pub mod faults;
mod faulty;
mod file;
pub mod keys;
pub mod service;

use std::future::Future;

use tokio::net::TcpListener;

pub use file::OpenError;
pub use service::{KmsService, KmsServiceBuilder};

/// Serves HTTP/1.1 until `shutdown` is done, as [`crate::serve()`] does.
///
/// # Errors
/// What the system's sockets answer. A connection that fails ends alone.
pub async fn serve(
    listener: TcpListener,
    service: KmsService,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    crate::body::listen::listen(listener, move |request| service.call(request), shutdown).await
}

// The service is shared between connections.
const _: () = {
    const fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<KmsService>();
};
