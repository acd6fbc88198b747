//! A listener in front of a [`Service`].

use tokio::net::TcpListener;

use crate::body::listen::listen;
use crate::service::Service;

/// Serves HTTP/1.1 until `shutdown` is done; then takes no more connections, lets running requests end, and returns.
///
/// # Errors
/// What the listener's local address or the system's sockets answer. A connection that fails ends alone.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    listen(listener, move |request| service.call(request), shutdown).await
}
