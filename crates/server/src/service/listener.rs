//! HTTP listener for a [`Service`].

use tokio::net::TcpListener;

use crate::body::listen::listen;
use crate::service::Service;

/// Serves HTTP/1.1 until `shutdown` completes, then stops accepting connections, waits for running
/// requests and returns.
///
/// # Errors
/// I/O errors of the listening socket. An error on one connection closes only that connection.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    listen(listener, move |request| service.call(request), shutdown).await
}
